use std::collections::HashSet;

use portcullis_catalog::{Catalog, LEGACY_KEYS, ResourceTypeIndex, Role};

#[test]
fn a_role_is_one_account_wide_group_of_the_same_name() {
    let catalog = Catalog::builtin();
    let mut groups = HashSet::new();
    for role in catalog.roles() {
        assert_eq!(catalog.role(&role.id), Some(role));
        let group = catalog.iam_group(&role.group).unwrap();
        assert_eq!(group.role, Some(role.id));
        assert_eq!(group.name, role.name);
        assert_eq!(group.scope, ResourceTypeIndex::ACCOUNT);
        assert!(groups.insert(group.id), "{}", role.name);
    }
    let order: Vec<_> = catalog.roles().iter().map(|role| (role.name.to_lowercase(), role.id)).collect();
    assert!(order.is_sorted());
    // Without a role: the older name of Workers Platform Admin, and the example group of the API reference.
    let without =
        catalog.iam_groups().iter().filter(|one| one.role.is_none() && one.scope == ResourceTypeIndex::ACCOUNT);
    assert_eq!(without.map(|one| &*one.label).collect::<Vec<_>>(), ["workers_admin", "zone_read"]);
}

#[test]
fn well_known_roles_have_their_published_ids() {
    let catalog = Catalog::builtin();
    for (id, label) in [
        ("33666b9c79b9a5273fc7344ff42f953d", "all_privileges"),
        ("05784afa30c1afe1440e79d9351c7430", "admin"),
        ("f2b20eaa1a5d4af42b53ac16238c99c7", "admin_readonly"),
        ("5c35d2bf3a545e6b7560b826c0d23c39", "minimal_account_access"),
    ] {
        let role = catalog.role(&id.parse().unwrap()).unwrap();
        assert_eq!(&*catalog.iam_group(&role.group).unwrap().label, label);
    }
}

/// `key:rw` for each flag that is set.
fn flags(role: &Role) -> String {
    let set = role.permissions.0.iter().filter(|grant| grant.read || grant.write);
    let text = |key: &str, read: bool, write: bool| {
        format!("{key}:{}{}", if read { "r" } else { "" }, if write { "w" } else { "" })
    };
    set.map(|grant| text(grant.key, grant.read, grant.write)).collect::<Vec<_>>().join(" ")
}

/// What a public list of the 41 roles with known ids gives for them, and what is derived here. `legacy_roles.json` is that
/// list; where the two differ, the difference and its reason stand here.
#[test]
fn the_flags_of_published_roles_are_as_published_save_for_these() {
    let deviations = [
        // Account Settings Write is also the administration of members (D17), which an administrator must not have.
        ("Administrator", "organization:rw", "organization:r"),
        // The example role of the API reference. Purging is an act: there is nothing to see, so nobody "reads" it.
        ("Account Administrator", "cache_purge:r", ""),
    ];
    let published: serde_json::Value = serde_json::from_str(include_str!("legacy_roles.json")).unwrap();
    let catalog = Catalog::builtin();
    let mut found = Vec::new();
    for (id, expected) in published.as_object().unwrap() {
        let role = catalog.role(&id.parse().unwrap()).unwrap();
        let derived = flags(role);
        for key in LEGACY_KEYS {
            let flag =
                |text: &str| text.split(' ').find(|flag| flag.split(':').next() == Some(key)).unwrap_or("").to_owned();
            let (wanted, got) = (flag(expected.as_str().unwrap()), flag(&derived));
            if wanted != got {
                found.push((&*role.name, wanted, got));
            }
        }
    }
    found.sort_unstable_by(|left, right| right.cmp(left));
    let found: Vec<_> = found.iter().map(|(role, wanted, got)| (*role, &**wanted, &**got)).collect();
    assert_eq!(found, deviations);
}

#[test]
fn every_role_shows_all_twelve_flags_in_order() {
    let catalog = Catalog::builtin();
    for role in catalog.roles() {
        assert_eq!(role.permissions.0.map(|grant| grant.key), LEGACY_KEYS);
    }
    let minimal = catalog.roles().iter().find(|role| &*role.name == "Minimal Account Access").unwrap();
    assert_eq!(flags(minimal), "organization:r");
}
