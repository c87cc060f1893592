//! What can be typed after `serve`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::{Args, ValueHint};
use ipnet::IpNet;
use server::PublicUrl;
use server::audit::window::Retention;
use server::self_check::Rate;

use super::{Answers, Catalogs, Data, Dns, LogLines, Mail, SecretKey};
use crate::duration::History;
use crate::serve::{FailureLimit, MaxStaleness, RateLimit, StateBudget};

/// `portcullis serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on; port 0 picks a free one
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
    pub data: Data,
    #[command(flatten)]
    pub secret_key: SecretKey,
    #[command(flatten)]
    pub catalogs: Catalogs,
    #[command(flatten)]
    pub answers: Answers,
    #[command(flatten)]
    pub dns: Dns,
    #[command(flatten)]
    pub mail: Mail,

    /// Let a member of an account be added as accepted, without an invitation, if the user exists
    #[arg(
        long,
        env = "PORTCULLIS_ALLOW_DIRECT_ADD",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_env_values = true,
        action = clap::ArgAction::Set
    )]
    pub allow_direct_add: bool,

    /// Let every user create accounts, not operators only
    #[arg(
        long,
        env = "PORTCULLIS_OPEN_ACCOUNT_CREATION",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_env_values = true,
        action = clap::ArgAction::Set
    )]
    pub open_account_creation: bool,

    /// Network of a reverse proxy whose X-Forwarded-For is believed, such as 10.0.0.0/8; can be given several times
    ///
    /// The address of the client decides about IP conditions of tokens and about limits. Several in the variable are
    /// separated by commas.
    #[arg(long, env = "PORTCULLIS_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',', hide_env_values = true)]
    pub trusted_proxy: Vec<IpNet>,

    /// URL at which clients reach the server, if a proxy is before it [default: http://ADDR that it listens on]
    ///
    /// The metadata of the decision API names its endpoints by it. What a request names as its host is never believed.
    #[arg(long, env = "PORTCULLIS_PUBLIC_URL", value_name = "URL", value_hint = ValueHint::Url, hide_env_values = true)]
    pub public_url: Option<PublicUrl>,

    /// Failed authentications per minute that one address may make before it has to wait; a number or `off`
    #[arg(
        long,
        env = "PORTCULLIS_AUTH_FAILURE_LIMIT",
        value_name = "NUMBER",
        default_value = "30",
        hide_env_values = true
    )]
    pub auth_failure_limit: FailureLimit,

    /// Requests that one user, one token of an account or one address without credentials may make, as REQUESTS/SECONDS, or
    /// `off`
    ///
    /// All credentials of a user count together. It rolls: after a quiet moment some are free again. Questions of AuthZEN are
    /// not counted.
    #[arg(
        long,
        env = "PORTCULLIS_RATE_LIMIT",
        value_name = "RATE",
        default_value = "1200/300",
        hide_env_values = true
    )]
    pub rate_limit: RateLimit,

    /// Requests that one address may make, whoever asks from there, as REQUESTS/SECONDS, or `off`
    #[arg(
        long,
        env = "PORTCULLIS_RATE_LIMIT_PER_ADDRESS",
        value_name = "RATE",
        default_value = "200/1",
        hide_env_values = true
    )]
    pub rate_limit_per_address: RateLimit,

    /// Share of decisions that are checked by a second, naive evaluator in the background, from 0 to 1
    ///
    /// It uses at most half of one core, and no request waits for it. `/metrics` counts the outcomes as
    /// `portcullis_self_checks_total`. A decision on which the two differ is logged as an error: one of them is wrong.
    #[arg(long, env = "PORTCULLIS_SELF_CHECK", value_name = "RATE", default_value = "0", hide_env_values = true)]
    pub self_check: Rate,

    /// Seconds for which the log may go unread before this server stops to answer from memory
    ///
    /// Other servers write to the same database. One that cannot read what they wrote answers 503 after this time, so what was
    /// revoked elsewhere is refused here, too.
    #[arg(long, env = "PORTCULLIS_MAX_STALENESS", value_name = "SECONDS", default_value = "5", hide_env_values = true)]
    pub max_staleness: MaxStaleness,

    /// How much memory accounts and users may take, such as `512MiB`
    ///
    /// Each is read from the database when it is first asked for. Past this, those that were used least lately are let go, and read again
    /// when they are asked for. It is an estimate of their size alone; `/metrics` tells it as `portcullis_state_bytes`.
    #[arg(long, env = "PORTCULLIS_STATE_BUDGET", value_name = "SIZE", default_value = "2GiB", hide_env_values = true)]
    pub state_budget: StateBudget,

    /// For how long each commit is kept by itself, such as `18mo` or `5 years`; `off` for ever
    ///
    /// Older ones are folded away once a day: a signed base takes their place, from which the rest of the log is verified. What was before can no
    /// longer be asked, and what was so by then counts as having begun there.
    #[arg(long, env = "PORTCULLIS_HISTORY", value_name = "TIME", default_value = "18mo", hide_env_values = true)]
    pub history: History,

    /// How many days the audit log is kept at least: the longest span of time that one question about it may ask about
    ///
    /// Nothing is removed when the days are over; commits are the data itself.
    #[arg(
        long,
        env = "PORTCULLIS_AUDIT_RETENTION",
        value_name = "DAYS",
        default_value = "550",
        hide_env_values = true
    )]
    pub audit_retention: Retention,

    /// The most commits that share one write to the disk; for measurements only
    #[arg(long, env = "PORTCULLIS_COMMIT_BATCH", value_name = "NUMBER", hide = true)]
    pub commit_batch: Option<NonZeroUsize>,

    #[command(flatten)]
    pub log_lines: LogLines,
}
