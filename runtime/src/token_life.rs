//! What becomes of tokens without anybody asking over HTTP: they expire, and their secrets turn up where they should not.

use engine::Account;
use engine::permit::Permit;
use engine::user_permit::UserPermit;
use model::account_state::AccountState;
use model::change::Change;
use model::ids::{StreamId, TokenId, UserId};
use model::rules::Environment;
use model::tokens::{self, Owner};
use model::users::{self, UserState};

use crate::credentials::Holder;
use crate::jobs::TOKEN_EXPIRY;
use crate::stream::Snapshot;
use crate::{CommitError, Origin, Runtime};

/// How many tokens one sweep looks at.
const PER_SWEEP: usize = 1000;

/// What a leaked secret opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaked {
    /// A token of an account or a user, which is revoked now.
    Token(StreamId, TokenId),
    /// The Global API Key of a user, which is no more.
    ApiKey(UserId),
}

/// A piece of work on a token of either kind of owner.
type Work<'a> = dyn Fn(&Owner<'_>, &Environment<'_>) -> Result<Vec<Change>, model::problem::Problem> + Sync + 'a;

impl Runtime {
    /// Puts a credential out of use whose secret was found where it should not be (D51). `None` if no credential has that
    /// secret.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn report_leak(&self, secret: &str, origin: &Origin) -> Result<Option<Leaked>, CommitError> {
        let (stream, token) = match self.holder_of(&self.secrets.digest(secret)).await? {
            None => return Ok(None),
            Some(Holder::AccountToken(account, token)) => (StreamId::Account(account), token.id()),
            Some(Holder::UserToken(user, token)) => (StreamId::User(user.id), token.id()),
            Some(Holder::ApiKey(user)) => {
                self.commit_user(&UserPermit::for_system(user.id), &[], origin, |state, _| {
                    users::set_api_key(state, None)
                })
                .await?;
                return Ok(Some(Leaked::ApiKey(user.id)));
            }
        };
        self.revoke_token(stream, token, origin).await?;
        Ok(Some(Leaked::Token(stream, token)))
    }

    /// Does what is due to tokens that have expired: their digests are erased, and after 90 days they are gone (D51). Tells
    /// how many it looked at.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sweep_tokens(&self) -> Result<usize, CommitError> {
        let now = self.clock.now();
        let due = self.store.leases_due(TOKEN_EXPIRY, now.as_micros(), PER_SWEEP).await?;
        let origin = Origin::system("tokens that have expired");
        for lease in &due {
            if let (Ok(stream), Ok(token)) = (lease.stream.parse::<StreamId>(), lease.key.parse::<TokenId>()) {
                self.on_token(stream, &origin, &|owner, environment| Ok(tokens::sweep(owner, token, environment.now)))
                    .await?;
            }
        }
        Ok(due.len())
    }

    /// Puts a token out of use as if its secret had been found: only to be rolled or deleted. Tells whether it was in use.
    pub(crate) async fn revoke_token(
        &self,
        stream: StreamId,
        token: TokenId,
        origin: &Origin,
    ) -> Result<bool, CommitError> {
        self.on_token(stream, origin, &|owner, environment| Ok(tokens::reveal_leak(owner, environment, token)?.0)).await
    }

    /// Tells whether anything changed.
    async fn on_token(&self, stream: StreamId, origin: &Origin, work: &Work<'_>) -> Result<bool, CommitError> {
        match stream {
            StreamId::Account(account) => {
                let permit = Permit::for_system(account);
                let work = |state: &AccountState, environment: &Environment<'_>| {
                    Ok((work(&Owner::Account(state), environment)?, ()))
                };
                Ok(self.commit(&permit, origin, work, |_: &Snapshot<Account>, ()| None).await?.changed)
            }
            StreamId::User(user) => {
                let permit = UserPermit::for_system(user);
                let work = |state: &UserState, environment: &Environment<'_>| {
                    Ok((work(&Owner::User { state, reached: &[] }, environment)?, ()))
                };
                Ok(self.commit_user(&permit, &[], origin, work).await?.changed)
            }
        }
    }
}
