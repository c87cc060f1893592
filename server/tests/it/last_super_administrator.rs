//! An account keeps a super administrator, whatever is tried (D19).

use serde_json::{Value, json};
use testkit::TestServer;

use crate::support::{
    GROUPS, MEMBERS, RESOURCE_GROUPS, SUPER, group, policy, refused, resource_group, role, scope, send, zone_key,
};

const KEPT: &str = "400 1012 the account must keep at least one super administrator";

fn member(id: impl ToString) -> Value {
    json!([{ "id": id.to_string() }])
}

#[tokio::test]
async fn the_last_one_is_neither_removed_nor_demoted() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let path = format!("{MEMBERS}/{}", server.member);
    let all = policy(&server, "allow", &["all_privileges"], &[&whole]);
    let bodies = [
        json!({ "roles": [] }),
        json!({ "policies": [] }),
        json!({ "roles": [role(&server, "Administrator")] }),
        json!({ "policies": [policy(&server, "allow", &["admin"], &[&whole])] }),
        json!({ "policies": [all, policy(&server, "deny", &["all_privileges"], &[&whole])] }),
        json!({ "policies": [policy(&server, "deny", &["all_privileges"], &[&whole])] }),
    ];
    assert_eq!(refused(&server, &format!("DELETE {path}"), json!({})).await, KEPT);
    for body in bodies {
        assert_eq!(refused(&server, &format!("PUT {path}"), body.clone()).await, KEPT, "{body}");
    }
}

#[tokio::test]
async fn a_denial_by_way_of_a_group_does_not_cancel_the_last_one() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let denial = policy(&server, "deny", &["all_privileges"], &[&whole]);
    let trap = group(&server, "trap", std::slice::from_ref(&denial)).await;
    let members = format!("{GROUPS}/{trap}/members");
    assert_eq!(refused(&server, &format!("POST {members}"), member(server.member)).await, KEPT);
    assert_eq!(refused(&server, &format!("PUT {members}"), member(server.member)).await, KEPT);
    let staff = group(&server, "staff", &[]).await;
    server.admin().post(&format!("{GROUPS}/{staff}/members"), member(server.member)).await.result();
    assert_eq!(refused(&server, &format!("PUT {GROUPS}/{staff}"), json!({ "policies": [denial] })).await, KEPT);
}

/// A server whose only super administrator is one by being in a group.
async fn by_group(resource_group: &str) -> (TestServer, String) {
    let server = TestServer::start().await;
    let place = match resource_group {
        "" => server.whole_account().await,
        name => crate::support::resource_group(&server, name, &["*"]).await,
    };
    let owners = group(&server, "owners", &[policy(&server, "allow", &["all_privileges"], &[&place])]).await;
    let admin = server.admin();
    admin.post(&format!("{GROUPS}/{owners}/members"), member(server.member)).await.result();
    admin.put(&format!("{MEMBERS}/{}", server.member), json!({ "roles": [] })).await.result();
    (server, owners)
}

#[tokio::test]
async fn the_group_that_makes_the_last_one_keeps_its_policies_and_its_member() {
    let (server, owners) = by_group("").await;
    let path = format!("{GROUPS}/{owners}");
    let whole = server.whole_account().await;
    let bea = server.member("bea@example.com", server.roles(&[])).await;
    let pending =
        server.admin().post(MEMBERS, json!({ "email": "cyd@example.com", "roles": [role(&server, SUPER)] })).await.id();
    let rows = [
        (format!("DELETE {path}"), json!({})),
        (format!("PUT {path}"), json!({ "policies": [] })),
        (format!("PUT {path}"), json!({ "policies": null })),
        (format!("PUT {path}"), json!({ "policies": [policy(&server, "deny", &["all_privileges"], &[&whole])] })),
        (format!("DELETE {path}/members/{}", server.member), json!({})),
        (format!("PUT {path}/members"), json!([])),
        (format!("PUT {path}/members"), member(&pending)),
        (format!("DELETE {MEMBERS}/{}", server.member), json!({})),
    ];
    for (request, body) in rows {
        assert_eq!(refused(&server, &request, body).await, KEPT, "{request}");
    }
    let handed_over = server.admin().put(&format!("{path}/members"), member(bea.id)).await;
    assert_eq!(handed_over.status, 200, "{}", handed_over.text);
    assert_eq!(bea.get(MEMBERS).await.status, 200);
    assert_eq!(server.admin().get(MEMBERS).await.status, 403);
}

#[tokio::test]
async fn the_resource_group_that_makes_the_last_one_is_not_narrowed() {
    let (server, _) = by_group("everything").await;
    let zone = zone_key(server.zone("example.com").await);
    let id = server.admin().get(&format!("{RESOURCE_GROUPS}?name=everything")).await.list()[0]["id"].clone();
    let path = format!("{RESOURCE_GROUPS}/{}", id.as_str().expect("an id"));
    let narrower = refused(&server, &format!("PUT {path}"), json!({ "scope": scope(&server, &[&zone]) })).await;
    assert!(narrower.starts_with("400 1006"), "{narrower}");
    let deleted = refused(&server, &format!("DELETE {path}"), json!({})).await;
    assert!(deleted.starts_with("400 1010"), "{deleted}");
}

#[tokio::test]
async fn a_denial_on_domains_that_is_widened_does_not_cancel_the_last_one() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let domains = resource_group(&server, "domains", &[&zone]).await;
    let denial = policy(&server, "deny", &["domain_admin"], &[&domains]);
    let staff = group(&server, "staff", &[denial]).await;
    let admin = server.admin();
    admin.post(&format!("{GROUPS}/{staff}/members"), member(server.member)).await.result();
    admin.put(&format!("{RESOURCE_GROUPS}/{domains}"), json!({ "scope": scope(&server, &["*"]) })).await.result();
    assert_eq!(
        admin.put(&format!("{GROUPS}/{staff}"), json!({ "policies": [] })).await.status,
        200,
        "the way back is open"
    );
}

#[tokio::test]
async fn one_of_two_may_go_by_any_way() {
    for way in ["DELETE", "PUT"] {
        let server = TestServer::start().await;
        let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
        let request = format!("{way} {MEMBERS}/{}", server.member);
        let gone = send(&eve, &request, r#"{"roles": []}"#).await;
        assert_eq!(gone.status, 200, "{}", gone.text);
        assert_eq!(gone.body["messages"][0]["code"], 1012, "the answer warns that one is left");
        let alone = send(&eve, &format!("{way} {MEMBERS}/{}", eve.id), r#"{"roles": []}"#).await;
        assert_eq!(alone.status_and_error(), KEPT);
    }
}
