//! What can be typed. Each flag says what it means, its unit, its default and its environment variable; a flag beats
//! the variable, the variable the configuration file, and the file the default.

pub mod ask;
pub mod audit;
mod copies;
mod log;
mod people;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use server::WireShapes;
use tracing_subscriber::filter::Targets;

use self::ask::{Apply, Ask, Export, Revert};
use self::audit::Audit;
pub use self::copies::{Backup, Restore, Snapshot, SnapshotExport, SnapshotKey, SnapshotVerify};
pub use self::log::{Check, Log, LogShow, LogVerify};
pub use self::people::{Account, AccountRestore, ReportLeak, User, UserCreate, UserKey};
pub use self::serve::Serve;
use crate::database::Database;

/// A self-hosted identity and access management server
///
/// Portcullis keeps accounts, members, user groups, policies and tokens, and decides who may do what. Its API is
/// compatible with the v4 IAM API, so that the official SDKs work against it by changing only the base URL.
///
/// To try it out:      portcullis dev
/// To set one up:      portcullis init --email you@example.com
/// and then:           portcullis serve
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, verbatim_doc_comment, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Box<Serve>),
    /// Set up a new server: the first account and its super administrator
    ///
    /// Makes the data folder, the secret key, a user, an account with this user as super administrator, an API token
    /// that holds every permission, and a Global API Key. Both secrets are printed once and cannot be shown again.
    Init(Init),
    /// Run a development server: all in memory, with the data of the API reference's examples
    ///
    /// Its credentials are public, so it listens on loopback only. `POST /__dev/reset` restores its data.
    Dev(Dev),
    /// Manage users
    #[command(subcommand)]
    User(User),
    /// Manage accounts
    #[command(subcommand)]
    Account(Account),
    /// Look into the commit log
    #[command(subcommand)]
    Log(Log),
    /// Take the audit log out, or check it
    #[command(subcommand)]
    Audit(Audit),
    /// Check that decisions on the accounts in the database are right; exit code 1 if one is not
    ///
    /// Samples of who may do what on what are decided once by the engine that serves, and once by the oracle: a second,
    /// naive evaluator that was written from the specification alone. Each one on which the two differ is told. It may
    /// run beside a server on the same database.
    Check(Check),
    /// Ask who may do what, and why, of the database itself
    ///
    /// The answers are those of the API. No server is needed, and it may run beside one. No credentials are asked for:
    /// whoever can read the database may know what is in it.
    #[command(subcommand)]
    Ask(Ask),
    /// Undo a commit of an account, by a new commit
    ///
    /// Every document that it touched becomes what it was before. Where one was changed since, or something rests on it, nothing
    /// is done and each such object is told. It may run beside a server on the same database.
    Revert(Revert),
    /// Write an account to standard output, for `apply` or for Terraform
    ///
    /// As JSON: name and settings, members, user groups and resource groups, each by what people call it. For Terraform: these
    /// and zones, SSO connectors and account tokens, by their ids, without secrets.
    Export(Export),
    /// Make an account what a file says, in one commit
    ///
    /// The difference is printed first: what comes, changes and goes, and who gains and loses what. What the file has no section
    /// for is left as it is. It may run beside a server on the same database.
    Apply(Apply),
    /// Look whether everything is there that a server needs, and whether it can be relied on
    ///
    /// The secret key, the catalogue, the DNS, the database and its settings, the clock and the log: a line each, `ok`, `doubt` or `bad`.
    /// Exit code 1 if one is not well. It may run beside a server on the same database.
    Doctor(Doctor),
    /// Bring the tables of the database up to date, without starting a server
    ///
    /// A server does the same at its start. Of several that start together one does, and the others wait.
    Migrate(Migrate),
    /// Copy everything that the database holds into a file, while servers go on
    ///
    /// It is of one moment, whatever is written meanwhile. `restore` makes a database of it, of either engine. The secret key and the journal
    /// of revocations are not in it: keep them too, and apart from it.
    Backup(Backup),
    /// Make a new database of a backup, of either engine
    ///
    /// What was revoked after the backup was made stays revoked: the journal of revocations says what that is. The database must be new;
    /// nothing is written if the backup is damaged.
    Restore(Restore),
    /// Put accounts into signed files, from which services decide without a server
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Put a token or key out of use whose secret turned up where it should not be
    ///
    /// The secret is read from standard input, since arguments show in lists of processes. A token is marked `revoked
    /// (exposed)`: it can only be rolled or deleted. A Global API Key is taken away.
    ReportLeak(ReportLeak),
    /// Print the completions of a shell
    ///
    /// For bash: portcullis completions bash > /etc/bash_completion.d/portcullis
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands to a folder
    Man {
        /// Write one page for each command into this folder, instead of printing the first
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// Where the data is.
#[derive(Debug, Args)]
pub struct Data {
    /// File of settings, in TOML
    ///
    /// It has the names of the flags without the dashes in front, as in `listen = "0.0.0.0:8787"`. A flag that can be
    /// given several times is a list. A name that no flag has is an error.
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath, hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// The database: `sqlite:` and the path of its file, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
    ///
    /// Any number of servers may share one of PostgreSQL. The connection is encrypted and the certificate checked, unless the
    /// database is on this machine or the address says `sslmode=disable`.
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE",
        value_name = "URL",
        default_value = "sqlite:portcullis-data/portcullis.db",
        hide_env_values = true
    )]
    pub database: Database,

    /// File of the certificates, in PEM, of who may vouch for the server of PostgreSQL [default: those that the system trusts]
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_CA",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        hide_env_values = true
    )]
    pub database_ca: Option<PathBuf>,

    /// File in which it is kept what was revoked [default: revocations.journal beside the database]
    ///
    /// A backup that is restored would bring back what was revoked after it was made, so `restore` reads this. Keep a copy of it elsewhere;
    /// each server that does not share the file has one of its own.
    #[arg(
        long,
        env = "PORTCULLIS_REVOCATION_JOURNAL",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        hide_env_values = true
    )]
    pub revocation_journal: Option<PathBuf>,

    /// Most connections that read from PostgreSQL; there are two more, one that writes and one that listens
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "8",
        value_parser = clap::value_parser!(u16).range(1..),
        hide_env_values = true
    )]
    pub database_connections: u16,
}

/// The secret key.
#[derive(Debug, Args)]
pub struct SecretKey {
    /// File of the secret key under which credentials are kept: 64 hex digits
    ///
    /// `init` makes it. Without it no token or key can be checked, so back it up, apart from the database.
    /// [default: secret.key beside the database]
    #[arg(
        long,
        env = "PORTCULLIS_SECRET_KEY_FILE",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        hide_env_values = true
    )]
    pub secret_key_file: Option<PathBuf>,
}

/// Which catalogue files to add.
#[derive(Debug, Args)]
pub struct Catalogs {
    /// File of your own permission groups, roles and operations, in JSON; can be given several times
    ///
    /// It adds to the built-in catalogue. Several in the variable are separated by commas.
    #[arg(
        long,
        env = "PORTCULLIS_CATALOG",
        value_name = "FILE",
        value_delimiter = ',',
        value_hint = ValueHint::FilePath,
        hide_env_values = true
    )]
    pub catalog: Vec<PathBuf>,
}

/// What to log, on standard error.
#[derive(Debug, Args)]
pub struct LogLines {
    /// How log lines look
    #[arg(
        long,
        env = "PORTCULLIS_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "pretty",
        hide_env_values = true
    )]
    pub log_format: LogFormat,

    /// The least severe level to log: error, warn, info, debug, trace or off
    ///
    /// Parts of the program can have levels of their own: `info,portcullis_server=debug`.
    #[arg(long, env = "PORTCULLIS_LOG_LEVEL", value_name = "LEVEL", default_value = "info", hide_env_values = true)]
    pub log_level: Targets,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people
    Pretty,
    /// One JSON object a line, for machines
    Json,
}

/// What answers look like.
#[derive(Debug, Args)]
pub struct Answers {
    /// Which generation of clients to answer for, where they differ: auto, array or object
    ///
    /// `auto` goes by the headers of the client's SDK, and answers arrays to everyone else. It decides the form of a
    /// resource group's `scope`, and of the answer to adding members to a user group.
    #[arg(long, env = "PORTCULLIS_WIRE_SHAPES", value_name = "SHAPES", default_value = "auto", hide_env_values = true)]
    pub wire_shapes: WireShapes,
}

/// Where to look for domains.
#[derive(Debug, Args)]
pub struct Dns {
    /// DNS server that is asked for the TXT records of SSO connectors, as ADDRESS:PORT [default: the system's]
    #[arg(long, env = "PORTCULLIS_DNS_SERVER", value_name = "ADDR:PORT", hide_env_values = true)]
    pub dns_server: Option<SocketAddr>,
}

/// How to send mail.
#[derive(Debug, Args)]
pub struct Mail {
    /// SMTP server that carries invitations, as `smtps://USER:PASSWORD@HOST` or `smtp://HOST:PORT`
    ///
    /// Without one, whoever invites gets the link of the invitation to pass on. `?tls=required` asks for STARTTLS.
    #[arg(long, env = "PORTCULLIS_SMTP_URL", value_name = "URL", requires = "mail_from", hide_env_values = true)]
    pub smtp_url: Option<String>,

    /// Address that mail comes from, as `Portcullis <iam@example.com>`
    #[arg(long, env = "PORTCULLIS_MAIL_FROM", value_name = "ADDRESS", requires = "smtp_url", hide_env_values = true)]
    pub mail_from: Option<String>,
}

/// `portcullis doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
    #[command(flatten)]
    pub catalogs: Catalogs,
    #[command(flatten)]
    pub dns: Dns,
}

/// `portcullis migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    pub data: Data,
}

/// `portcullis init`.
#[derive(Debug, Args)]
pub struct Init {
    /// E-mail address of the first user, who becomes super administrator
    #[arg(long, env = "PORTCULLIS_EMAIL", value_name = "ADDRESS", hide_env_values = true)]
    pub email: String,

    /// Name of the account, at most 100 characters [default: ADDRESS's Account]
    #[arg(long, env = "PORTCULLIS_ACCOUNT_NAME", value_name = "NAME", hide_env_values = true)]
    pub account_name: Option<String>,

    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
    #[command(flatten)]
    pub catalogs: Catalogs,
}

/// `portcullis dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Address and port to listen on, loopback only; port 0 picks a free one
    ///
    /// The address in use is printed as the line `listening on http://ADDR`.
    #[arg(
        long,
        env = "PORTCULLIS_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8787",
        hide_env_values = true
    )]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub catalogs: Catalogs,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub dns: Dns,
    #[command(flatten)]
    pub log_lines: LogLines,
}
