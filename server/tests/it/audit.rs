//! The audit log of an account: who did what, and who tried.

mod bad_input;
mod columns;
mod filters;
mod history;
mod legacy;
mod pages;
mod refusals;
mod users;

use serde_json::Value;
use testkit::{Caller, Response, TestServer};

use crate::support::text;

pub const AUDIT: &str = "/accounts/{account}/logs/audit";
/// The day of the test server's clock.
pub const DAY: &str = "since=2026-01-02&before=2026-01-03";

/// Entries of the server's day, the newest first.
pub async fn entries(caller: &Caller, filters: &str) -> Vec<Value> {
    page(caller, filters).await.list().to_vec()
}

pub async fn page(caller: &Caller, filters: &str) -> Response {
    caller.get(&format!("{AUDIT}?{DAY}&{filters}")).await
}

/// An entry in one line.
pub fn line(entry: &Value) -> String {
    let part = |pointer: &str| text(&entry.pointer(pointer).cloned().unwrap_or_default()).to_owned();
    let status = entry.pointer("/raw/status_code").and_then(Value::as_u64).map(|status| status.to_string());
    let words = [
        part("/action/result"),
        status.unwrap_or_default(),
        part("/action/description"),
        format!("{}/{}", part("/resource/product"), part("/resource/type")),
        part("/actor/type"),
        part("/actor/context"),
        part("/actor/email"),
    ];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

pub async fn lines(caller: &Caller, filters: &str) -> String {
    entries(caller, filters).await.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The ids of entries.
pub fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| text(&entry["id"]).to_owned()).collect()
}

/// The value of `cf-auditlog-id`.
pub fn audit_id(response: &Response) -> String {
    response.header("cf-auditlog-id").expect("an audit id").to_owned()
}

/// A server, and its super administrator.
pub async fn start() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    let admin = server.admin();
    (server, admin)
}
