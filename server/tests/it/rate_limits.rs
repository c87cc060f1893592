//! How many requests somebody may make (D81, D82).

use std::time::Duration;

use server::rate_limits::{Rate, Rates};
use testkit::{Caller, Owner, Response, TestServer, allow};

use crate::support::{ACCOUNT, account_key};

fn rate(text: &str) -> Option<Rate> {
    Some(text.parse().expect("a rate"))
}

async fn server(each: Option<Rate>, address: Option<Rate>) -> TestServer {
    let rates = Rates { each, address };
    TestServer::builder().settings(|settings| (settings.rates, settings.failure_limit) = (rates, None)).start().await
}

async fn until_refused(caller: &Caller, most: usize) -> (usize, Response) {
    for taken in 0..most {
        let answer = caller.get(ACCOUNT).await;
        if answer.status == 429 {
            return (taken, answer);
        }
    }
    panic!("none of {most} requests was refused");
}

#[tokio::test]
async fn a_user_is_limited_over_all_its_credentials_and_nobody_else_is() {
    let server = server(rate("10/100"), None).await;
    let key = account_key(&server);
    let own = server.token(Owner::Admin, &[allow(&["Account Settings Read"], &[&key])]).await;
    let of_account = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&key])]).await;
    let other = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&key])]).await;
    for _ in 0..4 {
        assert_eq!(own.get(ACCOUNT).await.status, 200);
    }
    let (taken, refused) = until_refused(&server.admin(), 20).await;
    assert_eq!(taken, 6, "the token's requests were the user's");
    assert_eq!(
        refused.status_and_error(),
        "429 10100 More than 10 requests per 100 seconds reached. Please wait and consider throttling your request speed"
    );
    assert_eq!(own.get(ACCOUNT).await.status, 429);
    // Ten each, whatever the others did.
    for token in [&of_account, &other] {
        assert_eq!(until_refused(token, 20).await.0, 10);
    }
}

#[tokio::test]
async fn the_headers_of_both_generations_tell_what_is_left_and_when_to_come_again() {
    let server = server(rate("10/100"), None).await;
    let first = server.admin().get(ACCOUNT).await;
    assert_eq!(first.header("ratelimit"), Some("\"default\";r=9;t=10"));
    assert_eq!(first.header("ratelimit-policy"), Some("\"default\";q=10;w=100"));
    assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), (Some("10"), Some("9")));
    assert_eq!((first.header("retry-after"), first.header("x-ratelimit-reset")), (None, None));
    let (_, refused) = until_refused(&server.admin(), 20).await;
    assert_eq!(refused.header("ratelimit"), Some("\"default\";r=0;t=100"));
    assert_eq!((refused.header("retry-after"), refused.header("x-ratelimit-reset")), (Some("10"), Some("10")));
    // It rolls: a tenth of the time gives back a tenth.
    server.clock.advance(Duration::from_millis(9_999));
    assert_eq!(server.admin().get(ACCOUNT).await.status, 429);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
    assert_eq!(server.admin().get(ACCOUNT).await.status, 429);
    server.clock.advance(Duration::from_secs(1_000));
    assert_eq!(until_refused(&server.admin(), 20).await.0, 10, "and no more is ever saved up");
}

#[tokio::test]
async fn strangers_are_limited_by_their_address_and_do_not_use_up_what_others_have() {
    let server = server(rate("5/100"), None).await;
    let nobody = server.anonymous();
    for _ in 0..5 {
        assert_eq!(nobody.get(ACCOUNT).await.status, 400);
    }
    assert_eq!(nobody.get(ACCOUNT).await.status, 429);
    assert_eq!(nobody.get("/user/tokens/verify").await.status, 429);
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
}

#[tokio::test]
async fn an_address_is_limited_whoever_asks_from_there() {
    let server = server(None, rate("3/1")).await;
    let of_account = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
    assert_eq!(of_account.get(ACCOUNT).await.status, 200);
    assert_eq!(server.anonymous().get(ACCOUNT).await.status, 400);
    let refused = server.admin().get(ACCOUNT).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.anonymous().get("/healthz").await.status, 200, "health is not counted");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
}

#[tokio::test]
async fn a_refused_request_is_refused_before_its_body_is_read() {
    let server = server(rate("1/1000"), None).await;
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
    let body = Some("x".repeat(2 << 20));
    let refused = server.admin().try_send(testkit::Method::POST, crate::support::MEMBERS, body).await;
    // The connection may be cut while the client still writes.
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 429));
}
