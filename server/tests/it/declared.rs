//! An account as one document (`/iam/state`).

use serde_json::{Value, json};
use testkit::{Owner, TestServer, allow};

use crate::support::{MEMBERS, account_key, group, resource_group, token_of, zone_key};

const STATE: &str = "/accounts/{account}/iam/state";

#[tokio::test]
async fn a_section_that_is_absent_is_left_as_it_is_and_others_lose_what_they_do_not_name() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let zone = zone_key(server.zone("example.com").await);
    resource_group(&server, "domains", &[&zone]).await;
    group(&server, "staff", &[]).await;
    server.member("bea@example.com", server.roles(&["DNS"])).await;
    let mut state = admin.get(STATE).await.result().clone();
    assert_eq!(state["resource_groups"], json!([{ "name": "domains", "objects": [{ "zone": "example.com" }] }]));
    let only_groups = json!({ "version": 1, "user_groups": [] });
    let applied = admin.put(STATE, only_groups).await;
    assert_eq!(applied.result(), &json!({ "created": [], "changed": [], "deleted": ["user group \"staff\""] }));
    state["user_groups"] = json!([]);
    assert_eq!(admin.get(STATE).await.result(), &state);
    state["resource_groups"] = json!([]);
    state["members"].as_array_mut().unwrap().retain(|member| member["email"] != "bea@example.com");
    let applied = admin.put(STATE, state.clone()).await;
    assert_eq!(applied.result()["deleted"].as_array().unwrap().len(), 2, "{}", applied.text);
    assert_eq!(admin.get(STATE).await.result(), &state);
}

#[tokio::test]
async fn it_makes_the_same_in_another_account() {
    let server = TestServer::start().await;
    let (admin, zone) = (server.admin(), zone_key(server.zone("example.com").await));
    let place = resource_group(&server, "domains", &[&zone, "com.cloudflare.api.account.zone.*"]).await;
    let dns = server.permission_group("domain_dns");
    let policies = json!([
        { "access": "allow", "permission_groups": [{ "id": dns }], "resource_groups": [{ "id": place }] },
        { "access": "deny", "permission_groups": [{ "id": dns }], "resource_groups": [{ "scope": {
            "key": account_key(&server), "objects": [{ "key": "com.cloudflare.api.account.zone.*" }] } }] }
    ]);
    let member = admin.post(MEMBERS, json!({ "email": "bea@example.com", "policies": policies })).await.id();
    let staff =
        admin.post("/accounts/{account}/iam/user_groups", json!({ "name": "staff", "policies": policies })).await.id();
    let members = format!("/accounts/{{account}}/iam/user_groups/{staff}/members");
    admin.post(&members, json!([{ "id": member }])).await.result();
    let state = admin.get(STATE).await.result().clone();
    let other = admin.post("/accounts", json!({ "name": "Other" })).await.id();
    let there = admin.clone().about(&other);
    let refused = there.put(STATE, state.clone()).await;
    assert!(
        refused.status_and_error().contains("zone `example.com` is not registered in this account"),
        "{}",
        refused.text
    );
    assert_eq!(there.get("/accounts/{account}/iam/user_groups").await.list().len(), 0, "nothing is half done");
    server.admin().delete(&format!("/zones/{}", zone.rsplit_once('.').unwrap().1)).await.result();
    there.post("/zones", json!({ "name": "example.com", "account": { "id": other } })).await.result();
    assert_eq!(there.put(STATE, state.clone()).await.status, 200);
    assert_eq!(there.get(STATE).await.result(), &state);
    let again = there.put(STATE, state).await;
    assert_eq!(again.result(), &json!({ "created": [], "changed": [], "deleted": [] }));
}

#[tokio::test]
async fn nobody_grants_by_a_document_what_it_could_not_grant_otherwise() {
    let server = TestServer::start().await;
    let token = token_of(&server, server.account, &["Account Settings Write"]).await;
    let mut state = server.admin().get(STATE).await.result().clone();
    state["members"].as_array_mut().unwrap().push(json!({
        "email": "eve@example.com",
        "policies": [{ "access": "allow", "permission_groups": ["all_privileges"], "resource_groups": [{ "account": true }] }]
    }));
    let refused = token.put(STATE, state.clone()).await;
    assert!(
        refused.status_and_error().starts_with("400 1001 only a super administrator may grant"),
        "{}",
        refused.text
    );
    let scim = token_of(&server, server.account, &["SCIM Provisioning"]).await;
    assert_eq!(scim.put(STATE, state.clone()).await.status, 403);
    let reader = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(reader.put(STATE, state).await.status, 403);
    let alone = server.admin().put(STATE, json!({ "version": 1, "members": [] })).await;
    assert_eq!(alone.status_and_error(), "400 1012 the account must keep at least one super administrator");
}

#[tokio::test]
async fn a_state_that_was_changed_meanwhile_is_not_overwritten() {
    let server = TestServer::start().await;
    let read = server.admin().get(STATE).await;
    group(&server, "staff", &[]).await;
    let stale = server.admin().header("if-match", read.header("etag").unwrap()).put(STATE, read.result().clone()).await;
    assert_eq!(stale.status, 412);
    let dry = server.admin().header("portcullis-dry-run", "true").put(STATE, read.result().clone()).await;
    assert_eq!(dry.result()["deleted"], json!(["user group \"staff\""]));
    assert_eq!(dry.body["dry_run"]["changes"], Value::Bool(true));
    assert_eq!(server.admin().get("/accounts/{account}/iam/user_groups").await.list().len(), 1);
}
