//! Making accounts and users, the only writes that start a stream; and what becomes of accounts that are deleted.

use std::sync::Arc;

use engine::Account;
use engine::permit::Permit;
use engine::user_permit::UserPermit;
use model::account_state::AccountState;
use model::accounts::{self, NewAccount};
use model::change::{Change, Document};
use model::ids::{AccountId, MemberId, StreamId, UserId};
use model::names::Email;
use model::problem::{FaultKind, Problem};
use model::rules::Environment;
use model::time::Timestamp;
use model::users::{Contact, Profile, User};

use store::LeaseChange;

use crate::jobs::ACCOUNT_PURGE;
use crate::stream::{Committed, Rehearsed, Snapshot};
use crate::{CommitError, Origin, Runtime};

/// A user to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address; the operator vouches for it.
    pub email: Email,
    /// May create accounts.
    pub operator: bool,
    /// The digest of the Global API Key.
    pub api_key: Option<model::tokens::Digest>,
}

impl NewUser {
    /// The user that it is made into.
    pub fn user(&self, id: UserId, now: Timestamp) -> User {
        User {
            id,
            email: self.email.clone(),
            email_verified: true,
            enabled: true,
            operator: self.operator,
            profile: Profile::default(),
            contact: Contact::default(),
            api_key: self.api_key,
            created_on: now,
        }
    }
}

impl Runtime {
    /// Makes a user.
    ///
    /// # Errors
    /// [`CommitError::Claimed`] if the address has a user already.
    pub async fn create_user(&self, id: UserId, new: &NewUser, origin: &Origin) -> Result<Arc<User>, CommitError> {
        let permit = UserPermit::for_system(id);
        let committed = self.commit_user(&permit, &[], origin, |state, environment| {
            if state.user.is_some() {
                return Err(Problem::new(FaultKind::AlreadyExists, format!("user `{id}` already exists")));
            }
            let user = Arc::new(new.user(id, environment.now));
            Ok((vec![Change::put(Document::User(user.clone()))], user))
        });
        Ok(committed.await?.output)
    }

    /// Makes an account whose first member and super administrator is `maker`.
    ///
    /// # Errors
    /// Faults of the input.
    pub async fn create_account(
        &self,
        id: AccountId,
        new: &NewAccount,
        maker: &User,
        origin: &Origin,
        remember: impl Fn(&Snapshot<Account>, &MemberId) -> Option<LeaseChange> + Sync,
    ) -> Result<Committed<Account, MemberId>, CommitError> {
        self.commit(&Permit::for_system(id), origin, creation(id, new, maker), remember).await
    }

    /// Brings a deleted account back whole.
    ///
    /// # Errors
    /// No such account; one that is not deleted, or was too long ago.
    pub async fn restore_account(&self, id: AccountId, origin: &Origin) -> Result<(), CommitError> {
        if self.account_even_deleted(id).await?.is_none() {
            return Err(CommitError::NoStream(StreamId::Account(id)));
        }
        self.commit(&Permit::for_system(id), origin, |state, _| accounts::restore(state), |_, ()| None).await?;
        Ok(())
    }

    /// Purges the accounts that were deleted more than 30 days ago. Tells how many.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn purge_accounts(&self, origin: &Origin) -> Result<usize, CommitError> {
        let due = self.store.leases_due(ACCOUNT_PURGE, self.clock.now().as_micros(), 100).await?;
        for lease in &due {
            if let Ok(id) = lease.key.parse::<AccountId>() {
                let permit = Permit::for_system(id);
                let work = |state: &AccountState, environment: &Environment<'_>| {
                    Ok((accounts::purge(state, environment.now), ()))
                };
                self.commit(&permit, origin, work, |_, ()| None).await?;
            }
            let done = LeaseChange::Delete { kind: lease.kind.clone(), key: lease.key.clone() };
            self.store.put_leases(vec![done]).await?;
        }
        Ok(due.len())
    }

    /// Works out what [`Runtime::create_account`] would do, and does nothing.
    ///
    /// # Errors
    /// Faults of the input.
    pub async fn rehearse_account(
        &self,
        id: AccountId,
        new: &NewAccount,
        maker: &User,
        origin: &Origin,
    ) -> Result<Rehearsed<Account, MemberId>, CommitError> {
        self.rehearse(&Permit::for_system(id), origin, creation(id, new, maker)).await
    }
}

fn creation(
    id: AccountId,
    new: &NewAccount,
    maker: &User,
) -> impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, MemberId), Problem> + Sync {
    move |state, environment| match state.account() {
        None => accounts::create(environment, new, id, maker),
        Some(_) => Err(Problem::new(FaultKind::AlreadyExists, format!("account `{id}` already exists"))),
    }
}
