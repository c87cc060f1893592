//! `/access/v1/…`: the rules of the OpenID AuthZEN Authorization API 1.0, and what our words in it mean.

mod docs;
mod doors;
mod evaluation;
mod evaluations;
mod metadata;
mod search;
mod words;

use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Caller, Response, TestMember, TestServer};

use crate::support::{MEMBERS, resource_group, zone_key};

pub const EVALUATION: &str = "/access/v1/evaluation";
pub const EVALUATIONS: &str = "/access/v1/evaluations";

/// A server with three zones; Bea edits the DNS of the first and of the second, and is denied it on the second.
pub struct World {
    pub server: TestServer,
    pub bea: TestMember,
    pub zones: [String; 3],
    /// The policies of Bea: the grant, and the denial.
    pub policies: [String; 2],
}

pub async fn world() -> World {
    let server = TestServer::start().await;
    let mut zones = Vec::new();
    for name in ["a.example.com", "b.example.com", "c.example.com"] {
        zones.push(server.zone(name).await.to_string());
    }
    let first = resource_group(&server, "first", &[&zone_key(&zones[0]), &zone_key(&zones[1])]).await;
    let second = resource_group(&server, "second", &[&zone_key(&zones[1])]).await;
    let policies = vec![
        server.policy(Effect::Allow, &["domain_dns"], &[&first]),
        server.policy(Effect::Deny, &["domain_dns"], &[&second]),
    ];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    let shown = server.admin().get(&format!("{MEMBERS}/{}", bea.id)).await;
    let id = |index: usize| shown.result()["policies"][index]["id"].as_str().expect("an id").to_owned();
    let policies = [id(0), id(1)];
    World { server, bea, policies, zones: zones.try_into().expect("three") }
}

/// A question about a member and a zone.
pub fn question(member: &TestMember, action: &str, zone: &str) -> Value {
    json!({
        "subject": { "type": "member", "id": member.id.to_string() },
        "action": { "name": action },
        "resource": { "type": "zone", "id": zone },
    })
}

/// The same object with other fields.
pub fn with(mut object: Value, fields: Value) -> Value {
    let fields = fields.as_object().expect("an object").clone();
    object.as_object_mut().expect("an object").extend(fields);
    object
}

pub async fn ask(caller: &Caller, question: Value) -> Value {
    answered(caller.post(EVALUATION, question).await)
}

pub fn answered(response: Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text);
    response.body
}

/// The reason of an answer.
pub async fn reason(caller: &Caller, question: Value) -> String {
    let answer = ask(caller, question).await;
    answer["context"]["reason"].as_str().expect("a reason").to_owned()
}

/// A status and the message, which is the whole body.
pub fn told(response: &Response) -> String {
    let message = response.body.as_str().unwrap_or_else(|| panic!("{} is a string", response.text));
    crate::support::without_ids(&format!("{} {message}", response.status))
}

pub fn decision(allowed: bool, reason: &str, policies: &[&String]) -> Value {
    json!({ "decision": allowed, "context": { "reason": reason, "policy_ids": policies } })
}
