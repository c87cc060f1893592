//! Reading. A point read takes some microseconds and runs where it is called; everything longer runs on a blocking thread.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{Sqlite, SqliteOptions, append, lock, schema};
use crate::error::StoreError;
use crate::halving::Halving;
use crate::numbers::to_i64;
use crate::record::{Head, Record, snapshot_checksum};
use crate::sql;
use crate::transaction::{Claim, Lease, Span, Summary, Usage};

/// Connections that only read. Each is None once closed.
#[derive(Debug)]
pub struct Readers {
    /// For point reads alone, so that they never wait behind a long one.
    point: Mutex<Option<Connection>>,
    ranges: [Mutex<Option<Connection>>; 2],
    next: AtomicUsize,
}

impl Readers {
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Readers, StoreError> {
        let reader = || Ok::<_, StoreError>(Mutex::new(Some(schema::open_reader(path, options)?)));
        Ok(Readers { point: reader()?, ranges: [reader()?, reader()?], next: AtomicUsize::new(0) })
    }

    pub fn close(&self) {
        for connection in std::iter::once(&self.point).chain(&self.ranges) {
            *lock(connection) = None;
        }
    }

    pub fn point<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        Ok(read(lock(&self.point).as_ref().ok_or(StoreError::Closed)?)?)
    }

    pub async fn range<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        blocking(move || {
            let free = readers.ranges.iter().find_map(|connection| connection.try_lock().ok());
            let connection = free.unwrap_or_else(|| {
                let next = readers.next.fetch_add(1, Ordering::Relaxed);
                lock(&readers.ranges[next % readers.ranges.len()])
            });
            Ok(read(connection.as_ref().ok_or(StoreError::Closed)?)?)
        })
        .await
    }
}

impl Sqlite {
    pub async fn head(&self, stream: &str) -> Result<Head, StoreError> {
        self.readers().point(|connection| append::read_head(connection, stream))
    }

    pub async fn heads(&self, streams: &[Box<str>]) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        let streams = streams.to_vec();
        let read = move |connection: &Connection| {
            let head = |stream: Box<str>| append::read_head(connection, &stream).map(|head| (stream, head));
            streams.into_iter().map(head).collect::<rusqlite::Result<Vec<_>>>()
        };
        let heads = self.readers().range(read).await?;
        Ok(heads.into_iter().filter(|(_, head)| *head != Head::EMPTY).collect())
    }

    /// Reads every page, which takes some seconds for a gigabyte.
    pub async fn doubts(&self) -> Result<Vec<String>, StoreError> {
        let check =
            |connection: &Connection| list(connection, "PRAGMA quick_check(3)", [], |row| row.get::<_, String>(0));
        let found = self.readers().range(check).await?;
        let damage = found.into_iter().filter(|line| line != "ok");
        Ok(damage.map(|line| format!("the file is damaged ({line}); restore a backup")).collect())
    }

    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let any = |connection: &Connection| connection.prepare_cached(sql::ANY_COMMIT)?.query_row([], |row| row.get(0));
        self.readers().point(any).map(|any: bool| !any)
    }

    pub async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, StoreError> {
        self.readers().point(|connection| append::find_claim(connection, kind, key))
    }

    pub async fn lease(&self, kind: &str, key: &str) -> Result<Option<Lease>, StoreError> {
        let find = |connection: &Connection| {
            connection.prepare_cached(sql::LEASE)?.query_row([kind, key], lease_of).optional()
        };
        self.readers().point(find)
    }

    pub async fn records(&self, stream: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let stream: Box<str> = stream.into();
        let read = move |connection: &Connection| {
            list(connection, sql::RECORDS, params![&*stream, to_i64(after), to_i64(limit as u64)], record_of)
        };
        self.readers().range(read).await
    }

    pub async fn record(&self, stream: &str, revision: u64) -> Result<Option<Record>, StoreError> {
        let stream: Box<str> = stream.into();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(sql::RECORD)?;
            statement.query_row(params![&*stream, to_i64(revision)], record_of).optional()
        };
        self.readers().range(read).await
    }

    pub async fn touches(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let (stream, document): (Box<str>, Box<str>) = (stream.into(), document.into());
        let read = move |connection: &Connection| {
            let values = params![&*stream, &*document, to_i64(at_most), to_i64(limit as u64)];
            list(connection, sql::TOUCHES, values, |row| to_u64(row, 0))
        };
        self.readers().range(read).await
    }

    pub async fn touching(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let (stream, document): (Box<str>, Box<str>) = (stream.into(), document.into());
        let read = move |connection: &Connection| {
            let values = params![&*stream, &*document, to_i64(at_most), to_i64(limit as u64)];
            list(connection, sql::TOUCHING, values, record_of)
        };
        self.readers().range(read).await
    }

    pub async fn records_of(&self, stream: &str, revisions: Vec<u64>) -> Result<Vec<Record>, StoreError> {
        let stream: Box<str> = stream.into();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(sql::RECORD)?;
            let mut found = Vec::with_capacity(revisions.len());
            for revision in revisions {
                found.extend(statement.query_row(params![&*stream, to_i64(revision)], record_of).optional()?);
            }
            Ok(found)
        };
        self.readers().range(read).await
    }

    pub async fn appearances(&self, place: &str, span: Span<'_>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let place: Box<str> = place.into();
        // Without a commit to begin after, one that is before, or after, every other.
        let (sql, edge) = match span.newest_first {
            true => (sql::APPEARANCES_NEWEST_FIRST, (i64::MAX, "", 0)),
            false => (sql::APPEARANCES_OLDEST_FIRST, (i64::MIN, "", 0)),
        };
        let (at, stream, revision) = span.after.unwrap_or(edge);
        let stream: Box<str> = stream.into();
        let (since, before) = (span.since, span.before);
        let read = move |connection: &Connection| {
            let values = params![&*place, since, before, at, &*stream, to_i64(revision), to_i64(limit as u64)];
            list(connection, sql, values, record_of)
        };
        self.readers().range(read).await
    }

    pub async fn summaries(&self, stream: &str, kind: &str, from: u64, to: u64) -> Result<Vec<Summary>, StoreError> {
        let (stream, kind): (Box<str>, Box<str>) = (stream.into(), kind.into());
        let read = move |connection: &Connection| {
            list(connection, sql::SUMMARIES, params![&*stream, &*kind, to_i64(from), to_i64(to)], |row| {
                Ok(Summary { kind: row.get(0)?, first: to_u64(row, 1)?, bytes: row.get(2)? })
            })
        };
        self.readers().range(read).await
    }

    pub async fn revision_at(&self, stream: &str, at: i64) -> Result<u64, StoreError> {
        let stream: Box<str> = stream.into();
        self.readers().range(move |connection| revision_at(connection, &stream, at)).await
    }

    pub async fn streams(&self, after: &str, limit: usize) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        let after: Box<str> = after.into();
        let read = move |connection: &Connection| {
            list(connection, sql::STREAMS, params![&*after, to_i64(limit as u64)], |row| {
                Ok((row.get(0)?, head_of(row, 1)?))
            })
        };
        self.readers().range(read).await
    }

    pub async fn claims(&self, kind: &str, prefix: &str, after: &str, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let (kind, prefix, after): (Box<str>, Box<str>, Box<str>) = (kind.into(), prefix.into(), after.into());
        let read = move |connection: &Connection| {
            let from = std::cmp::max(&*prefix, &*after);
            list(connection, sql::CLAIMS, params![&*kind, from, &*after, to_i64(limit as u64)], claim_of).map(
                |mut claims| {
                    // Keys with the prefix lie together in the order of bytes: what follows them is cut off.
                    claims.truncate(claims.partition_point(|claim| claim.key.starts_with(&*prefix)));
                    claims
                },
            )
        };
        self.readers().range(read).await
    }

    pub async fn leases_due(&self, kind: &str, now: i64, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let kind: Box<str> = kind.into();
        let read = move |connection: &Connection| {
            list(connection, sql::LEASES_DUE, params![&*kind, now, to_i64(limit as u64)], lease_of)
        };
        self.readers().range(read).await
    }

    pub async fn usage(&self, stream: &str, principals: Vec<Box<str>>) -> Result<Vec<Usage>, StoreError> {
        let stream: Box<str> = stream.into();
        let read = move |connection: &Connection| {
            let mut found = Vec::new();
            for principal in &principals {
                found.append(&mut list(connection, sql::USAGE, params![&*stream, &**principal], usage_of)?);
            }
            Ok(found)
        };
        self.readers().range(read).await
    }

    pub async fn snapshot(&self, stream: &str, at_most: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let stream: Box<str> = stream.into();
        let at_most = at_most.unwrap_or(u64::MAX);
        self.readers().range(move |connection| newest_intact(connection, &stream, at_most)).await
    }
}

fn revision_at(connection: &Connection, stream: &str, at: i64) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql::TIME)?;
    let mut newest_up_to = |revision: u64| {
        let time = |row: &Row<'_>| Ok((to_u64(row, 0)?, row.get::<_, i64>(1)?));
        statement.query_row(params![stream, to_i64(revision)], time).optional()
    };
    let mut halving = Halving::new(at, newest_up_to(u64::MAX)?);
    while let Some(next) = halving.next() {
        halving.learn(next, newest_up_to(next)?);
    }
    Ok(halving.found())
}

fn newest_intact(connection: &Connection, stream: &str, at_most: u64) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    let mut statement = connection.prepare_cached(sql::SNAPSHOTS)?;
    let mut rows = statement.query(params![stream, to_i64(at_most)])?;
    while let Some(row) = rows.next()? {
        let (revision, state): (u64, Vec<u8>) = (to_u64(row, 0)?, row.get(1)?);
        if row.get_ref(2)?.as_blob()? == snapshot_checksum(stream, revision, &state) {
            return Ok(Some((revision, state)));
        }
        tracing::warn!(stream, revision, "the snapshot of `{stream}` at revision {revision} is damaged; skipped it");
    }
    Ok(None)
}

/// Runs what takes longer than some microseconds where it does not hold up others.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(StoreError::Closed),
        },
    }
}

fn list<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, each)?.collect()
}

pub fn record_of(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        stream: row.get(0)?,
        revision: to_u64(row, 1)?,
        at: row.get(2)?,
        actor: row.get(3)?,
        request: row.get(4)?,
        changes: row.get(5)?,
        prev_hash: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// From a revision in the given column and a hash in the next.
pub fn head_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Head> {
    Ok(Head { revision: to_u64(row, column)?, hash: row.get(column + 1)? })
}

pub fn claim_of(row: &Row<'_>) -> rusqlite::Result<Claim> {
    Ok(Claim { kind: row.get(0)?, key: row.get(1)?, stream: row.get(2)?, id: row.get(3)? })
}

pub fn usage_of(row: &Row<'_>) -> rusqlite::Result<Usage> {
    Ok(Usage { stream: row.get(0)?, principal: row.get(1)?, permission: row.get(2)?, last_used: row.get(3)? })
}

pub fn lease_of(row: &Row<'_>) -> rusqlite::Result<Lease> {
    Ok(Lease {
        kind: row.get(0)?,
        key: row.get(1)?,
        stream: row.get(2)?,
        due_at: row.get(3)?,
        expires_at: row.get(4)?,
        payload: row.get(5)?,
    })
}

pub fn to_u64(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
