//! Entries as they are shown: with what the object was before and after, and with nothing that is not meant to be seen (D84).

use ::model::change::{Change, Document, DocumentId};
use ::model::ids::AccountId;
use ::model::time::Timestamp;
use runtime::Runtime;
use runtime::audit::event::{Event, Refused};
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::{Content, Entry, Level};
use super::filters;
use super::redact::{REDACTED, redacted};
use crate::error::Error;

/// The most documents of one commit that are shown on both sides.
const MOST_DOCUMENTS: usize = 20;

/// One entry of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EntryView {
    /// The `cf-auditlog-id` of the answer to the request.
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<AccountView>,
    pub(super) action: ActionView,
    pub(super) actor: ActorView,
    pub(super) raw: RawView,
    pub(super) resource: ResourceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<ZoneView>,
}

/// The account that was asked about.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AccountView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AccountId,
    /// Its name now.
    pub name: Box<str>,
}

/// What was done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActionView {
    pub(super) description: String,
    /// `success` or `failure`.
    pub(super) result: &'static str,
    #[schema(value_type = String)]
    pub(super) time: Timestamp,
    /// `create`, `update`, `delete` or `view`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// Who did it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActorView {
    /// `api_key` or `api_token`; absent for the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    /// Of a user; for a token of the account that of the account (D85).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) ip_address: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_name: Option<String>,
    /// `user`, `account` or `system`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// The request and its answer; empty for what no request did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RawView {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) cf_ray_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) method: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_code: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) uri: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) user_agent: Box<str>,
}

/// What it was done to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ResourceView {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) id: String,
    pub(super) product: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// `{"type": …}` and the id of what it belongs to.
    #[schema(value_type = Object)]
    pub(super) scope: Value,
    /// Of a failure: the body of the request, redacted; as `body` if it was no object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(super) request: Option<Value>,
    /// Of a failure: the codes of the errors, and where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(super) response: Option<Value>,
    /// Of a success: the object before it; absent if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(super) before: Option<Value>,
    /// Of a success: the object after it; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub(super) after: Option<Value>,
    /// Where a commit changed more than one document: each of them, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) documents: Vec<DocumentView>,
    /// How many documents it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) documents_total: Option<usize>,
}

/// A document on both sides of a commit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DocumentView {
    /// Its kind and id, such as `user_group/<id>`.
    document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    after: Option<Value>,
}

/// The zone that it was about.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ZoneView {
    pub(super) id: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Box<str>>,
}

/// Shows an entry to whoever may see the audit of an account, or to the user whose own it is.
///
/// # Errors
/// When the log cannot be read.
pub async fn view(runtime: &Runtime, entry: &Entry, account: Option<&AccountView>) -> Result<EntryView, Error> {
    // What a user did to its own things is the account's to know; what those things hold may be about other accounts (D86).
    let is_foreign = account.is_some() && entry.level == Level::User;
    let mut resource = resource(entry, is_foreign);
    let mut zone = entry.zone.as_ref().map(|zone| ZoneView { id: zone.id.clone(), name: zone.name.clone() });
    match &entry.content {
        Content::Changes(changes) if !is_foreign => {
            let primary = entry.document();
            for change in changes.iter().take(MOST_DOCUMENTS) {
                resource.documents.push(both_sides(runtime, entry, change).await?);
            }
            let shown = primary.as_ref().map(ToString::to_string);
            let is_primary = |view: &DocumentView| Some(&view.document) == shown.as_ref();
            match resource.documents.iter().position(is_primary) {
                Some(at) if changes.len() == 1 => {
                    let only = resource.documents.swap_remove(at);
                    (resource.before, resource.after) = (only.before, only.after);
                }
                Some(at) => {
                    let one = &resource.documents[at];
                    (resource.before, resource.after) = (one.before.clone(), one.after.clone());
                    resource.documents_total = Some(changes.len());
                }
                // It is not among the first that are shown.
                None => resource.documents_total = Some(changes.len()),
            }
            if let Some(zone) = zone.as_mut().filter(|zone| zone.name.is_none()) {
                let name = resource.before.as_ref().and_then(|before| before["name"].as_str());
                zone.name = name.map(Box::from);
            }
        }
        Content::Event(Event::Refused(refused)) if !is_foreign => {
            resource.request = refused.body.clone().map(object);
            resource.response = Some(errors(refused));
        }
        Content::Event(Event::FailedAuthentications { count, waits }) => {
            resource.response = Some(json!({ "failures": count, "waits_seconds": waits }));
        }
        Content::Event(Event::Lost { count }) => resource.response = Some(json!({ "lost": count })),
        Content::Changes(_) | Content::Event(Event::Refused(_)) => {}
    }
    Ok(EntryView {
        id: entry.id().into_owned(),
        account: account.cloned(),
        action: action(entry),
        actor: actor(entry),
        raw: raw(entry, is_foreign),
        resource,
        zone,
    })
}

fn action(entry: &Entry) -> ActionView {
    ActionView {
        description: entry.description().into_owned(),
        result: if entry.succeeded() { "success" } else { "failure" },
        time: entry.at,
        kind: entry.action.name(),
    }
}

fn actor(entry: &Entry) -> ActorView {
    use ::model::commit::Actor;
    let (id, email, token) = match &entry.actor {
        Actor::User { id, email, token, .. } => (Some(id.to_string()), Some(email.to_string()), token.as_ref()),
        Actor::Account { id, token, .. } => (Some(id.to_string()), None, Some(token)),
        Actor::System { .. } => (None, None, None),
    };
    ActorView {
        context: Some(filters::context(&entry.actor)).filter(|context| !context.is_empty()),
        email,
        id,
        ip_address: entry.request.ip.clone(),
        token_id: token.map(ToString::to_string),
        token_name: filters::token_name(&entry.actor).map(str::to_owned),
        kind: filters::actor_type(&entry.actor),
    }
}

fn raw(entry: &Entry, is_foreign: bool) -> RawView {
    let request = &entry.request;
    let uri = match is_foreign && names_an_account(entry) {
        false => entry.uri().into_owned(),
        true => {
            let segment = |segment: &str| if segment.len() == 32 { REDACTED.to_owned() } else { segment.to_owned() };
            entry.uri().split('/').map(segment).collect::<Vec<_>>().join("/")
        }
    };
    RawView {
        cf_ray_id: entry.ray().to_owned(),
        method: request.method.clone(),
        status_code: (!request.method.is_empty()).then_some(entry.status),
        uri,
        user_agent: request.user_agent.clone(),
    }
}

/// Whether the object of an entry of a user's own tells of which accounts the user is a member.
fn names_an_account(entry: &Entry) -> bool {
    matches!(entry.kind.name, "membership" | "invitation" | "account" | "member")
}

fn resource(entry: &Entry, is_foreign: bool) -> ResourceView {
    let id = match is_foreign && names_an_account(entry) && !entry.resource.is_empty() {
        true => REDACTED.to_owned(),
        false => entry.resource.to_string(),
    };
    let mut scope = json!({ "type": filters::scope(entry) });
    if entry.level != Level::Server {
        scope["id"] = entry.owner().into();
    }
    ResourceView {
        id,
        product: entry.kind.product,
        kind: entry.kind.name,
        scope,
        request: None,
        response: None,
        before: None,
        after: None,
        documents: Vec::new(),
        documents_total: None,
    }
}

/// The published form has an object here; a body that is none, as of adding members to a group, stands in one.
fn object(body: Value) -> Value {
    match body {
        Value::Object(_) => body,
        other => json!({ "body": other }),
    }
}

fn errors(refused: &Refused) -> Value {
    let error = |error: &runtime::audit::event::Refusal| match &error.pointer {
        Some(pointer) => json!({ "code": error.code, "source": { "pointer": pointer } }),
        None => json!({ "code": error.code }),
    };
    json!({ "errors": refused.errors.iter().map(error).collect::<Vec<_>>() })
}

async fn both_sides(runtime: &Runtime, entry: &Entry, change: &Change) -> Result<DocumentView, Error> {
    let id: DocumentId = change.id();
    let before = runtime.document_at(&entry.mark.stream, &id, entry.mark.revision - 1).await?;
    let after = match change {
        Change::Put(document) => Some(document),
        Change::Delete(_) => None,
    };
    Ok(DocumentView {
        document: id.to_string(),
        before: before.as_ref().map(image).transpose()?,
        after: after.map(image).transpose()?,
    })
}

/// A document without what may not be seen, and without the name of its kind around it.
fn image(document: &Document) -> Result<Value, Error> {
    let value = serde_json::to_value(document).map_err(|error| Error::Internal(Box::new(error)))?;
    let inner = value.as_object().and_then(|kinds| kinds.values().next()).unwrap_or(&value);
    Ok(redacted(inner))
}
