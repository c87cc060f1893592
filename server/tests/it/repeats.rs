//! Creates that are sent again, since their answer got lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use model::ids::UserId;
use model::names::Email;
use runtime::Runtime;
use runtime::account_creation::NewUser;
use runtime::secrets::{PlainSecret, SecretKind, Secrets};
use serde_json::json;
use server::{App, Settings};
use store::{SqliteOptions, Store};
use testkit::{Caller, ManualClock, SequentialIds, TestServer};
use tokio::task::JoinSet;

use crate::support::{GROUPS, MEMBERS, SUPER, origin, told};

fn retry(caller: &Caller) -> Caller {
    caller.clone().header("x-stainless-retry-count", "1")
}

#[tokio::test]
async fn a_retry_within_a_minute_gets_the_first_answer_and_makes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let body = json!({ "name": "staff" });
    let first = admin.post(GROUPS, body.clone()).await;
    for _ in 0..2 {
        let again = retry(&admin).post(GROUPS, body.clone()).await;
        assert_eq!(again.text, first.text);
        for header in ["etag", "portcullis-revision"] {
            assert_eq!(again.header(header), first.header(header));
        }
    }
    assert_eq!(admin.get(GROUPS).await.list().len(), 1);
    assert_eq!(
        told(&admin.post(GROUPS, body.clone()).await),
        "400 1003 [/name] user group `staff` already exists",
        "no retry"
    );
    let zeroth = admin.clone().header("x-stainless-retry-count", "0");
    assert_eq!(zeroth.post(GROUPS, body).await.status, 400);
}

#[tokio::test]
async fn a_retry_after_a_minute_is_a_new_request() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let body = json!({ "name": "staff" });
    admin.post(GROUPS, body.clone()).await.result();
    server.clock.advance(Duration::from_secs(59));
    assert_eq!(retry(&admin).post(GROUPS, body.clone()).await.status, 200);
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(retry(&admin).post(GROUPS, body).await.status, 400);
}

#[tokio::test]
async fn a_retry_is_of_the_same_caller_path_and_body() {
    let server = TestServer::start().await;
    let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
    let body = json!({ "name": "staff" });
    server.admin().post(GROUPS, body.clone()).await.result();
    assert_eq!(retry(&eve).post(GROUPS, body).await.status, 400, "another caller");
    assert_eq!(retry(&server.admin()).post(GROUPS, json!({ "name": "guests" })).await.status, 200, "another body");
}

#[tokio::test]
async fn a_retry_of_what_failed_is_tried_anew() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let first = admin.post(GROUPS, json!({ "name": "staff" })).await.id();
    assert_eq!(admin.post(GROUPS, json!({ "name": "Staff" })).await.status, 400);
    admin.delete(&format!("{GROUPS}/{first}")).await.result();
    assert_eq!(retry(&admin).post(GROUPS, json!({ "name": "Staff" })).await.status, 200);
}

#[tokio::test]
async fn a_retry_by_whoever_lost_the_permission_is_refused() {
    let server = TestServer::start().await;
    let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
    let body = json!({ "name": "staff" });
    eve.post(GROUPS, body.clone()).await.result();
    server.admin().put(&format!("{MEMBERS}/{}", eve.id), json!({ "roles": [] })).await.result();
    assert_eq!(retry(&eve).post(GROUPS, body).await.status, 403);
}

#[tokio::test]
async fn retries_that_overlap_wait_for_the_first_one() {
    let server = TestServer::start().await;
    let mut requests = JoinSet::new();
    for _ in 0..16 {
        let caller = retry(&server.admin());
        requests.spawn(async move { caller.post(GROUPS, json!({ "name": "staff" })).await });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text));
    assert_eq!(server.admin().get(GROUPS).await.list().len(), 1);
}

/// A client that waited too long hangs up, and then tries again.
#[tokio::test]
async fn who_hung_up_finds_the_answer_on_trying_again() {
    let server = TestServer::builder().sqlite().start().await;
    let admin = server.admin();
    for number in 0..100 {
        let body = json!({ "name": format!("group {number}") });
        let patience = Duration::from_micros(number * 40);
        // Whether it is answered in time or not: what was begun is finished.
        let _ = tokio::time::timeout(patience, admin.post(GROUPS, body.clone())).await;
        assert_eq!(told(&retry(&admin).post(GROUPS, body).await), "200");
    }
    assert_eq!(admin.get(GROUPS).await.list().len(), 100);
}

#[tokio::test]
async fn a_key_is_honoured_for_a_day_and_for_one_request_only() {
    let server = TestServer::start().await;
    let keyed = server.admin().header("idempotency-key", "f1a2");
    let body = json!({ "name": "staff" });
    let first = keyed.post(GROUPS, body.clone()).await;
    server.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(keyed.post(GROUPS, body.clone()).await.text, first.text);
    assert_snapshot!(told(&keyed.post(GROUPS, json!({ "name": "guests" })).await), @"400 1001 this `Idempotency-Key` was used for another request; use a new one");
    assert_snapshot!(told(&keyed.post(MEMBERS, json!({ "email": "bea@example.com", "roles": [] })).await), @"400 1001 this `Idempotency-Key` was used for another request; use a new one");
    let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
    let other = eve.caller.clone().header("idempotency-key", "f1a2");
    assert_eq!(other.post(GROUPS, json!({ "name": "guests" })).await.status, 200, "everybody has keys of their own");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(told(&keyed.post(GROUPS, body).await), "400 1003 [/name] user group `staff` already exists");
}

#[tokio::test]
async fn a_key_is_a_short_text() {
    let server = TestServer::start().await;
    for bad in ["", " ", &"k".repeat(256)] {
        let keyed = server.admin().header("idempotency-key", bad);
        let told = told(&keyed.post(GROUPS, json!({ "name": "staff" })).await);
        assert_eq!(told, "400 1001 the header `Idempotency-Key` must have 1 to 255 printable characters");
    }
}

#[tokio::test]
async fn a_key_makes_one_account() {
    let server = TestServer::start().await;
    let keyed = server.admin().header("idempotency-key", "account");
    let first = keyed.post("/accounts", json!({ "name": "Second" })).await;
    assert_eq!(keyed.post("/accounts", json!({ "name": "Second" })).await.text, first.text);
    assert_eq!(server.admin().get("/accounts").await.list().len(), 2);
}

/// A server over a database that outlives it.
struct Restartable {
    runtime: Arc<Runtime>,
    origin: String,
    tasks: JoinSet<()>,
}

async fn start(database: &Path) -> Restartable {
    let store = Store::open_sqlite(database, SqliteOptions::default()).expect("a database");
    let engine = engine::Engine::new(Arc::new(catalog::Catalog::builtin()));
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let rules = model::rules::Rules::default();
    let runtime = Arc::new(Runtime::new(store, engine, rules, Secrets::new(&[7; 32]), clock, ids));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let app = App::new(runtime.clone(), Settings::default(), None);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server::serve(listener, app, std::future::pending()).await.expect("it serves") });
    Restartable { runtime, origin, tasks }
}

#[tokio::test]
async fn a_key_is_honoured_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("portcullis.db");
    let mut server = start(&database).await;
    let key = PlainSecret::generate(SecretKind::ApiKey);
    let email = Email::parse("admin@example.com", "/email").expect("an address");
    let new = NewUser { email, operator: true, api_key: Some(server.runtime.secrets.digest(key.reveal())) };
    let id = UserId(server.runtime.environment().next_id());
    server.runtime.create_user(id, &new, &origin()).await.expect("a user");
    let caller = |origin: &str, account: &str| {
        Caller::with_key(origin, account, "admin@example.com", key.reveal()).header("idempotency-key", "f1a2")
    };
    let plain = Caller::with_key(&server.origin, "", "admin@example.com", key.reveal());
    let account = plain.post("/accounts", json!({ "name": "Account" })).await.id();
    let first = caller(&server.origin, &account).post(GROUPS, json!({ "name": "staff" })).await;
    first.result();
    server.tasks.shutdown().await;
    server.runtime.close().await;
    drop(server);

    let server = start(&database).await;
    let again = caller(&server.origin, &account);
    let answer = again.post(GROUPS, json!({ "name": "staff" })).await;
    assert_eq!((answer.status, answer.text), (200, first.text));
    assert_eq!(again.get(GROUPS).await.list().len(), 1);
    assert_eq!(again.post(GROUPS, json!({ "name": "guests" })).await.status, 400);
    server.runtime.close().await;
}
