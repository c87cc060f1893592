//! A server on a database: requests, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::{EMAIL, Installation};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";

#[tokio::test]
async fn a_request_with_the_token_and_one_with_the_key_are_answered() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let (token, key) = (installation.token_caller(&server), installation.key_caller(&server));
    let group = token.post(GROUPS, json!({"name": "staff"})).await.id();
    assert_eq!(key.get(&format!("{GROUPS}/{group}")).await.result()["name"], "staff");
    assert_eq!(key.get("/accounts/{account}/members").await.list()[0]["user"]["email"], EMAIL);
    let wrong = key.header("x-auth-key", "0123456789abcdef0123456789abcdef0");
    assert_eq!(wrong.get(GROUPS).await.status, 403);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let group = installation.token_caller(&server).post(GROUPS, json!({"name": "staff"})).await.id();
    server.terminate();
    assert!(server.wait().success());
    let server = installation.serve(&["--commit-batch", "1"]);
    let names = installation.token_caller(&server).get(GROUPS).await;
    assert_eq!(names.list()[0]["id"], *group);
}

/// The head of the request is there and half of its body, when the server is told to end; the rest comes later.
#[test]
fn a_shutdown_finishes_the_request_in_flight_and_takes_no_new_one() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let address = server.origin.strip_prefix("http://").unwrap().to_owned();
    let body = json!({"name": "half way"}).to_string();
    let (first, rest) = body.split_at(9);
    let mut connection = TcpStream::connect(&address).unwrap();
    let (account, token, length) = (installation.text("account_id"), installation.text("api_token"), body.len());
    write!(
        connection,
        "POST /client/v4/accounts/{account}/iam/user_groups HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{first}"
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    server.terminate();
    std::thread::sleep(Duration::from_millis(300));
    assert!(TcpStream::connect(&address).is_err(), "a server that is ending takes no new connections");
    connection.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(server.wait().success());

    let shown = installation.run(&["log", "show", account]);
    assert!(crate::support::stdout(&shown).contains("half way"));
}

#[test]
fn an_interrupt_ends_an_idle_server_at_once() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let start = std::time::Instant::now();
    server.terminate();
    assert!(server.wait().success());
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(server.stderr().contains("ended in good order"));
}

/// Whoever listens to commits would keep it waiting for ever.
#[test]
fn a_stream_of_commits_does_not_hold_up_the_end() {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let address = server.origin.strip_prefix("http://").unwrap().to_owned();
    let mut connection = TcpStream::connect(&address).unwrap();
    let (account, token) = (installation.text("account_id"), installation.text("api_token"));
    write!(
        connection,
        "GET /client/v4/accounts/{account}/iam/commits/stream?after=0 HTTP/1.0\r\nhost: {address}\r\n\
         authorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut some = [0; 400];
    connection.read_exact(&mut some).unwrap();
    let start = std::time::Instant::now();
    server.terminate();
    assert!(server.wait().success());
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(server.stderr().contains("ended in good order"));
}

#[tokio::test]
async fn an_offline_commit_is_seen_by_the_running_server() {
    let installation = Installation::new();
    let server = installation.serve(&["--allow-direct-add"]);
    let admin = installation.key_caller(&server);
    let created = installation.run(&["user", "create", "--email", "bea@example.com", "--json"]);
    assert!(created.status.success(), "{}", crate::support::stderr(&created));
    let body = json!({"email": "bea@example.com", "roles": [], "status": "accepted"});
    let added = admin.post("/accounts/{account}/members", body).await;
    assert_eq!(added.result()["status"], "accepted");
}
