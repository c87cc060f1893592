//! Resource groups (section 3).

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::TestServer;

use crate::support::{
    GROUPS, MEMBERS, RESOURCE_GROUPS, UNKNOWN, account_key, group, policy, refusals, refused, refused_text,
    resource_group, revision, scope, without_ids, zone_key,
};

#[tokio::test]
async fn a_group_is_shown_with_its_scope() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let made =
        server.admin().post(RESOURCE_GROUPS, json!({ "name": "domains", "scope": scope(&server, &[&zone]) })).await;
    assert_snapshot!(without_ids(&made.result().to_string()), @r#"{"created_on":"2026-01-02T03:04:05.000000Z","id":"<id>","meta":{"editable":"true"},"modified_on":"2026-01-02T03:04:05.000000Z","name":"domains","scope":[{"key":"com.cloudflare.api.account.<id>","objects":[{"key":"com.cloudflare.api.account.zone.<id>"}]}],"status":"V"}"#);
}

#[tokio::test]
async fn a_scope_may_be_sent_as_object_or_array_of_one_and_is_stored_the_same() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let admin = server.admin();
    let one = scope(&server, &[&zone, &zone]);
    let ad_hoc = json!({ "key": zone, "objects": [{ "key": "*" }] });
    let mut shown = Vec::new();
    for (name, scope) in [("object", one.clone()), ("array", json!([one])), ("ad hoc", ad_hoc)] {
        shown
            .push(admin.post(RESOURCE_GROUPS, json!({ "name": name, "scope": scope })).await.result()["scope"].clone());
    }
    assert_eq!(shown[0], json!([scope(&server, &[&zone])]), "an object named twice is there once");
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0], shown[2]);
}

#[tokio::test]
async fn scopes_that_mean_nothing_are_refused_with_their_place() {
    let server = TestServer::start().await;
    let (own, zone) = (account_key(&server), zone_key(server.zone("example.com").await));
    let object = |key: &str| json!({ "key": key });
    let scopes = [
        json!({}),
        json!([]),
        json!([scope(&server, &["*"]), scope(&server, &["*"])]),
        json!({ "key": own, "objects": [] }),
        json!({ "key": own, "objects": [object("*"), object(&zone)] }),
        json!({ "key": own, "objects": [object(&zone_key(UNKNOWN))] }),
        json!({ "key": own, "objects": [object(&own)] }),
        json!({ "key": own, "objects": [object("com.cloudflare.api.account.zone.x")] }),
        json!({ "key": own, "objects": [object(&zone.to_uppercase())] }),
        json!({ "key": own, "objects": [object(&format!("{}*", &zone[..40]))] }),
        json!({ "key": format!("com.cloudflare.api.account.{UNKNOWN}"), "objects": [object("*")] }),
        json!({ "key": "com.cloudflare.api.account.*", "objects": [object("*")] }),
        json!({ "key": zone, "objects": [object(&zone)] }),
        json!({ "key": "", "objects": [object("*")] }),
        json!({ "key": format!("com.cloudflare.api.user.{UNKNOWN}"), "objects": [object("*")] }),
    ];
    let mut lines = Vec::new();
    for scope in scopes {
        lines.push(refused(&server, &format!("POST {RESOURCE_GROUPS}"), json!({ "name": "x", "scope": scope })).await);
    }
    assert_snapshot!(lines.join("\n"), @r#"
    400 1001 [/scope/key] key must be present
    400 1001 [/scope/objects] objects must be present
    400 1001 [/scope] scope must be an object, or an array of exactly one
    400 1001 [/scope] scope must be an object, or an array of exactly one
    400 1001 [/scope/objects] objects must not be empty; use `[{"key": "*"}]` for everything
    400 1001 [/scope/objects/0/key] `*` stands alone: it already means everything in the account
    400 1001 [/scope/objects/0/key] resource `com.cloudflare.api.account.zone.<id>` is not registered in this account
    400 1001 [/scope/objects/0/key] `com.cloudflare.api.account.<id>` is of type account, which is not a resource inside an account
    400 1001 [/scope/objects/0/key] `com.cloudflare.api.account.zone.x` does not name one zone: its id must be 32 lower-case hexadecimal digits, or `*` for all
    400 1001 [/scope/objects/0/key] `COM.CLOUDFLARE.API.ACCOUNT.ZONE.<id>` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`
    400 1001 [/scope/objects/0/key] `com.cloudflare.api.account.zone.00000000*` contains a `*` within its id: only a whole id can be `*`, and it then means all of that type
    400 1001 [/scope/key] scope key `com.cloudflare.api.account.<id>` must be the key of this account, `com.cloudflare.api.account.<id>`
    400 1001 [/scope/key] scope key `com.cloudflare.api.account.*` must be the key of this account, `com.cloudflare.api.account.<id>`
    400 1001 [/scope/key] scope key `com.cloudflare.api.account.zone.<id>` must be the key of this account, `com.cloudflare.api.account.<id>`
    400 1001 [/scope/key] `` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`
    400 1001 [/scope/key] scope key `com.cloudflare.api.user.<id>` must be the key of this account, `com.cloudflare.api.account.<id>`
    "#);
}

#[tokio::test]
async fn names_are_unique_and_those_of_the_server_are_reserved() {
    let server = TestServer::start().await;
    resource_group(&server, "Domains", &["*"]).await;
    let create = format!("POST {RESOURCE_GROUPS}");
    let create = create.as_str();
    let named = |name: &str| json!({ "name": name, "scope": scope(&server, &["*"]) });
    let rows = [
        (create, named("DOMAINS")),
        (create, named("com.cloudflare.mine")),
        (create, named(" Com.Cloudflare.api")),
        (create, named("")),
        (create, json!({ "scope": scope(&server, &["*"]) })),
        (create, json!({ "name": "x" })),
    ];
    assert_snapshot!(refusals(&server, &rows).await, @r"
    400 1003 [/name] resource group `DOMAINS` already exists
    400 1003 [/name] names that begin with `com.cloudflare.` are reserved
    400 1003 [/name] names that begin with `com.cloudflare.` are reserved
    400 1003 [/name] name must not be empty
    400 1001 [/name] name must be present
    400 1001 [/scope] scope must be present
    ");
}

#[tokio::test]
async fn the_groups_of_the_server_cannot_be_changed_or_removed() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let of_zone = server.admin().get(&format!("{RESOURCE_GROUPS}?name={zone}")).await.list()[0].clone();
    assert_eq!(of_zone["meta"], json!({ "editable": "false" }));
    for id in [server.whole_account().await, of_zone["id"].as_str().expect("an id").to_owned()] {
        let path = format!("{RESOURCE_GROUPS}/{id}");
        let put = refused(&server, &format!("PUT {path}"), json!({ "name": "mine" })).await;
        assert_eq!(put, "403 1011 resource group `<id>` is built in and cannot be changed");
        let delete = refused_text(&server, &format!("DELETE {path}"), "").await;
        assert_eq!(delete, "403 1011 resource group `<id>` is built in and cannot be deleted");
    }
}

#[tokio::test]
async fn a_group_that_policies_use_cannot_be_deleted_and_the_answer_counts_them() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let id = resource_group(&server, "domains", &[&zone]).await;
    let path = format!("{RESOURCE_GROUPS}/{id}");
    let grant = policy(&server, "allow", &["domain_dns"], &[&id]);
    let deny = policy(&server, "deny", &["domain_dns"], &[&id]);
    let staff = group(&server, "staff", std::slice::from_ref(&grant)).await;
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}"), "").await, @"400 1010 resource group `<id>` cannot be deleted: 1 policy uses it");
    let bea = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "policies": [grant, deny] })).await.id();
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}"), "").await, @"400 1010 resource group `<id>` cannot be deleted: 3 policies use it");
    server.admin().delete(&format!("{GROUPS}/{staff}")).await.result();
    server.admin().delete(&format!("{MEMBERS}/{bea}")).await.result();
    assert_eq!(server.admin().delete(&path).await.result(), &json!({ "id": id }));
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}"), "").await, @"404 1002 resource group `<id>` not found");
}

#[tokio::test]
async fn an_update_replaces_the_whole_scope_and_what_is_absent_stays() {
    let server = TestServer::start().await;
    let (a, b) = (zone_key(server.zone("a.example.com").await), zone_key(server.zone("b.example.com").await));
    let id = resource_group(&server, "domains", &[&a]).await;
    let path = format!("{RESOURCE_GROUPS}/{id}");
    let admin = server.admin();
    let before = revision(&server).await;
    for body in [json!({}), json!({ "name": "domains", "scope": scope(&server, &[&a]) }), json!({ "name": null })] {
        assert_eq!(admin.put(&path, body).await.status, 200);
    }
    assert_eq!(revision(&server).await, before);
    assert_eq!(admin.put(&path, json!({ "name": "Domains" })).await.result()["scope"], json!([scope(&server, &[&a])]));
    let answer = admin.put(&path, json!({ "scope": scope(&server, &[&b, &a]) })).await;
    assert_eq!(answer.result()["scope"], json!([scope(&server, &[&b, &a])]), "in the client's order");
    assert_eq!(answer.result()["name"], "Domains");
}

#[tokio::test]
async fn a_change_of_a_group_reaches_everybody_who_holds_it_at_once() {
    let server = TestServer::start().await;
    let (a, b) = (server.zone("a.example.com").await, server.zone("b.example.com").await);
    let id = resource_group(&server, "domains", &[&zone_key(a)]).await;
    let grant = server.policy(model::policies::Effect::Allow, &["domain_dns"], &[&id]);
    let bea = server.member("bea@example.com", model::members::Grants::Policies(vec![grant])).await;
    let seen = async || (bea.get(&format!("/zones/{a}")).await.status, bea.get(&format!("/zones/{b}")).await.status);
    assert_eq!(seen().await, (200, 403));
    let moved = json!({ "scope": scope(&server, &[&zone_key(b)]) });
    server.admin().put(&format!("{RESOURCE_GROUPS}/{id}"), moved).await.result();
    assert_eq!(seen().await, (403, 200));
}

#[tokio::test]
async fn a_scope_that_a_policy_could_not_have_is_refused() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let id = resource_group(&server, "everything", &["*"]).await;
    group(&server, "staff", &[policy(&server, "allow", &["admin"], &[&id])]).await;
    let narrower = json!({ "scope": scope(&server, &[&zone]) });
    assert_snapshot!(refused(&server, &format!("PUT {RESOURCE_GROUPS}/{id}"), narrower).await, @r#"400 1006 [/scope] invalid permission group and resource group combination: policy `<id>` uses this group with "Administrator""#);
}

#[tokio::test]
async fn the_number_of_own_groups_has_a_limit() {
    let server = TestServer::builder().rules(|rules| rules.limits.resource_groups = 1).start().await;
    server.zone("example.com").await;
    resource_group(&server, "one", &["*"]).await;
    let two: Value = json!({ "name": "two", "scope": scope(&server, &["*"]) });
    assert_snapshot!(refused(&server, &format!("POST {RESOURCE_GROUPS}"), two).await, @"400 1009 an account has at most 1 resource groups");
}
