//! `POST /access/v1/evaluations`: many questions in one request.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::TestServer;

use super::{EVALUATION, EVALUATIONS, World, answered, decision, question, told, with, world};

/// What came of each question: its decision, and the reason or the error.
fn outcomes(answer: &Value) -> Vec<String> {
    let items = answer["evaluations"].as_array().expect("evaluations");
    let outcome = |item: &Value| {
        let context = &item["context"];
        match context["error"]["message"].as_str() {
            Some(message) => format!("{} {} {message}", item["decision"], context["error"]["status"]),
            None => format!("{} {}", item["decision"], context["reason"].as_str().expect("a reason")),
        }
    };
    items.iter().map(outcome).collect()
}

/// A request about Bea on each zone and on one that is not there, in that order.
fn on_each_zone(world: &World, options: Value) -> Value {
    let items: Vec<Value> =
        world.zones.iter().map(|zone| json!({ "resource": { "type": "zone", "id": zone } })).collect();
    let subject = json!({ "type": "user", "id": "bea@example.com" });
    json!({ "subject": subject, "action": { "name": "DNS Write" }, "evaluations": items, "options": options })
}

#[tokio::test]
async fn every_question_is_answered_in_its_order() {
    let world = world().await;
    let [grant, denial] = &world.policies;
    let expected = json!({ "evaluations": [
        decision(true, "allow", &[grant]),
        decision(false, "explicit_deny", &[denial]),
        decision(false, "implicit_deny", &[]),
    ] });
    for options in [json!(null), json!({}), json!({ "evaluations_semantic": "execute_all", "another_option": "value" })]
    {
        let answer = world.server.admin().post(EVALUATIONS, on_each_zone(&world, options)).await;
        assert_eq!(answered(answer), expected);
    }
}

#[tokio::test]
async fn deny_on_first_deny_ends_with_the_first_denial() {
    let world = world().await;
    let options = json!({ "evaluations_semantic": "deny_on_first_deny" });
    let answer = answered(world.server.admin().post(EVALUATIONS, on_each_zone(&world, options)).await);
    assert_eq!(outcomes(&answer), ["true allow", "false explicit_deny"]);
}

#[tokio::test]
async fn permit_on_first_permit_ends_with_the_first_permission() {
    let mut world = world().await;
    let options = json!({ "evaluations_semantic": "permit_on_first_permit" });
    let answer = answered(world.server.admin().post(EVALUATIONS, on_each_zone(&world, options.clone())).await);
    assert_eq!(outcomes(&answer), ["true allow"]);
    world.zones.reverse();
    let answer = answered(world.server.admin().post(EVALUATIONS, on_each_zone(&world, options)).await);
    assert_eq!(outcomes(&answer), ["false implicit_deny", "false explicit_deny", "true allow"]);
}

#[tokio::test]
async fn a_question_without_an_answer_is_a_denial_and_ends_deny_on_first_deny() {
    let world = world().await;
    let mut body = on_each_zone(&world, json!({ "evaluations_semantic": "deny_on_first_deny" }));
    body["evaluations"][0]["action"] = json!({ "name": "Fly" });
    let answer = answered(world.server.admin().post(EVALUATIONS, body).await);
    assert_eq!(outcomes(&answer).len(), 1);
    assert_eq!(answer["evaluations"][0]["decision"], false);
    assert_eq!(answer["evaluations"][0]["context"]["error"]["status"], 400);
}

#[tokio::test]
async fn an_unknown_semantic_is_refused() {
    let world = world().await;
    for semantic in [json!("execute_some"), json!(1), json!("EXECUTE_ALL")] {
        let body = on_each_zone(&world, json!({ "evaluations_semantic": semantic }));
        assert_eq!(world.server.admin().post(EVALUATIONS, body).await.status, 400, "{semantic}");
    }
    let body = on_each_zone(&world, json!({ "evaluations_semantic": "execute_some" }));
    assert_snapshot!(told(&world.server.admin().post(EVALUATIONS, body).await), @"400 `/options/evaluations_semantic`: `execute_some` is not known; it is one of `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`");
    assert_snapshot!(told(&world.server.admin().post(EVALUATIONS, on_each_zone(&world, json!("all"))).await), @"400 `/options`: must be an object, not a string");
}

#[tokio::test]
async fn what_a_question_leaves_out_is_as_in_the_whole_and_what_it_has_goes_before() {
    let World { server, bea, zones: [a, b, _], .. } = world().await;
    let zone = |id: &str| json!({ "type": "zone", "id": id });
    let body = with(
        question(&bea, "DNS Write", &a),
        json!({ "evaluations": [
        {},
        { "resource": zone(&b) },
        { "action": { "name": "Zone Write" } },
        { "subject": { "type": "member", "id": server.member.to_string() }, "resource": zone(&b) },
        { "subject": null, "resource": zone(&a) },
    ] }),
    );
    let answer = answered(server.admin().post(EVALUATIONS, body).await);
    let expected = ["true allow", "false explicit_deny", "false implicit_deny", "true allow", "true allow"];
    assert_eq!(outcomes(&answer), expected);
}

#[tokio::test]
async fn a_default_replaces_a_whole_field_and_never_half_of_it() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let body = with(question(&bea, "DNS Write", &a), json!({ "evaluations": [{ "resource": { "id": a } }] }));
    let answer = answered(server.admin().post(EVALUATIONS, body).await);
    assert_eq!(outcomes(&answer), ["false 400 `/evaluations/0/resource/type`: must be present"]);
}

#[tokio::test]
async fn a_fault_of_one_question_is_told_in_its_place_and_the_others_are_answered() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let good = question(&bea, "DNS Write", &a);
    let body = json!({ "subject": { "type": "member", "id": 7 }, "evaluations": [
        good,
        with(good.clone(), json!({ "action": { "name": "Fly" } })),
        "nothing",
        null,
        with(good.clone(), json!({ "resource": { "type": "moon", "id": "x" } })),
        { "action": { "name": "DNS Read" } },
        { "subject": { "type": "user" }, "action": { "name": "DNS Read" } },
        with(good.clone(), json!({ "at": 1 })),
        with(good.clone(), json!({ "subject": { "type": "user", "id": "nobody@example.com" } })),
        good,
    ] });
    let answer = answered(server.admin().post(EVALUATIONS, body).await);
    assert_snapshot!(outcomes(&answer).join("\n"));
}

#[tokio::test]
async fn without_questions_the_body_is_one_itself() {
    let World { server, bea, zones: [a, ..], policies: [grant, _] } = world().await;
    for evaluations in [json!({}), json!({ "evaluations": null }), json!({ "evaluations": [] })] {
        let body = with(question(&bea, "DNS Write", &a), evaluations);
        let answer = answered(server.admin().post(EVALUATIONS, body).await);
        assert_eq!(answer, decision(true, "allow", &[&grant]));
    }
    let fault = with(question(&bea, "Fly", &a), json!({ "evaluations": [] }));
    assert_eq!(server.admin().post(EVALUATIONS, fault).await.status, 400);
    let number = with(question(&bea, "DNS Write", &a), json!({ "evaluations": 3 }));
    assert_snapshot!(told(&server.admin().post(EVALUATIONS, number).await), @"400 `/evaluations`: must be an array, not a number");
}

#[tokio::test]
async fn a_request_has_at_most_ten_thousand_questions_and_four_mebibytes() {
    let server = TestServer::start().await;
    let whole = json!({ "type": "account", "id": server.account.to_string() });
    let subject = json!({ "type": "member", "id": server.member.to_string() });
    let body = |count: usize| {
        let items = vec![json!({}); count];
        json!({ "subject": subject, "action": { "name": "DNS Read" }, "resource": whole, "evaluations": items })
    };
    let answer = answered(server.admin().post(EVALUATIONS, body(10_000)).await);
    assert_eq!(answer["evaluations"].as_array().map(Vec::len), Some(10_000));
    assert_snapshot!(told(&server.admin().post(EVALUATIONS, body(10_001)).await), @"400 `/evaluations`: must have at most 10000 questions, not 10001; ask in several requests");
    let long = with(body(1), json!({ "x": "x".repeat(4 << 20) }));
    assert_snapshot!(told(&server.admin().post(EVALUATIONS, long).await), @"413 the body must have at most 4 MiB; ask in several requests");
}

#[tokio::test]
async fn all_answers_are_of_one_revision() {
    let world = world().await;
    let answer = world.server.admin().post(EVALUATIONS, on_each_zone(&world, json!({}))).await;
    let revision = crate::support::revision(&world.server).await.to_string();
    assert_eq!(answer.header("portcullis-revision"), Some(revision.as_str()));
}

#[tokio::test]
async fn many_answers_are_those_of_as_many_single_ones() {
    let World { server, bea, zones, .. } = world().await;
    let admin = server.admin();
    let mut questions = Vec::new();
    for zone in zones.iter().map(String::as_str).chain(["0000", crate::support::UNKNOWN]) {
        for action in ["DNS Write", "DNS Read", "domain_dns", "zones-0-get", "Zone Write"] {
            questions.push(question(&bea, action, zone));
        }
    }
    let together = answered(admin.post(EVALUATIONS, json!({ "evaluations": questions })).await);
    for (index, question) in questions.iter().enumerate() {
        let alone = answered(admin.post(EVALUATION, question.clone()).await);
        assert_eq!(together["evaluations"][index], alone, "{question}");
    }
}
