//! What would change if: any write, with the header `portcullis-dry-run: true`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{Caller, TestServer};

use crate::support::{
    ACCOUNT, GROUPS, MEMBERS, RESOURCE_GROUPS, group, policy, resource_group, revision, scope, told, zone_key,
};

fn dry(caller: &Caller) -> Caller {
    caller.clone().header("portcullis-dry-run", "true")
}

/// The rows of a dry run, a line each: who, what, where.
fn rows(told: &Value) -> String {
    let words = |value: &Value, fields: &[&str]| {
        let items = value.as_array().cloned().unwrap_or_default();
        let word = |item: &Value| {
            let texts: Vec<&str> = fields.iter().filter_map(|field| item[*field].as_str()).collect();
            let except = item["except"].as_array().map(|keys| format!(" but {}", keys.len())).unwrap_or_default();
            format!("{}{except}", texts.join(""))
        };
        items.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    let line = |sign: &str, row: &Value| {
        let permissions = row["permissions"].as_array().map_or(0, Vec::len);
        let permissions = match permissions {
            0..=4 => words(&row["permissions"], &["name"]),
            many => format!("{many} permissions"),
        };
        let (who, places) = (words(&row["principals"], &["email", "name"]), words(&row["resources"], &["key"]));
        format!("{sign} {who}: {permissions} on {places}")
    };
    let of = |sign: &'static str, name: &str| {
        let rows = told[name].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| line(sign, row)).collect::<Vec<_>>()
    };
    crate::support::without_ids(&of("+", "gains").into_iter().chain(of("-", "losses")).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn a_dry_run_is_answered_like_the_write_and_writes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let before = revision(&server).await;
    let foretold = dry(&admin).post(GROUPS, json!({ "name": "staff" })).await;
    assert_eq!(foretold.result()["name"], "staff");
    assert_eq!(foretold.header("portcullis-revision"), Some(before.to_string().as_str()));
    assert_eq!(foretold.body["dry_run"], json!({ "revision": before, "changes": true, "gains": [], "losses": [] }));
    assert_eq!(revision(&server).await, before);
    assert_eq!(admin.get(&format!("{GROUPS}/{}", foretold.id())).await.status, 404);
    assert_eq!(admin.get(GROUPS).await.list().len(), 0);
}

#[tokio::test]
async fn a_dry_run_tells_who_gains_and_who_loses_what() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let zone = server.zone("example.com").await;
    let other = server.zone("example.org").await;
    let only = resource_group(&server, "only", &[&zone_key(zone)]).await;
    let staff = group(&server, "staff", &[policy(&server, "allow", &["domain_dns"], &[&only])]).await;
    let bea = server.member("bea@example.com", server.roles(&[])).await;
    let place = format!("{GROUPS}/{staff}/members");
    let joins = dry(&admin).post(&place, json!([{ "id": bea.id }])).await;
    assert_snapshot!(rows(&joins.body["dry_run"]), @"+ bea@example.com: 5 permissions on com.cloudflare.api.account.zone.<id>");
    admin.post(&place, json!([{ "id": bea.id }])).await.result();
    let widens = json!({ "scope": scope(&server, &[&zone_key(zone), &zone_key(other)]) });
    let widens = dry(&admin).put(&format!("{RESOURCE_GROUPS}/{only}"), widens).await;
    assert_snapshot!(rows(&widens.body["dry_run"]), @"+ bea@example.com: 5 permissions on com.cloudflare.api.account.zone.<id>");
    let goes = dry(&admin).delete(&format!("{MEMBERS}/{}", bea.id)).await;
    assert_snapshot!(rows(&goes.body["dry_run"]), @"- bea@example.com: 5 permissions on com.cloudflare.api.account.zone.<id>");
    let zone_goes = dry(&admin).delete(&format!("/zones/{zone}")).await;
    assert_snapshot!(rows(&zone_goes.body["dry_run"]), @r"
    - bea@example.com: 5 permissions on com.cloudflare.api.account.zone.<id>
    - admin@example.com: 390 permissions on com.cloudflare.api.account.zone.<id>
    ");
    let denies = json!({ "policies": [policy(&server, "deny", &["domain_dns"], &[&server.whole_account().await])] });
    let denies = dry(&admin).put(&format!("{MEMBERS}/{}", bea.id), denies).await;
    assert_snapshot!(rows(&denies.body["dry_run"]), @"- bea@example.com: 5 permissions on com.cloudflare.api.account.zone.<id>");
}

#[tokio::test]
async fn a_dry_run_is_refused_as_the_write_would_be() {
    let server = TestServer::start().await;
    let admin = dry(&server.admin());
    group(&server, "staff", &[]).await;
    let members = admin.get(MEMBERS).await;
    let own = members.list()[0]["id"].as_str().expect("an id").to_owned();
    let refusals = [
        admin.post(GROUPS, json!({ "name": "staff" })).await,
        admin.post(GROUPS, json!({ "policies": 1 })).await,
        admin.delete(&format!("{MEMBERS}/{own}")).await,
        dry(&server.anonymous()).post(GROUPS, json!({ "name": "guests" })).await,
    ];
    assert_snapshot!(refusals.iter().map(told).collect::<Vec<_>>().join("\n"), @r"
    400 1003 [/name] user group `staff` already exists
    400 1001 [/name] name must be present
    400 1001 [/policies] policies must be an array, not a number
    400 1012 the account must keep at least one super administrator
    400 9106 Missing X-Auth-Key, X-Auth-Email or Authorization headers
    ");
}

#[tokio::test]
async fn a_dry_run_is_not_remembered_for_a_repeat() {
    let server = TestServer::start().await;
    let admin = server.admin().header("idempotency-key", "one");
    dry(&admin).post(GROUPS, json!({ "name": "staff" })).await.result();
    let made = admin.post(GROUPS, json!({ "name": "staff" })).await;
    assert!(made.body["dry_run"].is_null());
    assert_eq!(server.admin().get(GROUPS).await.list().len(), 1);
}

#[tokio::test]
async fn a_header_that_says_neither_true_nor_false_writes_nothing() {
    let server = TestServer::start().await;
    let odd = server.admin().header("portcullis-dry-run", "yes");
    let refused = odd.post(GROUPS, json!({ "name": "staff" })).await;
    assert_snapshot!(told(&refused), @"400 1001 the header `portcullis-dry-run` must be `true` or `false`");
    assert_eq!(server.admin().get(GROUPS).await.list().len(), 0);
    let not = server.admin().header("portcullis-dry-run", "false");
    not.post(GROUPS, json!({ "name": "staff" })).await.result();
    assert_eq!(server.admin().get(GROUPS).await.list().len(), 1);
}

#[tokio::test]
async fn an_account_can_be_made_as_a_dry_run() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let accounts = admin.get("/accounts").await.list().len();
    let foretold = dry(&admin).post("/accounts", json!({ "name": "Another" })).await;
    assert_eq!(foretold.result()["name"], "Another");
    assert_snapshot!(rows(&foretold.body["dry_run"]), @r"
    + admin@example.com: Workers R2 Storage Bucket Item Read, Workers R2 Storage Bucket Item Write on com.cloudflare.edge.r2.bucket.*
    + admin@example.com: Flagship App Bind, Flagship App Evaluate, Flagship App Read, Flagship App Write on com.cloudflare.api.account.flagship.app.*
    + admin@example.com: 92 permissions on com.cloudflare.api.account.zone.*
    + admin@example.com: 298 permissions on com.cloudflare.api.account.<id>, com.cloudflare.api.account.zone.*, com.cloudflare.edge.r2.bucket.*, com.cloudflare.api.account.worker.*, com.cloudflare.edge.access.application.*, com.cloudflare.edge.access.identity-provider.*, com.cloudflare.edge.access.policy.*, com.cloudflare.edge.access.service-token.*, com.cloudflare.edge.access.target.*, com.cloudflare.api.account.flagship.app.*
    ");
    assert_eq!(admin.get("/accounts").await.list().len(), accounts);
    assert_eq!(admin.get(&ACCOUNT.replace("{account}", &foretold.id())).await.status, 403);
}
