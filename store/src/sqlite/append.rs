//! Writing one transaction. Runs on the writer thread, within a transaction of the database that many of ours share.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::read::{claim_of, head_of, to_u64};
use crate::error::AppendError;
use crate::numbers::to_i64;
use crate::record::{Head, Record};
use crate::sql;
use crate::transaction::{Claim, ClaimChange, Commit, Lease, LeaseChange, Summary, Transaction, Usage};

/// The most leases that one job removes.
pub const PURGED_AT_ONCE: u64 = 1000;

/// The heads that the writer knows without asking. True as long as nobody else writes.
#[derive(Debug, Default)]
pub struct Heads(HashMap<Box<str>, Head>);

impl Heads {
    /// Some hundred bytes each, so about a megabyte.
    const CAPACITY: usize = 8192;

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn forget(&mut self, stream: &str) {
        self.0.remove(stream);
    }

    fn get(&self, connection: &Connection, stream: &str) -> rusqlite::Result<Head> {
        match self.0.get(stream) {
            Some(head) => Ok(*head),
            None => read_head(connection, stream),
        }
    }

    fn set(&mut self, stream: &str, head: Head) {
        if let Some(known) = self.0.get_mut(stream) {
            *known = head;
            return;
        }
        if self.0.len() >= Self::CAPACITY {
            self.0.clear();
        }
        self.0.insert(stream.into(), head);
    }
}

/// The head as the database has it.
pub fn read_head(connection: &Connection, stream: &str) -> rusqlite::Result<Head> {
    let head = connection.prepare_cached(sql::HEAD)?.query_row([stream], |row| head_of(row, 0)).optional()?;
    Ok(head.unwrap_or(Head::EMPTY))
}

/// Runs `body` so that its failure takes back what it did, and nothing else.
pub fn under_savepoint<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    body: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    execute("SAVEPOINT job")?;
    let result = body();
    // After some failures SQLite has rolled back everything by itself; then there is no savepoint any more.
    if result.is_err() && !connection.is_autocommit() {
        execute("ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        execute("RELEASE job")?;
    }
    result
}

/// Writes all of it, or fails half-way: the caller takes that back, and forgets the heads.
pub fn append(connection: &Connection, heads: &mut Heads, transaction: &Transaction) -> Result<(), AppendError> {
    for Commit { record, touched, appears_in } in &transaction.commits {
        append_record(connection, heads, record)?;
        note_touched(connection, record, touched)?;
        note_appearances(connection, record, appears_in)?;
    }
    for change in &transaction.claims {
        if let ClaimChange::Release { kind, key, stream } = change {
            release(connection, kind, key, stream)?;
        }
    }
    for change in &transaction.claims {
        if let ClaimChange::Take(claim) = change {
            take(connection, claim)?;
        }
    }
    change_leases(connection, &transaction.leases)?;
    Ok(())
}

fn append_record(connection: &Connection, heads: &mut Heads, record: &Record) -> Result<(), AppendError> {
    let conflict = || AppendError::Conflict { stream: record.stream.clone(), revision: record.revision };
    if !heads.get(connection, &record.stream)?.precedes(record) {
        return Err(conflict());
    }
    if insert(connection, record)? == 0 {
        return Err(conflict());
    }
    heads.set(&record.stream, record.head());
    Ok(())
}

/// Tells whether there was none of that revision: 1, or 0.
pub fn insert(connection: &Connection, record: &Record) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql::APPEND)?.execute(params![
        &*record.stream,
        to_i64(record.revision),
        record.at,
        &*record.actor,
        &*record.request,
        &*record.changes,
        record.prev_hash,
        record.hash,
    ])
}

fn note_touched(connection: &Connection, record: &Record, touched: &[Box<str>]) -> rusqlite::Result<()> {
    let revision = to_i64(record.revision);
    let mut statement = connection.prepare_cached(sql::TOUCH)?;
    for document in touched {
        statement.execute(params![&*record.stream, &**document, revision])?;
    }
    Ok(())
}

fn note_appearances(connection: &Connection, record: &Record, places: &[Box<str>]) -> rusqlite::Result<()> {
    let revision = to_i64(record.revision);
    for place in places {
        let values = params![&**place, record.at, &*record.stream, revision];
        connection.prepare_cached(sql::APPEAR)?.execute(values)?;
    }
    Ok(())
}

fn take(connection: &Connection, claim: &Claim) -> Result<(), AppendError> {
    let values = params![&*claim.kind, &*claim.key, &*claim.stream, &*claim.id];
    if connection.prepare_cached(sql::TAKE)?.execute(values)? == 1 {
        return Ok(());
    }
    match find_claim(connection, &claim.kind, &claim.key)? {
        Some(holder) if holder != *claim => Err(AppendError::Claimed(holder)),
        Some(_) | None => Ok(()),
    }
}

fn release(connection: &Connection, kind: &str, key: &str, stream: &str) -> Result<(), AppendError> {
    if connection.prepare_cached(sql::RELEASE)?.execute([kind, key, stream])? == 1 {
        return Ok(());
    }
    match find_claim(connection, kind, key)? {
        Some(holder) => Err(AppendError::Claimed(holder)),
        None => Ok(()),
    }
}

/// Who holds the key.
pub fn find_claim(connection: &Connection, kind: &str, key: &str) -> rusqlite::Result<Option<Claim>> {
    connection.prepare_cached(sql::CLAIM)?.query_row([kind, key], claim_of).optional()
}

pub fn change_leases(connection: &Connection, changes: &[LeaseChange]) -> rusqlite::Result<()> {
    for change in changes {
        match change {
            LeaseChange::Put(lease) => connection.prepare_cached(sql::PUT_LEASE)?.execute(params![
                &*lease.kind,
                &*lease.key,
                &*lease.stream,
                lease.due_at,
                lease.expires_at,
                lease.payload,
            ])?,
            LeaseChange::Delete { kind, key } => {
                connection.prepare_cached(sql::DELETE_LEASE)?.execute([&**kind, &**key])?
            }
        };
    }
    Ok(())
}

pub fn replace_lease(connection: &Connection, read: &Lease, by: Option<&Lease>) -> rusqlite::Result<u64> {
    let Lease { kind, key, stream, due_at, expires_at, payload } = read;
    let changed = match by {
        Some(by) => connection.prepare_cached(sql::REPLACE_LEASE)?.execute(params![
            by.stream,
            by.due_at,
            by.expires_at,
            by.payload,
            kind,
            key,
            stream,
            due_at,
            expires_at,
            payload
        ])?,
        None => connection
            .prepare_cached(sql::END_LEASE)?
            .execute(params![kind, key, stream, due_at, expires_at, payload])?,
    };
    Ok(changed as u64)
}

pub fn purge_leases(connection: &Connection, now: i64) -> rusqlite::Result<u64> {
    let removed = connection.prepare_cached(sql::PURGE_LEASES)?.execute(params![now, to_i64(PURGED_AT_ONCE)])?;
    Ok(removed as u64)
}

pub fn put_usage(connection: &Connection, usage: &[Usage]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql::PUT_USAGE)?;
    for one in usage {
        statement.execute(params![&*one.stream, &*one.principal, &*one.permission, one.last_used])?;
    }
    Ok(())
}

pub fn put_summaries(connection: &Connection, stream: &str, summaries: &[Summary]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql::PUT_SUMMARY)?;
    for one in summaries {
        statement.execute(params![stream, &*one.kind, to_i64(one.first), one.bytes])?;
    }
    Ok(())
}

pub fn usage_since(connection: &Connection, now: i64) -> rusqlite::Result<u64> {
    connection.prepare_cached(sql::BEGIN_USAGE)?.execute([now])?;
    connection.prepare_cached(sql::USAGE_SINCE)?.query_row([], |row| to_u64(row, 0))
}

pub fn put_snapshot(
    connection: &Connection,
    stream: &str,
    revision: u64,
    state: &[u8],
    checksum: &[u8; 32],
) -> rusqlite::Result<()> {
    connection.prepare_cached(sql::PUT_SNAPSHOT)?.execute(params![stream, to_i64(revision), state, checksum])?;
    connection.prepare_cached(sql::TRIM_SNAPSHOTS)?.execute([stream])?;
    Ok(())
}
