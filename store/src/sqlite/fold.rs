//! Folding a log: a base in place of what is older.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Sqlite;
use super::queue::Upkeep;
use super::read::to_u64;
use crate::error::StoreError;
use crate::numbers::to_i64;
use crate::record::{Base, Record};
use crate::sql;

impl Sqlite {
    pub async fn base(&self, stream: &str) -> Result<Option<Base>, StoreError> {
        let stream: Box<str> = stream.into();
        let read = move |connection: &Connection| {
            connection.prepare_cached(sql::BASE)?.query_row([&*stream], base_of).optional()
        };
        self.readers().range(read).await
    }

    pub async fn folded(&self, stream: &str) -> Result<u64, StoreError> {
        let read = |connection: &Connection| {
            connection.prepare_cached(sql::FOLDED)?.query_row([stream], |row| to_u64(row, 0)).optional()
        };
        self.readers().point(read).map(Option::unwrap_or_default)
    }

    pub async fn fold(&self, base: Base) -> Result<bool, StoreError> {
        Ok(self.upkeep(Upkeep::Fold(Box::new((base, None)))).await? == 1)
    }

    pub async fn found(&self, base: Base, record: Record) -> Result<(), StoreError> {
        self.upkeep(Upkeep::Fold(Box::new((base, Some(record))))).await.map(drop)
    }

    pub async fn forget_folded(&self, stream: &str) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.upkeep(Upkeep::ForgetFolded { stream: stream.into() }).await?;
            total += removed;
            if removed < sql::FORGOTTEN_AT_ONCE {
                return Ok(total);
            }
        }
    }
}

/// Tells how many bases were put: one, or none where the commit is not there or an earlier base stands for more.
pub fn fold(connection: &Connection, base: &Base, record: Option<&Record>) -> rusqlite::Result<u64> {
    if let Some(record) = record {
        super::append::insert(connection, record)?;
    }
    let Base { stream, revision, at, hash, state, key, signature } = base;
    let values = params![&**stream, to_i64(*revision), at, hash, state, key, signature];
    Ok(connection.prepare_cached(sql::FOLD)?.execute(values)? as u64)
}

pub fn forget(connection: &Connection, stream: &str) -> rusqlite::Result<u64> {
    let removed =
        connection.prepare_cached(sql::FORGET_COMMITS)?.execute(params![stream, to_i64(sql::FORGOTTEN_AT_ONCE)])?;
    if (removed as u64) < sql::FORGOTTEN_AT_ONCE {
        connection.prepare_cached(sql::FORGET_TOUCHES)?.execute([stream])?;
        connection.prepare_cached(sql::FORGET_APPEARANCES)?.execute([stream])?;
    }
    Ok(removed as u64)
}

pub fn base_of(row: &Row<'_>) -> rusqlite::Result<Base> {
    Ok(Base {
        stream: row.get(0)?,
        revision: to_u64(row, 1)?,
        at: row.get(2)?,
        hash: row.get(3)?,
        state: row.get(4)?,
        key: row.get(5)?,
        signature: row.get(6)?,
    })
}
