//! What happened to one object.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Caller, Response, TestServer};

use super::{AUDIT, audit_id, entries, ids, start};
use crate::support::{GROUPS, group, told};

async fn history(caller: &Caller, id: &str, time: &str, more: &str) -> Response {
    caller.get(&format!("{AUDIT}/{id}/history?action_time={time}&since=2026-01-02&before=2026-01-03{more}")).await
}

async fn time(admin: &Caller, id: &str) -> String {
    entries(admin, &format!("id={id}")).await[0]["action"]["time"].as_str().expect("a time").to_owned()
}

async fn busy(server: &TestServer, admin: &Caller) -> (Vec<String>, String) {
    let mut expected = Vec::new();
    let made = admin.post(GROUPS, json!({ "name": "staff" })).await;
    expected.push(audit_id(&made));
    let staff = made.id();
    for name in ["crew", "team"] {
        server.clock.advance(Duration::from_secs(600));
        group(server, &format!("not {name}"), &[]).await;
        expected.push(audit_id(&admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": name })).await));
    }
    // One that came to nothing, and one that removes it.
    expected.push(audit_id(&admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": "not crew" })).await));
    expected.push(audit_id(&admin.delete(&format!("{GROUPS}/{staff}")).await));
    (expected, staff)
}

#[tokio::test]
async fn the_history_of_an_object_is_that_of_any_of_its_entries() {
    let (server, admin) = start().await;
    let (expected, _) = busy(&server, &admin).await;
    for id in &expected {
        let at = time(&admin, id).await;
        let found = history(&admin, id, &at, "&direction=asc").await;
        // Events and commits of one moment stand in the order of their logs.
        let (mut found_ids, mut wanted) = (ids(found.list()), expected.clone());
        found_ids.sort();
        wanted.sort();
        assert_eq!(found_ids, wanted);
        assert_eq!(found.body["result_info"], json!({ "count": 5, "history_status": "exact" }));
    }
    let at = time(&admin, &expected[0]).await;
    let page = history(&admin, &expected[0], &at, "&limit=2").await;
    let info = &page.body["result_info"];
    assert_eq!((&info["count"], &info["history_status"]), (&json!(2), &json!("exact")));
    let cursor = info["cursor"].as_str().expect("a cursor");
    let next = history(&admin, &expected[0], &at, &format!("&limit=9&cursor={cursor}")).await;
    assert_eq!(next.list().len(), 3);
    let foreign = history(&admin, &expected[1], &at, &format!("&cursor={cursor}")).await;
    assert!(
        told(&foreign).starts_with("404") || told(&foreign).starts_with("400 1001 [?cursor]"),
        "{}",
        told(&foreign)
    );
}

#[tokio::test]
async fn each_entry_shows_the_object_before_and_after() {
    let (server, admin) = start().await;
    let (expected, staff) = busy(&server, &admin).await;
    let at = time(&admin, &expected[0]).await;
    let found = history(&admin, &expected[0], &at, "&direction=asc").await;
    let names = |entry: &Value| {
        let name = |side: &str| entry["resource"][side]["name"].as_str().unwrap_or("-").to_owned();
        format!("{} -> {}", name("before"), name("after"))
    };
    let changes: Vec<String> =
        found.list().iter().filter(|entry| entry["action"]["result"] == "success").map(names).collect();
    assert_eq!(changes, ["- -> staff", "staff -> crew", "crew -> team", "team -> -"]);
    assert!(found.list().iter().all(|entry| entry["resource"]["id"] == *staff));
}

#[tokio::test]
async fn what_has_no_object_is_found_by_its_path_or_not_at_all() {
    let (_server, admin) = start().await;
    let failed = audit_id(&admin.post(GROUPS, json!({ "name": "" })).await);
    admin.post(GROUPS, json!({ "name": "staff" })).await.id();
    let at = time(&admin, &failed).await;
    let found = history(&admin, &failed, &at, "").await;
    assert_eq!(found.body["result_info"], json!({ "count": 2, "history_status": "approximate" }));
    let unknown = history(&admin, "f174be97-19b1-40d6-954d-70cd5fbd52db", &at, "").await;
    assert_eq!(told(&unknown), "404 1002 audit log entry `f174be97-19b1-40d6-954d-70cd5fbd52db` not found");
    assert_eq!(unknown.body["result_info"], json!({ "count": 0, "history_status": "unavailable" }));
    let missing = admin.get(&format!("{AUDIT}/{failed}/history")).await;
    assert_eq!(missing.pointers(), ["?action_time", "?since", "?before"]);
    // A time far from that of the entry does not lead to it.
    assert_eq!(history(&admin, &failed, "2026-01-02T12:00:00Z", "").await.status, 404);
}
