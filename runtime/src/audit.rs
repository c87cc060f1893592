//! The audit of accounts and users: who did what, and who tried.
//!
//! Ada adds a member: her commit says who, when, by which request and what changed, so it *is* the entry of the audit log. Ben may
//! not add members and tries: nothing is committed, so his attempt is an [`event::Event`], kept in a log of its own beside the
//! account's. That log has the shape of every other: each record carries the hash of the one before, and none is ever changed.
//! Who reads the audit reads both, merged by time ([`merged`]), and what happened to the account's users besides (D86).
//!
//! An event must not cost the refused request a flush of the disk, or refusals would be a way to slow the server down. So events
//! wait in a bounded queue ([`AuditLog`]) and are written behind, many at once; whoever reads the audit has them written first.

pub mod columns;
pub mod event;
pub mod merged;
mod verified;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::commit::{Actor, Request};
use model::ids::{AccountId, StreamId, UserId};
use model::time::Timestamp;
use store::{AppendError, Commit, Record, Store, StoreError, Transaction};
use tokio::sync::Notify;

use self::event::Event;
use crate::credentials::memberships;
use crate::{Origin, clock};

/// The most events that wait to be written; what comes beyond is counted, and the count is written as an event.
const MOST_WAITING: usize = 10_000;
/// So many waiting ones are written without waiting for the clock.
const ENOUGH: usize = 1_000;
/// The most events of one transaction, so that commits need not wait long behind it.
const AT_ONCE: usize = 500;
/// How often an event is tried to be written when another process writes to the same log.
const MOST_TRIES: usize = 8;

/// Whose audit an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An account's.
    Account(AccountId),
    /// A user's; and so that of each account that the user is in at that time (D86).
    User(UserId),
    /// The server's own: what belongs to nobody.
    Server,
}

impl Place {
    /// The stream of its events.
    pub fn stream(self) -> Box<str> {
        match self {
            Place::Account(id) => events_of(StreamId::Account(id)),
            Place::User(id) => events_of(StreamId::User(id)),
            Place::Server => format!("{EVENTS}server").into(),
        }
    }
}

/// What the names of the streams of events begin with.
pub const EVENTS: &str = "audit/";

/// The stream of the events beside a log of commits.
pub fn events_of(stream: StreamId) -> Box<str> {
    format!("{EVENTS}{stream}").into()
}

/// Whether the name is that of a stream of events, and not of commits.
pub fn is_events(stream: &str) -> bool {
    stream.starts_with(EVENTS)
}

/// One event on its way.
#[derive(Clone, Debug)]
struct Waiting {
    place: Place,
    at: Timestamp,
    origin: Origin,
    event: Event,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// How many found no room.
    lost: u64,
}

/// The events that are not written yet.
pub struct AuditLog {
    store: Store,
    queue: Mutex<Queue>,
    /// Held while events are written, so that they keep their order.
    writing: tokio::sync::Mutex<()>,
    enough: Notify,
}

impl AuditLog {
    /// An empty queue before a store.
    pub fn new(store: Store) -> AuditLog {
        AuditLog { store, queue: Mutex::default(), writing: tokio::sync::Mutex::default(), enough: Notify::new() }
    }

    /// Notes an event. Takes a short lock and does not wait. An event of an account that is not there becomes one of the server's.
    pub fn note(&self, place: Place, at: Timestamp, origin: Origin, event: Event) {
        let mut queue = self.lock();
        if queue.waiting.len() >= MOST_WAITING {
            queue.lost += 1;
            return;
        }
        queue.waiting.push_back(Waiting { place, at, origin, event });
        if queue.waiting.len() == ENOUGH {
            self.enough.notify_one();
        }
    }

    /// Resolves when so many events wait that they should be written at once.
    pub async fn enough(&self) {
        self.enough.notified().await;
    }

    /// Writes everything that waits. What cannot be written is kept for the next time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let _in_order = self.writing.lock().await;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return Ok(());
            }
            if let Err((error, unwritten)) = self.write(batch).await {
                self.put_back(unwritten);
                return Err(error);
            }
        }
    }

    /// Where events of a user, and commits of one, are seen besides: in the accounts that the user is in now (D86).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn appearances_of(&self, stream: StreamId) -> Result<Vec<Box<str>>, StoreError> {
        let StreamId::User(user) = stream else { return Ok(Vec::new()) };
        let accounts = memberships(&self.store, user).await?;
        Ok(accounts.into_iter().map(|account| StreamId::Account(account).to_string().into()).collect())
    }

    /// Forgets what waits: for the reset of a development server.
    pub(crate) fn clear(&self) {
        *self.lock() = Queue::default();
    }

    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.lock();
        let count = queue.waiting.len().min(AT_ONCE);
        let mut batch: Vec<Waiting> = queue.waiting.drain(..count).collect();
        if queue.waiting.is_empty() && queue.lost > 0 {
            // An event of its own, so that whoever reads the log knows that it has a gap, and how large.
            let count = std::mem::take(&mut queue.lost);
            let at = batch.last().map_or_else(|| Timestamp::from_micros(0), |last| last.at);
            batch.push(Waiting { place: Place::Server, at, origin: by_the_server(at), event: Event::Lost { count } });
        }
        batch
    }

    fn put_back(&self, unwritten: Vec<Waiting>) {
        let mut queue = self.lock();
        for waiting in unwritten.into_iter().rev() {
            match waiting.event {
                Event::Lost { count } => queue.lost += count,
                Event::Refused(_) | Event::FailedAuthentications { .. } => queue.waiting.push_front(waiting),
            }
        }
    }

    /// Writes a batch, one transaction for each stream; gives back what was not written.
    async fn write(&self, batch: Vec<Waiting>) -> Result<(), (StoreError, Vec<Waiting>)> {
        let mut streams: BTreeMap<Place, Vec<Waiting>> = BTreeMap::new();
        let mut batch = batch.into_iter();
        while let Some(waiting) = batch.next() {
            match self.existing(waiting.place).await {
                Ok(place) => streams.entry(place).or_default().push(waiting),
                Err(error) => {
                    let unwritten = streams.into_values().flatten().chain([waiting]).chain(batch);
                    return Err((error, unwritten.collect()));
                }
            }
        }
        let mut streams = streams.into_iter();
        while let Some((place, events)) = streams.next() {
            if let Err(error) = self.append(place, &events).await {
                let rest = streams.flat_map(|(_, events)| events);
                return Err((error, events.into_iter().chain(rest).collect()));
            }
        }
        Ok(())
    }

    async fn existing(&self, place: Place) -> Result<Place, StoreError> {
        let stream = match place {
            Place::Account(id) => StreamId::Account(id),
            Place::User(id) => StreamId::User(id),
            Place::Server => return Ok(Place::Server),
        };
        let is_there = self.store.head(&stream.to_string()).await?.revision > 0;
        Ok(if is_there { place } else { Place::Server })
    }

    async fn append(&self, place: Place, events: &[Waiting]) -> Result<(), StoreError> {
        let stream = place.stream();
        let appears_in = match place {
            Place::User(user) => self.appearances_of(StreamId::User(user)).await?,
            Place::Account(_) | Place::Server => Vec::new(),
        };
        for _ in 0..MOST_TRIES {
            let commits = self.sealed(&stream, &appears_in, events).await?;
            match self.store.enqueue(Transaction { commits, ..Transaction::default() }).await {
                Ok(()) => return Ok(()),
                // Another process wrote to the same log: its head is read anew.
                Err(AppendError::Conflict { .. } | AppendError::Claimed(_)) => {}
                Err(AppendError::Backend(error)) => return Err(error),
                Err(AppendError::Closed) => return Err(StoreError::Closed),
            }
        }
        tracing::warn!(stream = &*stream, "other processes write to `{stream}` all the time; its events wait");
        Err(StoreError::Closed)
    }

    /// The events as the next records of a stream. Times never go back in a log, since it is searched by them.
    async fn sealed(
        &self,
        stream: &str,
        appears_in: &[Box<str>],
        events: &[Waiting],
    ) -> Result<Vec<Commit>, StoreError> {
        let mut head = self.store.head(stream).await?;
        let last = self.store.record(stream, head.revision).await?;
        let mut latest = last.map_or(i64::MIN, |last| last.at);
        let mut commits = Vec::with_capacity(events.len());
        for Waiting { at, origin, event, .. } in events {
            latest = latest.max(at.as_micros());
            let (Ok(actor), Ok(request), Ok(event)) =
                (serde_json::to_string(&origin.actor), serde_json::to_string(&origin.request), event.write())
            else {
                tracing::error!(?event, "an event of the audit log cannot be written as JSON");
                continue;
            };
            let record = Record::seal(&head, stream, latest, actor, request, event);
            head = record.head();
            commits.push(Commit { record, touched: Vec::new(), appears_in: appears_in.to_vec() });
        }
        Ok(commits)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The origin of what the server itself has to say.
pub fn by_the_server(at: Timestamp) -> Origin {
    let audit_id = clock::audit_id(at).to_string().into();
    Origin { actor: Actor::System { reason: "the server".into() }, request: Request { audit_id, ..Request::default() } }
}
