//! Accounts.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{Owner, TestServer, allow};

use crate::support::{ACCOUNT, MEMBERS, another_account, refusals, told};

#[tokio::test]
async fn an_operator_makes_an_account_and_is_its_super_administrator() {
    let server = TestServer::start().await;
    let made = server.admin().post("/accounts", json!({ "name": " Second ", "type": "Enterprise" })).await;
    assert_eq!((&made.result()["name"], &made.result()["type"]), (&json!("Second"), &json!("enterprise")));
    let inside = server.admin().about(made.id());
    let members = inside.get(MEMBERS).await;
    assert_eq!(members.list().len(), 1);
    assert_eq!(members.list()[0]["roles"][0]["id"], "33666b9c79b9a5273fc7344ff42f953d");
    assert_eq!(inside.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await.status, 200);
}

#[tokio::test]
async fn others_make_accounts_only_where_the_setting_says_so() {
    let body = json!({ "name": "Mine" });
    let server = TestServer::start().await;
    let (_, bea) = server.user("bea@example.com").await;
    assert_snapshot!(told(&bea.post("/accounts", body.clone()).await), @"403 1002 Forbidden. Account creation is not allowed");
    let server = TestServer::builder().rules(|rules| rules.open_account_creation = true).start().await;
    let (user, bea) = server.user("bea@example.com").await;
    let made = bea.post("/accounts", body.clone()).await.id();
    assert_eq!(bea.about(made).get(MEMBERS).await.list()[0]["user"]["id"], user.id.to_string());
    let token = server
        .token(Owner::User(user.id), &[allow(&["Account Settings Write"], &["com.cloudflare.api.account.*"])])
        .await;
    assert_eq!(
        told(&token.post("/accounts", body).await),
        "403 1002 Forbidden. Account creation is not allowed",
        "a token makes no super administrator of its owner"
    );
}

#[tokio::test]
async fn what_is_no_account_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let rows = [
        ("POST /accounts", json!({})),
        ("POST /accounts", json!({ "name": "", "type": "free" })),
        ("POST /accounts", json!({ "name": "x".repeat(101) })),
        ("POST /accounts", json!({ "name": "a\tb" })),
        ("POST /accounts", json!({ "name": 1, "type": 2 })),
    ];
    assert_snapshot!(refusals(&server, &rows).await, @r"
    400 1001 [/name] name must be present
    400 1001 [/name] name must not be empty
    400 1001 [/type] type `free` must be `standard` or `enterprise`
    400 1001 [/name] name must have at most 100 characters
    400 1001 [/name] name must not have control characters
    400 1001 [/name] name must be a string, not a number
    400 1001 [/type] type must be a string, not a number
    ");
    assert_eq!(server.admin().get("/accounts").await.list().len(), 1);
}

#[tokio::test]
async fn a_list_of_accounts_holds_those_that_the_caller_reaches() {
    let server = TestServer::start().await;
    let (user, stranger) = server.user("stranger@example.com").await;
    another_account(&server, &user).await;
    let names = |answer: &testkit::Response| -> Vec<Value> {
        answer.list().iter().map(|account| account["name"].clone()).collect()
    };
    assert_eq!(names(&server.admin().get("/accounts").await), ["Test Account"]);
    assert_eq!(names(&stranger.get("/accounts").await), ["Another Account"]);
    another_account(&server, &server.user).await;
    let both = server.admin().get("/accounts").await;
    assert_eq!(names(&both), ["Another Account", "Test Account"]);
    assert_eq!(both.body["result_info"]["total_count"], 2);
    assert_eq!(names(&server.admin().get("/accounts?direction=desc&per_page=1").await), ["Test Account"]);
    assert_eq!(names(&server.admin().get("/accounts?name=Test%20Account").await), ["Test Account"]);
    let key = crate::support::account_key(&server);
    let narrow = server.token(Owner::Admin, &[allow(&["Account Settings Read"], &[&key])]).await;
    assert_eq!(names(&narrow.get("/accounts").await), ["Test Account"], "a token reaches what its policies speak of");
}

#[tokio::test]
async fn an_account_is_shown_with_its_settings() {
    let server = TestServer::start().await;
    let shown = server.admin().get(ACCOUNT).await;
    let expected = json!({
        "id": server.account.to_string(),
        "name": "Test Account",
        "type": "standard",
        "settings": { "enforce_twofactor": false },
        "created_on": "2026-01-02T03:04:05.000000Z",
    });
    assert_eq!(shown.result(), &expected);
}

#[tokio::test]
async fn a_request_may_ask_for_a_revision_at_least() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let revision: u64 =
        admin.get(ACCOUNT).await.header("portcullis-revision").expect("a revision").parse().expect("a number");
    for at_least in [0, revision - 1, revision] {
        assert_eq!(admin.clone().header("portcullis-revision", &at_least.to_string()).get(ACCOUNT).await.status, 200);
    }
    let ahead = admin.clone().header("portcullis-revision", &(revision + 1).to_string());
    let answer = ahead.get(ACCOUNT).await;
    assert_eq!(
        answer.status_and_error(),
        format!("503 1500 revision {} is not here yet; this is revision {revision}", revision + 1)
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(ahead.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await.status, 503);
    for odd in ["latest", "-1", "1.5", ""] {
        let answer = admin.clone().header("portcullis-revision", odd).get(ACCOUNT).await;
        assert_eq!(
            told(&answer),
            "400 1001 the header `portcullis-revision` must be a revision, such as `17`",
            "{odd}"
        );
    }
    let made = admin.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await;
    assert_eq!(made.header("portcullis-revision"), Some((revision + 1).to_string().as_str()));
    assert_eq!(ahead.get(ACCOUNT).await.status, 200);
}

#[tokio::test]
async fn an_account_is_renamed_and_set_and_what_is_absent_stays() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let full = json!({ "id": "ignored", "name": " Demo Account ", "type": "standard",
        "settings": { "abuse_contact_email": "abuse@example.com", "enforce_twofactor": true } });
    let updated = admin.put(ACCOUNT, full).await;
    assert_eq!(updated.result()["name"], "Demo Account");
    assert_eq!(
        updated.result()["settings"],
        json!({ "abuse_contact_email": "abuse@example.com", "enforce_twofactor": true })
    );
    // As Terraform sends it.
    let again = admin.put(ACCOUNT, json!({ "name": "Demo Account", "type": null })).await;
    assert_eq!(again.result(), updated.result());
    assert_eq!(again.header("portcullis-revision"), updated.header("portcullis-revision"), "nothing was written");
    let cleared =
        json!({ "name": "Demo Account", "settings": { "abuse_contact_email": null, "enforce_twofactor": false } });
    assert_eq!(admin.put(ACCOUNT, cleared).await.result()["settings"], json!({ "enforce_twofactor": false }));
    let stale =
        admin.clone().header("if-match", updated.header("etag").unwrap()).put(ACCOUNT, json!({ "name": "x" })).await;
    assert_eq!(stale.status, 412);
    let pointers = async |body: serde_json::Value| {
        let answer = admin.put(ACCOUNT, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.pointers().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({})).await, ["/name"]);
    assert_eq!(pointers(json!({ "name": "x".repeat(101) })).await, ["/name"]);
    assert_eq!(pointers(json!({ "name": "a\u{0}" })).await, ["/name"]);
    assert_eq!(pointers(json!({ "name": "x", "type": "enterprise" })).await, ["/type"]);
    assert_eq!(pointers(json!({ "name": "x", "settings": [] })).await, ["/settings"]);
    let wrong =
        json!({ "name": 1, "settings": { "enforce_twofactor": "yes", "abuse_contact_email": "x".repeat(255) } });
    let mut found = pointers(wrong).await;
    found.sort_unstable();
    assert_eq!(found, ["/name", "/settings/abuse_contact_email", "/settings/enforce_twofactor"]);
}

#[tokio::test]
async fn a_deleted_account_answers_as_if_it_were_not_there_until_it_is_restored() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let zone = server.zone("example.com").await;
    let token = crate::support::token_of(&server, server.account, &["Account Settings Write"]).await;
    let reader = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
    assert_eq!(
        told(&token.delete(ACCOUNT).await),
        "403 10000 Forbidden: only a super administrator may delete the account"
    );
    assert_eq!(reader.caller.delete(ACCOUNT).await.status, 403);
    let unknown = admin.clone().about("ffffffffffffffffffffffffffffffff").get(ACCOUNT).await;
    assert_eq!(admin.delete(ACCOUNT).await.result(), &json!({ "id": server.account.to_string() }));
    for path in [ACCOUNT, crate::support::MEMBERS, "/accounts/{account}/tokens"] {
        let answer = admin.get(path).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["code"]),
            (unknown.status, &unknown.body["errors"][0]["code"])
        );
    }
    assert_eq!(admin.delete(ACCOUNT).await.status, 403);
    assert_eq!(admin.get("/accounts").await.list().len(), 0);
    assert_eq!(admin.get(&format!("/zones/{zone}")).await.status, 404);
    assert_eq!(admin.get("/memberships").await.list().len(), 0);
    assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
    let origin = crate::support::origin();
    server.clock.advance(Duration::from_secs(29 * 24 * 3600));
    assert_eq!(server.runtime.purge_accounts(&origin).await.expect("a round"), 0);
    server.runtime.restore_account(server.account, &origin).await.expect("restored");
    assert_eq!(admin.get(ACCOUNT).await.status, 200);
    assert_eq!(token.get(ACCOUNT).await.status, 200);
    assert_eq!(reader.caller.get(crate::support::MEMBERS).await.list().len(), 2);
    assert_eq!(admin.get(&format!("/zones/{zone}")).await.status, 200);
    assert!(
        server
            .runtime
            .restore_account(server.account, &origin)
            .await
            .is_err_and(|error| error.to_string().contains("is not deleted"))
    );
    server.clock.advance(Duration::from_secs(24 * 3600 * 2));
    assert_eq!(server.runtime.purge_accounts(&origin).await.expect("a round"), 0, "what was restored stays");
}

#[tokio::test]
async fn after_thirty_days_nothing_is_left_of_a_deleted_account_but_its_log() {
    let server = TestServer::start().await;
    let token = crate::support::token_of(&server, server.account, &["Account Settings Read"]).await;
    server.zone("example.com").await;
    crate::support::group(&server, "staff", &[]).await;
    server.admin().delete(ACCOUNT).await.result();
    server.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let origin = crate::support::origin();
    assert_eq!(server.runtime.purge_accounts(&origin).await.expect("a round"), 1);
    assert_eq!(server.runtime.purge_accounts(&origin).await.expect("a round"), 0);
    let left = server.runtime.account_even_deleted(server.account).await.unwrap().unwrap();
    assert_eq!(left.state.documents().count(), 1);
    assert!(
        server
            .runtime
            .restore_account(server.account, &origin)
            .await
            .is_err_and(|error| error.to_string().contains("nothing is left of it"))
    );
    assert_eq!(token.get(ACCOUNT).await.status, 403);
    // What was claimed is free again.
    let (user, _) = server.user("other@example.com").await;
    let other = crate::support::another_account(&server, &user).await;
    let again = server.try_commit(other, |state, environment| {
        model::resources::create_zone(state, environment, "example.com", model::ids::ZoneId(environment.next_id()))
    });
    again.await.expect("the domain is free");
    assert!(
        server.runtime.commits_after(model::ids::StreamId::Account(server.account), 0, 10).await.unwrap().len() >= 4
    );
}
