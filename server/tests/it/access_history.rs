//! Who could, since when and until when, and who let them.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use model::members::Grants;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestMember, TestServer, allow};

use crate::support::{
    AUTHORIZE, GROUPS, MEMBERS, UNKNOWN, group, policy, refused, resource_group, revision, told, zone_key,
};

const HISTORY: &str = "/accounts/{account}/iam/access_history";

/// Bea comes into the group "dns", it loses its policy and gets another, and she leaves it; Cem is in it throughout.
struct World {
    server: TestServer,
    bea: TestMember,
    cem: TestMember,
    zone: String,
    group: String,
    /// The revisions at which: both are in; the policy is gone; it is back; Bea has left.
    at: [u64; 4],
}

async fn world() -> World {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("a.example.com").await);
    let here = resource_group(&server, "here", &[&zone]).await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let cem = server.member("cem@example.com", Grants::Policies(vec![])).await;
    let dns = policy(&server, "allow", &["domain_dns"], &[&here]);
    let group = group(&server, "dns", std::slice::from_ref(&dns)).await;
    let members = format!("{GROUPS}/{group}/members");
    let admin = server.admin();
    let ids = json!([{ "id": bea.id.to_string() }, { "id": cem.id.to_string() }]);
    admin.post(&members, ids).await.result();
    let mut at = [revision(&server).await, 0, 0, 0];
    admin.put(&format!("{GROUPS}/{group}"), json!({ "policies": [] })).await.result();
    at[1] = revision(&server).await;
    admin.put(&format!("{GROUPS}/{group}"), json!({ "policies": [dns] })).await.result();
    at[2] = revision(&server).await;
    admin.delete(&format!("{members}/{}", bea.id)).await.result();
    at[3] = revision(&server).await;
    World { server, bea, cem, zone, group, at }
}

/// All spans that are told, over pages of that size.
async fn spans(caller: &Caller, question: &Value, per_page: usize) -> Vec<Value> {
    let mut spans = Vec::new();
    for page in 1.. {
        let answer = caller.post(&format!("{HISTORY}?page={page}&per_page={per_page}"), question.clone()).await;
        let found = answer.result().as_array().expect("a list").clone();
        if found.is_empty() {
            assert_eq!(answer.body["result_info"]["total_count"], spans.len());
            break;
        }
        spans.extend(found);
    }
    spans
}

/// A span as `name from until`.
fn line(span: &Value) -> String {
    let name = span["subject"]["name"].as_str().or(span["subject"]["id"].as_str()).expect("a subject");
    format!("{name} {} {}", span["from"]["revision"], span["until"]["revision"])
}

async fn lines(caller: &Caller, question: Value) -> BTreeSet<String> {
    spans(caller, &question, 100).await.iter().map(line).collect()
}

fn all<const N: usize>(lines: [String; N]) -> BTreeSet<String> {
    lines.into()
}

#[tokio::test]
async fn each_span_has_the_commit_that_began_it_and_the_one_that_ended_it() {
    let World { server, bea, zone, at: [joined, lost, back, left], .. } = world().await;
    let admin = server.admin();
    let question = json!({ "action": "DNS Write", "resource": zone });
    let first = format!("{} ", server.user.email.as_str());
    let told: BTreeSet<String> =
        lines(&admin, question.clone()).await.into_iter().filter(|line| !line.starts_with(&first)).collect();
    let expected = all([
        format!("bea@example.com {joined} {lost}"),
        format!("bea@example.com {back} {left}"),
        format!("cem@example.com {joined} {lost}"),
        format!("cem@example.com {back} null"),
    ]);
    assert_eq!(told, expected);
    // One by one they are the same, in the same order.
    let whole = spans(&admin, &question, 100).await;
    assert_eq!(spans(&admin, &question, 1).await, whole);
    let ended = whole.iter().find(|span| span["until"]["revision"] == left).expect("a span that Bea's leaving ended");
    assert_eq!(ended["subject"]["id"], bea.id.to_string());
    assert_eq!(ended["from"]["by"]["email"], server.user.email.as_str());
    assert!(ended["from"]["at"].is_string() && ended["until"]["at"].is_string());
}

#[tokio::test]
async fn a_date_leaves_those_who_could_then_and_agrees_with_the_decision_of_then() {
    let World { server, zone, .. } = world().await;
    let admin = server.admin();
    let newest = revision(&server).await;
    let snapshot = server.runtime.account(server.account).await.expect("readable").expect("the account");
    let members: Vec<String> = snapshot.state.members().map(|member| member.id.to_string()).collect();
    let (mut could, mut could_not) = (0, 0);
    for at in 1..=newest {
        let question = json!({ "action": "DNS Write", "resource": zone, "at": at });
        let told = spans(&admin, &question, 100).await;
        let told: BTreeSet<&str> = told.iter().filter_map(|span| span["subject"]["id"].as_str()).collect();
        for member in &members {
            let subject = json!({ "member": member });
            let question = json!({ "subject": subject, "action": "DNS Write", "resource": zone, "at": at });
            let decided = admin.post(AUTHORIZE, question).await.result()["allowed"] == true;
            assert_eq!(told.contains(&**member), decided, "{member} at {at}");
            if decided { could += 1 } else { could_not += 1 }
        }
    }
    assert!(could > 10 && could_not > 10, "{could} and {could_not}");
}

#[tokio::test]
async fn a_subject_of_any_kind_has_its_own_history() {
    let World { server, bea, zone, group, at: [joined, lost, back, left], .. } = world().await;
    let admin = server.admin();
    let of = async |subject: Value| {
        lines(&admin, json!({ "subject": subject, "action": "DNS Write", "resource": zone })).await
    };
    let expected = |id: &str| all([format!("{id} {joined} {lost}"), format!("{id} {back} {left}")]);
    assert_eq!(of(json!({ "member": bea.id.to_string() })).await, expected(&bea.id.to_string()));
    assert_eq!(of(json!({ "user": "bea@example.com" })).await, expected("bea@example.com"));
    assert_eq!(of(json!({ "user": bea.user.to_string() })).await, expected(&bea.user.to_string()));
    let made = joined - 1;
    assert_eq!(
        of(json!({ "user_group": group })).await,
        all([format!("{group} {made} {lost}"), format!("{group} {back} null")])
    );
    assert_eq!(of(json!({ "user": "nobody@example.com" })).await, all([]));
    // Whoever is removed and comes back is one user, and two members.
    admin.delete(&format!("{MEMBERS}/{}", bea.id)).await.result();
    assert_eq!(of(json!({ "user": "bea@example.com" })).await, expected("bea@example.com"));
    assert_eq!(of(json!({ "member": bea.id.to_string() })).await, expected(&bea.id.to_string()));
}

#[tokio::test]
async fn a_token_can_while_it_is_active_and_at_a_date_in_its_time() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("a.example.com").await);
    let expires = server.runtime.clock.now();
    let grants = [allow(&["DNS Write"], &[&zone])];
    let token = server.token(Owner::Account, &grants).await;
    let expired = server.token_that(Owner::Account, &grants, |token| token.expires_on = Some(expires)).await;
    let at = revision(&server).await;
    let question = json!({ "action": "DNS Write", "resource": zone });
    let ids = async |question: Value| -> BTreeSet<String> {
        let told = spans(&server.admin(), &question, 100).await;
        let tokens = told.iter().filter(|span| span["subject"]["type"] == "token");
        tokens.filter_map(|span| span["subject"]["id"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(ids(question.clone()).await, all([token.id.to_string(), expired.id.to_string()]));
    let mut then = question;
    then["at"] = json!(at);
    assert_eq!(ids(then).await, all([token.id.to_string()]));
}

#[tokio::test]
async fn the_log_is_followed_up_to_the_revision_of_the_first_page() {
    let World { server, zone, at: [_, lost, back, _], .. } = world().await;
    let admin = server.admin();
    let question = json!({ "action": "DNS Write", "resource": zone, "revision": lost });
    let answer = admin.post(HISTORY, question.clone()).await;
    assert_eq!(answer.header("portcullis-revision"), Some(lost.to_string().as_str()));
    assert!(
        answer.result().as_array().expect("a list").iter().all(|span| span["from"]["revision"].as_u64() <= Some(lost))
    );
    let mut later = question;
    later["at"] = json!(back);
    let message = refused(&server, &format!("POST {HISTORY}"), later).await;
    assert_eq!(
        message,
        format!(
            "400 1001 [/at] at must not be later than revision {lost}, up to which the log is followed; it is revision {back}"
        )
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_by_its_field() {
    let World { server, zone, .. } = world().await;
    let question = |rest: Value| {
        let mut question = json!({ "action": "DNS Write", "resource": zone });
        question.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        question
    };
    let mut rows = Vec::new();
    for rest in [
        json!({ "action": "Fly" }),
        json!({ "action": null }),
        json!({ "resource": "zone" }),
        json!({ "subject": { "robot": UNKNOWN } }),
        json!({ "at": 99 }),
        json!({ "at": "soon" }),
        json!({ "revision": 99 }),
        json!({ "revision": 0 }),
        json!({ "revision": "7" }),
    ] {
        rows.push(refused(&server, &format!("POST {HISTORY}"), question(rest)).await);
    }
    rows.push(refused(&server, &format!("POST {HISTORY}?page=0"), question(json!({}))).await);
    assert_snapshot!(rows.join("\n"), @r"
    400 1001 [/action] action `Fly` is not known; give the name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`
    400 1001 [/action] action must be present
    400 1001 [/resource] `zone` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`
    400 1001 [/subject] subject must have one of `user`, `member`, `token` and `user_group`
    400 1001 [/at] account `<id>` has the revisions 1 to 10, not 99
    400 1001 [/at] at must be a revision, such as `7`, or an RFC 3339 time, such as `2026-11-21T08:00:00Z`, not `soon`
    400 1001 [/revision] account `<id>` has the revisions 1 to 10, not 99
    400 1001 [/revision] account `<id>` has the revisions 1 to 10, not 0
    400 1001 [/revision] revision must be a whole number, such as `7`
    400 1001 [?page] page must be an integer of at least 1, not `0`
    ");
}

#[tokio::test]
async fn ones_own_history_is_told_to_oneself_and_others_to_those_who_may_read_the_account() {
    let World { server, bea, cem, zone, .. } = world().await;
    let of = |member: &TestMember| json!({ "subject": { "member": member.id.to_string() }, "action": "DNS Write", "resource": zone });
    assert_eq!(bea.post(HISTORY, of(&bea)).await.result().as_array().map(Vec::len), Some(2));
    assert_eq!(told(&bea.post(HISTORY, of(&cem)).await), "403 10000 Forbidden");
    assert_eq!(
        told(&bea.post(HISTORY, json!({ "action": "DNS Write", "resource": zone })).await),
        "403 10000 Forbidden"
    );
    assert_eq!(server.admin().post(HISTORY, of(&cem)).await.status, 200);
}
