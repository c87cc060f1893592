//! Puts definitions into a catalogue: checks them, hands out indices, expands bundles.
//!
//! Our own data and an operator's file take the same way through here. For our own a fault is a bug that a test finds.

mod check;
mod derive;
pub(crate) mod suggest;

use crate::call_resource::PathResource;
use crate::definitions::{
    AlsoAccepted, Definitions, Entries, GroupDefinition, OperationDefinition, PathResourceDefinition,
    PermissionDefinition, ResourceTypeDefinition, RoleDefinition,
};
use crate::error::Faults;
use crate::permission::by_name;
use crate::selector::Rule;
use crate::{
    Catalog, IamPermissionGroup, Id, LEGACY_KEYS, LegacyGrant, LegacyPermissions, Operation, Origin, Permission,
    PermissionIndex, PermissionSet, ResourceType, ResourceTypeIndex, Role,
};

/// Adds all of `definitions` and derives anew what follows from the whole. With a fault the catalogue is half-made: drop it.
pub(crate) fn extend(catalog: &mut Catalog, definitions: Definitions, origin: Origin, faults: &mut Faults) {
    resource_types(catalog, definitions.resource_types, faults);
    permissions(catalog, definitions.permissions, origin, faults);
    groups(catalog, definitions.groups, origin, faults);
    roles(catalog, definitions.roles, faults);
    operations(catalog, definitions.operations, origin, faults);
    path_resources(catalog, definitions.path_resources, faults);
    also_accepted(catalog, definitions.also_accepted, faults);
    derive::derive(catalog);
}

fn resource_types(catalog: &mut Catalog, definitions: Entries<ResourceTypeDefinition>, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/resource_types/{at}");
        let parent =
            definition.parent.as_deref().map(|name| catalog.resource_type_by_name(name).map(|kind| kind.index));
        if parent == Some(None) {
            faults.add(
                format!("{pointer}/parent"),
                suggest::scope(catalog, definition.parent.as_deref().unwrap_or_default()),
            );
            continue;
        }
        if !check::resource_type(catalog, &definition, &pointer, faults) {
            continue;
        }
        let index = ResourceTypeIndex(catalog.resource_types.len() as u8);
        catalog.resource_types.push(ResourceType {
            index,
            key: definition.key,
            name: definition.name,
            parent: parent.flatten(),
        });
    }
}

fn permissions(catalog: &mut Catalog, definitions: Entries<PermissionDefinition>, origin: Origin, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/token_permission_groups/{at}");
        let Some(scope) = check::scope(catalog, &definition.scope, &pointer, faults) else {
            continue;
        };
        let published = definition.id.is_some();
        let id =
            definition.id.unwrap_or_else(|| derived_id(catalog, "token_permission_groups", scope, &definition.name));
        if !check::permission(catalog, &definition, id, scope, &pointer, faults) {
            continue;
        }
        let (access, family) = by_name(&definition.name);
        catalog.permissions.push(Permission {
            index: PermissionIndex(catalog.permissions.len() as u16),
            id,
            scope,
            category: definition.category.unwrap_or_else(|| "other".into()),
            access: definition.access.unwrap_or(access),
            family: definition.family.unwrap_or_else(|| family.into()),
            origin: if origin == Origin::Published && !published { Origin::NameOnly } else { origin },
            name: definition.name,
        });
    }
    derive::sort_permissions(catalog);
}

fn groups(catalog: &mut Catalog, definitions: Entries<GroupDefinition>, origin: Origin, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/iam_permission_groups/{at}");
        let Some(scope) = check::scope(catalog, &definition.scope, &pointer, faults) else {
            continue;
        };
        let id = definition.id.unwrap_or_else(|| derived_id(catalog, "iam_permission_groups", scope, &definition.name));
        if !check::group(catalog, &definition, id, scope, origin, &pointer, faults) {
            continue;
        }
        catalog.groups.push(IamPermissionGroup {
            id,
            is_all_privileges: *definition.label == *"all_privileges",
            is_minimal_access: *definition.label == *"minimal_account_access",
            name: definition.name,
            label: definition.label.clone(),
            description: definition.description,
            scope,
            allows: PermissionSet::EMPTY,
            denies: PermissionSet::EMPTY,
            role: None,
        });
        if !definition.include.is_empty() {
            let rule = Rule { group: definition.label, include: definition.include, exclude: definition.exclude };
            check::rule(catalog, &rule, &pointer, faults);
            catalog.rules.push(rule);
        }
    }
}

fn roles(catalog: &mut Catalog, definitions: Entries<RoleDefinition>, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/roles/{at}");
        let id =
            definition.id.unwrap_or_else(|| derived_id(catalog, "roles", ResourceTypeIndex::ACCOUNT, &definition.name));
        let Some(group) = check::role(catalog, &definition, id, &pointer, faults) else {
            continue;
        };
        let group = &mut catalog.groups[group];
        group.role = Some(id);
        catalog.roles.push(Role {
            id,
            name: definition.name,
            description: definition.description,
            group: group.id,
            permissions: LegacyPermissions(LEGACY_KEYS.map(|key| LegacyGrant { key, read: false, write: false })),
        });
    }
}

fn operations(catalog: &mut Catalog, definitions: Entries<OperationDefinition>, origin: Origin, faults: &mut Faults) {
    let mut taken = check::Taken::of(&catalog.operations);
    for (at, definition) in definitions {
        let pointer = format!("/operations/{at}");
        if !check::operation(&definition, &mut taken, origin, &pointer, faults) {
            continue;
        }
        let names = definition.accepted_permissions.as_deref();
        let accepts = names.map(|names| accepted(catalog, names, &pointer, faults));
        let operation = Operation {
            id: definition.operation_id,
            method: definition.method,
            path: definition.path,
            tag: definition.tag,
            deprecated: definition.deprecated,
            accepts,
        };
        catalog.paths.insert(&operation, catalog.operations.len() as u32);
        catalog.operations.push(operation);
    }
}

fn path_resources(catalog: &mut Catalog, definitions: Entries<PathResourceDefinition>, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/path_resources/{at}");
        if let Some(kind) = check::path_resource(catalog, &definition, &pointer, faults) {
            catalog.path_resources.push(PathResource { path: definition.path, kind, id: definition.id });
        }
    }
}

fn also_accepted(catalog: &mut Catalog, definitions: Entries<AlsoAccepted>, faults: &mut Faults) {
    for (at, definition) in definitions {
        let pointer = format!("/also_accepted/{at}");
        let more = accepted(catalog, &definition.accepted_permissions, &pointer, faults);
        let id = Some(definition.operation_id);
        match catalog.operations.iter_mut().find(|operation| operation.id == id) {
            Some(operation) => *operation.accepts.get_or_insert_default() |= more,
            None => faults.add(format!("{pointer}/operation_id"), "no such operation"),
        }
    }
}

fn accepted(catalog: &Catalog, names: &[Box<str>], pointer: &str, faults: &mut Faults) -> PermissionSet {
    let mut set = PermissionSet::EMPTY;
    for (at, name) in names.iter().enumerate() {
        let named: PermissionSet = catalog.permissions_named(name).map(|permission| permission.index).collect();
        if named.is_empty() {
            faults.add(format!("{pointer}/accepted_permissions/{at}"), suggest::permission(catalog, name));
        }
        set |= named;
    }
    set
}

/// The id of an entry whose published id is not known. It depends on nothing but what the entry is called.
fn derived_id(catalog: &Catalog, section: &str, scope: ResourceTypeIndex, name: &str) -> Id {
    Id::derived(&format!("portcullis:{section}:{}:{name}", catalog.resource_type(scope).key))
}
