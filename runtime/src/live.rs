//! The streams of one kind that are in memory: loaded on first use, from the newest snapshot and the commits after it, and let go when
//! memory is short.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::ids::{Revision, StreamId};
use store::{Head, Store};
use tokio::sync::OnceCell;

use crate::CommitError;
use crate::budget::Budget;
use crate::freshness::Freshness;
use crate::snapshot;
use crate::state::State;
use crate::stream::{Broken, Committed, Rehearsed, Snapshot, Stream, Write};

/// A snapshot is stored after this many commits at the earliest.
const COMMITS_PER_SNAPSHOT: u64 = 10_000;
/// So long a tail, read at a load, is not worth being read again.
const COMMITS_AT_LOAD: u64 = 1_000;
/// When a stream leaves memory, a shorter tail is worth a snapshot too.
const COMMITS_AT_THE_END: u64 = 100;

/// How many heads are asked for in one query.
const HEADS_AT_ONCE: usize = 4096;

type Cell<S> = Arc<OnceCell<Arc<Stream<S>>>>;

/// The live streams of one kind.
pub struct Live<S> {
    store: Store,
    freshness: Arc<Freshness>,
    budget: Arc<Budget>,
    empty: S,
    streams: papaya::HashMap<StreamId, Cell<S>>,
}

impl<S: State> Live<S> {
    /// None yet. `empty` is the state before the first commit.
    pub fn new(store: Store, freshness: Arc<Freshness>, budget: Arc<Budget>, empty: S) -> Live<S> {
        // What is let go of is freed at once, and not with the next few dozen: one stream may be a hundred megabytes.
        let streams = papaya::HashMap::builder().collector(seize::Collector::new().batch_size(1)).build();
        Live { store, freshness, budget, empty, streams }
    }

    /// The newest durable state; `None` if the stream has no commits.
    ///
    /// # Errors
    /// When the store cannot be read; [`CommitError::Stale`] when it was not for too long.
    pub async fn get(&self, id: StreamId) -> Result<Option<Arc<Snapshot<S>>>, CommitError> {
        if let Some(stream) = self.loaded(&id) {
            self.freshness.check()?;
            return Ok(Some(stream.asked_for()));
        }
        // Unknown ids are not kept, so that asking for them costs no memory.
        if self.store.head(&id.to_string()).await?.revision == 0 {
            return Ok(None);
        }
        Ok(Some(self.stream(id).await?.published()))
    }

    fn loaded(&self, id: &StreamId) -> Option<Arc<Stream<S>>> {
        self.streams.pin().get(id)?.get().cloned()
    }

    /// The live stream, loaded or new.
    async fn stream(&self, id: StreamId) -> Result<Arc<Stream<S>>, CommitError> {
        if let Some(stream) = self.loaded(&id) {
            return Ok(stream);
        }
        let cell = self.streams.pin().get_or_insert_with(id, Cell::default).clone();
        cell.get_or_try_init(|| self.load(id)).await.cloned()
    }

    async fn load(&self, id: StreamId) -> Result<Arc<Stream<S>>, CommitError> {
        self.budget.next_moment();
        let stream = Arc::new(snapshot::load(&self.store, id, self.empty.clone(), &self.budget).await?);
        self.store_snapshot(&stream, COMMITS_AT_LOAD);
        Ok(stream)
    }

    /// The streams that nobody is at work on: when each was used, what it weighs, and which it is.
    pub fn idle(&self) -> Vec<(u64, usize, StreamId)> {
        let streams = self.streams.pin();
        let loaded = streams.values().filter_map(|cell| cell.get());
        let idle = loaded.filter(|stream| Arc::strong_count(stream) == 1);
        idle.map(|stream| (stream.used_at(), stream.weight(), stream.id())).collect()
    }

    /// Lets go of streams. Whoever is at work on one meanwhile sees to it that its successor knows of that.
    pub fn evict(&self, evicted: &HashSet<StreamId>) {
        let streams = self.streams.pin();
        for id in evicted {
            if let Some(stream) = streams.remove(id).and_then(|cell| cell.get()) {
                stream.retire();
                self.store_snapshot(stream, COMMITS_AT_THE_END);
            }
        }
    }

    /// Waits until the stream is known to stand at a later revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn later_than(&self, id: StreamId, revision: Revision) -> Result<(), CommitError> {
        while !self.stream(id).await?.later_than(revision).await {}
        Ok(())
    }

    /// Carries out a write on a stream, existing or new.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit<T>(&self, id: StreamId, write: &Write<'_, S, T>) -> Result<Committed<S, T>, CommitError> {
        let stream = self.stream(id).await?;
        let committed = stream.commit(&self.store, write).await?;
        if committed.changed {
            self.make_known(&stream).await?;
            if committed.snapshot.revision() % COMMITS_PER_SNAPSHOT == 0 {
                self.store_snapshot(&stream, COMMITS_PER_SNAPSHOT);
            }
        }
        Ok(committed)
    }

    /// The stream may have been let go while the commit was on its way, and loaded again from a log that did not have it yet. Whoever
    /// made the commit must find it.
    async fn make_known(&self, stream: &Arc<Stream<S>>) -> Result<(), CommitError> {
        let Some(cell) = self.streams.pin().get(&stream.id()).cloned() else { return Ok(()) };
        let present = cell.get_or_try_init(|| self.load(stream.id())).await?;
        if Arc::ptr_eq(present, stream) { Ok(()) } else { present.advance(&self.store).await }
    }

    /// Works a write out on a stream, existing or new, and writes nothing.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn rehearse<T>(&self, id: StreamId, write: &Write<'_, S, T>) -> Result<Rehearsed<S, T>, CommitError> {
        match self.get(id).await? {
            Some(_) => self.stream(id).await?.rehearse(&self.store, write).await,
            // A stream that is not there is not kept for having been rehearsed.
            None => {
                let stream = snapshot::load(&self.store, id, self.empty.clone(), &self.budget).await?;
                stream.rehearse(&self.store, write).await
            }
        }
    }

    /// Writes a snapshot in the background, if that many commits came since the last one and the state is not so large that it would
    /// cost more than they did. One that fails is only a slower start; the log has everything.
    fn store_snapshot(&self, stream: &Arc<Stream<S>>, fewest: u64) {
        let Some(due) = stream.due_snapshot(fewest, |state| worth(state, fewest)) else { return };
        let (store, name) = (self.store.clone(), stream.name().to_owned());
        tokio::spawn(async move {
            if let Err(error) = snapshot::write(&store, &name, due).await {
                tracing::warn!(stream = name, %error, "a snapshot of `{name}` was not written");
            }
        });
    }

    /// Writes the snapshots that make the next start quicker.
    pub async fn write_snapshots(&self) {
        let streams: Vec<Arc<Stream<S>>> = self.streams.pin().values().filter_map(|cell| cell.get().cloned()).collect();
        for stream in streams {
            let Some(due) = stream.due_snapshot(COMMITS_AT_THE_END, |_| 0) else { continue };
            if let Err(error) = snapshot::write(&self.store, stream.name(), due).await {
                tracing::warn!(stream = stream.name(), %error, "a snapshot of `{}` was not written", stream.name());
            }
        }
    }

    /// Reads what other processes have written, for every stream in memory, or for those that are named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow(&self, named: Option<&[Box<str>]>) -> Result<(), CommitError> {
        let is_named = |stream: &Stream<S>| named.is_none_or(|names| names.iter().any(|name| **name == *stream.name()));
        let streams: Vec<Arc<Stream<S>>> = self.streams.pin().values().filter_map(|cell| cell.get().cloned()).collect();
        let mut streams: Vec<Arc<Stream<S>>> = streams.into_iter().filter(|stream| is_named(stream)).collect();
        // In an order that is the same whenever all else is, so that a simulation replays.
        streams.sort_unstable_by_key(|stream| stream.id());
        for streams in streams.chunks(HEADS_AT_ONCE) {
            // Before the heads are read: what is published is in the log, so the log cannot be behind it.
            let known: Vec<Arc<Snapshot<S>>> = streams.iter().map(|stream| stream.published()).collect();
            let names: Vec<Box<str>> = streams.iter().map(|stream| stream.name().into()).collect();
            let heads: HashMap<Box<str>, Head> = self.store.heads(&names).await?.into_iter().collect();
            for (stream, known) in streams.iter().zip(known) {
                let head = heads.get(stream.name()).copied().unwrap_or(Head::EMPTY);
                self.follow_to(stream, &known, head).await?;
            }
        }
        Ok(())
    }

    async fn follow_to(&self, stream: &Arc<Stream<S>>, known: &Snapshot<S>, head: Head) -> Result<(), CommitError> {
        let has_advanced = match head.revision.cmp(&known.revision()) {
            Ordering::Greater => stream.advance(&self.store).await,
            Ordering::Equal if head.hash == known.hash => Ok(()),
            Ordering::Equal | Ordering::Less => Err(Broken::Gone(stream.name().into()).into()),
        };
        match has_advanced {
            Err(CommitError::Broken(error)) => {
                // A database that was set back, by a backup or by a standby that knew less: what it says counts, not our memory.
                tracing::error!(stream = stream.name(), %error, "`{}` in the log is not what was read before; reading it anew", stream.name());
                self.streams.pin().remove(&stream.id());
                stream.retire();
                Ok(())
            }
            other => other,
        }
    }

    /// The streams in memory, and where they stand.
    pub fn heads(&self) -> Vec<(StreamId, Revision)> {
        let streams = self.streams.pin();
        let loaded = streams.iter().filter_map(|(id, cell)| Some((*id, cell.get()?.published().revision())));
        loaded.collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.streams.pin().clear();
    }
}

/// How many commits a snapshot should wait for while the server runs: in proportion to the size of the state, so that snapshots never
/// cost more than the commits did.
fn worth<S: State>(state: &S, fewest: u64) -> u64 {
    let most_counted = usize::try_from(fewest).unwrap_or(usize::MAX).saturating_mul(400);
    state.documents().take(most_counted).count() as u64 / 4
}
