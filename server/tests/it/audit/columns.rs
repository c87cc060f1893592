//! A log that is long enough for columns: they change how quickly a question is answered, and nothing else.

use model::ids::StreamId;
use runtime::audit::columns::STRETCH;
use runtime::audit::events_of;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestServer, allow};

use super::{AUDIT, DAY, ids, start};
use crate::support::{GROUPS, account_key};

/// More than two stretches of commits, by two callers, of several kinds; some refusals.
async fn long() -> (TestServer, Caller, Vec<String>) {
    let (server, admin) = start().await;
    let token = server.token(Owner::Account, &[allow(&["Account Settings Write"], &[&account_key(&server)])]).await;
    let mut groups = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        let caller = if number % 3 == 0 { &token.caller } else { &admin };
        let made = caller.post(GROUPS, json!({ "name": format!("group {number}") })).await.id();
        if number % 100 == 0 {
            admin.put(&format!("{GROUPS}/{made}"), json!({ "name": format!("renamed {number}") })).await.id();
            token.post(GROUPS, json!({ "name": "" })).await;
            server.clock.advance(std::time::Duration::from_millis(1));
        }
        if number % 2 == 0 {
            admin.delete(&format!("{GROUPS}/{made}")).await.id();
        } else {
            groups.push(made);
        }
        let head = server.runtime.store.head(&format!("account/{}", server.account)).await.unwrap();
        if head.revision > 2 * STRETCH + 100 {
            return (server, admin, groups);
        }
    }
}

async fn all_pages(caller: &Caller, question: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{AUDIT}?{DAY}&limit=700&{question}{cursor}")).await;
        all.extend(page.list().to_vec());
        match page.body["result_info"]["cursors"]["after"].as_str() {
            Some(after) => cursor = format!("&cursor={after}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn answers_are_the_same_with_and_without_columns() {
    let (server, admin, groups) = long().await;
    let group = &groups[groups.len() / 2];
    let questions: Vec<String> = ["desc", "asc"]
        .iter()
        .flat_map(|direction| {
            [
                "action_type=update".to_owned(),
                "action_type=delete&actor_type=user".to_owned(),
                "action_type=create&actor_type.not=user&action_result=success".to_owned(),
                "action_result=failure".to_owned(),
                format!("resource_id={group}"),
                format!("resource_id.not={group}&action_type=update"),
                "zone_name=a.example.com".to_owned(),
                "resource_type.not=user_group".to_owned(),
                "actor_email=nobody%40example.com".to_owned(),
            ]
            .map(|question| format!("{question}&direction={direction}"))
        })
        .collect();
    // The first question has the columns made, in the background; those before read everything.
    let store = &server.runtime.store;
    let stream = StreamId::Account(server.account);
    let everything = all_pages(&admin, "").await;
    let mut expected = Vec::new();
    for question in &questions {
        expected.push(by_hand(&everything, question));
    }
    let log = stream.to_string();
    let head = store.head(&log).await.unwrap().revision;
    let made = server::audit::summaries::make(&server.runtime, &log, head).await.unwrap();
    assert_eq!(made, 2 * STRETCH);
    assert!(!store.summaries(&log, "audit1/action_type", 0, u64::MAX).await.unwrap().is_empty());
    for (question, expected) in questions.iter().zip(expected) {
        assert_eq!(ids(&all_pages(&admin, question).await), expected, "{question}");
    }
    assert_eq!(
        store.head(&events_of(stream)).await.unwrap().revision as usize,
        by_hand(&everything, "action_result=failure").len()
    );
}

/// The ids of the entries that fit, by what they show.
fn by_hand(entries: &[Value], question: &str) -> Vec<String> {
    let shown = |entry: &Value, field: &str| {
        let pointer = match field {
            "action_type" => "/action/type",
            "action_result" => "/action/result",
            "actor_type" => "/actor/type",
            "actor_email" => "/actor/email",
            "resource_id" => "/resource/id",
            "resource_type" => "/resource/type",
            "zone_name" => "/zone/name",
            other => panic!("{other}"),
        };
        entry.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    let (mut wanted, mut ascending) = (Vec::new(), false);
    for part in question.split('&') {
        match part.split_once('=').unwrap() {
            ("direction", direction) => ascending = direction == "asc",
            (field, value) => wanted.push((field, value.replace("%40", "@"))),
        }
    }
    let fits = |entry: &&Value| {
        wanted.iter().all(|(field, value)| match field.strip_suffix(".not") {
            Some(field) => shown(entry, field).as_ref() != Some(value),
            None => shown(entry, field).as_ref() == Some(value),
        })
    };
    let mut found: Vec<String> = ids(&entries.iter().filter(fits).cloned().collect::<Vec<_>>());
    if ascending {
        found.reverse();
    }
    found
}
