//! Writes that are denied, refused or fail (D83). What becomes known of a request on its way is kept beside it, and when the answer
//! is a failure, an event is made of it. Who could not be authenticated is nobody's entry: such failures are told of as bursts (D58).

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use ::model::commit::{self, Actor};
use ::model::ids::{AccountId, Id, UserId};
use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use runtime::Origin;
use runtime::audit::Place;
use runtime::audit::event::{Event, Refusal, Refused};

use super::redact::{REDACTED, redacted};
use crate::BASE_PATH;
use crate::app::App;
use crate::authenticate::Caller;
use crate::dry_run;
use crate::middleware::Context;
use crate::operations::Operation;

/// The most bytes of a redacted body that are kept.
const LONGEST_BODY: usize = 8 << 10;

/// What is known of a write on its way.
#[derive(Default)]
pub struct Attempt {
    /// Who and by what, once that is known.
    pub origin: OnceLock<Origin>,
    /// The user behind it.
    pub user: OnceLock<UserId>,
    /// The account that it is about, once it is known to be there.
    pub account: OnceLock<AccountId>,
    /// The object that its path names last, besides the account.
    pub resource: OnceLock<Box<str>>,
    /// What was sent.
    pub body: OnceLock<Bytes>,
    /// Whether the caller only wanted to know what it would do.
    pub is_dry_run: OnceLock<bool>,
}

/// What an answer says is wrong, beside the answer itself.
#[derive(Clone)]
pub struct Refusals(pub Arc<[Refusal]>);

impl Attempt {
    /// Notes that it came to nothing.
    pub fn refused(&self, app: &App, operation: &Operation, response: &Response) {
        let status = response.status().as_u16();
        let Some(origin) = self.origin.get() else { return };
        // A dry run that finds faults is a question that was answered. One that is denied is an attempt all the same.
        if self.is_dry_run.get().is_some_and(|is| *is) && status != 403 {
            return;
        }
        let refusals = response.extensions().get::<Refusals>();
        let refused = Refused {
            operation: operation.id.clone(),
            route: operation.route.clone(),
            status,
            errors: refusals.map(|refusals| refusals.0.to_vec()).unwrap_or_default(),
            resource: self.resource.get().cloned(),
            body: self.body.get().and_then(|body| kept(body)),
        };
        let runtime = &app.runtime;
        runtime.audit.note(self.place(origin), runtime.clock.now(), origin.clone(), Event::Refused(Box::new(refused)));
    }

    /// Whose entry it is: the account's that it is about; else the user's, or that of the account whose token it was.
    fn place(&self, origin: &Origin) -> Place {
        match (self.account.get(), self.user.get(), &origin.actor) {
            (Some(account), _, _) => Place::Account(*account),
            (None, Some(user), _) => Place::User(*user),
            (None, None, Actor::Account { id, .. }) => Place::Account(*id),
            (None, None, Actor::User { .. } | Actor::System { .. }) => Place::Server,
        }
    }
}

/// Tells who is about to do what, in case it comes to nothing. `params` are those of the path, in their order.
pub fn begin(context: &Context, parts: &Parts, caller: &Caller, params: &[(String, String)]) {
    let Some(attempt) = &context.attempt else { return };
    // Each is set once, here.
    _ = attempt.origin.set(origin(context, caller, parts.method.as_str(), parts.uri.path(), &parts.headers));
    if let Some(user) = &caller.user {
        _ = attempt.user.set(user.id);
    }
    _ = attempt.is_dry_run.set(dry_run::is_asked(&parts.headers).is_ok_and(|asked| asked));
    if let Some((_, id)) = params.iter().rev().find(|(name, id)| name != "account_id" && id.parse::<Id>().is_ok()) {
        _ = attempt.resource.set(id.as_str().into());
    }
}

/// Who and by what, for the log.
pub fn origin(context: &Context, caller: &Caller, method: &str, path: &str, headers: &HeaderMap) -> Origin {
    let request = commit::Request {
        audit_id: context.audit_id.to_string().into(),
        method: method.into(),
        path: path.into(),
        ip: caller.address.to_string().into(),
        ray: context.ray.to_string().into(),
        user_agent: user_agent(headers),
    };
    Origin { actor: caller.actor(), request }
}

fn user_agent(headers: &HeaderMap) -> Box<str> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    user_agent.chars().take(256).collect::<String>().into()
}

/// Notes that an address showed unknown credentials too often (D58): in the audit log of the account that its last request named, and
/// in the server's where it named none.
pub fn burst(app: &App, parts: &Parts, address: IpAddr, count: u32, waits: u64) {
    let Some(context) = parts.extensions.get::<Context>() else { return };
    let path = parts.uri.path();
    let request = commit::Request {
        audit_id: context.audit_id.to_string().into(),
        method: parts.method.as_str().into(),
        path: path.into(),
        ip: address.to_string().into(),
        ray: context.ray.to_string().into(),
        user_agent: user_agent(&parts.headers),
    };
    let actor = Actor::System { reason: "unknown credentials".into() };
    let account = path.strip_prefix(BASE_PATH).unwrap_or(path).strip_prefix("/accounts/");
    let account = account.and_then(|rest| rest.split('/').next()).and_then(|id| id.parse().ok());
    let place = account.map_or(Place::Server, Place::Account);
    let event = Event::FailedAuthentications { count, waits };
    app.runtime.audit.note(place, app.runtime.clock.now(), Origin { actor, request }, event);
}

/// A body as it may be kept.
fn kept(body: &[u8]) -> Option<serde_json::Value> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let value = redacted(&value);
    let size = serde_json::to_vec(&value).ok()?.len();
    Some(if size <= LONGEST_BODY { value } else { REDACTED.into() })
}
