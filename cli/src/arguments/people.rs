//! What can be typed after `user`, `account` and `report-leak`.

use clap::{Args, Subcommand};
use model::ids::AccountId;

use super::{Data, SecretKey};

/// `portcullis user …`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Make a user with a Global API Key, which is printed once
    ///
    /// There is no sign-up yet: this makes somebody whom an account can add as a member. It may run beside a server on
    /// the same database.
    Create(UserCreate),
    /// Give a user another Global API Key, which is printed once; the old one is void at once
    RollKey(UserKey),
    /// Take the Global API Key from a user; tokens stay
    RemoveKey(UserKey),
}

/// `portcullis user create`.
#[derive(Debug, Args)]
pub struct UserCreate {
    /// E-mail address of the user
    #[arg(long, value_name = "ADDRESS")]
    pub email: String,

    /// Let the user create accounts
    #[arg(long)]
    pub operator: bool,

    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
}

/// `portcullis user roll-key` and `portcullis user remove-key`.
#[derive(Debug, Args)]
pub struct UserKey {
    /// E-mail address of the user
    #[arg(long, value_name = "ADDRESS")]
    pub email: String,

    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
}

/// `portcullis report-leak`.
#[derive(Debug, Args)]
pub struct ReportLeak {
    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
}

/// `portcullis account …`.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Bring a deleted account back, with everything in it
    ///
    /// It answers as if it had never been away: members, groups, tokens, zones. 30 days after it was deleted nothing is left
    /// of it but the log. It may run beside a server on the same database.
    Restore(AccountRestore),
}

/// `portcullis account restore`.
#[derive(Debug, Args)]
pub struct AccountRestore {
    /// Id of the account: 32 hex digits
    pub account: AccountId,

    #[command(flatten)]
    pub data: Data,
}
