//! The parts that several commands are made of: the catalogue, the engine, the runtime.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use catalog::Catalog;
use engine::Engine;
use model::rules::Rules;
use runtime::clock::{RandomIds, SystemClock};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime};
use store::Store;

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

/// For commands that only read the log, and have no use for the secret key.
pub fn reading_runtime(store: Store) -> Runtime {
    runtime(store, Catalog::builtin(), Rules::default(), Secrets::new(&[0; 32]))
}

/// A commit that the operator makes on the command line.
pub fn operator(command: &str) -> Origin {
    Origin::system(&format!("portcullis {command}"))
}
