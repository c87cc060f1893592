//! Short ways to say what the tests are about: an account, groups in it, and the log below.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use catalog::Catalog;
use engine::Account;
use engine::Engine;
use engine::permit::Permit;
use model::account_state::AccountState;
use model::accounts::NewAccount;
use model::change::{self, Document};
use model::commit::{Actor, Request};
use model::ids::{AccountId, Id, Revision, StreamId, UserGroupId, UserId, ZoneId};
use model::names::Email;
use model::resources;
use model::rules::Rules;
use model::time::Timestamp;
use model::user_groups::{self, NewUserGroup};
use runtime::account_creation::NewUser;
use runtime::clock::{Clock, RandomIds};
use runtime::secrets::Secrets;
use runtime::stream::{Committed, Snapshot};
use runtime::{CommitError, Origin, Runtime};
use rusqlite::Connection;
use store::{Record, SqliteOptions, Store};
use tempfile::TempDir;

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::builtin()));

/// 2026-01-02T03:04:05Z, in microseconds.
pub const START: i64 = 1_767_323_045_000_000;

/// A clock that a test moves to and fro.
pub struct MovedClock(pub AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A runtime over a store, and its clock.
pub struct World {
    pub runtime: Arc<Runtime>,
    pub clock: Arc<MovedClock>,
}

impl World {
    pub fn over(store: Store) -> World {
        let clock = Arc::new(MovedClock(AtomicI64::new(START)));
        let engine = Engine::new(CATALOG.clone());
        let rules = Rules::default();
        let secrets = Secrets::new(&[7; 32]);
        let runtime = Runtime::new(store, engine, rules, secrets, clock.clone(), Arc::new(RandomIds));
        World { runtime: Arc::new(runtime), clock }
    }

    pub fn in_memory() -> World {
        World::over(Store::memory())
    }

    /// An account with one super administrator: its first revision.
    pub async fn account(&self) -> AccountId {
        let (id, user) = (AccountId(fresh()), UserId(fresh()));
        let email = Email::parse(&format!("{user}@example.com"), "/email").unwrap();
        let new = NewUser { email, operator: false, api_key: None };
        let user = self.runtime.create_user(user, &new, &origin()).await.unwrap();
        let new = NewAccount { name: "Example".to_owned(), kind: None };
        self.runtime.create_account(id, &new, &user, &origin(), |_, _| None).await.unwrap();
        id
    }

    pub async fn make_group(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Committed<Account, UserGroupId>, CommitError> {
        make_group(&self.runtime, account, name, &origin()).await
    }

    pub async fn snapshot(&self, account: AccountId) -> Arc<Snapshot<Account>> {
        self.runtime.account(account).await.unwrap().unwrap()
    }

    pub async fn records(&self, account: AccountId) -> Vec<Record> {
        self.runtime.store.records(&StreamId::Account(account).to_string(), 0, usize::MAX).await.unwrap()
    }

    /// The state that the log alone leads to, without any snapshot.
    pub async fn replayed(&self, account: AccountId) -> AccountState {
        let mut state = AccountState::new(self.runtime.engine.watched());
        for record in self.records(account).await {
            state = state.after(&change::read(&record.changes).unwrap()).unwrap();
        }
        state
    }

    /// What the runtime shows is what the log says, and the log is whole.
    pub async fn assert_sound(&self, account: AccountId, revision: Revision) {
        let live = self.snapshot(account).await;
        assert_eq!(live.revision(), revision);
        assert_eq!(documents(&live.state), documents(&self.replayed(account).await));
        let revisions: Vec<Revision> = self.records(account).await.iter().map(|record| record.revision).collect();
        assert_eq!(revisions, (1..=revision).collect::<Vec<_>>());
        let verified = self.runtime.verify(StreamId::Account(account)).await.unwrap();
        assert_eq!(verified.commits, revision);
    }
}

impl World {
    /// As [`World::assert_sound`], of a log that begins at a revision.
    pub async fn assert_sound_from(&self, account: AccountId, oldest: Revision, newest: Revision) {
        assert_eq!(self.snapshot(account).await.revision(), newest);
        let revisions: Vec<Revision> = self.records(account).await.iter().map(|record| record.revision).collect();
        assert_eq!(revisions, (oldest..=newest).collect::<Vec<_>>());
        let verified = self.runtime.verify(StreamId::Account(account)).await.unwrap();
        assert_eq!(verified.commits, newest + 1 - oldest);
    }
}

/// A database in a folder that ends with the test.
pub struct Database {
    pub path: PathBuf,
    _folder: TempDir,
}

impl Database {
    pub fn new() -> Database {
        let folder = tempfile::tempdir().unwrap();
        Database { path: folder.path().join("portcullis.db"), _folder: folder }
    }

    pub fn open(&self) -> World {
        self.open_with(SqliteOptions::default())
    }

    pub fn open_with(&self, options: SqliteOptions) -> World {
        World::over(Store::open_sqlite(&self.path, options).unwrap())
    }

    /// Keeps every other writer waiting until it is dropped.
    pub fn lock(&self) -> Lock {
        Lock::of(&self.path)
    }

    /// Every row of the index of documents.
    pub fn index(&self) -> Vec<(String, String, i64)> {
        let connection = Connection::open(&self.path).unwrap();
        let mut rows = connection.prepare("SELECT stream, document, revision FROM touches ORDER BY 1, 2, 3").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Makes the database one of the first release, which had only the log.
    pub fn forget_index(&self) {
        let connection = Connection::open(&self.path).unwrap();
        connection.execute_batch("DROP TABLE touches; DROP TABLE usage; DROP TABLE usage_since; DROP TABLE appearances; DROP TABLE summaries; DROP TABLE bases; DELETE FROM migrations WHERE version > 1").unwrap();
    }

    /// Runs SQL behind the back of every runtime; tells how many rows changed.
    pub fn tamper(&self, sql: &str, parameters: impl rusqlite::Params) {
        let changed = Connection::open(&self.path).unwrap().execute(sql, parameters).unwrap();
        assert_eq!(changed, 1, "{sql}");
    }
}

pub struct Lock(Connection);

impl Lock {
    fn of(path: &Path) -> Lock {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Lock(connection)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Lets everything that is under way come as far as it can while nothing can be written.
pub async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

pub fn fresh() -> Id {
    use runtime::clock::Ids;
    RandomIds.as_fn()()
}

pub fn origin() -> Origin {
    Origin { actor: Actor::System { reason: "test".into() }, request: Request::default() }
}

/// An origin to be known by.
pub fn origin_of(reason: &str) -> Origin {
    Origin { actor: Actor::System { reason: reason.into() }, ..origin() }
}

/// An origin that fills a database.
pub fn heavy_origin(bytes: usize) -> Origin {
    Origin { request: Request { path: "x".repeat(bytes).into(), ..Request::default() }, ..origin() }
}

pub async fn make_group(
    runtime: &Runtime,
    account: AccountId,
    name: &str,
    origin: &Origin,
) -> Result<Committed<Account, UserGroupId>, CommitError> {
    let (id, new) = (UserGroupId(fresh()), NewUserGroup { name: name.to_owned(), policies: vec![] });
    let work = |state: &AccountState, environment: &model::rules::Environment<'_>| {
        user_groups::create(state, environment, &new, id)
    };
    runtime.commit(&Permit::for_system(account), origin, work, |_, _| None).await
}

/// Makes a zone whose key another account may have taken already.
pub async fn make_zone(
    runtime: &Runtime,
    account: AccountId,
    zone: ZoneId,
) -> Result<Committed<Account, ZoneId>, CommitError> {
    let work = |state: &AccountState, environment: &model::rules::Environment<'_>| {
        resources::create_zone(state, environment, "example.com", zone)
    };
    runtime.commit(&Permit::for_system(account), &origin(), work, |_, _| None).await
}

/// Names the group one higher than it is: the update that is lost when two work on the same state.
pub async fn count_up(
    runtime: &Runtime,
    account: AccountId,
    counter: UserGroupId,
    runs: &AtomicI64,
) -> Result<Committed<Account, UserGroupId>, CommitError> {
    let work = |state: &AccountState, environment: &model::rules::Environment<'_>| {
        runs.fetch_add(1, Ordering::SeqCst);
        let next = (count(state, counter) + 1).to_string();
        user_groups::update(state, environment, counter, Some(&next), None)
    };
    runtime.commit(&Permit::for_system(account), &origin(), work, |_, _| None).await
}

pub fn count(state: &AccountState, counter: UserGroupId) -> u64 {
    state.user_group(&counter).unwrap().name.parse().unwrap()
}

pub fn documents(state: &AccountState) -> Vec<Document> {
    state.documents().collect()
}

pub fn group_names(state: &AccountState) -> Vec<String> {
    state.user_groups().map(|(_, group)| group.name.to_string()).collect()
}
