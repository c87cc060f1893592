//! Making accounts and users: the only writes that start a stream.

use std::sync::Arc;

use engine::permit::Permit;
use model::accounts::{self, NewAccount};
use model::change::{Change, Document};
use model::ids::{AccountId, MemberId, UserId};
use model::names::Email;
use model::problem::{FaultKind, Problem};
use model::users::{Profile, User};

use crate::stream::{Committed, Snapshot};
use crate::{CommitError, Origin, Runtime};
use engine::Account;
use model::account_state::AccountState;
use store::LeaseChange;

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

impl Runtime {
    /// Makes a user.
    ///
    /// # Errors
    /// [`CommitError::Claimed`] if the address has a user already.
    pub async fn create_user(&self, id: UserId, new: &NewUser, origin: &Origin) -> Result<Arc<User>, CommitError> {
        let committed = self.commit_user(id, origin, |state, environment| {
            if state.user.is_some() {
                return Err(Problem::new(FaultKind::AlreadyExists, format!("user `{id}` already exists")));
            }
            let user = Arc::new(User {
                id,
                email: new.email.clone(),
                email_verified: true,
                enabled: true,
                operator: new.operator,
                profile: Profile::default(),
                api_key: new.api_key,
                created_on: environment.now,
            });
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
        let permit = Permit::for_system(id);
        let work = |state: &AccountState, environment: &model::rules::Environment<'_>| match state.account() {
            None => accounts::create(environment, new, id, maker),
            Some(_) => Err(Problem::new(FaultKind::AlreadyExists, format!("account `{id}` already exists"))),
        };
        self.commit(&permit, origin, work, remember).await
    }
}
