//! `…/tokens/verify`: whether the token that asks is in order. It takes no permission, and it alone tells the holder of a token
//! that this is disabled or has expired (D46).

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use model::ids::{AccountId, TokenId};
use model::tokens::{Token, TokenStatus};
use runtime::credentials::Holder;
use serde::Serialize;

use super::view::Whole;
use crate::answer::{Envelope, Success};
use crate::app::App;
use crate::authenticate;
use crate::call::admitted;
use crate::error::{Error, Failure, Unauthenticated};
use crate::middleware::Context;

/// What is told of the token.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Verified {
    #[schema(value_type = String)]
    id: TokenId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    not_before: Option<Whole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires_on: Option<Whole>,
}

/// The message, with the `type` that the reference sends.
#[derive(Serialize)]
struct Told {
    code: u16,
    message: String,
    r#type: (),
}

/// Whether a token of the account is in order.
#[utoipa::path(get, path = "/accounts/{account_id}/tokens/verify", operation_id = "account-api-tokens-verify-token", tag = "Tokens",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<Verified>), (status = "4XX", body = Failure)))]
pub async fn of_account(
    State(app): State<App>,
    axum::extract::Path(account): axum::extract::Path<String>,
    parts: Parts,
) -> Result<Success, Error> {
    let account: AccountId = account.parse().map_err(|_| Error::BadId(parts.uri.path().to_owned()))?;
    verify(&app, &parts, |holder| match holder {
        Holder::AccountToken(owner, compiled) if owner == account => Some(compiled.token.clone()),
        Holder::AccountToken(..) | Holder::UserToken(..) | Holder::ApiKey(_) => None,
    })
    .await
}

/// Whether a token of a user is in order.
#[utoipa::path(get, path = "/user/tokens/verify", operation_id = "user-api-tokens-verify-token", tag = "Tokens",
    responses((status = 200, body = Envelope<Verified>), (status = "4XX", body = Failure)))]
pub async fn of_user(State(app): State<App>, parts: Parts) -> Result<Success, Error> {
    verify(&app, &parts, |holder| match holder {
        Holder::UserToken(user, compiled) if user.enabled => Some(compiled.token.clone()),
        Holder::AccountToken(..) | Holder::UserToken(..) | Holder::ApiKey(_) => None,
    })
    .await
}

async fn verify(
    app: &App,
    parts: &Parts,
    choose: impl FnOnce(Holder) -> Option<std::sync::Arc<Token>>,
) -> Result<Success, Error> {
    if is_by_key(&parts.headers) {
        return Err(Unauthenticated::NoToken.into());
    }
    let address = authenticate::client_address(app, parts);
    let holder = authenticate::throttled(app, parts, address, async {
        let holder = authenticate::holder(app, &parts.headers).await?;
        holder.and_then(choose).ok_or(Unauthenticated::InvalidToken.into())
    });
    let standing = parts.extensions.get::<Context>().map(|context| context.standing.clone()).unwrap_or_default();
    let token = admitted(app, parts, &standing, holder).await?;
    // Whoever verifies a token in a loop is counted as its address: a token that is out of use has no limit of its own.
    app.rate_limits.of_stranger(address, &standing)?;
    if !token.condition.admits(address) {
        return Err(Unauthenticated::Location(address).into());
    }
    let now = app.runtime.clock.now();
    let status = token.shown_status(now);
    let message = match (status, token.not_before.filter(|start| *start > now)) {
        ("active", None) => "This API Token is valid and active".to_owned(),
        ("active", Some(start)) => format!("This API Token is not valid before {start}"),
        ("expired", _) => "This API Token has expired".to_owned(),
        _ if token.status == TokenStatus::Revoked => {
            "This API Token is revoked, since its value was exposed; roll or delete it".to_owned()
        }
        _ => format!("This API Token is {status}"),
    };
    let verified = Verified {
        id: token.id,
        status,
        not_before: token.not_before.map(Whole),
        expires_on: token.expires_on.map(Whole),
    };
    Success::object(&verified)?.with_messages(vec![Told { code: 10000, message, r#type: () }])
}

fn is_by_key(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION) && headers.contains_key("x-auth-key")
}
