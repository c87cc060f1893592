//! `portcullis audit …`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use model::ids::AccountId;
use model::time::Timestamp;
use runtime::audit::merged::Whose;
use server::audit::window::moment;

use super::Data;

/// `portcullis audit …`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Write the audit log of an account as JSON lines, CSV or Parquet, the oldest entry first
    ///
    /// Every entry has what the API shows of it: redacted, with the object before and after. It may run beside a server on the
    /// same database.
    Export(AuditExport),
    /// Check that nothing in the audit log was changed, taken out or slipped in; exit code 1 if something was
    ///
    /// Checked are the commits, which are the entries of what was carried out, and the logs beside them of what was denied, refused
    /// or failed. Each record carries the hash of the one before. A log whose newest records were all cut off is still a whole
    /// chain: to notice that, compare the counts with earlier ones.
    Verify(AuditVerify),
}

/// Whose audit log.
#[derive(Clone, Copy, Debug)]
pub struct Owner(pub Whose);

impl FromStr for Owner {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Owner, &'static str> {
        match (text, text.parse::<AccountId>()) {
            ("server", _) => Ok(Owner(Whose::Server)),
            (_, Ok(id)) => Ok(Owner(Whose::Account(id))),
            (_, Err(_)) => Err("must be the id of an account, 32 hex digits, or `server`"),
        }
    }
}

/// `portcullis audit export`.
#[derive(Debug, Args)]
pub struct AuditExport {
    /// Id of the account, or `server` for what belongs to no account
    #[arg(value_name = "ACCOUNT")]
    pub owner: Owner,

    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    pub format: ExportFormat,

    /// Only entries from this day (UTC) or RFC 3339 time on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,

    /// Only entries before this day (UTC) or RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub before: Option<Timestamp>,

    /// File to write, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub data: Data,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line, as the API shows it
    Jsonl,
    /// One line an entry, under a line of names; objects as JSON text
    Csv,
    /// The columns of CSV, as Apache Parquet
    Parquet,
}

/// `portcullis audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// Id of one account: 32 hex digits [default: all accounts and users, and the server's own]
    pub account: Option<AccountId>,

    #[command(flatten)]
    pub data: Data,
}
