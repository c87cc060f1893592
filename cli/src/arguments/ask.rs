//! `portcullis ask …`: the questions, and how each is put.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use model::ids::AccountId;
use model::time::Timestamp;
use runtime::history::at::At;

use super::{Catalogs, Data, SecretKey};
use crate::ask::words::{Resource, Subject};

/// `portcullis ask …`.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// May somebody do something? Exit code 0 for yes, 1 for no, 2 if it cannot be answered
    May(Question),
    /// Why, or why not, and what would change it
    Why(Question),
    /// Who may do something
    Who(Who),
    /// On what may somebody do something
    Where(Where),
    /// What may somebody do
    What(What),
    /// Everything that somebody may do, and each policy that it comes from
    Effective(Effective),
    /// Who could do something, since when and until when, and who let them
    History(History),
    /// Who would gain and who would lose what by a write of the API, which is not carried out
    Change(Change),
    /// The smallest token for some calls of the API
    Least(Least),
    /// Which grants of a member, a user group or a token nobody uses
    Unused(Unused),
}

/// Where to look, and how to tell.
#[derive(Debug, Args)]
pub struct Place {
    /// Id of the account: 32 hex digits [default: the only one of the database]
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<AccountId>,

    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub catalogs: Catalogs,
}

/// Whether the question is about the past.
#[derive(Debug, Args)]
pub struct Moment {
    /// Ask about the account as it was at this revision or RFC 3339 time [default: now]
    #[arg(long, value_name = "REVISION|TIME")]
    pub at: Option<At>,
}

/// Under what circumstances a token would be used.
#[derive(Debug, Args)]
pub struct Circumstances {
    /// Address from which a token would be used, for its conditions
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<IpAddr>,

    /// RFC 3339 time at which a token would be used, for its conditions [default: that of the question]
    #[arg(long, value_name = "TIME")]
    pub time: Option<Timestamp>,
}

/// What is done, and to what.
#[derive(Debug, Args)]
pub struct Deed {
    /// What: the name or id of a permission group, an operation id, or "METHOD /path"
    pub action: String,
    /// On what: TYPE:ID, such as zone:ID, or a resource key [default: the account, or what the path names]
    pub resource: Option<Resource>,
}

/// Under what circumstances, about when, and where.
#[derive(Debug, Args)]
pub struct Asking {
    #[command(flatten)]
    pub circumstances: Circumstances,
    #[command(flatten)]
    pub moment: Moment,
    #[command(flatten)]
    pub place: Place,
}

/// `portcullis ask may` and `portcullis ask why`.
#[derive(Debug, Args)]
pub struct Question {
    /// Who: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    pub subject: Subject,
    #[command(flatten)]
    pub deed: Deed,

    #[command(flatten)]
    pub asking: Asking,
}

/// `portcullis ask who`.
#[derive(Debug, Args)]
pub struct Who {
    #[command(flatten)]
    pub deed: Deed,

    /// Among whom to look: user, member, token or user_group
    #[arg(long = "type", value_name = "TYPE", default_value = "member")]
    pub kind: String,

    #[command(flatten)]
    pub asking: Asking,
}

/// `portcullis ask where`.
#[derive(Debug, Args)]
pub struct Where {
    /// Who: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    pub subject: Subject,
    /// What: the name or id of a permission group, an operation id, or "METHOD /path"
    pub action: String,

    /// Among which resources to look: a type, such as zone
    #[arg(long = "type", value_name = "TYPE", default_value = "zone")]
    pub kind: String,

    #[command(flatten)]
    pub asking: Asking,
}

/// `portcullis ask what`.
#[derive(Debug, Args)]
pub struct What {
    /// Who: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    pub subject: Subject,
    /// On what: TYPE:ID, such as zone:ID, or a resource key [default: the account]
    pub resource: Option<Resource>,

    #[command(flatten)]
    pub asking: Asking,
}

/// `portcullis ask effective`.
#[derive(Debug, Args)]
pub struct Effective {
    /// Whose: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    pub subject: Subject,

    #[command(flatten)]
    pub moment: Moment,
    #[command(flatten)]
    pub place: Place,
}

/// `portcullis ask history`.
#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    pub deed: Deed,

    /// Of whom: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID [default: every member and token]
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<Subject>,

    /// Only who could at this revision or RFC 3339 time
    #[arg(long, value_name = "REVISION|TIME")]
    pub at: Option<At>,

    #[command(flatten)]
    pub place: Place,
}

/// `portcullis ask change`.
#[derive(Debug, Args)]
pub struct Change {
    /// POST, PUT, PATCH or DELETE
    pub method: String,
    /// Path of the API, such as /accounts/ID/iam/user_groups/ID
    pub path: String,

    /// File with the body in JSON; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub body: Option<PathBuf>,

    #[command(flatten)]
    pub place: Place,
}

/// `portcullis ask least`.
#[derive(Debug, Args)]
#[group(id = "calls_of", required = true, multiple = false, args = ["operation", "calls", "har"])]
pub struct Least {
    /// Operation id; can be given several times
    #[arg(long, value_name = "ID")]
    pub operation: Vec<String>,

    /// File with a call a line, as METHOD path; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub calls: Option<PathBuf>,

    /// HAR file, as browsers and proxies record it; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub har: Option<PathBuf>,

    /// Leave out the entries of the HAR file that do not begin with this URL
    #[arg(long, value_name = "URL", requires = "har")]
    pub base_url: Option<String>,

    #[command(flatten)]
    pub place: Place,
}

/// `portcullis revert`.
#[derive(Debug, Args)]
pub struct Revert {
    /// The revision that the commit made
    pub revision: u64,

    /// Only tell who would gain and who would lose what
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub place: Place,
}

/// `portcullis export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Id of the account: 32 hex digits
    pub account: AccountId,

    /// What to write
    #[arg(long, value_enum)]
    pub format: Format,

    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub catalogs: Catalogs,
}

impl Export {
    /// Where to look.
    pub fn place(self) -> Place {
        Place { account: Some(self.account), json: false, data: self.data, catalogs: self.catalogs }
    }
}

/// In which form an account is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For `portcullis apply`
    Json,
    /// HCL for the official provider, with a block to import each resource
    Terraform,
}

/// `portcullis apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The file, as `portcullis export --format json` writes it; - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// Only tell the difference; exit code 2 if there is one
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub secret_key: SecretKey,
}

/// `portcullis ask unused`.
#[derive(Debug, Args)]
pub struct Unused {
    /// Whose: user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    pub subject: Subject,

    /// How many days a grant must have been idle
    #[arg(long, value_name = "NUMBER", default_value = "90")]
    pub days: u32,

    #[command(flatten)]
    pub place: Place,
}
