//! Commits as server-sent events.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Caller, TestServer};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{GROUPS, account_key, revision};

const STREAM: &str = "/accounts/{account}/iam/commits/stream";
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that stays connected.
struct Listener(BufReader<TcpStream>);

#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

impl Listener {
    async fn start(server: &TestServer, secret: &str, query: &str, headers: &str) -> Listener {
        let authority = server.origin.strip_prefix("http://").expect("an origin");
        let mut connection = TcpStream::connect(authority).await.expect("the server listens");
        let path = STREAM.replace("{account}", &server.account.to_string());
        let head = format!(
            "GET /client/v4{path}{query} HTTP/1.0\r\nhost: x\r\nauthorization: Bearer {secret}\r\n{headers}\r\n"
        );
        connection.write_all(head.as_bytes()).await.expect("the server reads");
        let mut listener = Listener(BufReader::new(connection));
        assert_eq!(listener.line().await, "HTTP/1.0 200 OK");
        loop {
            let line = listener.line().await;
            if line.is_empty() {
                return listener;
            }
            if let Some(kind) = line.strip_prefix("content-type: ") {
                assert_eq!(kind, "text/event-stream");
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("in time").expect("a line");
        line.trim_end().to_owned()
    }

    async fn event(&mut self) -> Event {
        let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("id", id)) => id.clone_into(&mut event.id),
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                Some(_) => {}
                None if line.is_empty() && !event.id.is_empty() => return event,
                None => {}
            }
        }
    }

    /// What comes until the server ends the stream.
    async fn rest(mut self) -> String {
        let mut rest = String::new();
        timeout(PATIENCE, self.0.read_to_string(&mut rest)).await.expect("in time").expect("text");
        rest
    }
}

/// A token of the account that may read the log, and its secret.
async fn reader(server: &TestServer) -> (String, String) {
    let admin = server.admin();
    let groups = admin.get("/accounts/{account}/tokens/permission_groups?name=Audit%20Logs%20Read").await;
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups.list()[0]["id"]}],
        "resources": {account_key(server): "*"},
    });
    let made = admin.post("/accounts/{account}/tokens", json!({"name": "collector", "policies": [policy]})).await;
    (made.id(), made.result()["value"].as_str().expect("a secret").to_owned())
}

fn group_names(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|event| event.data["documents"][0]["after"]["user_group"]["name"].as_str()).collect()
}

async fn make(caller: &Caller, names: &[&str]) {
    for name in names {
        caller.post(GROUPS, json!({ "name": name })).await.id();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_commit_comes_once_and_whoever_comes_back_misses_nothing() {
    let server = TestServer::start().await;
    let (_, secret) = reader(&server).await;
    let mut listener = Listener::start(&server, &secret, "", "").await;
    let before = revision(&server).await;
    make(&server.admin(), &["one", "two"]).await;
    let events = [listener.event().await, listener.event().await];
    assert_eq!(group_names(&events), ["one", "two"]);
    assert_eq!([&*events[0].id, &*events[0].name], [&*(before + 1).to_string(), "commit"]);
    assert_eq!(events[0].data["by"]["email"], server.user.email.as_str());
    assert_eq!(events[0].data["revision"], before + 1);
    drop(listener);

    make(&server.admin(), &["three", "four"]).await;
    let last = format!("last-event-id: {}\r\n", events[1].id);
    let mut again = Listener::start(&server, &secret, "?after=0", &last).await;
    make(&server.admin(), &["five"]).await;
    let events = [again.event().await, again.event().await, again.event().await];
    assert_eq!(group_names(&events), ["three", "four", "five"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_is_read_from_the_start_and_no_digest_is_in_it() {
    let server = TestServer::start().await;
    let (_, secret) = reader(&server).await;
    let text = Listener::start(&server, &secret, "?after=0&follow=false", "").await.rest().await;
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect::<Vec<_>>();
    let all: Vec<String> = (1..=revision(&server).await).map(|revision| revision.to_string()).collect();
    assert_eq!(ids, all);
    assert!(text.contains("\"collector\"") && !text.contains("digest"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_rights_to_it() {
    let server = TestServer::start().await;
    let ((deleted, first), (narrowed, second)) = (reader(&server).await, reader(&server).await);
    let listeners = [Listener::start(&server, &first, "", "").await, Listener::start(&server, &second, "", "").await];
    let admin = server.admin();
    assert_eq!(admin.delete(&format!("/accounts/{{account}}/tokens/{deleted}")).await.status, 200);
    let groups = admin.get("/accounts/{account}/tokens/permission_groups?name=DNS%20Read").await;
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups.list()[0]["id"]}],
        "resources": {account_key(&server): "*"},
    });
    let body = json!({"name": "collector", "status": "active", "policies": [policy]});
    let path = format!("/accounts/{{account}}/tokens/{narrowed}");
    assert_eq!(admin.put(&path, body).await.status_and_error(), "200");
    make(&admin, &["secret plans"]).await;
    for listener in listeners {
        let rest = listener.rest().await;
        assert!(!rest.contains("secret plans"), "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_told() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let newest = revision(&server).await;
    for (query, said) in [
        ("after=x".to_owned(), "400 1001 [?after] must be a revision, not `x`".to_owned()),
        (
            format!("after={}", newest + 1),
            format!("400 1001 [?after] after must be a revision up to {newest}, not {}", newest + 1),
        ),
        ("follow=maybe".to_owned(), "400 1001 [?follow] follow must be true or false, not `maybe`".to_owned()),
    ] {
        let answer = admin.get(&format!("{STREAM}?{query}")).await;
        assert_eq!(crate::support::told(&answer), said);
    }
    let wrong = admin.clone().header("last-event-id", "yesterday").get(STREAM).await;
    assert_eq!(crate::support::told(&wrong), "400 1001 [last-event-id] must be a revision, not `yesterday`");
}
