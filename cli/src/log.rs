//! `portcullis log`: looking into the commit log, without a server.

mod show;
pub mod verify;

use std::process::ExitCode;

use crate::arguments::Log;

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: Log) -> anyhow::Result<ExitCode> {
    match command {
        Log::Show(show) => show::run(show).await,
        Log::Verify(verify) => verify::run(verify).await,
    }
}
