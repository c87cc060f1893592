//! A copy of everything, on a session of its own, within one transaction that sees one moment: writers go on meanwhile.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, IsolationLevel, Row as SqlRow, Transaction};

use super::Postgres;
use super::connect::Access;
use super::fold::base_of;
use super::read::{claim_of, lease_of, record_of, to_u64, usage_of};
use crate::dump::{Dump, Dumping, Row};
use crate::error::StoreError;
use crate::sql;

/// It takes as long as it takes.
const NO_LIMITS: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";

impl Postgres {
    pub fn dump(&self) -> Dump {
        let (mut dumping, dump) = Dump::channel();
        let access = self.access.clone();
        tokio::spawn(async move {
            let read = read(&access, &mut dumping).await;
            dumping.end(read).await;
        });
        dump
    }
}

async fn read(access: &Access, dumping: &mut Dumping) -> Result<(), StoreError> {
    let mut client = access.connect().await?;
    client.batch_execute(NO_LIMITS).await?;
    let moment = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start();
    let moment = moment.await?;
    let appearance_of = |row: &SqlRow| {
        Ok(Row::Appearance { place: row.try_get(0)?, stream: row.try_get(1)?, revision: to_u64(row, 2)? })
    };
    each(&moment, sql::ALL_APPEARANCES, dumping, appearance_of).await?;
    each(&moment, sql::ALL_BASES, dumping, |row| base_of(row).map(Row::Base)).await?;
    each(&moment, sql::ALL_COMMITS, dumping, |row| record_of(row).map(Row::Commit)).await?;
    each(&moment, sql::ALL_CLAIMS, dumping, |row| claim_of(row).map(Row::Claim)).await?;
    each(&moment, sql::ALL_LEASES, dumping, |row| lease_of(row).map(Row::Lease)).await?;
    each(&moment, sql::ALL_USAGE, dumping, |row| usage_of(row).map(Row::Usage)).await?;
    let since = moment.query_opt(sql::USAGE_SINCE, &[]).await?;
    if let Some(row) = since {
        dumping.push(Row::UsageSince(row.try_get(0)?)).await?;
    }
    Ok(())
}

async fn each(
    moment: &Transaction<'_>,
    sql: &str,
    dumping: &mut Dumping,
    row_of: impl Fn(&SqlRow) -> Result<Row, Error>,
) -> Result<(), StoreError> {
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = pin!(moment.query_raw(sql, none).await?);
    while let Some(row) = rows.try_next().await? {
        dumping.push(row_of(&row)?).await?;
    }
    Ok(())
}
