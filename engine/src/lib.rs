//! Who may do what. Given an account at one revision, a principal, the permissions that would suffice and a target,
//! the engine decides; the same index gives the evidence. The invariants that speak of permissions are here too: a
//! super administrator remains (D19), nobody grants more than they hold (D15 to D17).
//!
//! ```text
//! allowed = (allow & !deny) & accepted ≠ 0        deny always wins; nothing matched is a deny
//! ```
//!
//! An [`Account`] is a state and its index. A decision reads the index: it allocates nothing and takes no lock.
//!
//! By itself, with what the operations of `model` make or what you loaded from anywhere:
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use catalog::Catalog;
//! use portcullis_engine::question::Circumstances;
//! use portcullis_engine::question::action::Named;
//! use portcullis_engine::question::subject::SubjectKind;
//! use portcullis_engine::{Account, Engine};
//! use model::accounts::{self, NewAccount};
//! use model::ids::{AccountId, Id, UserId};
//! use model::names::Email;
//! use model::resource_groups::account_key;
//! use model::rules::{Environment, Rules};
//! use model::time::Timestamp;
//! use model::users::{Profile, User};
//!
//! let engine = Engine::new(Arc::new(Catalog::builtin()));
//! let ada = User {
//!     id: UserId(Id::derived("ada")),
//!     email: Email::parse("ada@example.com", "/email")?,
//!     email_verified: true,
//!     enabled: true,
//!     operator: false,
//!     profile: Profile::default(),
//!     api_key: None,
//!     created_on: Timestamp::from_micros(0),
//!     contact: Default::default(),
//! };
//! // An operation is a pure function to changes; the time and the source of ids are yours.
//! let (rules, number) = (Rules::default(), AtomicU32::new(0));
//! let ids = || Id::derived(&number.fetch_add(1, Ordering::Relaxed).to_string());
//! let environment = Environment { catalog: engine.catalog(), rules: &rules, now: ada.created_on, ids: &ids };
//! let new = NewAccount { name: "Example".to_owned(), kind: None };
//! let (changes, _) = accounts::create(&environment, &new, AccountId(Id::derived("account")), &ada)?;
//! let account = Account::new(&engine).after(&changes)?;
//!
//! // Whoever makes an account may do everything in it.
//! let subject = engine.find_subject(&account, SubjectKind::User, "ada@example.com");
//! let action = Named::of(engine.catalog(), "Account Settings Write").ok_or("no such action")?.action;
//! let target = account.target(&account_key(account.account_id()));
//! let decision = engine.answer(&account, subject.as_ref(), &action, target.as_ref(), &Circumstances::default());
//! assert!(decision.allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The other questions: [`explain`] (why, why not, and what would change it), [`Engine::effective`], [`search`] (who, on what,
//! what), [`diff`] (what a change would change), [`spans`] (since when and until when), [`least_privilege`].

pub mod account;
pub mod call_target;
mod counted;
pub mod decide;
pub mod diff;
pub mod explain;
#[cfg(feature = "follower")]
pub mod follower;
mod index;
pub mod invariants;
mod kinds;
pub mod least_privilege;
#[cfg(feature = "offline")]
pub mod offline;
pub mod oracle;
pub mod permit;
pub mod principal;
pub mod question;
pub mod rights;
pub mod search;
pub mod spans;
mod statement;
pub mod target;
pub mod user_permit;

use std::sync::Arc;

use catalog::{Catalog, Id, PermissionSet, ResourceTypeIndex};

pub use crate::account::Account;
use crate::index::Interner;
use crate::kinds::Kinds;

/// The decision function over one catalogue. Clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Arc<Catalog>,
    kinds: Kinds,
    everything: PermissionSet,
    administration: Administration,
    interner: Interner,
}

/// The permissions that administration of accounts turns on.
#[derive(Clone, Copy)]
pub(crate) struct Administration {
    /// `Account Settings Write`: may manage members, groups and policies (D17).
    pub(crate) manage: PermissionSet,
    /// The IAM permission group `all_privileges`.
    pub(crate) all_privileges: Option<Id>,
}

impl Engine {
    /// Prepares decisions over a catalogue.
    pub fn new(catalog: Arc<Catalog>) -> Engine {
        let manage = catalog.permissions_named("Account Settings Write").map(|permission| permission.index).collect();
        let all_privileges = catalog.iam_groups().iter().find(|group| group.is_all_privileges).map(|group| group.id);
        let shared = Shared {
            kinds: Kinds::of(&catalog),
            everything: catalog.permissions().iter().map(|permission| permission.index).collect(),
            administration: Administration { manage, all_privileges },
            interner: Interner::default(),
            catalog,
        };
        Engine { shared: Arc::new(shared) }
    }

    /// The catalogue that is decided over.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// The catalogue, to keep.
    pub fn shared_catalog(&self) -> &Arc<Catalog> {
        &self.shared.catalog
    }

    /// The permission groups whose holders a state must keep track of, for
    /// [`model::account_state::AccountState::new`].
    pub fn watched(&self) -> impl Iterator<Item = Id> + use<> {
        self.administration().all_privileges.into_iter()
    }

    /// The permissions that can apply to a resource of that type.
    pub fn applicable(&self, kind: ResourceTypeIndex) -> &PermissionSet {
        self.kinds().applicable(kind)
    }

    /// Every permission there is.
    pub(crate) fn everything(&self) -> &PermissionSet {
        &self.shared.everything
    }

    pub(crate) fn kinds(&self) -> &Kinds {
        &self.shared.kinds
    }

    pub(crate) fn administration(&self) -> &Administration {
        &self.shared.administration
    }

    pub(crate) fn interner(&self) -> &Interner {
        &self.shared.interner
    }
}
