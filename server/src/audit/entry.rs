//! One entry of an audit, made of one record alone: who, when, by what, and about what. Filters look at nothing else, so no state is
//! replayed to answer them. What a document was before is looked up for the entries of a page only ([`super::view`]).

use std::borrow::Cow;

use ::model::change::{self, Change, Document, DocumentId};
use ::model::commit::{Actor, Request};
use ::model::resource_groups::ZONE_KEY;
use ::model::time::Timestamp;
use runtime::audit::event::{Event, Refused};
use runtime::audit::is_events;
use runtime::audit::merged::Mark;
use runtime::history::commits::CommitInfo;
use store::Record;

use super::products::Kind;
use super::redact;
use crate::error::Error;

/// What was done, or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Something was made.
    Create,
    /// Something was changed.
    Update,
    /// Something was removed.
    Delete,
    /// Something was looked at, or somebody tried to come in.
    View,
}

impl Action {
    /// As in `action.type`.
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::View => "view",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Action::Create => "Create",
            Action::Update => "Update",
            Action::Delete => "Delete",
            Action::View => "View",
        }
    }
}

/// Whose log an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The account's own.
    Account,
    /// A user's (D86).
    User,
    /// The server's.
    Server,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Content {
    /// A commit.
    Changes(Vec<Change>),
    /// An attempt that came to nothing.
    Event(Event),
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the audit.
    pub mark: Mark,
    /// Whose log it is in.
    pub level: Level,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// By what.
    pub request: Request,
    /// What kind of deed.
    pub action: Action,
    /// The status of the answer.
    pub status: u16,
    /// About what.
    pub kind: Kind,
    /// About which one; empty if it is not known, as for something that was not made.
    pub resource: Box<str>,
    /// The zone that it is about.
    pub zone: Option<Zone>,
    /// What happened.
    pub content: Content,
}

/// A zone. The commit that removes one does not say what it was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its id.
    pub id: Box<str>,
    /// Its name, as far as the record tells.
    pub name: Option<Box<str>>,
}

impl Entry {
    /// Reads a record.
    ///
    /// # Errors
    /// When the record was tampered with or cannot be read.
    pub fn read(record: &Record) -> Result<Entry, Error> {
        let CommitInfo { at, actor, request, .. } = CommitInfo::read(record).map_err(runtime::CommitError::from)?;
        let mark = Mark::of(record);
        let content = match is_events(&record.stream) {
            true => Content::Event(Event::read(&record.changes).map_err(internal)?),
            false => Content::Changes(change::read(&record.changes).map_err(internal)?),
        };
        let level = level(&record.stream);
        let facts = match &content {
            Content::Changes(changes) => of_changes(&request, changes, record),
            Content::Event(Event::Refused(refused)) => of_refused(&request, refused),
            Content::Event(Event::FailedAuthentications { .. }) => {
                Facts::about(Action::View, Kind::FAILED_AUTHENTICATION, 403)
            }
            Content::Event(Event::Lost { .. }) => Facts::about(Action::Update, Kind::LOG, 500),
        };
        let Facts { action, kind, resource, zone, status } = facts;
        Ok(Entry { mark, level, at, actor, request, action, status, kind, resource, zone, content })
    }

    /// Whether it was carried out.
    pub fn succeeded(&self) -> bool {
        matches!(self.content, Content::Changes(_))
    }

    /// The id: that of the answer's `cf-auditlog-id`; for what was written without one, where it stands in the log.
    pub fn id(&self) -> Cow<'_, str> {
        match self.request.audit_id.is_empty() {
            true => Cow::Owned(format!("{}-{}", self.mark.stream.replace('/', "-"), self.mark.revision)),
            false => Cow::Borrowed(&self.request.audit_id),
        }
    }

    /// What was done, in words.
    pub fn description(&self) -> Cow<'static, str> {
        match &self.content {
            Content::Event(Event::FailedAuthentications { .. }) => return "Repeated failed authentication".into(),
            Content::Event(Event::Lost { .. }) => return "Entries of the audit log were lost".into(),
            Content::Event(Event::Refused(_)) | Content::Changes(_) => {}
        }
        match self.request.path.rsplit('/').next() {
            Some("revert") => "Revert commit".into(),
            Some("begin_verification") => "Begin verification of SSO connector".into(),
            Some("value") if self.kind.name == "api_token" => "Roll API token".into(),
            Some(_) | None => format!("{} {}", self.action.verb(), self.kind.words).into(),
        }
    }

    /// The ray without the place where it was answered, as the reference shows it.
    pub fn ray(&self) -> &str {
        self.request.ray.split('-').next().unwrap_or_default()
    }

    /// The path. Of an entry of a user's own, as an account sees it, nothing that belongs to other accounts.
    pub fn uri(&self) -> Cow<'_, str> {
        redact::redacted_path(&self.request.path).into()
    }

    /// Which document it is about, if a commit made it.
    pub fn document(&self) -> Option<DocumentId> {
        let Content::Changes(changes) = &self.content else { return None };
        primary(&self.request, changes, self.owner()).map(Change::id)
    }

    /// The id of the account or user whose log it is in.
    pub fn owner(&self) -> &str {
        owner(&self.mark.stream)
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

fn level(stream: &str) -> Level {
    let stream = stream.strip_prefix(runtime::audit::EVENTS).unwrap_or(stream);
    match stream.split('/').next() {
        Some("account") => Level::Account,
        Some("user") => Level::User,
        Some(_) | None => Level::Server,
    }
}

/// What a record says of what it is about.
struct Facts {
    action: Action,
    kind: Kind,
    resource: Box<str>,
    zone: Option<Zone>,
    status: u16,
}

impl Facts {
    fn about(action: Action, kind: Kind, status: u16) -> Facts {
        Facts { action, kind, resource: "".into(), zone: None, status }
    }
}

fn of_changes(request: &Request, changes: &[Change], record: &Record) -> Facts {
    let owner = owner(&record.stream);
    let Some(change) = primary(request, changes, owner) else { return Facts::about(Action::Update, Kind::LOG, 200) };
    let id = change.id();
    let action = match (&*request.method, change) {
        ("", Change::Delete(_)) => Action::Delete,
        // Without a request, that is by the server or its operator: the first commit of a log makes its owner.
        ("", Change::Put(_)) if record.revision == 1 => Action::Create,
        ("", Change::Put(_)) => Action::Update,
        (method, _) => of_method(method, &request.path),
    };
    let zone = zone_of(&id).map(|zone| Zone { id: zone, name: named(change) });
    Facts { action, kind: Kind::of_document(&id), resource: resource_id(&id, owner), zone, status: 200 }
}

fn of_refused(request: &Request, refused: &Refused) -> Facts {
    let resource = refused.resource.clone().unwrap_or_default();
    let kind = Kind::of_route(&refused.route);
    let is_zone = kind.name == "zone" && !resource.is_empty();
    let zone = is_zone.then(|| Zone { id: resource.clone(), name: None });
    Facts { action: of_method(&request.method, &request.path), kind, resource, zone, status: refused.status }
}

/// A POST that is not to a list changes what is there.
fn of_method(method: &str, path: &str) -> Action {
    const CHANGING: [&str; 7] =
        ["/revert", "/begin_verification", "/resend", "/redeem", "/accept", "/reject", "/restore"];
    match method {
        "DELETE" => Action::Delete,
        "POST" if !CHANGING.iter().any(|end| path.ends_with(end)) => Action::Create,
        "POST" | "PUT" | "PATCH" => Action::Update,
        _ => Action::View,
    }
}

/// The change that the commit is about: of what the path names last, or else the first one.
fn primary<'a>(request: &Request, changes: &'a [Change], owner: &str) -> Option<&'a Change> {
    if changes.len() < 2 {
        return changes.first();
    }
    let ids = request.path.rsplit('/').filter(|segment| segment.len() == 32);
    let mut named = ids.filter_map(|id| changes.iter().find(|change| *resource_id(&change.id(), owner) == *id));
    named.next().or_else(|| changes.first())
}

fn owner(stream: &str) -> &str {
    stream.rsplit('/').next().unwrap_or_default()
}

/// The id of a document, as in `resource.id`. Of a member's place in a group it is the member's.
pub fn resource_id(id: &DocumentId, owner: &str) -> Box<str> {
    match id {
        DocumentId::Account | DocumentId::User => owner.into(),
        DocumentId::Member(id) => id.to_string().into(),
        DocumentId::UserGroup(id) => id.to_string().into(),
        DocumentId::GroupMember(_, member) => member.to_string().into(),
        DocumentId::ResourceGroup(id) => id.to_string().into(),
        DocumentId::Resource(key) => zone_of(id).unwrap_or_else(|| key.clone()),
        DocumentId::RemovedResource(key) => key.clone(),
        DocumentId::Token(id) => id.to_string().into(),
        DocumentId::SsoConnector(id) => id.to_string().into(),
    }
}

fn zone_of(id: &DocumentId) -> Option<Box<str>> {
    match id {
        DocumentId::Resource(key) => key.strip_prefix(ZONE_KEY).map(Box::from),
        _ => None,
    }
}

fn named(change: &Change) -> Option<Box<str>> {
    match change {
        Change::Put(Document::Resource(resource)) => Some(resource.name.clone()),
        Change::Put(_) | Change::Delete(_) => None,
    }
}
