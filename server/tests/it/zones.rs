//! The registry of zones (D7, D26, D90).

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Response, TestServer};

use crate::support::{RESOURCE_GROUPS, UNKNOWN, refusals, refused_text, resource_group, scope, told, zone_key};

fn names(answer: &Response) -> String {
    let names: Vec<&str> = answer.list().iter().filter_map(|zone| zone["name"].as_str()).collect();
    names.join(" ")
}

#[tokio::test]
async fn a_list_of_zones_holds_what_the_caller_may_read_and_counts_only_that() {
    let server = TestServer::start().await;
    server.zone("a.example.com").await;
    let b = zone_key(server.zone("b.example.com").await);
    let c = zone_key(server.zone("c.example.com").await);
    let some = resource_group(&server, "some", &[&b, &c]).await;
    let only = resource_group(&server, "only", &[&c]).await;
    let policies = vec![
        server.policy(Effect::Allow, &["domain_dns"], &[&some]),
        server.policy(Effect::Deny, &["domain_admin_readonly"], &[&only]),
    ];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    let seen = bea.get("/zones").await;
    assert_eq!((names(&seen).as_str(), &seen.body["result_info"]["total_count"]), ("b.example.com", &json!(1)));
    assert_eq!(server.admin().get("/zones").await.body["result_info"]["total_count"], 3);
    let nothing = server.member("cyd@example.com", Grants::Policies(vec![])).await;
    assert_eq!(nothing.get("/zones").await.list().len(), 0);
}

#[tokio::test]
async fn zones_are_filtered_by_name_account_and_status() {
    let server = TestServer::start().await;
    for name in ["b.example.com", "a.example.com"] {
        server.zone(name).await;
    }
    let account = server.account;
    let found = async |query: &str| names(&server.admin().get(&format!("/zones?{query}")).await);
    assert_eq!(found("direction=desc").await, "b.example.com a.example.com");
    assert_eq!(found("name=A.example.com").await, "a.example.com");
    assert_eq!(found(&format!("account.id={account}")).await, "a.example.com b.example.com");
    assert_eq!(found(&format!("account.id={UNKNOWN}")).await, "");
    assert_eq!(found("account.name=Test%20Account&per_page=1").await, "a.example.com");
    assert_eq!(found("status=pending").await, "");
}

#[tokio::test]
async fn a_zone_is_registered_once_under_its_normal_name() {
    let server = TestServer::start().await;
    let account = server.account.to_string();
    let new = |name: Value| json!({ "name": name, "account": { "id": account } });
    let made = server.admin().post("/zones", new(json!("Bücher.Example."))).await;
    assert_eq!(made.result()["name"], "xn--bcher-kva.example");
    assert_eq!(made.result()["account"], json!({ "id": account, "name": "Test Account" }));
    let group = server.admin().get(&format!("{RESOURCE_GROUPS}?name={}", zone_key(made.id()))).await;
    assert_eq!(group.list().len(), 1, "it has a resource group of its own");
    let rows = [
        ("POST /zones", new(json!("bücher.example"))),
        ("POST /zones", new(json!("example"))),
        ("POST /zones", new(json!(""))),
        ("POST /zones", new(json!(1))),
        ("POST /zones", json!({ "name": "example.com", "account": { "id": "mine" } })),
        ("POST /zones", json!({ "name": "example.com", "account": "mine" })),
        ("POST /zones", json!({ "name": "example.com", "account": {} })),
        ("POST /zones", json!({})),
    ];
    assert_snapshot!(refusals(&server, &rows).await, @r"
    400 1004 [/name] zone `xn--bcher-kva.example` already exists
    400 1001 [/name] name `example` is not a domain such as `example.com`
    400 1001 [/name] name `` is not a domain such as `example.com`
    400 1001 [/name] name must be a string, not a number
    400 1001 [/account/id] `mine` is not an id: 32 lower-case hex digits are expected
    400 1001 [/account] account must be an object, not a string
    400 1001 [/account/id] id must be present
    400 1001 [/name] name must be present
    400 1001 [/account] account must be present
    ");
}

#[tokio::test]
async fn whoever_edits_some_zones_registers_no_new_ones() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let own = resource_group(&server, "own", &[&zone]).await;
    let policies = vec![server.policy(Effect::Allow, &["domain_admin"], &[&own])];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    let new = json!({ "name": "new.example.com", "account": { "id": server.account.to_string() } });
    assert_eq!(told(&bea.post("/zones", new).await), "403 10000 Forbidden");
}

#[tokio::test]
async fn the_key_of_a_removed_zone_stays_in_groups_and_grants_nothing() {
    let server = TestServer::start().await;
    let (a, b) = (server.zone("a.example.com").await, server.zone("b.example.com").await);
    let domains = resource_group(&server, "domains", &[&zone_key(a), &zone_key(b)]).await;
    let policies = vec![server.policy(Effect::Allow, &["domain_admin"], &[&domains])];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    let admin = server.admin();
    let path = format!("{RESOURCE_GROUPS}/{domains}");
    let before = admin.get(&path).await;
    assert_eq!(names(&bea.get("/zones").await), "a.example.com b.example.com");
    assert_eq!(bea.delete(&format!("/zones/{a}")).await.result(), &json!({ "id": a.to_string() }));
    assert_eq!(admin.get(&path).await.result(), before.result(), "the group is as it was");
    assert_eq!(names(&bea.get("/zones").await), "b.example.com");
    assert_snapshot!(refused_text(&server, &format!("DELETE /zones/{a}"), "").await, @"404 1002 zone `<id>` not found");
    let again = server.zone("a.example.com").await;
    assert_ne!(again, a);
    assert_eq!(bea.get(&format!("/zones/{again}")).await.status, 403, "a new zone of the old name is another zone");
    let renamed = admin.put(&path, json!({ "name": "Domains" })).await;
    assert_eq!(renamed.result()["scope"], json!([scope(&server, &[&zone_key(a), &zone_key(b)])]));
}

#[tokio::test]
async fn a_removed_zone_leaves_no_wider_scope_behind() {
    let server = TestServer::start().await;
    let zone = server.zone("a.example.com").await;
    let domains = resource_group(&server, "domains", &[&zone_key(zone)]).await;
    let policies = vec![server.policy(Effect::Allow, &["domain_admin"], &[&domains])];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    server.admin().delete(&format!("/zones/{zone}")).await.result();
    server.zone("b.example.com").await;
    assert_eq!(names(&bea.get("/zones").await), "");
}

#[tokio::test]
async fn a_zone_of_others_and_one_that_is_not_there_answer_alike() {
    let server = TestServer::start().await;
    let zone = server.zone("example.com").await;
    let (_, stranger) = server.user("stranger@example.com").await;
    let of_others = told(&stranger.get(&format!("/zones/{zone}")).await);
    assert_eq!(of_others, "404 1002 zone `<id>` not found");
    assert_eq!(told(&stranger.get(&format!("/zones/{UNKNOWN}")).await), of_others);
}

#[tokio::test]
async fn zones_are_filtered_by_the_operators_that_the_reference_has_and_ordered() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for name in ["shop.example.com", "example.org", "shop.example.org"] {
        server.zone(name).await;
    }
    let other = admin.post("/accounts", json!({ "name": "A other" })).await.id();
    admin.post("/zones", json!({ "name": "zoo.example", "account": { "id": other } })).await.result();
    let names = async |query: &str| {
        let answer = admin.get(&format!("/zones?{query}")).await;
        answer.list().iter().map(|zone| zone["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("name=example.org").await, "example.org");
    assert_eq!(names("name=not_equal:example.org").await, "shop.example.com shop.example.org zoo.example");
    assert_eq!(names("name=starts_with:SHOP").await, "shop.example.com shop.example.org");
    assert_eq!(names("name=starts_with_case_sensitive:SHOP").await, "");
    assert_eq!(names("name=ends_with:.org").await, "example.org shop.example.org");
    assert_eq!(names("name=contains:oo").await, "zoo.example");
    assert_eq!(names("account.name=contains:other").await, "zoo.example");
    assert_eq!(names(&format!("account.id={other}&name=contains:shop")).await, "");
    assert_eq!(
        names(&format!("account.id={other}&name=contains:shop&match=any")).await,
        "shop.example.com shop.example.org zoo.example"
    );
    assert_eq!(names("order=account.name&per_page=1").await, "zoo.example");
    assert_eq!(names("direction=desc&per_page=1").await, "zoo.example");
    assert_eq!(names("status=pending").await, "");
    assert_eq!(names("type=partial,full&name=zoo.example").await, "zoo.example");
    assert_eq!(names("type=internal").await, "");
    for bad in ["status", "order", "match", "type"] {
        assert_eq!(admin.get(&format!("/zones?{bad}=odd")).await.pointers(), [format!("?{bad}")]);
    }
}

#[tokio::test]
async fn a_zone_is_renamed_and_what_means_nothing_here_is_said_to_be_ignored() {
    let server = TestServer::start().await;
    let (zone, _) = (server.zone("example.com").await, server.zone("example.org").await);
    let path = format!("/zones/{zone}");
    let admin = server.admin();
    let renamed = admin.patch(&path, json!({ "name": "Example.NET", "paused": true })).await;
    assert_eq!(renamed.result()["name"], "example.net");
    assert_eq!(renamed.body["messages"][0]["message"], "`paused` is ignored: Portcullis serves no DNS");
    assert_eq!(admin.get("/zones?name=example.com").await.list().len(), 0);
    assert_eq!(admin.get("/zones?name=example.net").await.list()[0]["id"], zone.to_string());
    assert_eq!(admin.patch(&path, json!({})).await.result(), renamed.result());
    assert_eq!(admin.patch(&path, json!({ "name": "example.org" })).await.pointers(), ["/name"]);
    assert_eq!(admin.patch(&path, json!({ "name": "no domain" })).await.pointers(), ["/name"]);
    assert_eq!(admin.patch(&path, json!({ "name": 1 })).await.pointers(), ["/name"]);
}
