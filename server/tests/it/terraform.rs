//! What Terraform's official provider does with each resource over its life, as the requests that it sends: create, read back
//! without drift, update, read, import by id, delete, and 404 after it (api.md 6.3 and 8).

use serde_json::{Value, json};
use testkit::{Caller, TestServer};

use crate::support::{ACCOUNT, MEMBERS};

/// Reads the resource as the provider does after each step and at import: 200, and what was configured is there as it was.
async fn reads_back(caller: &Caller, path: &str, configured: &Value) -> Value {
    let read = caller.get(path).await;
    assert_eq!(read.status, 200, "{path}: {}", read.text);
    let again = caller.get(path).await;
    assert_eq!(read.result(), again.result(), "read twice, the same");
    for (name, value) in configured.as_object().expect("a configuration") {
        assert_eq!(&read.result()[name], value, "{path}: drift in `{name}`");
    }
    read.result().clone()
}

/// Destroys, and checks as the provider's tests do that it is gone: any later read drops it from the state by its 404.
async fn is_destroyed(caller: &Caller, path: &str) {
    assert_eq!(caller.delete(path).await.status, 200);
    assert_eq!(caller.get(path).await.status, 404);
    assert_eq!(caller.delete(path).await.status, 404);
}

fn permission(server: &TestServer, name: &str) -> Value {
    let catalog = server.runtime.engine.catalog();
    json!({ "id": catalog.permissions_named(name).next().expect("a permission").id.to_string() })
}

#[tokio::test]
async fn cloudflare_account() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let made = admin.post("/accounts", json!({ "name": "tf-acct", "type": "standard" })).await;
    let own = admin.clone().about(made.id());
    // Settings come by a PUT after the POST, with a type of null and no id.
    let update = json!({ "name": "tf-acct", "type": null, "settings": { "enforce_twofactor": true } });
    assert_eq!(own.put(ACCOUNT, update).await.status, 200);
    let configured = json!({ "name": "tf-acct", "type": "standard", "settings": { "enforce_twofactor": true } });
    reads_back(&own, ACCOUNT, &configured).await;
    let update = json!({ "name": "tf-renamed", "type": null, "settings": { "enforce_twofactor": false } });
    assert_eq!(own.put(ACCOUNT, update).await.status, 200);
    reads_back(&own, ACCOUNT, &json!({ "name": "tf-renamed", "settings": { "enforce_twofactor": false } })).await;
    assert_eq!(own.delete(ACCOUNT).await.result(), &json!({ "id": made.id() }));
    assert!(own.get(ACCOUNT).await.status >= 400, "an account that is gone is no account of the caller's");
}

#[tokio::test]
async fn cloudflare_account_member_by_roles_and_by_policies() {
    let server = TestServer::start().await;
    let admin = server.admin();
    // The provider asks for 100 roles, gets 50 a page, and goes on.
    let roles = admin.get("/accounts/{account}/roles?per_page=100").await;
    assert_eq!(roles.body["result_info"]["per_page"], 50);
    let role = |name: &str| {
        let catalog = server.runtime.engine.catalog();
        catalog.roles().iter().find(|role| *role.name == *name).expect("a role").id.to_string()
    };
    let (reader, dns) = (role("Administrator Read Only"), role("DNS"));
    let made = admin.post(MEMBERS, json!({ "email": "tf@example.com", "roles": [reader] })).await;
    let path = format!("{MEMBERS}/{}", made.id());
    let read = reads_back(&admin, &path, &json!({ "email": "tf@example.com", "status": "pending" })).await;
    assert_eq!(read["roles"][0]["id"], reader);
    assert_eq!(
        read["policies"][0]["permission_groups"][0]["id"],
        server.permission_group("admin_readonly"),
        "each derived from the other"
    );
    // Further fields of the state come along, and roles as objects.
    let update = json!({ "account_id": server.account.to_string(), "email": "tf@example.com", "status": "pending", "roles": [{ "id": dns }] });
    assert_eq!(admin.put(&path, update).await.status, 200);
    assert_eq!(reads_back(&admin, &path, &json!({})).await["roles"][0]["id"], dns);
    is_destroyed(&admin, &path).await;

    let groups = admin
        .get(&format!("/accounts/{{account}}/iam/resource_groups?name=com.cloudflare.api.account.{}", server.account))
        .await;
    let whole = groups.list()[0]["id"].clone();
    let policies = json!([{ "access": "allow", "permission_groups": [{ "id": server.permission_group("domain_admin_readonly") }], "resource_groups": [{ "id": whole }] }]);
    let made = admin.post(MEMBERS, json!({ "email": "tf@example.com", "policies": policies })).await;
    let path = format!("{MEMBERS}/{}", made.id());
    let read = reads_back(&admin, &path, &json!({ "email": "tf@example.com" })).await;
    assert_eq!(
        read["roles"][0]["id"],
        server.permission_group("domain_admin_readonly"),
        "a group without a role stands for itself"
    );
    is_destroyed(&admin, &path).await;
}

#[tokio::test]
async fn cloudflare_user_group_and_its_members() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let groups = "/accounts/{account}/iam/user_groups";
    let made = admin.post(groups, json!({ "name": "tf-group" })).await;
    let path = format!("{groups}/{}", made.id());
    let read = reads_back(&admin, &path, &json!({ "name": "tf-group" })).await;
    assert!(read.get("policies").is_none(), "an empty list would be drift");
    let whole = server.whole_account().await;
    let policy = |label: &str| json!({ "access": "allow", "permission_groups": [{ "id": server.permission_group(label) }], "resource_groups": [{ "id": whole }] });
    // Policies are sent without ids, and keep their order.
    let update = json!({ "name": "tf-group", "policies": [policy("admin_readonly"), policy("dns_admin")] });
    let updated = admin.put(&path, update.clone()).await;
    let first = admin.put(&path, json!({ "name": "tf-renamed", "policies": updated.result()["policies"] })).await;
    assert_eq!(
        first.result()["policies"],
        updated.result()["policies"],
        "what was read and is sent again stays what it is"
    );
    let labels: Vec<&str> = first.result()["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["permission_groups"][0]["meta"]["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["admin_readonly", "dns_admin"]);

    let mut members = Vec::new();
    for email in ["a@example.com", "b@example.com"] {
        members.push(server.member(email, server.roles(&[])).await.id.to_string());
    }
    let ids = |members: &[String]| members.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
    let places = format!("{path}/members");
    assert_eq!(admin.post(&places, json!(ids(&members[..1]))).await.status, 200);
    assert_eq!(admin.put(&places, json!(ids(&members))).await.status, 200);
    let listed: Vec<String> =
        admin.get(&places).await.list().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, members, "in the order of the list of members");
    assert_eq!(admin.put(&places, json!([])).await.status, 200, "destroying is emptying");
    assert_eq!(admin.get(&places).await.list().len(), 0);
    is_destroyed(&admin, &path).await;
}

/// Both kinds of tokens have one life.
async fn token_lives(server: &TestServer, tokens: &str) {
    let admin = server.admin();
    let key = format!("com.cloudflare.api.account.{}", server.account);
    let (read, write, settings) =
        (permission(server, "DNS Read"), permission(server, "DNS Write"), permission(server, "Account Settings Read"));
    let nested = json!({ &key: { "com.cloudflare.api.account.zone.*": "*" } });
    let configured = json!({
        "name": "tf-token",
        "policies": [
            { "effect": "allow", "permission_groups": [write, read], "resources": nested },
            { "effect": "allow", "permission_groups": [settings], "resources": { &key: "*" } }
        ],
        "not_before": "2026-01-01T00:00:00Z",
        "expires_on": "2032-01-01T00:00:00Z",
        "condition": { "request_ip": { "in": ["192.0.2.1/32"], "not_in": ["198.51.100.1/32"] } },
        "status": "active"
    });
    let made = admin.post(tokens, configured.clone()).await;
    assert!(made.result()["value"].is_string(), "{}", made.text);
    let path = format!("{tokens}/{}", made.id());
    let scalars = json!({ "name": "tf-token", "not_before": configured["not_before"], "expires_on": configured["expires_on"], "status": "active" });
    let state = reads_back(&admin, &path, &scalars).await;
    assert_eq!(state["condition"]["request_ip"], configured["condition"]["request_ip"]);
    let order: Vec<Vec<&str>> = state["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| {
            policy["permission_groups"].as_array().unwrap().iter().map(|group| group["id"].as_str().unwrap()).collect()
        })
        .collect();
    let id = |group: &Value| group["id"].as_str().unwrap().to_owned();
    assert_eq!(
        order,
        [vec![id(&write), id(&read)], vec![id(&settings)]],
        "policies and groups in the order of the configuration"
    );
    // The provider compares resources as text with `jsonencode`, which writes keys in order and no spaces.
    let text = serde_json::to_string(&state["policies"][0]["resources"]).unwrap();
    assert!(admin.get(&path).await.text.contains(&text));
    // A condition and a time that are taken out of the configuration are left out of the PUT, and are gone.
    let removed = json!({ "name": "tf-token", "policies": configured["policies"], "status": "active" });
    assert_eq!(admin.put(&path, removed).await.status, 200);
    let state = reads_back(&admin, &path, &json!({ "name": "tf-token" })).await;
    for gone in ["condition", "not_before", "expires_on"] {
        assert!(state.get(gone).is_none(), "{gone}");
    }
    let disabled = json!({ "name": "tf-token", "policies": configured["policies"], "status": "disabled" });
    admin.put(&path, disabled).await.result();
    reads_back(&admin, &path, &json!({ "status": "disabled" })).await;
    is_destroyed(&admin, &path).await;
}

#[tokio::test]
async fn cloudflare_account_token() {
    token_lives(&TestServer::start().await, "/accounts/{account}/tokens").await;
}

#[tokio::test]
async fn cloudflare_api_token() {
    token_lives(&TestServer::start().await, "/user/tokens").await;
}

#[tokio::test]
async fn cloudflare_sso_connector() {
    let server = TestServer::start().await;
    let (admin, connectors) = (server.admin(), "/accounts/{account}/sso_connectors");
    let configured =
        json!({ "email_domain": "example.org", "begin_verification": false, "use_fedramp_language": false });
    let made = admin.post(connectors, configured).await;
    let path = format!("{connectors}/{}", made.id());
    let read = reads_back(
        &admin,
        &path,
        &json!({ "email_domain": "example.org", "use_fedramp_language": false, "enabled": false }),
    )
    .await;
    assert_eq!(read["verification"]["status"], "awaiting");
    admin.patch(&path, json!({ "use_fedramp_language": true })).await.result();
    reads_back(&admin, &path, &json!({ "use_fedramp_language": true })).await;
    is_destroyed(&admin, &path).await;
}

#[tokio::test]
async fn cloudflare_zone() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let made = admin
        .post(
            "/zones",
            json!({ "name": "tf.example.com", "account": { "id": server.account.to_string() }, "type": "full" }),
        )
        .await;
    let path = format!("/zones/{}", made.id());
    reads_back(&admin, &path, &json!({ "name": "tf.example.com", "type": "full", "paused": false })).await;
    // What the provider may patch and means nothing here is taken, and said to be ignored.
    let patched = admin.patch(&path, json!({ "paused": false })).await;
    assert_eq!(patched.status, 200);
    reads_back(&admin, &path, &json!({ "name": "tf.example.com" })).await;
    is_destroyed(&admin, &path).await;
}

#[tokio::test]
async fn data_sources_find_what_they_filter_for() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let found = admin
        .get("/accounts/{account}/tokens/permission_groups?name=DNS%20Read&scope=com.cloudflare.api.account.zone")
        .await;
    assert_eq!(found.list()[0]["id"], "82e64a83756745bbbb1c9c2701bf816b");
    let accounts = admin.get("/accounts?name=Test%20Account").await;
    assert_eq!(accounts.list().len(), 1, "exactly one");
    let members = admin.get(&format!("{MEMBERS}?status=accepted&direction=desc")).await;
    assert_eq!(members.list()[0]["email"], "admin@example.com");
}
