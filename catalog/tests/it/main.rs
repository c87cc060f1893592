//! What the catalogue promises to those who use it.

mod bundles;
mod closures;
mod ids;
mod keys;
mod lookups;
mod operator_files;
mod paths;
mod roles;

use portcullis_catalog::{Catalog, PermissionSet, ResourceTypeIndex};

/// The one permission of this name and scope.
fn one(catalog: &Catalog, name: &str, scope: ResourceTypeIndex) -> PermissionSet {
    let set: PermissionSet =
        catalog.permissions_named(name).filter(|one| one.scope == scope).map(|one| one.index).collect();
    assert_eq!(set.len(), 1, "{name}");
    set
}

fn account(catalog: &Catalog, name: &str) -> PermissionSet {
    one(catalog, name, ResourceTypeIndex::ACCOUNT)
}

fn zone(catalog: &Catalog, name: &str) -> PermissionSet {
    one(catalog, name, ResourceTypeIndex::ZONE)
}

/// The names of a set, for messages and comparisons that a reader understands.
fn names(catalog: &Catalog, set: PermissionSet) -> Vec<&str> {
    set.iter().map(|index| &*catalog.permission_at(index).name).collect()
}
