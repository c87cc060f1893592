//! Reading an audit: the commits of an account, the events beside them, and what happened to its users, as one row ordered by time.
//!
//! No state is folded. Whoever reads takes one record after the other, from whichever end was asked for, and stops when the page is
//! full: so a page costs what is looked at for it, however long the logs are. Within one log the order by time is that of the revisions,
//! so the part of a log that lies in a span of time is found by a few look-ups; and what cannot fit a question is passed over by the
//! columns of the log ([`super::columns`]), or by the index of what touched a document.

use std::collections::VecDeque;

use model::ids::{AccountId, StreamId, UserId};
use model::time::Timestamp;
use store::{Record, Span, Store, StoreError};

use super::columns::{STRETCH, Wanted, candidates, first_of};
use super::events_of;
use crate::Runtime;

/// How many records are read at first, since most pages are short; each time twice as many, up to [`MOST`].
const FIRST: usize = 64;
const MOST: usize = 1024;
/// How many stretches are asked about at first, and at most, when they are looked through by their columns.
const FEW_STRETCHES: u64 = 4;
const MANY_STRETCHES: u64 = 64;

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

/// What is known of the records that are looked for, so that others need not be read. It may let through what does not fit.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Each must hold.
    pub wanted: Vec<Wanted>,
    /// In this log, only what touched this document, and that whatever else is wanted.
    pub touching: Option<(Box<str>, Box<str>)>,
}

/// The records of an audit, one after the other.
pub struct Merged {
    store: Store,
    window: Window,
    order: Order,
    after: Option<Mark>,
    narrowing: Narrowing,
    sources: Vec<Source>,
}

/// One of the logs that are merged.
struct Source {
    from: From,
    /// What was read and not taken yet.
    read: VecDeque<Record>,
    /// How many to read next.
    page: usize,
    /// How many stretches to ask about next.
    stretches: u64,
    ended: bool,
}

enum From {
    /// These revisions of a log, the next one to be read first.
    Listed { stream: Box<str>, revisions: VecDeque<u64> },
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
        narrowing: Narrowing,
    ) -> Result<Merged, StoreError> {
        self.audit.flush().await?;
        let mut merged = Merged { store: self.store.clone(), window, order, after, narrowing, sources: Vec::new() };
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
        Source { from, read: VecDeque::new(), page: FIRST, stretches: FEW_STRETCHES, ended: false }
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
        // What is older was folded away.
        low = low.max(self.store.folded(stream).await?);
        let from = match &self.narrowing.touching {
            Some((log, document)) if **log == *stream => {
                let touching = self.store.touches(stream, document, Some(high), usize::MAX).await?;
                let mut revisions: VecDeque<u64> = touching.into_iter().filter(|revision| *revision >= low).collect();
                if self.order == Order::OldestFirst {
                    revisions.make_contiguous().reverse();
                }
                From::Listed { stream: stream.into(), revisions }
            }
            Some(_) | None => From::Log { stream: stream.into(), low, high },
        };
        self.sources.push(Source::new(from));
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
            From::Listed { stream, revisions } => {
                let next: Vec<u64> = revisions.drain(..page.min(revisions.len())).collect();
                source.ended = next.is_empty();
                self.store.records_of(stream, next).await?
            }
            From::Log { stream, low, high } => {
                if let Some(fitting) =
                    fitting(&self.store, stream, &self.narrowing.wanted, order, (*low, *high), source.stretches).await?
                {
                    source.stretches = (source.stretches * 2).min(MANY_STRETCHES);
                    let (mut revisions, rest) = fitting;
                    if revisions.len() > page {
                        revisions.truncate(page);
                        let last = revisions[page - 1];
                        match order {
                            Order::NewestFirst => *high = last - 1,
                            Order::OldestFirst => *low = last + 1,
                        }
                    } else {
                        (*low, *high) = rest;
                    }
                    let records = self.store.records_of(stream, revisions).await?;
                    self.keep(index, records);
                    return Ok(());
                }
                let mut count = (page as u64).min(*high - *low + 1);
                if !self.narrowing.wanted.is_empty() && order == Order::NewestFirst {
                    // Not beyond the first of this stretch, since the one before may have columns.
                    count = count.min(*high - first_of(*high) + 1);
                }
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
        self.keep(index, records);
        Ok(())
    }

    /// Keeps what comes after the record that the question continues after.
    fn keep(&mut self, index: usize, records: Vec<Record>) {
        let order = self.order;
        let after = self.after.as_ref().map(|after| (after.at, &*after.stream, after.revision));
        let is_new = |record: &Record| match (after, order) {
            (None, _) => true,
            (Some(after), Order::NewestFirst) => key(record) < after,
            (Some(after), Order::OldestFirst) => key(record) > after,
        };
        self.sources[index].read.extend(records.into_iter().filter(is_new));
    }
}

/// The next revisions of a part of a log that can fit, in the order that is asked for, of at most so many stretches, and what is left of
/// the part beyond these; none where the next stretch has no columns, or where nothing is known of what can fit.
async fn fitting(
    store: &Store,
    stream: &str,
    wanted: &[Wanted],
    order: Order,
    (low, high): (u64, u64),
    stretches: u64,
) -> Result<Option<(Vec<u64>, (u64, u64))>, StoreError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let (lowest, highest) = (first_of(low), first_of(high));
    let (from, to) = match order {
        Order::NewestFirst => (highest.saturating_sub((stretches - 1) * STRETCH).max(lowest), highest),
        Order::OldestFirst => (lowest, highest.min(lowest + (stretches - 1) * STRETCH)),
    };
    let mut found = candidates(store, stream, wanted, from, to).await?;
    // Of the stretches that have columns without a break, from the end that is read first.
    let in_part = |revision: &u64| (low..=high).contains(revision);
    let mut revisions = Vec::new();
    let mut known = 0;
    match order {
        Order::NewestFirst => {
            while let Some(Some(fitting)) = found.pop() {
                revisions.extend(fitting.into_iter().rev().filter(in_part));
                known += 1;
            }
        }
        Order::OldestFirst => {
            for fitting in found.into_iter().map_while(|fitting| fitting) {
                revisions.extend(fitting.into_iter().filter(in_part));
                known += 1;
            }
        }
    }
    let rest = match order {
        _ if known == 0 => return Ok(None),
        Order::NewestFirst => (low, to + STRETCH - 1 - known * STRETCH),
        Order::OldestFirst => (from + known * STRETCH, high),
    };
    Ok(Some((revisions, rest)))
}

fn key(record: &Record) -> (i64, &str, u64) {
    (record.at, &record.stream, record.revision)
}
