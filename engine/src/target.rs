//! What a decision is about: the account itself, or a registered resource in it, with its ancestors.

use catalog::{Catalog, ResourceTypeIndex};
use model::account_state::AccountState;
use model::resource_groups::Scope;
use model::tokens::TokenResource;

/// How many resources may lie in each other below an account.
const DEEPEST: usize = 8;

/// The account, or a resource in it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its type.
    pub kind: ResourceTypeIndex,
    /// The key of the resource and of those it lies in, innermost first; empty for the account.
    keys: [&'a str; DEEPEST],
    depth: usize,
    /// The key of the resource's type.
    type_key: &'a str,
}

impl<'a> Target<'a> {
    /// The account itself.
    pub fn account(catalog: &'a Catalog) -> Target<'a> {
        let kind = ResourceTypeIndex::ACCOUNT;
        Target { kind, keys: [""; DEEPEST], depth: 0, type_key: &catalog.resource_type(kind).key }
    }

    /// The registered resource of that key; `None` if the account has none, so that nothing is granted on it (D26), nor on
    /// one that lies in itself or too deep, since a deny further up would not be seen (D8).
    pub fn resource(catalog: &'a Catalog, state: &'a AccountState, key: &str) -> Option<Target<'a>> {
        let mut resource = state.find_resource(key)?;
        let kind = catalog.parse_key(&resource.key).ok()?.kind;
        let mut target = Target { kind, keys: [""; DEEPEST], depth: 0, type_key: &catalog.resource_type(kind).key };
        loop {
            target.keys[target.depth] = &resource.key;
            target.depth += 1;
            match resource.parent.as_deref().and_then(|parent| state.find_resource(parent)) {
                Some(parent) if target.depth < DEEPEST => resource = parent,
                Some(_) => return None,
                None => return Some(target),
            }
        }
    }

    /// Whether the target is the resource of that key, or lies in it.
    pub(crate) fn lies_in(&self, key: &str) -> bool {
        self.keys[..self.depth].contains(&key)
    }

    /// Whether this one key covers the target: it is the target's or an ancestor's, or the wildcard of the target's
    /// type (D10). No key that is listed inside an account covers the account itself.
    fn is_covered_by(&self, key: &str) -> bool {
        let wildcard = self.depth > 0 && key.strip_suffix(".*").is_some_and(|kind| kind == self.type_key);
        wildcard || self.lies_in(key)
    }

    /// Whether a scope of a member's or group's policy covers the target.
    pub fn is_in_scope(&self, state: &AccountState, scope: &Scope) -> bool {
        scope.is_of(state.account_id())
            && match scope.objects() {
                None => true,
                Some(objects) => objects.iter().any(|object| self.is_covered_by(object)),
            }
    }

    /// Whether a resource of a token's policy covers the target.
    pub fn is_in_token_resource(&self, account_key: &str, key: &str, resource: &TokenResource) -> bool {
        let is_account = key == account_key || key == ANY_ACCOUNT;
        match resource {
            TokenResource::Everything(_) => is_account || self.is_covered_by(key),
            TokenResource::Within(inner) => is_account && inner.keys().any(|key| self.is_covered_by(key)),
        }
    }
}

/// The key of every account that a token's owner can reach.
pub const ANY_ACCOUNT: &str = "com.cloudflare.api.account.*";
