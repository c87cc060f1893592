//! Catalogue entries as they are shown, written once: they are in nearly every answer, and never change.

use catalog::{Catalog, IamPermissionGroup, Id, LegacyPermissions};
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::value::RawValue;

/// Catalogue entries as JSON.
pub struct Rendered {
    groups: FxHashMap<Id, Box<RawValue>>,
    roles: FxHashMap<Id, Box<RawValue>>,
}

/// A permission group of the IAM catalogue.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PermissionGroup {
    #[schema(value_type = String)]
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<PermissionGroupMeta>,
}

/// What is known of a permission group.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PermissionGroupMeta {
    description: String,
    editable: &'static str,
    label: String,
    scopes: String,
}

/// A role: the older name of an account-wide permission group.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Role {
    #[schema(value_type = String)]
    id: Id,
    name: String,
    description: String,
    permissions: RolePermissions,
}

/// What a role may read and write, in the terms of old; derived from the same expansion as decisions (D1).
#[derive(utoipa::ToSchema)]
#[schema(value_type = std::collections::BTreeMap<String, RolePermission>)]
pub struct RolePermissions(Option<LegacyPermissions>);

impl RolePermissions {
    /// What somebody may read and write.
    pub(crate) fn of(permissions: LegacyPermissions) -> RolePermissions {
        RolePermissions(Some(permissions))
    }
}

/// Read and write.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RolePermission {
    read: bool,
    write: bool,
}

impl Serialize for RolePermissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let grants = self.0.iter().flat_map(|permissions| permissions.0.iter());
        serializer.collect_map(grants.map(|grant| (grant.key, RolePermission { read: grant.read, write: grant.write })))
    }
}

impl Rendered {
    /// Renders a catalogue.
    pub(crate) fn of(catalog: &Catalog) -> Rendered {
        let groups =
            catalog.iam_groups().iter().filter_map(|group| Some((group.id, raw(&permission_group(catalog, group))?)));
        let own = catalog.roles().iter().filter_map(|role| {
            let shown = Role {
                id: role.id,
                name: role.name.to_string(),
                description: role.description.to_string(),
                permissions: RolePermissions(Some(role.permissions)),
            };
            Some((role.group, raw(&shown)?))
        });
        // A group without a role stands for itself among a member's roles.
        let others = catalog.iam_groups().iter().filter(|group| group.role.is_none()).filter_map(|group| {
            let shown = Role {
                id: group.id,
                name: group.name.to_string(),
                description: group.description.to_string(),
                permissions: RolePermissions(None),
            };
            Some((group.id, raw(&shown)?))
        });
        Rendered { groups: groups.collect(), roles: own.chain(others).collect() }
    }

    /// A permission group as it is shown; by its id alone if the catalogue no longer has it.
    pub(crate) fn group(&self, id: &Id) -> Shown<'_> {
        self.groups.get(id).map_or(Shown::Gone { id: *id }, |raw| Shown::Known(raw))
    }

    /// The role that stands for a permission group.
    pub(crate) fn role(&self, group: &Id) -> Option<&RawValue> {
        self.roles.get(group).map(|raw| &**raw)
    }
}

/// A catalogue entry as it is shown.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Shown<'a> {
    /// Rendered before.
    Known(&'a RawValue),
    /// No longer in the catalogue.
    Gone {
        /// Its id.
        id: Id,
    },
}

fn permission_group(catalog: &Catalog, group: &IamPermissionGroup) -> PermissionGroup {
    let meta = PermissionGroupMeta {
        description: group.description.to_string(),
        editable: "false",
        label: group.label.to_string(),
        scopes: catalog.resource_type(group.scope).key.to_string(),
    };
    PermissionGroup { id: group.id, name: Some(group.name.to_string()), status: Some("V"), meta: Some(meta) }
}

fn raw(value: &impl Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
