//! Bringing the tables up to date.

use tokio_postgres::Client;

use crate::error::StoreError;

/// In their order; number 1 first. One that was released is never changed.
const MIGRATIONS: &[&str] =
    &[include_str!("../../migrations/postgres/0001_log.sql"), include_str!("../../migrations/postgres/0002_bases.sql")];

/// Of nodes that start together one migrates, and the others wait for it: "Port" and "cull" in ASCII.
const LOCK: i64 = 0x506f_7274_6375_6c6c;

/// Runs the migrations that the database lacks, all or none. Of several nodes that start together, one does.
pub async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as u32;
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS migrations (
                 version    BIGINT NOT NULL PRIMARY KEY,
                 applied_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
                 applied_by TEXT NOT NULL
             )",
        )
        .await?;
    let found: i64 =
        transaction.query_one("SELECT coalesce(max(version), 0) FROM migrations", &[]).await?.try_get(0)?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, sql) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        transaction.batch_execute(sql).await?;
        let by = concat!("portcullis ", env!("CARGO_PKG_VERSION"));
        transaction.execute("INSERT INTO migrations (version, applied_by) VALUES ($1, $2)", &[&version, &by]).await?;
    }
    Ok(transaction.commit().await?)
}
