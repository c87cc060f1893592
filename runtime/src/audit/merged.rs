//! Reading an audit: the commits of an account, the events beside them, and what happened to its users, as one row ordered by time.
//!
//! Nothing is counted or folded beforehand. Whoever reads takes one record after the other, from whichever end was asked for, and
//! stops when the page is full: so a page costs what is looked at for it, however long the logs are. Within one log the order by time
//! is that of the revisions, so the part of a log that lies in a span of time is found by a few look-ups.

use std::collections::VecDeque;

use model::ids::{AccountId, StreamId, UserId};
use model::time::Timestamp;
use store::{Record, Span, Store, StoreError};

use super::events_of;
use crate::Runtime;

/// How many records are read at first, since most pages are short; each time twice as many, up to [`MOST`].
const FIRST: usize = 64;
const MOST: usize = 1024;

/// Whose audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of an account, with what happened to its users.
    Account(AccountId),
    /// Of a user alone.
    User(UserId),
    /// What belongs to nobody: events of the server itself.
    Server,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment that belongs to it.
    pub since: Timestamp,
    /// The first moment that no longer does.
    pub before: Timestamp,
}

/// From which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// The place of a record among all of an audit; the order of the fields is the order of the records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When, in microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// In which log.
    pub stream: Box<str>,
    /// Where in it.
    pub revision: u64,
}

impl Mark {
    /// The place of a record.
    pub fn of(record: &Record) -> Mark {
        Mark { at: record.at, stream: record.stream.clone(), revision: record.revision }
    }
}

/// The records of an audit, one after the other.
pub struct Merged {
    store: Store,
    window: Window,
    order: Order,
    after: Option<Mark>,
    sources: Vec<Source>,
}

/// One of the logs that are merged.
struct Source {
    from: From,
    /// What was read and not taken yet.
    read: VecDeque<Record>,
    /// How many to read next.
    page: usize,
    ended: bool,
}

enum From {
    /// A part of a log, both ends included.
    Log { stream: Box<str>, low: u64, high: u64 },
    /// What is seen at a place, after the one that was read last.
    Place { place: Box<str>, last: Option<Mark> },
}

impl Runtime {
    /// The audit within a span of time, after the record of that mark.
    ///
    /// # Errors
    /// When the database cannot be read or written: the events that wait are written first.
    pub async fn audit(
        &self,
        whose: Whose,
        window: Window,
        order: Order,
        after: Option<Mark>,
    ) -> Result<Merged, StoreError> {
        self.audit.flush().await?;
        let mut merged = Merged { store: self.store.clone(), window, order, after, sources: Vec::new() };
        match whose {
            Whose::Account(id) => {
                let stream = StreamId::Account(id);
                merged.add_log(&stream.to_string()).await?;
                merged.add_log(&events_of(stream)).await?;
                let from = From::Place { place: stream.to_string().into(), last: merged.after.clone() };
                merged.sources.push(Source::new(from));
            }
            Whose::User(id) => {
                let stream = StreamId::User(id);
                merged.add_log(&stream.to_string()).await?;
                merged.add_log(&events_of(stream)).await?;
            }
            Whose::Server => merged.add_log(&super::Place::Server.stream()).await?,
        }
        Ok(merged)
    }
}

impl Source {
    fn new(from: From) -> Source {
        Source { from, read: VecDeque::new(), page: FIRST, ended: false }
    }
}

impl Merged {
    async fn add_log(&mut self, stream: &str) -> Result<(), StoreError> {
        let up_to = async |at: i64| self.store.revision_at(stream, at).await;
        let mut low = up_to(self.window.since.as_micros().saturating_sub(1)).await? + 1;
        let mut high = up_to(self.window.before.as_micros().saturating_sub(1)).await?;
        if let Some(after) = &self.after {
            // Others of the same moment may come before it or after it: those are told apart when they are read.
            match self.order {
                Order::NewestFirst if *after.stream == *stream => high = high.min(after.revision - 1),
                Order::NewestFirst => high = high.min(up_to(after.at).await?),
                Order::OldestFirst if *after.stream == *stream => low = low.max(after.revision + 1),
                Order::OldestFirst => low = low.max(up_to(after.at.saturating_sub(1)).await? + 1),
            }
        }
        self.sources.push(Source::new(From::Log { stream: stream.into(), low, high }));
        Ok(())
    }

    /// The next record.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next(&mut self) -> Result<Option<Record>, StoreError> {
        for index in 0..self.sources.len() {
            while self.sources[index].read.is_empty() && !self.sources[index].ended {
                self.read(index).await?;
            }
        }
        let heads = self.sources.iter().enumerate().filter_map(|(at, source)| Some((at, key(source.read.front()?))));
        let next = match self.order {
            Order::NewestFirst => heads.max_by_key(|(_, key)| *key),
            Order::OldestFirst => heads.min_by_key(|(_, key)| *key),
        };
        let next = next.map(|(at, _)| at);
        Ok(next.and_then(|at| self.sources[at].read.pop_front()))
    }

    /// Reads on in one of the sources.
    async fn read(&mut self, index: usize) -> Result<(), StoreError> {
        let (order, window) = (self.order, self.window);
        let source = &mut self.sources[index];
        let page = source.page;
        source.page = (page * 2).min(MOST);
        let records = match &mut source.from {
            From::Log { low, high, .. } if *low > *high => {
                source.ended = true;
                return Ok(());
            }
            From::Log { stream, low, high } => {
                let count = (page as u64).min(*high - *low + 1);
                let first = match order {
                    Order::NewestFirst => *high - count + 1,
                    Order::OldestFirst => *low,
                };
                let mut records = self.store.records(stream, first - 1, count as usize).await?;
                match order {
                    Order::NewestFirst => {
                        records.reverse();
                        *high = first - 1;
                    }
                    Order::OldestFirst => *low = first + count,
                }
                records
            }
            From::Place { place, last } => {
                let span = Span {
                    since: window.since.as_micros(),
                    before: window.before.as_micros(),
                    newest_first: order == Order::NewestFirst,
                    after: last.as_ref().map(|last| (last.at, &*last.stream, last.revision)),
                };
                let records = self.store.appearances(place, span, page).await?;
                source.ended = records.len() < page;
                if let Some(newest) = records.last() {
                    *last = Some(Mark::of(newest));
                }
                records
            }
        };
        let after = self.after.as_ref().map(|after| (after.at, &*after.stream, after.revision));
        let is_new = |record: &Record| match (after, order) {
            (None, _) => true,
            (Some(after), Order::NewestFirst) => key(record) < after,
            (Some(after), Order::OldestFirst) => key(record) > after,
        };
        source.read.extend(records.into_iter().filter(is_new));
        Ok(())
    }
}

fn key(record: &Record) -> (i64, &str, u64) {
    (record.at, &record.stream, record.revision)
}
