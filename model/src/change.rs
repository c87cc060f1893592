//! Changes: a commit is a list of them, and each one puts or deletes a whole document. One shape to store, compare,
//! undo and audit.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounts::Account;
use crate::ids::{MemberId, ResourceGroupId, SsoConnectorId, TokenId, UserGroupId};
use crate::members::Member;
use crate::resource_groups::ResourceGroup;
use crate::resources::{RemovedResource, Resource};
use crate::sso_connectors::SsoConnector;
use crate::tokens::Token;
use crate::user_group_members::GroupMember;
use crate::user_groups::UserGroup;
use crate::users::User;

/// The version of the documents' shape that this program writes. Older ones are upgraded when they are read.
pub const SCHEMA_VERSION: u32 = 1;

/// One document of an account or a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// The account itself.
    Account(Arc<Account>),
    /// A membership.
    Member(Arc<Member>),
    /// A user group.
    UserGroup(Arc<UserGroup>),
    /// A member's place in a user group.
    GroupMember(GroupMember),
    /// A resource group.
    ResourceGroup(Arc<ResourceGroup>),
    /// A zone or another registered resource.
    Resource(Arc<Resource>),
    /// That a resource of that key was there once.
    RemovedResource(Arc<RemovedResource>),
    /// An API token.
    Token(Arc<Token>),
    /// An SSO connector.
    SsoConnector(Arc<SsoConnector>),
    /// The user itself, in a user's stream.
    User(Arc<User>),
}

/// Which document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentId {
    /// The account itself.
    Account,
    /// A membership.
    Member(MemberId),
    /// A user group.
    UserGroup(UserGroupId),
    /// A member's place in a user group.
    GroupMember(UserGroupId, MemberId),
    /// A resource group.
    ResourceGroup(ResourceGroupId),
    /// A registered resource, by its key.
    Resource(Box<str>),
    /// That a resource of that key was there once.
    RemovedResource(Box<str>),
    /// An API token.
    Token(TokenId),
    /// An SSO connector.
    SsoConnector(SsoConnectorId),
    /// The user itself.
    User,
}

impl Document {
    /// Which document this is.
    pub fn id(&self) -> DocumentId {
        match self {
            Document::Account(_) => DocumentId::Account,
            Document::Member(member) => DocumentId::Member(member.id),
            Document::UserGroup(group) => DocumentId::UserGroup(group.id),
            Document::GroupMember(place) => DocumentId::GroupMember(place.group, place.member),
            Document::ResourceGroup(group) => DocumentId::ResourceGroup(group.id),
            Document::Resource(resource) => DocumentId::Resource(resource.key.clone()),
            Document::RemovedResource(removed) => DocumentId::RemovedResource(removed.key.clone()),
            Document::Token(token) => DocumentId::Token(token.id),
            Document::SsoConnector(connector) => DocumentId::SsoConnector(connector.id),
            Document::User(_) => DocumentId::User,
        }
    }
}

/// As `user_group/<id>`: the kind as in the log, and what tells it from others of its kind. The store keeps these names, so they stay as
/// they are.
impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentId::Account => f.write_str("account"),
            DocumentId::Member(id) => write!(f, "member/{id}"),
            DocumentId::UserGroup(id) => write!(f, "user_group/{id}"),
            DocumentId::GroupMember(group, member) => write!(f, "group_member/{group}/{member}"),
            DocumentId::ResourceGroup(id) => write!(f, "resource_group/{id}"),
            DocumentId::Resource(key) => write!(f, "resource/{key}"),
            DocumentId::RemovedResource(key) => write!(f, "removed_resource/{key}"),
            DocumentId::Token(id) => write!(f, "token/{id}"),
            DocumentId::SsoConnector(id) => write!(f, "sso_connector/{id}"),
            DocumentId::User => f.write_str("user"),
        }
    }
}

/// The text names no document: a kind such as `user_group`, and an id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a document, such as `account` or `user_group/` and 32 hex digits")]
pub struct NotADocument(String);

impl FromStr for DocumentId {
    type Err = NotADocument;

    fn from_str(text: &str) -> Result<DocumentId, NotADocument> {
        let (kind, id) = text.split_once('/').map_or((text, None), |(kind, id)| (kind, Some(id)));
        let document = match (kind, id) {
            ("account", None) => Some(DocumentId::Account),
            ("user", None) => Some(DocumentId::User),
            ("member", Some(id)) => id.parse().ok().map(DocumentId::Member),
            ("user_group", Some(id)) => id.parse().ok().map(DocumentId::UserGroup),
            ("group_member", Some(ids)) => ids
                .split_once('/')
                .and_then(|(group, member)| Some(DocumentId::GroupMember(group.parse().ok()?, member.parse().ok()?))),
            ("resource_group", Some(id)) => id.parse().ok().map(DocumentId::ResourceGroup),
            ("resource", Some(key)) => Some(DocumentId::Resource(key.into())),
            ("removed_resource", Some(key)) => Some(DocumentId::RemovedResource(key.into())),
            ("token", Some(id)) => id.parse().ok().map(DocumentId::Token),
            ("sso_connector", Some(id)) => id.parse().ok().map(DocumentId::SsoConnector),
            _ => None,
        };
        document.ok_or_else(|| NotADocument(text.to_owned()))
    }
}

/// One step of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The document is now this.
    Put(Document),
    /// The document is gone.
    Delete(DocumentId),
}

impl Change {
    /// The document is now this.
    pub fn put(document: Document) -> Change {
        Change::Put(document)
    }

    /// Which document changes.
    pub fn id(&self) -> DocumentId {
        match self {
            Change::Put(document) => document.id(),
            Change::Delete(id) => id.clone(),
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    changes: &'a [Change],
}

#[derive(Deserialize)]
struct Read {
    changes: Vec<Change>,
}

/// The text of a commit's changes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not the JSON that this program writes.
    #[error("the changes cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("the changes have version {found}, this program knows {known}: use a newer portcullis")]
    Newer {
        /// The version in the log.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
}

/// The changes as the log keeps them.
pub fn write(changes: &[Change]) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Written { v: SCHEMA_VERSION, changes })
}

/// Reads what [`write()`] wrote, in this or an earlier version.
///
/// # Errors
/// [`ReadError`] on damaged text or a newer version.
pub fn read(text: &str) -> Result<Vec<Change>, ReadError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let Version { v } = serde_json::from_str(text)?;
    match v {
        SCHEMA_VERSION => Ok(serde_json::from_str::<Read>(text)?.changes),
        found if found > SCHEMA_VERSION => Err(ReadError::Newer { found, known: SCHEMA_VERSION }),
        older => Ok(serde_json::from_value::<Read>(upgrade(older, serde_json::from_str(text)?))?.changes),
    }
}

/// Brings changes of an earlier version to the shape of today, one version at a time. Version 1 is the first, so there
/// is nothing to do yet; the golden logs in the tests keep every version ever written readable.
fn upgrade(_from: u32, changes: serde_json::Value) -> serde_json::Value {
    changes
}
