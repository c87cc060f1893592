//! One live stream: its newest durable state, the newest queued one, and how a commit gets from one to the other.

mod broken;
mod pieces;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use model::change::{self, Change};
use model::claims;
use model::ids::{Revision, StreamId};
use model::time::Timestamp;
use store::{AppendError, ClaimChange, Commit, Head, Pending, Record, Store, Transaction};
use tokio::sync::watch;

pub use self::broken::Broken;
pub use self::pieces::{Check, Committed, Rehearsed, Snapshot, Work, Write};
use crate::budget::{self, Budget};
use crate::revocations::{self, Revocation};
use crate::state::State;
use crate::to_its_end::to_its_end;
use crate::{CommitError, Origin, clock, jobs};

/// How often a commit is tried again when other writers are faster.
const MOST_TRIES: usize = 16;

/// One live stream.
pub struct Stream<S> {
    id: StreamId,
    name: Box<str>,
    published: ArcSwap<Snapshot<S>>,
    tail: Mutex<Tail<S>>,
    progress: watch::Sender<Progress>,
    budget: Arc<Budget>,
    /// When it was last asked for, in the time of the budget.
    used_at: AtomicU64,
}

/// The newest queued state. Commits build on it before it is durable.
struct Tail<S> {
    newest: Arc<Snapshot<S>>,
    /// Counts how often queued commits were lost; a commit of an earlier epoch is void.
    epoch: u64,
    /// The revision of the newest stored snapshot.
    stored: Revision,
}

#[derive(Clone, Copy)]
struct Progress {
    durable: Revision,
    epoch: u64,
    /// It is no longer the one that others find.
    retired: bool,
}

/// Whether a state that was built on came to be durable.
enum Fate {
    Durable,
    Lost,
}

/// What became of queueing a commit.
enum Queued<S, T> {
    Nothing { on: Arc<Snapshot<S>>, epoch: u64, output: Result<T, CommitError> },
    Waiting { next: Arc<Snapshot<S>>, epoch: u64, output: T, pending: Pending, revoked: Vec<Revocation> },
}

impl<S: State> Stream<S> {
    /// A stream that stands at a state of which a snapshot is stored at revision `stored`. It takes of the budget what it weighs, until
    /// it is dropped.
    pub fn new(id: StreamId, snapshot: Snapshot<S>, stored: Revision, budget: Arc<Budget>) -> Stream<S> {
        let newest = Arc::new(snapshot);
        budget.take(budget::STREAM + newest.weight);
        let progress = watch::Sender::new(Progress { durable: newest.revision(), epoch: 0, retired: false });
        Stream {
            used_at: AtomicU64::new(budget.moment()),
            budget,
            id,
            name: id.to_string().into(),
            published: ArcSwap::new(newest.clone()),
            tail: Mutex::new(Tail { newest, epoch: 0, stored }),
            progress,
        }
    }

    /// The newest durable state.
    pub fn published(&self) -> Arc<Snapshot<S>> {
        self.published.load_full()
    }

    /// The newest durable state, for somebody who asked for it.
    pub fn asked_for(&self) -> Arc<Snapshot<S>> {
        let now = self.budget.moment();
        // Most often it was asked for at this moment already: then nothing is written that other cores read.
        if self.used_at.load(Ordering::Relaxed) != now {
            self.used_at.store(now, Ordering::Relaxed);
        }
        self.published()
    }

    /// When it was last asked for, in the time of the budget.
    pub fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    /// The bytes that it takes, about.
    pub fn weight(&self) -> usize {
        budget::STREAM + self.published().weight
    }

    /// Carries out a write, again on a newer state where another writer was faster.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit<T>(
        self: &Arc<Self>,
        store: &Store,
        write: &Write<'_, S, T>,
    ) -> Result<Committed<S, T>, CommitError> {
        for _ in 0..MOST_TRIES {
            match self.queue(store, write)? {
                Queued::Nothing { on, epoch, output } => match self.fate(on.revision(), epoch).await {
                    Fate::Durable => return output.map(|output| Committed { snapshot: on, output, changed: false }),
                    Fate::Lost => continue,
                },
                Queued::Waiting { next, epoch, output, pending, revoked } => {
                    let settling = self.clone().settle(store.clone(), next.clone(), epoch, pending);
                    let (journal, at) = (write.journal.clone(), next.at);
                    let settling = async move {
                        let fate = settling.await?;
                        if let Fate::Durable = fate {
                            journal.note(at, revoked).await;
                        }
                        Ok::<_, CommitError>(fate)
                    };
                    match to_its_end(settling).await? {
                        Fate::Durable => return Ok(Committed { snapshot: next, output, changed: true }),
                        Fate::Lost => continue,
                    }
                }
            }
        }
        Err(CommitError::Busy)
    }

    /// Waits until a queued commit is written or refused, and lets everybody know who waits for that or built on it.
    async fn settle(
        self: Arc<Self>,
        store: Store,
        next: Arc<Snapshot<S>>,
        epoch: u64,
        pending: Pending,
    ) -> Result<Fate, CommitError> {
        match pending.await {
            Ok(()) => {
                self.publish(&next);
                Ok(Fate::Durable)
            }
            Err(AppendError::Conflict { .. }) => {
                self.catch_up(&store, epoch).await?;
                Ok(Fate::Lost)
            }
            Err(AppendError::Claimed(claim)) => {
                self.catch_up(&store, epoch).await?;
                Err(CommitError::Claimed(claim))
            }
            Err(error @ (AppendError::Backend(_) | AppendError::Closed)) => {
                self.catch_up(&store, epoch).await?;
                // The fate of a failed append is unknown until the log is read.
                if self.has(&store, &next).await? {
                    return Ok(Fate::Durable);
                }
                Err(match error {
                    AppendError::Backend(error) => error.into(),
                    AppendError::Conflict { .. } | AppendError::Claimed(_) | AppendError::Closed => {
                        store::StoreError::Closed.into()
                    }
                })
            }
        }
    }

    /// Works the change out on the newest queued state and queues it, under the stream's lock.
    fn queue<T>(&self, store: &Store, write: &Write<'_, S, T>) -> Result<Queued<S, T>, CommitError> {
        let mut tail = self.lock_tail();
        let (before, epoch) = (tail.newest.clone(), tail.epoch);
        let now = write.now.max(before.at);
        let nothing = |output| Ok(Queued::Nothing { on: before.clone(), epoch, output });
        let (changes, output) = match (write.work)(&before.state, now) {
            Ok((changes, output)) if changes.is_empty() => return nothing(Ok(output)),
            Ok(worked) => worked,
            Err(error) => return nothing(Err(error)),
        };
        let (state, weight) = before.after(&changes).map_err(Broken::from)?;
        if let Err(error) = (write.check)(&before.state, &state, &changes) {
            return nothing(Err(error));
        }
        let record = self.seal(&before, write.origin, now, &changes)?;
        let next = Arc::new(Snapshot { state, hash: record.hash, at: now, weight });
        let mut leases = jobs::leases_of(&self.name, &changes, now);
        leases.extend((write.remember)(&next, &output));
        let claims = self.claims(&before.state, &changes);
        let revoked = revocations::of_changes(self.id, &changes, |id| before.state.document(id));
        let touched = changes.iter().map(|change| change.id().to_string().into()).collect();
        let commit = Commit { record, touched, appears_in: write.appears_in.clone() };
        let pending = store.enqueue(Transaction { commits: vec![commit], claims, leases });
        tail.newest = next.clone();
        Ok(Queued::Waiting { next, epoch, output, pending, revoked })
    }

    /// Works a write out on the newest durable state, checks all that a commit checks, and writes nothing.
    ///
    /// # Errors
    /// Those that the commit would meet.
    pub async fn rehearse<T>(&self, store: &Store, write: &Write<'_, S, T>) -> Result<Rehearsed<S, T>, CommitError> {
        let before = self.published();
        let now = write.now.max(before.at);
        let (changes, output) = (write.work)(&before.state, now)?;
        if changes.is_empty() {
            return Ok(Rehearsed { after: before.clone(), before, changes, output });
        }
        let (state, weight) = before.after(&changes).map_err(Broken::from)?;
        (write.check)(&before.state, &state, &changes)?;
        self.check_claims(store, self.claims(&before.state, &changes)).await?;
        let record = self.seal(&before, write.origin, now, &changes)?;
        let after = Arc::new(Snapshot { state, hash: record.hash, at: now, weight });
        Ok(Rehearsed { before, after, changes, output })
    }

    /// Whether the claims could be taken and released as things stand.
    async fn check_claims(&self, store: &Store, changes: Vec<ClaimChange>) -> Result<(), CommitError> {
        let mut released = HashSet::new();
        for change in changes {
            match change {
                ClaimChange::Release { kind, key, .. } => _ = released.insert((kind, key)),
                ClaimChange::Take(claim) => {
                    let holder = store.claim(&claim.kind, &claim.key).await?;
                    let freed = released.contains(&(claim.kind.clone(), claim.key.clone()));
                    let other = holder.filter(|holder| *holder != claim && !(freed && holder.stream == claim.stream));
                    if let Some(holder) = other {
                        return Err(CommitError::Claimed(holder));
                    }
                }
            }
        }
        Ok(())
    }

    fn seal(
        &self,
        before: &Snapshot<S>,
        origin: &Origin,
        now: Timestamp,
        changes: &[Change],
    ) -> Result<Record, Broken> {
        let head = Head { revision: before.revision(), hash: before.hash };
        let actor = serde_json::to_string(&origin.actor)?;
        let mut request = Cow::Borrowed(&origin.request);
        if request.audit_id.is_empty() {
            request.to_mut().audit_id = clock::audit_id(now).to_string().into();
        }
        let request = serde_json::to_string(&request)?;
        Ok(Record::seal(&head, self.name.clone(), now.as_micros(), actor, request, change::write(changes)?))
    }

    fn claims(&self, before: &S, changes: &[Change]) -> Vec<ClaimChange> {
        let (taken, released) = claims::of_changes(self.id, changes, |id| before.document(id));
        let stream = self.name.clone();
        let taken = taken.into_iter().map(|claim| {
            ClaimChange::Take(store::Claim {
                kind: claim.kind.into(),
                key: claim.key.into(),
                stream: stream.clone(),
                id: claim.id.into(),
            })
        });
        let released = released.into_iter().map(|claim| ClaimChange::Release {
            kind: claim.kind.into(),
            key: claim.key.into(),
            stream: self.name.clone(),
        });
        released.chain(taken).collect()
    }

    /// Waits until a later revision is durable; false if this stream is no longer the one to wait for.
    pub async fn later_than(&self, revision: Revision) -> bool {
        // The sender lives as long as this stream.
        let mut progress = self.progress.subscribe();
        progress.wait_for(|now| now.durable > revision || now.retired).await.is_ok_and(|now| now.durable > revision)
    }

    /// Tells those who wait that others will not find this stream any more.
    pub fn retire(&self) {
        self.progress.send_modify(|progress| progress.retired = true);
    }

    /// Waits until a state that was built on is durable or lost.
    async fn fate(&self, revision: Revision, epoch: u64) -> Fate {
        let mut progress = self.progress.subscribe();
        let settled = progress.wait_for(|now| now.epoch != epoch || now.durable >= revision).await;
        match settled {
            Ok(now) if now.epoch == epoch => Fate::Durable,
            Ok(_) | Err(_) => Fate::Lost,
        }
    }

    fn publish(&self, next: &Arc<Snapshot<S>>) {
        let former =
            self.published.rcu(|now| if now.revision() >= next.revision() { now.clone() } else { next.clone() });
        if former.revision() < next.revision() {
            self.budget.take(next.weight);
            self.budget.give_back(former.weight);
        }
        self.progress.send_if_modified(|progress| {
            let newer = next.revision() > progress.durable;
            progress.durable = progress.durable.max(next.revision());
            newer
        });
    }

    /// Reads what the log has beyond the published state, and drops queued states that were built on something else, also when the log
    /// cannot be read. `epoch` is that of the commit that failed: the first to notice starts a new one.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn catch_up(&self, store: &Store, epoch: u64) -> Result<(), CommitError> {
        let read = self.read_on(store).await;
        let mut tail = self.lock_tail();
        if let Ok(newest) = &read {
            self.publish(newest);
        }
        if tail.epoch == epoch {
            self.start_epoch(&mut tail);
        }
        read.map(drop)
    }

    /// Reads what other processes have written. Commits that are on their way hear by themselves whether they came too late.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn advance(&self, store: &Store) -> Result<(), CommitError> {
        let newest = self.read_on(store).await?;
        let mut tail = self.lock_tail();
        self.publish(&newest);
        if tail.newest.revision() < newest.revision() {
            self.start_epoch(&mut tail);
        }
        Ok(())
    }

    /// The newest state in the log.
    async fn read_on(&self, store: &Store) -> Result<Arc<Snapshot<S>>, CommitError> {
        let mut newest = self.published();
        loop {
            let records = store.records(&self.name, newest.revision(), 1000).await?;
            for record in &records {
                newest = Arc::new(newest.followed_by(record)?);
            }
            if records.len() < 1000 {
                return Ok(newest);
            }
        }
    }

    /// What is queued is void: the next commit builds on what is published.
    fn start_epoch(&self, tail: &mut Tail<S>) {
        tail.epoch += 1;
        tail.newest = self.published();
        let epoch = tail.epoch;
        self.progress.send_modify(|progress| progress.epoch = epoch);
    }

    async fn has(&self, store: &Store, next: &Snapshot<S>) -> Result<bool, CommitError> {
        let records = store.records(&self.name, next.revision() - 1, 1).await?;
        Ok(records.first().is_some_and(|record| record.hash == next.hash))
    }

    /// The state to store as a snapshot, if that many commits came since the last one, and as many as the state itself asks for.
    pub fn due_snapshot(&self, fewest: u64, asks_for: impl FnOnce(&S) -> u64) -> Option<Arc<Snapshot<S>>> {
        let newest = self.published();
        let passed = newest.revision().saturating_sub(self.lock_tail().stored);
        if passed < fewest || passed < asks_for(&newest.state) {
            return None;
        }
        let mut tail = self.lock_tail();
        // Somebody else may have been faster.
        let is_due = tail.stored < newest.revision();
        tail.stored = tail.stored.max(newest.revision());
        is_due.then_some(newest)
    }

    /// The account or user.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The name of the stream in the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn lock_tail(&self) -> MutexGuard<'_, Tail<S>> {
        // A panic inside the lock leaves the tail as it was before: it is assigned whole, last.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Stream<S> {
    fn drop(&mut self) {
        self.budget.give_back(budget::STREAM + self.published.load().weight);
    }
}
