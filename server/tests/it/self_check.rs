//! Live decisions, decided once more by the oracle.

use std::time::Duration;

use catalog::PermissionSet;
use engine::decide::{Decision, Reason};
use engine::oracle::Oracle;
use engine::permit::Need;
use engine::principal::Principal;
use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use prometheus_client::registry::Registry;
use serde_json::json;
use server::self_check::{Answer, Case, Outcome, Rate, Sample, SelfCheck, check};
use testkit::{Owner, TestMember, TestServer, allow};

use crate::support::{ACCOUNT, AUTHORIZE, MEMBERS, UNKNOWN, resource_group, without_ids, zone_key};

/// A server that checks every decision; Bea reads the DNS of a zone.
async fn world() -> (TestServer, TestMember, String) {
    let server = TestServer::builder().settings(|settings| settings.self_check = Rate::ALL).start().await;
    let zone = zone_key(server.zone("a.example.com").await);
    let group = resource_group(&server, "first", &[&zone]).await;
    let policies = vec![server.policy(Effect::Allow, &["domain_dns"], &[&group])];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    (server, bea, zone)
}

/// How many checks had that outcome.
pub fn count(metrics: &str, outcome: &str) -> u64 {
    let name = format!("portcullis_self_checks_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("the metric").parse().expect("a number")
}

/// The counts, once the queue has been worked off.
async fn counts(server: &TestServer, checks: u64) -> [u64; 3] {
    for _ in 0..500 {
        let text = server.anonymous().get("/metrics").await.text;
        let counts = ["agreed", "diverged", "skipped"].map(|outcome| count(&text, outcome));
        if counts.iter().sum::<u64>() >= checks {
            return counts;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{checks} decisions were not checked in time");
}

#[tokio::test]
async fn every_decision_is_checked_at_doors_and_where_others_ask() {
    let (server, bea, zone) = world().await;
    // The resource group was made through a door.
    let [before, ..] = counts(&server, 1).await;
    assert_eq!(before, 1);
    bea.post(AUTHORIZE, json!({ "action": "DNS Write", "resource": zone })).await.result();
    bea.post(AUTHORIZE, json!({ "action": "Billing Read" })).await.result();
    // By membership alone (D14), by nothing, by a token, by a token of a user.
    bea.get(ACCOUNT).await.result();
    assert_eq!(bea.get(MEMBERS).await.status, 403);
    let reading = |key: &str| [allow(&["Account Settings Read"], &[key])];
    let token = server.token(Owner::Account, &reading("com.cloudflare.api.account.{account}")).await;
    token.get(MEMBERS).await.result();
    let token = server.token(Owner::User(bea.user), &reading("com.cloudflare.api.account.*")).await;
    token.get(ACCOUNT).await.result();
    assert_eq!(token.get(MEMBERS).await.status, 403);
    // By AuthZEN: a permission on a resource, a call, and what is not there, which is no decision.
    for (action, kind, id) in [
        ("DNS Read", "zone", zone.as_str()),
        ("GET /zones/{zone_id}/dns_records", "zone", zone.as_str()),
        ("DNS Read", "zone", UNKNOWN),
    ] {
        let question = json!({
            "subject": { "type": "member", "id": bea.id.to_string() },
            "action": { "name": action },
            "resource": { "type": kind, "id": id },
        });
        let answer = server.admin().post("/accounts/{account}/access/v1/evaluation", question).await;
        assert_eq!(answer.body["decision"], id != UNKNOWN, "{}", answer.text);
    }
    assert_eq!(counts(&server, before + 9).await, [before + 9, 0, 0]);
}

/// A decision about Bea, who may read DNS, with whatever answer.
async fn sample(server: &TestServer, bea: &TestMember, zone: &str, answer: Answer) -> Sample {
    let named = server.runtime.engine.catalog().permissions_named("DNS Read");
    let accepts: PermissionSet = named.map(|permission| permission.index).collect();
    Sample {
        snapshot: server.runtime.account(server.account).await.unwrap().unwrap(),
        principal: Principal::User(bea.user),
        need: Need { accepts, any_member: false },
        resource: Some(zone.into()),
        answer,
    }
}

#[tokio::test]
async fn a_wrong_answer_is_noticed_counted_and_told_with_its_case() {
    let (server, bea, zone) = world().await;
    let catalog = server.runtime.engine.shared_catalog();
    let oracle = Oracle::new(catalog);
    let denied = Decision { allowed: false, reason: Reason::ImplicitDeny, policies: vec![] };
    let nobody_knows_why = Decision { allowed: true, reason: Reason::Allow, policies: vec![] };
    let mut told = Vec::new();
    let mut metrics = Registry::default();
    let self_check = SelfCheck::start(Rate::ALL, catalog, &mut metrics);
    for answer in [Answer::Permit(false), Answer::Decision(denied), Answer::Decision(nobody_knows_why)] {
        let sample = sample(&server, &bea, &zone, answer).await;
        let Outcome::Diverged(instead) = check(catalog, &oracle, &sample) else { panic!("it was not noticed") };
        told.push(without_ids(&Case { catalog, sample: &sample, instead: &instead }.to_string()));
        self_check.consider(|| sample);
    }
    assert_snapshot!(told.join("\n"), @r"
    user `<id>`, any of `DNS Read` (zone), on `com.cloudflare.api.account.zone.<id>` in account `<id>` at revision 4: the engine says no, the oracle yes
    user `<id>`, any of `DNS Read` (zone), on `com.cloudflare.api.account.zone.<id>` in account `<id>` at revision 4: the engine says implicit_deny, the oracle allow by `<id>`
    user `<id>`, any of `DNS Read` (zone), on `com.cloudflare.api.account.zone.<id>` in account `<id>` at revision 4: the engine says allow, the oracle allow by `<id>`
    ");
    let right = sample(&server, &bea, &zone, Answer::Permit(true)).await;
    assert_eq!(check(catalog, &oracle, &right), Outcome::Agreed);
    self_check.consider(|| right);
    let mut text = String::new();
    for _ in 0..500 {
        text.clear();
        prometheus_client::encoding::text::encode(&mut text, &metrics).unwrap();
        if count(&text, "agreed") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(["agreed", "diverged", "skipped"].map(|outcome| count(&text, outcome)), [1, 3, 0]);
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_dropped_and_counted() {
    let (server, bea, zone) = world().await;
    let mut metrics = Registry::default();
    let (self_check, samples) = SelfCheck::queue(Rate::ALL, 2, &mut metrics);
    for _ in 0..5 {
        let sample = sample(&server, &bea, &zone, Answer::Permit(true)).await;
        self_check.consider(|| sample);
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &metrics).unwrap();
    assert_eq!(count(&text, "skipped"), 3);
    assert_eq!(samples.unwrap().try_iter().count(), 2);
}

#[tokio::test]
async fn only_the_share_that_was_asked_for_is_checked() {
    let (server, bea, zone) = world().await;
    let sample = sample(&server, &bea, &zone, Answer::Permit(true)).await;
    let considered = |rate: Rate| {
        let (self_check, samples) = SelfCheck::queue(rate, 10_000, &mut Registry::default());
        for _ in 0..10_000 {
            self_check.consider(|| Sample {
                snapshot: sample.snapshot.clone(),
                principal: sample.principal.clone(),
                need: sample.need,
                resource: None,
                answer: sample.answer.clone(),
            });
        }
        samples.map_or(0, |samples| samples.try_iter().count())
    };
    assert_eq!(considered(Rate::NONE), 0);
    assert_eq!(considered(Rate::ALL), 10_000);
    let tenth = considered("0.1".parse().unwrap());
    // Ten standard deviations to either side.
    assert!((700..1300).contains(&tenth), "{tenth}");
    for text in ["", "-0.1", "1.1", "NaN", "1 %"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}
