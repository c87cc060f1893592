//! The catalogue that is compiled into the program, out of the files in `data/`.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::definitions::{AlsoAccepted, Definitions, Entries, OperationDefinition, PermissionDefinition};
use crate::error::Faults;
use crate::legacy::{LEGACY_KEYS, LegacyDefinition, LegacyRule};
use crate::paths::PathIndex;
use crate::selector::{Rule, Selector};
use crate::{Catalog, Origin, PermissionSet, assemble};

/// One line of `data/expansions.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expansion {
    group: Box<str>,
    include: Vec<Selector>,
    #[serde(default)]
    exclude: Vec<Selector>,
    /// For the reader of the data, and to make whoever adds a line think of one.
    #[serde(rename = "reason")]
    _reason: Box<str>,
}

/// One line of `data/aliases.json`: another name that the API schema or its documents use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    alias: Box<str>,
    name: Box<str>,
    scope: Box<str>,
}

/// `data/portcullis.json`: our own permissions and operations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    token_permission_groups: Vec<PermissionDefinition>,
    operations: Vec<OperationDefinition>,
    also_accepted: Vec<AlsoAccepted>,
}

pub(crate) fn load() -> Catalog {
    let mut catalog = empty();
    let mut faults = Faults::default();
    let extension: Extension = read(include_str!("../data/portcullis.json"));

    let first = Definitions {
        resource_types: entries(read(include_str!("../data/resource_types.json"))),
        permissions: entries(read(include_str!("../data/token_permission_groups.json"))),
        ..Definitions::default()
    };
    assemble::extend(&mut catalog, first, Origin::Published, &mut faults);
    let own = Definitions { permissions: entries(extension.token_permission_groups), ..Definitions::default() };
    assemble::extend(&mut catalog, own, Origin::Portcullis, &mut faults);

    // From here on all permissions are known, and can be spoken of.
    add_aliases(&mut catalog, read(include_str!("../data/aliases.json")));
    add_legacy(&mut catalog, read(include_str!("../data/legacy_permissions.json")));
    add_expansions(&mut catalog, read(include_str!("../data/expansions.json")));
    let rest = Definitions {
        groups: entries(read(include_str!("../data/iam_permission_groups.json"))),
        roles: entries(read(include_str!("../data/roles.json"))),
        operations: entries(read(include_str!("../data/operations.json"))),
        path_resources: entries(read(include_str!("../data/path_resources.json"))),
        ..Definitions::default()
    };
    assemble::extend(&mut catalog, rest, Origin::Published, &mut faults);
    let own = Definitions {
        operations: entries(extension.operations),
        also_accepted: entries(extension.also_accepted),
        ..Definitions::default()
    };
    assemble::extend(&mut catalog, own, Origin::Portcullis, &mut faults);
    proven(faults.into_result("builtin"));
    catalog
}

fn empty() -> Catalog {
    Catalog {
        resource_types: Vec::new(),
        permissions: Vec::new(),
        permission_ids: Vec::new(),
        permission_names: Vec::new(),
        families: Vec::new(),
        all_privileges: PermissionSet::EMPTY,
        groups: Vec::new(),
        group_ids: Vec::new(),
        roles: Vec::new(),
        rules: Vec::new(),
        legacy: [LegacyRule::default(); 12],
        operations: Vec::new(),
        operation_ids: Vec::new(),
        paths: PathIndex::new(read(include_str!("../data/path_parameters.json"))),
        path_resources: Vec::new(),
        files: Vec::new(),
    }
}

fn add_aliases(catalog: &mut Catalog, aliases: Vec<Alias>) {
    let mut rows = Vec::new();
    for alias in aliases {
        let mut named = catalog.permissions_named(&alias.name).filter(|one| is_of(catalog, one, &alias.scope));
        let Some(permission) = named.next() else { panic!("aliases.json: no group `{}`", alias.name) };
        rows.push((alias.alias, permission.index));
    }
    catalog.permission_names.extend(rows);
    catalog.permission_names.sort_unstable();
}

fn add_legacy(catalog: &mut Catalog, definitions: Vec<LegacyDefinition>) {
    assert!(
        definitions.iter().map(|one| &*one.key).eq(LEGACY_KEYS),
        "legacy_permissions.json: keys or their order differ"
    );
    for (at, definition) in definitions.into_iter().enumerate() {
        let select = |names: &[Box<str>]| {
            let named = names.iter().flat_map(|name| catalog.permissions_named(name));
            let set: PermissionSet =
                named.filter(|one| is_of(catalog, one, &definition.scope)).map(|one| one.index).collect();
            assert!(set.len() == names.len(), "legacy_permissions.json: a name of `{}` is unknown", definition.key);
            set
        };
        catalog.legacy[at] = LegacyRule {
            always_read: definition.always_read,
            read: select(&definition.read),
            write: select(&definition.write),
        };
    }
}

fn add_expansions(catalog: &mut Catalog, expansions: Vec<Expansion>) {
    let rules = expansions.into_iter().map(|one| Rule { group: one.group, include: one.include, exclude: one.exclude });
    catalog.rules.extend(rules);
}

fn is_of(catalog: &Catalog, permission: &crate::Permission, scope: &str) -> bool {
    *catalog.resource_type(permission.scope).name == *scope
}

fn entries<T>(entries: Vec<T>) -> Entries<T> {
    entries.into_iter().enumerate().collect()
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    proven(serde_json::from_str(text))
}

/// The data is part of the program, and every test reads all of it.
#[expect(clippy::expect_used, reason = "the data is compiled in, so it is either always right or never")]
fn proven<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("the data of the catalogue is in order")
}

#[cfg(test)]
mod tests;
