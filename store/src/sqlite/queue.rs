//! What waits for the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use tokio::sync::oneshot::Sender;

use super::lock;
use crate::error::{AppendError, StoreError};
use crate::record::{Base, Record};
use crate::transaction::{Lease, LeaseChange, Summary, Transaction, Usage};

/// Work for the writer, and whom to answer once it is durable.
#[derive(Debug)]
pub enum Job {
    Append { transaction: Transaction, answer: Sender<Result<(), AppendError>> },
    Upkeep { upkeep: Upkeep, answer: Sender<Result<u64, StoreError>> },
}

/// Work that cannot be refused. Its answer is a number.
#[derive(Debug)]
pub enum Upkeep {
    /// Answers 0.
    PutSnapshot { stream: Box<str>, revision: u64, state: Vec<u8>, checksum: [u8; 32] },
    /// Answers 0.
    PutLeases(Vec<LeaseChange>),
    /// Answers 1 if the lease was still what was read, else 0.
    ReplaceLease { read: Lease, by: Option<Lease> },
    /// Answers how many were removed, up to [`PURGED_AT_ONCE`](super::append::PURGED_AT_ONCE).
    PurgeLeases { now: i64 },
    /// Answers 1 if another process has written since the last time, else 0.
    ForeignChange,
    /// Answers 0.
    PutUsage(Vec<Usage>),
    /// Answers 0.
    PutSummaries { stream: Box<str>, summaries: Vec<Summary> },
    /// With the commit that it stands at, where that is to come first. Answers 1 if it was put, else 0.
    Fold(Box<(Base, Option<Record>)>),
    /// Answers how many commits were removed, up to [`FORGOTTEN_AT_ONCE`](crate::sql::FORGOTTEN_AT_ONCE).
    ForgetFolded { stream: Box<str> },
    /// Answers since when usage is recorded: the time given here, for the first who asks.
    UsageSince { now: i64 },
    /// Answers 0.
    Ping,
}

impl Job {
    /// Whether it needs the write lock.
    pub fn writes(&self) -> bool {
        match self {
            Job::Append { .. } => true,
            Job::Upkeep { upkeep, .. } => match upkeep {
                Upkeep::PutSnapshot { .. } | Upkeep::PutLeases(_) | Upkeep::PurgeLeases { .. } => true,
                Upkeep::ReplaceLease { .. } | Upkeep::Fold(_) | Upkeep::ForgetFolded { .. } => true,
                Upkeep::PutUsage(_) | Upkeep::PutSummaries { .. } | Upkeep::UsageSince { .. } => true,
                Upkeep::ForeignChange | Upkeep::Ping => false,
            },
        }
    }

    /// Answers that the batch failed. Who no longer waits does not matter.
    pub fn fail(self, error: &StoreError) {
        match self {
            Job::Append { answer, .. } => drop(answer.send(Err(AppendError::Backend(error.clone())))),
            Job::Upkeep { answer, .. } => drop(answer.send(Err(error.clone()))),
        }
    }
}

#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Gives the job back once the queue is closed.
    pub fn push(&self, job: Job) -> Result<(), Box<Job>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Box::new(job));
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for work, and takes up to `limit` of it. Empty once the queue is closed and drained.
    pub fn take(&self, limit: usize) -> Vec<Job> {
        let state = lock(&self.state);
        let idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(limit);
        state.jobs.drain(..count).collect()
    }

    /// Accepts nothing more. What waits is still taken.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Accepts nothing more and drops what waits, which tells each waiter that the writer stopped.
    pub fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
    }
}
