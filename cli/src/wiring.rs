//! The parts that several commands are made of: the catalogue, the engine, the runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use catalog::Catalog;
use engine::Engine;
use model::rules::Rules;
use runtime::clock::{RandomIds, SystemClock};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime};
use store::Store;

use crate::arguments::Data;

/// The built-in catalogue with the operator's files.
///
/// # Errors
/// When a file cannot be read, or does not fit: then every fault of it is told.
pub fn catalog(files: &[PathBuf]) -> anyhow::Result<Catalog> {
    files.iter().try_fold(Catalog::builtin(), |catalog, path| {
        let text = std::fs::read_to_string(path).with_context(|| format!("catalogue file `{}`", path.display()))?;
        Ok(catalog.with_file(&text, &path.display().to_string())?)
    })
}

/// A runtime on the machine's clock, with random ids.
pub fn runtime(store: Store, catalog: Catalog, rules: Rules, secrets: Secrets) -> Runtime {
    Runtime::new(store, Engine::new(Arc::new(catalog)), rules, secrets, Arc::new(SystemClock), Arc::new(RandomIds))
}

/// The same, for commands that write to the database: what they revoke is kept in the journal.
///
/// # Errors
/// When the journal cannot be opened.
pub fn writing_runtime(
    data: &Data,
    store: Store,
    catalog: Catalog,
    rules: Rules,
    secrets: Secrets,
) -> anyhow::Result<Runtime> {
    let runtime = runtime(store, catalog, rules, secrets);
    keep_journal(&runtime, &data.journal_path())?;
    Ok(runtime)
}

/// Keeps what is revoked from now on in the journal.
///
/// # Errors
/// When the journal cannot be opened.
pub fn keep_journal(runtime: &Runtime, path: &Path) -> anyhow::Result<()> {
    let kept = runtime.journal.keep_in(path, runtime.clock.now());
    kept.with_context(|| format!("cannot keep the journal of revocations `{}`", path.display()))
}

/// For commands that only read the log, and have no use for the secret key.
pub fn reading_runtime(store: Store) -> Runtime {
    runtime(store, Catalog::builtin(), Rules::default(), Secrets::new(&[0; 32]))
}

/// A commit that the operator makes on the command line.
pub fn operator(command: &str) -> Origin {
    Origin::system(&format!("portcullis {command}"))
}
