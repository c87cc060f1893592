//! `portcullis audit`: the audit log without a server.

mod columns;
mod export;
#[cfg(feature = "parquet")]
mod parquet_file;
mod verify;

use std::process::ExitCode;

use crate::arguments::audit::Audit;

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Export(export) => export::run(export).await,
        Audit::Verify(verify) => verify::run(verify).await,
    }
}
