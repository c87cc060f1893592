//! What can go wrong. All of it can be cloned, because one failed batch answers many waiters.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::transaction::Claim;

/// Why an append was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The stream moved on meanwhile: that revision is taken, or its predecessor is missing or has another hash. Nothing was written;
    /// read the tail and try again.
    #[error("revision {revision} does not continue `{stream}`")]
    Conflict {
        /// The stream of the refused record.
        stream: Box<str>,
        /// The revision of the refused record.
        revision: u64,
    },
    /// Somebody else has the key; this is the present holder. Nothing was written.
    // The key stays out of the message, since it may be an e-mail address.
    #[error("the {} is taken by `{}`", .0.kind, .0.stream)]
    Claimed(Claim),
    /// The database failed. The transaction may or may not have been written: read the head before trying again.
    #[error("the commit log failed")]
    Backend(#[source] StoreError),
    /// The store was closed before this was queued. Nothing was written.
    #[error("the store is closed")]
    Closed,
}

/// What the database, or the way to it, said.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why the store could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file is no SQLite database, or the database of another program.
    #[error("`{}` is not a portcullis database; name another file", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A newer release has written here.
    #[error("the database has schema {found}, this release knows up to {known}; run a newer release")]
    NewerSchema {
        /// The schema of the database.
        found: u32,
        /// The newest schema that this release knows.
        known: u32,
    },
    /// The file or its folder could not be created or opened.
    #[error("cannot open `{}`; check the path and its permissions", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// No room is left. Works again once there is.
    #[error("the disk or the database is full; free some space")]
    Full(#[source] Cause),
    /// The file or the disk cannot be written. Works again once it can.
    #[error("the database is read-only; check its permissions and the disk")]
    ReadOnly(#[source] Cause),
    /// Another process kept the database locked for longer than the busy timeout, or other writers were faster again and again.
    #[error("the database is locked by another process; stop that process")]
    Busy(#[source] Cause),
    /// No server answers there, or the connection was lost, for longer than the patience. Works again once it answers.
    #[error("the database does not answer; check that it runs, its address and its certificate")]
    Unreachable(#[source] Cause),
    /// The address cannot be read.
    #[error("the address of the database must be `postgres://USER:PASSWORD@HOST:PORT/DATABASE`")]
    BadAddress(#[source] Cause),
    /// Any other failure of the database.
    #[error("the database failed; check its disk and its log, and restore a backup if it is damaged")]
    Failed(#[source] Cause),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The writer thread ended without being asked. Its last transactions may or may not have been written.
    #[error("the writer of the commit log has stopped; restart the server")]
    WriterStopped,
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let code = error.sqlite_error_code();
        let error: Cause = Arc::new(error);
        match code {
            Some(ErrorCode::DiskFull) => StoreError::Full(error),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(error),
            Some(_) | None => StoreError::Failed(error),
        }
    }
}

impl From<rusqlite::Error> for AppendError {
    fn from(error: rusqlite::Error) -> AppendError {
        AppendError::Backend(error.into())
    }
}
