//! States of long ago: as of a revision, or as of a time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use engine::Account;
use model::ids::{AccountId, Revision, StreamId, UserId};
use model::time::Timestamp;
use model::users::UserState;

use super::past::Past;
use crate::state::State;
use crate::stream::Snapshot;
use crate::{CommitError, Runtime, snapshot};

/// When a question is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After that commit.
    Revision(Revision),
    /// At that time: after the newest commit that is not later. For a time to come that is the newest of all.
    Time(Timestamp),
}

impl At {
    /// Now: after the newest commit.
    pub const NEWEST: At = At::Time(Timestamp::MAX);
}

/// As `7`, or as an RFC 3339 time.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Revision(revision) => revision.fmt(f),
            At::Time(time) => time.fmt(f),
        }
    }
}

/// The text is neither a revision nor a time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a revision such as `7` nor an RFC 3339 time such as `2026-11-21T08:00:00Z`")]
pub struct NeitherRevisionNorTime(String);

impl FromStr for At {
    type Err = NeitherRevisionNorTime;

    fn from_str(text: &str) -> Result<At, NeitherRevisionNorTime> {
        let neither = |()| NeitherRevisionNorTime(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(At::Revision).map_err(|_| neither(()));
        }
        text.parse().map(At::Time).map_err(|_| neither(()))
    }
}

/// What [`CommitError::NoSuchRevision`] says.
pub(crate) fn no_such_revision(stream: StreamId, at: At, oldest: Revision, newest: Revision) -> String {
    let whose = match stream {
        StreamId::Account(id) => format!("account `{id}`"),
        StreamId::User(id) => format!("user `{id}`"),
    };
    match at {
        At::Revision(revision) => format!("{whose} has the revisions {oldest} to {newest}, not {revision}"),
        At::Time(time) => format!("{whose} has the revisions {oldest} to {newest}, all of them later than {time}"),
    }
}

impl Runtime {
    /// The account as it was. What was asked of late stays in memory; otherwise the log is replayed from the newest snapshot
    /// before.
    ///
    /// # Errors
    /// [`CommitError::NoStream`] and [`CommitError::NoSuchRevision`]: it is never answered for another revision than was asked.
    /// [`CommitError::Broken`] names the revision that cannot be replayed.
    pub async fn account_as_of(&self, id: AccountId, at: At) -> Result<Arc<Snapshot<Account>>, CommitError> {
        let stream = StreamId::Account(id);
        let revision = self.revision_as_of(stream, at).await?;
        let live = self.account(id).await?;
        as_of(self, &self.past_accounts, stream, revision, live, || Account::new(&self.engine)).await
    }

    /// The user as it was.
    ///
    /// # Errors
    /// As for [`Runtime::account_as_of`].
    pub async fn user_as_of(&self, id: UserId, at: At) -> Result<Arc<Snapshot<UserState>>, CommitError> {
        let stream = StreamId::User(id);
        let revision = self.revision_as_of(stream, at).await?;
        let live = self.user(id).await?;
        as_of(self, &self.past_users, stream, revision, live, UserState::default).await
    }

    /// The revision of a stream that is meant.
    ///
    /// # Errors
    /// [`CommitError::NoStream`] when it has no commits; [`CommitError::NoSuchRevision`] for a revision that it does not have (0
    /// among them) and a time before its first commit.
    pub async fn revision_as_of(&self, stream: StreamId, at: At) -> Result<Revision, CommitError> {
        let name = stream.to_string();
        let revision = match at {
            At::Revision(revision) => revision,
            At::Time(time) => self.store.revision_at(&name, time.as_micros()).await?,
        };
        // Asked second, so that a commit of this moment cannot make the revision newer than the newest.
        let newest = self.store.head(&name).await?.revision;
        // What is older was folded away.
        let oldest = self.store.folded(&name).await?.max(1);
        match newest {
            0 => Err(CommitError::NoStream(stream)),
            newest if (oldest..=newest).contains(&revision) => Ok(revision),
            newest => Err(CommitError::NoSuchRevision { stream, at, oldest, newest }),
        }
    }
}

async fn as_of<S: State>(
    runtime: &Runtime,
    past: &Past<S>,
    stream: StreamId,
    revision: Revision,
    live: Option<Arc<Snapshot<S>>>,
    empty: impl FnOnce() -> S,
) -> Result<Arc<Snapshot<S>>, CommitError> {
    if let Some(live) = live.filter(|live| live.revision() == revision) {
        return Ok(live);
    }
    past.get(stream, revision, |base| snapshot::after(&runtime.store, stream, base, revision, empty())).await
}
