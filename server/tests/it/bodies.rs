//! Bodies that cannot be carried out: each fault is told, with its place, all at once, and nothing changes (D71).

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::TestServer;

use crate::support::{GROUPS, MEMBERS, RESOURCE_GROUPS, policy, refused, refused_text, refused_to};

#[tokio::test]
async fn a_body_that_is_not_json_is_told_where_it_breaks() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    assert_snapshot!(refused_text(&server, &create, "{\"name\": ").await, @"400 1001 [] the body is not JSON: EOF while parsing a value at line 1 column 9");
    assert_snapshot!(refused_text(&server, &create, "name=staff").await, @"400 1001 [] the body is not JSON: expected ident at line 1 column 2");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_snapshot!(refused_text(&server, &create, &deep).await, @"400 1001 [] the body is not JSON: recursion limit exceeded at line 1 column 128");
}

#[tokio::test]
async fn wrong_types_are_told_with_their_place() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    let bodies = [
        json!([]),
        json!("staff"),
        json!({}),
        json!({ "name": null }),
        json!({ "name": 7, "policies": "all" }),
        json!({ "name": "staff", "policies": [1, {}] }),
        json!({ "name": "staff", "policies": [{ "access": "maybe", "permission_groups": [{}], "resource_groups": [{}, 3] }] }),
        json!({ "name": "staff", "policies": [{ "id": 1, "access": 2, "permission_groups": {}, "resource_groups": {} }] }),
    ];
    let mut lines = Vec::new();
    for body in bodies {
        lines.push(refused(&server, &create, body).await);
    }
    assert_snapshot!(lines.join("\n--\n"), @r"
    400 1001 [] the body must be an object, not an array
    --
    400 1001 [] the body must be an object, not a string
    --
    400 1001 [/name] name must be present
    --
    400 1001 [/name] name must be present
    --
    400 1001 [/name] name must be a string, not a number
    400 1001 [/policies] policies must be an array, not a string
    --
    400 1001 [/policies/0] 0 must be an object, not a number
    400 1001 [/policies/1/access] access must be present
    400 1001 [/policies/1/permission_groups] permission_groups must be present
    400 1001 [/policies/1/resource_groups] resource_groups must be present
    --
    400 1001 [/policies/0/access] `maybe` must be one of `allow`, `deny`
    400 1001 [/policies/0/permission_groups/0/id] id must be present
    400 1001 [/policies/0/resource_groups/0/id] id must be present, or a scope
    400 1001 [/policies/0/resource_groups/1] 1 must be an object, not a number
    --
    400 1001 [/policies/0/access] access must be a string, not a number
    400 1001 [/policies/0/id] id must be a string, not a number
    400 1001 [/policies/0/permission_groups] permission_groups must be an array, not an object
    400 1001 [/policies/0/resource_groups] resource_groups must be an array, not an object
    ");
}

#[tokio::test]
async fn a_key_given_twice_is_refused_at_any_depth() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    let told = refused_text(
        &server,
        &create,
        r#"{"name": "a", "name": "b", "policies": [{"access": "allow", "access": "deny"}]}"#,
    )
    .await;
    assert_snapshot!(told, @r"
    400 1001 [/name] `name` is given twice
    400 1001 [/policies/0/access] `access` is given twice
    400 1001 [/policies/0/permission_groups] permission_groups must be present
    400 1001 [/policies/0/resource_groups] resource_groups must be present
    ");
}

#[tokio::test]
async fn at_most_twenty_faults_are_told_and_all_of_them_at_once() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    let many: Vec<Value> =
        (0..30).map(|_| json!({ "access": "no", "permission_groups": [], "resource_groups": [] })).collect();
    let told = refused(&server, &create, json!({ "name": "", "policies": many })).await;
    assert_eq!(told.lines().count(), 20);
    let whole = server.whole_account().await;
    let bad = policy(&server, "allow", &["admin"], &[&whole, crate::support::UNKNOWN]);
    assert_snapshot!(refused(&server, &create, json!({ "name": " ", "policies": [bad] })).await, @r"
    400 1003 [/name] name must not be empty
    400 1001 [/policies/0/resource_groups/1/id] resource group `<id>` not found in this account
    ");
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_words_are_read_in_any_case() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let policy = policy(&server, "ALLOW", &["admin_readonly"], &[&whole]);
    let made = server.admin().post(GROUPS, json!({ "name": "staff", "policies": [policy], "colour": "red" })).await;
    assert_eq!(made.result()["policies"][0]["access"], "allow");
    assert_eq!(made.result()["colour"], Value::Null);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_too_large_and_one_of_a_mebibyte_is_not() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    let body = |length: usize| r#"{"name": "staff"}"#.to_owned() + &" ".repeat(length - 17);
    assert_snapshot!(refused_text(&server, &create, &body((1 << 20) + 1)).await, @"413 1001 the body must be at most 1 MiB");
    let made = server.admin().send(testkit::Method::POST, GROUPS, Some(body(1 << 20))).await;
    assert_eq!(made.status, 200);
}

#[tokio::test]
async fn whoever_may_not_learns_nothing_of_the_body() {
    let server = TestServer::start().await;
    let reader = server.member("ro@example.com", server.roles(&["Administrator Read Only"])).await;
    for path in [GROUPS, RESOURCE_GROUPS, MEMBERS] {
        for body in ["{", "{}", r#"{"name": ""}"#] {
            assert_eq!(refused_to(&server, &reader, &format!("POST {path}"), body).await, "403 10000 Forbidden");
        }
    }
}

#[test]
fn no_json_is_answered_but_with_success_or_its_faults() {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z*]{0,4}".prop_map(Value::from),
    ];
    let words = [
        "name",
        "policies",
        "access",
        "permission_groups",
        "resource_groups",
        "scope",
        "key",
        "objects",
        "id",
        "email",
        "roles",
    ];
    let json = leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(words.to_vec()), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>()),
        ]
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestServer::start());
    let admin = server.admin();
    let paths = prop::sample::select(vec![
        GROUPS,
        RESOURCE_GROUPS,
        MEMBERS,
        crate::support::AUTHORIZE,
        crate::support::CONNECTORS,
    ]);
    proptest!(ProptestConfig::with_cases(128), |(path in paths, body in json)| {
        let answer = runtime.block_on(admin.post(path, body.clone()));
        prop_assert!(answer.status == 200 || answer.status == 400, "{path} {body}: {} {}", answer.status, answer.text);
        if answer.status == 400 {
            let errors = answer.body["errors"].as_array().expect("errors");
            prop_assert!((1..=20).contains(&errors.len()));
            for error in errors {
                prop_assert!(error["source"]["pointer"].as_str().is_some_and(|at| at.is_empty() || at.starts_with('/')), "{error}");
            }
        }
    });
}
