//! The members of user groups (section 5).

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{Response, TestServer};

use crate::support::{GROUPS, MEMBERS, UNKNOWN, group, policy, refused, refused_text, revision, told};

struct World {
    server: TestServer,
    path: String,
    ids: [String; 3],
}

/// A group, and three members who are not in it: Ada, Bea, and Cyd who is only invited.
async fn world() -> World {
    let server = TestServer::start().await;
    let ada = server.member("ada@example.com", server.roles(&[])).await;
    let bea = server.member("Bea@example.com", server.roles(&[])).await;
    let cyd = server.admin().post(MEMBERS, json!({ "email": "cyd@example.com", "roles": [] })).await.id();
    let path = format!("{GROUPS}/{}/members", group(&server, "staff", &[]).await);
    World { server, path, ids: [ada.id.to_string(), bea.id.to_string(), cyd] }
}

fn body(ids: &[&String]) -> Value {
    ids.iter().map(|id| json!({ "id": id })).collect()
}

fn emails(answer: &Response) -> String {
    let emails: Vec<&str> = answer.list().iter().filter_map(|member| member["email"].as_str()).collect();
    emails.join(" ")
}

#[tokio::test]
async fn members_are_added_in_either_form_of_body_and_answered_in_the_order_of_the_request() {
    let World { server, path, ids: [ada, bea, cyd] } = world().await;
    let admin = server.admin();
    assert_eq!(emails(&admin.post(&path, body(&[&cyd, &ada])).await), "cyd@example.com ada@example.com");
    let both = admin.post(&path, json!({ "members": body(&[&bea, &ada, &bea]) })).await;
    assert_eq!(emails(&both), "Bea@example.com ada@example.com", "whoever is named twice is in once");
    assert_eq!(both.list()[0], json!({ "id": bea, "email": "Bea@example.com", "status": "accepted" }));
    assert_eq!(emails(&admin.get(&path).await), "ada@example.com Bea@example.com cyd@example.com");
    assert_eq!(admin.get(&path).await.list()[2]["status"], "pending");
}

#[tokio::test]
async fn to_add_who_is_in_already_makes_no_commit() {
    let World { server, path, ids: [ada, ..] } = world().await;
    server.admin().post(&path, body(&[&ada])).await.result();
    let before = revision(&server).await;
    assert_eq!(emails(&server.admin().post(&path, body(&[&ada])).await), "ada@example.com");
    assert_eq!(server.admin().post(&path, json!([])).await.list().len(), 0);
    assert_eq!(emails(&server.admin().put(&path, body(&[&ada])).await), "ada@example.com");
    assert_eq!(revision(&server).await, before);
}

#[tokio::test]
async fn a_put_replaces_all_and_an_empty_one_empties() {
    let World { server, path, ids: [ada, bea, cyd] } = world().await;
    let admin = server.admin();
    admin.post(&path, body(&[&ada, &bea])).await.result();
    assert_eq!(emails(&admin.put(&path, body(&[&cyd, &bea])).await), "cyd@example.com Bea@example.com");
    assert_eq!(emails(&admin.get(&path).await), "Bea@example.com cyd@example.com");
    assert_eq!(admin.put(&path, json!([])).await.list().len(), 0);
    assert_eq!(admin.get(&path).await.list().len(), 0);
}

#[tokio::test]
async fn an_unknown_member_is_told_with_its_place_and_nobody_is_added() {
    let World { server, path, ids: [ada, ..] } = world().await;
    let unknown = UNKNOWN.to_owned();
    let short = "ada".to_owned();
    let told = refused(&server, &format!("POST {path}"), body(&[&ada, &unknown, &short])).await;
    assert_snapshot!(told, @r"
    400 1001 [/1/id] member `<id>` not found in this account
    400 1001 [/2/id] member `ada` not found in this account
    ");
    let wrapped = refused(&server, &format!("PUT {path}"), json!({ "members": body(&[&unknown]) })).await;
    assert_snapshot!(wrapped, @"400 1001 [/members/0/id] member `<id>` not found in this account");
    assert_eq!(server.admin().get(&path).await.list().len(), 0);
}

#[tokio::test]
async fn a_body_that_names_no_members_is_refused() {
    let World { server, path, .. } = world().await;
    let mut lines = Vec::new();
    for body in [json!({}), json!("ada"), json!({ "members": {} }), json!(["ada"]), json!([{ "member": 1 }])] {
        lines.push(refused(&server, &format!("PUT {path}"), body).await);
    }
    assert_snapshot!(lines.join("\n"), @r"
    400 1001 [/members] members must be present
    400 1001 [] the body must be an object, not a string
    400 1001 [/members] members must be an array, not an object
    400 1001 [/0] 0 must be an object, not a string
    400 1001 [/0/id] id must be present
    ");
}

#[tokio::test]
async fn one_member_of_a_group_is_shown_with_the_person_behind_it() {
    let World { server, path, ids: [ada, bea, _] } = world().await;
    let admin = server.admin();
    admin.post(&path, body(&[&ada])).await.result();
    let shown = admin.get(&format!("{path}/{ada}")).await;
    assert_eq!(shown.result()["user"]["email"], "ada@example.com");
    assert_eq!(shown.result()["created_at"], "2026-01-02T03:04:05.000000Z");
    assert_snapshot!(told(&admin.get(&format!("{path}/{bea}")).await), @"404 1002 user group member `<id>` not found");
}

#[tokio::test]
async fn who_is_taken_out_is_answered_and_a_second_time_404() {
    let World { server, path, ids: [ada, ..] } = world().await;
    let admin = server.admin();
    admin.post(&path, body(&[&ada])).await.result();
    let gone = admin.delete(&format!("{path}/{ada}")).await;
    assert_eq!(gone.result(), &json!({ "id": ada, "email": "ada@example.com", "status": "accepted" }));
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}/{ada}"), "").await, @"404 1002 user group member `<id>` not found");
    assert_eq!(admin.get(&format!("{MEMBERS}/{ada}")).await.status, 200);
}

#[tokio::test]
async fn members_are_found_by_a_part_of_their_address() {
    let World { server, path, ids: [ada, bea, cyd] } = world().await;
    let admin = server.admin();
    admin.put(&path, body(&[&ada, &bea, &cyd])).await.result();
    assert_eq!(emails(&admin.get(&format!("{path}?fuzzyEmail=BEA")).await), "Bea@example.com");
    assert_eq!(emails(&admin.get(&format!("{path}?fuzzyEmail=_")).await), "");
    assert_eq!(
        emails(&admin.get(&format!("{path}?direction=desc&per_page=2")).await),
        "cyd@example.com Bea@example.com"
    );
    let found = admin.get(&format!("{path}?fuzzyEmail=example&per_page=1&page=2")).await;
    assert_eq!((emails(&found).as_str(), &found.body["result_info"]["total_count"]), ("Bea@example.com", &json!(3)));
}

#[tokio::test]
async fn a_removed_member_leaves_its_groups() {
    let World { server, path, ids: [ada, ..] } = world().await;
    let admin = server.admin();
    admin.post(&path, body(&[&ada])).await.result();
    admin.delete(&format!("{MEMBERS}/{ada}")).await.result();
    assert_eq!(admin.get(&path).await.list().len(), 0);
    assert_eq!(admin.get(&path).await.body["result_info"]["total_count"], 0);
}

#[tokio::test]
async fn requests_and_memberships_have_their_limits() {
    let server = TestServer::builder()
        .rules(|rules| {
            rules.limits.members_per_request = 1;
            rules.limits.groups_per_member = 1;
        })
        .start()
        .await;
    let ada = server.member("ada@example.com", server.roles(&[])).await.id.to_string();
    let bea = server.member("bea@example.com", server.roles(&[])).await.id.to_string();
    let (one, two) = (group(&server, "one", &[]).await, group(&server, "two", &[]).await);
    let both = refused(&server, &format!("POST {GROUPS}/{one}/members"), body(&[&ada, &bea])).await;
    assert_snapshot!(both, @"400 1009 [] at most 1 members are allowed in one request");
    server.admin().post(&format!("{GROUPS}/{one}/members"), body(&[&ada])).await.result();
    let second = refused(&server, &format!("POST {GROUPS}/{two}/members"), body(&[&ada])).await;
    assert_snapshot!(second, @"400 1009 [/0/id] member `<id>` is in 1 user groups already, the most allowed");
}

#[tokio::test]
async fn a_denial_of_a_group_takes_away_what_its_member_holds_directly() {
    let server = TestServer::start().await;
    let whole = server.whole_account().await;
    let bea = server.member("bea@example.com", server.roles(&["Administrator Read Only"])).await;
    assert_eq!(bea.get(MEMBERS).await.status, 200);
    let denied = group(&server, "denied", &[policy(&server, "deny", &["admin_readonly"], &[&whole])]).await;
    server.admin().post(&format!("{GROUPS}/{denied}/members"), body(&[&bea.id.to_string()])).await.result();
    assert_eq!(told(&bea.get(MEMBERS).await), "403 10000 Forbidden");
}
