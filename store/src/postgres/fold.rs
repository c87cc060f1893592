//! Folding a log: a base in place of what is older.

use tokio_postgres::Row;

use super::Postgres;
use super::read::{hash_of, to_u64};
use crate::error::StoreError;
use crate::numbers::to_i64;
use crate::record::{Base, Record};
use crate::sql;

impl Postgres {
    pub async fn base(&self, stream: &str) -> Result<Option<Base>, StoreError> {
        Ok(self.row(sql::BASE, &[&stream]).await?.as_ref().map(base_of).transpose()?)
    }

    pub async fn folded(&self, stream: &str) -> Result<u64, StoreError> {
        let row = self.row(sql::FOLDED, &[&stream]).await?;
        Ok(row.map_or(Ok(0), |row| to_u64(&row, 0))?)
    }

    pub async fn fold(&self, base: Base) -> Result<bool, StoreError> {
        let Base { stream, revision, at, hash, state, key, signature } = &base;
        let (hash, key, revision) = (&hash[..], &key[..], to_i64(*revision));
        Ok(self.execute(sql::FOLD, &[stream, &revision, at, &hash, state, &key, signature]).await? == 1)
    }

    pub async fn found(&self, base: Base, record: Record) -> Result<(), StoreError> {
        let Base { stream, revision, at, hash, state, key, signature } = &base;
        let (hash, key) = (&hash[..], &key[..]);
        let (number, hashes) = (to_i64(record.revision), [&record.prev_hash[..], &record.hash[..]]);
        let Record { stream: of, at: when, actor, request, changes, .. } = &record;
        self.all_or_none(&[
            (sql::APPEND, &[of, &number, when, actor, request, changes, &hashes[0], &hashes[1]]),
            (sql::FOLD, &[stream, &to_i64(*revision), at, &hash, state, &key, signature]),
        ])
        .await
    }

    pub async fn forget_folded(&self, stream: &str) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.execute(sql::FORGET_COMMITS, &[&stream, &to_i64(sql::FORGOTTEN_AT_ONCE)]).await?;
            total += removed;
            if removed < sql::FORGOTTEN_AT_ONCE {
                self.execute(sql::FORGET_TOUCHES, &[&stream]).await?;
                self.execute(sql::FORGET_APPEARANCES, &[&stream]).await?;
                return Ok(total);
            }
        }
    }
}

pub fn base_of(row: &Row) -> Result<Base, tokio_postgres::Error> {
    Ok(Base {
        stream: row.try_get(0)?,
        revision: to_u64(row, 1)?,
        at: row.try_get(2)?,
        hash: hash_of(row, 3)?,
        state: row.try_get(4)?,
        key: hash_of(row, 5)?,
        signature: row.try_get(6)?,
    })
}
