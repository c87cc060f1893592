//! What a commit cannot tell: attempts that came to nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the events' shape that this program writes.
const VERSION: u32 = 1;

/// Something that happened without a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A write that was denied, refused or failed.
    Refused(Box<Refused>),
    /// More failed authentications from one address than are let pass (D58): one event for each burst.
    FailedAuthentications {
        /// So many in a minute.
        count: u32,
        /// For so many seconds nothing more from this address is looked at.
        waits: u64,
    },
    /// So many events came faster than they could be written, and are not in the log.
    Lost {
        /// How many.
        count: u64,
    },
}

/// A write that was not carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// The operation, by its id in the catalogue.
    pub operation: Box<str>,
    /// The path of the operation, with the names of its parameters.
    pub route: Box<str>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What was answered; at most as many as an answer lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Refusal>,
    /// The object that the path names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// The body, with everything redacted that is not known to be fit for a log (D84); none if there was none, or if it was no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// One error of an answer. Its message stays out: it may hold what the client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code of the error.
    pub code: u16,
    /// Where in the request it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Box<str>>,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(flatten)]
    event: &'a Event,
}

/// The text of an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not the JSON that this program writes.
    #[error("the event cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("the event has version {found}, this program knows {VERSION}: use a newer portcullis")]
    Newer {
        /// The version in the log.
        found: u32,
    },
}

impl Event {
    /// The event as the log keeps it.
    ///
    /// # Errors
    /// None: an event is always JSON.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Written { v: VERSION, event: self })
    }

    /// Reads what [`Event::write`] wrote.
    ///
    /// # Errors
    /// [`ReadError`] on damaged text or a newer version.
    pub fn read(text: &str) -> Result<Event, ReadError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_str(text)?;
        if v > VERSION {
            return Err(ReadError::Newer { found: v });
        }
        Ok(serde_json::from_str(text)?)
    }
}
