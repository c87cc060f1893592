//! One simulation: what the nodes and their clients do, what happens to them, and what has to be true all the while.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use catalog::Catalog;
use engine::Engine;
use model::account_state::AccountState;
use model::change;
use model::ids::{AccountId, Id, Revision, StreamId, UserGroupId, UserId};
use model::names::Email;
use model::rules::Rules;
use model::time::Timestamp;
use model::user_groups::{self, NewUserGroup};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::account_creation::NewUser;
use runtime::clock::{Clock, Ids};
use runtime::secrets::Secrets;
use runtime::{CommitError, Runtime};
use store::Store;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::network::{Line, Weather};
use crate::world::{self, count, count_up, origin};

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::builtin()));

const NODES: usize = 3;
const ACCOUNTS: usize = 2;
const LENGTH: Duration = Duration::from_secs(12);
const BOUND: Duration = Duration::from_secs(1);
/// The log is looked at so often, so commits are known to be this much older than they seem.
const LOOK: Duration = Duration::from_millis(1);

/// What happened, how often.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub commits: usize,
    pub unknown: usize,
    pub reads: usize,
    pub stale: usize,
    pub crashes: usize,
    pub cuts: usize,
    pub jumps: usize,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.commits += other.commits;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.stale += other.stale;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.jumps += other.jumps;
    }
}

/// A clock that follows the simulation's, and jumps.
#[derive(Debug)]
struct JumpingClock {
    began: Instant,
    ahead: AtomicI64,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(world::START + passed + self.ahead.load(Ordering::Relaxed))
    }
}

/// Ids that are the same each time.
struct CountedIds(Box<dyn Fn() -> Id + Send + Sync>);

impl CountedIds {
    fn of(name: String) -> CountedIds {
        let number = AtomicU32::new(0);
        CountedIds(Box::new(move || Id::derived(&format!("{name}/{}", number.fetch_add(1, Ordering::Relaxed)))))
    }
}

impl Ids for CountedIds {
    fn as_fn(&self) -> &(dyn Fn() -> Id + Sync) {
        &*self.0
    }
}

/// What all nodes and clients of a simulation share.
struct Stage {
    began: Instant,
    /// Straight, by no way.
    store: Store,
    accounts: Vec<(AccountId, UserGroupId)>,
    trace: Mutex<Vec<String>>,
    counts: Mutex<Counts>,
    /// When each revision was first seen in the log.
    durable: Mutex<HashMap<(usize, Revision), Instant>>,
    /// What was acknowledged: account, revision, and the new number of its counter, if it counted.
    acknowledged: Mutex<Vec<(usize, Revision, Option<u64>)>>,
}

impl Stage {
    fn note(&self, line: String) {
        self.trace.lock().unwrap().push(format!("{:>6} {line}", self.began.elapsed().as_millis()));
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap());
    }
}

/// A node in one of its lives.
struct Node {
    clock: Arc<JumpingClock>,
    tasks: JoinSet<()>,
}

fn runtime_over(store: Store, clock: Arc<JumpingClock>, name: String) -> Runtime {
    let engine = Engine::new(CATALOG.clone());
    Runtime::new(store, engine, Rules::default(), Secrets::new(&[7; 32]), clock, Arc::new(CountedIds::of(name)))
}

/// Plays a seed to its end.
pub async fn play(seed: u64) -> (Vec<String>, Counts) {
    let stage = Arc::new(set_up().await);
    let mut dice = StdRng::seed_from_u64(seed);
    let lines: Vec<Arc<Line>> = (0..NODES).map(|node| Line::new(seed * 31 + node as u64)).collect();
    let mut nodes: Vec<Node> =
        (0..NODES).map(|node| start(&stage, &lines, node, 0, dice.random_range(0..u64::MAX))).collect();
    let mut watch = JoinSet::new();
    watch.spawn(look(stage.clone()));
    let mut lives = [0; NODES];
    while stage.began.elapsed() < LENGTH {
        sleep(Duration::from_millis(dice.random_range(100..1_500))).await;
        let node = dice.random_range(0..NODES);
        match dice.random_range(0..6) {
            0 => {
                let slowest = Duration::from_millis(dice.random_range(10..400));
                stage.note(format!("node {node} is up to {slowest:?} slower"));
                lines[node].set(Weather { slowest, ..Weather::FAIR });
            }
            1 => {
                let lost = dice.random_range(1..30);
                stage.note(format!("node {node} loses {lost} of 100"));
                lines[node].set(Weather { lost, ..Weather::FAIR });
            }
            2 => {
                let length = Duration::from_millis(dice.random_range(100..3_000));
                stage.note(format!("node {node} is cut off for {length:?}"));
                stage.count(|counts| counts.cuts += 1);
                lines[node].set(Weather { cut_until: Some(Instant::now() + length), ..Weather::FAIR });
            }
            3 => {
                stage.note(format!("node {node} crashes"));
                stage.count(|counts| counts.crashes += 1);
                lives[node] += 1;
                end(&mut nodes[node].tasks).await;
                nodes[node] = start(&stage, &lines, node, lives[node], dice.random_range(0..u64::MAX));
            }
            4 => {
                let by = dice.random_range(-20_000_000..20_000_000_i64);
                stage.note(format!("the clock of node {node} jumps by {by} us"));
                stage.count(|counts| counts.jumps += 1);
                nodes[node].clock.ahead.fetch_add(by, Ordering::Relaxed);
            }
            _ => lines[node].set(Weather::FAIR),
        }
    }
    for node in &mut nodes {
        end(&mut node.tasks).await;
    }
    end(&mut watch).await;
    check(&stage).await;
    let trace = std::mem::take(&mut *stage.trace.lock().unwrap());
    (trace, *stage.counts.lock().unwrap())
}

/// Ends tasks wherever they are; one that has found something wrong fails the simulation.
async fn end(tasks: &mut JoinSet<()>) {
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Ok(()) | Err(_) => {}
        }
    }
}

/// Accounts, each with a counter.
async fn set_up() -> Stage {
    let (store, began) = (Store::memory(), Instant::now());
    let clock = Arc::new(JumpingClock { began, ahead: 0.into() });
    let runtime = runtime_over(store.clone(), clock, "set up".to_owned());
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let (id, user) =
            (AccountId(Id::derived(&format!("account {number}"))), UserId(Id::derived(&format!("user {number}"))));
        let email = Email::parse(&format!("user{number}@example.com"), "/email").unwrap();
        let new = NewUser { email, operator: false, api_key: None };
        let user = runtime.create_user(user, &new, &origin()).await.unwrap();
        let new = model::accounts::NewAccount { name: "Example".to_owned(), kind: None };
        runtime.create_account(id, &new, &user, &origin(), |_, _| None).await.unwrap();
        let counter = make_group(&runtime, id, "0").await.unwrap();
        accounts.push((id, counter.1));
    }
    Stage {
        began,
        store,
        accounts,
        trace: Mutex::default(),
        counts: Mutex::default(),
        durable: Mutex::default(),
        acknowledged: Mutex::default(),
    }
}

async fn make_group(runtime: &Runtime, account: AccountId, name: &str) -> Result<(Revision, UserGroupId), CommitError> {
    let id = UserGroupId(runtime.environment().next_id());
    let new = NewUserGroup { name: name.to_owned(), policies: vec![] };
    let work = |state: &AccountState, environment: &model::rules::Environment<'_>| {
        user_groups::create(state, environment, &new, id)
    };
    let permit = engine::permit::Permit::for_system(account);
    let made = runtime.commit(&permit, &origin(), work, |_, _| None).await?;
    Ok((made.snapshot.revision(), made.output))
}

/// Notes when each revision came to be in the log.
async fn look(stage: Arc<Stage>) {
    loop {
        for (number, (account, _)) in stage.accounts.iter().enumerate() {
            let head = stage.store.head(&StreamId::Account(*account).to_string()).await.unwrap();
            let mut durable = stage.durable.lock().unwrap();
            for revision in (1..=head.revision).rev() {
                if durable.contains_key(&(number, revision)) {
                    break;
                }
                durable.insert((number, revision), Instant::now());
            }
        }
        sleep(LOOK).await;
    }
}

fn start(stage: &Arc<Stage>, lines: &[Arc<Line>], node: usize, life: usize, seed: u64) -> Node {
    let clock = Arc::new(JumpingClock { began: stage.began, ahead: 0.into() });
    let store = stage.store.by_way_of(lines[node].clone());
    let runtime = Arc::new(runtime_over(store, clock.clone(), format!("node {node} life {life}")));
    runtime.freshness.limit(BOUND);
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(runtime.clone()));
    let told: Arc<Mutex<HashMap<usize, Revision>>> = Arc::default();
    for client in 0..2 {
        let seed = seed.wrapping_add(client);
        let client = Client {
            stage: stage.clone(),
            lines: lines.to_vec(),
            node,
            name: format!("{node}.{life}.{client}"),
            runtime: runtime.clone(),
            told: told.clone(),
            dice: StdRng::seed_from_u64(seed),
        };
        tasks.spawn(client.work());
    }
    Node { clock, tasks }
}

/// As a server does it: news when there is some, and now and then the heads.
async fn follow(runtime: Arc<Runtime>) {
    for turn in 0_u32.. {
        // What fails is tried again; meanwhile the age grows.
        let _ = if turn % 5 == 0 { runtime.confirm_freshness().await } else { runtime.follow().await };
        sleep(Duration::from_millis(50)).await;
    }
}

struct Client {
    stage: Arc<Stage>,
    lines: Vec<Arc<Line>>,
    node: usize,
    name: String,
    runtime: Arc<Runtime>,
    /// The newest revision of each account that this node has told anybody of.
    told: Arc<Mutex<HashMap<usize, Revision>>>,
    dice: StdRng,
}

impl Client {
    async fn work(mut self) {
        for number in 0.. {
            sleep(Duration::from_millis(self.dice.random_range(1..150))).await;
            let account = self.dice.random_range(0..ACCOUNTS);
            match self.dice.random_range(0..4) {
                0 => self.count_up(account).await,
                1 => self.make_group(account, number).await,
                _ => self.read(account).await,
            }
        }
    }

    async fn count_up(&mut self, number: usize) {
        let (account, counter) = self.stage.accounts[number];
        let counted = count_up(&self.runtime, account, counter, &AtomicI64::new(0)).await;
        let counted = counted.map(|done| (done.snapshot.revision(), Some(count(&done.snapshot.state, counter))));
        self.heard(number, "counts", counted);
    }

    async fn make_group(&mut self, number: usize, name: u32) {
        let name = format!("{} {name}", self.name);
        let made = make_group(&self.runtime, self.stage.accounts[number].0, &name).await;
        self.heard(number, "makes a group", made.map(|(revision, _)| (revision, None)));
    }

    fn heard(&mut self, account: usize, what: &str, answer: Result<(Revision, Option<u64>), CommitError>) {
        let stage = &self.stage;
        match answer {
            Ok((revision, counted)) => {
                stage.note(format!("{} {what} in {account}: revision {revision}", self.name));
                stage.count(|counts| counts.commits += 1);
                stage.acknowledged.lock().unwrap().push((account, revision, counted));
                let mut told = self.told.lock().unwrap();
                let newest = told.entry(account).or_default();
                *newest = revision.max(*newest);
                let stream = StreamId::Account(stage.accounts[account].0).to_string();
                for (node, line) in self.lines.iter().enumerate() {
                    if node != self.node && self.dice.random_ratio(3, 4) {
                        line.tell(&stream);
                    }
                }
            }
            Err(error @ (CommitError::Store(_) | CommitError::Busy | CommitError::Stale { .. })) => {
                stage.note(format!("{} {what} in {account}: {error}", self.name));
                stage.count(|counts| counts.unknown += 1);
            }
            Err(error) => panic!("{} {what} in {account}: {error}", self.name),
        }
    }

    async fn read(&mut self, number: usize) {
        let (stage, account) = (&self.stage, self.stage.accounts[number].0);
        let told = self.told.lock().unwrap().get(&number).copied().unwrap_or_default();
        match self.runtime.account(account).await {
            Ok(Some(snapshot)) => {
                let revision = snapshot.revision();
                stage.count(|counts| counts.reads += 1);
                stage.note(format!("{} reads {number}: revision {revision}", self.name));
                assert!(revision >= told, "{} read {number} at {revision}, and had told of {told}", self.name);
                // What came after it is not older than the bound.
                let next = stage.durable.lock().unwrap().get(&(number, revision + 1)).copied();
                let age = next.map_or(Duration::ZERO, |next| next.elapsed());
                assert!(age <= BOUND + LOOK, "{} read {number} at {revision}, and the next is {age:?} old", self.name);
            }
            Ok(None) => panic!("{} finds no account {number}", self.name),
            Err(CommitError::Stale { age }) => {
                stage.note(format!("{} finds {number} stale", self.name));
                stage.count(|counts| counts.stale += 1);
                assert!(age > BOUND);
            }
            Err(CommitError::Store(_)) => {}
            Err(error) => panic!("{} reads {number}: {error}", self.name),
        }
    }
}

/// What the log says in the end.
async fn check(stage: &Stage) {
    let clock = Arc::new(JumpingClock { began: stage.began, ahead: 0.into() });
    let runtime = runtime_over(stage.store.clone(), clock, "the end".to_owned());
    let mut acknowledged = std::mem::take(&mut *stage.acknowledged.lock().unwrap());
    for (number, (account, counter)) in stage.accounts.iter().enumerate() {
        let stream = StreamId::Account(*account);
        let newest = runtime.verify(stream).await.unwrap().commits;
        let (mut counted, mut before, mut at) = (HashMap::new(), 0, 0);
        let mut state = AccountState::new(runtime.engine.watched());
        for record in stage.store.records(&stream.to_string(), 0, usize::MAX).await.unwrap() {
            assert!(record.at >= at, "times never go back within a log");
            at = record.at;
            state = state.after(&change::read(&record.changes).unwrap()).unwrap();
            let now = if state.user_group(counter).is_some() { count(&state, *counter) } else { 0 };
            assert!(now == before || now == before + 1, "an update was lost: {before}, then {now}");
            if now > before {
                counted.insert(record.revision, now);
            }
            before = now;
        }
        let mut own: Vec<_> = acknowledged.extract_if(.., |(of, ..)| *of == number).collect();
        own.sort_unstable();
        for pair in own.windows(2) {
            assert_ne!(pair[0].1, pair[1].1, "two writes were acknowledged as one revision");
        }
        for (_, revision, count) in own {
            assert!(revision <= newest, "revision {revision} was acknowledged, and the log ends at {newest}");
            assert_eq!(counted.get(&revision).copied(), count, "revision {revision}");
        }
    }
}
