//! Who may ask, about whom, in which account; and what surrounds an answer.

use insta::assert_snapshot;
use serde_json::json;
use testkit::{Method, Owner, allow};

use super::{EVALUATION, EVALUATIONS, World, ask, decision, question, reason, told, with, world};
use crate::support::{account_key, another_account, token_of, zone_key};

#[tokio::test]
async fn whoever_is_not_known_hears_401_with_a_challenge() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let unknown = runtime::secrets::PlainSecret::generate(runtime::secrets::SecretKind::UserToken);
    let account = server.account.to_string();
    let callers = [
        server.anonymous(),
        testkit::Caller::with_token(&server.origin, &account, unknown.reveal()),
        testkit::Caller::with_token(&server.origin, &account, "short"),
        testkit::Caller::with_key(&server.origin, &account, "bea@example.com", "144c9defac04969c7bfad8efaa8ea194"),
    ];
    let mut lines = Vec::new();
    for caller in callers {
        for path in [EVALUATION.to_owned(), EVALUATIONS.to_owned(), format!("/accounts/{{account}}{EVALUATION}")] {
            let answer = caller.post(&path, question(&bea, "DNS Write", &a)).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"portcullis\"")));
            lines.push(told(&answer));
        }
    }
    lines.dedup();
    assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_request_id_comes_back_as_it_came_whatever_the_answer() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716 \u{a1}";
    for caller in [server.admin(), server.anonymous()] {
        for body in [question(&bea, "DNS Write", &a), json!({})] {
            let answer = caller.clone().header("x-request-id", id).post(EVALUATION, body.clone()).await;
            assert_eq!(answer.headers.get("x-request-id").map(|id| id.as_bytes()), Some(id.as_bytes()));
            assert!(answer.header("cf-ray").is_some());
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(caller.post(EVALUATION, body).await.header("x-request-id"), None, "there was none");
        }
    }
}

#[tokio::test]
async fn only_post_is_served() {
    let server = testkit::TestServer::start().await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(server.admin().send(method, EVALUATION, None).await.status, 405);
    }
}

#[tokio::test]
async fn the_same_is_served_at_the_root() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    // The caller of the tests puts the base path before all but a few paths, so this one goes out by hand.
    let body = question(&bea, "DNS Write", &a).to_string();
    let token = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    let answer = crate::support::http(
        &server.origin,
        &format!(
            "POST {EVALUATION} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            token.secret,
            body.len()
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#"{"decision":true,"#), "{answer}");
}

#[tokio::test]
async fn about_others_asks_only_who_may_read_the_settings_of_the_account() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let of =
        |kind: &str, id: &str| with(question(&bea, "DNS Write", &a), json!({ "subject": { "type": kind, "id": id } }));
    assert_eq!(reason(&bea, of("member", &bea.id.to_string())).await, "allow", "about oneself");
    assert_eq!(reason(&bea, of("user", "bea@example.com")).await, "allow", "about oneself");
    let refused = told(&bea.post(EVALUATION, of("member", &server.member.to_string())).await);
    assert_snapshot!(refused, @"403 not permitted; one of `Account Settings Read`, `Account Settings Write` would suffice");
    for (kind, id) in
        [("member", crate::support::UNKNOWN), ("user", "nobody@example.com"), ("token", "x"), ("user_group", "x")]
    {
        assert_eq!(told(&bea.post(EVALUATION, of(kind, id)).await), refused, "nor who is there");
    }
    let items = json!({ "evaluations": [of("member", &bea.id.to_string()), of("member", &server.member.to_string())] });
    let answer = bea.post(EVALUATIONS, items).await;
    assert_eq!((answer.status, &answer.body["evaluations"][0]["decision"]), (200, &json!(true)));
    assert_eq!(answer.body["evaluations"][1]["context"]["error"]["status"], 403);
    let own = server.token(Owner::User(bea.user), &[allow(&["DNS Write"], &[&zone_key(&a)])]).await;
    assert_eq!(own.post(EVALUATION, of("user", "bea@example.com")).await.status, 403, "a token is not its owner");
    assert_eq!(reason(&own, of("token", &own.id.to_string())).await, "allow");
    let reader = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(reason(&reader, of("member", &bea.id.to_string())).await, "allow");
}

#[tokio::test]
async fn what_belongs_to_others_is_as_if_it_were_not_there() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let (stranger, caller) = server.user("stranger@example.com").await;
    let other = another_account(&server, &stranger).await;
    let token = token_of(&server, other, &["Account Settings Read"]).await;
    let (_, homeless) = server.user("homeless@example.com").await;
    let nothing = decision(false, "unknown_resource", &[]);
    let account = with(
        question(&bea, "Account Settings Read", &a),
        json!({ "resource": { "type": "account", "id": server.account.to_string() } }),
    );
    for caller in [&caller, &homeless] {
        for asked in
            [question(&bea, "DNS Write", &a), question(&bea, "DNS Write", crate::support::UNKNOWN), account.clone()]
        {
            assert_eq!(ask(caller, asked).await, nothing);
        }
    }
    // The token of an account asks in its own, where Bea is not.
    assert_eq!(reason(&token, question(&bea, "DNS Write", &a)).await, "unknown_subject");
    for caller in [&caller, &homeless, &token] {
        let answer = caller.post(&format!("/accounts/{{account}}{EVALUATION}"), question(&bea, "DNS Write", &a)).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("portcullis-revision"), None);
    }
}

#[tokio::test]
async fn one_request_may_ask_in_several_accounts() {
    let World { server, bea: _, zones: [a, ..], .. } = world().await;
    let other = another_account(&server, &server.user).await;
    let account = |id: String| json!({ "type": "account", "id": id });
    let body = json!({
        "subject": { "type": "user", "id": server.user.id.to_string() },
        "action": { "name": "Account Settings Read" },
        "evaluations": [
            { "resource": account(server.account.to_string()) },
            { "resource": account(other.to_string()) },
            { "resource": { "type": "zone", "id": a }, "action": { "name": "DNS Write" } },
        ],
    });
    let answer = server.admin().post(EVALUATIONS, body).await;
    for index in 0..3 {
        assert_eq!(answer.body["evaluations"][index]["decision"], true, "{}", answer.text);
    }
    assert_eq!(answer.header("portcullis-revision"), None, "it is of no single account");
}

#[tokio::test]
async fn a_zone_that_is_gone_and_comes_back_elsewhere_is_found_where_it_is() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let admin = server.admin();
    assert_eq!(reason(&admin, question(&bea, "DNS Write", &a)).await, "allow");
    admin.delete(&format!("/zones/{a}")).await.result();
    assert_eq!(reason(&admin, question(&bea, "DNS Write", &a)).await, "unknown_resource");
}
