//! `/accounts/{account_id}/tokens`

use engine::permit::Need;
use engine::principal::Principal;
use model::commit::Actor;
use model::ids::{StreamId, TokenId};
use model::problem::Problem;
use model::tokens::{self, Owner, Token};
use runtime::secrets::{PlainSecret, SecretKind};

use super::view::Extra;
use super::{TokenBody, TokenView, body, check_match, last_used, note, only_disables, page, rolled, shown};
use crate::answer::{Envelope, Success};
use crate::call::{Access, Call};
use crate::error::{Error, Failure};
use crate::resource_groups::Deleted;

/// Makes tokens within its own access, and sees those alone that it made (section 2.3).
const PROVISIONING: &str = "Account API Tokens Provisioning";

/// Permission to tokens of the account: to all of them, or to those that the caller made.
struct TokenAccess {
    access: Access,
    only_own: bool,
}

impl TokenAccess {
    async fn of(call: &Call) -> Result<TokenAccess, Error> {
        let refusal = match call.account().await {
            Err(refusal @ Error::Forbidden { .. }) => refusal,
            access => return Ok(TokenAccess { access: access?, only_own: false }),
        };
        let catalog = call.app.runtime.engine.catalog();
        let accepts = catalog.permissions_named(PROVISIONING).map(|permission| permission.index).collect();
        let need = Need { accepts, any_member: false };
        match call.access_by(need, call.id("account_id")?, None).await {
            Ok(access) => Ok(TokenAccess { access, only_own: true }),
            Err(Error::Forbidden { .. }) => Err(refusal),
            Err(other) => Err(other),
        }
    }

    fn sees(&self, call: &Call, token: &Token) -> bool {
        !self.only_own || token.created_by.as_deref().is_some_and(|actor| is_same(actor, &call.caller.actor()))
    }

    /// The token of the path. One that the caller does not see is not there.
    fn token(&self, call: &Call) -> Result<TokenId, Error> {
        let id: TokenId = call.id("token_id")?;
        let token = tokens::get(&Owner::Account(self.access.state()), id)?;
        if self.sees(call, token) { Ok(id) } else { Err(Problem::not_found("token", id).into()) }
    }
}

/// Whether both are one user, by whichever credential, or one token.
fn is_same(one: &Actor, other: &Actor) -> bool {
    match (one, other) {
        (Actor::User { id, .. }, Actor::User { id: other, .. }) => id == other,
        (Actor::Account { token, .. }, Actor::Account { token: other, .. }) => token == other,
        _ => false,
    }
}

/// Lists tokens, the oldest first.
#[utoipa::path(get, path = "/accounts/{account_id}/tokens", operation_id = "account-api-tokens-list-tokens", tag = "Tokens",
    params(("account_id" = String, Path), ("name" = Option<String>, Query), ("include_expired" = Option<bool>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<TokenView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let tokens = TokenAccess::of(&call).await?;
    let state = tokens.access.state();
    let seen = state.tokens_from(None).filter(|token| tokens.sees(&call, token));
    Ok(page(&call, StreamId::Account(state.account_id()), seen).await?.at(tokens.access.revision()))
}

/// Makes a token. Its secret is in this answer, and never again.
#[utoipa::path(post, path = "/accounts/{account_id}/tokens", operation_id = "account-api-tokens-create-token", tag = "Tokens",
    params(("account_id" = String, Path)), request_body = TokenBody,
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = TokenAccess::of(&call).await?.access;
    let new = call.read(body::read)?;
    let secret = PlainSecret::generate(SecretKind::AccountToken);
    let digest = call.app.runtime.secrets.digest(secret.reveal());
    call.write_body(
        &access,
        &new,
        |state, environment, new| {
            let (owner, id) = (Owner::Account(state), TokenId(environment.next_id()));
            tokens::create(&owner, environment, new, id, digest, Some(call.caller.actor()))
        },
        |snapshot, id| {
            let token = tokens::get(&Owner::Account(&snapshot.state), *id)?;
            shown(&call, token, Extra { last_used_on: None, value: Some(secret.reveal()) })
        },
    )
    .await
}

/// One token.
#[utoipa::path(get, path = "/accounts/{account_id}/tokens/{token_id}", operation_id = "account-api-tokens-token-details", tag = "Tokens",
    params(("account_id" = String, Path), ("token_id" = String, Path)),
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let tokens = TokenAccess::of(&call).await?;
    let id = tokens.token(&call)?;
    let state = tokens.access.state();
    let last_used_on = last_used(&call, StreamId::Account(state.account_id()), id).await?;
    let token = tokens::get(&Owner::Account(state), id)?;
    Ok(shown(&call, token, Extra { last_used_on, value: None })?.at(tokens.access.revision()))
}

/// Permission to write the token of the path; and whether that is only to put itself out of use (D50).
async fn writing(call: &Call) -> Result<(Access, TokenId, bool), Error> {
    let refusal = match TokenAccess::of(call).await {
        Err(refusal @ Error::Forbidden { .. }) => refusal,
        tokens => {
            let tokens = tokens?;
            let id = tokens.token(call)?;
            return Ok((tokens.access, id, false));
        }
    };
    let (Principal::AccountToken { account, token }, Ok(id)) = (&call.caller.principal, call.id("token_id")) else {
        return Err(refusal);
    };
    if call.id("account_id").ok() != Some(*account) || token.id() != id {
        return Err(refusal);
    }
    let snapshot = call.snapshot(*account).await?.ok_or_else(|| call.forbidden(None))?;
    let engine = &call.app.runtime.engine;
    let permit = engine.permit_own_token(&snapshot.state, &call.caller.principal, id).map_err(|_| refusal)?;
    Ok((Access { permit, snapshot }, id, true))
}

/// Replaces all of a token but its secret.
#[utoipa::path(put, path = "/accounts/{account_id}/tokens/{token_id}", operation_id = "account-api-tokens-update-token", tag = "Tokens",
    params(("account_id" = String, Path), ("token_id" = String, Path)), request_body = TokenBody,
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let (access, id, only_itself) = writing(&call).await?;
    let change = call.read(body::read)?;
    let last_used_on = last_used(&call, StreamId::Account(access.state().account_id()), id).await?;
    call.write_body(
        &access,
        &change,
        |state, environment, change| {
            check_match(&call, state.token(&id))?;
            let strict = state.account().is_some_and(|account| account.settings.token_put_strict);
            let (changes, updated) = tokens::update(&Owner::Account(state), environment, id, change, strict)?;
            if only_itself {
                only_disables(state.token(&id), &changes)?;
            }
            Ok((changes, updated))
        },
        |snapshot, updated| {
            let token = tokens::get(&Owner::Account(&snapshot.state), id)?;
            let messages = updated.loosened.iter().map(note).collect();
            shown(&call, token, Extra { last_used_on, value: None })?.with_messages(messages)
        },
    )
    .await
}

/// Removes a token; its secret is void at once.
#[utoipa::path(delete, path = "/accounts/{account_id}/tokens/{token_id}", operation_id = "account-api-tokens-delete-token", tag = "Tokens",
    params(("account_id" = String, Path), ("token_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let (access, id, _) = writing(&call).await?;
    call.write(
        &access,
        |state, _| {
            check_match(&call, state.token(&id))?;
            tokens::delete(&Owner::Account(state), id)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}

/// Gives a token another secret: the answer is the secret itself.
#[utoipa::path(put, path = "/accounts/{account_id}/tokens/{token_id}/value", operation_id = "account-api-tokens-roll-token", tag = "Tokens",
    params(("account_id" = String, Path), ("token_id" = String, Path)),
    responses((status = 200, body = Envelope<String>), (status = "4XX", body = Failure)))]
pub async fn roll(call: Call) -> Result<Success, Error> {
    let tokens = TokenAccess::of(&call).await?;
    let id = tokens.token(&call)?;
    let secret = PlainSecret::generate(SecretKind::AccountToken);
    let digest = call.app.runtime.secrets.digest(secret.reveal());
    call.write(
        &tokens.access,
        |state, environment| {
            check_match(&call, state.token(&id))?;
            tokens::roll(&Owner::Account(state), environment, id, digest)
        },
        |snapshot, id| {
            let token = tokens::get(&Owner::Account(&snapshot.state), *id)?;
            rolled(token, call.app.runtime.clock.now(), secret.reveal())
        },
    )
    .await
}
