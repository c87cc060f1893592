//! Claims: what a document makes known, or takes, beyond its own stream: the digest of a credential, the address of a
//! user, the accounts of a user, a resource's key, the domain of an enabled connector. They are a function of the
//! documents, and are written in the same transaction as the commit.

use crate::change::{Change, Document, DocumentId};
use crate::ids::StreamId;
use crate::members::Standing;

/// A key of one kind that one stream holds at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// See the constants of this module.
    pub kind: &'static str,
    /// The unique key.
    pub key: String,
    /// Which document of the stream holds it.
    pub id: String,
}

/// Digest of a secret (hex) → the token, or [`API_KEY_ID`], that it opens.
pub const CREDENTIAL: &str = "credential";
/// The id of a claim that stands for a user's Global API Key.
pub const API_KEY_ID: &str = "api_key";
/// Folded e-mail address → user.
pub const EMAIL: &str = "email";
/// `<user>/<account>` → member.
pub const MEMBERSHIP: &str = "membership";
/// `<folded address>/<account>` → a member who has not accepted.
pub const INVITATION: &str = "invitation";
/// Full key of a registered resource → the account's stream.
pub const RESOURCE: &str = "resource";
/// Domain of an enabled connector → connector: one in all accounts (D61).
pub const SSO_DOMAIN: &str = "sso_domain";

/// What one document claims.
pub fn of(stream: StreamId, document: &Document) -> Vec<Claim> {
    let claim = |kind, key: String, id: String| Claim { kind, key, id };
    match document {
        Document::Member(member) => match (member.standing, stream) {
            (Standing::Accepted { user, .. }, StreamId::Account(account)) => {
                vec![claim(MEMBERSHIP, format!("{user}/{account}"), member.id.to_string())]
            }
            (Standing::Pending { .. } | Standing::Rejected { .. }, StreamId::Account(account)) => {
                vec![claim(INVITATION, format!("{}/{account}", member.email.key().as_str()), member.id.to_string())]
            }
            (Standing::Accepted { .. } | Standing::Pending { .. } | Standing::Rejected { .. }, _) => vec![],
        },
        Document::Resource(resource) => vec![claim(RESOURCE, resource.key.to_string(), resource.key.to_string())],
        // No other account may have it either.
        Document::RemovedResource(removed) => {
            vec![claim(RESOURCE, removed.key.to_string(), removed.key.to_string())]
        }
        Document::Token(token) => {
            let digest = token.digest.map(|digest| claim(CREDENTIAL, digest.to_string(), token.id.to_string()));
            digest.into_iter().collect()
        }
        Document::SsoConnector(connector) if connector.enabled => {
            vec![claim(SSO_DOMAIN, connector.email_domain.to_string(), connector.id.to_string())]
        }
        Document::User(user) => {
            let email = claim(EMAIL, user.email.key().as_str().to_owned(), user.id.to_string());
            let key = user.api_key.map(|digest| claim(CREDENTIAL, digest.to_string(), API_KEY_ID.to_owned()));
            [email].into_iter().chain(key).collect()
        }
        Document::Account(_) | Document::UserGroup(_) | Document::GroupMember(_) | Document::ResourceGroup(_) => vec![],
        Document::SsoConnector(_) => vec![],
    }
}

/// The claims that changes take and release. `before` gives a document as it was before the changes.
pub fn of_changes(
    stream: StreamId,
    changes: &[Change],
    before: impl Fn(&DocumentId) -> Option<Document>,
) -> (Vec<Claim>, Vec<Claim>) {
    let (mut taken, mut released) = (Vec::new(), Vec::new());
    for change in changes {
        let old = before(&change.id()).map(|document| of(stream, &document)).unwrap_or_default();
        let new = match change {
            Change::Put(document) => of(stream, document),
            Change::Delete(_) => vec![],
        };
        released.extend(old.iter().filter(|claim| !new.contains(claim)).cloned());
        taken.extend(new.into_iter().filter(|claim| !old.contains(claim)));
    }
    (taken, released)
}
