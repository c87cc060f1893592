//! `POST /access/v1/evaluation`.

use insta::assert_snapshot;
use serde_json::json;
use testkit::Method;

use super::{EVALUATION, World, ask, decision, question, told, with, world};

#[tokio::test]
async fn a_decision_is_a_boolean_with_its_reason_and_the_policies_that_made_it() {
    let World { server, bea, zones: [a, b, c], policies: [grant, denial] } = world().await;
    let admin = server.admin();
    assert_eq!(ask(&admin, question(&bea, "DNS Write", &a)).await, decision(true, "allow", &[&grant]));
    assert_eq!(ask(&admin, question(&bea, "DNS Write", &b)).await, decision(false, "explicit_deny", &[&denial]));
    assert_eq!(ask(&admin, question(&bea, "DNS Write", &c)).await, decision(false, "implicit_deny", &[]));
    assert_eq!(ask(&admin, question(&bea, "Zone Write", &a)).await, decision(false, "implicit_deny", &[]));
}

#[tokio::test]
async fn an_answer_names_the_revision_that_it_is_a_function_of() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let answer = server.admin().post(EVALUATION, question(&bea, "DNS Write", &a)).await;
    let revision = crate::support::revision(&server).await;
    assert_eq!(answer.header("portcullis-revision"), Some(revision.to_string().as_str()));
    let newer = server.admin().header("portcullis-revision", &(revision + 1).to_string());
    let unavailable = newer.post(EVALUATION, question(&bea, "DNS Write", &a)).await;
    assert_eq!(unavailable.status, 503);
    assert_eq!(unavailable.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_is_missing_or_of_another_kind_is_told_by_its_place() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let good = question(&bea, "DNS Write", &a);
    let bad = [
        json!({}),
        json!([]),
        with(good.clone(), json!({ "subject": null })),
        with(good.clone(), json!({ "subject": "bea" })),
        with(good.clone(), json!({ "subject": { "id": "x" } })),
        with(good.clone(), json!({ "subject": { "type": "user" } })),
        with(good.clone(), json!({ "subject": { "type": "user", "id": 7 } })),
        with(good.clone(), json!({ "subject": { "type": "ghost", "id": "x" } })),
        with(good.clone(), json!({ "subject": { "type": "user", "id": "x", "properties": [] } })),
        with(good.clone(), json!({ "action": {} })),
        with(good.clone(), json!({ "action": { "name": "Fly" } })),
        with(good.clone(), json!({ "action": { "name": true } })),
        with(good.clone(), json!({ "resource": { "type": "moon", "id": "x" } })),
        with(good.clone(), json!({ "resource": { "type": "zone" } })),
        with(good.clone(), json!({ "context": "here" })),
    ];
    let mut lines = Vec::new();
    for question in bad {
        lines.push(told(&server.admin().post(EVALUATION, question).await));
    }
    assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_body_that_is_no_json_or_says_something_twice_is_refused() {
    let server = testkit::TestServer::start().await;
    let send = async |body: &str| told(&server.admin().send(Method::POST, EVALUATION, Some(body.to_owned())).await);
    assert_snapshot!(send("{\"subject\": ").await, @"400 the body is not JSON: EOF while parsing a value at line 1 column 12");
    assert_snapshot!(send("").await, @"400 the body is not JSON: EOF while parsing a value at line 1 column 0");
    assert_snapshot!(send("null").await, @"400 the body must be a JSON object, not null");
    assert_snapshot!(send(r#"{"subject": {"type": "user", "type": "token", "id": "x"}}"#).await, @"400 the body cannot be read: duplicate field `type` at line 1 column 35");
    assert_snapshot!(send(r#"{"action": {"name": "DNS Read"}, "action": {"name": "DNS Write"}}"#).await, @"400 the body cannot be read: duplicate field `action` at line 1 column 41");
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_snapshot!(send(&deep).await, @"400 `/subject`: must be present");
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_null_is_as_if_it_were_not_there() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let asked = json!({
        "subject": { "type": "member", "id": bea.id.to_string(), "properties": { "department": "Sales" }, "x": [1] },
        "action": { "name": "DNS Write", "properties": { "method": "GET" } },
        "resource": { "type": "zone", "id": a, "properties": { "y": { "z": [] } }, "x": null },
        "context": null,
        "evaluations": "of another endpoint",
        "x": { "subject": 7 },
    });
    assert_eq!(ask(&server.admin(), asked).await["decision"], true);
}

#[tokio::test]
async fn text_with_escapes_is_read_as_what_it_stands_for() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let body = question(&bea, "DNS Write", &a).to_string().replace("DNS Write", "DNS\\u0020Writ\\u0065");
    let answer = server.admin().send(Method::POST, EVALUATION, Some(body)).await;
    assert_eq!(answer.body["decision"], true, "{}", answer.text);
}

#[tokio::test]
async fn the_same_is_asked_below_an_account() {
    let World { server, bea, zones: [a, ..], policies: [grant, _] } = world().await;
    let path = format!("/accounts/{{account}}{EVALUATION}");
    let answer = server.admin().post(&path, question(&bea, "DNS Write", &a)).await;
    assert_eq!(answer.body, decision(true, "allow", &[&grant]));
    let bad = server.admin().post("/accounts/mine/access/v1/evaluation", question(&bea, "DNS Write", &a)).await;
    assert_snapshot!(told(&bad), @"400 /accounts/mine/access/v1/evaluation has an id that is none: 32 lower-case hex digits");
}
