//! A copy of everything, on a connection of its own, within one read transaction: writers go on meanwhile.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow};

use super::fold::base_of;
use super::read::{blocking, claim_of, lease_of, record_of, to_u64, usage_of};
use super::{Sqlite, schema};
use crate::dump::{Dump, Dumping, Row};
use crate::error::StoreError;
use crate::sql;

impl Sqlite {
    pub fn dump(&self) -> Dump {
        let (mut dumping, dump) = Dump::channel();
        let (path, options) = (self.path.clone(), self.options.clone());
        tokio::spawn(async move {
            let reading = blocking(move || {
                let connection = schema::open_reader(&path, &options)?;
                let read = read(&connection, &mut dumping);
                Ok((dumping, read))
            });
            // Where it could not even be opened the dump ends without having been told so, which is an error too.
            if let Ok((dumping, read)) = reading.await {
                dumping.end(read).await;
            }
        });
        dump
    }
}

fn read(connection: &Connection, dumping: &mut Dumping) -> Result<(), StoreError> {
    let moment = connection.unchecked_transaction()?;
    let appearance_of =
        |row: &SqlRow<'_>| Ok(Row::Appearance { place: row.get(0)?, stream: row.get(1)?, revision: to_u64(row, 2)? });
    each(&moment, sql::ALL_APPEARANCES, dumping, appearance_of)?;
    each(&moment, sql::ALL_BASES, dumping, |row| base_of(row).map(Row::Base))?;
    each(&moment, sql::ALL_COMMITS, dumping, |row| record_of(row).map(Row::Commit))?;
    each(&moment, sql::ALL_CLAIMS, dumping, |row| claim_of(row).map(Row::Claim))?;
    each(&moment, sql::ALL_LEASES, dumping, |row| lease_of(row).map(Row::Lease))?;
    each(&moment, sql::ALL_USAGE, dumping, |row| usage_of(row).map(Row::Usage))?;
    let since: Option<i64> = moment.query_row(sql::USAGE_SINCE, [], |row| row.get(0)).optional()?;
    since.map_or(Ok(()), |since| dumping.push_blocking(Row::UsageSince(since)))
}

fn each(
    connection: &Connection,
    sql: &str,
    dumping: &mut Dumping,
    row_of: impl Fn(&SqlRow<'_>) -> rusqlite::Result<Row>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        dumping.push_blocking(row_of(row)?)?;
    }
    Ok(())
}
