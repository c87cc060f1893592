//! What a question is about.

use catalog::{Catalog, Id, ResourceType, ResourceTypeIndex};
use model::ids::{AccountId, ZoneId};
use model::resource_groups::ACCOUNT_KEY;

use crate::Account;
use crate::target::Target;

/// The type of that word: its short name, such as `zone`, or its key, such as `com.cloudflare.api.account.zone`.
pub fn type_named<'a>(catalog: &'a Catalog, word: &str) -> Option<&'a ResourceType> {
    catalog.resource_type_by_name(word).or_else(|| catalog.resource_type_by_key(word))
}

/// Writes the key of a resource of that type over what `key` holds. `id` is its id, or its key already.
pub fn write_key(kind: &ResourceType, id: &str, key: &mut String) {
    key.clear();
    key.push_str(&kind.key);
    key.push('.');
    key.push_str(id_of(kind, id));
}

/// The id of a resource of that type, given by its id, or by its key.
fn id_of<'a>(kind: &ResourceType, id: &'a str) -> &'a str {
    id.strip_prefix(&*kind.key).and_then(|rest| rest.strip_prefix('.')).unwrap_or(id)
}

/// The account that a key names, if it is the key of one.
pub fn account_of_key(key: &str) -> Option<AccountId> {
    key.strip_prefix(ACCOUNT_KEY)?.parse().ok()
}

impl Account {
    /// The account itself or the registered resource of that key; `None` if the account has no such resource, so that
    /// nothing is granted on it.
    pub fn target(&self, key: &str) -> Option<Target> {
        if account_of_key(key) == Some(self.account_id()) {
            return Some(Target::ACCOUNT);
        }
        self.resource(key)
    }

    /// The account itself or the registered resource of that type, by its id or its key.
    pub fn target_of(&self, kind: &ResourceType, id: &str) -> Option<Target> {
        let id = id_of(kind, id);
        match kind.index {
            ResourceTypeIndex::ACCOUNT => {
                let is_it = id.parse().is_ok_and(|id: AccountId| id == self.account_id());
                is_it.then_some(Target::ACCOUNT)
            }
            ResourceTypeIndex::ZONE => self.zone(ZoneId(id.parse::<Id>().ok()?)),
            // A shorter type key may begin a longer one, so the type is compared too.
            _ => self.resource(&format!("{}.{id}", kind.key)).filter(|target| target.kind == kind.index),
        }
    }
}
