//! Writing what is no commit: snapshots, leases, uses, summaries. Each is one small transaction on a connection of the pool.

use tokio_postgres::types::ToSql;

use super::Postgres;
use super::connect::in_time;
use crate::error::StoreError;
use crate::numbers::to_i64;
use crate::record::snapshot_checksum;
use crate::sql;
use crate::transaction::{Lease, LeaseChange, Summary, Transaction, Usage};

/// The most leases that one statement removes.
const PURGED_AT_ONCE: u64 = 1000;

impl Postgres {
    pub async fn put_snapshot(&self, stream: &str, revision: u64, state: Vec<u8>) -> Result<(), StoreError> {
        let checksum = snapshot_checksum(stream, revision, &state);
        let checksum = &checksum[..];
        self.all_or_none(&[
            (sql::PUT_SNAPSHOT, &[&stream, &to_i64(revision), &state, &checksum]),
            (sql::TRIM_SNAPSHOTS, &[&stream]),
        ])
        .await
    }

    /// Through the writer, so that they come after the commits that were queued before.
    pub async fn put_leases(&self, changes: Vec<LeaseChange>) -> Result<(), StoreError> {
        self.written(Transaction { leases: changes, ..Transaction::default() }).await
    }

    pub async fn replace_lease(&self, read: &Lease, by: Option<Lease>) -> Result<bool, StoreError> {
        let Lease { kind, key, stream, due_at, expires_at, payload } = read;
        let read: [&(dyn ToSql + Sync); 6] = [kind, key, stream, due_at, expires_at, payload];
        let changed = match &by {
            Some(by) => {
                let by: [&(dyn ToSql + Sync); 4] = [&by.stream, &by.due_at, &by.expires_at, &by.payload];
                self.execute(sql::REPLACE_LEASE, &[&by[..], &read].concat()).await?
            }
            None => self.execute(sql::END_LEASE, &read).await?,
        };
        Ok(changed > 0)
    }

    pub async fn purge_leases(&self, now: i64) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.execute(sql::PURGE_LEASES, &[&now, &to_i64(PURGED_AT_ONCE)]).await?;
            total += removed;
            if removed < PURGED_AT_ONCE {
                return Ok(total);
            }
        }
    }

    pub async fn put_usage(&self, mut usage: Vec<Usage>) -> Result<(), StoreError> {
        // In one order on all nodes, so that they never wait for each other in a circle.
        usage.sort_by(|a, b| (&a.stream, &a.principal, &a.permission).cmp(&(&b.stream, &b.principal, &b.permission)));
        let rows: Vec<[&(dyn ToSql + Sync); 4]> = usage.iter().map(usage_row).collect();
        let statements: Vec<_> = rows.iter().map(|row| (sql::PUT_USAGE, &row[..])).collect();
        self.all_or_none(&statements).await
    }

    pub async fn put_summaries(&self, stream: &str, summaries: Vec<Summary>) -> Result<(), StoreError> {
        let firsts: Vec<i64> = summaries.iter().map(|summary| to_i64(summary.first)).collect();
        let rows: Vec<[&(dyn ToSql + Sync); 4]> = summaries
            .iter()
            .zip(&firsts)
            .map(|(summary, first)| -> [&(dyn ToSql + Sync); 4] { [&stream, &summary.kind, first, &summary.bytes] })
            .collect();
        let statements: Vec<_> = rows.iter().map(|row| (sql::PUT_SUMMARY, &row[..])).collect();
        self.all_or_none(&statements).await
    }

    pub async fn usage_since(&self, now: i64) -> Result<i64, StoreError> {
        self.execute(sql::BEGIN_USAGE, &[&now]).await?;
        let row = self.row(sql::USAGE_SINCE, &[]).await?;
        Ok(row.map_or(Ok(now), |row| row.try_get(0))?)
    }

    pub(super) async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let executing = async {
            let client = self.pool.get().await?;
            let statement = client.prepare_cached(sql).await?;
            Ok(client.execute(&statement, values).await?)
        };
        in_time(self.patience, executing).await?
    }

    pub(super) async fn all_or_none(&self, statements: &[(&str, &[&(dyn ToSql + Sync)])]) -> Result<(), StoreError> {
        let executing = async {
            let mut client = self.pool.get().await?;
            let transaction = client.transaction().await?;
            for (sql, values) in statements {
                let statement = transaction.prepare_cached(sql).await?;
                transaction.execute(&statement, values).await?;
            }
            Ok(transaction.commit().await?)
        };
        in_time(self.patience, executing).await?
    }
}

fn usage_row(usage: &Usage) -> [&(dyn ToSql + Sync); 4] {
    [&usage.stream, &usage.principal, &usage.permission, &usage.last_used]
}
