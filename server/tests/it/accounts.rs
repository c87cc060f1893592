//! Accounts.

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
