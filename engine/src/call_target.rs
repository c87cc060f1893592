//! What a call of the API is about, in one account: from what its path tells to what a decision can be asked on.

use catalog::{CallResource, ResourceTypeIndex};
use model::account_state::AccountState;

use crate::Engine;

/// What a call is about, in one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallTarget {
    /// The account itself.
    Account,
    /// The registered resource of this key.
    Resource(Box<str>),
    /// All resources of this type in the account, present and future.
    All(ResourceTypeIndex),
    /// The caller itself, whatever the account.
    Caller,
    /// Another account, by the text that the path has for its id.
    OtherAccount(Box<str>),
    /// A zone that the account does not have, by its key.
    Unregistered(Box<str>),
}

impl Engine {
    /// Where in the account a call lands. A zone must be registered, or no policy can reach it (D26). Of any other type
    /// one need not be: then no policy names it, and the account decides. A resource is looked up by its key, and by its
    /// name if no key fits, since some paths have names where keys have ids.
    pub fn call_target(&self, state: &AccountState, resource: &CallResource) -> CallTarget {
        let own = state.account_id().to_string();
        if let Some(other) = resource.account.as_ref().filter(|account| ***account != *own) {
            return CallTarget::OtherAccount(other.clone());
        }
        match (resource.kind, resource.key(self.catalog())) {
            (ResourceTypeIndex::ACCOUNT, _) => CallTarget::Account,
            (ResourceTypeIndex::USER, _) => CallTarget::Caller,
            (kind, None) => CallTarget::All(kind),
            (ResourceTypeIndex::ZONE, Some(key)) => match state.find_resource(&key) {
                Some(zone) => CallTarget::Resource(zone.key.clone()),
                None => CallTarget::Unregistered(key.into()),
            },
            (kind, Some(key)) => {
                let is_kind = |key: &str| self.catalog().parse_key(key).is_ok_and(|parsed| parsed.kind == kind);
                let mut named = state.resources().filter(|one| Some(&one.name) == resource.id.as_ref());
                let found = state.find_resource(&key).or_else(|| named.find(|one| is_kind(&one.key)));
                found.map_or(CallTarget::Account, |found| CallTarget::Resource(found.key.clone()))
            }
        }
    }
}
