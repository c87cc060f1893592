use std::collections::HashSet;

use portcullis_catalog::{Catalog, Id};

#[test]
fn an_id_is_32_lower_case_hexadecimal_digits() {
    let text = "c8fed203ed3043cba015a93ad1616f1f";
    let id: Id = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(format!("{id:?}"), text);
    assert_eq!(&id.write_hex(), text.as_bytes());
    assert_eq!(Id::from_bytes(*id.as_bytes()), id);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Id>(&format!("\"{text}\"")).unwrap(), id);
    for bad in [
        "",
        "c8fed203",
        "C8FED203ED3043CBA015A93AD1616F1F",
        "c8fed203-ed30-43cb-a015-a93ad1616f1f",
        &format!("{text}0"),
        "g8fed203ed3043cba015a93ad1616f1f",
    ] {
        let error = bad.parse::<Id>().unwrap_err().to_string();
        assert_eq!(error, format!("`{bad}` is not an id: an id is 32 lower-case hexadecimal digits"));
        assert!(serde_json::from_str::<Id>(&format!("\"{bad}\"")).is_err());
    }
}

/// The expected digits were computed by other means (hashlib).
#[test]
fn an_id_that_nobody_published_is_derived_from_what_the_entry_is_called() {
    let catalog = Catalog::builtin();
    let permission = catalog.permissions_named("Zone Security Center Insights Read").next().unwrap();
    assert_eq!(permission.id.to_string(), "3ba2c061424631c21ca917459932124c");
    let group = catalog.iam_group_by_label("minimal_account_access").unwrap();
    assert_eq!(group.id.to_string(), "806a76328c19990b00687663568db34e");
    let role = catalog.roles().iter().find(|role| &*role.name == "Realtime Admin").unwrap();
    assert_eq!(role.id.to_string(), "a6dadd69be0ede33d764262bc41beff1");
}

#[test]
fn an_id_stands_once_in_each_catalogue() {
    let catalog = Catalog::builtin();
    let permissions: HashSet<Id> = catalog.permissions().iter().map(|one| one.id).collect();
    assert_eq!(permissions.len(), catalog.permissions().len());
    let groups: HashSet<Id> = catalog.iam_groups().iter().map(|one| one.id).collect();
    assert_eq!(groups.len(), catalog.iam_groups().len());
    let roles: HashSet<Id> = catalog.roles().iter().map(|one| one.id).collect();
    assert_eq!(roles.len(), catalog.roles().len());
    assert_eq!(groups.intersection(&roles).count(), 0);
    // Three published ids mean one thing among token groups and another among IAM groups.
    assert_eq!(groups.intersection(&permissions).count(), 3);
}
