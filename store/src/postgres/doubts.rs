//! What speaks against relying on a database of PostgreSQL.

use super::Postgres;
use crate::error::StoreError;

/// Without these a crash of the server may lose what was acknowledged.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];
/// In microseconds.
const MOST_SKEW: i64 = 2_000_000;

const SETTING: &str = "SELECT setting FROM pg_catalog.pg_settings WHERE name = $1";
const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

impl Postgres {
    pub async fn doubts(&self, now: i64) -> Result<Vec<String>, StoreError> {
        let mut doubts = Vec::new();
        for name in DURABLE {
            let row = self.row(SETTING, &[&name]).await?;
            let setting: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
            if setting.as_deref() == Some("off") {
                doubts.push(format!("`{name}` is off: a crash may lose what was acknowledged; switch it on"));
            }
        }
        if let Some(row) = self.row(CLOCK, &[]).await? {
            let skew = row.try_get::<_, i64>(0)? - now;
            if skew.abs() > MOST_SKEW {
                let seconds = skew as f64 / 1e6;
                doubts.push(format!("its clock is {seconds:+.1} s from ours; let both follow a time server"));
            }
        }
        Ok(doubts)
    }
}
