//! Reading, on connections of the pool. A read that loses its connection is tried once more, on another one.

use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::connect::in_time;
use super::{Postgres, failure, statements};
use crate::error::StoreError;
use crate::halving::Halving;
use crate::numbers::to_i64;
use crate::record::{Head, Record, snapshot_checksum};
use crate::sql;
use crate::transaction::{Claim, Lease, Span, Summary, Usage};

/// How often a read is tried whose connection is lost.
const MOST_TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Postgres {
    pub async fn head(&self, stream: &str) -> Result<Head, StoreError> {
        let row = self.row(sql::HEAD, &[&stream]).await?;
        Ok(row.map_or(Ok(Head::EMPTY), |row| head_of(&row, 0))?)
    }

    pub async fn heads(&self, streams: &[Box<str>]) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        self.list(statements::HEADS, &[&streams], |row| Ok((row.try_get(0)?, head_of(row, 1)?))).await
    }

    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let row = self.row(sql::ANY_COMMIT, &[]).await?;
        let any: bool = row.map_or(Ok(false), |row| row.try_get(0))?;
        Ok(!any)
    }

    pub async fn records(&self, stream: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.list(sql::RECORDS, &[&stream, &to_i64(after), &to_i64(limit as u64)], record_of).await
    }

    pub async fn record(&self, stream: &str, revision: u64) -> Result<Option<Record>, StoreError> {
        let row = self.row(sql::RECORD, &[&stream, &to_i64(revision)]).await?;
        Ok(row.as_ref().map(record_of).transpose()?)
    }

    pub async fn touches(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let values: Values<'_> = &[&stream, &document, &to_i64(at_most), &to_i64(limit as u64)];
        self.list(sql::TOUCHES, values, |row| to_u64(row, 0)).await
    }

    pub async fn touching(
        &self,
        stream: &str,
        document: &str,
        at_most: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let values: Values<'_> = &[&stream, &document, &to_i64(at_most), &to_i64(limit as u64)];
        self.list(sql::TOUCHING, values, record_of).await
    }

    pub async fn records_of(&self, stream: &str, revisions: Vec<u64>) -> Result<Vec<Record>, StoreError> {
        let mut found = Vec::with_capacity(revisions.len());
        for revision in revisions {
            found.extend(self.record(stream, revision).await?);
        }
        Ok(found)
    }

    pub async fn appearances(&self, place: &str, span: Span<'_>, limit: usize) -> Result<Vec<Record>, StoreError> {
        // Without a commit to begin after, one that is before, or after, every other.
        let (sql, edge) = match span.newest_first {
            true => (sql::APPEARANCES_NEWEST_FIRST, (i64::MAX, "", 0)),
            false => (sql::APPEARANCES_OLDEST_FIRST, (i64::MIN, "", 0)),
        };
        let (at, stream, revision) = span.after.unwrap_or(edge);
        let (revision, limit) = (to_i64(revision), to_i64(limit as u64));
        let values: Values<'_> = &[&place, &span.since, &span.before, &at, &stream, &revision, &limit];
        self.list(sql, values, record_of).await
    }

    pub async fn summaries(&self, stream: &str, kind: &str, from: u64, to: u64) -> Result<Vec<Summary>, StoreError> {
        let values: Values<'_> = &[&stream, &kind, &to_i64(from), &to_i64(to)];
        let summary_of =
            |row: &Row| Ok(Summary { kind: row.try_get(0)?, first: to_u64(row, 1)?, bytes: row.try_get(2)? });
        self.list(sql::SUMMARIES, values, summary_of).await
    }

    pub async fn revision_at(&self, stream: &str, at: i64) -> Result<u64, StoreError> {
        let mut halving = Halving::new(at, self.newest_up_to(stream, u64::MAX).await?);
        while let Some(next) = halving.next() {
            halving.learn(next, self.newest_up_to(stream, next).await?);
        }
        Ok(halving.found())
    }

    async fn newest_up_to(&self, stream: &str, revision: u64) -> Result<Option<(u64, i64)>, StoreError> {
        let row = self.row(sql::TIME, &[&stream, &to_i64(revision)]).await?;
        Ok(row.map(|row| Ok::<_, Error>((to_u64(&row, 0)?, row.try_get(1)?))).transpose()?)
    }

    pub async fn streams(&self, after: &str, limit: usize) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        let stream_of = |row: &Row| Ok((row.try_get(0)?, head_of(row, 1)?));
        self.list(sql::STREAMS, &[&after, &to_i64(limit as u64)], stream_of).await
    }

    pub async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, StoreError> {
        let row = self.row(sql::CLAIM, &[&kind, &key]).await?;
        Ok(row.as_ref().map(claim_of).transpose()?)
    }

    pub async fn claims(&self, kind: &str, prefix: &str, after: &str, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let from = std::cmp::max(prefix, after);
        let mut claims = self.list(sql::CLAIMS, &[&kind, &from, &after, &to_i64(limit as u64)], claim_of).await?;
        // Keys with the prefix lie together in the order of bytes: what follows them is cut off.
        claims.truncate(claims.partition_point(|claim| claim.key.starts_with(prefix)));
        Ok(claims)
    }

    pub async fn lease(&self, kind: &str, key: &str) -> Result<Option<Lease>, StoreError> {
        let row = self.row(sql::LEASE, &[&kind, &key]).await?;
        Ok(row.as_ref().map(lease_of).transpose()?)
    }

    pub async fn leases_due(&self, kind: &str, now: i64, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.list(sql::LEASES_DUE, &[&kind, &now, &to_i64(limit as u64)], lease_of).await
    }

    pub async fn usage(&self, stream: &str, principals: Vec<Box<str>>) -> Result<Vec<Usage>, StoreError> {
        let mut found = Vec::new();
        for principal in principals {
            found.append(&mut self.list(sql::USAGE, &[&stream, &principal], usage_of).await?);
        }
        Ok(found)
    }

    pub async fn snapshot(&self, stream: &str, at_most: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let at_most = to_i64(at_most.unwrap_or(u64::MAX));
        let stored = |row: &Row| Ok((to_u64(row, 0)?, row.try_get::<_, Vec<u8>>(1)?, row.try_get::<_, Vec<u8>>(2)?));
        for (revision, state, checksum) in self.list(sql::SNAPSHOTS, &[&stream, &at_most], stored).await? {
            if checksum == snapshot_checksum(stream, revision, &state) {
                return Ok(Some((revision, state)));
            }
            tracing::warn!(
                stream,
                revision,
                "the snapshot of `{stream}` at revision {revision} is damaged; skipped it"
            );
        }
        Ok(None)
    }

    pub async fn row(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.pop())
    }

    async fn list<T>(
        &self,
        sql: &str,
        values: Values<'_>,
        each: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.rows(sql, values).await?.iter().map(each).collect::<Result<_, _>>()?)
    }

    async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        let reading = async {
            let mut left = MOST_TRIES;
            loop {
                left -= 1;
                let client = self.pool.get().await?;
                let read = async {
                    let statement = client.prepare_cached(sql).await?;
                    client.query(&statement, values).await
                };
                match read.await {
                    // What lay in the pool may have been lost with a server that is back by now.
                    Err(error) if left > 0 && failure::is_lost(&error) => tokio::time::sleep(PAUSE).await,
                    read => return Ok(read?),
                }
            }
        };
        in_time(self.patience, reading).await?
    }
}

pub fn record_of(row: &Row) -> Result<Record, Error> {
    Ok(Record {
        stream: row.try_get(0)?,
        revision: to_u64(row, 1)?,
        at: row.try_get(2)?,
        actor: row.try_get(3)?,
        request: row.try_get(4)?,
        changes: row.try_get(5)?,
        prev_hash: hash_of(row, 6)?,
        hash: hash_of(row, 7)?,
    })
}

/// From a revision in the given column and a hash in the next.
pub fn head_of(row: &Row, column: usize) -> Result<Head, Error> {
    Ok(Head { revision: to_u64(row, column)?, hash: hash_of(row, column + 1)? })
}

pub fn claim_of(row: &Row) -> Result<Claim, Error> {
    Ok(Claim { kind: row.try_get(0)?, key: row.try_get(1)?, stream: row.try_get(2)?, id: row.try_get(3)? })
}

pub fn usage_of(row: &Row) -> Result<Usage, Error> {
    Ok(Usage {
        stream: row.try_get(0)?,
        principal: row.try_get(1)?,
        permission: row.try_get(2)?,
        last_used: row.try_get(3)?,
    })
}

pub fn lease_of(row: &Row) -> Result<Lease, Error> {
    Ok(Lease {
        kind: row.try_get(0)?,
        key: row.try_get(1)?,
        stream: row.try_get(2)?,
        due_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
        payload: row.try_get(5)?,
    })
}

/// Revisions are never negative: the table says so.
pub fn to_u64(row: &Row, column: usize) -> Result<u64, Error> {
    row.try_get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

/// One of another length is none that we wrote: zeros, which fit no commit.
pub fn hash_of(row: &Row, column: usize) -> Result<[u8; 32], Error> {
    row.try_get::<_, &[u8]>(column).map(|bytes| bytes.try_into().unwrap_or([0; 32]))
}
