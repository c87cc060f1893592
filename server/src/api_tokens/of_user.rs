//! `/user/tokens`: a user's own tokens, for the user itself and for tokens of it that may manage tokens.

use engine::Account;
use engine::principal::Principal;
use model::account_state::AccountState;
use model::ids::{StreamId, TokenId};
use model::tokens::{self, Owner};
use model::users::UserState;
use runtime::secrets::{PlainSecret, SecretKind};

use super::view::Extra;
use super::{TokenBody, TokenView, body, check_match, last_used, note, only_disables, page, rolled, shown};
use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::resource_groups::Deleted;
use crate::user_call::UserAccess;

/// The user's tokens, which may name nothing: enough to find, roll and remove them.
fn alone(state: &UserState) -> Owner<'_> {
    Owner::User { state, reached: &[] }
}

/// Lists tokens, the oldest first.
#[utoipa::path(get, path = "/user/tokens", operation_id = "user-api-tokens-list-tokens", tag = "Tokens",
    params(("name" = Option<String>, Query), ("include_expired" = Option<bool>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<TokenView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    let tokens = page(&call, StreamId::User(access.user()), access.state().tokens.values()).await?;
    Ok(tokens.at(access.snapshot.revision()))
}

/// Makes a token. Its secret is in this answer, and never again.
#[utoipa::path(post, path = "/user/tokens", operation_id = "user-api-tokens-create-token", tag = "Tokens", request_body = TokenBody,
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    let access = call.with_reached(access).await?;
    let new = call.read(body::read)?;
    let secret = PlainSecret::generate(SecretKind::UserToken);
    let digest = call.app.runtime.secrets.digest(secret.reveal());
    let reached = states(&access);
    call.write_user_body(
        &access,
        &new,
        |state, environment, new| {
            let (owner, id) = (Owner::User { state, reached: &reached }, TokenId(environment.next_id()));
            tokens::create(&owner, environment, new, id, digest, None)
        },
        |snapshot, id| {
            let token = tokens::get(&alone(&snapshot.state), *id)?;
            shown(&call, token, Extra { last_used_on: None, value: Some(secret.reveal()) })
        },
    )
    .await
}

fn states(access: &UserAccess) -> Vec<&AccountState> {
    access.reached.iter().map(|snapshot| Account::state(&snapshot.state)).collect()
}

/// One token.
#[utoipa::path(get, path = "/user/tokens/{token_id}", operation_id = "user-api-tokens-token-details", tag = "Tokens",
    params(("token_id" = String, Path)),
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    let id = call.id("token_id")?;
    let token = tokens::get(&alone(access.state()), id)?;
    let last_used_on = last_used(&call, StreamId::User(access.user()), id).await?;
    Ok(shown(&call, token, Extra { last_used_on, value: None })?.at(access.snapshot.revision()))
}

/// Permission to write the token of the path; and whether that is only to put itself out of use (D50).
async fn writing(call: &Call) -> Result<(UserAccess, TokenId, bool), Error> {
    let refusal = match call.own_user().await {
        Err(refusal @ Error::Forbidden { .. }) => refusal,
        access => {
            let (access, id) = (access?, call.id("token_id")?);
            tokens::get(&alone(access.state()), id)?;
            return Ok((access, id, false));
        }
    };
    let Ok(id) = call.id("token_id") else { return Err(refusal) };
    let principal: &Principal = &call.caller.principal;
    let access = call.own_user_by(|engine, state| engine.permit_own_user_token(state, principal, id)).await;
    Ok((access.map_err(|_| refusal)?, id, true))
}

/// Replaces all of a token but its secret.
#[utoipa::path(put, path = "/user/tokens/{token_id}", operation_id = "user-api-tokens-update-token", tag = "Tokens",
    params(("token_id" = String, Path)), request_body = TokenBody,
    responses((status = 200, body = Envelope<TokenView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let (access, id, only_itself) = writing(&call).await?;
    let access = call.with_reached(access).await?;
    let change = call.read(body::read)?;
    let last_used_on = last_used(&call, StreamId::User(access.user()), id).await?;
    let reached = states(&access);
    call.write_user_body(
        &access,
        &change,
        |state, environment, change| {
            check_match(&call, state.tokens.get(&id))?;
            let owner = Owner::User { state, reached: &reached };
            let (changes, updated) = tokens::update(&owner, environment, id, change, false)?;
            if only_itself {
                only_disables(state.tokens.get(&id), &changes)?;
            }
            Ok((changes, updated))
        },
        |snapshot, updated| {
            let token = tokens::get(&alone(&snapshot.state), id)?;
            let messages = updated.loosened.iter().map(note).collect();
            shown(&call, token, Extra { last_used_on, value: None })?.with_messages(messages)
        },
    )
    .await
}

/// Removes a token; its secret is void at once.
#[utoipa::path(delete, path = "/user/tokens/{token_id}", operation_id = "user-api-tokens-delete-token", tag = "Tokens",
    params(("token_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let (access, id, _) = writing(&call).await?;
    call.write_user(
        &access,
        |state, _| {
            check_match(&call, state.tokens.get(&id))?;
            tokens::delete(&alone(state), id)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}

/// Gives a token another secret: the answer is the secret itself.
#[utoipa::path(put, path = "/user/tokens/{token_id}/value", operation_id = "user-api-tokens-roll-token", tag = "Tokens",
    params(("token_id" = String, Path)),
    responses((status = 200, body = Envelope<String>), (status = "4XX", body = Failure)))]
pub async fn roll(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    let id: TokenId = call.id("token_id")?;
    tokens::get(&alone(access.state()), id)?;
    // Whoever rolls a token has it: what it may do, the caller must be able to do.
    let access = call.with_reached(access).await?;
    let secret = PlainSecret::generate(SecretKind::UserToken);
    let digest = call.app.runtime.secrets.digest(secret.reveal());
    call.write_user(
        &access,
        |state, environment| {
            check_match(&call, state.tokens.get(&id))?;
            tokens::roll(&alone(state), environment, id, digest)
        },
        |snapshot, id| {
            let token = tokens::get(&alone(&snapshot.state), *id)?;
            rolled(token, call.app.runtime.clock.now(), secret.reveal())
        },
    )
    .await
}
