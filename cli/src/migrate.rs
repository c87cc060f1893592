//! `portcullis migrate`: the tables, before the first server of a new release starts.

use std::io::Write as _;
use std::process::ExitCode;

use crate::arguments::Migrate;

/// Brings the tables up to date.
///
/// # Errors
/// When there is no database, or it cannot be brought up to date; then it is as it was.
pub async fn run(migrate: Migrate) -> anyhow::Result<ExitCode> {
    migrate.data.open(None).await?.close().await;
    writeln!(std::io::stdout(), "the tables of `{}` are up to date", migrate.data.database)?;
    Ok(ExitCode::SUCCESS)
}
