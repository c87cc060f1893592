//! The data is part of the program; these tests read all of it, from within, since rules are nobody else's business.

use std::collections::HashSet;

use super::{Alias, Expansion, Extension, read};
use crate::definitions::{GroupDefinition, PermissionDefinition, RoleDefinition};
use crate::legacy::LegacyDefinition;
use crate::{Catalog, Origin};

fn expansions() -> Vec<Expansion> {
    read(include_str!("../../data/expansions.json"))
}

#[test]
fn every_rule_selects_something_with_each_of_its_words() {
    let catalog = Catalog::builtin();
    for rule in expansions() {
        for selector in rule.include.iter().chain(&rule.exclude) {
            assert_eq!(selector.faults(&catalog), [], "{}: {selector:?}", rule.group);
        }
    }
}

#[test]
fn every_rule_has_a_reason_and_a_group() {
    let catalog = Catalog::builtin();
    for rule in expansions() {
        assert!(rule._reason.len() > 10, "{}", rule.group);
        assert!(catalog.iam_group_by_label(&rule.group).is_some(), "{}", rule.group);
    }
    let legacy: Vec<LegacyDefinition> = read(include_str!("../../data/legacy_permissions.json"));
    assert!(legacy.iter().all(|line| line._reason.len() > 10));
}

#[test]
fn every_group_has_a_rule_but_the_one_that_grants_nothing() {
    let ruled: HashSet<Box<str>> = expansions().into_iter().map(|rule| rule.group).collect();
    let catalog = Catalog::builtin();
    let without: Vec<&str> =
        catalog.iam_groups().iter().filter(|group| !ruled.contains(&group.label)).map(|group| &*group.label).collect();
    assert_eq!(without, ["minimal_account_access"]);
}

#[test]
fn what_a_rule_excludes_does_not_come_back_by_closure() {
    let catalog = Catalog::builtin();
    for rule in expansions() {
        let group = catalog.iam_group_by_label(&rule.group).unwrap();
        for selector in &rule.exclude {
            let back = group.allows & selector.select(&catalog);
            assert!(back.is_empty(), "{}: {back:?}", rule.group);
        }
    }
}

#[test]
fn domain_bundles_hold_only_permissions_of_zones() {
    let catalog = Catalog::builtin();
    for group in catalog.iam_groups().iter().filter(|group| group.scope == crate::ResourceTypeIndex::ZONE) {
        assert!(group.allows.is_subset(&catalog.of_scope(crate::ResourceTypeIndex::ZONE)), "{}", group.label);
    }
}

#[test]
fn an_alias_is_never_the_name_of_a_permission_of_that_scope() {
    let catalog = Catalog::builtin();
    let aliases: Vec<Alias> = read(include_str!("../../data/aliases.json"));
    assert_eq!(aliases.len(), 24);
    for alias in aliases {
        let scope = catalog.resource_type_by_name(&alias.scope).unwrap().index;
        assert!(
            !catalog.permissions().iter().any(|one| one.name == alias.alias && one.scope == scope),
            "{}",
            alias.alias
        );
        let named: Vec<_> = catalog.permissions_named(&alias.alias).filter(|one| one.scope == scope).collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].name, alias.name);
    }
}

#[test]
fn the_files_hold_what_their_sources_say() {
    let permissions: Vec<PermissionDefinition> = read(include_str!("../../data/token_permission_groups.json"));
    let groups: Vec<GroupDefinition> = read(include_str!("../../data/iam_permission_groups.json"));
    let roles: Vec<RoleDefinition> = read(include_str!("../../data/roles.json"));
    let extension: Extension = read(include_str!("../../data/portcullis.json"));
    let with_id = |ids: Vec<bool>| (ids.iter().filter(|id| **id).count(), ids.iter().filter(|id| !**id).count());
    assert_eq!(with_id(permissions.iter().map(|one| one.id.is_some()).collect()), (337, 63));
    // 71, and three that are named elsewhere: Account Administrator, API Token Provisioning, Worker Edit.
    assert_eq!(with_id(groups.iter().map(|one| one.id.is_some()).collect()), (30, 71 + 3));
    // 40, and API Token Provisioning.
    assert_eq!(with_id(roles.iter().map(|one| one.id.is_some()).collect()), (41, 40 + 1));
    assert_eq!((extension.token_permission_groups.len(), extension.operations.len()), (2, 33));

    let catalog = Catalog::builtin();
    let count = |origin| catalog.permissions().iter().filter(|one| one.origin == origin).count();
    assert_eq!([count(Origin::Published), count(Origin::NameOnly), count(Origin::Portcullis)], [337, 63, 2]);
    assert_eq!((catalog.iam_groups().len(), catalog.roles().len(), catalog.operations().len()), (104, 82, 3207 + 33));
}
