//! The catalogue itself, and how to look things up in it.

use crate::call_resource::PathResource;
use crate::definitions;
use crate::error::Faults;
use crate::legacy::LegacyRule;
use crate::paths::PathIndex;
use crate::permission::Family;
use crate::selector::Rule;
use crate::{
    CatalogError, IamPermissionGroup, Id, LegacyPermissions, Operation, Origin, Permission, PermissionIndex,
    PermissionSet, ResourceType, ResourceTypeIndex, Role, assemble, builtin,
};

/// All that can be granted. Built once at start, then only read.
#[derive(Clone, Debug)]
pub struct Catalog {
    // INVARIANT: indices are positions: `resource_types[i].index == i`, `permissions[i].index == i`; the sorted lists are sorted.
    pub(crate) resource_types: Vec<ResourceType>,
    pub(crate) permissions: Vec<Permission>,
    /// Sorted, for binary search.
    pub(crate) permission_ids: Vec<(Id, PermissionIndex)>,
    /// Sorted. A name stands here once for each scope it has, and for each it is an alias in.
    pub(crate) permission_names: Vec<(Box<str>, PermissionIndex)>,
    pub(crate) families: Vec<Family>,
    pub(crate) all_privileges: PermissionSet,
    /// Sorted by name, then id.
    pub(crate) groups: Vec<IamPermissionGroup>,
    /// Sorted; the second is a position in `groups`.
    pub(crate) group_ids: Vec<(Id, usize)>,
    /// Sorted by name, then id.
    pub(crate) roles: Vec<Role>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) legacy: [LegacyRule; 12],
    pub(crate) operations: Vec<Operation>,
    /// Positions in `operations` of those with an id, sorted by it.
    pub(crate) operation_ids: Vec<u32>,
    /// The templates of `operations`.
    pub(crate) paths: PathIndex,
    pub(crate) path_resources: Vec<PathResource>,
    /// Names and texts of the operator's files, in the order in which they were added.
    pub(crate) files: Vec<(Box<str>, Box<str>)>,
}

impl Catalog {
    /// The catalogue that is compiled into the program.
    pub fn builtin() -> Catalog {
        builtin::load()
    }

    /// Adds an operator's own catalogue file, given as its text; `file_name` is only for messages.
    ///
    /// The file is a JSON object of arrays, none of which must be there; `examples/widgets.json` is one. Fields in
    /// brackets may be left out.
    ///
    /// | array | fields of an entry |
    /// | --- | --- |
    /// | `resource_types` | `key`, `name` (the short word that the other arrays use), \[`parent`\] |
    /// | `token_permission_groups` | \[`id`\], `name`, `scope`, \[`category`\], \[`access`, `family`, where the name does not tell\] |
    /// | `iam_permission_groups` | \[`id`\], `name`, `label`, \[`description`\], `scope`, `include`, \[`exclude`\] (selectors: see `src/selector.rs`) |
    /// | `roles` | \[`id`\], `name`, \[`description`\], `group` (a label) |
    /// | `operations` | `operation_id`, `method`, `path`, \[`tag`, `deprecated`\], \[`accepted_permissions`\] (names) |
    /// | `path_resources` | `path`, `resource_type`, \[`id`\], \[`reason`\] (see [`Catalog::resource_of`]) |
    ///
    /// An id that is left out is derived from the name ([`Id::derived`]), so it is the same on every start.
    ///
    /// Everything in the file is checked, and all faults are told at once, up to 20. An entry that is already taken, by id,
    /// label, name and scope, or operation, is refused, so a file can add but never change what is there.
    pub fn with_file(mut self, text: &str, file_name: &str) -> Result<Catalog, CatalogError> {
        let mut faults = Faults::default();
        let definitions = definitions::parse(text, &mut faults);
        assemble::extend(&mut self, definitions, Origin::Operator, &mut faults);
        faults.into_result(file_name)?;
        self.files.push((file_name.into(), text.into()));
        Ok(self)
    }

    /// The names and texts of the operator's files that it was extended with, in their order.
    pub fn files(&self) -> &[(Box<str>, Box<str>)] {
        &self.files
    }

    /// Every permission, by index.
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// The permission at an index that this catalogue gave out.
    ///
    /// # Panics
    /// If the index is of another catalogue and out of range here.
    pub fn permission_at(&self, index: PermissionIndex) -> &Permission {
        &self.permissions[usize::from(index.0)]
    }

    /// The permission with this id.
    pub fn permission(&self, id: &Id) -> Option<&Permission> {
        let at = self.permission_ids.binary_search_by_key(id, |(id, _)| *id).ok()?;
        Some(self.permission_at(self.permission_ids[at].1))
    }

    /// The permissions of this name, of any scope. Former and alternative names are followed.
    pub fn permissions_named(&self, name: &str) -> impl Iterator<Item = &Permission> + use<'_> {
        let from = self.permission_names.partition_point(|(other, _)| **other < *name);
        let to = from + self.permission_names[from..].partition_point(|(other, _)| **other == *name);
        self.permission_names[from..to].iter().map(|(_, index)| self.permission_at(*index))
    }

    /// Every permission but the user-scoped ones: what a super administrator holds.
    pub fn all_privileges(&self) -> &PermissionSet {
        &self.all_privileges
    }

    /// The permissions that are about this type of resource.
    pub fn of_scope(&self, scope: ResourceTypeIndex) -> PermissionSet {
        self.permissions
            .iter()
            .filter(|permission| permission.scope == scope)
            .map(|permission| permission.index)
            .collect()
    }

    /// What an allow of `set` gives: whoever may write may also read the same family and scope (D6).
    pub fn allow_closure(&self, set: PermissionSet) -> PermissionSet {
        let writing = self.families.iter().filter(|family| family.writes.intersects(&set));
        writing.fold(set, |closed, family| closed | family.reads)
    }

    /// What a deny of `set` takes: whoever may not read may not write; whoever may not write may still read (D6).
    pub fn deny_closure(&self, set: PermissionSet) -> PermissionSet {
        let reading = self.families.iter().filter(|family| family.reads.intersects(&set));
        reading.fold(set, |closed, family| closed | family.writes)
    }

    /// The IAM catalogue, by name without regard to case, then by id (D77).
    pub fn iam_groups(&self) -> &[IamPermissionGroup] {
        &self.groups
    }

    /// The IAM permission group with this id.
    pub fn iam_group(&self, id: &Id) -> Option<&IamPermissionGroup> {
        let at = self.group_ids.binary_search_by_key(id, |(id, _)| *id).ok()?;
        Some(&self.groups[self.group_ids[at].1])
    }

    /// The IAM permission group with this label.
    pub fn iam_group_by_label(&self, label: &str) -> Option<&IamPermissionGroup> {
        self.groups.iter().find(|group| *group.label == *label)
    }

    /// The twelve coarse flags of whoever holds these permissions (D1, D35).
    pub fn legacy_permissions(&self, held: &PermissionSet) -> LegacyPermissions {
        crate::legacy::derive(&self.legacy, held)
    }

    /// The legacy roles, by name without regard to case, then by id (D77).
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The legacy role with this id.
    pub fn role(&self, id: &Id) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == *id)
    }

    /// Every operation, in the order of the files.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this name.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        let name = |at: &u32| self.operations[*at as usize].id.as_deref().unwrap_or_default();
        let at = self.operation_ids.binary_search_by(|at| name(at).cmp(id)).ok()?;
        Some(&self.operations[self.operation_ids[at] as usize])
    }

    /// Every type of resource, by index.
    pub fn resource_types(&self) -> &[ResourceType] {
        &self.resource_types
    }

    /// The type at an index that this catalogue gave out.
    ///
    /// # Panics
    /// If the index is of another catalogue and out of range here.
    pub fn resource_type(&self, index: ResourceTypeIndex) -> &ResourceType {
        &self.resource_types[usize::from(index.0)]
    }

    /// The type with this key, such as `com.cloudflare.api.account.zone`.
    pub fn resource_type_by_key(&self, key: &str) -> Option<&ResourceType> {
        self.resource_types.iter().find(|kind| *kind.key == *key)
    }

    /// The type with this short name, such as `zone`.
    pub fn resource_type_by_name(&self, name: &str) -> Option<&ResourceType> {
        self.resource_types.iter().find(|kind| *kind.name == *name)
    }
}
