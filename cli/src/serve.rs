//! `portcullis serve`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytesize::ByteSize;
use model::rules::Rules;
use runtime::Runtime;
use server::invitations::mail::Mailer;
use server::invitations::outbox;
use server::rate_limits::{NotARate, Rate, Rates};
use server::{App, PublicUrl, Settings};
use tokio::net::TcpListener;

use crate::arguments::{Mail, Serve};
use crate::background::Upkeep;
use crate::shutdown::{self, Signals};
use crate::{background, log_lines, secret_key, verification, wiring};

/// The value of `--auth-failure-limit`.
#[derive(Clone, Copy, Debug)]
pub struct FailureLimit(pub Option<u32>);

impl FromStr for FailureLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<FailureLimit, &'static str> {
        match (text, text.parse()) {
            ("off", _) => Ok(FailureLimit(None)),
            (_, Ok(limit)) if limit > 0 => Ok(FailureLimit(Some(limit))),
            (_, Ok(_) | Err(_)) => Err("must be a number above 0, or `off`"),
        }
    }
}

/// The value of `--rate-limit` and `--rate-limit-per-address`.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit(pub Option<Rate>);

impl FromStr for RateLimit {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<RateLimit, NotARate> {
        if text == "off" { Ok(RateLimit(None)) } else { text.parse().map(|rate| RateLimit(Some(rate))) }
    }
}

/// What `--max-staleness` is by default.
pub const MAX_STALENESS: Duration = Duration::from_secs(5);

/// The value of `--max-staleness`.
#[derive(Clone, Copy, Debug)]
pub struct MaxStaleness(pub Duration);

impl FromStr for MaxStaleness {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<MaxStaleness, &'static str> {
        match text.parse() {
            Ok(seconds @ 1..=3600_u64) => Ok(MaxStaleness(Duration::from_secs(seconds))),
            Ok(_) | Err(_) => Err("must be a number of seconds from 1 to 3600"),
        }
    }
}

/// The value of `--state-budget`, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct StateBudget(pub usize);

impl FromStr for StateBudget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<StateBudget, &'static str> {
        let bytes = text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok());
        // Below, one account of a usual size would be read again for each request.
        bytes
            .filter(|bytes| *bytes >= 1 << 20)
            .map(StateBudget)
            .ok_or("must be a size from `1MiB` on, such as `512MiB`")
    }
}

/// Runs the server until it is told to end.
///
/// # Errors
/// When it cannot start, or the listener fails.
pub async fn run(serve: Serve) -> anyhow::Result<ExitCode> {
    log_lines::start(&serve.log_lines)?;
    let store = serve.data.open(serve.commit_batch.map(Into::into)).await?;
    let secrets = secret_key::read(&secret_key::path(&serve.data, &serve.secret_key))?;
    let catalog = wiring::catalog(&serve.catalogs.catalog)?;
    let rules = Rules {
        allow_direct_add: serve.allow_direct_add,
        open_account_creation: serve.open_account_creation,
        ..Rules::default()
    };
    let runtime = Arc::new(wiring::writing_runtime(&serve.data, store, catalog, rules, secrets)?);
    runtime.budget.limit(serve.state_budget.0);
    let listener = listen(serve.listen).await?;
    let settings = Settings {
        public_url: match serve.public_url {
            Some(url) => url,
            None => PublicUrl::of_address(listener.local_addr()?),
        },
        wire_shapes: serve.answers.wire_shapes,
        trusted_proxies: serve.trusted_proxy,
        failure_limit: serve.auth_failure_limit.0,
        self_check: serve.self_check,
        audit_retention: serve.audit_retention,
        dev: false,
        mailer: mailer(&serve.mail)?,
        rates: Rates { each: serve.rate_limit.0, address: serve.rate_limit_per_address.0 },
    };
    let upkeep = Upkeep { max_staleness: serve.max_staleness.0, history: serve.history };
    listen_and_serve(listener, runtime, settings, serve.dns.dns_server, upkeep).await
}

/// The mailer, if a server is named.
fn mailer(mail: &Mail) -> anyhow::Result<Option<Mailer>> {
    let (Some(url), Some(from)) = (&mail.smtp_url, &mail.mail_from) else { return Ok(None) };
    Ok(Some(Mailer::new(url, from)?))
}

/// Binds the address.
///
/// # Errors
/// When it is taken, or not one of this machine.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Says where it listens, serves, and in the end makes sure that everything acknowledged is durable.
///
/// # Errors
/// When the listener fails.
pub async fn listen_and_serve(
    listener: TcpListener,
    runtime: Arc<Runtime>,
    settings: Settings,
    dns_server: Option<SocketAddr>,
    upkeep: Upkeep,
) -> anyhow::Result<ExitCode> {
    let mut tasks = background::start(&runtime, upkeep);
    if let Some(mailer) = settings.mailer.clone() {
        tasks.spawn(outbox::run(runtime.clone(), mailer, settings.public_url.clone()));
    }
    let verification = verification::start(&runtime, dns_server);
    let verifier = verification.as_ref().map(|verification| verification.verifier.clone());
    let app = App::new(runtime.clone(), settings, verifier);
    tasks.spawn(background::keep_audit_columns(app.clone()));
    let address = listener.local_addr()?;
    let signals = Signals::listen()?;
    // Scripts wait for this line, and it is there once connections are accepted.
    writeln!(std::io::stdout(), "listening on http://{address}").context("cannot say where the server listens")?;
    let served = shutdown::serve_until_signal(listener, app, signals).await;
    tasks.shutdown().await;
    if let Some(verification) = verification {
        verification.end().await;
    }
    runtime.close().await;
    served?;
    tracing::info!("ended in good order");
    Ok(ExitCode::SUCCESS)
}
