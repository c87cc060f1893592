//! What tokens cost: time for each request, memory for each token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use catalog::Catalog;
use clap::Args;
use engine::Engine;
use engine::permit::Permit;
use http::Request as Asked;
use model::accounts::NewAccount;
use model::change::{Change, Document};
use model::commit::Actor;
use model::ids::{AccountId, Id, PolicyId, TokenId, UserId};
use model::names::Email;
use model::policies::Effect;
use model::rules::{Environment, Rules};
use model::tokens::{Condition, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use runtime::account_creation::NewUser;
use runtime::clock::{RandomIds, SystemClock};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime};
use server::{App, Settings};
use store::{SqliteOptions, Store};
use tower::ServiceExt;

/// So many tokens are one commit.
const AT_ONCE: usize = 500;
const ZONES: usize = 1000;
const ON_ACCOUNT: [&str; 4] =
    ["Workers Scripts Read", "Workers Scripts Write", "Account Analytics Read", "Billing Read"];
const ON_ZONE: [&str; 4] = ["DNS Read", "DNS Write", "Zone Read", "Cache Purge"];
const MICROS: f64 = 1e6;

/// `portcullis-bench tokens`.
#[derive(Args)]
pub struct Tokens {
    /// The database file: filled if it is not there, used as it is otherwise
    #[arg(long)]
    database: PathBuf,
    /// How many tokens
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// How many requests of each kind
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
}

/// Fills, if need be; else prints what a token costs.
///
/// # Errors
/// When the database cannot be made, or a token is not known.
pub fn run(tokens: &Tokens) -> anyhow::Result<()> {
    let is_new = !tokens.database.exists();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_sqlite(&tokens.database, SqliteOptions::default())?;
        let engine = Engine::new(Arc::new(Catalog::builtin()));
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let server = Arc::new(Runtime::new(store, engine, Rules::default(), Secrets::new(&[7; 32]), clock, ids));
        let done = if is_new { fill(&server, tokens.tokens).await } else { measure(&server, tokens).await };
        server.close().await;
        done
    })
}

fn account() -> AccountId {
    AccountId(Id::derived("bench tokens"))
}

fn ada() -> Actor {
    Actor::User { id: UserId(Id::derived("ada")), email: "ada@example.com".into(), token: None, token_name: None }
}

/// A secret of the older form, which can be told again.
fn secret(number: usize) -> String {
    let digits = Id::derived(&format!("bench token {number}")).to_string();
    format!("{digits}{}", &digits[..8])
}

async fn fill(server: &Runtime, count: usize) -> anyhow::Result<()> {
    let origin = Origin::system("bench");
    let new = NewUser { email: Email::parse("ada@example.com", "")?, operator: true, api_key: None };
    let ada = server.create_user(UserId(Id::derived("ada")), &new, &origin).await?;
    let new = NewAccount { name: "bench".to_owned(), kind: None };
    server.create_account(account(), &new, &ada, &origin, |_, _| None).await?;
    let permit = Permit::for_system(account());
    for first in (0..count).step_by(AT_ONCE) {
        let work = |_: &_, environment: &Environment<'_>| {
            let tokens = first..count.min(first + AT_ONCE);
            Ok((
                tokens.map(|number| Change::put(Document::Token(token(server, environment, number).into()))).collect(),
                (),
            ))
        };
        server.commit(&permit, &origin, work, |_, ()| None).await?;
    }
    println!("tokens {count}");
    Ok(())
}

/// One of two policies, on the account and on one of a thousand zones; most differ in what they say.
fn token(server: &Runtime, environment: &Environment<'_>, number: usize) -> Token {
    let permission = |name: &&str| environment.catalog.permissions_named(name).next().map(|permission| permission.id);
    let policy = |names: &[&str], key: String| TokenPolicy {
        id: PolicyId(environment.next_id()),
        effect: Effect::Allow,
        permission_groups: names.iter().filter_map(permission).collect(),
        resources: [(key.into(), TokenResource::Everything(Star::Star))].into(),
    };
    let key = model::resource_groups::account_key(account());
    let zone = format!("com.cloudflare.api.account.zone.{}", Id::derived(&format!("bench zone {}", number % ZONES)));
    Token {
        id: TokenId(Id::derived(&format!("bench token id {number}"))),
        name: format!("token {number}").into(),
        status: TokenStatus::Active,
        digest: Some(server.secrets.digest(&secret(number))),
        policies: Box::new([
            policy(&["Account Settings Read", ON_ACCOUNT[number / ZONES % ON_ACCOUNT.len()]], key),
            policy(&[ON_ZONE[number / 7 % ON_ZONE.len()]], zone),
        ]),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: environment.now,
        modified_on: environment.now,
        created_by: Some(ada().into()),
    }
}

async fn measure(server: &Arc<Runtime>, tokens: &Tokens) -> anyhow::Result<()> {
    let empty = resident()?;
    let loaded = server.account(account()).await?.context("the account")?;
    let count = loaded.state.tokens_from(None).count();
    ensure!(count > 0, "the database has no tokens");
    let with_tokens = resident()?;
    for number in 0..count {
        let digest = server.secrets.digest(&secret(number));
        ensure!(server.holder_of(&digest).await?.is_some(), "token {number} is not known");
    }
    let all_used = resident()?;
    println!("bytes_per_token {}", (with_tokens.saturating_sub(empty)) / count);
    println!("bytes_per_token_in_use {}", (all_used.saturating_sub(empty)) / count);

    let router = server::router(App::new(server.clone(), Settings::default(), None));
    let path = format!("/client/v4/accounts/{}", account());
    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    for turn in 0..tokens.requests {
        // Far apart, so that no token is warm from the turn before.
        let secret = secret(turn * 7919 % count);
        let request = Asked::get(&path).header("authorization", format!("Bearer {secret}"));
        let started = Instant::now();
        let answer = router.clone().oneshot(request.body(axum::body::Body::empty())?).await?;
        whole.push(started.elapsed().as_secs_f64() * MICROS);
        ensure!(answer.status().is_success(), "answered with {}", answer.status());
        let started = Instant::now();
        let is_shaped = runtime::secrets::is_token_shaped(&secret);
        let holder = server.holder_of(&server.secrets.digest(&secret)).await?;
        alone.push(started.elapsed().as_secs_f64() * MICROS);
        ensure!(is_shaped && holder.is_some(), "a token is not known");
    }
    println!("request_p50_us {:.2}", median(&mut whole));
    println!("authentication_p50_us {:.2}", median(&mut alone));
    Ok(())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What is in memory, in bytes.
fn resident() -> anyhow::Result<usize> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split_whitespace().nth(1).context("statm")?.parse()?;
    Ok(pages * 4096)
}
