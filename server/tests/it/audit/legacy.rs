//! The older form of the audit log.

use model::members::Grants;
use serde_json::{Value, json};
use testkit::{Caller, Owner, allow};

use super::start;
use crate::support::{GROUPS, account_key, told};

const ACCOUNT_LOGS: &str = "/accounts/{account}/audit_logs";
const USER_LOGS: &str = "/user/audit_logs";

async fn logs(caller: &Caller, question: &str) -> Vec<Value> {
    caller.get(&format!("{ACCOUNT_LOGS}?{question}")).await.list().to_vec()
}

#[tokio::test]
async fn entries_have_the_older_shape() {
    let (server, admin) = start().await;
    let staff = admin.post(GROUPS, json!({ "name": "staff" })).await.id();
    admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": "crew" })).await.id();
    admin.post(GROUPS, json!({ "name": "" })).await;
    let newest = logs(&admin, "per_page=3&direction=desc").await;
    let renamed = newest.iter().find(|entry| entry["action"]["type"] == "update").expect("the renaming");
    let name = |side: &str| {
        let text = renamed[side].as_str().expect("text");
        serde_json::from_str::<Value>(text).expect("JSON")["name"].clone()
    };
    assert_eq!((name("oldValue"), name("newValue")), (json!("staff"), json!("crew")));
    assert_eq!(renamed["action"], json!({ "result": true, "type": "update" }));
    assert_eq!(
        renamed["actor"],
        json!({ "id": server.user.id.to_string(), "email": server.user.email.as_str(), "ip": "127.0.0.1", "type": "user" })
    );
    assert_eq!(renamed["interface"], "API");
    assert_eq!(renamed["metadata"], json!({ "description": "Update user group", "status_code": 200 }));
    assert_eq!(renamed["owner"], json!({ "id": server.account.to_string() }));
    assert_eq!(renamed["resource"], json!({ "id": staff, "type": "user_group" }));
    assert_eq!(renamed["when"], "2026-01-02T03:04:05.000000Z");
    let failed = newest.iter().find(|entry| entry["action"]["result"] == false).expect("the refusal");
    assert_eq!(failed["metadata"]["status_code"], 400);
    assert!(failed.get("newValue").is_none() && failed.get("oldValue").is_none());
}

#[tokio::test]
async fn filters_and_pages_are_those_of_old() {
    let (server, admin) = start().await;
    let zone = json!({ "name": "a.example.com", "account": { "id": server.account.to_string() } });
    let zone = admin.post("/zones", zone).await;
    admin.delete(&format!("/zones/{}", zone.id())).await.id();
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    bea.post("/user/tokens", json!({ "name": "" })).await;
    let all = logs(&admin, "").await;
    let count = async |question: &str| logs(&admin, question).await.len();
    let id = zone.header("cf-auditlog-id").expect("an id");
    for (question, expected) in [
        (format!("id={id}"), 1),
        ("action.type=add&actor.email=ADMIN%40example.com".to_owned(), 1),
        ("action.type=delete".to_owned(), 1),
        ("actor.email=bea%40example.com".to_owned(), 1),
        ("actor.email=bea%40example.com&hide_user_logs=true".to_owned(), 0),
        ("zone.name=A.example.com".to_owned(), 2),
        ("zone.name=b.example.com".to_owned(), 0),
        ("actor.ip=127.0.0.1".to_owned(), 3),
        ("actor.ip=127.0.0.0%2F8".to_owned(), 3),
        ("actor.ip=192.0.2.0%2F24".to_owned(), 0),
        ("since=2026-01-02&before=2026-01-03".to_owned(), all.len()),
        ("since=2019-04-30&before=2019-04-30".to_owned(), 0),
        ("since=2026-01-03".to_owned(), 0),
        ("export=true&direction=desc".to_owned(), all.len()),
        (format!("page={}&per_page=1", all.len() + 1), 0),
    ] {
        assert_eq!(count(&question).await, expected, "{question}");
    }
    let mut walked = Vec::new();
    for page in 1..=all.len() {
        let answer = admin.get(&format!("{ACCOUNT_LOGS}?per_page=1&page={page}")).await;
        assert_eq!(answer.body["result_info"], json!({ "page": page, "per_page": 1, "count": 1 }));
        walked.extend(answer.list().to_vec());
    }
    assert_eq!(walked, all);
    let oldest: Vec<Value> = logs(&admin, "direction=asc").await.into_iter().rev().collect();
    assert_eq!(oldest, all);
    let bad = admin
        .get(&format!("{ACCOUNT_LOGS}?since=x&before=2026&actor.ip=here&direction=up&per_page=0&export=maybe"))
        .await;
    assert_eq!(bad.status, 400);
    let mut pointers = bad.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["?actor.ip", "?before", "?direction", "?export", "?per_page", "?since"]);
    let inverted = admin.get(&format!("{ACCOUNT_LOGS}?since=2026-01-03&before=2026-01-02")).await;
    assert_eq!(inverted.pointers(), ["?since"]);
}

#[tokio::test]
async fn a_user_sees_its_own_log_and_an_account_token_has_none() {
    let (server, admin) = start().await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    bea.post("/user/tokens", json!({ "name": "" })).await;
    bea.post(GROUPS, json!({ "name": "denied" })).await;
    let own = bea.get(USER_LOGS).await;
    let of_bea: Vec<&Value> = own.list().iter().collect();
    assert_eq!(of_bea.len(), 2, "the making of the user, and the refused token: {}", own.text);
    assert!(of_bea.iter().all(|entry| entry["owner"]["id"] == bea.user.to_string()));
    assert!(!own.text.contains("[redacted]") || !own.text.contains("cfk_"));
    let token = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(told(&token.get(USER_LOGS).await), "403 9109 Valid user-level authentication not found");
    assert!(admin.get(USER_LOGS).await.list().iter().all(|entry| entry["owner"]["id"] == server.user.id.to_string()));
}
