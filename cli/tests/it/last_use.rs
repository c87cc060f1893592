//! The last use of permissions over the end of a server: a good end loses none, a kill at most the last seconds.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Caller;

use crate::support::Installation;

const GROUPS: &str = "/accounts/{account}/iam/user_groups";
/// A little more than what a crash may lose (`background.rs`).
const WRITTEN: Duration = Duration::from_secs(12);

/// The permissions that the super administrator has used, by name. To ask uses one itself.
async fn used(caller: &Caller) -> Vec<String> {
    let member = caller.get("/accounts/{account}/members").await.list()[0]["id"].as_str().unwrap().to_owned();
    let answer = caller.get(&format!("/accounts/{{account}}/members/{member}/unused_grants")).await;
    let used = answer.result()["grants"][0]["used_permissions"].as_array().unwrap().clone();
    used.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

async fn register_zone(caller: &Caller, installation: &Installation, name: &str) -> String {
    let account = installation.text("account_id");
    caller.post("/zones", json!({ "name": name, "account": { "id": account } })).await.id()
}

#[tokio::test]
async fn a_good_end_writes_the_last_uses() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let key = installation.key_caller(&server);
    key.post(GROUPS, json!({ "name": "staff" })).await.id();
    // Well within the ten seconds.
    server.terminate();
    assert!(server.wait().success());
    let server = installation.serve(&[]);
    let key = installation.key_caller(&server);
    // Both would let one make a group; this one gives less than Account Settings Write.
    assert_eq!(used(&key).await, ["Account Settings Read", "SCIM Provisioning"]);
}

#[tokio::test]
async fn a_kill_loses_the_last_seconds_at_most() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let key = installation.key_caller(&server);
    let zone = register_zone(&key, &installation, "example.com").await;
    key.post(GROUPS, json!({ "name": "staff" })).await.id();
    tokio::time::sleep(WRITTEN).await;
    // What comes now may be lost; what came before may not.
    key.get("/accounts/{account}/sso_connectors").await;
    server.kill();
    let server = installation.serve(&[]);
    let key = installation.key_caller(&server);
    let kept = used(&key).await;
    for name in ["SCIM Provisioning", "DNS Write"] {
        assert!(kept.contains(&name.to_owned()), "{name} of {kept:?}");
    }
    // The server goes on noting.
    assert_eq!(key.get(&format!("/zones/{zone}")).await.result()["name"], Value::from("example.com"));
    assert!(used(&key).await.len() > kept.len());
}
