use portcullis_catalog::{Access, Catalog, IamPermissionGroup, PermissionSet, ResourceTypeIndex};

use crate::{account, names, zone};

fn group<'a>(catalog: &'a Catalog, label: &str) -> &'a IamPermissionGroup {
    let Some(group) = catalog.iam_group_by_label(label) else { panic!("no group `{label}`") };
    group
}

#[test]
fn groups_stand_by_name_and_are_found_by_id_and_label() {
    let catalog = Catalog::builtin();
    let order: Vec<_> = catalog.iam_groups().iter().map(|group| (group.name.to_lowercase(), group.id)).collect();
    assert!(order.is_sorted());
    for one in catalog.iam_groups() {
        assert_eq!(catalog.iam_group(&one.id), Some(one));
        assert_eq!(catalog.iam_group_by_label(&one.label), Some(one));
        assert!(one.description.ends_with('.'), "{}", one.label);
        assert_eq!(one.is_all_privileges, &*one.label == "all_privileges");
        assert_eq!(one.is_minimal_access, &*one.label == "minimal_account_access");
    }
}

#[test]
fn every_group_allows_something_but_minimal_access() {
    let catalog = Catalog::builtin();
    for one in catalog.iam_groups() {
        assert_eq!(one.allows.is_empty(), one.is_minimal_access, "{}", one.label);
        assert_eq!(one.denies.is_empty(), one.is_minimal_access, "{}", one.label);
        assert!(one.allows.is_subset(catalog.all_privileges()), "{}", one.label);
        assert_eq!(catalog.allow_closure(one.allows), one.allows, "{}", one.label);
        assert_eq!(catalog.deny_closure(one.denies), one.denies, "{}", one.label);
    }
}

#[test]
fn a_super_administrator_holds_everything() {
    let catalog = Catalog::builtin();
    assert_eq!(group(&catalog, "all_privileges").allows, *catalog.all_privileges());
    assert_eq!(group(&catalog, "all_privileges").denies, *catalog.all_privileges());
}

#[test]
fn an_administrator_lacks_what_makes_administrators_and_the_billing_profile() {
    let catalog = Catalog::builtin();
    let admin = group(&catalog, "admin").allows;
    assert_eq!(
        names(&catalog, *catalog.all_privileges() - admin),
        [
            "Account API Tokens Write",
            "Account Settings Write",
            "Billing Write",
            "SCIM Provisioning",
            "SSO Connector Write",
            "Account API Tokens Provisioning",
        ]
    );
    for read in ["Account Settings Read", "Account API Tokens Read", "SSO Connector Read", "Billing Read"] {
        assert!(account(&catalog, read).is_subset(&admin), "{read}");
    }
    for operation in [
        "account-members-add-member",
        "account-user-group-create",
        "account-resource-group-update",
        "account-api-tokens-create-token",
    ] {
        assert!(!catalog.operation(operation).unwrap().accepts.unwrap().intersects(&admin), "{operation}");
    }
    for operation in ["account-members-list-members", "account-user-group-list", "account-api-tokens-list-tokens"] {
        assert!(catalog.operation(operation).unwrap().accepts.unwrap().intersects(&admin), "{operation}");
    }
}

#[test]
fn a_read_only_administrator_reads_everything_and_changes_nothing() {
    let catalog = Catalog::builtin();
    let reads: PermissionSet =
        catalog.permissions().iter().filter(|one| one.access == Access::Read).map(|one| one.index).collect();
    assert_eq!(group(&catalog, "admin_readonly").allows, reads & *catalog.all_privileges());
}

#[test]
fn a_read_only_bundle_only_reads() {
    let catalog = Catalog::builtin();
    let is_read_only = |label: &str| {
        ["_read", "_readonly", "_read_only", "_reader"].iter().any(|ending| label.ends_with(ending))
            || label.contains("_read_")
    };
    let bundles: Vec<_> = catalog.iam_groups().iter().filter(|group| is_read_only(&group.label)).collect();
    assert_eq!(bundles.len(), 31);
    for bundle in bundles {
        for index in bundle.allows.iter() {
            let permission = catalog.permission_at(index);
            assert_eq!(permission.access, Access::Read, "{}: {}", bundle.label, permission.name);
        }
    }
}

/// Only these can reach what decides who may do what in the account.
#[test]
fn account_administration_is_in_few_hands() {
    let catalog = Catalog::builtin();
    let guarded = [
        "Account API Tokens Write",
        "Account Settings Write",
        "Billing Write",
        "SCIM Provisioning",
        "SSO Connector Write",
    ];
    for (permission, hands) in guarded.iter().zip([1, 1, 2, 1, 1]) {
        let set = account(&catalog, permission);
        let holders = catalog.iam_groups().iter().filter(|group| group.allows.intersects(&set)).count();
        assert_eq!(holders, hands, "{permission}");
    }
}

#[test]
fn small_bundles_hold_exactly_this() {
    let catalog = Catalog::builtin();
    for (label, expected) in [
        ("audit_logs_viewer", &["Audit Logs Read"] as &[&str]),
        ("api_token_provisioning", &["Account API Tokens Provisioning"]),
        ("billing", &["Billing Read", "Billing Write"]),
        ("domain_dns", &["DNS Read", "DNS Write", "Zone DNS Settings Read", "Zone DNS Settings Write", "Zone Read"]),
        ("cache_purge", &["Cache Purge", "Zone Read", "Zone Settings Read"]),
        ("zone_read", &["Zone Read"]),
        ("teams_pii", &["Zero Trust: PII Read"]),
    ] {
        assert_eq!(names(&catalog, group(&catalog, label).allows), expected, "{label}");
    }
    assert_eq!(group(&catalog, "domain_admin").allows, catalog.of_scope(ResourceTypeIndex::ZONE));
}

#[test]
fn to_deny_a_bundle_of_reading_denies_the_writing() {
    let catalog = Catalog::builtin();
    let readonly = group(&catalog, "domain_page_shield_read");
    assert!(zone(&catalog, "Domain Page Shield").is_subset(&readonly.denies));
    assert!(!zone(&catalog, "Domain Page Shield").intersects(&readonly.allows));
}
