//! `portcullis account`: what becomes of accounts that were deleted.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use model::rules::Rules;
use runtime::CommitError;
use runtime::secrets::Secrets;

use crate::arguments::{Account, AccountRestore};
use crate::wiring;

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: Account) -> anyhow::Result<ExitCode> {
    match command {
        Account::Restore(restore) => self::restore(restore).await,
    }
}

/// Brings a deleted account back, whole.
async fn restore(restore: AccountRestore) -> anyhow::Result<ExitCode> {
    let store = restore.data.open(None).await?;
    // Nothing is authenticated, so the secret key is not needed.
    let runtime =
        wiring::writing_runtime(&restore.data, store, wiring::catalog(&[])?, Rules::default(), Secrets::new(&[0; 32]))?;
    let restored = runtime.restore_account(restore.account, &wiring::operator("account restore")).await;
    runtime.close().await;
    match restored {
        Ok(()) => {}
        Err(CommitError::NoStream(_)) => bail!("there is no account `{}`", restore.account),
        Err(error) => return Err(error.into()),
    }
    writeln!(std::io::stdout(), "account {} is back", restore.account)?;
    Ok(ExitCode::SUCCESS)
}
