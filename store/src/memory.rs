//! The log in memory: the same promises as a database, for tests and the development server. Nothing survives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dump::{Dump, Row};
use crate::error::{AppendError, StoreError};
use crate::foreign::Foreign;
use crate::pending::Pending;
use crate::record::{Base, Head, Record};
use crate::transaction::{Claim, ClaimChange, Commit, Lease, LeaseChange, Span, Summary, Transaction, Usage};

#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

/// Kind (or stream), then key.
type Keyed<T> = BTreeMap<Box<str>, BTreeMap<Box<str>, T>>;

/// Stream, principal and permission.
type Use = (Box<str>, Box<str>, Box<str>);

/// Time, stream and revision.
type Seen = (i64, Box<str>, u64);

/// Stream, kind and first revision.
type Stretch = (Box<str>, Box<str>, u64);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    streams: BTreeMap<Box<str>, Vec<Record>>,
    /// Stream, then document.
    touches: Keyed<BTreeSet<u64>>,
    /// By place.
    appearances: BTreeMap<Box<str>, BTreeSet<Seen>>,
    summaries: BTreeMap<Stretch, Vec<u8>>,
    snapshots: BTreeMap<Box<str>, BTreeMap<u64, Vec<u8>>>,
    bases: BTreeMap<Box<str>, Base>,
    claims: Keyed<Claim>,
    leases: Keyed<Lease>,
    usage: BTreeMap<Use, i64>,
    usage_since: Option<i64>,
}

impl Memory {
    pub fn enqueue(&self, transaction: Transaction) -> Pending {
        let mut state = self.lock();
        Pending::ready(if state.closed { Err(AppendError::Closed) } else { state.append(transaction) })
    }

    pub async fn head(&self, stream: &str) -> Result<Head, StoreError> {
        Ok(self.open()?.head(stream))
    }

    pub async fn heads(&self, streams: &[Box<str>]) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        let state = self.open()?;
        let heads = streams.iter().map(|stream| (stream.clone(), state.head(stream)));
        Ok(heads.filter(|(_, head)| *head != Head::EMPTY).collect())
    }

    pub async fn records(&self, stream: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let state = self.open()?;
        let records = state.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let first = records.partition_point(|record| record.revision <= after);
        Ok(records[first..].iter().take(limit).cloned().collect())
    }

    pub async fn record(&self, stream: &str, revision: u64) -> Result<Option<Record>, StoreError> {
        Ok(self.open()?.record(stream, revision).cloned())
    }

    pub async fn touches(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        Ok(self.open()?.touches(stream, document, at_most).take(limit).collect())
    }

    pub async fn touching(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let state = self.open()?;
        let records = state.touches(stream, document, at_most).filter_map(|revision| state.record(stream, revision));
        Ok(records.take(limit).cloned().collect())
    }

    pub async fn records_of(&self, stream: &str, revisions: Vec<u64>) -> Result<Vec<Record>, StoreError> {
        let state = self.open()?;
        Ok(revisions.into_iter().filter_map(|revision| state.record(stream, revision).cloned()).collect())
    }

    pub async fn appearances(&self, place: &str, span: Span<'_>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let state = self.open()?;
        let Some(seen) = state.appearances.get(place) else { return Ok(Vec::new()) };
        let records = |seen: &mut dyn Iterator<Item = &Seen>| {
            let held = seen.filter(|(at, stream, revision)| span.holds((*at, stream, *revision)));
            held.filter_map(|(_, stream, revision)| state.record(stream, *revision).cloned()).take(limit).collect()
        };
        Ok(if span.newest_first { records(&mut seen.iter().rev()) } else { records(&mut seen.iter()) })
    }

    pub async fn put_summaries(&self, stream: &str, summaries: Vec<Summary>) -> Result<(), StoreError> {
        let mut state = self.open()?;
        for Summary { kind, first, bytes } in summaries {
            state.summaries.insert((stream.into(), kind, first), bytes);
        }
        Ok(())
    }

    pub async fn summaries(&self, stream: &str, kind: &str, from: u64, to: u64) -> Result<Vec<Summary>, StoreError> {
        let state = self.open()?;
        let stretch = |first| (Box::from(stream), Box::from(kind), first);
        let from_to = (Bound::Included(stretch(from)), Bound::Included(stretch(to.max(from))));
        let found = state.summaries.range(from_to).filter(|((.., first), _)| *first <= to);
        Ok(found
            .map(|((_, kind, first), bytes)| Summary { kind: kind.clone(), first: *first, bytes: bytes.clone() })
            .collect())
    }

    pub async fn revision_at(&self, stream: &str, at: i64) -> Result<u64, StoreError> {
        let state = self.open()?;
        let records = state.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let count = records.partition_point(|record| record.at <= at);
        Ok(count.checked_sub(1).map_or(0, |last| records[last].revision))
    }

    pub async fn streams(&self, after: &str, limit: usize) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        let state = self.open()?;
        let names = state.streams.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
        Ok(names.take(limit).map(|(stream, _)| (stream.clone(), state.head(stream))).collect())
    }

    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.open()?.streams.is_empty())
    }

    pub async fn put_snapshot(&self, stream: &str, revision: u64, state: Vec<u8>) -> Result<(), StoreError> {
        let mut open = self.open()?;
        let snapshots = open.snapshots.entry(stream.into()).or_default();
        snapshots.insert(revision, state);
        while snapshots.len() > 2 {
            snapshots.pop_first();
        }
        Ok(())
    }

    pub async fn snapshot(&self, stream: &str, at_most: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let state = self.open()?;
        let snapshots = state.snapshots.get(stream);
        let newest = snapshots.and_then(|snapshots| snapshots.range(..=at_most.unwrap_or(u64::MAX)).next_back());
        Ok(newest.map(|(revision, state)| (*revision, state.clone())))
    }

    pub async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, StoreError> {
        Ok(find(&self.open()?.claims, kind, key).cloned())
    }

    pub async fn claims(&self, kind: &str, prefix: &str, after: &str, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let state = self.open()?;
        let Some(claims) = state.claims.get(kind) else { return Ok(Vec::new()) };
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let found = claims.range::<str, _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.take(limit).map(|(_, claim)| claim.clone()).collect())
    }

    pub async fn lease(&self, kind: &str, key: &str) -> Result<Option<Lease>, StoreError> {
        Ok(find(&self.open()?.leases, kind, key).cloned())
    }

    pub async fn leases_due(&self, kind: &str, now: i64, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let state = self.open()?;
        let all = state.leases.get(kind).into_iter().flat_map(BTreeMap::values);
        let mut due: Vec<&Lease> = all.filter(|lease| lease.due_at <= now && lease.expires_at > now).collect();
        due.sort_by_key(|lease| lease.due_at);
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    pub async fn put_leases(&self, changes: Vec<LeaseChange>) -> Result<(), StoreError> {
        self.open()?.change_leases(changes);
        Ok(())
    }

    pub async fn replace_lease(&self, read: &Lease, by: Option<Lease>) -> Result<bool, StoreError> {
        let mut state = self.open()?;
        if find(&state.leases, &read.kind, &read.key) != Some(read) {
            return Ok(false);
        }
        let change = by.map_or_else(
            || LeaseChange::Delete { kind: read.kind.clone(), key: read.key.clone() },
            |lease| LeaseChange::Put(Lease { kind: read.kind.clone(), key: read.key.clone(), ..lease }),
        );
        state.change_leases(vec![change]);
        Ok(true)
    }

    pub async fn purge_leases(&self, now: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        for leases in self.open()?.leases.values_mut() {
            leases.retain(|_, lease| {
                let expired = lease.expires_at <= now;
                removed += u64::from(expired);
                !expired
            });
        }
        Ok(removed)
    }

    pub async fn put_usage(&self, usage: Vec<Usage>) -> Result<(), StoreError> {
        let mut state = self.open()?;
        for Usage { stream, principal, permission, last_used } in usage {
            let known = state.usage.entry((stream, principal, permission)).or_insert(last_used);
            *known = last_used.max(*known);
        }
        Ok(())
    }

    pub async fn usage(&self, stream: &str, principals: Vec<Box<str>>) -> Result<Vec<Usage>, StoreError> {
        let state = self.open()?;
        let mut found = Vec::new();
        for principal in principals {
            let from = (stream.into(), principal.clone(), Box::default());
            let rows = state.usage.range(from..);
            let rows = rows.take_while(|((of, by, _), _)| **of == *stream && *by == principal);
            found.extend(rows.map(|((stream, principal, permission), last_used)| Usage {
                stream: stream.clone(),
                principal: principal.clone(),
                permission: permission.clone(),
                last_used: *last_used,
            }));
        }
        Ok(found)
    }

    pub async fn usage_since(&self, now: i64) -> Result<i64, StoreError> {
        Ok(*self.open()?.usage_since.get_or_insert(now))
    }

    pub async fn base(&self, stream: &str) -> Result<Option<Base>, StoreError> {
        Ok(self.open()?.bases.get(stream).cloned())
    }

    pub async fn folded(&self, stream: &str) -> Result<u64, StoreError> {
        Ok(self.open()?.bases.get(stream).map_or(0, |base| base.revision))
    }

    pub async fn fold(&self, base: Base) -> Result<bool, StoreError> {
        let mut state = self.open()?;
        let is_later = state.bases.get(&base.stream).is_none_or(|former| former.revision < base.revision);
        if is_later {
            state.bases.insert(base.stream.clone(), base);
        }
        Ok(is_later)
    }

    pub async fn found(&self, base: Base, record: Record) -> Result<(), StoreError> {
        let mut state = self.open()?;
        state.streams.insert(record.stream.clone(), vec![record]);
        state.bases.insert(base.stream.clone(), base);
        Ok(())
    }

    pub async fn forget_folded(&self, stream: &str) -> Result<u64, StoreError> {
        let mut state = self.open()?;
        let state = &mut *state;
        let Some(base) = state.bases.get(stream).map(|base| base.revision) else { return Ok(0) };
        let Some(records) = state.streams.get_mut(stream) else { return Ok(0) };
        let gone = records.partition_point(|record| record.revision < base);
        records.drain(..gone);
        state
            .touches
            .get_mut(stream)
            .into_iter()
            .flat_map(BTreeMap::values_mut)
            .for_each(|revisions| revisions.retain(|revision| *revision >= base));
        state
            .appearances
            .values_mut()
            .for_each(|seen| seen.retain(|(_, of, revision)| **of != *stream || *revision >= base));
        Ok(gone as u64)
    }

    pub fn dump(&self) -> Dump {
        let (mut dumping, dump) = Dump::channel();
        let rows = self.open().map(|state| state.rows());
        tokio::spawn(async move {
            let pushed = async {
                for row in rows? {
                    dumping.push(row).await?;
                }
                Ok(())
            };
            let pushed = pushed.await;
            dumping.end(pushed).await;
        });
        dump
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    pub async fn foreign(&self) -> Result<Foreign, StoreError> {
        self.open().map(|_| Foreign::Nothing)
    }

    pub async fn close(&self) {
        self.lock().closed = true;
    }

    pub fn clear(&self) {
        let mut state = self.lock();
        *state = State { closed: state.closed, ..State::default() };
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.lock();
        if state.closed { Err(StoreError::Closed) } else { Ok(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn head(&self, stream: &str) -> Head {
        self.streams.get(stream).and_then(|records| records.last()).map_or(Head::EMPTY, Record::head)
    }

    fn record(&self, stream: &str, revision: u64) -> Option<&Record> {
        let records = self.streams.get(stream)?;
        // Revisions have no gaps, and start with that of the first.
        let index = revision.checked_sub(records.first()?.revision)?;
        records.get(usize::try_from(index).ok()?)
    }

    /// Everything, as a [`Dump`] has it.
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (place, seen) in &self.appearances {
            let row = |(_, stream, revision): &Seen| Row::Appearance {
                place: place.clone(),
                stream: stream.clone(),
                revision: *revision,
            };
            rows.extend(seen.iter().map(row));
        }
        rows.extend(self.bases.values().cloned().map(Row::Base));
        rows.extend(self.streams.values().flatten().cloned().map(Row::Commit));
        rows.extend(self.claims.values().flat_map(BTreeMap::values).cloned().map(Row::Claim));
        rows.extend(self.leases.values().flat_map(BTreeMap::values).cloned().map(Row::Lease));
        let usage = self.usage.iter().map(|((stream, principal, permission), last_used)| Usage {
            stream: stream.clone(),
            principal: principal.clone(),
            permission: permission.clone(),
            last_used: *last_used,
        });
        rows.extend(usage.map(Row::Usage));
        rows.extend(self.usage_since.map(Row::UsageSince));
        rows
    }

    /// Newest first.
    fn touches(&self, stream: &str, document: &str, at_most: u64) -> impl Iterator<Item = u64> + '_ {
        let revisions = find(&self.touches, stream, document);
        revisions.into_iter().flat_map(move |revisions| revisions.range(..=at_most).rev().copied())
    }

    /// Checks everything before it changes anything.
    fn append(&mut self, transaction: Transaction) -> Result<(), AppendError> {
        let mut heads = BTreeMap::new();
        for Commit { record, .. } in &transaction.commits {
            let head = heads.entry(&*record.stream).or_insert_with(|| self.head(&record.stream));
            if !head.precedes(record) {
                return Err(AppendError::Conflict { stream: record.stream.clone(), revision: record.revision });
            }
            *head = record.head();
        }
        for (kind, holders) in self.changed_claims(&transaction.claims)? {
            let claims = self.claims.entry(kind).or_default();
            for (key, holder) in holders {
                match holder {
                    Some(claim) => claims.insert(key, claim),
                    None => claims.remove(&key),
                };
            }
        }
        for Commit { record, touched, appears_in } in transaction.commits {
            for place in appears_in {
                let seen = (record.at, record.stream.clone(), record.revision);
                self.appearances.entry(place).or_default().insert(seen);
            }
            let touches = self.touches.entry(record.stream.clone()).or_default();
            for document in touched {
                touches.entry(document).or_default().insert(record.revision);
            }
            self.streams.entry(record.stream.clone()).or_default().push(record);
        }
        self.change_leases(transaction.leases);
        Ok(())
    }

    /// Who holds each key that changes, once all releases and then all takes are done.
    fn changed_claims(&self, changes: &[ClaimChange]) -> Result<Keyed<Option<Claim>>, AppendError> {
        let mut holders: Keyed<Option<Claim>> = BTreeMap::new();
        for change in changes {
            let ClaimChange::Release { kind, key, stream } = change else { continue };
            match find(&self.claims, kind, key) {
                Some(holder) if holder.stream != *stream => return Err(AppendError::Claimed(holder.clone())),
                Some(_) | None => holders.entry(kind.clone()).or_default().insert(key.clone(), None),
            };
        }
        for change in changes {
            let ClaimChange::Take(claim) = change else { continue };
            let present = || find(&self.claims, &claim.kind, &claim.key).cloned();
            let holders = holders.entry(claim.kind.clone()).or_default();
            match holders.entry(claim.key.clone()).or_insert_with(present) {
                Some(holder) if holder != claim => return Err(AppendError::Claimed(holder.clone())),
                holder => *holder = Some(claim.clone()),
            }
        }
        Ok(holders)
    }

    fn change_leases(&mut self, changes: Vec<LeaseChange>) {
        for change in changes {
            match change {
                LeaseChange::Put(lease) => {
                    self.leases.entry(lease.kind.clone()).or_default().insert(lease.key.clone(), lease);
                }
                LeaseChange::Delete { kind, key } => {
                    if let Some(leases) = self.leases.get_mut(&kind) {
                        leases.remove(&key);
                    }
                }
            }
        }
    }
}

fn find<'a, T>(map: &'a Keyed<T>, kind: &str, key: &str) -> Option<&'a T> {
    map.get(kind)?.get(key)
}
