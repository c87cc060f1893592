//! What follows from the whole catalogue, and so is computed again whenever something was added.

use std::collections::BTreeMap;

use crate::permission::{Access, Family};
use crate::{Catalog, PermissionSet, ResourceTypeIndex, legacy};

/// Computes families, bundles, flags and the sorted lists.
pub(crate) fn derive(catalog: &mut Catalog) {
    let for_policies = catalog.permissions.iter().filter(|one| one.scope != ResourceTypeIndex::USER);
    catalog.all_privileges = for_policies.map(|one| one.index).collect();
    catalog.families = families(catalog);
    expand(catalog);
    sort(catalog);
    roles(catalog);
}

/// Makes permissions findable by id and by name; the next steps of adding rely on it.
pub(crate) fn sort_permissions(catalog: &mut Catalog) {
    // Ids have one row each; names have one per scope, and aliases have rows of their own.
    let known = catalog.permission_ids.len();
    for permission in &catalog.permissions[known..] {
        catalog.permission_ids.push((permission.id, permission.index));
        catalog.permission_names.push((permission.name.clone(), permission.index));
    }
    catalog.permission_ids.sort_unstable();
    catalog.permission_names.sort_unstable();
}

/// Only families with both a read and a write: in the others there is nothing for D6 to say.
fn families(catalog: &Catalog) -> Vec<Family> {
    let mut families = BTreeMap::new();
    for permission in &catalog.permissions {
        let none = Family { reads: PermissionSet::EMPTY, writes: PermissionSet::EMPTY };
        let family = families.entry((permission.scope, &permission.family)).or_insert(none);
        match permission.access {
            Access::Read => family.reads.insert(permission.index),
            Access::Write => family.writes.insert(permission.index),
            Access::Other => (),
        }
    }
    families.into_values().filter(|family| !family.reads.is_empty() && !family.writes.is_empty()).collect()
}

fn expand(catalog: &mut Catalog) {
    let mut expansions = BTreeMap::new();
    for rule in &catalog.rules {
        *expansions.entry(rule.group.clone()).or_insert(PermissionSet::EMPTY) |= rule.expand(catalog);
    }
    for at in 0..catalog.groups.len() {
        let set = expansions.get(&catalog.groups[at].label).copied().unwrap_or_default();
        catalog.groups[at].allows = catalog.allow_closure(set);
        catalog.groups[at].denies = catalog.deny_closure(set);
    }
}

fn sort(catalog: &mut Catalog) {
    catalog.groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id));
    catalog.group_ids = catalog.groups.iter().enumerate().map(|(at, group)| (group.id, at)).collect();
    catalog.group_ids.sort_unstable();
    catalog.roles.sort_by_cached_key(|role| (role.name.to_lowercase(), role.id));
    let operations = &catalog.operations;
    catalog.operation_ids = (0..operations.len() as u32).filter(|at| operations[*at as usize].id.is_some()).collect();
    catalog.operation_ids.sort_unstable_by_key(|at| operations[*at as usize].id.as_deref());
}

fn roles(catalog: &mut Catalog) {
    for at in 0..catalog.roles.len() {
        let group = catalog.iam_group(&catalog.roles[at].group);
        let allows = group.map(|group| group.allows).unwrap_or_default();
        catalog.roles[at].permissions = legacy::derive(&catalog.legacy, &allows);
    }
}
