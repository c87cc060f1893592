//! Who it was, and what users do to their own things (D85, D86).

use model::members::Grants;
use serde_json::{Value, json};
use testkit::{Caller, Owner, allow};

use super::{entries, line, start};
use crate::support::{GROUPS, account_key, another_account};

#[tokio::test]
async fn an_account_token_acts_for_the_account_and_a_users_token_for_the_user() {
    let (server, admin) = start().await;
    let grants = [allow(&["Account Settings Write"], &[&account_key(&server)])];
    let of_account = server.token(Owner::Account, &grants).await;
    let of_user = server.token(Owner::Admin, &grants).await;
    of_account.post(GROUPS, json!({ "name": "one" })).await.id();
    of_user.post(GROUPS, json!({ "name": "two" })).await.id();
    admin.post(GROUPS, json!({ "name": "three" })).await.id();
    let made = entries(&admin, "resource_type=user_group&direction=asc").await;
    let actor = |entry: &Value| entry["actor"].clone();
    let (account, user, email) = (server.account.to_string(), server.user.id.to_string(), server.user.email.as_str());
    assert_eq!(
        actor(&made[0]),
        json!({ "type": "account", "context": "api_token", "id": account, "ip_address": "127.0.0.1", "token_id": of_account.id.to_string(), "token_name": "test token" })
    );
    assert_eq!(
        actor(&made[1]),
        json!({ "type": "user", "context": "api_token", "id": user, "email": email, "ip_address": "127.0.0.1", "token_id": of_user.id.to_string(), "token_name": "test token" })
    );
    assert_eq!(
        actor(&made[2]),
        json!({ "type": "user", "context": "api_key", "id": user, "email": email, "ip_address": "127.0.0.1" })
    );
    // The name stays when the token is gone.
    admin.delete(&format!("/accounts/{{account}}/tokens/{}", of_account.id)).await.result();
    assert_eq!(entries(&admin, "actor_token_name=test+token&actor_type=account").await.len(), 1);
}

#[tokio::test]
async fn what_a_user_does_to_its_own_things_is_in_each_of_its_accounts_without_their_content() {
    let (server, admin) = start().await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let user = server.runtime.user(bea.user).await.unwrap().and_then(|found| found.state.user.clone()).expect("bea");
    let second = another_account(&server, &user).await;
    let (stranger, of_stranger) = server.user("stranger@example.com").await;
    let third = another_account(&server, &stranger).await;
    let groups = server.runtime.engine.catalog().permissions_named("DNS Read").next().unwrap().id.to_string();
    let key = format!("com.cloudflare.api.account.{second}");
    let body = |name: &str| json!({ "name": name, "policies": [{ "effect": "allow", "permission_groups": [{ "id": groups }], "resources": { key.clone(): "*" } }] });
    let made = bea.post("/user/tokens", body("of bea")).await;
    let token = made.id();
    server.clock.advance(std::time::Duration::from_secs(1));
    let failed = bea.post("/user/tokens", body("")).await;
    assert_eq!(failed.status, 400);
    for who in [&admin, &bea.caller.clone().about(second)] {
        let page = super::page(who, "resource_scope=user&direction=asc").await;
        let lines: Vec<String> = page.list().iter().map(line).collect();
        let expected = ["success 200", "failure 400"]
            .map(|result| format!("{result} Create API token api_tokens/api_token user api_key bea@example.com"));
        assert_eq!(lines, expected);
        assert_eq!(page.list()[0]["resource"]["id"], *token);
        for hidden in ["before", "after", "request", "response"] {
            assert_eq!(page.list()[0]["resource"].get(hidden), None);
            assert_eq!(page.list()[1]["resource"].get(hidden), None);
        }
        assert!(!page.text.contains("of bea"), "{}", page.text);
    }
    // Neither from before the membership, nor in an account that the user is not in.
    assert_eq!(entries(&admin, "resource_type=user").await.len(), 0);
    assert_eq!(entries(&of_stranger.about(third), "resource_scope=user").await.len(), 0);
}

#[tokio::test]
async fn who_has_left_is_no_longer_seen_but_what_was_stays() {
    let (server, admin) = start().await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let roll = async |caller: &Caller| caller.post("/user/tokens", json!({ "name": "" })).await.status;
    assert_eq!(roll(&bea).await, 400);
    assert_eq!(entries(&admin, "resource_scope=user").await.len(), 1);
    admin.delete(&format!("/accounts/{{account}}/members/{}", bea.id)).await.result();
    assert_eq!(roll(&bea).await, 400);
    assert_eq!(entries(&admin, "resource_scope=user").await.len(), 1);
}

#[tokio::test]
async fn commits_that_follow_from_one_request_are_entries_of_their_own() {
    let (_server, admin) = start().await;
    let answer = admin.patch("/user", json!({ "first_name": "Ada" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let entries = entries(&admin, "&limit=1000").await;
    let ids: Vec<&str> = entries.iter().map(|entry| entry["id"].as_str().expect("an id")).collect();
    let renamed =
        entries.iter().filter(|entry| entry["raw"]["uri"].as_str().is_some_and(|uri| uri.ends_with("/user"))).count();
    assert_eq!(renamed, 2, "the user, and its copy in the member: {entries:#?}");
    assert!(ids.contains(&answer.header("cf-auditlog-id").expect("the id of the entry")));
    let distinct: std::collections::HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "no two entries share an id");
}
