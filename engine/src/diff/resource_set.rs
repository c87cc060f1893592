//! A set of resources, told as shortly as it can be told exactly.

use std::collections::BTreeMap;

use catalog::{PermissionIndex, PermissionSet, ResourceTypeIndex};

use super::regions::Region;

/// A set of resources of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceSet {
    /// The account itself.
    pub account: bool,
    /// All resources of these types, now and later, but for the excepted ones (sorted).
    pub all_of: Vec<(ResourceTypeIndex, Vec<Box<str>>)>,
    /// Single resources by key, of other types than those above; sorted.
    pub keys: Vec<Box<str>>,
}

/// What was gained, or what was lost: the permissions at each place.
#[derive(Default)]
pub(super) struct Shifted {
    account: PermissionSet,
    by_kind: Vec<(ResourceTypeIndex, PermissionSet)>,
    by_key: BTreeMap<Box<str>, (ResourceTypeIndex, PermissionSet)>,
}

impl Shifted {
    pub(super) fn note(&mut self, region: &Region, permissions: PermissionSet) {
        let Some(kind) = region.kind().filter(|_| !permissions.is_empty()) else { return };
        match &region.key {
            Some(key) => _ = self.by_key.insert(key.clone(), (kind, permissions)),
            None if region.is_account() => self.account = permissions,
            None => self.by_kind.push((kind, permissions)),
        }
    }

    /// For each set of resources the permissions that shifted on just these. `compared` are the single resources that
    /// were looked at; all others of a type are as that type is.
    pub(super) fn into_rows(self, compared: &[&Region]) -> BTreeMap<ResourceSet, PermissionSet> {
        let everywhere = self.by_kind.iter().fold(self.account, |set, (_, more)| set | *more);
        let all = self.by_key.values().fold(everywhere, |set, (_, more)| set | *more);
        let mut rows: BTreeMap<ResourceSet, PermissionSet> = BTreeMap::new();
        for permission in all.iter() {
            rows.entry(self.resources_of(permission, compared)).or_default().insert(permission);
        }
        rows
    }

    fn resources_of(&self, permission: PermissionIndex, compared: &[&Region]) -> ResourceSet {
        let shifts_at = |key: &str| self.by_key.get(key).is_some_and(|(_, set)| set.contains(permission));
        let everywhere = self.by_kind.iter().filter(|(_, set)| set.contains(permission));
        let all_of: Vec<_> = everywhere
            .map(|(kind, _)| {
                let others = compared.iter().filter(|region| region.kind() == Some(*kind));
                let others = others.filter_map(|region| region.key.as_deref()).filter(|key| !shifts_at(key));
                let mut others: Vec<Box<str>> = others.map(Box::from).collect();
                others.sort_unstable();
                others.dedup();
                (*kind, others)
            })
            .collect();
        let single = self
            .by_key
            .iter()
            .filter(|(_, (kind, set))| set.contains(permission) && !all_of.iter().any(|(other, _)| other == kind));
        let keys = single.map(|(key, _)| key.clone()).collect();
        ResourceSet { account: self.account.contains(permission), all_of, keys }
    }
}
