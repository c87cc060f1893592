//! The registry of what scopes can point at besides zones (D26, D90).

use serde_json::{Value, json};
use testkit::{Owner, TestServer, allow};

use crate::support::{account_key, another_account, resource_group, revision};

const RESOURCES: &str = "/accounts/{account}/iam/resources";
/// A type of the operator's own, and one that lies in it.
const TYPES: &str = r#"{
    "resource_types": [
        { "key": "com.example.shop", "name": "shop", "parent": "account" },
        { "key": "com.example.shop.till", "name": "till", "parent": "shop" }
    ],
    "token_permission_groups": [
        { "name": "Shop Read", "scope": "shop", "category": "other" }
    ]
}"#;

async fn server() -> TestServer {
    TestServer::builder().catalogue(TYPES).start().await
}

#[tokio::test]
async fn a_resource_is_registered_renamed_found_and_removed() {
    let server = server().await;
    let admin = server.admin();
    let made = admin.post(RESOURCES, json!({ "key": "com.example.shop.one", "name": " First " })).await;
    assert_eq!((&made.result()["name"], &made.result()["type"]), (&json!("First"), &json!("com.example.shop")));
    assert!(made.result().get("parent").is_none());
    let till = json!({ "key": "com.example.shop.till.7", "parent": "com.example.shop.one" });
    let till = admin.post(RESOURCES, till).await;
    assert_eq!((&till.result()["name"], &till.result()["parent"]), (&json!("7"), &json!("com.example.shop.one")));
    let worker = admin.post(RESOURCES, json!({ "key": "com.cloudflare.api.account.worker.abc" })).await;
    assert_eq!(worker.status, 200, "{}", worker.text);
    server.zone("example.com").await;
    let keys = async |query: &str| {
        let answer = admin.get(&format!("{RESOURCES}{query}")).await;
        answer.list().iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        keys("").await,
        ["com.cloudflare.api.account.worker.abc", "com.example.shop.one", "com.example.shop.till.7"]
    );
    assert_eq!(keys("?type=com.example.shop").await, ["com.example.shop.one"]);
    assert_eq!(keys("?parent=com.example.shop.one").await, ["com.example.shop.till.7"]);
    assert_eq!(keys("?name=first").await, ["com.example.shop.one"]);
    assert_eq!(keys("?per_page=1&page=2").await, ["com.example.shop.one"]);
    let path = format!("{RESOURCES}/com.example.shop.one");
    assert_eq!(admin.get(&path).await.result(), made.result());
    assert_eq!(admin.patch(&path, json!({ "name": "Second" })).await.result()["name"], "Second");
    let before = revision(&server).await;
    assert_eq!(admin.patch(&path, json!({})).await.result()["name"], "Second");
    assert_eq!(revision(&server).await, before);
    assert_eq!(
        admin.delete(&path).await.status_and_error(),
        "400 1010 1 resources lie in `com.example.shop.one`; remove them first"
    );
    admin.delete(&format!("{RESOURCES}/com.example.shop.till.7")).await.result();
    assert_eq!(admin.delete(&path).await.result(), &json!({ "key": "com.example.shop.one" }));
    assert_eq!(admin.get(&path).await.status, 404);
    assert_eq!(admin.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_key_that_was_removed_is_never_given_out_again() {
    let server = server().await;
    let admin = server.admin();
    let key = "com.example.shop.one";
    admin.post(RESOURCES, json!({ "key": key })).await.result();
    let scope = resource_group(&server, "shops", &[key]).await;
    let token = server.token(Owner::Account, &[allow(&["Shop Read"], &[key])]).await;
    let may = async || {
        let question = json!({ "subject": { "type": "token", "id": token.id.to_string() }, "action": { "name": "Shop Read" }, "resource": { "type": "shop", "id": "one" } });
        admin.post("/access/v1/evaluation", question).await.body["decision"].clone()
    };
    assert_eq!(may().await, Value::Bool(true));
    admin.delete(&format!("{RESOURCES}/{key}")).await.result();
    assert_ne!(may().await, Value::Bool(true));
    let shown = admin.get(&format!("/accounts/{{account}}/iam/resource_groups/{scope}")).await;
    assert!(shown.text.contains(key), "the key stays where it was named");
    let again = admin.post(RESOURCES, json!({ "key": key })).await;
    assert!(again.status_and_error().starts_with("400 1004 `com.example.shop.one` was removed"), "{}", again.text);
    let (stranger, caller) = server.user("stranger@example.com").await;
    let elsewhere = another_account(&server, &stranger).await;
    let elsewhere = caller.about(elsewhere).post(RESOURCES, json!({ "key": key })).await;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text);
    assert_ne!(may().await, Value::Bool(true));
}

#[tokio::test]
async fn what_is_no_resource_is_refused_with_its_place() {
    let server = server().await;
    let admin = server.admin();
    admin.post(RESOURCES, json!({ "key": "com.example.shop.one" })).await.result();
    let refused = async |body: Value| {
        let answer = admin.post(RESOURCES, body).await;
        (answer.status, answer.pointers().into_iter().map(str::to_owned).collect::<Vec<_>>().join(" "))
    };
    let account = account_key(&server);
    for (body, place) in [
        (json!({}), "/key"),
        (json!({ "key": 7 }), "/key"),
        (json!({ "key": "one" }), "/key"),
        (json!({ "key": "com.example.shop.*" }), "/key"),
        (json!({ "key": account }), "/key"),
        (json!({ "key": "com.cloudflare.api.account.zone.00000000000000000000000000000009" }), "/key"),
        (json!({ "key": "com.cloudflare.api.user.00000000000000000000000000000009" }), "/key"),
        (json!({ "key": "com.cloudflare.edge.r2.bucket.ffffffffffffffffffffffffffffffff_default_b" }), "/key"),
        (json!({ "key": "com.example.shop.one" }), "/key"),
        (json!({ "key": "com.example.shop.two", "name": "x".repeat(256) }), "/name"),
        (json!({ "key": "com.example.shop.two", "name": "" }), "/name"),
        (json!({ "key": "com.example.shop.two", "parent": "com.example.shop.one" }), "/parent"),
        (json!({ "key": "com.example.shop.till.1" }), "/parent"),
        (json!({ "key": "com.example.shop.till.1", "parent": "com.example.shop.none" }), "/parent"),
        (json!({ "key": "com.example.shop.till.1", "parent": account }), "/parent"),
    ] {
        assert_eq!(refused(body.clone()).await, (400, place.to_owned()), "{body}");
    }
    let bucket = format!("com.cloudflare.edge.r2.bucket.{}_default_b", server.account);
    assert_eq!(refused(json!({ "key": bucket })).await.0, 200);
}
