//! From a secret to the one it belongs to. The digest leads to a stream and a document (a claim); the document itself
//! decides, at its newest revision, so a credential that is gone is refused at once.

use std::collections::HashSet;
use std::sync::Arc;

use model::claims;
use model::ids::{AccountId, MemberId, StreamId, TokenId, UserId};
use model::tokens::{Digest, Token};
use model::users::User;

use store::{Store, StoreError};

use crate::secrets::same_digest;
use crate::{CommitError, Runtime};
use engine::principal::CompiledToken;

/// Digests that were looked up before, and what they lead to. Entries are only hints: they are checked at each use.
#[derive(Default)]
pub(crate) struct Credentials {
    known: papaya::HashMap<Digest, Known>,
}

#[derive(Clone)]
enum Known {
    ApiKey(UserId),
    UserToken(UserId, Arc<CompiledToken>),
    AccountToken(AccountId, Arc<CompiledToken>),
}

impl Known {
    fn stream(&self) -> StreamId {
        match self {
            Known::ApiKey(user) | Known::UserToken(user, _) => StreamId::User(*user),
            Known::AccountToken(account, _) => StreamId::Account(*account),
        }
    }
}

impl Credentials {
    pub(crate) fn clear(&self) {
        self.known.pin().clear();
    }

    /// Lets go of what leads to these streams.
    pub(crate) fn forget(&self, streams: &HashSet<StreamId>) {
        self.known.pin().retain(|_, known| !streams.contains(&known.stream()));
    }
}

fn opens(digest: &Digest, token: &Token) -> bool {
    token.digest.as_ref().is_some_and(|own| same_digest(own, digest))
}

/// Whose credential it is.
pub enum Holder {
    /// A user's Global API Key.
    ApiKey(Arc<User>),
    /// A user's token.
    UserToken(Arc<User>, Arc<CompiledToken>),
    /// An account's token.
    AccountToken(AccountId, Arc<CompiledToken>),
}

impl Runtime {
    /// Whose credential has this digest. Neither status nor conditions are looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holder_of(&self, digest: &Digest) -> Result<Option<Holder>, CommitError> {
        let known = self.credentials.known.pin().get(digest).cloned();
        match known {
            Some(known) => match self.confirm(digest, &known).await? {
                Some(holder) => Ok(Some(holder)),
                None => {
                    self.credentials.known.pin().remove(digest);
                    self.look_up(digest).await
                }
            },
            None => self.look_up(digest).await,
        }
    }

    async fn confirm(&self, digest: &Digest, known: &Known) -> Result<Option<Holder>, CommitError> {
        Ok(match known {
            Known::ApiKey(id) => self.key_owner(*id, digest).await?.map(Holder::ApiKey),
            Known::UserToken(id, compiled) => match self.user_token(*id, compiled.id()).await? {
                Some((user, token)) if opens(digest, &token) => Some(Holder::UserToken(
                    user,
                    self.fresh(digest, compiled, &token, |token| Known::UserToken(*id, token)),
                )),
                Some(_) | None => None,
            },
            Known::AccountToken(id, compiled) => match self.account_token(*id, compiled.id()).await? {
                Some(token) if opens(digest, &token) => Some(Holder::AccountToken(
                    *id,
                    self.fresh(digest, compiled, &token, |token| Known::AccountToken(*id, token)),
                )),
                Some(_) | None => None,
            },
        })
    }

    /// The compiled token, compiled again if the stored one has changed since.
    fn fresh(
        &self,
        digest: &Digest,
        compiled: &Arc<CompiledToken>,
        token: &Arc<Token>,
        known: impl Fn(Arc<CompiledToken>) -> Known,
    ) -> Arc<CompiledToken> {
        if Arc::ptr_eq(&compiled.token, token) {
            return compiled.clone();
        }
        let compiled = Arc::new(self.engine.compile_token(token));
        self.credentials.known.pin().insert(*digest, known(compiled.clone()));
        compiled
    }

    async fn look_up(&self, digest: &Digest) -> Result<Option<Holder>, CommitError> {
        let Some(claim) = self.store.claim(claims::CREDENTIAL, &digest.to_string()).await? else { return Ok(None) };
        let Ok(stream) = claim.stream.parse::<StreamId>() else { return Ok(None) };
        match self.reach(digest, stream, &claim.id).await? {
            Some(holder) => Ok(Some(holder)),
            None => {
                // Another node may have made or rolled it, and this one has not heard of that yet.
                self.follow_one(stream).await?;
                self.reach(digest, stream, &claim.id).await
            }
        }
    }

    /// Goes from a claim to what it leads to, as far as it is in memory.
    async fn reach(&self, digest: &Digest, stream: StreamId, id: &str) -> Result<Option<Holder>, CommitError> {
        let known = match (stream, id) {
            (StreamId::User(id), claims::API_KEY_ID) => Some(Known::ApiKey(id)),
            (StreamId::User(id), token) => match token.parse() {
                Ok(token) => self
                    .user_token(id, token)
                    .await?
                    .map(|(_, token)| Known::UserToken(id, Arc::new(self.engine.compile_token(&token)))),
                Err(_) => None,
            },
            (StreamId::Account(id), token) => match token.parse() {
                Ok(token) => self
                    .account_token(id, token)
                    .await?
                    .map(|token| Known::AccountToken(id, Arc::new(self.engine.compile_token(&token)))),
                Err(_) => None,
            },
        };
        let Some(known) = known else { return Ok(None) };
        let holder = self.confirm(digest, &known).await?;
        if holder.is_some() {
            self.credentials.known.pin().insert(*digest, known);
        }
        Ok(holder)
    }

    async fn key_owner(&self, id: UserId, digest: &Digest) -> Result<Option<Arc<User>>, CommitError> {
        let user = self.user(id).await?.and_then(|snapshot| snapshot.state.user.clone());
        Ok(user.filter(|user| user.api_key.as_ref().is_some_and(|key| same_digest(key, digest))))
    }

    async fn user_token(&self, id: UserId, token: TokenId) -> Result<Option<(Arc<User>, Arc<Token>)>, CommitError> {
        let Some(snapshot) = self.user(id).await? else { return Ok(None) };
        Ok(snapshot.state.user.clone().zip(snapshot.state.tokens.get(&token).cloned()))
    }

    async fn account_token(&self, id: AccountId, token: TokenId) -> Result<Option<Arc<Token>>, CommitError> {
        Ok(self.account(id).await?.and_then(|snapshot| snapshot.state.token(&token).cloned()))
    }

    /// The user with that e-mail address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn user_by_email(&self, email: &model::names::NameKey) -> Result<Option<Arc<User>>, CommitError> {
        if email.as_str().is_empty() {
            return Ok(None);
        }
        let Some(claim) = self.store.claim(claims::EMAIL, email.as_str()).await? else { return Ok(None) };
        let Ok(StreamId::User(id)) = claim.stream.parse() else { return Ok(None) };
        Ok(self.user(id).await?.and_then(|snapshot| snapshot.state.user.clone()))
    }

    /// The accounts that a user is an accepted member of.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn accounts_of(&self, user: UserId) -> Result<Vec<AccountId>, CommitError> {
        Ok(memberships(&self.store, user).await?)
    }

    /// The memberships of a user: those that it accepted, and those that wait for its address or were declined.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn memberships_of(&self, user: &User) -> Result<Vec<(AccountId, MemberId)>, CommitError> {
        let mut memberships = places(&self.store, claims::MEMBERSHIP, &format!("{}/", user.id)).await?;
        let invited = places(&self.store, claims::INVITATION, &format!("{}/", user.email.key().as_str())).await?;
        memberships.extend(invited);
        Ok(memberships)
    }

    /// The account that a registered resource belongs to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_of_resource(&self, key: &str) -> Result<Option<AccountId>, CommitError> {
        // A hint, as for credentials: the account's own state decides.
        let known = self.homes.pin().get(key).copied();
        if let Some(account) = known
            && self.account(account).await?.is_some_and(|snapshot| snapshot.state.find_resource(key).is_some())
        {
            return Ok(Some(account));
        }
        let claim = self.store.claim(claims::RESOURCE, key).await?;
        let account = claim.and_then(|claim| match claim.stream.parse() {
            Ok(StreamId::Account(id)) => Some(id),
            Ok(StreamId::User(_)) | Err(_) => None,
        });
        // Only what is registered is kept, so that asking for anything else costs no memory.
        let homes = self.homes.pin();
        match account {
            Some(account) => homes.insert(key.into(), account),
            None => homes.remove(key),
        };
        Ok(account)
    }
}

/// The accounts in which a user is an accepted member.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn memberships(store: &Store, user: UserId) -> Result<Vec<AccountId>, StoreError> {
    let places = places(store, claims::MEMBERSHIP, &format!("{user}/")).await?;
    Ok(places.into_iter().map(|(account, _)| account).collect())
}

/// The claims of a kind whose keys are the prefix and an account.
async fn places(store: &Store, kind: &str, prefix: &str) -> Result<Vec<(AccountId, MemberId)>, StoreError> {
    let mut places = Vec::new();
    let mut after = String::new();
    loop {
        let claims = store.claims(kind, prefix, &after, 1000).await?;
        places.extend(claims.iter().filter_map(|claim| {
            Some((claim.key.strip_prefix(prefix)?.parse::<AccountId>().ok()?, claim.id.parse().ok()?))
        }));
        match claims.last() {
            Some(last) if claims.len() == 1000 => after = last.key.to_string(),
            Some(_) | None => return Ok(places),
        }
    }
}
