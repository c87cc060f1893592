//! Who asks: by API token, or by e-mail and Global API Key (section 6.1).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use engine::principal::{CompiledToken, Principal};
use engine::question::subject::SubjectKind;
use model::commit::Actor;
use model::ids::TokenId;
use model::names::NameKey;
use model::tokens::Token;
use model::users::User;
use runtime::credentials::Holder;
use runtime::secrets;

use crate::app::App;
use crate::audit::attempt;
use crate::error::{Error, Unauthenticated};
use crate::local::Operator;
use crate::middleware::Context;

/// Who asks, and from where.
#[derive(Clone)]
pub struct Caller {
    /// For decisions.
    pub principal: Principal,
    /// The user behind it, if there is one.
    pub user: Option<Arc<User>>,
    /// The client's address.
    pub address: IpAddr,
}

impl Caller {
    /// The caller, if it is the token that is asked about. Only so is a token of a user found, which is part of no account.
    pub fn own_token(&self, kind: SubjectKind, id: &str) -> Option<&Principal> {
        let is_own = |token: &Arc<CompiledToken>| {
            kind == SubjectKind::Token && id.parse().is_ok_and(|id: TokenId| id == token.id())
        };
        self.principal.token().is_some_and(is_own).then_some(&self.principal)
    }

    /// Who it was, for the log.
    pub fn actor(&self) -> Actor {
        let token = self.principal.token().map(|token| token.id());
        let token_name = self.principal.token().map(|token| token.token.name.clone());
        match (&self.user, &self.principal, token) {
            (Some(user), _, token) => Actor::User { id: user.id, email: user.email.as_str().into(), token, token_name },
            (None, Principal::AccountToken { account, .. }, Some(token)) => {
                Actor::Account { id: *account, token, token_name }
            }
            (None, _, _) => Actor::System { reason: "the operator, on the command line".into() },
        }
    }
}

/// Authenticates a request.
///
/// # Errors
/// [`Unauthenticated`]; [`Error::TooMany`] for an address that failed too often.
pub async fn authenticate(app: &App, parts: &Parts) -> Result<Caller, Error> {
    if let Some(operator) = parts.extensions.get::<Operator>() {
        return Ok(operator.caller());
    }
    let address = client_address(app, parts);
    let caller = throttled(app, parts, address, by_headers(app, &parts.headers, address)).await;
    if let Err(Error::Unauthenticated(Unauthenticated::Location(_))) = &caller {
        note_elsewhere(app, parts, address).await;
    }
    caller
}

/// A token that is used from where it may not be is known, and maybe stolen: a write with it is an entry of its owner's audit log.
async fn note_elsewhere(app: &App, parts: &Parts, address: IpAddr) {
    let Some(context) = parts.extensions.get::<Context>().filter(|context| context.attempt.is_some()) else { return };
    let caller = match holder(app, &parts.headers).await {
        Ok(Some(Holder::UserToken(user, token))) => {
            Caller { principal: Principal::UserToken { user: user.id, token }, user: Some(user), address }
        }
        Ok(Some(Holder::AccountToken(account, token))) => {
            Caller { principal: Principal::AccountToken { account, token }, user: None, address }
        }
        Ok(Some(Holder::ApiKey(_)) | None) | Err(_) => return,
    };
    attempt::begin(context, parts, &caller, &[]);
}

/// Looks at credentials, unless the address showed unknown ones too often; notes it where these are unknown too (D58).
pub(crate) async fn throttled<T>(
    app: &App,
    parts: &Parts,
    address: IpAddr,
    look: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let now = app.runtime.clock.now();
    if let Some(retry_after) = app.throttle.wait(address, now) {
        return Err(Error::TooMany { retry_after });
    }
    let found = look.await;
    let unknown = |error: &Error| {
        use Unauthenticated::{InvalidToken, UnknownKey, UnknownToken};
        matches!(error, Error::Unauthenticated(UnknownKey | UnknownToken | InvalidToken))
    };
    if found.as_ref().is_err_and(unknown)
        && let Some((count, waits)) = app.throttle.failed(address, now)
    {
        attempt::burst(app, parts, address, count, waits);
    }
    found
}

/// Bearer first, and alone if it is there (D53).
/// Looks at the credentials in the headers, without a look at how often the address failed.
///
/// # Errors
/// [`Unauthenticated`].
pub(crate) async fn by_headers(app: &App, headers: &HeaderMap, address: IpAddr) -> Result<Caller, Error> {
    if let Some(secret) = bearer(headers)? {
        return by_token(app, secret, address).await;
    }
    let (email, key) = (headers.get("x-auth-email"), headers.get("x-auth-key"));
    if email.is_none() && key.is_none() {
        let service = headers.contains_key("x-auth-user-service-key");
        return Err(if service { Unauthenticated::ServiceKey } else { Unauthenticated::Missing }.into());
    }
    let email = email.and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 254 && text.contains('@'));
    let key = key.and_then(|value| value.to_str().ok()).filter(|text| secrets::is_key_shaped(text));
    match (email, key) {
        (Some(email), Some(key)) => by_key(app, email, key, address).await,
        (email, key) => {
            let mut chain = Vec::new();
            if email.is_none() {
                chain.push((6102, "Invalid format for X-Auth-Email header"));
            }
            if key.is_none() {
                chain.push((6103, "Invalid format for X-Auth-Key header"));
            }
            Err(Unauthenticated::Malformed(chain).into())
        }
    }
}

/// The token of the `Authorization` header, if there is such a header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unauthenticated> {
    let Some(authorization) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || Unauthenticated::Malformed(vec![(6111, "Invalid format for Authorization header")]);
    let text = authorization.to_str().map_err(|_| malformed())?;
    let (scheme, secret) = text.split_once(' ').ok_or_else(malformed)?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && secrets::is_token_shaped(secret);
    if is_token { Ok(Some(secret)) } else { Err(malformed()) }
}

/// Whose token the headers carry; neither its status nor its condition is looked at.
pub(crate) async fn holder(app: &App, headers: &HeaderMap) -> Result<Option<Holder>, Error> {
    let secret = bearer(headers)?.ok_or(Unauthenticated::Missing)?;
    Ok(app.runtime.holder_of(&app.runtime.secrets.digest(secret)).await?)
}

async fn by_key(app: &App, email: &str, key: &str, address: IpAddr) -> Result<Caller, Error> {
    let digest = app.runtime.secrets.digest(key);
    match app.runtime.holder_of(&digest).await? {
        Some(Holder::ApiKey(user)) if user.enabled && same_address(&user, email) => {
            Ok(Caller { principal: Principal::User(user.id), user: Some(user), address })
        }
        Some(_) | None => Err(Unauthenticated::UnknownKey.into()),
    }
}

fn same_address(user: &User, email: &str) -> bool {
    use subtle::ConstantTimeEq;
    user.email.key().as_str().as_bytes().ct_eq(NameKey::of(email).as_str().as_bytes()).into()
}

async fn by_token(app: &App, secret: &str, address: IpAddr) -> Result<Caller, Error> {
    let digest = app.runtime.secrets.digest(secret);
    match app.runtime.holder_of(&digest).await? {
        Some(Holder::UserToken(user, compiled)) if user.enabled => {
            usable(app, &compiled.token, address)?;
            Ok(Caller { principal: Principal::UserToken { user: user.id, token: compiled }, user: Some(user), address })
        }
        Some(Holder::AccountToken(account, compiled)) => {
            usable(app, &compiled.token, address)?;
            Ok(Caller { principal: Principal::AccountToken { account, token: compiled }, user: None, address })
        }
        Some(Holder::UserToken(..) | Holder::ApiKey(_)) | None => Err(Unauthenticated::UnknownToken.into()),
    }
}

/// D46: status, times and address, in that order.
fn usable(app: &App, token: &Token, address: IpAddr) -> Result<(), Unauthenticated> {
    if !token.is_usable_at(app.runtime.clock.now()) {
        return Err(Unauthenticated::UnknownToken);
    }
    if !token.condition.admits(address) {
        return Err(Unauthenticated::Location(address));
    }
    Ok(())
}

/// The peer, or the last address before our own proxies (D47).
pub(crate) fn client_address(app: &App, parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip().to_canonical());
    let trusted = |address: &IpAddr| app.settings.trusted_proxies.iter().any(|network| network.contains(address));
    if !trusted(&peer) {
        return peer;
    }
    let values = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        values.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse::<IpAddr>().ok()).collect();
    hops.iter().rev().map(|hop| hop.to_canonical()).find(|hop| !trusted(hop)).unwrap_or(peer)
}
