//! What size and other people's writes cost: an account that is loaded when it is asked for, decisions while commits arrive, many small
//! accounts of which few are in use, decisions in two processes beside each other.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use catalog::Catalog;
use clap::{Args, Subcommand};
use engine::permit::Permit;
use engine::principal::Principal;
use engine::target::Target;
use engine::{Account, Engine};
use model::account_state::AccountState;
use model::accounts::NewAccount;
use model::ids::{AccountId, Id, MemberId, StreamId, UserGroupId, UserId};
use model::members::{self, Grants, NewMember};
use model::names::Email;
use model::rules::{Environment, Rules};
use model::user_groups::{self, NewUserGroup};
use model::users::{Profile, User};
use runtime::account_creation::NewUser;
use runtime::clock::{RandomIds, SystemClock};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime, snapshot};
use store::{SqliteOptions, Store};
use tokio::task::JoinSet;

/// `portcullis-bench scale`.
#[derive(Args)]
pub struct Scale {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Make an account of so many members, and load it anew several times; prints the milliseconds, a line each
    Load(Load),
    /// Decide on an account, at rest and while commits arrive, in turns; prints p50 and p99 of each in nanoseconds
    Commits(Commits),
    /// Make so many small accounts, and ask for them with little memory; prints what it took
    Accounts(Accounts),
    /// Decide in one process, and in two beside each other; prints decisions a second of one and of both
    Processes(Processes),
    /// Decide in a loop for so long: what `processes` starts
    Loop(Loop),
}

#[derive(Args)]
struct Load {
    #[arg(long)]
    database: PathBuf,
    #[arg(long, default_value_t = 100_000)]
    members: usize,
    #[arg(long, default_value_t = 7)]
    times: usize,
}

#[derive(Args)]
struct Commits {
    #[arg(long)]
    database: PathBuf,
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    /// Commits a second
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds of each turn
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Turns of each kind
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

#[derive(Args)]
struct Accounts {
    /// The database file: filled if it is not there, used as it is otherwise
    #[arg(long)]
    database: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    accounts: usize,
    /// How many of them are asked for again and again
    #[arg(long, default_value_t = 1_000)]
    hot: usize,
    /// What accounts and users may take, in MiB
    #[arg(long, default_value_t = 64)]
    budget: usize,
    #[arg(long, default_value_t = 400_000)]
    questions: usize,
}

#[derive(Args)]
struct Processes {
    #[arg(long)]
    database: PathBuf,
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

#[derive(Args)]
struct Loop {
    #[arg(long)]
    database: PathBuf,
    #[arg(long)]
    seconds: u64,
}

/// Measures one of the parts.
///
/// # Errors
/// When a database cannot be made or read.
pub fn run(scale: &Scale) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &scale.part {
        Part::Load(load) => runtime.block_on(measure_load(load)),
        Part::Commits(commits) => runtime.block_on(measure_commits(commits)),
        Part::Accounts(accounts) => runtime.block_on(measure_accounts(accounts)),
        Part::Processes(processes) => runtime.block_on(measure_processes(processes)),
        Part::Loop(one) => runtime.block_on(decide_in_a_loop(one)),
    }
}

fn open(database: &Path) -> anyhow::Result<Arc<Runtime>> {
    let store = Store::open_sqlite(database, SqliteOptions::default())?;
    let engine = Engine::new(Arc::new(Catalog::builtin()));
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let rules = Rules { allow_direct_add: true, ..Rules::default() };
    Ok(Arc::new(Runtime::new(store, engine, rules, Secrets::new(&[7; 32]), clock, ids)))
}

fn account() -> AccountId {
    AccountId(Id::derived("bench scale"))
}

fn member(number: usize) -> UserId {
    UserId(Id::derived(&format!("bench member {number}")))
}

fn user(number: usize) -> anyhow::Result<User> {
    Ok(User {
        id: member(number),
        email: Email::parse(&format!("member{number}@example.com"), "")?,
        email_verified: true,
        enabled: true,
        operator: false,
        profile: Profile::default(),
        api_key: None,
        created_on: model::time::Timestamp::from_micros(0),
        contact: Default::default(),
    })
}

/// An account whose members have one role each, and a snapshot of it.
async fn make(runtime: &Runtime, count: usize) -> anyhow::Result<()> {
    let origin = Origin::system("bench");
    let new = NewUser { email: Email::parse("ada@example.com", "")?, operator: true, api_key: None };
    let ada = runtime.create_user(UserId(Id::derived("ada")), &new, &origin).await?;
    let new = NewAccount { name: "bench".to_owned(), kind: None };
    runtime.create_account(account(), &new, &ada, &origin, |_, _| None).await?;
    let permit = Permit::for_system(account());
    let role = runtime.engine.catalog().roles().first().context("a role")?.id;
    for first in (0..count).step_by(1000) {
        let users = (first..count.min(first + 1000)).map(user).collect::<anyhow::Result<Vec<User>>>()?;
        let work = |state: &AccountState, environment: &Environment<'_>| {
            let (mut state, mut all) = (state.clone(), Vec::new());
            for user in &users {
                let new = NewMember {
                    email: user.email.as_str().to_owned(),
                    grants: Grants::Roles(vec![role.to_string()]),
                    accepted: true,
                    api_access: None,
                    invited_by: String::new(),
                };
                let id = MemberId(environment.next_id());
                let (changes, _) = members::create(&state, environment, &new, id, Some(user))?;
                state = state.after(&changes).map_err(|error| {
                    model::problem::Problem::new(model::problem::FaultKind::Invalid, error.to_string())
                })?;
                all.extend(changes);
            }
            Ok((all, ()))
        };
        runtime.commit(&permit, &origin, work, |_, ()| None).await?;
    }
    let made = runtime.account(account()).await?.context("the account")?;
    snapshot::write(&runtime.store, &StreamId::Account(account()).to_string(), made).await?;
    Ok(())
}

async fn measure_load(load: &Load) -> anyhow::Result<()> {
    let runtime = open(&load.database)?;
    make(&runtime, load.members).await?;
    runtime.close().await;
    for _ in 0..load.times {
        let runtime = open(&load.database)?;
        let began = Instant::now();
        let loaded = runtime.account(account()).await?.context("the account")?;
        println!("load_ms {:.1}", began.elapsed().as_secs_f64() * 1e3);
        ensure!(loaded.state.member_count() == load.members + 1, "not all members are there");
        runtime.close().await;
    }
    Ok(())
}

/// What is decided, of one member after the other.
struct Question {
    accepted: catalog::PermissionSet,
    target: Target,
    members: usize,
}

impl Question {
    fn of(account: &Account) -> Question {
        let named = account.engine().catalog().permissions_named("Account Settings Read");
        Question {
            accepted: named.map(|permission| permission.index).collect(),
            target: Target::ACCOUNT,
            members: account.member_count() - 1,
        }
    }

    /// True if it is allowed: the outcome must be used.
    fn put(&self, account: &Account, number: usize) -> bool {
        let principal = Principal::User(member(number * 7919 % self.members));
        account.engine().decide(account, &principal, &self.accepted, &self.target).allowed
    }
}

async fn measure_commits(commits: &Commits) -> anyhow::Result<()> {
    let runtime = open(&commits.database)?;
    make(&runtime, commits.members).await?;
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..commits.rounds {
        for (times, rate) in [(&mut quiet, 0), (&mut busy, commits.rate)] {
            let is_over = Arc::new(AtomicBool::new(false));
            let writing = tokio::spawn(write(runtime.clone(), rate, is_over.clone()));
            let (deciding, seconds) = (runtime.clone(), commits.seconds);
            times.extend(tokio::task::spawn_blocking(move || decide_for(&deciding, seconds)).await??);
            is_over.store(true, Ordering::SeqCst);
            writing.await??;
        }
    }
    for (name, times) in [("quiet", &mut quiet), ("busy", &mut busy)] {
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        println!("{name}_p50_ns {}\n{name}_p99_ns {}\n{name}_p999_ns {}", at(0.5), at(0.99), at(0.999));
    }
    println!("revision {}", runtime.store.head(&StreamId::Account(account()).to_string()).await?.revision);
    runtime.close().await;
    Ok(())
}

async fn write(runtime: Arc<Runtime>, rate: u32, is_over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let permit = Permit::for_system(account());
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    while !is_over.load(Ordering::SeqCst) {
        clock.tick().await;
        if rate == 0 {
            continue;
        }
        let id = UserGroupId(runtime.environment().next_id());
        let new = NewUserGroup { name: id.to_string(), policies: vec![] };
        let work =
            |state: &AccountState, environment: &Environment<'_>| user_groups::create(state, environment, &new, id);
        runtime.commit(&permit, &Origin::system("bench"), work, |_, _| None).await?;
    }
    Ok(())
}

/// The nanoseconds of each decision, with the look-up of the account as a request makes it. One in sixteen is timed, and there is a pause
/// after each thousand, so that there is a core for the writer.
fn decide_for(runtime: &Runtime, seconds: u64) -> anyhow::Result<Vec<u64>> {
    let handle = tokio::runtime::Handle::current();
    let first = handle.block_on(runtime.account(account()))?.context("the account")?;
    let question = Question::of(&first.state);
    let (mut times, began, mut number) = (Vec::new(), Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..1000 {
            number += 1;
            let asked = Instant::now();
            let snapshot = handle.block_on(runtime.account(account()))?.context("the account")?;
            let allowed = std::hint::black_box(question.put(&snapshot.state, number));
            if number % 16 == 0 {
                times.push(asked.elapsed().as_nanos() as u64 + u64::from(allowed) / 2);
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(times)
}

async fn measure_accounts(accounts: &Accounts) -> anyhow::Result<()> {
    if !accounts.database.exists() {
        fill(accounts).await?;
    }
    let runtime = open(&accounts.database)?;
    let empty = resident()?;
    runtime.budget.limit(accounts.budget << 20);
    let id = |number: usize| AccountId(Id::derived(&format!("bench account {number}")));
    let mut dice = 7_u64;
    let mut next = move |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % below as u64) as usize
    };
    let (mut warm, mut cold, mut most_used, mut most_resident) = (Vec::new(), Vec::new(), 0, 0);
    let mut seen = HashSet::new();
    for turn in 0..accounts.questions {
        // One in ten goes anywhere; the others to those that are in use.
        let number = if turn % 10 == 0 { next(accounts.accounts) } else { next(accounts.hot) };
        let asked = Instant::now();
        let found = runtime.account(id(number)).await?;
        let took = asked.elapsed().as_secs_f64() * 1e6;
        ensure!(found.is_some(), "account {number} is not there");
        if turn > accounts.questions / 10 {
            if number < accounts.hot { warm.push(took) } else { cold.push(took) }
        }
        seen.insert(number);
        if turn % 1000 == 0 {
            most_used = most_used.max(runtime.budget.used());
            most_resident = most_resident.max(resident()?);
        }
    }
    for (name, times) in [("hot", &mut warm), ("cold", &mut cold)] {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        println!("{name}_p50_us {:.1}\n{name}_p99_us {:.1}", at(0.5), at(0.99));
    }
    println!("accounts_seen {}\nbudget_mib {}", seen.len(), accounts.budget);
    println!(
        "state_mib {:.1}\nresident_mib {:.1}",
        most_used as f64 / 1_048_576.0,
        most_resident.saturating_sub(empty) as f64 / 1_048_576.0
    );
    println!("database_mib {}", std::fs::metadata(&accounts.database)?.len() >> 20);
    runtime.close().await;
    Ok(())
}

/// Small accounts, each with its super administrator, who is one person in all of them.
async fn fill(accounts: &Accounts) -> anyhow::Result<()> {
    let runtime = open(&accounts.database)?;
    // Else all of them would stay in memory.
    runtime.budget.limit(256 << 20);
    let origin = Origin::system("bench");
    let new = NewUser { email: Email::parse("ada@example.com", "")?, operator: true, api_key: None };
    let ada = Arc::new(runtime.create_user(UserId(Id::derived("ada")), &new, &origin).await?);
    let mut making = JoinSet::new();
    for number in 0..accounts.accounts {
        let (runtime, ada, origin) = (runtime.clone(), ada.clone(), origin.clone());
        making.spawn(async move {
            let id = AccountId(Id::derived(&format!("bench account {number}")));
            let new = NewAccount { name: format!("account {number}"), kind: None };
            runtime.create_account(id, &new, &ada, &origin, |_, _| None).await.map(drop)
        });
        if making.len() >= 2_000 {
            making.join_next().await.context("a task")???;
        }
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    runtime.close().await;
    Ok(())
}

async fn measure_processes(processes: &Processes) -> anyhow::Result<()> {
    let runtime = open(&processes.database)?;
    make(&runtime, processes.members).await?;
    runtime.close().await;
    for _ in 0..processes.rounds {
        println!("one {}", together(processes, 1)?);
        println!("two {}", together(processes, 2)?);
    }
    Ok(())
}

/// Decisions a second of so many processes that run at the same time.
fn together(processes: &Processes, count: usize) -> anyhow::Result<u64> {
    let mut children = Vec::new();
    for _ in 0..count {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["scale", "loop", "--seconds", &processes.seconds.to_string(), "--database"]);
        children.push(command.arg(&processes.database).stdout(Stdio::piped()).spawn()?);
    }
    let mut all = 0;
    for child in &mut children {
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        all += line.trim().parse::<u64>().with_context(|| format!("a process said `{line}`"))?;
        ensure!(child.wait()?.success(), "a process failed");
    }
    Ok(all)
}

/// A node's decisions on one thread: as it stands in its own memory.
async fn decide_in_a_loop(one: &Loop) -> anyhow::Result<()> {
    let runtime = open(&one.database)?;
    runtime.account(account()).await?.context("the account")?;
    let (deciding, seconds) = (runtime.clone(), one.seconds);
    let done = tokio::task::spawn_blocking(move || -> anyhow::Result<u64> {
        let handle = tokio::runtime::Handle::current();
        let snapshot = handle.block_on(deciding.account(account()))?.context("the account")?;
        let question = Question::of(&snapshot.state);
        let (began, mut count, mut allowed) = (Instant::now(), 0, 0);
        while began.elapsed() < Duration::from_secs(seconds) {
            for _ in 0..1000 {
                let snapshot = handle.block_on(deciding.account(account()))?.context("the account")?;
                allowed += u64::from(question.put(&snapshot.state, count));
                count += 1;
            }
        }
        Ok((count as f64 / began.elapsed().as_secs_f64()) as u64 + u64::from(std::hint::black_box(allowed) == u64::MAX))
    });
    println!("{}", done.await??);
    runtime.close().await;
    Ok(())
}

/// What is in memory, in bytes.
fn resident() -> anyhow::Result<usize> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split_whitespace().nth(1).context("statm")?.parse()?;
    Ok(pages * 4096)
}
