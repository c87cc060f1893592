//! Since when, and until when: a fold over the commits of an account, for one question.
//!
//! "Who could write the DNS of example.com in March?" Whoever could has a [`Span`] that March lies in: it begins with the
//! commit that let them, and ends with the one that stopped them.

use std::collections::BTreeMap;

use model::change::Change;
use model::ids::Revision;

use crate::Account;
use crate::diff::Affected;
use crate::diff::affected;

/// Somebody could do what was asked, from one revision to before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Who.
    pub principal: Affected,
    /// The commit that let them.
    pub from: Revision,
    /// The commit that stopped them; none while they still can.
    pub until: Option<Revision>,
}

impl Span {
    /// Whether they could at that revision.
    pub fn contains(&self, revision: Revision) -> bool {
        self.from <= revision && self.until.is_none_or(|until| revision < until)
    }
}

/// When something was so: from each of these revisions until before the other, still where that is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods {
    closed: Vec<(Revision, Revision)>,
    open: Option<Revision>,
}

impl Periods {
    /// Notes whether it is so as of a revision, which is later than all before. True where that is a change.
    pub fn note(&mut self, revision: Revision, is_so: bool) -> bool {
        match (self.open, is_so) {
            (None, true) => self.open = Some(revision),
            (Some(from), false) => {
                self.closed.push((from, revision));
                self.open = None;
            }
            (None, false) | (Some(_), true) => return false,
        }
        true
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Revision, Option<Revision>)> + '_ {
        let closed = self.closed.iter().map(|(from, until)| (*from, Some(*until)));
        closed.chain(self.open.map(|from| (from, None)))
    }
}

/// The spans so far. `allowed` answers the question for one principal on one revision.
pub struct Spans<F> {
    allowed: F,
    of: BTreeMap<Affected, Periods>,
}

impl<F: Fn(&Account, Affected) -> bool> Spans<F> {
    /// Before the first commit, when nobody can do anything.
    pub fn new(allowed: F) -> Spans<F> {
        Spans { allowed, of: BTreeMap::new() }
    }

    /// Follows one commit, and tells for whom it began or ended a span. All commits must be followed, in their order.
    pub fn follow(&mut self, before: &Account, after: &Account, changes: &[Change]) -> Vec<Affected> {
        let mut changed = Vec::new();
        for principal in affected(before, after, changes) {
            let can = (self.allowed)(after, principal);
            // Most never can, and need no entry.
            let is_change = match self.of.get_mut(&principal) {
                Some(periods) => periods.note(after.revision, can),
                None if can => self.of.entry(principal).or_default().note(after.revision, can),
                None => false,
            };
            if is_change {
                changed.push(principal);
            }
        }
        changed
    }

    /// All spans, by principal and beginning.
    pub fn finish(self) -> Vec<Span> {
        let spans = self.of.iter().flat_map(|(principal, periods)| {
            periods.iter().map(|(from, until)| Span { principal: *principal, from, until })
        });
        spans.collect()
    }
}
