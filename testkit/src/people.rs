//! Users, members and zones, made directly through the runtime: a test about groups need not go through invitations.

use std::ops::Deref;
use std::sync::Arc;

use engine::permit::Permit;
use model::account_state::AccountState;
use model::change::Change;
use model::commit::{Actor, Request};
use model::ids::{AccountId, MemberId, UserId, ZoneId};
use model::members::{self, Grants, NewMember};
use model::names::Email;
use model::policies::{Effect, PolicyInput, ResourceGroupInput};
use model::problem::Problem;
use model::resources;
use model::rules::{Environment, Rules};
use model::users::User;
use runtime::account_creation::NewUser;
use runtime::secrets::{PlainSecret, SecretKind};
use runtime::{CommitError, Origin, Runtime};

use crate::{Caller, TestServer};

/// An accepted member, who calls by Global API Key.
pub struct TestMember {
    /// The membership.
    pub id: MemberId,
    /// The user.
    pub user: UserId,
    /// The caller.
    pub caller: Caller,
}

impl Deref for TestMember {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl TestServer {
    /// Makes a user who is nobody's member yet, and the caller with its Global API Key.
    pub async fn user(&self, email: &str) -> (Arc<User>, Caller) {
        let (user, key) = create_user(&self.runtime, email, false).await;
        (user, self.caller_with_key(email, &key))
    }

    /// Makes a user and an accepted membership of the server's account.
    pub async fn member(&self, email: &str, grants: Grants) -> TestMember {
        let (user, caller) = self.user(email).await;
        let new =
            NewMember { email: email.to_owned(), grants, accepted: true, api_access: None, invited_by: String::new() };
        let id = MemberId(self.runtime.environment().next_id());
        // Whatever the rules of the server under test, this member is accepted.
        let rules = Rules { accept_anybody: true, ..self.runtime.rules.clone() };
        let work = |state: &AccountState, environment: &Environment<'_>| {
            members::create(state, &Environment { rules: &rules, ..*environment }, &new, id, Some(&user))
        };
        let id = self.try_commit(self.account, work).await.expect("a member");
        TestMember { id, user: user.id, caller }
    }

    /// Registers a zone in the server's account.
    pub async fn zone(&self, name: &str) -> ZoneId {
        let id = ZoneId(self.runtime.environment().next_id());
        let zone =
            self.try_commit(self.account, |state, environment| resources::create_zone(state, environment, name, id));
        zone.await.expect("a zone")
    }

    /// The grants of these roles, by name.
    pub fn roles(&self, names: &[&str]) -> Grants {
        let roles = self.runtime.engine.catalog().roles();
        let id = |name: &&str| {
            let role = roles.iter().find(|role| *role.name == **name);
            role.unwrap_or_else(|| panic!("no role is called `{name}`")).id.to_string()
        };
        Grants::Roles(names.iter().map(id).collect())
    }

    /// A policy: IAM permission groups by label, resource groups by id.
    pub fn policy(&self, access: Effect, labels: &[&str], resource_groups: &[&str]) -> PolicyInput {
        PolicyInput {
            id: None,
            access,
            permission_groups: labels.iter().map(|label| self.permission_group(label)).collect(),
            resource_groups: resource_groups.iter().map(|id| ResourceGroupInput::Id((*id).to_owned())).collect(),
        }
    }

    /// The id of the IAM permission group with that label.
    pub fn permission_group(&self, label: &str) -> String {
        let group = self.runtime.engine.catalog().iam_group_by_label(label);
        group.unwrap_or_else(|| panic!("no IAM permission group has the label `{label}`")).id.to_string()
    }

    /// The id of the resource group that is the server's account and everything in it.
    pub async fn whole_account(&self) -> String {
        let account = self.runtime.account(self.account).await.expect("a readable account").expect("the account");
        account.state.whole_account_group().expect("the group of the account").to_string()
    }

    /// Commits to an account, as the server itself would.
    ///
    /// # Errors
    /// As for [`Runtime::commit`].
    pub async fn try_commit<T>(
        &self,
        account: AccountId,
        work: impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Send + Sync,
    ) -> Result<T, CommitError> {
        let permit = Permit::for_system(account);
        Ok(self.runtime.commit(&permit, &test_origin(), work, |_, _| None).await?.output)
    }
}

pub(crate) async fn create_user(runtime: &Runtime, email: &str, operator: bool) -> (Arc<User>, String) {
    let key = PlainSecret::generate(SecretKind::ApiKey);
    let parsed = Email::parse(email, "/email").expect("an e-mail address");
    let new = NewUser { email: parsed, operator, api_key: Some(runtime.secrets.digest(key.reveal())) };
    let id = UserId(runtime.environment().next_id());
    let user = runtime.create_user(id, &new, &test_origin()).await.expect("a user");
    (user, key.reveal().to_owned())
}

pub(crate) fn test_origin() -> Origin {
    Origin { actor: Actor::System { reason: "test".into() }, request: Request::default() }
}
