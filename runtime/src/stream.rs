//! One live stream: its newest durable state, the newest queued one, and how a commit gets from one to the other.

mod broken;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use model::account_state::Malformed;
use model::change::{self, Change};
use model::claims;
use model::ids::{Revision, StreamId};
use model::time::Timestamp;
use store::{AppendError, ClaimChange, Commit, Head, LeaseChange, Pending, Record, Store, Transaction};
use tokio::sync::watch;

pub use self::broken::Broken;
use crate::budget::{self, Budget};
use crate::revocations::{self, Journal, Revocation};
use crate::state::State;
use crate::to_its_end::to_its_end;
use crate::{CommitError, Origin, clock, jobs};

/// How often a commit is tried again when other writers are faster.
const MOST_TRIES: usize = 16;

/// A state and its place in the hash chain.
#[derive(Clone)]
pub struct Snapshot<S> {
    /// The state.
    pub state: S,
    /// The hash of the commit that made it.
    pub hash: [u8; 32],
    /// The time of that commit.
    pub at: Timestamp,
    /// The bytes that the documents of the state take, about.
    weight: usize,
}

impl<S: State> Snapshot<S> {
    /// A state that was read whole.
    pub fn of(state: S, hash: [u8; 32], at: Timestamp) -> Snapshot<S> {
        let weight = state.documents().map(|document| budget::weight(&document)).sum();
        Snapshot { state, hash, at, weight }
    }

    /// The state after these changes, and what it weighs.
    fn after(&self, changes: &[Change]) -> Result<(S, usize), Malformed> {
        let state = self.state.after(changes)?;
        let before = changes.iter().filter_map(|change| self.state.document(&change.id()));
        let gone: usize = before.map(|document| budget::weight(&document)).sum();
        let put = changes.iter().map(|change| match change {
            Change::Put(document) => budget::weight(document),
            Change::Delete(_) => 0,
        });
        Ok((state, (self.weight + put.sum::<usize>()).saturating_sub(gone)))
    }

    /// The revision of the state.
    pub fn revision(&self) -> Revision {
        self.state.revision()
    }

    /// The state one commit later, as the log tells it.
    ///
    /// # Errors
    /// When the commit does not continue this state.
    pub fn followed_by(&self, record: &Record) -> Result<Snapshot<S>, Broken> {
        self.step(record).map(|(after, _)| after)
    }

    /// The state one commit later, and what changed.
    ///
    /// # Errors
    /// As for [`Snapshot::followed_by`].
    pub fn step(&self, record: &Record) -> Result<(Snapshot<S>, Vec<Change>), Broken> {
        if record.revision != self.revision() + 1 {
            return Err(Broken::chain(record, "its number does not follow"));
        }
        if record.prev_hash != self.hash {
            return Err(Broken::chain(record, "it does not name the hash of the one before"));
        }
        if !record.verify_hash() {
            return Err(Broken::chain(record, "its hash does not fit its content"));
        }
        let changes = change::read(&record.changes).map_err(|error| Broken::Changes {
            stream: record.stream.clone(),
            revision: record.revision,
            error,
        })?;
        let (state, weight) = self.after(&changes).map_err(|error| Broken::Unfit {
            stream: record.stream.clone(),
            revision: record.revision,
            error,
        })?;
        Ok((Snapshot { state, hash: record.hash, at: Timestamp::from_micros(record.at), weight }, changes))
    }

    /// The state before the first commit, given as `empty`.
    pub fn start(empty: S) -> Snapshot<S> {
        Snapshot { state: empty, hash: Head::EMPTY.hash, at: Timestamp::from_micros(0), weight: 0 }
    }
}

/// What a commit came to.
pub struct Committed<S, T> {
    /// The state after it: durable.
    pub snapshot: Arc<Snapshot<S>>,
    /// What the operation answered.
    pub output: T,
    /// Whether a commit was made; a write that changes nothing makes none (D79).
    pub changed: bool,
}

/// What a write would have come to.
pub struct Rehearsed<S, T> {
    /// The durable state that it was worked out on.
    pub before: Arc<Snapshot<S>>,
    /// The state after it, which nobody else sees; `before` itself where nothing would change.
    pub after: Arc<Snapshot<S>>,
    /// What would be written.
    pub changes: Vec<Change>,
    /// What the operation would answer.
    pub output: T,
}

/// An operation on a state at a time: the changes, and what it answers.
pub type Work<'a, S, T> = dyn Fn(&S, Timestamp) -> Result<(Vec<Change>, T), CommitError> + Sync + 'a;

/// The invariants, on the states before and after the changes.
pub type Check<'a, S> = dyn Fn(&S, &S, &[Change]) -> Result<(), CommitError> + Sync + 'a;

/// The pieces of a write, each a pure function.
pub struct Write<'a, S, T> {
    /// Who and by what.
    pub origin: &'a Origin,
    /// Where it is noted what was revoked.
    pub journal: &'a Arc<Journal>,
    /// When.
    pub now: Timestamp,
    /// The operation.
    pub work: &'a Work<'a, S, T>,
    /// The invariants.
    pub check: &'a Check<'a, S>,
    /// Where the commit is seen besides its own stream: see [`store::Commit::appears_in`].
    pub appears_in: Vec<Box<str>>,
    /// A lease made of the answer, in the same transaction.
    pub remember: &'a (dyn Fn(&Snapshot<S>, &T) -> Option<LeaseChange> + Sync),
}

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
