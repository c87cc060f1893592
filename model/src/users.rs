//! Users: persons, each known by one e-mail address, with their keys and tokens in a stream of their own.

use std::sync::Arc;

use imbl::OrdMap;

use crate::change::{Change, Document, DocumentId};
use crate::ids::{Revision, TokenId, UserId};
use crate::names::Email;
use crate::problem::{FaultKind, Problem};
use crate::time::Timestamp;
use crate::tokens::{Digest, Token};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The one address, compared without regard to case.
    pub email: Email,
    /// Whether the address is known to be the person's own. Needed for administration of members (section 2.4).
    pub email_verified: bool,
    /// A disabled user's credentials are refused.
    pub enabled: bool,
    /// May create accounts, as the user that `init` makes.
    pub operator: bool,
    /// What the person says of itself.
    pub profile: Profile,
    /// The digest of the Global API Key (D45).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Digest>,
    /// When it was made.
    pub created_on: Timestamp,
}

/// What a person says of itself; copied onto memberships, so that an account answers from its own state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Box<str>>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Box<str>>,
    /// Whether a second factor is set up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub two_factor: bool,
}

/// Sets or takes away the Global API Key (D45): a user has one, or none.
///
/// # Errors
/// No such user; a key for an address that is not verified.
pub fn set_api_key(state: &UserState, api_key: Option<Digest>) -> Result<(Vec<Change>, ()), Problem> {
    let user = get(state)?;
    if api_key.is_some() && !user.email_verified {
        let message = "a Global API Key needs a verified e-mail address";
        return Err(Problem::new(FaultKind::Invalid, message));
    }
    if user.api_key == api_key {
        return Ok((vec![], ()));
    }
    Ok((vec![Change::put(Document::User(User { api_key, ..User::clone(user) }.into()))], ()))
}

/// The user itself.
///
/// # Errors
/// [`FaultKind::NotFound`] before the first commit.
pub fn get(state: &UserState) -> Result<&Arc<User>, Problem> {
    state.user.as_ref().ok_or_else(|| Problem::new(FaultKind::NotFound, "user not found"))
}

/// A user at one revision.
#[derive(Clone, Debug, Default)]
pub struct UserState {
    /// The revision that this state is.
    pub revision: Revision,
    /// The user; absent before the first commit.
    pub user: Option<Arc<User>>,
    /// The user's API tokens.
    pub tokens: OrdMap<TokenId, Arc<Token>>,
}

impl UserState {
    /// Applies one change. Documents of accounts do not belong here.
    ///
    /// # Errors
    /// [`crate::account_state::Malformed`] for a document that a user does not have.
    pub fn apply(&mut self, change: &Change) -> Result<(), crate::account_state::Malformed> {
        match change {
            Change::Put(Document::User(user)) => self.user = Some(user.clone()),
            Change::Put(Document::Token(token)) => {
                self.tokens.insert(token.id, token.clone());
            }
            Change::Delete(DocumentId::User) => self.user = None,
            Change::Delete(DocumentId::Token(id)) => {
                self.tokens.remove(id);
            }
            other => return Err(crate::account_state::Malformed::Misplaced(other.id())),
        }
        Ok(())
    }

    /// Every document, in an order in which they can be applied.
    pub fn documents(&self) -> impl Iterator<Item = Document> + '_ {
        let user = self.user.iter().cloned().map(Document::User);
        user.chain(self.tokens.values().cloned().map(Document::Token))
    }
}
