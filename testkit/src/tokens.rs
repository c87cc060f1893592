//! Tokens, made directly through the runtime: the API cannot make them yet.

use std::ops::Deref;

use catalog::Id;
use engine::user_permit::UserPermit;
use model::change::{Change, Document};
use model::ids::{PolicyId, TokenId, UserId};
use model::policies::Effect;
use model::rules::Environment;
use model::tokens::{Condition, Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use runtime::secrets::{PlainSecret, SecretKind};

use crate::people::test_origin;
use crate::{Caller, TestServer};

/// Whose token it is.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// The server's account.
    Account,
    /// The super administrator.
    Admin,
    /// A user.
    User(UserId),
}

/// One policy of a token: permissions of the token catalogue by name, of every scope that has the name, on resource
/// keys. `{account}` in a key is the server's account.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    effect: Effect,
    permissions: Vec<String>,
    keys: Vec<String>,
}

/// A policy that allows.
pub fn allow(permissions: &[&str], keys: &[&str]) -> TokenGrant {
    grant(Effect::Allow, permissions, keys)
}

/// A policy that denies.
pub fn deny(permissions: &[&str], keys: &[&str]) -> TokenGrant {
    grant(Effect::Deny, permissions, keys)
}

fn grant(effect: Effect, permissions: &[&str], keys: &[&str]) -> TokenGrant {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    TokenGrant { effect, permissions: owned(permissions), keys: owned(keys) }
}

/// A token, and a caller with it.
pub struct TestToken {
    /// Its id.
    pub id: TokenId,
    /// Its secret.
    pub secret: String,
    /// The caller.
    pub caller: Caller,
}

impl Deref for TestToken {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl TestServer {
    /// Makes a token.
    pub async fn token(&self, owner: Owner, grants: &[TokenGrant]) -> TestToken {
        self.token_that(owner, grants, |_| {}).await
    }

    /// Makes a token and changes it before it is stored: its condition, its times, its status.
    pub async fn token_that(
        &self,
        owner: Owner,
        grants: &[TokenGrant],
        change: impl Fn(&mut Token) + Send + Sync,
    ) -> TestToken {
        let kind = match owner {
            Owner::Account => SecretKind::AccountToken,
            Owner::Admin | Owner::User(_) => SecretKind::UserToken,
        };
        let secret = PlainSecret::generate(kind).reveal().to_owned();
        let id = TokenId(self.runtime.environment().next_id());
        let digest = self.runtime.secrets.digest(&secret);
        let document = |environment: &Environment<'_>| {
            let mut token = self.document(environment, id, digest, grants);
            change(&mut token);
            vec![Change::put(Document::Token(token.into()))]
        };
        match owner {
            Owner::Account => {
                let made = self.try_commit(self.account, |_, environment| Ok((document(environment), ())));
                made.await.expect("an account token");
            }
            Owner::Admin => self.user_token(self.user.id, document).await,
            Owner::User(user) => self.user_token(user, document).await,
        }
        let caller = Caller::with_token(&self.origin, &self.account.to_string(), &secret);
        TestToken { id, secret, caller }
    }

    async fn user_token(&self, user: UserId, document: impl Fn(&Environment<'_>) -> Vec<Change> + Send + Sync) {
        let work = |_: &_, environment: &Environment<'_>| Ok((document(environment), ()));
        self.runtime.commit_user(&UserPermit::for_system(user), &[], &test_origin(), work).await.expect("a user token");
    }

    fn document(&self, environment: &Environment<'_>, id: TokenId, digest: Digest, grants: &[TokenGrant]) -> Token {
        Token {
            id,
            name: "test token".into(),
            status: TokenStatus::Active,
            digest: Some(digest),
            policies: grants.iter().map(|grant| self.token_policy(environment, grant)).collect(),
            condition: Condition::default(),
            not_before: None,
            expires_on: None,
            issued_on: environment.now,
            modified_on: environment.now,
            created_by: None,
        }
    }

    fn token_policy(&self, environment: &Environment<'_>, grant: &TokenGrant) -> TokenPolicy {
        let account = self.account.to_string();
        let key = |key: &String| (key.replace("{account}", &account).into(), TokenResource::Everything(Star::Star));
        TokenPolicy {
            id: PolicyId(environment.next_id()),
            effect: grant.effect,
            permission_groups: grant.permissions.iter().flat_map(|name| ids_of(environment, name)).collect(),
            resources: grant.keys.iter().map(key).collect(),
        }
    }
}

fn ids_of(environment: &Environment<'_>, name: &str) -> Vec<Id> {
    let ids: Vec<Id> = environment.catalog.permissions_named(name).map(|permission| permission.id).collect();
    assert!(!ids.is_empty(), "no token permission group is called `{name}`");
    ids
}
