//! Who is let in at the door at all (section 6.1).

use std::time::Duration;

use insta::assert_snapshot;
use model::tokens::{Network, TokenStatus};
use proptest::prelude::*;
use runtime::secrets::{PlainSecret, SecretKind};
use testkit::{Caller, Owner, TestServer, TestToken, allow};

use crate::support::{ACCOUNT, account_key, told};

async fn heard(caller: &Caller) -> String {
    told(&caller.get(ACCOUNT).await)
}

async fn reader(server: &TestServer, change: impl Fn(&mut model::tokens::Token) + Send + Sync) -> TestToken {
    let grants = [allow(&["Account Settings Read"], &[&account_key(server)])];
    server.token_that(Owner::Account, &grants, change).await
}

#[tokio::test]
async fn without_credentials_nobody_is_let_in() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    assert_snapshot!(heard(&nobody).await, @"400 9106 Missing X-Auth-Key, X-Auth-Email or Authorization headers");
    let service = nobody.header("x-auth-user-service-key", "v1.0-0123456789");
    assert_snapshot!(heard(&service).await, @"400 9106 X-Auth-User-Service-Key is no longer accepted; use an API token");
}

#[tokio::test]
async fn what_cannot_be_credentials_is_refused_before_any_look_up() {
    let server = TestServer::start().await;
    let with = |name: &str, value: &str| server.anonymous().header(name, value);
    for authorization in ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer short", "Token 0123456789"] {
        assert_eq!(
            heard(&with("authorization", authorization)).await,
            "400 6003 Invalid request headers <- 6111 Invalid format for Authorization header",
            "{authorization}"
        );
    }
    let key = "0123456789abcdef0123456789abcdef01234";
    assert_snapshot!(heard(&with("x-auth-key", key)).await, @"400 6003 Invalid request headers <- 6102 Invalid format for X-Auth-Email header");
    assert_snapshot!(heard(&with("x-auth-email", "a@example.com")).await, @"400 6003 Invalid request headers <- 6103 Invalid format for X-Auth-Key header");
    let both = with("x-auth-email", "nobody").header("x-auth-key", "KEY");
    assert_snapshot!(heard(&both).await, @"400 6003 Invalid request headers <- 6102 Invalid format for X-Auth-Email header <- 6103 Invalid format for X-Auth-Key header");
}

#[tokio::test]
async fn a_token_whose_checksum_is_wrong_and_a_key_sent_as_a_token_are_malformed() {
    let server = TestServer::start().await;
    let token = reader(&server, |_| {}).await;
    let flip = if token.secret.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{flip}", &token.secret[..token.secret.len() - 1]);
    let key = PlainSecret::generate(SecretKind::ApiKey);
    for secret in [wrong.as_str(), key.reveal()] {
        let caller = server.anonymous().header("authorization", &format!("Bearer {secret}"));
        assert_eq!(
            heard(&caller).await,
            "400 6003 Invalid request headers <- 6111 Invalid format for Authorization header"
        );
    }
}

#[tokio::test]
async fn an_unknown_key_and_a_key_of_another_address_get_the_same_answer() {
    let server = TestServer::start().await;
    server.user("eve@example.com").await;
    let unknown = server.admin().header("x-auth-key", "0123456789abcdef0123456789abcdef01234");
    let stranger = server.admin().header("x-auth-email", "eve@example.com");
    let nobody = server.admin().header("x-auth-email", "nobody@example.com");
    for caller in [unknown, stranger, nobody] {
        assert_eq!(heard(&caller).await, "403 9103 Unknown X-Auth-Key or X-Auth-Email");
    }
}

#[tokio::test]
async fn an_address_is_compared_without_regard_to_case() {
    let server = TestServer::start().await;
    assert_eq!(server.admin().header("x-auth-email", "ADMIN@Example.COM").get(ACCOUNT).await.status, 200);
}

#[tokio::test]
async fn a_token_that_is_unknown_disabled_expired_or_early_gets_one_answer() {
    let server = TestServer::start().await;
    let now = server.runtime.environment().now;
    let unknown = PlainSecret::generate(SecretKind::AccountToken);
    let unknown = server.anonymous().header("authorization", &format!("Bearer {}", unknown.reveal()));
    let disabled = reader(&server, |token| token.status = TokenStatus::Disabled).await;
    let expired = reader(&server, |token| token.expires_on = Some(now)).await;
    let early = reader(&server, |token| token.not_before = Some(now.plus_seconds(1))).await;
    for caller in [&unknown, &disabled, &expired, &early] {
        assert_eq!(heard(caller).await, "403 9109 Invalid access token");
    }
}

#[tokio::test]
async fn a_token_works_from_its_start_until_just_before_its_end() {
    let server = TestServer::start().await;
    let now = server.runtime.environment().now;
    let token = reader(&server, |token| {
        token.not_before = Some(now);
        token.expires_on = Some(now.plus_seconds(60));
    })
    .await;
    assert_eq!(heard(&token).await, "200");
    server.clock.advance(Duration::from_micros(59_999_999));
    assert_eq!(heard(&token).await, "200");
    server.clock.advance(Duration::from_micros(1));
    assert_eq!(heard(&token).await, "403 9109 Invalid access token");
}

#[tokio::test]
async fn a_token_used_from_elsewhere_hears_the_address_that_we_see() {
    let server = TestServer::start().await;
    let elsewhere = reader(&server, |token| token.condition.within = Box::new([Network("192.0.2.0/24".into())])).await;
    assert_snapshot!(heard(&elsewhere).await, @"403 9109 Cannot use the access token from location: 127.0.0.1");
    let except = reader(&server, |token| token.condition.not_in = Box::new([Network("127.0.0.0/8".into())])).await;
    assert_snapshot!(heard(&except).await, @"403 9109 Cannot use the access token from location: 127.0.0.1");
    let here = reader(&server, |token| token.condition.within = Box::new([Network("127.0.0.1/32".into())])).await;
    assert_eq!(heard(&here).await, "200");
}

#[tokio::test]
async fn a_forwarded_address_is_believed_only_from_our_own_proxies() {
    let from = |token: &TestToken| token.caller.clone().header("x-forwarded-for", "203.0.113.9, 192.0.2.7");
    let network =
        |token: &mut model::tokens::Token| token.condition.within = Box::new([Network("192.0.2.0/24".into())]);
    let server = TestServer::start().await;
    let token = reader(&server, network).await;
    assert_eq!(heard(&from(&token)).await, "403 9109 Cannot use the access token from location: 127.0.0.1");
    let proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    let server = TestServer::builder().settings(|settings| settings.trusted_proxies = proxies).start().await;
    let token = reader(&server, network).await;
    assert_eq!(heard(&from(&token)).await, "200");
}

#[tokio::test]
async fn a_bearer_token_is_used_alone_whatever_stands_beside_it() {
    let server = TestServer::start().await;
    let weak = server.token(Owner::Account, &[allow(&["Billing Read"], &[&account_key(&server)])]).await;
    let both = server.admin().header("authorization", &format!("Bearer {}", weak.secret));
    assert_eq!(both.get(ACCOUNT).await.status, 200);
    assert_eq!(told(&both.get("/accounts/{account}/members").await), "403 10000 Forbidden");
    let unknown = PlainSecret::generate(SecretKind::UserToken);
    let fallen = server.admin().header("authorization", &format!("Bearer {}", unknown.reveal()));
    assert_eq!(heard(&fallen).await, "403 9109 Invalid access token");
    let malformed = server.admin().header("authorization", "Bearer x");
    assert_eq!(malformed.get(ACCOUNT).await.status, 400);
}

#[tokio::test]
async fn an_account_token_is_no_user() {
    let server = TestServer::start().await;
    let token = reader(&server, |_| {}).await;
    assert_snapshot!(told(&token.get("/user/tokens/permission_groups").await), @"403 9109 Valid user-level authentication not found");
}

#[tokio::test]
async fn an_address_that_fails_too_often_waits_and_is_told_how_long() {
    let server = TestServer::builder().settings(|settings| settings.failure_limit = Some(3)).start().await;
    let guess = server.admin().header("x-auth-key", "0123456789abcdef0123456789abcdef01234");
    for _ in 0..20 {
        assert_eq!(server.anonymous().get(ACCOUNT).await.status, 400, "to send nothing is no guess");
    }
    for _ in 0..4 {
        assert_eq!(guess.get(ACCOUNT).await.status, 403);
    }
    let answer = server.admin().get(ACCOUNT).await;
    assert_snapshot!(told(&answer), @"429 10100 too many failed authentications from this address; wait 60 seconds");
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(server.anonymous().get("/healthz").await.status, 200);
    server.clock.advance(Duration::from_millis(59_500));
    assert_eq!(server.admin().get(ACCOUNT).await.header("retry-after"), Some("1"));
    server.clock.advance(Duration::from_millis(500));
    assert_eq!(server.admin().get(ACCOUNT).await.status, 200);
    for _ in 0..4 {
        guess.get(ACCOUNT).await;
    }
    assert_eq!(server.admin().get(ACCOUNT).await.header("retry-after"), Some("120"));
}

#[test]
fn no_text_in_the_authorization_header_opens_the_door() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestServer::builder().settings(|settings| settings.failure_limit = None).start());
    let texts = prop_oneof!["[ -~]{0,80}", "Bearer [a-zA-Z0-9_-]{40}", "[Bb]earer cf[au]t_[a-zA-Z0-9]{48}"];
    proptest!(ProptestConfig::with_cases(64), |(text in texts)| {
        let caller = server.anonymous().header("authorization", &text);
        let status = runtime.block_on(caller.get(ACCOUNT)).status;
        prop_assert!(status == 400 || status == 403, "{text} {status}");
    });
}
