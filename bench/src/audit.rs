//! The first page of questions about an audit log of any length.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use catalog::Catalog;
use clap::Args;
use engine::Engine;
use engine::permit::Permit;
use http::Request as Asked;
use model::accounts::NewAccount;
use model::change::{Change, Document, DocumentId};
use model::commit::{Actor, Request};
use model::ids::{AccountId, UserGroupId, UserId};
use model::names::Email;
use model::rules::{Environment, Rules};
use model::time::Timestamp;
use model::user_groups::{self, NewUserGroup};
use runtime::account_creation::NewUser;
use runtime::clock::{Clock, RandomIds};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime};
use server::{App, Settings};
use store::{SqliteOptions, Store};

/// Entries are so far apart, in microseconds: a million of them take 116 days.
const APART: i64 = 10_000_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600_000_000;
const GROUPS: u64 = 1_000;
const PEOPLE: u64 = 1_000;
const ADDRESSES: u64 = 500;
/// So many commits wait for the disk at once.
const AT_ONCE: u64 = 256;

/// `portcullis-bench audit`.
#[derive(Args)]
pub struct Audit {
    /// The database file: filled if it is not there, used as it is otherwise
    #[arg(long)]
    database: PathBuf,
    /// How many entries
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// How often each question is asked
    #[arg(long, default_value_t = 9)]
    times: usize,
}

/// Moves on with every look at it.
struct Walking(AtomicI64);

impl Clock for Walking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Fills, if need be, makes the columns, and asks.
///
/// # Errors
/// When the database cannot be made, or an answer is not what was put in.
pub fn run(audit: &Audit) -> anyhow::Result<()> {
    let is_new = !audit.database.exists();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_sqlite(&audit.database, SqliteOptions::default())?;
        let clock = Arc::new(Walking(AtomicI64::new(START)));
        let engine = Engine::new(Arc::new(Catalog::builtin()));
        let secrets = Secrets::new(&[7; 32]);
        let server = Runtime::new(store, engine, Rules::default(), secrets, clock.clone(), Arc::new(RandomIds));
        let server = Arc::new(server);
        if is_new {
            fill(&server, &clock, audit.entries).await?;
        }
        let asked = measure(&server, audit).await;
        server.close().await;
        asked
    })
}

async fn fill(runtime: &Arc<Runtime>, clock: &Arc<Walking>, entries: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let email = Email::parse("owner@example.com", "/email")?;
    let new = NewUser { email, operator: true, api_key: None };
    let user = runtime.create_user(UserId(runtime.environment().next_id()), &new, &origin(0, "POST", "/")).await?;
    let account = AccountId(runtime.environment().next_id());
    let new = NewAccount { name: "Audited".to_owned(), kind: None };
    runtime.create_account(account, &new, &user, &origin(0, "POST", "/accounts"), |_, _| None).await?;
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        groups.push(group(runtime, account, number, &format!("group {number}")).await?);
    }
    let groups: Arc<[UserGroupId]> = groups.into();
    for from in (0..entries).step_by(AT_ONCE as usize) {
        let mut writing = tokio::task::JoinSet::new();
        for number in from..(from + AT_ONCE).min(entries) {
            let (runtime, groups) = (runtime.clone(), groups.clone());
            writing.spawn(async move { rename(&runtime, account, &groups, number).await });
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
        clock.0.fetch_add(APART * AT_ONCE as i64, Ordering::Relaxed);
        // Twenty rare ones, spread over all.
        if from % (entries / 20).max(AT_ONCE) < AT_ONCE {
            rare(runtime, account, from).await?;
        }
    }
    println!("filled with {entries} entries in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// By one of many people, from one of many addresses.
fn origin(number: u64, method: &str, path: &str) -> Origin {
    let person = number.wrapping_mul(7919) % PEOPLE;
    by(&format!("person{person}@example.com"), number, method, path)
}

fn by(email: &str, number: u64, method: &str, path: &str) -> Origin {
    let address = number.wrapping_mul(104_729) % ADDRESSES;
    let request = Request {
        audit_id: format!("0198c0de-0000-7000-8000-{number:012x}").into(),
        method: method.into(),
        path: path.into(),
        ip: format!("192.0.{}.{}", address / 250, address % 250).into(),
        ray: format!("{number:016x}-PRT").into(),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64)".into(),
    };
    let id = UserId(model::ids::Id::derived(email));
    Origin { actor: Actor::User { id, email: email.into(), token: None, token_name: None }, request }
}

async fn group(runtime: &Runtime, account: AccountId, number: u64, name: &str) -> anyhow::Result<UserGroupId> {
    let id = UserGroupId(runtime.environment().next_id());
    let new = NewUserGroup { name: name.to_owned(), policies: Vec::new() };
    let path = format!("/accounts/{account}/iam/user_groups");
    let work = |state: &_, environment: &Environment<'_>| user_groups::create(state, environment, &new, id);
    let made = runtime.commit(&Permit::for_system(account), &origin(number, "POST", &path), work, |_, _| None).await?;
    Ok(made.output)
}

async fn rename(runtime: &Runtime, account: AccountId, groups: &[UserGroupId], number: u64) -> anyhow::Result<()> {
    let id = groups[(number.wrapping_mul(31) % GROUPS) as usize];
    let path = format!("/accounts/{account}/iam/user_groups/{id}");
    let work = |state: &model::account_state::AccountState, environment: &Environment<'_>| {
        let group = user_groups::get(state, id)?;
        let name = format!("group {id} {number}").into();
        let renamed = model::user_groups::UserGroup { name, modified_on: environment.now, ..group.clone() };
        Ok((vec![Change::put(Document::UserGroup(renamed.into()))], ()))
    };
    runtime.commit(&Permit::for_system(account), &origin(number, "PUT", &path), work, |_, ()| None).await?;
    Ok(())
}

async fn rare(runtime: &Runtime, account: AccountId, number: u64) -> anyhow::Result<()> {
    let id = group(runtime, account, number, &format!("for a moment {number}")).await?;
    let path = format!("/accounts/{account}/iam/user_groups/{id}");
    let origin = by("rare@example.com", number, "DELETE", &path);
    let work = |_: &_, _: &Environment<'_>| Ok((vec![Change::Delete(DocumentId::UserGroup(id))], ()));
    runtime.commit(&Permit::for_system(account), &origin, work, |_, ()| None).await?;
    Ok(())
}

async fn measure(runtime: &Arc<Runtime>, audit: &Audit) -> anyhow::Result<()> {
    let streams = runtime.store.streams("account/", 1).await?;
    let (stream, head) = streams.first().context("the database has no account")?;
    let account = stream.trim_start_matches("account/");
    let begun = Instant::now();
    let reached = server::audit::summaries::make(runtime, stream, head.revision).await?;
    println!("{} entries; columns up to {reached} in {:.1} s", head.revision, begun.elapsed().as_secs_f64());
    let group = runtime.account(account.parse()?).await?.context("an account")?;
    let group = group.state.user_groups().next().context("a group")?.1.id.to_string();
    let app = App::new(runtime.clone(), Settings::default(), None);
    let questions = [
        ("one in 50,000", "actor_email=rare%40example.com&action_type=delete".to_owned(), 20),
        (
            "one in 50,000, oldest first",
            "actor_email=rare%40example.com&action_type=delete&direction=asc".to_owned(),
            20,
        ),
        ("one in 1,000", "actor_email=person7%40example.com&action_type=update".to_owned(), 100),
        ("one in 1,000, by object", format!("resource_id={group}&action_type=update"), 100),
        ("one in 500", "actor_ip_address=192.0.1.7&resource_type=user_group".to_owned(), 100),
        ("nearly all", "action_type=update&action_result=success".to_owned(), 100),
        ("none", "actor_email=nobody%40example.com&action_type=update".to_owned(), 0),
        ("all but nearly all", "action_type.not=update&resource_type.not=account".to_owned(), 100),
    ];
    for (name, question, least) in questions {
        let path = format!("/accounts/{account}/logs/audit?since=2026-01-01&before=2027-01-01&{question}");
        let mut times = Vec::with_capacity(audit.times);
        for _ in 0..audit.times {
            let begun = Instant::now();
            let request = Asked::get(&path).body(String::new())?;
            let answer = server::local::answer(&app, request).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            ensure!(answer.status() == 200, "{name}: {}", String::from_utf8_lossy(answer.body()));
            let body: serde_json::Value = serde_json::from_slice(answer.body())?;
            let count = body["result"].as_array().map_or(0, Vec::len);
            ensure!(count >= least.min(100) || audit.entries < 1_000_000, "{name}: {count} entries");
        }
        let first = times[0];
        times.sort_by(f64::total_cmp);
        println!(
            "{name:30} first {first:7.1} ms, median {:7.1} ms, slowest {:7.1} ms",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
    Ok(())
}
