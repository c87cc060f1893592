//! Memberships, invitations and users, from the side of the person (sections 3, 4 and 6).

use std::time::Duration;

use model::ids::UserId;
use model::members::Grants;
use model::users::User;
use serde_json::{Value, json};
use testkit::{Caller, Owner, Response, TestServer, allow};

use crate::support::{ACCOUNT, MEMBERS, account_key, told};

const MEMBERSHIPS: &str = "/memberships";
const INVITES: &str = "/user/invites";

async fn invite(server: &TestServer, email: &str, roles: &[&str]) -> Response {
    let catalog = server.runtime.engine.catalog();
    let role = |name: &&str| catalog.roles().iter().find(|role| *role.name == **name).expect("a role").id.to_string();
    let roles: Vec<String> = roles.iter().map(role).collect();
    let made = server.admin().post(MEMBERS, json!({ "email": email, "roles": roles })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made
}

/// The token of the link that the administrator is told.
fn token(made: &Response) -> String {
    let message = made.body["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap());
    let message = message.into_iter().find(|message| message.contains("/invitations/")).expect("a link");
    message.rsplit_once('/').unwrap().1.to_owned()
}

async fn change_user(server: &TestServer, user: UserId, change: impl Fn(&mut User) + Send + Sync) {
    let (permit, origin) = (engine::user_permit::UserPermit::for_system(user), crate::support::origin());
    let changed = server.runtime.commit_user(&permit, &[], &origin, |state, _| {
        let mut user = User::clone(state.user.as_ref().unwrap());
        change(&mut user);
        Ok((vec![model::change::Change::put(model::change::Document::User(user.into()))], ()))
    });
    changed.await.expect("a commit");
}

#[tokio::test]
async fn an_invited_person_sees_the_invitation_accepts_it_and_is_in() {
    let server = TestServer::start().await;
    let made = invite(&server, "Bea@Example.com", &["DNS"]).await;
    let (_, bea) = server.user("bea@example.com").await;
    assert_eq!(bea.get(ACCOUNT).await.status, 403);
    let invites = bea.get(INVITES).await;
    let invite = &invites.list()[0];
    assert_eq!(invite["id"], made.id());
    assert_eq!(invite["invited_by"], "admin@example.com");
    assert_eq!(invite["status"], "pending");
    assert_eq!(invite["roles"], json!(["DNS"]));
    assert_eq!(bea.get(&format!("{INVITES}/{}", made.id())).await.result(), invite);
    let membership = bea.get(&format!("{MEMBERSHIPS}/{}", made.id())).await;
    assert_eq!(membership.result()["status"], "pending");
    let accepted = bea
        .send(
            testkit::Method::PATCH,
            &format!("{INVITES}/{}", made.id()),
            Some(json!({"status": "accepted"}).to_string()),
        )
        .await;
    assert_eq!(accepted.result()["status"], "accepted", "{}", accepted.text);
    assert_eq!(bea.get(ACCOUNT).await.status, 200);
    assert_eq!(bea.get(INVITES).await.list().len(), 0);
    let membership = bea.get(&format!("{MEMBERSHIPS}/{}", made.id())).await;
    let membership = membership.result();
    assert_eq!((&membership["status"], &membership["roles"]), (&json!("accepted"), &json!(["DNS"])));
    assert_eq!(membership["permissions"]["dns"], json!({ "read": true, "write": true }));
    assert_eq!(membership["permissions"]["billing"], json!({ "read": false, "write": false }));
    assert_eq!(membership["account"]["id"], server.account.to_string());
    assert_eq!(membership["api_access_enabled"], Value::Null);
    assert_eq!(server.admin().get(&format!("{MEMBERS}/{}", made.id())).await.result()["status"], "accepted");
}

#[tokio::test]
async fn the_link_is_told_once_works_once_and_proves_the_address() {
    let server = TestServer::start().await;
    let made = invite(&server, "bea@example.com", &[]).await;
    let link = token(&made);
    assert!(!server.admin().get(&format!("{MEMBERS}/{}", made.id())).await.text.contains(&link));
    let landing = server.anonymous().get(&format!("/invitations/{link}")).await;
    assert!(landing.text.contains("as bea@example.com") && landing.text.contains(&link), "{}", landing.text);
    let (user, bea) = server.user("bea@example.com").await;
    change_user(&server, user.id, |user| user.email_verified = false).await;
    let without = bea.put(&format!("{MEMBERSHIPS}/{}", made.id()), json!({ "status": "accepted" })).await;
    assert_eq!(
        told(&without),
        "400 1001 [/status] your e-mail address is not verified; use the link in the invitation"
    );
    let redeem =
        async |caller: &Caller, token: &str| caller.post(&format!("{INVITES}/redeem"), json!({ "token": token })).await;
    let (_, eve) = server.user("eve@example.com").await;
    let refused = "400 1001 [/token] the link is not valid: it was used or replaced, has expired, or is of another address than yours";
    assert_eq!(told(&redeem(&eve, &link).await), refused, "accepting as somebody else");
    let flipped = format!("{}{}", &link[..link.len() - 1], if link.ends_with('0') { '1' } else { '0' });
    for wrong in [flipped.as_str(), "pcin_", "nonsense", &link.to_uppercase()] {
        assert_eq!(told(&redeem(&bea, wrong).await), refused, "{wrong}");
    }
    assert_eq!(redeem(&bea, &link).await.result()["status"], "accepted");
    let user = server.runtime.user(user.id).await.unwrap().unwrap();
    assert!(user.state.user.as_ref().unwrap().email_verified);
    assert_eq!(told(&redeem(&bea, &link).await), refused, "a link works once");
    assert_eq!(server.anonymous().get(&format!("/invitations/{link}")).await.status, 404);
}

#[tokio::test]
async fn inviting_again_voids_the_link_before_and_an_old_one_ends_after_seven_days() {
    let server = TestServer::start().await;
    let (_, bea) = server.user("bea@example.com").await;
    let first = invite(&server, "bea@example.com", &[]).await;
    server.clock.advance(Duration::from_secs(60));
    let second = invite(&server, "BEA@example.com", &["DNS"]).await;
    assert_eq!(first.id(), second.id());
    let redeem = async |token: &str| bea.post(&format!("{INVITES}/redeem"), json!({ "token": token })).await;
    assert_eq!(redeem(&token(&first)).await.status, 400);
    server.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let path = format!("{INVITES}/{}", second.id());
    assert_eq!(bea.get(&path).await.result()["status"], "expired");
    let late = redeem(&token(&second)).await;
    assert!(told(&late).starts_with("400 1001 [/status] the invitation expired on"), "{}", late.text);
    let late = bea.put(&format!("{MEMBERSHIPS}/{}", second.id()), json!({ "status": "accepted" })).await;
    assert!(told(&late).starts_with("400 1001 [/status] the invitation expired on"), "{}", late.text);
    assert_eq!(server.admin().get(&format!("{MEMBERS}/{}", second.id())).await.result()["status"], "pending");
    let third = invite(&server, "bea@example.com", &["DNS"]).await;
    assert_eq!(redeem(&token(&third)).await.status, 200);
    let again = server.admin().post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await;
    assert!(told(&again).starts_with("400 1004"), "{}", again.text);
}

#[tokio::test]
async fn who_declines_stays_declined_until_invited_again() {
    let server = TestServer::start().await;
    let (_, bea) = server.user("bea@example.com").await;
    let made = invite(&server, "bea@example.com", &["Super Administrator - All Privileges"]).await;
    let path = format!("{MEMBERSHIPS}/{}", made.id());
    let answer = async |status: &str| bea.put(&path, json!({ "status": status })).await;
    assert_eq!(answer("rejected").await.result()["status"], "rejected");
    assert_eq!(answer("rejected").await.status, 200, "said twice");
    assert_eq!(
        told(&answer("accepted").await),
        "400 1001 [/status] the invitation was declined; ask to be invited again"
    );
    let listed = server.admin().get(&format!("{MEMBERS}?status=rejected")).await;
    assert_eq!(listed.list()[0]["id"], made.id());
    invite(&server, "bea@example.com", &[]).await;
    assert_eq!(answer("accepted").await.result()["status"], "accepted");
    assert_eq!(
        told(&answer("rejected").await),
        "400 1001 [/status] the invitation was accepted; to leave the account, delete the membership"
    );
    assert_eq!(answer("maybe").await.pointers(), ["/status"]);
    assert_eq!(bea.put(&path, json!({})).await.pointers(), ["/status"]);
}

#[tokio::test]
async fn nobody_answers_for_somebody_else() {
    let server = TestServer::start().await;
    let made = invite(&server, "bea@example.com", &["DNS"]).await;
    // The same but for a tag: no other address counts.
    let (_, eve) = server.user("bea+tag@example.com").await;
    assert_eq!(eve.get(INVITES).await.list().len(), 0);
    for path in [
        format!("{INVITES}/{}", made.id()),
        format!("{MEMBERSHIPS}/{}", made.id()),
        format!("{MEMBERSHIPS}/{}", server.member),
    ] {
        assert_eq!(eve.get(&path).await.status, 404);
        assert_eq!(eve.delete(&path).await.status, if path.contains("invites") { 405 } else { 404 });
    }
    let put = eve.put(&format!("{MEMBERSHIPS}/{}", made.id()), json!({ "status": "accepted" })).await;
    assert_eq!(put.status, 404);
}

#[tokio::test]
async fn an_account_that_demands_a_second_factor_lets_nobody_in_without() {
    let server = TestServer::start().await;
    server
        .try_commit(server.account, |state, _| {
            let mut account = state.account().unwrap().clone();
            account.settings.enforce_twofactor = true;
            Ok((vec![model::change::Change::put(model::change::Document::Account(account.into()))], ()))
        })
        .await
        .expect("a setting");
    let made = invite(&server, "bea@example.com", &[]).await;
    let (user, bea) = server.user("bea@example.com").await;
    let path = format!("{INVITES}/redeem");
    let refused = bea.post(&path, json!({ "token": token(&made) })).await;
    assert_eq!(told(&refused), "400 1001 [/status] the account demands a second factor; set one up first");
    change_user(&server, user.id, |user| user.profile.two_factor = true).await;
    assert_eq!(bea.post(&path, json!({ "token": token(&made) })).await.status, 200);
    let member = server.admin().get(&format!("{MEMBERS}/{}", made.id())).await;
    assert_eq!(member.result()["user"]["two_factor_authentication_enabled"], true);
}

#[tokio::test]
async fn a_member_may_always_leave_but_not_as_the_last_super_administrator() {
    let server = TestServer::start().await;
    let all = server.policy(model::policies::Effect::Deny, &["all_privileges"], &[&server.whole_account().await]);
    let denied = server.member("denied@example.com", Grants::Policies(vec![all])).await;
    let path = format!("{MEMBERSHIPS}/{}", denied.id);
    assert_eq!(denied.caller.delete(&path).await.result(), &json!({ "id": denied.id.to_string() }));
    assert_eq!(denied.caller.get(&path).await.status, 404);
    assert_eq!(denied.caller.get(ACCOUNT).await.status, 403);
    let last = server.admin().delete(&format!("{MEMBERSHIPS}/{}", server.member)).await;
    assert_eq!(told(&last), "400 1012 the account must keep at least one super administrator");
    let second = server.member("second@example.com", server.roles(&["Super Administrator - All Privileges"])).await;
    let own = format!("com.cloudflare.api.user.{}", second.user);
    let token = server.token(Owner::User(second.user), &[allow(&["Memberships Write"], &[&own])]).await;
    let left = token.delete(&format!("{MEMBERSHIPS}/{}", second.id)).await;
    assert_eq!(left.status, 200, "{}", left.text);
}

#[tokio::test]
async fn memberships_are_listed_by_account_with_filters() {
    let server = TestServer::start().await;
    for name in ["Beta", "alpha"] {
        server.admin().post("/accounts", json!({ "name": name })).await.result();
    }
    let names = async |query: &str| {
        let answer = server.admin().get(&format!("{MEMBERSHIPS}{query}")).await;
        answer.list().iter().map(|one| one["account"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = names("").await;
    assert_eq!(all.len(), 3);
    assert!(all.iter().position(|name| name == "alpha") < all.iter().position(|name| name == "Beta"));
    assert_eq!(names("?name=Beta").await, ["Beta"]);
    assert_eq!(names("?account.name=alpha").await, ["alpha"]);
    assert_eq!(names("?account.name=alpha&name=Beta").await, [] as [&str; 0]);
    assert_eq!(names("?status=pending").await, [] as [&str; 0]);
    assert_eq!(names("?per_page=1&page=2&direction=desc").await, [all[1].clone()]);
    assert_eq!(server.admin().get(&format!("{MEMBERSHIPS}?order=age")).await.pointers(), ["?order"]);
    let of_account = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(
        told(&of_account.get(MEMBERSHIPS).await),
        "400 9106 Missing X-Auth-Key, X-Auth-Email or Authorization headers"
    );
    assert_eq!(told(&of_account.get("/user").await), "403 9109 Valid user-level authentication not found");
}

#[tokio::test]
async fn what_a_user_says_of_itself_reaches_its_memberships() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let patch = async |body: Value| admin.patch("/user", body).await;
    let before = admin.get("/user").await;
    assert_eq!(patch(json!({})).await.result(), before.result());
    let full = json!({ "first_name": " Ada ", "last_name": "Lovelace", "country": "GB", "telephone": "+44 1", "zipcode": "W1" });
    let after = patch(full).await;
    assert_eq!((&after.result()["first_name"], &after.result()["zipcode"]), (&json!("Ada"), &json!("W1")));
    let member = admin.get(&format!("{MEMBERS}/{}", server.member)).await;
    assert_eq!(member.result()["user"]["last_name"], "Lovelace");
    assert!(!member.text.contains("W1"), "what is said to nobody else stays");
    assert_eq!(patch(json!({ "last_name": null, "zipcode": "" })).await.result()["last_name"], Value::Null);
    let faults = patch(json!({ "first_name": "x".repeat(61), "telephone": 5, "country": "a\u{0}" })).await;
    let mut pointers = faults.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/country", "/first_name", "/telephone"]);
    assert_eq!(admin.get("/user").await.result()["first_name"], "Ada", "nothing was written");
    assert_eq!(server.runtime.copy_profiles(&crate::support::origin()).await.expect("a round"), 0);
    let stale = admin.header("if-match", "\"0\"").patch("/user", json!({ "first_name": "x" })).await;
    assert_eq!(stale.status, 412);
}

#[tokio::test]
async fn an_account_can_shut_out_keys_and_tokens_of_its_members() {
    let server = TestServer::start().await;
    let member = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
    let token = server
        .token(Owner::User(member.user), &[allow(&["Account Settings Read"], &["com.cloudflare.api.account.*"])])
        .await;
    let path = format!("{MEMBERS}/{}", member.id);
    let roles = server.admin().get(&path).await.result()["roles"].clone();
    let set = async |enabled: Value| {
        server.admin().put(&path, json!({ "roles": roles, "api_access_enabled": enabled })).await
    };
    assert_eq!(token.get(MEMBERS).await.status, 200);
    assert_eq!(set(json!(false)).await.result()["api_access_enabled"], false);
    for caller in [&member.caller, &token.caller] {
        assert_eq!(caller.get(MEMBERS).await.status, 403);
        assert_eq!(caller.get(ACCOUNT).await.status, 403);
    }
    assert_eq!(member.caller.get("/user").await.status, 200, "elsewhere nothing changes");
    let membership = member.caller.get(&format!("{MEMBERSHIPS}/{}", member.id)).await;
    assert_eq!(membership.result()["api_access_enabled"], false);
    let of_account = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(of_account.get(MEMBERS).await.status, 200, "tokens of the account are no member's");
    assert!(set(Value::Null).await.result().get("api_access_enabled").is_none());
    assert_eq!(member.caller.get(MEMBERS).await.status, 200);
    let wrong = set(json!("no")).await;
    assert_eq!(wrong.pointers(), ["/api_access_enabled"]);
}
