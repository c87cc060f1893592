//! Pages, cursors and times.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Caller, TestServer};

use super::{AUDIT, DAY, entries, ids, page, start};
use crate::support::{GROUPS, told};

/// Commits and refusals, at times of their own.
async fn busy(server: &TestServer, admin: &Caller) {
    for number in 0..12 {
        admin.post(GROUPS, json!({ "name": format!("group {number}") })).await.id();
        admin.post(GROUPS, json!({ "name": "" })).await;
        if number % 3 == 0 {
            server.clock.advance(Duration::from_millis(1));
        }
    }
}

async fn walk(caller: &Caller, question: &str) -> (Vec<Value>, usize) {
    let (mut all, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = caller.get(&format!("{AUDIT}?{question}{cursor}")).await;
        let info = &page.body["result_info"];
        assert_eq!(info["count"], page.list().len());
        all.extend(page.list().to_vec());
        pages += 1;
        match info["cursors"]["after"].as_str() {
            Some(after) => {
                assert_eq!(info["cursor"], after);
                cursor = format!("&cursor={after}");
            }
            None => {
                assert!(info.get("cursor").is_none() && info.get("cursors").is_none(), "{info}");
                return (all, pages);
            }
        }
    }
}

#[tokio::test]
async fn pages_together_are_the_whole_in_either_direction() {
    let (server, admin) = start().await;
    busy(&server, &admin).await;
    let all = entries(&admin, "limit=1000").await;
    assert!(all.windows(2).all(|pair| pair[0]["action"]["time"].as_str() >= pair[1]["action"]["time"].as_str()));
    let reversed: Vec<Value> = entries(&admin, "limit=1000&direction=asc").await.into_iter().rev().collect();
    assert_eq!(ids(&all), ids(&reversed));
    for limit in [1, 2, 5, all.len() - 1, all.len(), all.len() + 1] {
        for direction in ["asc", "desc"] {
            let (walked, pages) = walk(&admin, &format!("{DAY}&limit={limit}&direction={direction}")).await;
            let mut expected = ids(&all);
            if direction == "asc" {
                expected.reverse();
            }
            assert_eq!(ids(&walked), expected, "limit={limit} {direction}");
            assert_eq!(pages, all.len().div_ceil(limit), "limit={limit} {direction}");
        }
    }
    let (failures, _) = walk(&admin, &format!("{DAY}&limit=5&action_result=failure")).await;
    assert_eq!(failures.len(), 12);
}

#[tokio::test]
async fn what_comes_later_does_not_move_the_pages() {
    let (server, admin) = start().await;
    busy(&server, &admin).await;
    let before = entries(&admin, "limit=1000").await;
    let first = page(&admin, "limit=5").await;
    busy_again(&admin).await;
    let after = first.body["result_info"]["cursor"].as_str().unwrap();
    let second = page(&admin, &format!("limit=5&cursor={after}")).await;
    assert_eq!(ids(second.list()), ids(&before[5..10]));
}

async fn busy_again(admin: &Caller) {
    for number in 0..5 {
        admin.post(GROUPS, json!({ "name": format!("later {number}") })).await.id();
    }
}

#[tokio::test]
async fn since_is_included_and_before_is_not() {
    let (server, admin) = start().await;
    server.clock.advance(Duration::from_secs(60));
    let id = super::audit_id(&admin.post(GROUPS, json!({ "name": "one" })).await);
    let at = entries(&admin, &format!("id={id}")).await[0]["action"]["time"].as_str().unwrap().to_owned();
    let found = async |since: &str, before: &str| {
        let answer = admin.get(&format!("{AUDIT}?since={since}&before={before}&id={id}")).await;
        answer.list().len()
    };
    let later = "2026-01-02T03:05:05.000001Z";
    assert_eq!(at, "2026-01-02T03:05:05.000000Z");
    assert_eq!(found(&at, later).await, 1);
    assert_eq!(found("2026-01-02", &at).await, 0);
    assert_eq!(found(later, "2026-01-03").await, 0);
    assert_eq!(found("2026-01-02T04:05:05%2B01:00", "2026-01-02T04:05:06+01:00").await, 1);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_question_alone() {
    let (server, admin) = start().await;
    busy(&server, &admin).await;
    let cursor =
        page(&admin, "limit=5&actor_type=user").await.body["result_info"]["cursor"].as_str().unwrap().to_owned();
    let ask = async |caller: &Caller, question: &str| told(&caller.get(&format!("{AUDIT}?{question}")).await);
    assert_eq!(
        ask(&admin, &format!("{DAY}&limit=9&actor_type=user&cursor={cursor}")).await,
        "200",
        "the size may change"
    );
    let other = crate::support::another_account(&server, &server.user).await;
    let mut forged = cursor.clone().into_bytes();
    forged[40] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    for (caller, question) in [
        (&admin, format!("{DAY}&cursor={cursor}")),
        (&admin, format!("{DAY}&actor_type.not=user&cursor={cursor}")),
        (&admin, format!("{DAY}&actor_type=account&cursor={cursor}")),
        (&admin, format!("{DAY}&actor_type=user&direction=asc&cursor={cursor}")),
        (&admin, format!("since=2026-01-01&before=2026-01-03&actor_type=user&cursor={cursor}")),
        (&admin, format!("{DAY}&actor_type=user&cursor={forged}")),
        (&admin, format!("{DAY}&actor_type=user&cursor=nonsense")),
        (&admin.clone().about(other), format!("{DAY}&actor_type=user&cursor={cursor}")),
    ] {
        let answer = ask(caller, &question).await;
        assert!(
            answer.starts_with("400 1001 [?cursor] cursor is not one that this server gave"),
            "{question}: {answer}"
        );
    }
}
