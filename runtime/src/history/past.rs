//! The past states that were asked for of late, so that the second page of an answer costs no second replay.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{Revision, StreamId};
use tokio::sync::OnceCell;

use crate::CommitError;
use crate::state::State;
use crate::stream::Snapshot;

/// At most this many states.
const MOST_STATES: usize = 16;
/// At most this many documents in all of them, as if they shared nothing; but one state may stay, however large it is.
const MOST_DOCUMENTS: usize = 250_000;

/// Past states of the streams of one kind. They never change, so none is ever out of date.
pub struct Past<S> {
    /// The newest used last.
    recent: Mutex<Vec<Kept<S>>>,
}

struct Kept<S> {
    stream: StreamId,
    revision: Revision,
    /// Empty while it is replayed: whoever asks for the same meanwhile waits here.
    state: Arc<OnceCell<Arc<Snapshot<S>>>>,
    documents: usize,
}

impl<S> Default for Past<S> {
    fn default() -> Past<S> {
        Past { recent: Mutex::new(Vec::new()) }
    }
}

impl<S: State> Past<S> {
    /// The state of a stream at a revision: one that is here, or what `load` makes, which may start from the newest earlier one.
    ///
    /// # Errors
    /// Those of `load`; the next to ask tries again.
    pub async fn get<F>(
        &self,
        stream: StreamId,
        revision: Revision,
        load: impl FnOnce(Option<Arc<Snapshot<S>>>) -> F,
    ) -> Result<Arc<Snapshot<S>>, CommitError>
    where
        F: Future<Output = Result<Arc<Snapshot<S>>, CommitError>>,
    {
        let (cell, base) = self.enter(stream, revision);
        let snapshot = cell.get_or_try_init(|| load(base)).await?.clone();
        self.keep(stream, revision, &snapshot);
        Ok(snapshot)
    }

    /// The place of a state, and the newest earlier state of the same stream.
    #[expect(clippy::type_complexity, reason = "a pair of what one state is kept in")]
    fn enter(
        &self,
        stream: StreamId,
        revision: Revision,
    ) -> (Arc<OnceCell<Arc<Snapshot<S>>>>, Option<Arc<Snapshot<S>>>) {
        let mut recent = self.lock();
        let place = recent.iter().position(|kept| (kept.stream, kept.revision) == (stream, revision));
        let kept = match place {
            Some(place) => recent.remove(place),
            None => Kept { stream, revision, state: Arc::default(), documents: 0 },
        };
        let earlier = recent.iter().filter(|kept| kept.stream == stream && kept.revision < revision);
        let base = earlier.filter_map(|kept| kept.state.get()).max_by_key(|state| state.revision()).cloned();
        let state = kept.state.clone();
        recent.push(kept);
        if recent.len() > MOST_STATES {
            recent.remove(0);
        }
        (state, base)
    }

    /// Notes how large the state came to be, and lets go of what was not used for longest where that is too much.
    fn keep(&self, stream: StreamId, revision: Revision, snapshot: &Snapshot<S>) {
        let is_it = |kept: &&mut Kept<S>| (kept.stream, kept.revision) == (stream, revision);
        if self.lock().iter_mut().find(is_it).is_none_or(|kept| kept.documents > 0) {
            return;
        }
        // Counted without the lock, since it takes as long as the state is large.
        let documents = snapshot.state.documents().count();
        let mut recent = self.lock();
        if let Some(kept) = recent.iter_mut().find(is_it) {
            kept.documents = documents;
        }
        let mut total: usize = recent.iter().map(|kept| kept.documents).sum();
        while total > MOST_DOCUMENTS && recent.len() > 1 {
            total -= recent.remove(0).documents;
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept<S>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
