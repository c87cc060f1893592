//! Snapshots: a state as a file of lines, so that loading a long log is fast. They can always be made again from the
//! log, so a damaged or unknown one is passed over.
//!
//! The first line says the version, revision, hash and time; each further line is one document.

use std::io::Write as _;
use std::sync::{Arc, mpsc};

use model::change::{Document, SCHEMA_VERSION};
use model::ids::{Revision, StreamId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::CommitError;
use crate::budget::Budget;
use crate::history::fold;
use crate::state::State;
use crate::stream::{Broken, Snapshot, Stream};

/// How many commits are read at once.
const PAGE: Revision = 1000;

#[derive(Serialize, Deserialize)]
struct Header {
    v: u32,
    revision: Revision,
    hash: [u8; 32],
    at: Timestamp,
}

/// Stores a state.
///
/// # Errors
/// When the store cannot be written.
pub async fn write<S: State>(store: &Store, stream: &str, snapshot: Arc<Snapshot<S>>) -> Result<(), CommitError> {
    let revision = snapshot.revision();
    let bytes = tokio::task::spawn_blocking(move || encode(&snapshot)).await;
    let bytes = bytes.map_err(|_| store::StoreError::Closed)?.map_err(Broken::from)?;
    Ok(store.put_snapshot(stream, revision, bytes).await?)
}

pub(crate) fn encode<S: State>(snapshot: &Snapshot<S>) -> Result<Vec<u8>, serde_json::Error> {
    let header = Header { v: SCHEMA_VERSION, revision: snapshot.revision(), hash: snapshot.hash, at: snapshot.at };
    let mut bytes = serde_json::to_vec(&header)?;
    for document in snapshot.state.documents() {
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, &document)?;
    }
    bytes.flush().map_err(serde_json::Error::io)?;
    Ok(bytes)
}

/// How many documents the reading of a snapshot hands over at once, and how many such batches it may be ahead.
const BATCH: usize = 512;
const AHEAD: usize = 16;

/// One thread reads while this one builds the state: either takes about half the time.
pub(crate) fn decode<S: State>(bytes: &[u8], empty: &S) -> Option<Snapshot<S>> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let header: Header = serde_json::from_slice(lines.next()?).ok()?;
    if header.v != SCHEMA_VERSION {
        return None;
    }
    std::thread::scope(|scope| {
        let (batches, documents) = mpsc::sync_channel::<Vec<Document>>(AHEAD);
        let reading = scope.spawn(move || read(lines, &batches));
        let state = empty.load(header.revision, documents.into_iter().flatten()).ok();
        // A document that cannot be read ends the batches, so a state may have come of only a part of them.
        reading.join().ok()??;
        Some(Snapshot::of(state?, header.hash, header.at))
    })
}

/// Reads documents until one cannot be read, or nobody wants them any more.
fn read<'a>(mut lines: impl Iterator<Item = &'a [u8]>, batches: &mpsc::SyncSender<Vec<Document>>) -> Option<()> {
    loop {
        let read = |line| serde_json::from_slice(line).ok();
        let batch: Vec<Document> = lines.by_ref().take(BATCH).map(read).collect::<Option<_>>()?;
        if batch.is_empty() {
            return Some(());
        }
        batches.send(batch).ok()?;
    }
}

/// The stream as the store has it: the newest usable snapshot and the commits after it.
///
/// # Errors
/// When the log cannot be read.
pub async fn load<S: State>(
    store: &Store,
    id: StreamId,
    empty: S,
    budget: &Arc<Budget>,
) -> Result<Stream<S>, CommitError> {
    let start = newest(store, id, None, empty).await?;
    let stored = start.revision();
    let snapshot = replay(store, id, start, None).await?;
    Ok(Stream::new(id, snapshot, stored, budget.clone()))
}

/// The state at a revision, or the newest.
///
/// # Errors
/// When the log cannot be read.
pub async fn at<S: State>(
    store: &Store,
    id: StreamId,
    revision: Option<Revision>,
    empty: S,
) -> Result<Snapshot<S>, CommitError> {
    let start = newest(store, id, revision, empty).await?;
    replay(store, id, start, revision).await
}

/// How many commits are replayed rather than looked for a snapshot: about as many as lie between two.
const WORTH_A_SNAPSHOT: Revision = 10_000;

/// The state at a revision that the log has, from `base`, an earlier state, or the newest snapshot before.
///
/// # Errors
/// When the log cannot be read.
pub async fn after<S: State>(
    store: &Store,
    id: StreamId,
    base: Option<Arc<Snapshot<S>>>,
    revision: Revision,
    empty: S,
) -> Result<Arc<Snapshot<S>>, CommitError> {
    let start = match base {
        Some(base) if revision - base.revision() <= WORTH_A_SNAPSHOT => Snapshot::clone(&base),
        base => {
            let stored = newest(store, id, Some(revision), empty).await?;
            base.filter(|base| base.revision() > stored.revision()).map_or(stored, |base| Snapshot::clone(&base))
        }
    };
    let snapshot = replay(store, id, start, Some(revision)).await?;
    if snapshot.revision() != revision {
        return Err(Broken::missing(id, snapshot.revision() + 1).into());
    }
    Ok(Arc::new(snapshot))
}

async fn newest<S: State>(
    store: &Store,
    id: StreamId,
    at_most: Option<Revision>,
    empty: S,
) -> Result<Snapshot<S>, CommitError> {
    let Some((revision, bytes)) = store.snapshot(&id.to_string(), at_most).await? else {
        return beginning(store, id, empty).await;
    };
    let (from, start) = (bytes, empty.clone());
    let decoded = tokio::task::spawn_blocking(move || decode(&from, &start)).await.ok().flatten();
    match decoded.filter(|snapshot| snapshot.revision() == revision) {
        Some(snapshot) => Ok(snapshot),
        None => {
            tracing::warn!(stream = %id, revision, "the snapshot of `{id}` at revision {revision} cannot be used; replaying the log");
            beginning(store, id, empty).await
        }
    }
}

/// The state that the log begins with: its base, or nothing.
///
/// # Errors
/// When the log cannot be read; [`Broken::Base`] for a base that nobody signed.
pub async fn beginning<S: State>(store: &Store, id: StreamId, empty: S) -> Result<Snapshot<S>, CommitError> {
    // Most logs have none, and that is told without reading one.
    if store.folded(&id.to_string()).await? == 0 {
        return Ok(Snapshot::start(empty));
    }
    match store.base(&id.to_string()).await? {
        Some(base) => Ok(fold::open(base, &empty)?),
        None => Ok(Snapshot::start(empty)),
    }
}

async fn replay<S: State>(
    store: &Store,
    id: StreamId,
    start: Snapshot<S>,
    until: Option<Revision>,
) -> Result<Snapshot<S>, CommitError> {
    let mut snapshot = start;
    let name = id.to_string();
    loop {
        let left = until.map_or(Revision::MAX, |until| until.saturating_sub(snapshot.revision()));
        let page = left.min(PAGE) as usize;
        let records = store.records(&name, snapshot.revision(), page).await?;
        for record in &records {
            snapshot = snapshot.followed_by(record)?;
        }
        if page == 0 || records.len() < page {
            return Ok(snapshot);
        }
    }
}
