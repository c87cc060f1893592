//! Commits as people ask about them: who, when, by what, and what changed.

use model::change::{self, Change};
use model::commit::{Actor, Request};
use model::ids::{Revision, StreamId};
use model::time::Timestamp;
use serde::Serialize;
use store::Record;

use crate::stream::Broken;
use crate::{CommitError, Runtime};

/// Who made a commit, when, and by which request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitInfo {
    /// The revision that it made.
    pub revision: Revision,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// By what.
    pub request: Request,
}

/// A commit, read.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Who, when, by what.
    pub info: CommitInfo,
    /// What changed, in the order in which it was applied.
    pub changes: Vec<Change>,
}

impl CommitInfo {
    /// Reads it, without a look at the changes.
    ///
    /// # Errors
    /// [`Broken`] names the revision when the commit was tampered with or cannot be read.
    pub fn read(record: &Record) -> Result<CommitInfo, Broken> {
        if !record.verify_hash() {
            return Err(Broken::chain(record, "its hash does not fit its content"));
        }
        let unreadable = |error| Broken::Origin { stream: record.stream.clone(), revision: record.revision, error };
        Ok(CommitInfo {
            revision: record.revision,
            at: Timestamp::from_micros(record.at),
            actor: serde_json::from_str(&record.actor).map_err(unreadable)?,
            request: serde_json::from_str(&record.request).map_err(unreadable)?,
        })
    }
}

impl Commit {
    /// Reads all of it.
    ///
    /// # Errors
    /// [`Broken`] names the revision when the commit was tampered with or cannot be read.
    pub fn read(record: &Record) -> Result<Commit, Broken> {
        let info = CommitInfo::read(record)?;
        let changes = change::read(&record.changes).map_err(|error| Broken::Changes {
            stream: record.stream.clone(),
            revision: record.revision,
            error,
        })?;
        Ok(Commit { info, changes })
    }
}

impl Runtime {
    /// The commits after a revision (0 for all), oldest first, at most `limit`; none for a stream that is not there.
    ///
    /// # Errors
    /// [`CommitError::Broken`] names the revision of one that was tampered with or cannot be read.
    pub async fn commits_after(
        &self,
        stream: StreamId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<Commit>, CommitError> {
        let records = self.store.records(&stream.to_string(), after, limit).await?;
        Ok(records.iter().map(Commit::read).collect::<Result<_, _>>()?)
    }

    /// The commits before a revision ([`Revision::MAX`] for all), newest first, at most `limit`.
    ///
    /// # Errors
    /// As for [`Runtime::commits_after`].
    pub async fn commits_before(
        &self,
        stream: StreamId,
        before: Revision,
        limit: usize,
    ) -> Result<Vec<Commit>, CommitError> {
        let name = stream.to_string();
        let newest = self.store.head(&name).await?.revision;
        let oldest = self.store.folded(&name).await?.saturating_sub(1);
        // Revisions have no gaps from the oldest on, so the last `limit` of them are known by number.
        let last = newest.min(before.saturating_sub(1));
        let first = last.saturating_sub(limit as Revision).max(oldest);
        let mut commits = self.commits_after(stream, first, limit.min(last.saturating_sub(first) as usize)).await?;
        commits.reverse();
        Ok(commits)
    }
}
