use std::collections::HashSet;

use portcullis_catalog::{Catalog, Method, PermissionIndex, ResourceTypeIndex};

use crate::{account, names, zone};

#[test]
fn an_index_is_a_position() {
    let catalog = Catalog::builtin();
    for (at, permission) in catalog.permissions().iter().enumerate() {
        assert_eq!(permission.index, PermissionIndex(at as u16));
        assert_eq!(catalog.permission_at(permission.index), permission);
        assert_eq!(catalog.permission(&permission.id), Some(permission));
        assert!(catalog.permissions_named(&permission.name).any(|one| one == permission));
    }
    for (at, kind) in catalog.resource_types().iter().enumerate() {
        assert_eq!(kind.index, ResourceTypeIndex(at as u8));
        assert_eq!(catalog.resource_type(kind.index), kind);
        assert_eq!(catalog.resource_type_by_key(&kind.key), Some(kind));
        assert_eq!(catalog.resource_type_by_name(&kind.name), Some(kind));
    }
}

#[test]
fn the_constants_name_the_types_they_say() {
    let catalog = Catalog::builtin();
    let keys = [
        (ResourceTypeIndex::ACCOUNT, "com.cloudflare.api.account"),
        (ResourceTypeIndex::ZONE, "com.cloudflare.api.account.zone"),
        (ResourceTypeIndex::USER, "com.cloudflare.api.user"),
        (ResourceTypeIndex::R2_BUCKET, "com.cloudflare.edge.r2.bucket"),
    ];
    for (index, key) in keys {
        assert_eq!(&*catalog.resource_type(index).key, key);
    }
    let count = |scope| catalog.of_scope(scope).len();
    assert_eq!(count(ResourceTypeIndex::USER), 6);
    assert_eq!(count(ResourceTypeIndex::R2_BUCKET), 2);
}

#[test]
fn everything_lies_within_an_account_but_accounts_and_users() {
    let catalog = Catalog::builtin();
    for kind in catalog.resource_types() {
        let within = catalog.is_self_or_descendant(kind.index, ResourceTypeIndex::ACCOUNT);
        assert_eq!(within, kind.index != ResourceTypeIndex::USER, "{}", kind.name);
        assert!(catalog.is_self_or_descendant(kind.index, kind.index));
    }
    assert!(!catalog.is_self_or_descendant(ResourceTypeIndex::ACCOUNT, ResourceTypeIndex::ZONE));
}

#[test]
fn a_name_means_all_of_its_scopes_and_an_alias_what_it_stands_for() {
    let catalog = Catalog::builtin();
    assert_eq!(catalog.permissions_named("Logs Read").count(), 2);
    assert_eq!(catalog.permissions_named("Zone Zone Read").map(|one| &*one.name).collect::<Vec<_>>(), ["Zone Read"]);
    // A zone permission of its own, and for accounts another name of "Page Shield".
    let mut page_shield: Vec<_> = catalog.permissions_named("Page Shield Write").map(|one| &*one.name).collect();
    page_shield.sort_unstable();
    assert_eq!(page_shield, ["Page Shield", "Page Shield Write"]);
    // It was a name of "Calls Read" once, and is a permission of its own since.
    assert_eq!(catalog.permissions_named("Realtime Read").map(|one| &*one.name).collect::<Vec<_>>(), ["Realtime Read"]);
    assert_eq!(catalog.permissions_named("No Such Thing").count(), 0);
}

#[test]
fn all_privileges_are_everything_but_what_is_of_users() {
    let catalog = Catalog::builtin();
    let all = *catalog.all_privileges();
    assert_eq!(all.len(), catalog.permissions().len() - 6);
    assert!(!all.intersects(&catalog.of_scope(ResourceTypeIndex::USER)));
}

#[test]
fn an_operation_is_found_by_its_id() {
    let catalog = Catalog::builtin();
    let ids: HashSet<&str> = catalog.operations().iter().filter_map(|operation| operation.id.as_deref()).collect();
    assert_eq!(ids.len(), 3207 - 130 + 33);
    for id in ids {
        assert_eq!(catalog.operation(id).unwrap().id.as_deref(), Some(id));
    }
    assert_eq!(catalog.operation("no-such-operation"), None);
    assert_eq!(catalog.operation(""), None);
    let create = catalog.operation("account-user-group-create").unwrap();
    assert_eq!((create.method, &*create.path), (Method::Post, "/accounts/{account_id}/iam/user_groups"));
    assert_eq!(names(&catalog, create.accepts.unwrap()), ["Account Settings Write", "SCIM Provisioning"]);
    let list = catalog.operation("account-permission-group-list").unwrap();
    assert_eq!(list.accepts.unwrap().len(), 29);
}

#[test]
fn an_operation_accepts_something_or_names_nothing() {
    let catalog = Catalog::builtin();
    assert!(catalog.operations().iter().all(|operation| operation.accepts.is_none_or(|accepts| !accepts.is_empty())));
    assert_eq!(catalog.operations().iter().filter(|operation| operation.accepts.is_none()).count(), 588);
    assert!(catalog.operations().iter().all(|operation| operation.path.starts_with('/')));
}

#[test]
fn our_own_operations_are_among_the_others() {
    let catalog = Catalog::builtin();
    let authorize = catalog.operation("portcullis-account-authorize").unwrap();
    assert_eq!((authorize.method, &*authorize.path), (Method::Post, "/accounts/{account_id}/iam/authorize"));
    let settings = account(&catalog, "Account Settings Read") | account(&catalog, "Account Settings Write");
    assert_eq!(authorize.accepts, Some(settings));
    let audit = catalog.operation("audit-logs-v2-get-account-audit-logs").unwrap();
    assert_eq!(audit.accepts, Some(settings | account(&catalog, "Audit Logs Read")));
}

#[test]
fn whoever_may_write_a_connector_passes_where_only_reading_is_accepted() {
    let catalog = Catalog::builtin();
    let write = account(&catalog, "SSO Connector Write");
    let accepted = account(&catalog, "SSO Connector Read");
    assert!(!write.intersects(&accepted));
    assert!(catalog.allow_closure(write).intersects(&accepted));
    let write = zone(&catalog, "DNS Write");
    assert_eq!(names(&catalog, catalog.allow_closure(write)), ["DNS Read", "DNS Write"]);
}
