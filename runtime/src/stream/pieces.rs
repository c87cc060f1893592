//! What a stream is made of: states in their places in the chain, and writes as pure functions.

use std::sync::Arc;

use model::account_state::Malformed;
use model::change::{self, Change};
use model::ids::Revision;
use model::time::Timestamp;
use store::{Head, LeaseChange, Record};

use super::Broken;
use crate::budget;
use crate::revocations::Journal;
use crate::state::State;
use crate::{CommitError, Origin};

/// A state and its place in the hash chain.
#[derive(Clone)]
pub struct Snapshot<S> {
    /// The state.
    pub state: S,
    /// The hash of the commit that made it.
    pub hash: [u8; 32],
    /// The time of that commit.
    pub at: Timestamp,
    /// The bytes that the documents of the state take, about.
    pub(super) weight: usize,
}

impl<S: State> Snapshot<S> {
    /// A state that was read whole.
    pub fn of(state: S, hash: [u8; 32], at: Timestamp) -> Snapshot<S> {
        let weight = state.documents().map(|document| budget::weight(&document)).sum();
        Snapshot { state, hash, at, weight }
    }

    /// The state after these changes, and what it weighs.
    pub(super) fn after(&self, changes: &[Change]) -> Result<(S, usize), Malformed> {
        let state = self.state.after(changes)?;
        let before = changes.iter().filter_map(|change| self.state.document(&change.id()));
        let gone: usize = before.map(|document| budget::weight(&document)).sum();
        let put = changes.iter().map(|change| match change {
            Change::Put(document) => budget::weight(document),
            Change::Delete(_) => 0,
        });
        Ok((state, (self.weight + put.sum::<usize>()).saturating_sub(gone)))
    }

    /// The revision of the state.
    pub fn revision(&self) -> Revision {
        self.state.revision()
    }

    /// The state one commit later, as the log tells it.
    ///
    /// # Errors
    /// When the commit does not continue this state.
    pub fn followed_by(&self, record: &Record) -> Result<Snapshot<S>, Broken> {
        self.step(record).map(|(after, _)| after)
    }

    /// The state one commit later, and what changed.
    ///
    /// # Errors
    /// As for [`Snapshot::followed_by`].
    pub fn step(&self, record: &Record) -> Result<(Snapshot<S>, Vec<Change>), Broken> {
        if record.revision != self.revision() + 1 {
            return Err(Broken::chain(record, "its number does not follow"));
        }
        if record.prev_hash != self.hash {
            return Err(Broken::chain(record, "it does not name the hash of the one before"));
        }
        if !record.verify_hash() {
            return Err(Broken::chain(record, "its hash does not fit its content"));
        }
        let changes = change::read(&record.changes).map_err(|error| Broken::Changes {
            stream: record.stream.clone(),
            revision: record.revision,
            error,
        })?;
        let (state, weight) = self.after(&changes).map_err(|error| Broken::Unfit {
            stream: record.stream.clone(),
            revision: record.revision,
            error,
        })?;
        Ok((Snapshot { state, hash: record.hash, at: Timestamp::from_micros(record.at), weight }, changes))
    }

    /// The state before the first commit, given as `empty`.
    pub fn start(empty: S) -> Snapshot<S> {
        Snapshot { state: empty, hash: Head::EMPTY.hash, at: Timestamp::from_micros(0), weight: 0 }
    }
}

/// What a commit came to.
pub struct Committed<S, T> {
    /// The state after it: durable.
    pub snapshot: Arc<Snapshot<S>>,
    /// What the operation answered.
    pub output: T,
    /// Whether a commit was made; a write that changes nothing makes none (D79).
    pub changed: bool,
}

/// What a write would have come to.
pub struct Rehearsed<S, T> {
    /// The durable state that it was worked out on.
    pub before: Arc<Snapshot<S>>,
    /// The state after it, which nobody else sees; `before` itself where nothing would change.
    pub after: Arc<Snapshot<S>>,
    /// What would be written.
    pub changes: Vec<Change>,
    /// What the operation would answer.
    pub output: T,
}

/// An operation on a state at a time: the changes, and what it answers.
pub type Work<'a, S, T> = dyn Fn(&S, Timestamp) -> Result<(Vec<Change>, T), CommitError> + Sync + 'a;

/// The invariants, on the states before and after the changes.
pub type Check<'a, S> = dyn Fn(&S, &S, &[Change]) -> Result<(), CommitError> + Sync + 'a;

/// The pieces of a write, each a pure function.
pub struct Write<'a, S, T> {
    /// Who and by what.
    pub origin: &'a Origin,
    /// Where it is noted what was revoked.
    pub journal: &'a Arc<Journal>,
    /// When.
    pub now: Timestamp,
    /// The operation.
    pub work: &'a Work<'a, S, T>,
    /// The invariants.
    pub check: &'a Check<'a, S>,
    /// Where the commit is seen besides its own stream: see [`store::Commit::appears_in`].
    pub appears_in: Vec<Box<str>>,
    /// A lease made of the answer, in the same transaction.
    pub remember: &'a (dyn Fn(&Snapshot<S>, &T) -> Option<LeaseChange> + Sync),
}
