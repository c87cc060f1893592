//! What came to nothing is in the log too (D83), and no secret is (D84).

use insta::assert_snapshot;
use model::members::Grants;
use serde_json::json;
use testkit::{Owner, TestServer, allow};

use super::{audit_id, entries, line, lines, start};
use crate::support::{GROUPS, MEMBERS, UNKNOWN, account_key, group, told};

#[tokio::test]
async fn denied_refused_and_failed_writes_are_entries_and_reads_are_not() {
    let (server, admin) = start().await;
    let bare = server.member("bare@example.com", Grants::Policies(vec![])).await;
    let staff = group(&server, "staff", &[]).await;
    // Denied, a name that is taken, no such object, no such id, the last super administrator.
    let answers = [
        bare.post(GROUPS, json!({ "name": "mine" })).await,
        admin.post(GROUPS, json!({ "name": "staff" })).await,
        admin.delete(&format!("{GROUPS}/{UNKNOWN}")).await,
        admin.put(&format!("{GROUPS}/nonsense"), json!({})).await,
        admin.delete(&format!("{MEMBERS}/{}", server.member)).await,
    ];
    bare.get(GROUPS).await;
    admin.get(&format!("{GROUPS}/{UNKNOWN}")).await;
    let failures = entries(&admin, "action_result=failure&direction=asc").await;
    // The one with an id that is none names no object of the account, but the account.
    let told: Vec<String> = answers.iter().map(audit_id).collect();
    assert_eq!(failures.len(), answers.len());
    for (answer, id) in answers.iter().zip(&told) {
        let entry = failures.iter().find(|entry| entry["id"] == **id).expect("an entry for every refusal");
        assert_eq!(entry["raw"]["status_code"], answer.status);
        let ray = answer.header("cf-ray").unwrap();
        assert!(ray.starts_with(entry["raw"]["cf_ray_id"].as_str().unwrap()), "{ray}");
    }
    assert_snapshot!(failures.iter().map(line).collect::<Vec<_>>().join("\n"), @r"
    failure 403 Create user group user_groups/user_group user api_key bare@example.com
    failure 400 Create user group user_groups/user_group user api_key admin@example.com
    failure 404 Delete user group user_groups/user_group user api_key admin@example.com
    failure 400 Update user group user_groups/user_group user api_key admin@example.com
    failure 400 Delete member members/member user api_key admin@example.com
    ");
    assert_eq!(
        failures[1]["resource"]["response"],
        json!({ "errors": [{ "code": 1003, "source": { "pointer": "/name" } }] })
    );
    assert_eq!(failures[1]["resource"]["request"], json!({ "name": "staff" }));
    assert_eq!(failures[2]["resource"]["id"], UNKNOWN);
    assert_eq!(failures[4]["resource"]["response"]["errors"][0]["code"], 1012);
    assert_eq!(entries(&admin, &format!("resource_id={staff}")).await.len(), 1);
}

#[tokio::test]
async fn questions_and_dry_runs_are_no_attempts_unless_they_are_denied() {
    let (server, admin) = start().await;
    let bare = server.member("bare@example.com", Grants::Policies(vec![])).await;
    group(&server, "staff", &[]).await;
    let rehearsing = admin.clone().header("portcullis-dry-run", "true");
    assert_eq!(rehearsing.post(GROUPS, json!({ "name": "staff" })).await.status, 400);
    assert_eq!(admin.post("/accounts/{account}/iam/authorize", json!({ "action": "no such" })).await.status, 400);
    assert_eq!(entries(&admin, "action_result=failure").await.len(), 0);
    let denied = bare.caller.clone().header("portcullis-dry-run", "true").post(GROUPS, json!({ "name": "x" })).await;
    assert_eq!(told(&denied), "403 10000 Forbidden");
    assert_eq!(super::ids(&entries(&admin, "action_result=failure").await), [audit_id(&denied)]);
}

#[tokio::test]
async fn bodies_are_redacted_by_an_allow_list() {
    let (server, admin) = start().await;
    let secret = "cfut_abcdefgh";
    let body = json!({ "name": "", "value": secret, "token": secret, "policies": [{ "access": "allow", "note": secret }], "Odd Name": secret });
    assert_eq!(admin.post(GROUPS, body).await.status, 400);
    let page = super::page(&admin, "action_result=failure").await;
    assert!(!page.text.contains(secret), "{}", page.text);
    assert_snapshot!(page.list()[0]["resource"]["request"], @r#"{"[redacted]":"[redacted]","name":"","policies":[{"access":"allow","note":"[redacted]"}],"token":"[redacted]","value":"[redacted]"}"#);
    // A body that is no object stands in one.
    let staff = group(&server, "staff", &[]).await;
    let added = admin.post(&format!("{GROUPS}/{staff}/members"), json!([{ "id": UNKNOWN, "secret": secret }])).await;
    assert_eq!(added.status, 400);
    let refused = super::page(&admin, "action_result=failure&resource_type=user_group_member").await;
    let shown = json!({ "body": [{ "id": UNKNOWN, "secret": "[redacted]" }] });
    assert_eq!(refused.list()[0]["resource"]["request"], shown);
    // Documents alike: nothing of a token's digest.
    let token = server.token(Owner::Account, &[allow(&["DNS Read"], &[&account_key(&server)])]).await;
    let made = super::page(&admin, "resource_type=api_token").await;
    assert_eq!(made.list()[0]["resource"]["after"]["digest"], "[redacted]");
    assert_eq!(made.list()[0]["resource"]["id"], token.id.to_string());
    assert!(!made.text.contains(&token.secret));
}

#[tokio::test]
async fn a_foreigner_who_tries_is_seen_by_the_account_and_by_nobody_else() {
    let (server, admin) = start().await;
    let (user, stranger) = server.user("stranger@example.com").await;
    let other = crate::support::another_account(&server, &user).await;
    let denied = stranger.post(GROUPS, json!({ "name": "x" })).await;
    assert_eq!(denied.status, 403);
    assert_snapshot!(lines(&admin, "action_result=failure").await, @"failure 403 Create user group user_groups/user_group user api_key stranger@example.com");
    assert_eq!(entries(&stranger.clone().about(other), "action_result=failure").await.len(), 0);
    // An account that is not there has no log: the attempt is the user's own.
    assert_eq!(stranger.clone().about(UNKNOWN).post(GROUPS, json!({ "name": "x" })).await.status, 403);
    assert_eq!(entries(&admin, "action_result=failure").await.len(), 1);
    assert_eq!(entries(&stranger.clone().about(other), "action_result=failure").await.len(), 1);
}

#[tokio::test]
async fn a_token_from_where_it_may_not_be_used_is_an_entry() {
    let (server, admin) = start().await;
    let grants = [allow(&["Account Settings Write"], &[&account_key(&server)])];
    let elsewhere = |token: &mut model::tokens::Token| {
        token.condition = serde_json::from_value(json!({ "in": ["192.0.2.0/24"] })).expect("a condition");
    };
    let token = server.token_that(Owner::Account, &grants, elsewhere).await;
    let denied = token.post(GROUPS, json!({ "name": "x" })).await;
    assert_eq!(denied.status, 403, "{}", denied.text);
    let failures = entries(&admin, "action_result=failure").await;
    assert_eq!(super::ids(&failures), [audit_id(&denied)]);
    assert_eq!(failures[0]["actor"]["token_id"], token.id.to_string());
    assert_eq!(failures[0]["resource"]["response"]["errors"][0]["code"], 9109);
}

#[tokio::test]
async fn a_burst_of_unknown_credentials_is_one_entry() {
    let server = TestServer::builder().settings(|settings| settings.failure_limit = Some(3)).start().await;
    let nobody = server.anonymous().header("authorization", &format!("Bearer {}", "a".repeat(40)));
    for _ in 0..4 {
        assert_eq!(nobody.post(GROUPS, json!({})).await.status, 403);
    }
    // The address waits now, and the administrator is at the same one.
    assert_eq!(nobody.post(GROUPS, json!({})).await.status, 429);
    server.clock.advance(std::time::Duration::from_secs(61));
    let admin = server.admin();
    let failures = entries(&admin, "action_result=failure").await;
    assert_snapshot!(failures.iter().map(line).collect::<Vec<_>>().join("\n"), @"failure 403 Repeated failed authentication authentication/authentication system");
    assert_eq!(failures[0]["resource"]["response"], json!({ "failures": 4, "waits_seconds": 60 }));
    assert_eq!(failures[0]["actor"]["ip_address"], "127.0.0.1");
}

#[tokio::test]
async fn events_are_a_chain_of_their_own_that_shows_what_was_changed() {
    let (server, admin) = start().await;
    for _ in 0..3 {
        admin.post(GROUPS, json!({ "name": "" })).await;
    }
    let stream = runtime::audit::Place::Account(server.account).stream();
    server.runtime.audit.flush().await.unwrap();
    assert_eq!(server.runtime.verify_events(&stream).await.unwrap().commits, 3);
    let records = server.runtime.store.records(&stream, 0, 9).await.unwrap();
    assert!(records.iter().all(store::Record::verify_hash));
    assert!(records.windows(2).all(|pair| pair[1].prev_hash == pair[0].hash));
}
