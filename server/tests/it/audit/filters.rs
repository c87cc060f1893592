//! Every filter, and its opposite.

use model::members::Grants;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestServer, allow};

use super::{entries, ids, start};
use crate::support::{GROUPS, MEMBERS, account_key};

/// Some of everything: entries that differ in every field.
async fn busy() -> (TestServer, Caller) {
    let (server, admin) = start().await;
    let zone = admin
        .post("/zones", json!({ "name": "a.example.com", "account": { "id": server.account.to_string() } }))
        .await
        .id();
    let staff = admin.post(GROUPS, json!({ "name": "staff" })).await.id();
    admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": "crew" })).await.id();
    let token = server.token(Owner::Account, &[allow(&["Account Settings Write"], &[&account_key(&server)])]).await;
    token.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await.id();
    let bare = server.member("bare@example.com", Grants::Policies(vec![])).await;
    bare.caller.clone().header("user-agent", "curl").post(GROUPS, json!({ "name": "x" })).await;
    admin.delete(&format!("/zones/{zone}")).await.id();
    admin.delete(&format!("{GROUPS}/{staff}")).await.id();
    admin.post("/user/tokens", json!({ "name": "" })).await;
    (server, admin)
}

/// What an entry shows of a field, as a filter wants it.
fn shown(entry: &Value, field: &str) -> Option<String> {
    let pointer = match field {
        "account_name" => "/account/name",
        "action_result" => "/action/result",
        "action_type" => "/action/type",
        "actor_context" => "/actor/context",
        "actor_email" => "/actor/email",
        "actor_id" => "/actor/id",
        "actor_ip_address" => "/actor/ip_address",
        "actor_token_id" => "/actor/token_id",
        "actor_token_name" => "/actor/token_name",
        "actor_type" => "/actor/type",
        "id" | "audit_log_id" => "/id",
        "raw_cf_ray_id" => "/raw/cf_ray_id",
        "raw_method" => "/raw/method",
        "raw_status_code" => "/raw/status_code",
        "raw_uri" => "/raw/uri",
        "resource_id" => "/resource/id",
        "resource_product" => "/resource/product",
        "resource_type" => "/resource/type",
        "resource_scope" => "/resource/scope/type",
        "zone_id" => "/zone/id",
        "zone_name" => "/zone/name",
        other => panic!("{other}"),
    };
    match entry.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        other => panic!("{other}"),
    }
}

const FIELDS: [&str; 22] = [
    "account_name",
    "action_result",
    "action_type",
    "actor_context",
    "actor_email",
    "actor_id",
    "actor_ip_address",
    "actor_token_id",
    "actor_token_name",
    "actor_type",
    "id",
    "audit_log_id",
    "raw_cf_ray_id",
    "raw_method",
    "raw_status_code",
    "raw_uri",
    "resource_id",
    "resource_product",
    "resource_type",
    "resource_scope",
    "zone_id",
    "zone_name",
];

fn encoded(value: &str) -> String {
    value.replace(' ', "%20").replace('@', "%40").replace('/', "%2F")
}

#[tokio::test]
async fn each_filter_finds_what_shows_its_value_and_its_opposite_all_else() {
    let (_server, admin) = busy().await;
    let all = entries(&admin, "limit=1000").await;
    assert!(all.len() > 10, "{}", all.len());
    for field in FIELDS {
        let mut values: Vec<String> = all.iter().filter_map(|entry| shown(entry, field)).collect();
        values.sort();
        values.dedup();
        assert!(!values.is_empty(), "no entry shows {field}");
        for value in &values {
            let is = |entry: &&Value| shown(entry, field).as_ref() == Some(value);
            let (those, others): (Vec<&Value>, Vec<&Value>) = all.iter().partition(is);
            let found = entries(&admin, &format!("{field}={}", encoded(value))).await;
            assert_eq!(ids(&found), ids(&those.into_iter().cloned().collect::<Vec<_>>()), "{field}={value}");
            let found = entries(&admin, &format!("{field}.not={}", encoded(value))).await;
            assert_eq!(ids(&found), ids(&others.into_iter().cloned().collect::<Vec<_>>()), "{field}.not={value}");
        }
        // Several values are alternatives; none of them is none.
        let each = |parameter: &str| {
            values.iter().map(|value| format!("{parameter}={}", encoded(value))).collect::<Vec<_>>().join("&")
        };
        let some = all.iter().filter(|entry| shown(entry, field).is_some()).count();
        assert_eq!(entries(&admin, &each(field)).await.len(), some, "{field}");
        assert_eq!(entries(&admin, &each(&format!("{field}.not"))).await.len(), all.len() - some, "{field}.not");
    }
}

#[tokio::test]
async fn all_filters_must_hold_and_categories_join_products() {
    let (_server, admin) = busy().await;
    let all = entries(&admin, "").await;
    let found = entries(&admin, "action_type=delete&resource_product=zones").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["zone"]["name"], "a.example.com", "the name is that of before");
    assert_eq!(entries(&admin, "action_type=delete&resource_product=zones&action_type.not=delete").await.len(), 0);
    let product =
        |entry: &&Value, wanted: &[&str]| wanted.iter().any(|product| entry["resource"]["product"] == *product);
    let wanted =
        all.iter().filter(|entry| product(entry, &["user_groups", "members", "resource_groups", "commits", "zones"]));
    let found = entries(&admin, "product_category=Access_Control&resource_product=zones").await;
    assert_eq!(found.len(), wanted.count());
    let categories = admin.get("/accounts/{account}/logs/audit/product_categories").await;
    for category in categories.list() {
        let value = category["value"].as_str().unwrap();
        let products: Vec<&str> =
            category["products"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
        let wanted = all.iter().filter(|entry| product(entry, &products)).count();
        assert_eq!(entries(&admin, &format!("product_category={value}")).await.len(), wanted, "{value}");
    }
}

#[tokio::test]
async fn case_does_not_matter_where_it_does_not_matter() {
    let (server, admin) = busy().await;
    let mail = server.user.email.as_str().to_uppercase().replace('@', "%40");
    for (one, other) in [
        (format!("actor_email={mail}"), format!("actor_email={}", mail.to_lowercase())),
        ("action_result=FAILURE".to_owned(), "action_result=failure".to_owned()),
        ("raw_method=put".to_owned(), "raw_method=PUT".to_owned()),
        ("zone_name=A.Example.Com".to_owned(), "zone_name=a.example.com".to_owned()),
        ("actor_ip_address=::ffff:127.0.0.1".to_owned(), "actor_ip_address=127.0.0.1".to_owned()),
    ] {
        let (one, other) = (entries(&admin, &one).await, entries(&admin, &other).await);
        assert!(!one.is_empty());
        assert_eq!(ids(&one), ids(&other));
    }
}
