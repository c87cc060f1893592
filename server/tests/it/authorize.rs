//! May this one do that, on this? (D88)

use std::time::Duration;

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use model::tokens::{Network, TokenStatus};
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestMember, TestServer, allow, deny};

use crate::support::{
    AUTHORIZE, MEMBERS, UNKNOWN, account_key, another_account, refused, resource_group, token_of, told, zone_key,
};

/// A server with two zones; Bea edits the DNS of the first and is denied it on the second.
struct World {
    server: TestServer,
    bea: TestMember,
    zones: [String; 2],
    policies: [String; 2],
}

async fn world() -> World {
    let server = TestServer::start().await;
    let zones = [zone_key(server.zone("a.example.com").await), zone_key(server.zone("b.example.com").await)];
    let first = resource_group(&server, "first", &[&zones[0], &zones[1]]).await;
    let second = resource_group(&server, "second", &[&zones[1]]).await;
    let policies = vec![
        server.policy(Effect::Allow, &["domain_dns"], &[&first]),
        server.policy(Effect::Deny, &["domain_dns"], &[&second]),
    ];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    let shown = server.admin().get(&format!("{MEMBERS}/{}", bea.id)).await;
    let id = |index: usize| shown.result()["policies"][index]["id"].as_str().expect("an id").to_owned();
    World { policies: [id(0), id(1)], server, bea, zones }
}

async fn decided(caller: &Caller, question: Value) -> Value {
    caller.post(AUTHORIZE, question).await.result().clone()
}

fn decision(allowed: bool, reason: &str, policies: &[&String]) -> Value {
    json!({ "allowed": allowed, "reason": reason, "policy_ids": policies })
}

#[tokio::test]
async fn a_decision_has_its_reason_and_the_policies_that_made_it() {
    let World { server, bea, zones: [a, b], policies: [grant, denial] } = world().await;
    assert_eq!(
        decided(&bea, json!({ "action": "DNS Write", "resource": a })).await,
        decision(true, "allow", &[&grant])
    );
    assert_eq!(
        decided(&bea, json!({ "action": "DNS Write", "resource": b })).await,
        decision(false, "explicit_deny", &[&denial])
    );
    let nothing = decision(false, "implicit_deny", &[]);
    assert_eq!(decided(&bea, json!({ "action": "Zone Write", "resource": a })).await, nothing);
    assert_eq!(decided(&bea, json!({ "action": "Account Settings Read" })).await, nothing);
    assert_eq!(
        decided(&bea, json!({ "action": "Account Settings Read", "resource": account_key(&server) })).await,
        nothing
    );
}

#[tokio::test]
async fn an_action_may_be_named_in_four_ways() {
    let World { server: _server, bea, zones: [a, _], .. } = world().await;
    for action in
        ["DNS Write", "4755a26eedb94da69e1066d98aa820be", "zones-0-get", "GET /zones/{zone_id}", "get /zones/{zone_id}"]
    {
        assert_eq!(decided(&bea, json!({ "action": action, "resource": a })).await["allowed"], true, "{action}");
    }
    assert_eq!(decided(&bea, json!({ "action": "zones-0-delete", "resource": a })).await["allowed"], false);
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_refused_with_its_place() {
    let World { server, zones: [a, _], .. } = world().await;
    let questions = [
        json!({}),
        json!({ "action": "Fly" }),
        json!({ "action": 1, "resource": "moon", "subject": {} }),
        json!({ "action": "DNS Write", "resource": a, "subject": { "type": "ghost", "id": "x" } }),
        json!({ "action": "DNS Write", "subject": { "type": "member" } }),
        json!({ "action": "DNS Write", "subject": { "member": 7 } }),
        json!({ "action": "DNS Write", "subject": "bea" }),
        json!({ "action": "DNS Write", "credential": "x", "subject": { "member": UNKNOWN } }),
        json!({ "action": "DNS Write", "credential": "short" }),
    ];
    let mut lines = Vec::new();
    for question in questions {
        lines.push(refused(&server, &format!("POST {AUTHORIZE}"), question).await);
    }
    assert_snapshot!(lines.join("\n"), @r"
    400 1001 [/action] action must be present
    400 1001 [/action] action `Fly` is not known; give the name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`
    400 1001 [/subject] subject must have one of `user`, `member`, `token` and `user_group`
    400 1001 [/action] action must be a string, not a number
    400 1001 [/resource] `moon` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`
    400 1001 [/subject/type] `ghost` must be one of `user`, `member`, `token`, `user_group`
    400 1001 [/subject/id] id must be present
    400 1001 [/subject/member] member must be a string, not a number
    400 1001 [/subject] subject must be an object, not a string
    400 1001 [/subject] give either `credential` or `subject`, not both
    400 1001 [/credential] credential must be an API token
    ");
}

#[tokio::test]
async fn a_subject_may_be_a_member_a_user_an_address_or_a_token() {
    let World { server, bea, zones: [a, _], policies: [grant, _] } = world().await;
    let admin = server.admin();
    let (member, user) = (bea.id.to_string(), bea.user.to_string());
    let subjects = [
        json!({ "member": member }),
        json!({ "user": user }),
        json!({ "user": "BEA@example.com" }),
        json!({ "type": "member", "id": member }),
        json!({ "type": "User", "id": user }),
    ];
    for subject in subjects {
        let question = json!({ "action": "DNS Write", "resource": a, "subject": subject });
        assert_eq!(decided(&admin, question).await, decision(true, "allow", &[&grant]), "{subject}");
    }
    let token = server.token(Owner::Account, &[allow(&["DNS Write"], &[&a])]).await;
    for subject in [json!({ "token": token.id.to_string() }), json!({ "type": "token", "id": token.id.to_string() })] {
        let question = json!({ "action": "DNS Write", "resource": a, "subject": subject });
        assert_eq!(decided(&admin, question).await["reason"], "allow");
    }
}

#[tokio::test]
async fn whoever_and_whatever_is_not_there_may_nothing() {
    let World { server, zones: [a, _], .. } = world().await;
    let admin = server.admin();
    let nothing = decision(false, "implicit_deny", &[]);
    for subject in [
        json!({ "member": UNKNOWN }),
        json!({ "user": UNKNOWN }),
        json!({ "user": "nobody@example.com" }),
        json!({ "token": UNKNOWN }),
        json!({ "member": "x" }),
    ] {
        let question = json!({ "action": "DNS Write", "resource": a, "subject": subject });
        assert_eq!(decided(&admin, question).await, nothing, "{subject}");
    }
    assert_eq!(decided(&admin, json!({ "action": "DNS Write", "resource": zone_key(UNKNOWN) })).await, nothing);
    let foreign = format!("com.cloudflare.api.account.{UNKNOWN}");
    assert_eq!(decided(&admin, json!({ "action": "Account Settings Read", "resource": foreign })).await, nothing);
    let (_, pending) = server.user("pending@example.com").await;
    let invited = admin
        .post(MEMBERS, json!({ "email": "pending@example.com", "roles": [crate::support::role(&server, "DNS")] }))
        .await
        .id();
    assert_eq!(
        decided(&admin, json!({ "action": "DNS Write", "resource": a, "subject": { "member": invited } })).await,
        nothing
    );
    assert_eq!(told(&pending.post(AUTHORIZE, json!({ "action": "DNS Write" })).await), "403 10000 Forbidden");
}

#[tokio::test]
async fn about_others_asks_only_who_may_read_the_settings_of_the_account() {
    let World { server, bea, zones: [a, _], .. } = world().await;
    let about = |subject: Value| json!({ "action": "DNS Write", "resource": a, "subject": subject });
    let others = about(json!({ "member": server.member.to_string() }));
    assert_eq!(told(&bea.post(AUTHORIZE, others.clone()).await), "403 10000 Forbidden");
    let unknown = about(json!({ "member": UNKNOWN }));
    assert_eq!(told(&bea.post(AUTHORIZE, unknown).await), "403 10000 Forbidden", "nor who is there");
    assert_eq!(decided(&bea, about(json!({ "member": bea.id.to_string() }))).await["allowed"], true);
    assert_eq!(decided(&bea, about(json!({ "user": "bea@example.com" }))).await["allowed"], true);
    let reader = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    assert_eq!(decided(&reader, others).await["allowed"], true);
    assert_eq!(decided(&reader, about(json!({ "token": reader.id.to_string() }))).await["allowed"], false, "of itself");
}

#[tokio::test]
async fn a_credential_may_be_shown_in_place_of_a_subject() {
    let World { server, bea, zones: [a, b], .. } = world().await;
    let own = server.token(Owner::User(bea.user), &[allow(&["DNS Write", "Zone Write"], &[&a, &b])]).await;
    let ask = async |action: &str, resource: &str| {
        let question = json!({ "action": action, "resource": resource, "credential": own.secret });
        decided(&bea, question).await["reason"].clone()
    };
    assert_eq!(ask("DNS Write", &a).await, "allow");
    assert_eq!(ask("DNS Write", &b).await, "explicit_deny", "its owner is denied it");
    assert_eq!(ask("Zone Write", &a).await, "implicit_deny", "its owner has it not");
    let unknown = runtime::secrets::PlainSecret::generate(runtime::secrets::SecretKind::UserToken);
    let question = json!({ "action": "DNS Write", "resource": a, "credential": unknown.reveal() });
    assert_eq!(decided(&bea, question).await, decision(false, "implicit_deny", &[]));
}

#[tokio::test]
async fn a_token_that_cannot_be_used_now_or_from_here_is_a_condition_that_is_not_met() {
    let World { server, zones: [a, _], .. } = world().await;
    let now = server.runtime.environment().now;
    let grants = [allow(&["DNS Write"], &[&a])];
    let disabled = server.token_that(Owner::Account, &grants, |token| token.status = TokenStatus::Disabled).await;
    let expiring =
        server.token_that(Owner::Account, &grants, |token| token.expires_on = Some(now.plus_seconds(60))).await;
    let early = server.token_that(Owner::Account, &grants, |token| token.not_before = Some(now.plus_seconds(60))).await;
    let elsewhere = server
        .token_that(Owner::Account, &grants, |token| {
            token.condition.within = Box::new([Network("192.0.2.0/24".into())])
        })
        .await;
    let admin = server.admin();
    let reason = async |token: &testkit::TestToken| {
        let by_id = decided(
            &admin,
            json!({ "action": "DNS Write", "resource": a, "subject": { "token": token.id.to_string() } }),
        )
        .await;
        let by_secret =
            decided(&admin, json!({ "action": "DNS Write", "resource": a, "credential": token.secret })).await;
        assert_eq!(by_id, by_secret);
        by_id["reason"].as_str().map(str::to_owned)
    };
    for token in [&disabled, &early, &elsewhere] {
        assert_eq!(reason(token).await.as_deref(), Some("condition"));
    }
    assert_eq!(reason(&expiring).await.as_deref(), Some("allow"));
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(reason(&expiring).await.as_deref(), Some("condition"));
    assert_eq!(reason(&early).await.as_deref(), Some("allow"));
}

#[tokio::test]
async fn a_denial_in_a_token_beats_its_own_grants() {
    let World { server, zones: [a, b], .. } = world().await;
    let key = account_key(&server);
    let token = server.token(Owner::Account, &[allow(&["DNS Write"], &[&key]), deny(&["DNS Read"], &[&b])]).await;
    assert_eq!(decided(&token, json!({ "action": "DNS Write", "resource": a })).await["reason"], "allow");
    assert_eq!(
        decided(&token, json!({ "action": "DNS Write", "resource": b })).await["reason"],
        "explicit_deny",
        "no write without read"
    );
}

#[tokio::test]
async fn nobody_asks_in_an_account_that_is_not_its_own() {
    let World { server, bea, .. } = world().await;
    let (stranger, caller) = server.user("stranger@example.com").await;
    let other = another_account(&server, &stranger).await;
    let question = json!({ "action": "DNS Write" });
    assert_eq!(told(&caller.post(AUTHORIZE, question.clone()).await), "403 10000 Forbidden");
    assert_eq!(told(&bea.caller.clone().about(other).post(AUTHORIZE, question.clone()).await), "403 10000 Forbidden");
    let token = token_of(&server, other, &["Account Settings Read"]).await;
    assert_eq!(told(&token.post(AUTHORIZE, question).await), "403 10000 Forbidden");
}

#[tokio::test]
async fn the_decision_agrees_with_the_doors() {
    let World { server, bea, zones: [a, b], .. } = world().await;
    for zone in [&a, &b] {
        let id = zone.rsplit('.').next().expect("an id");
        let may = decided(&bea, json!({ "action": "zones-0-get", "resource": zone })).await["allowed"] == true;
        assert_eq!(bea.get(&format!("/zones/{id}")).await.status == 200, may, "{zone}");
    }
    for action in ["account-members-list-members", "account-user-group-create", "get-all-sso-connectors"] {
        assert_eq!(decided(&server.admin(), json!({ "action": action })).await["allowed"], true);
        assert_eq!(decided(&bea, json!({ "action": action })).await["allowed"], false);
    }
}
