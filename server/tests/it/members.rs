//! Members (section 4).

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{Owner, TestServer, allow};

use crate::support::{
    ACCOUNT, MEMBERS, SUPER, UNKNOWN, account_key, policy, refusals, refused, refused_text, resource_group, revision,
    role, told, zone_key,
};

#[tokio::test]
async fn an_invited_member_is_pending_and_shown_whole() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let made = admin.post(MEMBERS, json!({ "email": "Bea@Example.com", "roles": [role(&server, "DNS")] })).await;
    let member = made.result();
    assert_eq!((&member["email"], &member["status"]), (&json!("Bea@Example.com"), &json!("pending")));
    assert_eq!(
        member["user"],
        json!({ "email": "Bea@Example.com", "first_name": null, "last_name": null, "two_factor_authentication_enabled": false })
    );
    assert_eq!(member["roles"][0]["name"], "DNS");
    assert_eq!(admin.get(&format!("{MEMBERS}/{}", made.id())).await.result(), member);
}

#[tokio::test]
async fn a_role_is_kept_as_one_policy_on_the_whole_account_and_shown_as_both() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let roles = json!([role(&server, "DNS"), { "id": role(&server, "Administrator Read Only") }]);
    let made = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "roles": roles })).await;
    let policies = made.result()["policies"].as_array().expect("policies");
    let labels: Vec<&Value> = policies.iter().map(|policy| &policy["permission_groups"][0]["meta"]["label"]).collect();
    assert_eq!(labels, ["dns_admin", "admin_readonly"]);
    for policy in policies {
        assert_eq!((&policy["access"], &policy["resource_groups"][0]["id"]), (&json!("allow"), &json!(whole)));
    }
    let names: Vec<&Value> =
        made.result()["roles"].as_array().expect("roles").iter().map(|role| &role["name"]).collect();
    assert_eq!(names, ["DNS", "Administrator Read Only"]);
}

#[tokio::test]
async fn only_what_is_allowed_on_the_whole_account_is_shown_as_a_role() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let domains = resource_group(&server, "domains", &[&zone_key(server.zone("example.com").await)]).await;
    let policies = json!([
        policy(&server, "allow", &["dns_admin"], &[&whole]),
        policy(&server, "deny", &["admin"], &[&whole]),
        policy(&server, "allow", &["domain_dns"], &[&domains]),
    ]);
    let made = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "policies": policies })).await;
    let names: Vec<&Value> =
        made.result()["roles"].as_array().expect("roles").iter().map(|role| &role["name"]).collect();
    assert_eq!(names, ["DNS"]);
}

#[tokio::test]
async fn roles_beside_policies_are_ignored_and_the_answer_says_so() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    server.member("eve@example.com", server.roles(&[SUPER])).await;
    let body = json!({
        "email": "bea@example.com",
        "roles": [role(&server, "DNS")],
        "policies": [policy(&server, "allow", &["admin_readonly"], &[&whole])],
    });
    let made = server.admin().post(MEMBERS, body).await;
    assert_eq!(made.result()["roles"][0]["name"], "Administrator Read Only");
    assert_eq!(
        made.body["messages"][0],
        json!({ "code": 1001, "message": "`roles` were ignored, since `policies` were given" })
    );
    let again = server.admin().put(&format!("{MEMBERS}/{}", made.id()), made.result().clone()).await;
    assert_eq!(again.result(), made.result(), "what was read can be sent back");
}

#[tokio::test]
async fn a_write_warns_while_there_is_only_one_super_administrator() {
    let server = TestServer::start().await;
    let made = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await;
    assert_eq!(made.body["messages"][0]["code"], 1012);
    server.member("eve@example.com", server.roles(&[SUPER])).await;
    let made = server.admin().post(MEMBERS, json!({ "email": "cyd@example.com", "roles": [] })).await;
    assert_eq!(made.body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(made.body["messages"][0]["code"], 1014, "only the link of the invitation");
}

#[tokio::test]
async fn what_is_no_member_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let create = format!("POST {MEMBERS}");
    let create = create.as_str();
    let rows = [
        (create, json!({})),
        (create, json!({ "email": "bea", "roles": [] })),
        (create, json!({ "email": "@example.com", "roles": [] })),
        (create, json!({ "email": format!("{}@example.com", "b".repeat(90)), "roles": [] })),
        (create, json!({ "email": "bea@example.com" })),
        (create, json!({ "email": "bea@example.com", "roles": [UNKNOWN, 7, {}] })),
        (create, json!({ "email": "bea@example.com", "roles": [UNKNOWN, "c8fed203ed3043cba015a93ad1616f1f", "DNS"] })),
        (create, json!({ "email": "bea@example.com", "roles": [], "status": "rejected" })),
        (create, json!({ "email": "bea@example.com", "roles": [], "status": "accepted" })),
        (create, json!({ "email": "ADMIN@example.com", "roles": [] })),
    ];
    assert_snapshot!(refusals(&server, &rows).await, @r"
    400 1001 [/email] email must be present
    400 1001 [/policies] one of `roles` and `policies` must be present
    400 1001 [/email] email must be an address such as `user@example.com`
    400 1001 [/email] email must be an address such as `user@example.com`
    400 1001 [/email] email must have at most 90 characters
    400 1001 [/policies] one of `roles` and `policies` must be present
    400 1001 [/roles/1] 1 must be an object, not a number
    400 1001 [/roles/2/id] id must be present
    400 1001 [/roles/0] role `<id>` not found; GET /accounts/{account_id}/roles lists them
    400 1001 [/roles/0] role `<id>` not found; GET /accounts/{account_id}/roles lists them
    400 1001 [/roles/2] role `DNS` not found; GET /accounts/{account_id}/roles lists them
    400 1001 [/status] `rejected` must be one of `accepted`, `pending`
    400 1001 [/status] Invalid request: automatic verification of new members is not allowed
    400 1004 [/email] `ADMIN@example.com` is already a member of this account
    ");
}

#[tokio::test]
async fn an_accepted_member_is_made_only_of_a_user_and_where_the_operator_allows_it() {
    let status = async |server: &TestServer, email: &str| {
        let answer = server.admin().post(MEMBERS, json!({ "email": email, "roles": [], "status": "accepted" })).await;
        told(&answer)
    };
    let refusal = "400 1001 [/status] Invalid request: automatic verification of new members is not allowed";
    let server = TestServer::start().await;
    server.user("bea@example.com").await;
    assert_eq!(status(&server, "bea@example.com").await, refusal);
    let server = TestServer::builder().rules(|rules| rules.allow_direct_add = true).start().await;
    server.user("bea@example.com").await;
    assert_eq!(status(&server, "BEA@example.com").await, "200");
    assert_eq!(status(&server, "nobody@example.com").await, refusal);
}

#[tokio::test]
async fn an_update_takes_the_present_status_and_no_other() {
    let server = TestServer::start().await;
    let id = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await.id();
    let path = format!("{MEMBERS}/{id}");
    let dns = role(&server, "DNS");
    let same = server.admin().put(&path, json!({ "roles": [{ "id": dns }], "status": "Pending" })).await;
    assert_eq!(same.result()["roles"][0]["name"], "DNS");
    let other = json!({ "roles": [], "status": "accepted" });
    assert_snapshot!(refused(&server, &format!("PUT {path}"), other).await, @"400 1001 [/status] status cannot be set to `accepted`: it is `pending`, and changes only by invitation");
    assert_snapshot!(refused(&server, &format!("PUT {path}"), json!({})).await, @"400 1001 [/policies] one of `roles` and `policies` must be present");
}

#[tokio::test]
async fn an_update_that_changes_nothing_makes_no_commit() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", server.roles(&["DNS"])).await;
    let path = format!("{MEMBERS}/{}", bea.id);
    let read = server.admin().get(&path).await;
    let before = revision(&server).await;
    let policies = json!({ "policies": read.result()["policies"] });
    for body in [policies, json!({ "roles": [role(&server, "DNS")] }), read.result().clone()] {
        assert_eq!(server.admin().put(&path, body).await.result(), read.result());
    }
    assert_eq!(revision(&server).await, before);
}

#[tokio::test]
async fn who_is_invited_again_keeps_the_membership_and_gets_the_new_grants() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let first = admin.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [role(&server, "DNS")] })).await.id();
    let again = admin
        .post(MEMBERS, json!({ "email": "BEA@example.com", "roles": [role(&server, "Administrator Read Only")] }))
        .await;
    assert_eq!(again.id(), first);
    assert_eq!(again.result()["roles"].as_array().map(Vec::len), Some(1));
    assert_eq!(again.result()["roles"][0]["name"], "Administrator Read Only");
    assert_eq!(again.result()["email"], "bea@example.com", "the address stays as it was given first");
    assert_eq!(admin.get(&format!("{MEMBERS}?status=pending")).await.list().len(), 1);
    server.member("cyd@example.com", server.roles(&[])).await;
    let member = json!({ "email": "Cyd@example.com", "roles": [] });
    assert_snapshot!(refused(&server, &format!("POST {MEMBERS}"), member).await, @"400 1004 [/email] `Cyd@example.com` is already a member of this account");
}

#[tokio::test]
async fn a_pending_member_exercises_nothing() {
    let server = TestServer::start().await;
    let (_, bea) = server.user("bea@example.com").await;
    let body = json!({ "email": "bea@example.com", "roles": [role(&server, SUPER)] });
    server.admin().post(MEMBERS, body).await.id();
    assert_eq!(told(&bea.get(ACCOUNT).await), "403 10000 Forbidden");
    assert_eq!(bea.get("/accounts").await.list().len(), 0);
}

#[tokio::test]
async fn a_removed_member_loses_the_account_with_all_keys_and_tokens_at_once() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", server.roles(&["Administrator Read Only"])).await;
    let token = server
        .token(Owner::User(bea.user), &[allow(&["Account Settings Read"], &["com.cloudflare.api.account.*"])])
        .await;
    let statuses = async || (bea.get(MEMBERS).await.status, token.get(MEMBERS).await.status);
    assert_eq!(statuses().await, (200, 200));
    let path = format!("{MEMBERS}/{}", bea.id);
    assert_eq!(server.admin().delete(&path).await.result(), &json!({ "id": bea.id.to_string() }));
    assert_eq!(statuses().await, (403, 403));
    assert_eq!(told(&bea.get(ACCOUNT).await), "403 10000 Forbidden");
    assert_eq!(bea.get("/accounts").await.list().len(), 0);
    assert_eq!(token.get("/accounts").await.list().len(), 0);
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}"), "").await, @"404 1002 member `<id>` not found");
    let back = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await;
    assert_ne!(back.id(), bea.id.to_string());
    assert_eq!(back.result()["policies"], json!([]));
}

#[tokio::test]
async fn a_users_token_shrinks_with_its_owner_and_grows_no_further_than_itself() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", server.roles(&[SUPER])).await;
    let key = account_key(&server);
    let token = server.token(Owner::User(bea.user), &[allow(&["Account Settings Read"], &[&key])]).await;
    assert_eq!(token.get(MEMBERS).await.status, 200);
    assert_eq!(told(&token.post(MEMBERS, json!({})).await), "403 10000 Forbidden", "its owner may, it may not");
    let path = format!("{MEMBERS}/{}", bea.id);
    server.admin().put(&path, json!({ "roles": [] })).await.result();
    assert_eq!(told(&token.get(MEMBERS).await), "403 10000 Forbidden");
    server.admin().put(&path, json!({ "roles": [role(&server, "Administrator Read Only")] })).await.result();
    assert_eq!(token.get(MEMBERS).await.status, 200);
}

#[tokio::test]
async fn only_a_super_administrator_makes_another_one() {
    let server = TestServer::start().await;
    let key = account_key(&server);
    let token = server.token(Owner::Account, &[allow(&["Account Settings Write"], &[&key])]).await;
    let scim = server.token(Owner::Account, &[allow(&["SCIM Provisioning"], &[&key])]).await;
    let invite = |role_name: &str| json!({ "email": "bea@example.com", "roles": [role(&server, role_name)] });
    assert_snapshot!(told(&token.post(MEMBERS, invite(SUPER)).await), @r#"400 1001 only a super administrator may grant or revoke "Super Administrator - All Privileges""#);
    assert_snapshot!(told(&scim.post(MEMBERS, invite("DNS")).await), @r#"400 1001 Failed common permission check against resources. (Permission group: "DNS")"#);
    let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
    assert_eq!(
        told(&token.delete(&format!("{MEMBERS}/{}", eve.id)).await),
        r#"400 1001 only a super administrator may grant or revoke "Super Administrator - All Privileges""#
    );
    assert_eq!(
        token.post(MEMBERS, invite("Administrator")).await.status,
        200,
        "membership administration gives any other role"
    );
    assert_eq!(server.admin().post(MEMBERS, invite(SUPER)).await.status, 200);
}

#[tokio::test]
async fn an_administrator_neither_manages_members_nor_promotes_itself() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", server.roles(&["Administrator"])).await;
    let body = json!({ "roles": [role(&server, SUPER)] });
    assert_eq!(told(&bea.put(&format!("{MEMBERS}/{}", bea.id), body).await), "403 10000 Forbidden");
}

#[tokio::test]
async fn a_token_of_a_member_without_policies_reads_the_account_if_it_says_so_itself() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", server.roles(&[])).await;
    let key = account_key(&server);
    let reads = server.token(Owner::User(bea.user), &[allow(&["Account Settings Read"], &[&key])]).await;
    let other = server.token(Owner::User(bea.user), &[allow(&["Audit Logs Read"], &[&key])]).await;
    assert_eq!((reads.get(ACCOUNT).await.status, other.get(ACCOUNT).await.status), (200, 403));
    assert_eq!(reads.get(MEMBERS).await.status, 403, "its owner may not");
}
