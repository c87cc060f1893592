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

/// The spans so far. `allowed` answers the question for one principal on one revision.
pub struct Spans<F> {
    allowed: F,
    open: BTreeMap<Affected, Revision>,
    closed: Vec<Span>,
}

impl<F: Fn(&Account, Affected) -> bool> Spans<F> {
    /// Before the first commit, when nobody can do anything.
    pub fn new(allowed: F) -> Spans<F> {
        Spans { allowed, open: BTreeMap::new(), closed: Vec::new() }
    }

    /// Follows one commit. All of them must be followed, in their order.
    pub fn follow(&mut self, before: &Account, after: &Account, changes: &[Change]) {
        for principal in affected(before, after, changes) {
            let could = self.open.contains_key(&principal);
            let can = (self.allowed)(after, principal);
            if can && !could {
                self.open.insert(principal, after.revision);
            } else if could && !can {
                let from = self.open.remove(&principal);
                self.closed.extend(from.map(|from| Span { principal, from, until: Some(after.revision) }));
            }
        }
    }

    /// All spans, by principal and beginning.
    pub fn finish(mut self) -> Vec<Span> {
        self.closed.extend(self.open.into_iter().map(|(principal, from)| Span { principal, from, until: None }));
        self.closed.sort_unstable();
        self.closed
    }
}
