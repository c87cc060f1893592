//! User groups (section 5).

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::TestServer;

use crate::support::{
    GROUPS, MEMBERS, RESOURCE_GROUPS, UNKNOWN, account_key, group, policy, refusals, refused, refused_text,
    resource_group, revision, scope, told, without_ids, zone_key,
};

#[tokio::test]
async fn a_group_can_be_made_by_its_name_alone() {
    let server = TestServer::start().await;
    let made = server.admin().post(GROUPS, json!({ "name": "  staff " })).await;
    assert_snapshot!(without_ids(&made.result().to_string()), @r#"{"created_on":"2026-01-02T03:04:05.000000Z","id":"<id>","modified_on":"2026-01-02T03:04:05.000000Z","name":"staff","status":"V"}"#);
    let read = server.admin().get(&format!("{GROUPS}/{}", made.id())).await;
    assert_eq!(read.result(), made.result());
    assert_eq!(read.header("etag"), made.header("etag"));
}

#[tokio::test]
async fn a_name_is_taken_once_per_account_whatever_its_case_or_composition() {
    let server = TestServer::start().await;
    group(&server, "Caf\u{e9} Staff", &[]).await;
    let create = format!("POST {GROUPS}");
    let create = create.as_str();
    let told = refusals(
        &server,
        &[
            (create, json!({ "name": "Caf\u{e9} Staff" })),
            (create, json!({ "name": "caf\u{e9} STAFF " })),
            (create, json!({ "name": "cafe\u{301} staff" })),
        ],
    )
    .await;
    assert_snapshot!(told, @r"
    400 1003 [/name] user group `Café Staff` already exists
    400 1003 [/name] user group `café STAFF` already exists
    400 1003 [/name] user group `café staff` already exists
    ");
}

#[tokio::test]
async fn a_name_has_1_to_255_characters_and_none_of_control() {
    let server = TestServer::start().await;
    let create = format!("POST {GROUPS}");
    let create = create.as_str();
    let told = refusals(
        &server,
        &[
            (create, json!({ "name": "" })),
            (create, json!({ "name": " \u{a0} " })),
            (create, json!({ "name": "ä".repeat(256) })),
            (create, json!({ "name": "a\nb" })),
            (create, json!({ "name": "a\u{0}" })),
        ],
    )
    .await;
    assert_snapshot!(told, @r"
    400 1003 [/name] name must not be empty
    400 1003 [/name] name must not be empty
    400 1003 [/name] name must have at most 255 characters
    400 1003 [/name] name must not have control characters
    400 1003 [/name] name must not have control characters
    ");
    assert_eq!(server.admin().post(GROUPS, json!({ "name": "ä".repeat(255) })).await.status, 200);
}

#[tokio::test]
async fn a_group_may_change_the_case_of_its_own_name_but_not_take_another_one() {
    let server = TestServer::start().await;
    let staff = group(&server, "staff", &[]).await;
    group(&server, "guests", &[]).await;
    let path = format!("{GROUPS}/{staff}");
    assert_eq!(server.admin().put(&path, json!({ "name": "Staff" })).await.result()["name"], "Staff");
    assert_snapshot!(refused(&server, &format!("PUT {path}"), json!({ "name": "GUESTS" })).await, @"400 1003 [/name] user group `GUESTS` already exists");
}

#[tokio::test]
async fn an_update_that_changes_nothing_makes_no_commit_and_keeps_the_time() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let id = group(&server, "staff", &[policy(&server, "allow", &["admin_readonly"], &[&whole])]).await;
    let path = format!("{GROUPS}/{id}");
    let admin = server.admin();
    let read = admin.get(&path).await;
    server.clock.advance(Duration::from_secs(60));
    let before = revision(&server).await;
    for body in [json!({}), json!({ "name": "staff" }), read.result().clone()] {
        let answer = admin.put(&path, body).await;
        assert_eq!(answer.result(), read.result());
        assert_eq!(answer.header("portcullis-revision"), Some(before.to_string().as_str()));
    }
    assert_eq!(revision(&server).await, before);
    let renamed = admin.put(&path, json!({ "name": "Staff" })).await;
    assert_eq!(renamed.result()["modified_on"], "2026-01-02T03:05:05.000000Z");
    assert_eq!(renamed.result()["created_on"], "2026-01-02T03:04:05.000000Z");
}

#[tokio::test]
async fn absent_policies_stay_and_null_or_none_clear_them() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let policy = policy(&server, "allow", &["admin_readonly"], &[&whole]);
    let admin = server.admin();
    for (number, clearing) in [json!(null), json!([])].into_iter().enumerate() {
        let id = group(&server, &format!("group {number}"), std::slice::from_ref(&policy)).await;
        let path = format!("{GROUPS}/{id}");
        let renamed = admin.put(&path, json!({ "name": format!("renamed {number}") })).await;
        assert_eq!(renamed.result()["policies"].as_array().map(Vec::len), Some(1));
        let cleared = admin.put(&path, json!({ "policies": clearing })).await;
        assert!(!cleared.result().as_object().expect("an object").contains_key("policies"));
    }
}

#[tokio::test]
async fn the_order_of_policies_and_of_what_is_in_them_is_the_clients() {
    let server = TestServer::start().await;
    let (a, b, c) =
        (server.zone("a.example.com").await, server.zone("b.example.com").await, server.zone("c.example.com").await);
    let mut zones = Vec::new();
    for (name, zone) in [("third", c), ("first", a), ("second", b)] {
        zones.push(resource_group(&server, name, &[&zone_key(zone)]).await);
    }
    let places: Vec<&str> = zones.iter().map(String::as_str).collect();
    let labels = ["domain_page_shield", "domain_dns", "bot_management", "cache_domain_purge"];
    let policies = [policy(&server, "deny", &labels[..2], &places), policy(&server, "allow", &labels, &places[1..])];
    let made = server.admin().post(GROUPS, json!({ "name": "staff", "policies": policies })).await;
    let id = made.id();
    let order = |answer: &Value| -> Value {
        let ids =
            |list: &Value| list.as_array().expect("a list").iter().map(|item| item["id"].clone()).collect::<Value>();
        let policies = answer["policies"].as_array().expect("policies").iter();
        policies
            .map(|policy| json!([policy["access"], ids(&policy["permission_groups"]), ids(&policy["resource_groups"])]))
            .collect()
    };
    let sent = order(&json!({ "policies": policies }));
    assert_eq!(order(made.result()), sent);
    assert_eq!(order(server.admin().get(&format!("{GROUPS}/{id}")).await.result()), sent);
    let turned: Vec<&Value> = policies.iter().rev().collect();
    let put = server.admin().put(&format!("{GROUPS}/{id}"), json!({ "policies": turned })).await;
    assert_eq!(order(put.result()), order(&json!({ "policies": turned })));
}

#[tokio::test]
async fn a_policy_sent_back_with_its_id_stays_the_same_policy() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let first = policy(&server, "allow", &["admin_readonly"], &[&whole]);
    let id = group(&server, "staff", std::slice::from_ref(&first)).await;
    let path = format!("{GROUPS}/{id}");
    let admin = server.admin();
    let kept = admin.get(&path).await.result()["policies"][0].clone();
    server.clock.advance(Duration::from_secs(1));
    let mut changed = policy(&server, "deny", &["admin_readonly"], &[&whole]);
    changed["id"] = kept["id"].clone();
    let answer = admin.put(&path, json!({ "policies": [first, changed] })).await;
    let policies = &answer.result()["policies"];
    assert_ne!(policies[0]["id"], kept["id"], "without an id it is a new policy");
    assert_eq!((&policies[1]["id"], &policies[1]["access"]), (&kept["id"], &json!("deny")));
}

#[tokio::test]
async fn the_id_of_a_policy_must_be_one_of_this_holder_and_come_once() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let grant = policy(&server, "allow", &["admin_readonly"], &[&whole]);
    let staff = group(&server, "staff", std::slice::from_ref(&grant)).await;
    let guests = group(&server, "guests", std::slice::from_ref(&grant)).await;
    let own = server.admin().get(&format!("{GROUPS}/{staff}")).await.result()["policies"][0]["id"].clone();
    let with_id = |id: &Value| {
        let mut policy = grant.clone();
        policy["id"] = id.clone();
        policy
    };
    let foreign = refused(&server, &format!("PUT {GROUPS}/{guests}"), json!({ "policies": [with_id(&own)] })).await;
    assert_snapshot!(foreign, @"400 1001 [/policies/0/id] policy `<id>` is not one of this holder; leave `id` out for a new policy");
    let twice =
        refused(&server, &format!("PUT {GROUPS}/{staff}"), json!({ "policies": [with_id(&own), with_id(&own)] })).await;
    assert_snapshot!(twice, @"400 1001 [/policies/1/id] policy `<id>` is given twice");
    let new =
        refused(&server, &format!("POST {GROUPS}"), json!({ "name": "x", "policies": [with_id(&json!("mine"))] }))
            .await;
    assert_snapshot!(new, @"400 1001 [/policies/0/id] policy `mine` is not one of this holder; leave `id` out for a new policy");
}

#[tokio::test]
async fn a_permission_group_of_the_token_catalogue_is_refused_and_the_right_list_named() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let ids = ["1af1fa2adc104452b74a9a3364202f20", UNKNOWN, "Administrator"];
    let groups: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let policy = json!({ "access": "allow", "permission_groups": groups, "resource_groups": [{ "id": whole }] });
    assert_snapshot!(refused(&server, &format!("POST {GROUPS}"), json!({ "name": "staff", "policies": [policy] })).await, @r#"
    400 1001 [/policies/0/permission_groups/0/id] `<id>` ("Account Settings Write") is a token permission group, which policies of tokens use; for members and user groups take one of GET /accounts/{account_id}/iam/permission_groups
    400 1001 [/policies/0/permission_groups/1/id] permission group `<id>` not found; GET /accounts/{account_id}/iam/permission_groups lists them
    400 1001 [/policies/0/permission_groups/2/id] `Administrator` is not an id: 32 lower-case hex digits are expected
    "#);
}

#[tokio::test]
async fn an_account_role_cannot_be_given_on_domains() {
    let server = TestServer::start().await;
    let zone = server.zone("example.com").await;
    let domains = resource_group(&server, "domains", &[&zone_key(zone)]).await;
    let whole = server.whole_account().await;
    let bad = policy(&server, "allow", &["admin", "domain_dns"], &[&domains]);
    let told = refused(&server, &format!("POST {GROUPS}"), json!({ "name": "staff", "policies": [bad] })).await;
    assert_snapshot!(told, @r#"400 1006 [/policies/0] invalid permission group and resource group combination: "Administrator" cannot apply to resource group `<id>`"#);
    let good = policy(&server, "allow", &["domain_dns", "admin"], &[&whole]);
    group(&server, "staff", &[good]).await;
}

#[tokio::test]
async fn a_scope_written_in_a_policy_lives_and_dies_with_it() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let dns = server.permission_group("domain_dns");
    let inline = |objects: &[&str]| json!({ "access": "allow", "permission_groups": [{ "id": dns }], "resource_groups": [{ "scope": scope(&server, objects) }] });
    let admin = server.admin();
    let id = group(&server, "staff", &[inline(&[&zone])]).await;
    let path = format!("{GROUPS}/{id}");
    let shown = admin.get(&path).await.result()["policies"][0]["resource_groups"][0].clone();
    let anonymous = shown["id"].as_str().expect("an id").to_owned();
    let own = format!("{RESOURCE_GROUPS}/{anonymous}");
    assert_eq!(admin.get(&own).await.result(), &shown);
    assert_eq!(shown["meta"], json!({ "editable": "false", "adhoc": "true" }));
    assert!(admin.get(RESOURCE_GROUPS).await.list().iter().all(|group| group["id"] != anonymous.as_str()));

    let borrowed = policy(&server, "allow", &["domain_dns"], &[&anonymous]);
    let told_borrowed =
        refused(&server, &format!("POST {GROUPS}"), json!({ "name": "x", "policies": [borrowed] })).await;
    assert_snapshot!(told_borrowed, @"400 1001 [/policies/0/resource_groups/0/id] resource group `<id>` not found in this account");
    assert_snapshot!(refused_text(&server, &format!("DELETE {own}"), "").await, @"403 1011 resource group `<id>` belongs to policy `<id>` and cannot be deleted by itself");

    let same = admin.put(&path, admin.get(&path).await.result().clone()).await;
    assert_eq!(same.result()["policies"][0]["resource_groups"][0]["id"], anonymous.as_str());
    admin.put(&path, json!({ "policies": [inline(&["*"])] })).await.result();
    assert_snapshot!(told(&admin.get(&own).await), @"404 1002 resource group `<id>` not found");
    let next =
        admin.get(&path).await.result()["policies"][0]["resource_groups"][0]["id"].as_str().expect("an id").to_owned();
    admin.delete(&path).await.result();
    assert_eq!(admin.get(&format!("{RESOURCE_GROUPS}/{next}")).await.status, 404);
}

#[tokio::test]
async fn a_scope_of_another_account_and_an_unknown_zone_are_refused_with_their_place() {
    let server = TestServer::start().await;
    let dns = server.permission_group("domain_dns");
    let foreign = json!({ "key": format!("com.cloudflare.api.account.{UNKNOWN}"), "objects": [{ "key": "*" }] });
    let unknown = json!({ "key": account_key(&server), "objects": [{ "key": zone_key(UNKNOWN) }, { "key": "*" }] });
    let odd = json!({ "key": "zone", "objects": [] });
    let scopes: Vec<Value> = [foreign, unknown, odd].into_iter().map(|scope| json!({ "scope": scope })).collect();
    let policy = json!({ "access": "allow", "permission_groups": [{ "id": dns }], "resource_groups": scopes });
    assert_snapshot!(refused(&server, &format!("POST {GROUPS}"), json!({ "name": "staff", "policies": [policy] })).await, @r#"
    400 1001 [/policies/0/resource_groups/0/scope/key] scope key `com.cloudflare.api.account.<id>` must be the key of this account, `com.cloudflare.api.account.<id>`
    400 1001 [/policies/0/resource_groups/1/scope/objects/0/key] resource `com.cloudflare.api.account.zone.<id>` is not registered in this account
    400 1001 [/policies/0/resource_groups/1/scope/objects/1/key] `*` stands alone: it already means everything in the account
    400 1001 [/policies/0/resource_groups/2/scope/objects] objects must not be empty; use `[{"key": "*"}]` for everything
    400 1001 [/policies/0/resource_groups/2/scope/key] `zone` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`
    "#);
}

#[tokio::test]
async fn an_unknown_group_is_404_and_a_second_delete_too() {
    let server = TestServer::start().await;
    let id = group(&server, "staff", &[]).await;
    let path = format!("{GROUPS}/{id}");
    let admin = server.admin();
    assert_eq!(admin.delete(&path).await.result(), &json!({ "id": id }));
    for request in [
        format!("DELETE {path}"),
        format!("PUT {path}"),
        format!("GET {path}/members"),
        format!("DELETE {GROUPS}/{UNKNOWN}"),
    ] {
        assert_eq!(refused_text(&server, &request, "{}").await, "404 1002 user group `<id>` not found", "{request}");
    }
    let again = group(&server, "staff", &[]).await;
    assert_ne!(again, id, "an id is never used again");
}

#[tokio::test]
async fn the_members_of_a_deleted_group_stay_members_and_lose_what_it_gave() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let bea = server.member("bea@example.com", server.roles(&[])).await;
    let id = group(&server, "readers", &[policy(&server, "allow", &["admin_readonly"], &[&whole])]).await;
    let admin = server.admin();
    admin.post(&format!("{GROUPS}/{id}/members"), json!([{ "id": bea.id.to_string() }])).await.result();
    assert_eq!(bea.get(MEMBERS).await.status, 200);
    admin.delete(&format!("{GROUPS}/{id}")).await.result();
    assert_eq!(bea.get(MEMBERS).await.status, 403);
    assert_eq!(admin.get(&format!("{MEMBERS}/{}", bea.id)).await.result()["status"], "accepted");
}

#[tokio::test]
async fn limits_are_kept_with_1009() {
    let server = TestServer::builder()
        .rules(|rules| {
            rules.limits.user_groups = 1;
            rules.limits.policies = 1;
            rules.limits.permission_groups = 1;
            rules.limits.policy_resource_groups = 1;
            rules.limits.objects = 1;
        })
        .start()
        .await;
    let whole = server.whole_account().await;
    let (a, b) = (zone_key(server.zone("a.example.com").await), zone_key(server.zone("b.example.com").await));
    let only = resource_group(&server, "a", &[&a]).await;
    let one = policy(&server, "allow", &["domain_dns"], &[&whole]);
    let id = group(&server, "staff", std::slice::from_ref(&one)).await;
    let (create, put) = (format!("POST {GROUPS}"), format!("PUT {GROUPS}/{id}"));
    let told = refusals(
        &server,
        &[
            (&create, json!({ "name": "second" })),
            (&put, json!({ "policies": [one, one] })),
            (&put, json!({ "policies": [policy(&server, "allow", &["domain_dns", "bot_management"], &[&whole])] })),
            (&put, json!({ "policies": [policy(&server, "allow", &["domain_dns"], &[&whole, &only])] })),
            (&format!("POST {RESOURCE_GROUPS}"), json!({ "name": "both", "scope": scope(&server, &[&a, &b]) })),
        ],
    )
    .await;
    assert_snapshot!(told, @r"
    400 1009 an account has at most 1 user groups
    400 1009 [/policies] at most 1 policies are allowed
    400 1009 [/policies/0/permission_groups] at most 1 permission groups are allowed
    400 1009 [/policies/0/resource_groups] at most 1 resource groups are allowed
    400 1009 [/scope/objects] at most 1 objects are allowed
    ");
}
