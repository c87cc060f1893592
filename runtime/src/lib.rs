//! The live accounts and users of one process.
//!
//! Ada's request to rename a group takes the newest state of her account, works out the changes as a pure function,
//! checks both kinds of invariant, and queues the commit while it still holds the account's short lock; then it waits,
//! without the lock, until the commit is durable. Ben's request on the same account builds on Ada's state meanwhile, and
//! both commits reach the disk together. Readers see a state only once it is durable.

pub mod account_creation;
pub mod audit;
pub mod budget;
pub mod clock;
pub mod credentials;
pub mod freshness;
pub mod history;
pub mod jobs;
pub mod live;
pub mod profiles;
pub mod revocations;
pub mod sealed;
pub mod secrets;
pub mod snapshot;
pub mod state;
pub mod stream;
pub mod to_its_end;
pub mod token_life;
pub mod usage;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine::invariants::Latitude;
use engine::permit::Permit;
use engine::user_permit::UserPermit;
use engine::{Account, Engine};
use model::account_state::AccountState;
use model::change::Change;
use model::commit::{Actor, Request};
use model::ids::{AccountId, StreamId, UserId};
use model::problem::Problem;
use model::rules::{Environment, Rules};
use model::users::UserState;
use store::{LeaseChange, Store, StoreError};

use crate::audit::AuditLog;
use crate::budget::Budget;
use crate::clock::{Clock, Ids};
use crate::credentials::Credentials;
use crate::freshness::Freshness;
use crate::history::past::Past;
use crate::live::Live;
use crate::revocations::Journal;
use crate::secrets::Secrets;
use crate::stream::{Committed, Rehearsed, Snapshot};
use crate::usage::UsageRecorder;

/// Who made a commit, and by which request: kept with it for ever.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Who.
    pub actor: Actor,
    /// By what. A commit whose request has no audit id gets one of its own.
    pub request: Request,
}

impl Origin {
    /// Of a commit that nobody asked for over HTTP: what for.
    pub fn system(reason: &str) -> Origin {
        Origin { actor: Actor::System { reason: reason.into() }, request: Request::default() }
    }

    /// The same for a further commit of one request: no two entries of an audit share an id (D80).
    pub fn further(&self) -> Origin {
        Origin { actor: self.actor.clone(), request: Request { audit_id: Box::default(), ..self.request.clone() } }
    }
}

/// Why a commit was not made. Nothing was written, save where it says so.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The input cannot be carried out on this state.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The caller's rights are gone since the request came in.
    #[error("not allowed")]
    Forbidden,
    /// No such account or user.
    #[error("no such stream `{0}`")]
    NoStream(StreamId),
    /// The stream has no such revision, or had none at that time.
    #[error("{}", history::at::no_such_revision(*.stream, *.at, *.oldest, *.newest))]
    NoSuchRevision {
        /// The account or user.
        stream: StreamId,
        /// What was asked for.
        at: history::at::At,
        /// The oldest revision that is not folded away.
        oldest: model::ids::Revision,
        /// The newest revision there is.
        newest: model::ids::Revision,
    },
    /// What the commit claims belongs to another stream.
    #[error("{} `{}` is taken", .0.kind, .0.key)]
    Claimed(store::Claim),
    /// Other writers were faster, again and again.
    #[error("too many concurrent writes")]
    Busy,
    /// The log was not read for longer than the bound, so what is in memory may have been overtaken.
    #[error("the log could not be read for {} s", .age.as_secs())]
    Stale {
        /// The time since it was.
        age: Duration,
    },
    /// The store failed; whether the commit was made may be unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read, or an operation is wrong: our fault.
    #[error(transparent)]
    Broken(#[from] stream::Broken),
}

/// The live accounts and users over one store.
pub struct Runtime {
    /// The commit log.
    pub store: Store,
    /// Decisions.
    pub engine: Engine,
    /// The operator's rules.
    pub rules: Rules,
    /// Digests of secrets.
    pub secrets: Secrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn Ids>,
    /// When permissions were last used.
    pub usage: UsageRecorder,
    /// What happened besides commits.
    pub audit: AuditLog,
    /// How old what is in memory may be.
    pub freshness: Arc<Freshness>,
    /// How much memory what is in it may take.
    pub budget: Arc<Budget>,
    /// Where it is kept, beside the store, what was revoked.
    pub journal: Arc<Journal>,
    /// What others have written was heard of, and is not read yet.
    is_behind: AtomicBool,
    accounts: Live<Account>,
    users: Live<UserState>,
    past_accounts: Past<Account>,
    past_users: Past<UserState>,
    credentials: Credentials,
    /// Where resources were found before, by key.
    homes: papaya::HashMap<Box<str>, AccountId>,
}

impl Runtime {
    /// Wires a runtime together.
    pub fn new(
        store: Store,
        engine: Engine,
        rules: Rules,
        secrets: Secrets,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Runtime {
        let (freshness, budget) = (Arc::new(Freshness::default()), Arc::new(Budget::default()));
        Runtime {
            accounts: Live::new(store.clone(), freshness.clone(), budget.clone(), Account::new(&engine)),
            users: Live::new(store.clone(), freshness.clone(), budget.clone(), UserState::default()),
            freshness,
            budget,
            journal: Arc::default(),
            is_behind: AtomicBool::new(false),
            past_accounts: Past::default(),
            past_users: Past::default(),
            credentials: Credentials::default(),
            homes: papaya::HashMap::new(),
            usage: UsageRecorder::new(store.clone(), engine.catalog()),
            audit: AuditLog::new(store.clone()),
            store,
            engine,
            rules,
            secrets,
            clock,
            ids,
        }
    }

    /// The newest durable state of an account; `None` if there is no such account, or it is deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account(&self, id: AccountId) -> Result<Option<Arc<Snapshot<Account>>>, CommitError> {
        let is_there = |snapshot: &Arc<Snapshot<Account>>| {
            snapshot.state.account().is_none_or(|account| account.deleted_on.is_none())
        };
        Ok(self.account_even_deleted(id).await?.filter(is_there))
    }

    /// The same, of a deleted account too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_even_deleted(&self, id: AccountId) -> Result<Option<Arc<Snapshot<Account>>>, CommitError> {
        let account = self.accounts.get(StreamId::Account(id)).await;
        self.keep_within_budget();
        account
    }

    /// Waits until the account is known to stand at a later revision. For ever where it never does, so give it a time limit.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn later_than(&self, id: AccountId, revision: model::ids::Revision) -> Result<(), CommitError> {
        self.accounts.later_than(StreamId::Account(id), revision).await
    }

    /// The accounts in memory, and where they stand.
    pub fn loaded_accounts(&self) -> Vec<(StreamId, model::ids::Revision)> {
        self.accounts.heads()
    }

    /// The newest durable state of a user; `None` if there is no such user.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<Snapshot<UserState>>>, CommitError> {
        let user = self.users.get(StreamId::User(id)).await;
        self.keep_within_budget();
        user
    }

    /// Carries out an operation on an account. `work` is pure: it may run again on a newer state. `remember` may write a
    /// lease in the same transaction, made of what the operation answered.
    ///
    /// # Errors
    /// [`CommitError`]; then nothing was changed, save with an unknown fate of [`CommitError::Store`].
    pub async fn commit<T>(
        &self,
        permit: &Permit,
        origin: &Origin,
        work: impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
        remember: impl Fn(&Snapshot<Account>, &T) -> Option<LeaseChange> + Sync,
    ) -> Result<Committed<Account, T>, CommitError> {
        let write = stream::Write {
            origin,
            journal: &self.journal,
            now: self.clock.now(),
            work: &|account: &Account, now| self.work(permit, account, now, &work),
            check: &|before, after, changes| self.check(permit, before, after, changes),
            appears_in: Vec::new(),
            remember: &remember,
        };
        let committed = self.accounts.commit(StreamId::Account(permit.account()), &write).await;
        self.keep_within_budget();
        committed
    }

    /// Works out what [`Runtime::commit`] would do, with every check that it makes, and does nothing.
    ///
    /// # Errors
    /// Those of the commit.
    pub async fn rehearse<T>(
        &self,
        permit: &Permit,
        origin: &Origin,
        work: impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
    ) -> Result<Rehearsed<Account, T>, CommitError> {
        let write = stream::Write {
            origin,
            journal: &self.journal,
            now: self.clock.now(),
            work: &|account: &Account, now| self.work(permit, account, now, &work),
            check: &|before, after, changes| self.check(permit, before, after, changes),
            appears_in: Vec::new(),
            remember: &|_, _| None,
        };
        self.accounts.rehearse(StreamId::Account(permit.account()), &write).await
    }

    fn work<T>(
        &self,
        permit: &Permit,
        account: &Account,
        now: model::time::Timestamp,
        work: &(impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync),
    ) -> Result<(Vec<Change>, T), CommitError> {
        if !self.engine.still_holds(account, permit) {
            return Err(CommitError::Forbidden);
        }
        Ok(work(account, &self.environment_at(now))?)
    }

    fn check(&self, permit: &Permit, before: &Account, after: &Account, changes: &[Change]) -> Result<(), CommitError> {
        let latitude = Latitude {
            scim_may_manage_policies: self.rules.scim_may_manage_policies,
            own_membership: permit.own_membership(),
        };
        Ok(self.engine.check(before, after, changes, permit.principal(), latitude)?)
    }

    /// Carries out an operation on a user, existing or new. `reached` are the accounts that the user reaches, in which its
    /// tokens may do no more than who makes them.
    ///
    /// # Errors
    /// As for [`Runtime::commit`].
    pub async fn commit_user<T>(
        &self,
        permit: &UserPermit,
        reached: &[Arc<Snapshot<Account>>],
        origin: &Origin,
        work: impl Fn(&UserState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
    ) -> Result<Committed<UserState, T>, CommitError> {
        let write = stream::Write {
            origin,
            journal: &self.journal,
            now: self.clock.now(),
            work: &|state: &UserState, now| self.work_on_user(permit, state, now, &work),
            check: &|before, _, changes| self.check_user(permit, reached, before, changes),
            appears_in: self.audit.appearances_of(StreamId::User(permit.user())).await?,
            remember: &|_, _| None,
        };
        let committed = self.users.commit(StreamId::User(permit.user()), &write).await;
        self.keep_within_budget();
        committed
    }

    /// Works out what [`Runtime::commit_user`] would do, with every check that it makes, and does nothing.
    ///
    /// # Errors
    /// Those of the commit.
    pub async fn rehearse_user<T>(
        &self,
        permit: &UserPermit,
        reached: &[Arc<Snapshot<Account>>],
        origin: &Origin,
        work: impl Fn(&UserState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
    ) -> Result<Rehearsed<UserState, T>, CommitError> {
        let write = stream::Write {
            origin,
            journal: &self.journal,
            now: self.clock.now(),
            work: &|state: &UserState, now| self.work_on_user(permit, state, now, &work),
            check: &|before, _, changes| self.check_user(permit, reached, before, changes),
            appears_in: Vec::new(),
            remember: &|_, _| None,
        };
        self.users.rehearse(StreamId::User(permit.user()), &write).await
    }

    fn work_on_user<T>(
        &self,
        permit: &UserPermit,
        state: &UserState,
        now: model::time::Timestamp,
        work: &(impl Fn(&UserState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync),
    ) -> Result<(Vec<Change>, T), CommitError> {
        if !self.engine.still_holds_on_user(state, permit) {
            return Err(CommitError::Forbidden);
        }
        Ok(work(state, &self.environment_at(now))?)
    }

    fn check_user(
        &self,
        permit: &UserPermit,
        reached: &[Arc<Snapshot<Account>>],
        before: &UserState,
        changes: &[Change],
    ) -> Result<(), CommitError> {
        let reached: Vec<&Account> = reached.iter().map(|snapshot| &snapshot.state).collect();
        Ok(self.engine.check_user(before, changes, permit.principal(), &reached)?)
    }

    /// What operations may lean on.
    pub fn environment(&self) -> Environment<'_> {
        self.environment_at(self.clock.now())
    }

    fn environment_at(&self, now: model::time::Timestamp) -> Environment<'_> {
        Environment { catalog: self.engine.catalog(), rules: &self.rules, now, ids: self.ids.as_fn() }
    }

    /// Waits until background snapshots are written, writes those that are worth it and what was used lately, and closes the
    /// store: everything acknowledged is durable.
    pub async fn close(&self) {
        if let Err(error) = self.usage.flush(self.clock.now()).await {
            tracing::warn!(%error, "the last uses of permissions could not be written");
        }
        if let Err(error) = self.audit.flush().await {
            tracing::error!(%error, "the last entries of the audit log could not be written");
        }
        self.accounts.write_snapshots().await;
        self.users.write_snapshots().await;
        self.store.close().await;
    }

    /// Forgets everything, in memory only: for the reset of a development server. False over a database.
    pub fn clear(&self) -> bool {
        if !self.store.clear() {
            return false;
        }
        self.accounts.clear();
        self.users.clear();
        self.past_accounts.clear();
        self.past_users.clear();
        self.credentials.clear();
        self.homes.pin().clear();
        self.usage.clear();
        self.audit.clear();
        true
    }
}
