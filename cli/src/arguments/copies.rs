//! What can be typed after `backup`, `restore` and `snapshot`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use engine::offline::OpeningKey;
use model::ids::AccountId;

use super::{Catalogs, Data, SecretKey};
use crate::duration::Seconds;

/// `portcullis backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// File to write; there must be none of that name
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub data: Data,
}

/// `portcullis restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// File that `backup` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub data: Data,

    /// Journal of revocations of a server that used the database; can be given several times
    ///
    /// The one beside the new database is read in any case, if it is there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub journal: Vec<PathBuf>,

    /// Revoke every token and key, where the journals are lost
    ///
    /// Tokens can be rolled afterwards, and `portcullis user roll-key` gives a user another Global API Key.
    #[arg(long, conflicts_with = "journal")]
    pub revoke_all_credentials: bool,
}

/// `portcullis snapshot`.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Write an account into a signed file
    ///
    /// The engine's crate opens it with the key that `snapshot key` prints, and decides from it as the server does, until it expires. Digests
    /// of secrets are not in it.
    Export(SnapshotExport),
    /// Print the key that opens the files of this server
    ///
    /// It is no secret: it opens what the server signed, and signs nothing.
    Key(SnapshotKey),
    /// Check that a file was signed with that key, was not changed, and is still good
    Verify(SnapshotVerify),
}

/// `portcullis snapshot export`.
#[derive(Debug, Args)]
pub struct SnapshotExport {
    /// Id of the account: 32 hex digits
    pub account: AccountId,

    /// File to write; there must be none of that name
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    /// For how long it may be decided from, such as `24h` or `30 days`
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub valid: Seconds,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
    #[command(flatten)]
    pub catalogs: Catalogs,
}

/// `portcullis snapshot key`.
#[derive(Debug, Args)]
pub struct SnapshotKey {
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
}

/// `portcullis snapshot verify`.
#[derive(Debug, Args)]
pub struct SnapshotVerify {
    /// The file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// What `snapshot key` printed: 64 hex digits
    #[arg(long, value_name = "KEY")]
    pub key: OpeningKey,
}
