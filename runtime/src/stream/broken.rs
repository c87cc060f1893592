//! What can be wrong with a log.

use model::account_state::Malformed;
use model::change;
use model::ids::{Revision, StreamId};
use store::Record;

/// The log cannot be turned into a state.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A commit does not continue the one before.
    #[error("the log of `{stream}` is damaged at revision {revision}: {what}")]
    Chain {
        /// The stream.
        stream: Box<str>,
        /// The revision.
        revision: Revision,
        /// In what way.
        what: Box<str>,
    },
    /// A commit's changes cannot be read.
    #[error("the log of `{stream}` cannot be read at revision {revision}: {error}")]
    Changes {
        /// The stream.
        stream: Box<str>,
        /// The revision.
        revision: Revision,
        /// Why.
        error: change::ReadError,
    },
    /// Who made a commit, or by which request, cannot be read.
    #[error("the log of `{stream}` cannot be read at revision {revision}: {error}")]
    Origin {
        /// The stream.
        stream: Box<str>,
        /// The revision.
        revision: Revision,
        /// Why.
        error: serde_json::Error,
    },
    /// A commit's changes do not fit the state that they are made on.
    #[error("the log of `{stream}` is damaged at revision {revision}: {error}")]
    Unfit {
        /// The stream.
        stream: Box<str>,
        /// The revision.
        revision: Revision,
        /// Why.
        error: Malformed,
    },
    /// What stands in the place of folded commits is not what was put there.
    #[error("the base of `{0}` is damaged: {1}")]
    Base(Box<str>, &'static str),
    /// The log does not have what was read from it before: it was set back.
    #[error("the log of `{0}` is not the one that was read before")]
    Gone(Box<str>),
    /// The changes of an operation do not fit.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A document cannot be written as JSON.
    #[error("a commit cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl Broken {
    pub(crate) fn chain(record: &Record, what: &str) -> Broken {
        Broken::Chain { stream: record.stream.clone(), revision: record.revision, what: what.into() }
    }

    pub(crate) fn missing(stream: StreamId, revision: Revision) -> Broken {
        Broken::Chain { stream: stream.to_string().into(), revision, what: "it is missing".into() }
    }
}
