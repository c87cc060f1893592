//! From calls to operations and to what they are about.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use portcullis_catalog::{CallResource, Catalog, Method, OperationMatch, PermissionSet, ResourceTypeIndex};

const HEX: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn find<'c, 'p>(catalog: &'c Catalog, method: Method, path: &'p str) -> (&'c str, Vec<(&'c str, Cow<'p, str>)>) {
    let OperationMatch { operation, parameters } =
        catalog.match_operation(method, path).unwrap_or_else(|| panic!("{method} {path} matches nothing"));
    (operation.id.as_deref().unwrap_or_default(), parameters)
}

/// A template with its parameters filled; the choices with a word that there is.
fn filled(template: &str, value: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { panic!("{template}") };
        path.push_str(before);
        path.push_str(if name == "accounts_or_zones" { "zones" } else { value });
        rest = after;
    }
    path + rest
}

/// How particular a template is, segment by segment: a literal, a choice, a mixed segment, a parameter.
fn shape(template: &str) -> Vec<u8> {
    let kind =
        |segment: &str| match (segment, segment.contains('{'), segment.starts_with('{') && segment.ends_with('}')) {
            ("{accounts_or_zones}", _, _) => 1,
            (_, false, _) => 0,
            (_, _, false) => 2,
            _ if segment.matches('{').count() > 1 => 2,
            _ => 3,
        };
    template.split('/').map(kind).collect()
}

#[test]
fn every_template_filled_with_ids_is_its_own_operation_or_a_more_particular_one() {
    let catalog = Catalog::builtin();
    let mut others = Vec::new();
    for operation in catalog.operations() {
        let path = filled(&operation.path, HEX);
        let found = catalog.match_operation(operation.method, &path);
        let found = found.unwrap_or_else(|| panic!("{} {} is lost", operation.method, operation.path));
        if found.operation != operation {
            others.push((operation.method, &*operation.path, &*found.operation.path));
            assert!(
                shape(&found.operation.path) < shape(&operation.path),
                "{} took {}",
                found.operation.path,
                operation.path
            );
            continue;
        }
        let expected = operation.path.matches('{').count();
        assert_eq!(found.parameters.len(), expected, "{}", operation.path);
        for (name, value) in &found.parameters {
            assert!(*name == "accounts_or_zones" || **value == *HEX, "{name} of {} is {value}", operation.path);
        }
    }
    // `/zones/{zone_id}/…` beside `/{accounts_or_zones}/{account_or_zone_id}/…`: the words of the former win.
    assert!(
        others.iter().all(|(_, from, to)| from.starts_with("/{accounts_or_zones}/") && to.starts_with("/zones/")),
        "{others:?}"
    );
}

#[test]
fn every_template_is_its_own_operation_with_nothing_bound() {
    let catalog = Catalog::builtin();
    for operation in catalog.operations() {
        for path in [operation.path.to_string(), format!("/client/v4{}", operation.path)] {
            let found = catalog.match_operation(operation.method, &path).unwrap();
            assert_eq!((found.operation, &*found.parameters), (operation, &[][..]), "{path}");
        }
    }
}

#[test]
fn literal_words_win_over_parameters() {
    let catalog = Catalog::builtin();
    let tokens = format!("/accounts/{HEX}/tokens");
    let verify = find(&catalog, Method::Get, &format!("{tokens}/verify")).0.to_owned();
    let details = find(&catalog, Method::Get, &format!("{tokens}/{HEX}")).0.to_owned();
    assert_ne!(verify, details);
    // Only GET has the literal, so another method falls back on the parameter.
    assert_eq!(find(&catalog, Method::Delete, &format!("{tokens}/verify")).1.last().unwrap().1, "verify");
}

#[test]
fn paths_are_taken_however_they_were_recorded() {
    let catalog = Catalog::builtin();
    let plain = format!("/zones/{HEX}/dns_records");
    let (expected, _) = find(&catalog, Method::Get, &plain);
    assert_eq!(expected, "dns-records-for-a-zone-list-dns-records");
    for path in [
        format!("{plain}/"),
        format!("{plain}?page=2&match=all"),
        format!("{plain}#top"),
        format!("/client/v4{plain}"),
        format!("/client/v4{plain}/?per_page=5"),
        format!("https://api.example.com/client/v4{plain}?x=https://other/y"),
        format!("http://127.0.0.1:8787{plain}"),
        format!("/zones/{HEX}/%64ns_records"),
    ] {
        let (id, parameters) = find(&catalog, Method::Get, &path);
        assert_eq!(id, expected, "{path}");
        assert_eq!(parameters, [("zone_id", Cow::Borrowed(HEX))], "{path}");
        assert_eq!(find(&catalog, Method::Head, &path).0, expected, "a HEAD is its GET");
    }
}

#[test]
fn values_are_decoded() {
    let catalog = Catalog::builtin();
    let path = format!("/zones/{HEX}/speed_api/pages/example.com%2Fa%20b/tests");
    assert_eq!(find(&catalog, Method::Get, &path).1[1], ("url", Cow::from("example.com/a b")));
    // What is in braces but percent-encoded is a value.
    assert_eq!(find(&catalog, Method::Get, "/zones/%7Bzone_id%7D/dns_records").1[0].1, "{zone_id}");
}

#[test]
fn some_last_parameters_go_on_over_slashes() {
    let catalog = Catalog::builtin();
    let path = format!("/accounts/{HEX}/ai/run/@cf/meta/llama-3-8b");
    assert_eq!(find(&catalog, Method::Post, &path).1[1], ("model_name", Cow::from("@cf/meta/llama-3-8b")));
    let path = format!("/accounts/{HEX}/r2/buckets/b/objects/a//b%20c/?x=1");
    assert_eq!(find(&catalog, Method::Get, &path).1[2], ("object_key", Cow::from("a//b c/")));
    assert!(catalog.match_operation(Method::Get, &format!("/accounts/{HEX}/r2/buckets/b/objects/a/../b")).is_none());
}

#[test]
fn mixed_segments_give_their_values() {
    let catalog = Catalog::builtin();
    let events = format!("/accounts/{HEX}/magic/connectors/c/telemetry/events/17.4");
    let (_, parameters) = find(&catalog, Method::Get, &events);
    assert_eq!(parameters[2..], [("event_t", Cow::from("17")), ("event_n", Cow::from("4"))]);
    let picture = format!("/accounts/{HEX}/urlscanner/v2/screenshots/{HEX}.png");
    assert_eq!(find(&catalog, Method::Get, &picture).1[1], ("scan_id", Cow::from(HEX)));
}

#[test]
fn what_is_no_call_matches_nothing() {
    let catalog = Catalog::builtin();
    for path in [
        "",
        "accounts",
        "/",
        "//",
        "/accounts//members",
        "/nowhere",
        "/accounts/a/../members",
        "/accounts/%2e%2e/members",
        "/accounts/./members",
        "/users/a/rulesets",
        "/client/v4",
        "/client/v4x/accounts",
        "/accounts/%ff/members",
        "ftp://x/accounts",
        "/ACCOUNTS/a/members",
        "/accounts/a/members/b/c/d",
    ] {
        assert!(catalog.match_operation(Method::Get, path).is_none(), "{path}");
    }
    assert!(catalog.match_operation(Method::Options, "/accounts").is_none());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(path in "(https?://|/client/v4)?[-/a-z{}%.:?#é0-9]{0,80}") {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
        let catalog = &*CATALOG;
        for method in [Method::Get, Method::Post, Method::Head] {
            if let Some(found) = catalog.match_operation(method, &path) {
                catalog.resource_of(&found);
            }
        }
    }
}

fn resource(catalog: &Catalog, method: Method, path: &str) -> (String, Option<String>, Option<String>) {
    let found = catalog.match_operation(method, path).unwrap_or_else(|| panic!("{path}"));
    let CallResource { kind, id, account } = catalog.resource_of(&found);
    (catalog.resource_type(kind).name.to_string(), id.map(String::from), account.map(String::from))
}

#[test]
fn a_call_is_about_what_its_path_names() {
    let catalog = Catalog::builtin();
    let some = |text: &str| Some(text.to_owned());
    let cases: [(&str, &str, Option<String>, Option<String>); 15] = [
        ("/accounts", "account", None, None),
        ("/accounts/a1/members", "account", some("a1"), some("a1")),
        ("/accounts/{account_id}/members", "account", None, None),
        ("/accounts/a1/addressing/address_maps/m", "account", some("a1"), some("a1")),
        ("/zones", "zone", None, None),
        ("/zones/z1/dns_records", "zone", some("z1"), None),
        ("/zones/z1/rulesets", "zone", some("z1"), None),
        ("/accounts/a1/rulesets", "account", some("a1"), some("a1")),
        ("/user", "user", None, None),
        ("/user/load_balancers/pools", "account", None, None),
        ("/accounts/a1/settings/transformations", "zone", None, some("a1")),
        ("/accounts/a1/r2/buckets/b1/cors", "r2_bucket", some("a1_default_b1"), some("a1")),
        ("/accounts/a1/workers/scripts/w1/settings", "worker", some("w1"), some("a1")),
        ("/accounts/a1/access/apps/p1/policies", "access_application", some("p1"), some("a1")),
        ("/zones/z1/access/apps/p1/policies", "zone", some("z1"), None),
    ];
    for (path, kind, id, account) in cases {
        assert_eq!(resource(&catalog, Method::Get, path), (kind.to_owned(), id, account), "{path}");
    }
}

#[test]
fn what_an_operation_accepts_can_apply_to_what_it_is_about() {
    let catalog = Catalog::builtin();
    let mut cannot = Vec::new();
    for operation in catalog.operations() {
        let Some(accepts) = &operation.accepts else { continue };
        let path = filled(&operation.path, HEX);
        let found = catalog.match_operation(operation.method, &path).unwrap();
        let kind = catalog.resource_of(&found).kind;
        let applicable = |scope| catalog.is_self_or_descendant(kind, scope);
        let applicable: PermissionSet =
            accepts.iter().filter(|index| applicable(catalog.permission_at(*index).scope)).collect();
        if applicable.is_empty() {
            cannot.push((operation.method, &operation.path, catalog.resource_type(kind).name.clone()));
        }
    }
    assert_eq!(cannot, []);
}

#[test]
fn an_operators_operations_and_resources_are_found() {
    let catalog = Catalog::builtin().with_file(include_str!("../../examples/widgets.json"), "widgets.json").unwrap();
    let (id, parameters) = find(&catalog, Method::Put, "/accounts/a1/widgets/w%201");
    assert_eq!(id, "widgets-update");
    assert_eq!(parameters, [("account_id", Cow::from("a1")), ("widget_id", Cow::from("w 1"))]);
    let expected = ("widget".to_owned(), Some("w1".to_owned()), Some("a1".to_owned()));
    assert_eq!(resource(&catalog, Method::Put, "/accounts/a1/widgets/w1"), expected);
}

#[test]
fn faults_of_paths_are_told() {
    let operation =
        |path: &str| format!(r#"{{"operations": [{{"operation_id": "x", "method": "GET", "path": "{path}"}}]}}"#);
    let row = |path: &str, kind: &str, id: &str| {
        format!(r#"{{"path_resources": [{{"path": "{path}", "resource_type": "{kind}", "id": "{id}"}}]}}"#)
    };
    let cases = BTreeMap::from([
        (operation("/x/{y"), "/operations/0/path"),
        (operation("/x/"), "/operations/0/path"),
        (operation("/x/{a}{b}"), "/operations/0/path"),
        (operation("/x?y"), "/operations/0/path"),
        (row("x", "zone", "1"), "/path_resources/0/path"),
        (row("/x/{y}.z", "zone", "1"), "/path_resources/0/path"),
        (row("/x/{y}", "zoo", "{y}"), "/path_resources/0/resource_type"),
        (row("/x/{y}", "zone", "{z}"), "/path_resources/0/id"),
        (row("/zones/{whatever}", "zone", "{whatever}"), "/path_resources/0/path"),
    ]);
    for (text, pointer) in cases {
        let error = Catalog::builtin().with_file(&text, "mine.json").unwrap_err();
        assert_eq!(error.faults.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), [pointer], "{text}: {error}");
    }
}

#[test]
fn a_resource_has_a_key_if_the_path_names_it() {
    let catalog = Catalog::builtin();
    let key = |path: &str| catalog.resource_of(&catalog.match_operation(Method::Get, path).unwrap()).key(&catalog);
    assert_eq!(key("/zones/z1/dns_records").as_deref(), Some("com.cloudflare.api.account.zone.z1"));
    assert_eq!(key("/zones/{zone_id}/dns_records"), None);
    let found = catalog.match_operation(Method::Get, "/zones").unwrap();
    assert_eq!(catalog.resource_of(&found).kind, ResourceTypeIndex::ZONE);
}
