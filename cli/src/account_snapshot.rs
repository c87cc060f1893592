//! `portcullis snapshot`: accounts in signed files, from which the engine's crate decides without a server.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use engine::offline;
use model::rules::Rules;
use runtime::Runtime;
use runtime::clock::{Clock, SystemClock};
use runtime::secrets::Secrets;

use crate::arguments::{Snapshot, SnapshotExport, SnapshotKey, SnapshotVerify};
use crate::backup::Unfinished;
use crate::{secret_key, wiring};

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: Snapshot) -> anyhow::Result<ExitCode> {
    match command {
        Snapshot::Export(export) => self::export(export).await,
        Snapshot::Key(key) => self::key(&key),
        Snapshot::Verify(verify) => self::verify(&verify),
    }
}

/// Writes the file of an account. It has its name only once it is whole.
async fn export(export: SnapshotExport) -> anyhow::Result<ExitCode> {
    let store = export.data.open(None).await?;
    let secrets = secret_key::read(&secret_key::path(&export.data, &export.secret_key))?;
    let catalog = wiring::catalog(&export.catalogs.catalog)?;
    let runtime = wiring::runtime(store, catalog, Rules::default(), secrets);
    let written = write(&runtime, &export).await;
    runtime.close().await;
    writeln!(std::io::stdout(), "{}", written?)?;
    Ok(ExitCode::SUCCESS)
}

async fn write(runtime: &Runtime, export: &SnapshotExport) -> anyhow::Result<String> {
    let account = export.account;
    let snapshot = runtime.account(account).await?.with_context(|| format!("there is no account `{account}`"))?;
    let bytes = runtime.seal(&snapshot, export.valid.0)?;
    let cannot = || format!("cannot write `{}`; name a file that is not there yet", export.output.display());
    let unfinished = Unfinished::of(&export.output);
    let mut file = unfinished.create().with_context(cannot)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).with_context(cannot)?;
    unfinished.finish(&export.output).with_context(cannot)?;
    let head = offline::head(&bytes, &runtime.opening_key())?;
    Ok(format!("revision {} in {} bytes, good until {}", head.revision, bytes.len(), head.expires_on))
}

/// Prints the public half of what files are signed with.
fn key(key: &SnapshotKey) -> anyhow::Result<ExitCode> {
    let secrets: Secrets = secret_key::read(&secret_key::path(&key.data, &key.secret_key))?;
    writeln!(std::io::stdout(), "{}", secrets.opening_key())?;
    Ok(ExitCode::SUCCESS)
}

/// Opens a file, as a service would.
fn verify(verify: &SnapshotVerify) -> anyhow::Result<ExitCode> {
    let name = verify.file.display();
    let bytes = std::fs::read(&verify.file).with_context(|| format!("cannot read `{name}`"))?;
    let opened = offline::open(&bytes, &verify.key, SystemClock.now());
    let (head, account) = opened.with_context(|| format!("`{name}` cannot be used"))?;
    let mut out = std::io::stdout();
    writeln!(out, "account {} at revision {}, {}", head.account_id, head.revision, head.at)?;
    writeln!(out, "members {}, user groups {}", account.member_count(), account.user_group_count())?;
    writeln!(out, "made {}, good until {}", head.made_on, head.expires_on)?;
    Ok(ExitCode::SUCCESS)
}
