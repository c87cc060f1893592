//! Whether a log of events is whole.

use engine::offline::OpeningKey;
use store::{Head, Record};

use super::event::Event;
use crate::history::{Verified, fold};
use crate::stream::Broken;
use crate::{CommitError, Runtime};

/// How many records are read at once.
const PAGE: usize = 1000;

impl Runtime {
    /// Checks a stream of events from its first on: every number, hash and event. A stream that is not there is whole.
    ///
    /// # Errors
    /// [`CommitError::Broken`] names the first record that does not fit.
    pub async fn verify_events(&self, stream: &str) -> Result<Verified, CommitError> {
        let mut signed_by = None;
        let mut head = match self.store.base(stream).await? {
            None => Head::EMPTY,
            Some(base) => {
                signed_by = OpeningKey::from_bytes(&base.key);
                let head = fold::open_events(base)?;
                self.check_beginning(stream, head.revision, &head.hash).await?;
                head
            }
        };
        let began = head.revision;
        loop {
            let records = self.store.records(stream, head.revision, PAGE).await?;
            for record in &records {
                check(&head, record)?;
                head = record.head();
            }
            if records.len() < PAGE {
                break;
            }
        }
        let newest = self.store.head(stream).await?;
        if newest != head {
            let what =
                format!("the log names revision {} as its newest, but ends at {}", newest.revision, head.revision);
            return Err(Broken::Chain { stream: stream.into(), revision: head.revision, what: what.into() }.into());
        }
        Ok(Verified { stream: stream.into(), commits: head.revision - began.saturating_sub(1), signed_by })
    }
}

fn check(head: &Head, record: &Record) -> Result<(), Broken> {
    if record.revision != head.revision + 1 {
        return Err(Broken::chain(record, "its number does not follow"));
    }
    if record.prev_hash != head.hash {
        return Err(Broken::chain(record, "it does not name the hash of the one before"));
    }
    if !record.verify_hash() {
        return Err(Broken::chain(record, "its hash does not fit its content"));
    }
    match Event::read(&record.changes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Broken::chain(record, &error.to_string())),
    }
}
