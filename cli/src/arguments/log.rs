//! What can be typed after `log` and `check`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use model::ids::AccountId;
use runtime::history::at::At;

use super::{Catalogs, Data, SecretKey};

/// `portcullis log …`.
#[derive(Debug, Subcommand)]
pub enum Log {
    /// Show what an account holds, now or at an earlier revision, and the commits that led there
    Show(LogShow),
    /// Check that no commit was changed, taken out or slipped in; exit code 1 if one was
    ///
    /// Each commit carries the hash of the one before. The whole chain is computed anew, and every change applied. Where old
    /// commits were folded away, the signature of the base in their place is checked, and with the secret key whose it is. A log
    /// whose newest commits were all cut off is still a whole chain: to notice that, compare the count with an earlier
    /// one.
    Verify(LogVerify),
}

/// `portcullis check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Compare with the oracle
    #[arg(long, required = true)]
    pub oracle: bool,

    /// How many decisions to compare in each account
    #[arg(long, value_name = "NUMBER", default_value = "10000")]
    pub samples: NonZeroUsize,

    /// Which decisions to compare: the same number picks the same ones again [default: random]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub catalogs: Catalogs,
}

/// `portcullis log show`.
#[derive(Debug, Args)]
pub struct LogShow {
    /// Id of the account: 32 hex digits
    pub account: AccountId,

    /// Show the account as it was at this revision or RFC 3339 time [default: the newest revision]
    #[arg(long, value_name = "REVISION|TIME")]
    pub at: Option<At>,

    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
}

/// `portcullis log verify`.
#[derive(Debug, Args)]
pub struct LogVerify {
    /// Id of one account: 32 hex digits [default: all accounts and users]
    pub account: Option<AccountId>,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
}
