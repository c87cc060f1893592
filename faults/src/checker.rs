//! Whether what clients were told is true.
//!
//! Each answer names its revision, so the order of an account's writes need not be searched for: it is given, and what has to be proved is
//! that it is one order, that it is the log's, and that it agrees with the clocks of those who asked. So every check is one pass over the
//! history. (Checkers that search for an order, as porcupine, Knossos and stateright's tester do, take exponential time in the number of
//! requests that overlap, and Elle infers from values what is said here by number.)
//!
//! 1. Acknowledged writes have revisions of their own, and stand in the log at that revision: none is lost.
//! 2. No write is in the log twice, and none that was refused is there at all.
//! 3. A write that was sent after another was acknowledged has a later revision.
//! 4. An answer to a read is the state of the log at its revision, which is not before the one that was named, nor before what the same
//!    node has acknowledged.
//! 5. A token that exists is not refused; one whose deletion was acknowledged longer than the bound ago is not let in.
//! 6. In the end all nodes say the same as the log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use crate::history::{Deed, History, Logged, Outcome};

/// What came of a history.
pub struct Checked {
    /// Each a sentence; none where all is well.
    pub wrong: Vec<String>,
    pub counts: Counts,
}

/// How much was looked at: a check of nothing proves nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    pub done: usize,
    pub refused: usize,
    pub unknown: usize,
    pub reads: usize,
    pub named_reads: usize,
    pub uses: usize,
    pub revoked_uses: usize,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.done += other.done;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.named_reads += other.named_reads;
        self.uses += other.uses;
        self.revoked_uses += other.revoked_uses;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { done, refused, unknown, reads, named_reads, uses, revoked_uses } = self;
        write!(f, "{done} writes acknowledged, {refused} refused, {unknown} unknown; ")?;
        write!(
            f,
            "{reads} reads, {named_reads} of them at a named revision; {uses} uses of tokens, {revoked_uses} after they were revoked"
        )
    }
}

/// Checks a history.
pub fn check(history: &History, bound: Duration) -> Checked {
    let mut wrong = Vec::new();
    let states = states(&history.log, &mut wrong);
    writes(history, &mut wrong);
    order(history, &mut wrong);
    reads(history, &states, &mut wrong);
    tokens(history, bound, &mut wrong);
    let end = states.last_key_value().map(|(revision, names)| (*revision, names.clone()));
    for (node, said) in history.last.iter().enumerate() {
        if Some(said) != end.as_ref() {
            wrong.push(format!("in the end node {node} stands at revision {}, which is not what the log says", said.0));
        }
    }
    Checked { wrong, counts: counts(history) }
}

fn counts(history: &History) -> Counts {
    let of = |is: fn(&Outcome) -> bool| history.writes.iter().filter(|write| is(&write.outcome)).count();
    let uses = || history.tokens.iter().flat_map(|token| token.uses.iter().map(move |one| (token, one)));
    Counts {
        done: of(|outcome| matches!(outcome, Outcome::Done(_))),
        refused: of(|outcome| *outcome == Outcome::Refused),
        unknown: of(|outcome| *outcome == Outcome::Unknown),
        reads: history.reads.len(),
        named_reads: history.reads.iter().filter(|read| read.named.is_some()).count(),
        uses: uses().count(),
        revoked_uses: uses().filter(|(token, one)| token.deleted.is_some_and(|at| one.span.sent > at.heard)).count(),
    }
}

/// The names of all groups at each revision.
fn states(log: &[Logged], wrong: &mut Vec<String>) -> BTreeMap<u64, BTreeSet<String>> {
    let (mut names, mut states) = (HashMap::new(), BTreeMap::new());
    for (commit, expected) in log.iter().zip(1..) {
        if commit.revision != expected {
            wrong.push(format!("the log has revision {} where {expected} should be", commit.revision));
        }
        names.extend(commit.put.iter().cloned());
        commit.deleted.iter().for_each(|id| _ = names.remove(id));
        states.insert(commit.revision, names.values().cloned().collect());
    }
    states
}

fn writes(history: &History, wrong: &mut Vec<String>) {
    // At which revisions each deed was done. A commit that puts a group under the name that it has changes something else of it.
    let (mut names, mut done): (HashMap<&str, &str>, HashMap<Deed, Vec<u64>>) = Default::default();
    for commit in &history.log {
        for (id, name) in &commit.put {
            if names.insert(id, name) != Some(name) {
                done.entry(Deed::Name(name.clone())).or_default().push(commit.revision);
            }
        }
        for id in &commit.deleted {
            done.entry(Deed::Delete(id.clone())).or_default().push(commit.revision);
        }
    }
    let mut revisions: HashMap<u64, &Deed> = HashMap::new();
    for write in &history.writes {
        let found = done.get(&write.deed).map_or(&[][..], Vec::as_slice);
        if found.len() > 1 {
            wrong.push(format!("{:?} was done {} times, at {found:?}", write.deed, found.len()));
        }
        match write.outcome {
            Outcome::Done(revision) if found != [revision] => {
                wrong.push(format!(
                    "{:?} was acknowledged as revision {revision}; the log has it at {found:?}",
                    write.deed
                ));
            }
            // A deletion that was refused may be one that an earlier, unknown try had done.
            Outcome::Refused if !found.is_empty() && matches!(write.deed, Deed::Name(_)) => {
                wrong.push(format!("{:?} was refused and is in the log at {found:?}", write.deed));
            }
            Outcome::Done(_) | Outcome::Refused | Outcome::Unknown => {}
        }
        if let Outcome::Done(revision) = write.outcome
            && let Some(other) = revisions.insert(revision, &write.deed)
        {
            wrong.push(format!("{:?} and {other:?} were both acknowledged as revision {revision}", write.deed));
        }
    }
}

fn order(history: &History, wrong: &mut Vec<String>) {
    let done = |outcome: &Outcome| match outcome {
        Outcome::Done(revision) => Some(*revision),
        Outcome::Refused | Outcome::Unknown => None,
    };
    let mut heard: Vec<_> =
        history.writes.iter().filter_map(|write| Some((write.span.heard, done(&write.outcome)?))).collect();
    let mut sent: Vec<_> =
        history.writes.iter().filter_map(|write| Some((write.span.sent, done(&write.outcome)?))).collect();
    heard.sort_unstable();
    sent.sort_unstable();
    let (mut heard, mut newest) = (heard.into_iter().peekable(), 0);
    for (at, revision) in sent {
        while let Some((_, earlier)) = heard.next_if(|(then, _)| *then < at) {
            newest = newest.max(earlier);
        }
        if revision <= newest {
            wrong.push(format!("revision {revision} was sent after revision {newest} had been acknowledged"));
        }
    }
}

fn reads(history: &History, states: &BTreeMap<u64, BTreeSet<String>>, wrong: &mut Vec<String>) {
    for read in &history.reads {
        if states.get(&read.revision) != Some(&read.names) {
            wrong.push(format!("node {} answered at revision {} what the log does not say", read.node, read.revision));
        }
        if let Some(named) = read.named.filter(|named| read.revision < *named) {
            wrong.push(format!("node {} answered at revision {}, and {named} was named", read.node, read.revision));
        }
        let own = history.writes.iter().filter_map(|write| match write.outcome {
            Outcome::Done(revision) => {
                (write.node == read.node && write.incarnation == read.incarnation && write.span.heard < read.span.sent)
                    .then_some(revision)
            }
            Outcome::Refused | Outcome::Unknown => None,
        });
        if let Some(own) = own.max().filter(|own| read.revision < *own) {
            wrong
                .push(format!("node {} answered at revision {}, and had acknowledged {own}", read.node, read.revision));
        }
    }
}

fn tokens(history: &History, bound: Duration, wrong: &mut Vec<String>) {
    for (number, token) in history.tokens.iter().enumerate() {
        for one in &token.uses {
            let is_live = one.span.sent > token.made.heard && token.deletion_sent.is_none_or(|at| one.span.heard < at);
            if is_live && !one.allowed {
                wrong.push(format!("node {} refused token {number}, which existed", one.node));
            }
            if let Some(deleted) = token.deleted
                && one.allowed
                && one.span.sent > deleted.heard + bound
            {
                let late = one.span.sent - deleted.heard;
                wrong.push(format!("node {} let token {number} in {late:?} after it was deleted", one.node));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::history::{Read, Span, Token, Use, Write};

    const BOUND: Duration = Duration::from_secs(1);

    struct Clock(Instant);

    impl Clock {
        fn span(&self, sent: u64, heard: u64) -> Span {
            Span { sent: self.0 + Duration::from_millis(sent), heard: self.0 + Duration::from_millis(heard) }
        }
    }

    fn write(span: Span, deed: Deed, outcome: Outcome) -> Write {
        Write { span, node: 0, incarnation: 0, deed, outcome }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn name(name: &str) -> Deed {
        Deed::Name(name.to_owned())
    }

    /// Ada makes a group and renames it, Ben makes one and takes it away; Cem's never came through.
    fn right() -> (Clock, History) {
        let clock = Clock(Instant::now());
        let put = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        let commit = |revision, put, deleted| Logged { revision, put, deleted };
        let log = vec![
            commit(1, vec![], vec![]),
            commit(2, vec![put("1", "ada")], vec![]),
            commit(3, vec![put("2", "ben")], vec![]),
            commit(4, vec![put("1", "ada again")], vec![]),
            commit(5, vec![], vec!["2".into()]),
        ];
        let writes = vec![
            write(clock.span(0, 10), name("ada"), Outcome::Done(2)),
            write(clock.span(5, 30), name("ben"), Outcome::Done(3)),
            write(clock.span(15, 40), name("ada again"), Outcome::Done(4)),
            write(clock.span(45, 60), Deed::Delete("2".into()), Outcome::Done(5)),
            write(clock.span(45, 60), name("cem"), Outcome::Unknown),
        ];
        let read = |sent, named, revision, of: &[&str]| Read {
            span: clock.span(sent, sent + 1),
            node: 1,
            incarnation: 0,
            named,
            revision,
            names: names(of),
        };
        let reads = vec![read(50, Some(4), 4, &["ada again", "ben"]), read(50, None, 2, &["ada"])];
        let used = |sent, allowed| Use { span: clock.span(sent, sent + 1), node: 1, allowed };
        let token = Token {
            made: clock.span(0, 5),
            deleted: Some(clock.span(20, 30)),
            deletion_sent: Some(clock.span(20, 30).sent),
            uses: vec![used(6, true), used(25, false), used(900, true), used(1100, false)],
        };
        let last = vec![(5, names(&["ada again"])); 2];
        let history = History { writes, reads, tokens: vec![token], log, last };
        (clock, history)
    }

    #[test]
    fn a_right_history_is_right() {
        let (_, history) = right();
        let checked = check(&history, BOUND);
        assert_eq!(checked.wrong, Vec::<String>::new());
        let counts = Counts { done: 4, refused: 0, unknown: 1, reads: 2, named_reads: 1, uses: 4, revoked_uses: 2 };
        assert_eq!(checked.counts, counts);
    }

    /// Each way in which a history can be wrong is found, and told by a sentence of its own.
    #[test]
    fn every_wrong_is_found() {
        type Change = fn(&Clock, &mut History);
        let cases: [(&str, Change); 13] = [
            ("the log has revision 3 where 2 should be", |_, history| _ = history.log.drain(1..2)),
            ("the log has it at []", |_, history| history.log[1].put.clear()),
            ("was done 2 times", |_, history| {
                history.log.push(Logged { revision: 6, put: vec![("9".into(), "ben".into())], deleted: vec![] });
            }),
            ("was refused and is in the log", |_, history| history.writes[1].outcome = Outcome::Refused),
            ("were both acknowledged as revision 3", |_, history| history.writes[2].outcome = Outcome::Done(3)),
            ("was sent after revision 4", |clock, history| history.writes[1].span = clock.span(41, 42)),
            ("what the log does not say", |_, history| _ = history.reads[0].names.pop_first()),
            ("what the log does not say", |_, history| history.reads[0].revision = 99),
            ("and 4 was named", |_, history| history.reads[1].named = Some(4)),
            ("and had acknowledged 4", |_, history| history.reads[1].node = 0),
            ("which existed", |_, history| history.tokens[0].uses[0].allowed = false),
            ("after it was deleted", |_, history| history.tokens[0].uses[3].allowed = true),
            ("in the end node 1", |_, history| history.last[1].0 = 4),
        ];
        for (expected, change) in cases {
            let (clock, mut history) = right();
            change(&clock, &mut history);
            let wrong = check(&history, BOUND).wrong;
            assert!(wrong.iter().any(|sentence| sentence.contains(expected)), "{expected}: {wrong:?}");
        }
    }
}
