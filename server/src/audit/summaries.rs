//! Keeping the columns of logs, by which questions pass over what cannot fit ([`runtime::audit::columns`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::model::ids::StreamId;
use runtime::Runtime;
use runtime::audit::columns::{Digest, STRETCH, column, reach};
use runtime::audit::events_of;
use store::Record;

use super::entry::Entry;
use super::filters::{Field, Value, value};
use crate::error::Error;

/// The field whose columns tell how far all of them reach: it is written last.
const LAST: Field = Field::ZoneName;

/// What is known of logs: up to which revision each has columns, and whether somebody makes more of them.
#[derive(Default)]
pub struct Summaries {
    logs: Mutex<HashMap<Box<str>, Reach>>,
}

/// A process looks at few logs often, and forgets all of them at once when they become many.
const MOST_LOGS: usize = 10_000;

#[derive(Clone, Copy, Default)]
struct Reach {
    /// None until it was looked up.
    up_to: Option<u64>,
    is_at_work: bool,
}

/// A value as a column has it.
pub fn digest(value: Value<'_>) -> Digest {
    match value {
        Value::Is(text) => Digest::of(&text),
        Value::None => Digest::NOTHING,
        Value::Elsewhere => Digest::UNTOLD,
    }
}

impl Summaries {
    /// Whether there are full stretches without columns, as far as is known, and nobody works on them. Whoever hears so must.
    fn begin(&self, stream: &str, head: u64) -> bool {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() >= MOST_LOGS && !logs.contains_key(stream) {
            logs.retain(|_, reach| reach.is_at_work);
        }
        let reach = logs.entry(stream.into()).or_default();
        let is_due = !reach.is_at_work && head >= reach.up_to.unwrap_or(0) + STRETCH;
        reach.is_at_work |= is_due;
        is_due
    }

    fn end(&self, stream: &str, up_to: Option<u64>) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.insert(stream.into(), Reach { up_to, is_at_work: false });
    }

    /// Forgets everything: for the reset of a development server.
    pub fn clear(&self) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Makes the columns that the logs of an account lack: of its commits, and of the events beside them.
///
/// # Errors
/// When the database cannot be read.
pub async fn keep_up_of(summaries: &Arc<Summaries>, runtime: &Arc<Runtime>, stream: StreamId) -> Result<(), Error> {
    for name in [stream.to_string().into(), events_of(stream)] {
        let head = runtime.store.head(&name).await?;
        keep_up(summaries, runtime, &name, head.revision);
    }
    Ok(())
}

/// Makes the columns that the accounts in memory lack.
pub fn keep_up_with_all(summaries: &Arc<Summaries>, runtime: &Arc<Runtime>) {
    for (stream, revision) in runtime.loaded_accounts() {
        if revision >= STRETCH {
            keep_up(summaries, runtime, &stream.to_string(), revision);
        }
    }
}

/// Makes the columns that a log of that length lacks, in the background. Questions meanwhile read what has none.
pub fn keep_up(summaries: &Arc<Summaries>, runtime: &Arc<Runtime>, stream: &str, head: u64) {
    if !summaries.begin(stream, head) {
        return;
    }
    let (summaries, runtime, stream) = (summaries.clone(), runtime.clone(), Box::<str>::from(stream));
    tokio::spawn(async move {
        let made = make(&runtime, &stream, head).await;
        if let Err(error) = &made {
            tracing::warn!(%error, stream = &*stream, "the columns of `{stream}` could not be made; questions about it are slow");
        }
        summaries.end(&stream, made.ok());
    });
}

/// Makes the columns of all full stretches that have none, and says up to which revision there are some.
///
/// # Errors
/// When the log cannot be read, or the database not be written.
pub async fn make(runtime: &Runtime, stream: &str, head: u64) -> Result<u64, Error> {
    let store = &runtime.store;
    // The first stretch of which nothing was folded away.
    let from = store.folded(stream).await?.saturating_sub(1).div_ceil(STRETCH) * STRETCH;
    let mut up_to = reach(store, stream, LAST.name(), from).await?;
    while up_to + STRETCH <= head {
        let records = store.records(stream, up_to, STRETCH as usize).await?;
        let columns = tokio::task::spawn_blocking(move || columns(&records)).await;
        let columns = columns.map_err(|error| Error::Internal(Box::new(error)))??;
        store.put_summaries(stream, columns).await?;
        up_to += STRETCH;
    }
    Ok(up_to)
}

fn columns(records: &[Record]) -> Result<Vec<store::Summary>, Error> {
    let first = records.first().map_or(1, |record| record.revision);
    let entries = records.iter().map(Entry::read).collect::<Result<Vec<Entry>, Error>>()?;
    let of_field = |field: &Field| {
        let digests: Vec<Digest> = entries.iter().map(|entry| digest(value(entry, *field))).collect();
        column(field.name(), first, &digests)
    };
    // That of the account is the same for all, and not in the record.
    Ok(Field::ALL.iter().filter(|field| **field != Field::AccountName).map(of_field).collect())
}
