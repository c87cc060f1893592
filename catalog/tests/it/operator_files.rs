use portcullis_catalog::{Access, Catalog, KeyId, Origin, PermissionSet, ResourceTypeIndex};

use crate::names;

const WIDGETS: &str = include_str!("../../examples/widgets.json");

#[test]
fn a_product_of_ones_own_is_granted_like_any_other() {
    let catalog = Catalog::builtin().with_file(WIDGETS, "widgets.json").unwrap();
    let kind = catalog.resource_type_by_key("com.example.api.account.widget").unwrap();
    assert!(catalog.is_self_or_descendant(kind.index, ResourceTypeIndex::ACCOUNT));
    let key = catalog.parse_key("com.example.api.account.widget.w-1").unwrap();
    assert_eq!((key.kind, key.id), (kind.index, KeyId::Id("w-1".into())));

    let write = catalog.permissions_named("Widgets Write").next().unwrap();
    assert_eq!((write.access, write.origin), (Access::Write, Origin::Operator));
    assert_eq!(write.id.to_string(), "0767ac7d2d1c3d714a147b1a394ad534");
    assert_eq!(catalog.permission(&write.id), Some(write));

    let admin = catalog.iam_group_by_label("widgets_admin").unwrap();
    assert_eq!(names(&catalog, admin.allows), ["Widgets Read", "Widgets Write"]);
    let role = catalog.role(&admin.role.unwrap()).unwrap();
    assert_eq!((&*role.name, role.group), ("Widgets Admin", admin.id));
    let operator = catalog.iam_group(&"b25bd5e1cd1e4dc6a0e5c1e14ba2f1a7".parse().unwrap()).unwrap();
    assert_eq!(names(&catalog, operator.allows), ["Widgets Read", "Widgets Write"]);
    assert_eq!(names(&catalog, operator.denies), ["Widgets Write"]);
    assert_eq!(names(&catalog, catalog.operation("widgets-update").unwrap().accepts.unwrap()), ["Widgets Write"]);
}

#[test]
fn bundles_of_everything_hold_the_new_product_too() {
    let catalog = Catalog::builtin().with_file(WIDGETS, "widgets.json").unwrap();
    let widgets: PermissionSet =
        catalog.permissions().iter().filter(|one| one.origin == Origin::Operator).map(|one| one.index).collect();
    let held = |label: &str| catalog.iam_group_by_label(label).unwrap().allows & widgets;
    assert_eq!(names(&catalog, held("all_privileges")), ["Widgets Read", "Widgets Write"]);
    assert_eq!(names(&catalog, held("admin")), ["Widgets Read", "Widgets Write"]);
    assert_eq!(names(&catalog, held("admin_readonly")), ["Widgets Read"]);
    assert!(held("dns_admin").is_empty());
}

#[test]
fn what_was_there_stays_as_it_was() {
    let before = Catalog::builtin();
    let after = Catalog::builtin().with_file(WIDGETS, "widgets.json").unwrap();
    assert_eq!(after.permissions()[..before.permissions().len()], *before.permissions());
    assert_eq!(after.operations()[..before.operations().len()], *before.operations());
    for group in
        before.iam_groups().iter().filter(|group| !group.label.starts_with("all_") && !group.label.starts_with("admin"))
    {
        let same = after.iam_group(&group.id).unwrap();
        assert!(group.allows.is_subset(&same.allows), "{}", group.label);
        assert_eq!((&group.label, group.role), (&same.label, same.role));
    }
    assert!(before.roles().iter().all(|role| after.roles().contains(role)));
}

#[test]
fn an_empty_file_and_several_files_are_fine() {
    let other = r#"{"token_permission_groups": [{"name": "Gadgets Read", "scope": "widget"}]}"#;
    let catalog = Catalog::builtin().with_file("{}", "empty.json").unwrap();
    let catalog = catalog.with_file(WIDGETS, "widgets.json").unwrap().with_file(other, "gadgets.json").unwrap();
    assert_eq!(&*catalog.permissions_named("Gadgets Read").next().unwrap().category, "other");
}

#[test]
fn an_id_of_ones_own_choice_is_kept() {
    let text = r#"{"iam_permission_groups": [{"id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "Example", "label": "example", "scope": "account", "include": [{"all": true, "access": "read"}]}]}"#;
    let catalog = Catalog::builtin().with_file(text, "dev").unwrap();
    let group = catalog.iam_group(&"023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap()).unwrap();
    assert_eq!(group.allows, catalog.iam_group_by_label("admin_readonly").unwrap().allows);
}

#[test]
fn a_fault_is_told_with_its_place_and_what_would_be_right() {
    let types = "account, zone, user, r2_bucket, worker, access_application, access_identity_provider, access_policy, access_service_token, access_target, flagship_app";
    let group = |include: &str| {
        format!(
            r#"{{"iam_permission_groups": [{{"name": "Mine", "label": "mine", "scope": "account", "include": {include}}}]}}"#
        )
    };
    let cases: Vec<(String, String)> = vec![
        ("[]".into(), "must be a JSON object with one or more of the arrays resource_types, token_permission_groups, iam_permission_groups, roles, operations, path_resources".into()),
        ("{".into(), "is not JSON: EOF while parsing an object at line 1 column 1".into()),
        (r#"{"a/b": 1}"#.into(), "/a~1b: is not a section of a catalogue file; the sections are resource_types, token_permission_groups, iam_permission_groups, roles, operations, path_resources".into()),
        (r#"{"roles": {}}"#.into(), "/roles: must be an array".into()),
        (r#"{"roles": [1]}"#.into(), "/roles/0: invalid type: integer `1`, expected struct RoleDefinition".into()),
        (r#"{"token_permission_groups": [{"scope": "zone"}]}"#.into(), "/token_permission_groups/0: missing field `name`".into()),
        (r#"{"token_permission_groups": [{"name": "A", "scope": "zone", "colour": 1}]}"#.into(), "/token_permission_groups/0: unknown field `colour`, expected one of `id`, `name`, `scope`, `category`, `access`, `family`".into()),
        (r#"{"token_permission_groups": [{"id": "ABC", "name": "A", "scope": "zone"}]}"#.into(), "/token_permission_groups/0: `ABC` is not an id: an id is 32 lower-case hexadecimal digits".into()),
        (r#"{"token_permission_groups": [{"name": "A", "scope": "zones"}]}"#.into(), format!("/token_permission_groups/0/scope: `zones` is not a resource type: it must be one of {types}")),
        (r#"{"token_permission_groups": [{"name": " A", "scope": "zone"}]}"#.into(), "/token_permission_groups/0/name: ` A` is not a name: it must have 1 to 255 characters, no control characters, and no space around it".into()),
        (r#"{"token_permission_groups": [{"name": "A", "scope": "zone", "category": "x"}]}"#.into(), "/token_permission_groups/0/category: `x` is not a category: it must be one of account_and_billing, ai_and_machine_learning, analytics_and_logs, app_security, cache_and_performance, cloudflare_one_and_zero_trust, developer_platform, dns_and_zones, email_and_messaging, media, network_services, other, rules_and_configuration".into()),
        (r#"{"token_permission_groups": [{"name": "DNS Read", "scope": "zone"}]}"#.into(), "/token_permission_groups/0/name: token permission group `DNS Read` already exists for the scope `zone`".into()),
        (r#"{"token_permission_groups": [{"name": "Zone DNS Edit", "scope": "zone"}]}"#.into(), "/token_permission_groups/0/name: token permission group `Zone DNS Edit` already exists for the scope `zone`".into()),
        (r#"{"token_permission_groups": [{"id": "c8fed203ed3043cba015a93ad1616f1f", "name": "A", "scope": "zone"}]}"#.into(), "/token_permission_groups/0/id: `c8fed203ed3043cba015a93ad1616f1f` is already the id of the token permission group `Zone Read`".into()),
        (r#"{"resource_types": [{"key": "widget", "name": "widget"}]}"#.into(), "/resource_types/0/key: `widget` is not a resource type key: it must be lower-case words joined by dots, such as `com.example.api.account.widget`".into()),
        (r#"{"resource_types": [{"key": "a.b", "name": "A B"}]}"#.into(), "/resource_types/0/name: `A B` is not a name for a resource type: it must be one lower-case word, such as `widget`".into()),
        (r#"{"resource_types": [{"key": "com.cloudflare.api.user", "name": "person"}]}"#.into(), "/resource_types/0/key: `com.cloudflare.api.user` already exists".into()),
        (r#"{"resource_types": [{"key": "a.b", "name": "zone"}]}"#.into(), "/resource_types/0/name: `zone` already exists".into()),
        (r#"{"resource_types": [{"key": "a.b", "name": "b", "parent": "c"}]}"#.into(), format!("/resource_types/0/parent: `c` is not a resource type: it must be one of {types}")),
        (r#"{"iam_permission_groups": [{"name": "Mine", "label": "mine", "scope": "account"}]}"#.into(), r#"/iam_permission_groups/0: `include` must say what the group holds, such as `[{"scopes": ["zone"], "names": ["Zone Read"]}]`"#.into()),
        (group(r#"[{"names": ["DNS Read"]}]"#), r#"/iam_permission_groups/0/include/0: must have either `"all": true` or `scopes`"#.into()),
        (group(r#"[{"scopes": ["user"]}]"#), "/iam_permission_groups/0/include/0/scopes/0: user permissions cannot be granted by a policy".into()),
        (group(r#"[{"scopes": ["zone"], "names": ["DNS Read", "DNS Raed"]}]"#), "/iam_permission_groups/0/include/0/names/1: no token permission group is named `DNS Raed`; did you mean `DNS Read`?".into()),
        (group(r#"[{"scopes": ["account"], "names": ["DNS Read"]}]"#), "/iam_permission_groups/0/include/0/names/0: token permission group `DNS Read`, of the scope `zone`, does not fit the other fields".into()),
        (group(r#"[{"scopes": ["zone"], "families": ["Dns"]}]"#), "/iam_permission_groups/0/include/0/families/0: no token permission group that fits the other fields is of the family `Dns`; did you mean `DNS`?".into()),
        (group(r#"[{"scopes": ["zone"], "prefix": "Qqq"}]"#), "/iam_permission_groups/0/include/0: selects no token permission group".into()),
        (group(r#"[{"all": true, "access": "maybe"}]"#), "/iam_permission_groups/0: unknown variant `maybe`, expected one of `read`, `write`, `other`".into()),
        (r#"{"iam_permission_groups": [{"name": "Mine", "label": "dns_admin", "scope": "account", "include": [{"all": true}]}]}"#.into(), "/iam_permission_groups/0/label: IAM permission group with the label `dns_admin` already exists".into()),
        (r#"{"iam_permission_groups": [{"name": "DNS", "label": "mine", "scope": "account", "include": [{"all": true}]}]}"#.into(), "/iam_permission_groups/0/name: IAM permission group `DNS` already exists for the scope `account`".into()),
        (r#"{"iam_permission_groups": [{"name": "Mine", "label": "Mine!", "scope": "account", "include": [{"all": true}]}]}"#.into(), "/iam_permission_groups/0/label: `Mine!` is not a label: it must be lower-case letters, digits and `_`, such as `widgets_admin`".into()),
        (r#"{"iam_permission_groups": [{"id": "49ce85367bae433b9f0717ed4fea5c74", "name": "Mine", "label": "mine", "scope": "account", "include": [{"all": true}]}]}"#.into(), "/iam_permission_groups/0/id: `49ce85367bae433b9f0717ed4fea5c74` is already the id of the IAM permission group `DNS`".into()),
        (r#"{"roles": [{"name": "Mine", "group": "none"}]}"#.into(), "/roles/0/group: no IAM permission group has the label `none`; define it, or name another".into()),
        (r#"{"roles": [{"name": "Mine", "group": "domain_dns"}]}"#.into(), "/roles/0/group: a role is account-wide, and `domain_dns` is not: its scope must be `account`".into()),
        (r#"{"roles": [{"name": "Mine", "group": "dns_admin"}]}"#.into(), "/roles/0/group: `dns_admin` already has a role".into()),
        (r#"{"roles": [{"name": "DNS", "group": "workers_admin"}]}"#.into(), "/roles/0/name: role `DNS` already exists".into()),
        (r#"{"operations": [{"method": "get", "path": "/x", "operation_id": "x"}]}"#.into(), "/operations/0: unknown variant `get`, expected one of `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`".into()),
        (r#"{"operations": [{"method": "GET", "path": "/x"}]}"#.into(), "/operations/0: missing field `operation_id`".into()),
        (r#"{"operations": [{"method": "GET", "path": "x", "operation_id": "x"}]}"#.into(), "/operations/0/path: `x` is not a path: it must begin with `/` and put parameters in braces, such as `/accounts/{account_id}/widgets`".into()),
        (r#"{"operations": [{"method": "GET", "path": "/accounts/{a}", "operation_id": "x"}]}"#.into(), "/operations/0/path: operation `GET /accounts/{a}` already exists".into()),
        (r#"{"operations": [{"method": "GET", "path": "/x", "operation_id": "account-user-group-list"}]}"#.into(), "/operations/0/operation_id: operation `account-user-group-list` already exists".into()),
        (r#"{"operations": [{"method": "GET", "path": "/x", "operation_id": "x", "accepted_permissions": []}]}"#.into(), "/operations/0/accepted_permissions: must name at least one token permission group; leave it out if none is known".into()),
        (r#"{"operations": [{"method": "GET", "path": "/x", "operation_id": "x", "accepted_permissions": ["Zone Raed"]}]}"#.into(), "/operations/0/accepted_permissions/0: no token permission group is named `Zone Raed`; did you mean `Zone Read`?".into()),
    ];
    for (text, expected) in cases {
        let error = Catalog::builtin().with_file(&text, "mine.json").unwrap_err();
        assert_eq!(error.to_string(), format!("catalogue file `mine.json`:\n  {expected}"), "{text}");
    }
}

#[test]
fn all_faults_are_told_at_once_but_not_more_than_twenty() {
    let bad = vec![r#"{"name": "A", "scope": "nowhere"}"#; 25].join(",");
    let error = Catalog::builtin().with_file(&format!(r#"{{"token_permission_groups": [{bad}]}}"#), "f").unwrap_err();
    assert_eq!((error.faults.len(), error.more), (20, 5));
    assert!(error.to_string().ends_with("\n  and 5 more"));
    assert_eq!(&*error.faults[19].pointer, "/token_permission_groups/19/scope");
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let free = PermissionSet::CAPACITY - Catalog::builtin().permissions().len();
    let file = |count: usize| {
        let entries: Vec<_> =
            (0..count).map(|at| format!(r#"{{"name": "Thing {at} Read", "scope": "zone"}}"#)).collect();
        format!(r#"{{"token_permission_groups": [{}]}}"#, entries.join(","))
    };
    assert_eq!(Catalog::builtin().with_file(&file(free), "f").unwrap().permissions().len(), PermissionSet::CAPACITY);
    let error = Catalog::builtin().with_file(&file(free + 1), "f").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "catalogue file `f`:\n  /token_permission_groups/{free}: there can be at most 1024 token permission groups, those of the program included"
        )
    );

    let free = ResourceTypeIndex::CAPACITY - Catalog::builtin().resource_types().len();
    let file = |count: usize| {
        let entries: Vec<_> =
            (0..count).map(|at| format!(r#"{{"key": "com.example.t{at}", "name": "t{at}"}}"#)).collect();
        format!(r#"{{"resource_types": [{}]}}"#, entries.join(","))
    };
    assert!(Catalog::builtin().with_file(&file(free), "f").is_ok());
    let error = Catalog::builtin().with_file(&file(free + 1), "f").unwrap_err();
    assert!(error.to_string().contains("there can be at most 64 resource types"));
}
