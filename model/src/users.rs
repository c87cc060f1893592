//! Users: persons, each known by one e-mail address, with their keys and tokens in a stream of their own.

use std::sync::Arc;

use imbl::OrdMap;

use crate::change::{Change, Document, DocumentId};
use crate::ids::{Revision, TokenId, UserId};
use crate::names::Email;
use crate::problem::{FaultKind, Faults, Problem};
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
    /// What the person says of itself to nobody else.
    #[serde(default, skip_serializing_if = "Contact::is_empty")]
    pub contact: Contact,
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

/// What a person says of itself to nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contact {
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Box<str>>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<Box<str>>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zipcode: Option<Box<str>>,
}

impl Contact {
    fn is_empty(&self) -> bool {
        *self == Contact::default()
    }
}

/// What a person changes about itself: absent is unchanged, `None` inside clears.
#[derive(Clone, Debug, Default)]
pub struct UserUpdate {
    /// At most 60 characters.
    pub first_name: Option<Option<String>>,
    /// At most 60 characters.
    pub last_name: Option<Option<String>>,
    /// At most 30 characters.
    pub country: Option<Option<String>>,
    /// At most 20 characters.
    pub telephone: Option<Option<String>>,
    /// At most 20 characters.
    pub zipcode: Option<Option<String>>,
}

/// Changes what a person says of itself.
///
/// # Errors
/// Every text that is too long or has control characters.
pub fn update(state: &UserState, update: &UserUpdate) -> Result<(Vec<Change>, ()), Problem> {
    let user = get(state)?;
    let mut next = User::clone(user);
    let mut faults = Faults::new();
    let fields = [
        ("first_name", 60, &update.first_name, &mut next.profile.first_name),
        ("last_name", 60, &update.last_name, &mut next.profile.last_name),
        ("country", 30, &update.country, &mut next.contact.country),
        ("telephone", 20, &update.telephone, &mut next.contact.telephone),
        ("zipcode", 20, &update.zipcode, &mut next.contact.zipcode),
    ];
    for (name, most, given, field) in fields {
        let Some(given) = given else { continue };
        let text = given.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > most) {
            faults.push(FaultKind::Invalid, format!("/{name}"), format!("{name} must have at most {most} characters"));
        }
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            faults.push(FaultKind::Invalid, format!("/{name}"), format!("{name} must not have control characters"));
        }
        *field = text.map(Box::from);
    }
    faults.finish()?;
    if next == **user {
        return Ok((vec![], ()));
    }
    Ok((vec![Change::put(Document::User(next.into()))], ()))
}

/// Notes that the address is known to be the person's own.
///
/// # Errors
/// No such user.
pub fn verify_email(state: &UserState) -> Result<(Vec<Change>, ()), Problem> {
    let user = get(state)?;
    if user.email_verified {
        return Ok((vec![], ()));
    }
    Ok((vec![Change::put(Document::User(User { email_verified: true, ..User::clone(user) }.into()))], ()))
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

/// Keeps a user from using anything.
///
/// # Errors
/// No such user.
pub fn disable(state: &UserState) -> Result<(Vec<Change>, ()), Problem> {
    let user = get(state)?;
    if !user.enabled {
        return Ok((vec![], ()));
    }
    Ok((vec![Change::put(Document::User(User { enabled: false, ..User::clone(user) }.into()))], ()))
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
