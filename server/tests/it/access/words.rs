//! What may be said: subjects, actions, resources, circumstances, moments.

use std::time::Duration;

use insta::assert_snapshot;
use model::tokens::{Network, TokenStatus};
use serde_json::{Value, json};
use testkit::{Owner, TestToken, allow};

use super::{EVALUATION, World, ask, question, reason, told, with, world};
use crate::support::{UNKNOWN, account_key, group, policy, resource_group, zone_key};

#[tokio::test]
async fn a_subject_is_a_user_a_member_a_token_or_a_group_by_itself() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let admin = server.admin();
    let token = server.token(Owner::Account, &[allow(&["DNS Write"], &[&zone_key(&a)])]).await;
    let zone = resource_group(&server, "zone", &[&zone_key(&a)]).await;
    let staff = group(&server, "staff", &[policy(&server, "allow", &["domain_dns"], &[&zone])]).await;
    let subjects = [
        ("user", bea.user.to_string()),
        ("user", "bea@example.com".to_owned()),
        ("user", "BEA@Example.com".to_owned()),
        ("member", bea.id.to_string()),
        ("token", token.id.to_string()),
        ("user_group", staff),
    ];
    for (kind, id) in subjects {
        let asked = with(question(&bea, "DNS Write", &a), json!({ "subject": { "type": kind, "id": id } }));
        assert_eq!(reason(&admin, asked).await, "allow", "{kind} {id}");
        let other = with(question(&bea, "Zone Write", &a), json!({ "subject": { "type": kind, "id": id } }));
        assert_eq!(reason(&admin, other).await, "implicit_deny", "{kind} {id}");
    }
}

#[tokio::test]
async fn a_group_by_itself_has_what_it_gives_and_not_what_its_members_have_besides() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let empty = group(&server, "empty", &[]).await;
    let members = format!("/accounts/{{account}}/iam/user_groups/{empty}/members");
    server.admin().post(&members, json!([{ "id": bea.id.to_string() }])).await.result();
    let asked = with(question(&bea, "DNS Write", &a), json!({ "subject": { "type": "user_group", "id": empty } }));
    assert_eq!(reason(&server.admin(), asked).await, "implicit_deny");
}

#[tokio::test]
async fn whoever_is_not_there_is_denied_with_that_reason() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    for kind in ["user", "member", "token", "user_group"] {
        for id in [UNKNOWN, "x", "", "nobody@example.com"] {
            let asked = with(question(&bea, "DNS Write", &a), json!({ "subject": { "type": kind, "id": id } }));
            assert_eq!(reason(&server.admin(), asked).await, "unknown_subject", "{kind} `{id}`");
        }
    }
}

#[tokio::test]
async fn whatever_is_not_there_is_denied_with_that_reason() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let resources = [
        ("zone", UNKNOWN.to_owned()),
        ("zone", "x".to_owned()),
        ("zone", "*".to_owned()),
        ("zone", String::new()),
        ("zone", account_key(&server)),
        ("account", a.clone()),
        ("account", zone_key(&a)),
        ("account", UNKNOWN.to_owned()),
        ("r2_bucket", zone_key(&a)),
        ("worker", "w".to_owned()),
        ("user", bea.user.to_string()),
    ];
    for (kind, id) in resources {
        let asked = with(question(&bea, "DNS Write", &a), json!({ "resource": { "type": kind, "id": id } }));
        assert_eq!(reason(&server.admin(), asked.clone()).await, "unknown_resource", "{kind} `{id}`");
        let below = server.admin().post(&format!("/accounts/{{account}}{EVALUATION}"), asked).await;
        assert_eq!(below.body["context"]["reason"], "unknown_resource", "{kind} `{id}`");
    }
}

#[tokio::test]
async fn a_resource_has_a_short_type_or_its_key_and_an_id_or_its_key() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let key = zone_key(&a);
    for kind in ["zone", "com.cloudflare.api.account.zone"] {
        for id in [&a, &key] {
            let asked = with(question(&bea, "DNS Write", &a), json!({ "resource": { "type": kind, "id": id } }));
            assert_eq!(reason(&server.admin(), asked).await, "allow", "{kind} {id}");
        }
    }
    let admin = json!({ "type": "member", "id": server.member.to_string() });
    for id in [server.account.to_string(), account_key(&server)] {
        let resource = json!({ "type": "account", "id": id });
        let asked = json!({ "subject": admin, "action": { "name": "Account Settings Read" }, "resource": resource });
        assert_eq!(reason(&server.admin(), asked).await, "allow", "{id}");
    }
}

#[tokio::test]
async fn an_action_is_a_permission_an_operation_or_a_call() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let call = format!("GET /zones/{a}");
    for action in [
        "DNS Write",
        "4755a26eedb94da69e1066d98aa820be",
        "zones-0-get",
        "GET /zones/{zone_id}",
        "get /zones/{zone_id}",
        &call,
    ] {
        assert_eq!(reason(&server.admin(), question(&bea, action, &a)).await, "allow", "{action}");
    }
    assert_eq!(reason(&server.admin(), question(&bea, "zones-0-delete", &a)).await, "implicit_deny");
}

#[tokio::test]
async fn the_path_of_a_call_names_the_resource_where_the_question_does_not() {
    let World { server, bea: _bea, zones: [a, b, _], .. } = world().await;
    let admin = server.admin();
    let of = |subject: &str, action: &str| json!({ "subject": { "type": "user", "id": subject }, "action": { "name": action } });
    let dns = |zone: &str| format!("POST /zones/{zone}/dns_records");
    assert_eq!(reason(&admin, of("bea@example.com", &dns(&a))).await, "allow");
    assert_eq!(reason(&admin, of("bea@example.com", &dns(&b))).await, "explicit_deny");
    assert_eq!(reason(&admin, of("bea@example.com", &dns(UNKNOWN))).await, "unknown_resource");
    let members = format!("GET /accounts/{}/members", server.account);
    assert_eq!(reason(&admin, of("admin@example.com", &members)).await, "allow");
    assert_eq!(reason(&admin, of("bea@example.com", &members)).await, "implicit_deny");
    let foreign = format!("GET /accounts/{UNKNOWN}/members");
    assert_eq!(reason(&admin, of("admin@example.com", &foreign)).await, "unknown_resource");
    let below = format!("/accounts/{{account}}{EVALUATION}");
    let answer = admin.post(&below, of("admin@example.com", &foreign)).await;
    assert_eq!(answer.body["context"]["reason"], "unknown_resource");
    for action in ["POST /zones/{zone_id}/dns_records", "GET /zones", "GET /user", "zones-0-get", "DNS Write"] {
        assert_eq!(
            told(&admin.post(EVALUATION, of("bea@example.com", action)).await),
            "400 `/resource`: must be present"
        );
    }
}

#[tokio::test]
async fn a_bundle_is_allowed_where_everything_in_it_is() {
    let World { server, bea, zones: [a, b, _], policies: _ } = world().await;
    let admin = server.admin();
    let bundle = server.permission_group("domain_dns").to_string();
    let name = server.runtime.engine.catalog().iam_group_by_label("domain_dns").expect("a group").name.to_string();
    for action in ["domain_dns", &name, &bundle] {
        assert_eq!(reason(&admin, question(&bea, action, &a)).await, "allow", "{action}");
        assert_eq!(reason(&admin, question(&bea, action, &b)).await, "explicit_deny", "{action}");
    }
    let readonly = server.token(Owner::Account, &[allow(&["DNS Read"], &[&zone_key(&a)])]).await;
    let token = json!({ "subject": { "type": "token", "id": readonly.id.to_string() } });
    assert_eq!(reason(&admin, with(question(&bea, "DNS Read", &a), token.clone())).await, "allow");
    assert_eq!(
        reason(&admin, with(question(&bea, "domain_dns", &a), token)).await,
        "implicit_deny",
        "a part is not all"
    );
    // A bundle for zones says nothing of the account itself.
    let account = json!({ "resource": { "type": "account", "id": server.account.to_string() },
        "subject": { "type": "member", "id": server.member.to_string() } });
    assert_eq!(reason(&admin, with(question(&bea, "domain_dns", &a), account.clone())).await, "implicit_deny");
    assert_eq!(reason(&admin, with(question(&bea, "all_privileges", &a), account)).await, "allow");
    assert_eq!(reason(&admin, question(&bea, "all_privileges", &a)).await, "implicit_deny");
}

#[tokio::test]
async fn membership_suffices_where_it_suffices_at_the_door() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let account = json!({ "type": "account", "id": server.account.to_string() });
    let on_account = with(question(&bea, "accounts-account-details", &a), json!({ "resource": account }));
    assert_eq!(ask(&server.admin(), on_account).await, super::decision(true, "allow", &[]));
    assert_eq!(reason(&server.admin(), question(&bea, "accounts-account-details", &a)).await, "implicit_deny");
}

#[tokio::test]
async fn conditions_of_a_token_are_judged_by_the_context() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let admin = server.admin();
    let now = server.runtime.environment().now;
    let grants = [allow(&["DNS Write"], &[&zone_key(&a)])];
    let inside = server
        .token_that(Owner::Account, &grants, |token| {
            token.condition.within = Box::new([Network("192.0.2.0/24".into())])
        })
        .await;
    let later = server.token_that(Owner::Account, &grants, |token| token.not_before = Some(now.plus_seconds(60))).await;
    let off = server.token_that(Owner::Account, &grants, |token| token.status = TokenStatus::Disabled).await;
    let plain = server.token(Owner::Account, &grants).await;
    let reason = async |token: &TestToken, context: Value| {
        let subject = json!({ "type": "token", "id": token.id.to_string() });
        reason(&admin, with(question(&bea, "DNS Write", &a), json!({ "subject": subject, "context": context }))).await
    };
    assert_eq!(reason(&inside, json!({ "ip": "192.0.2.7" })).await, "allow");
    assert_eq!(reason(&inside, json!({ "ip": "::ffff:192.0.2.7" })).await, "allow");
    for context in
        [json!({}), json!({ "ip": "198.51.100.7" }), json!({ "ip": "home" }), json!({ "ip": 7 }), json!(null)]
    {
        assert_eq!(reason(&inside, context.clone()).await, "condition", "{context}");
        assert_eq!(reason(&plain, context.clone()).await, "allow", "{context}");
    }
    assert_eq!(reason(&later, json!({})).await, "condition");
    let time = now.plus_seconds(61).to_string();
    assert_eq!(reason(&later, json!({ "time": time })).await, "allow");
    for time in [json!("1985-10-26T01:22-07:00"), json!("tomorrow"), json!(1_767_323_999)] {
        assert_eq!(reason(&later, json!({ "time": time })).await, "condition", "{time}");
    }
    assert_eq!(reason(&plain, json!({ "time": "tomorrow" })).await, "allow");
    assert_eq!(reason(&off, json!({ "time": time, "ip": "192.0.2.7" })).await, "condition");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(reason(&later, json!({})).await, "allow");
}

#[tokio::test]
async fn a_token_that_asks_about_itself_is_where_it_calls_from() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let grants = [allow(&["DNS Write"], &[&zone_key(&a)])];
    let local = |token: &mut model::tokens::Token| token.condition.within = Box::new([Network("127.0.0.0/8".into())]);
    for owner in [Owner::Account, Owner::User(bea.user)] {
        let token = server.token_that(owner, &grants, local).await;
        let subject = json!({ "type": "token", "id": token.id.to_string() });
        let asked = with(question(&bea, "DNS Write", &a), json!({ "subject": subject }));
        assert_eq!(reason(&token, asked.clone()).await, "allow");
        let elsewhere = with(asked, json!({ "context": { "ip": "192.0.2.7" } }));
        assert_eq!(reason(&token, elsewhere).await, "condition");
    }
}

#[tokio::test]
async fn a_question_may_be_about_the_past() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let admin = server.admin();
    let revision = crate::support::revision(&server).await;
    let before = server.runtime.environment().now.to_string();
    server.clock.advance(Duration::from_secs(60));
    let nothing = json!({ "policies": [] });
    admin.put(&format!("/accounts/{{account}}/members/{}", bea.id), nothing).await.result();
    let asked = question(&bea, "DNS Write", &a);
    assert_eq!(reason(&admin, asked.clone()).await, "implicit_deny");
    for at in [json!(revision), json!(revision.to_string()), json!(before)] {
        let answer = admin.post(EVALUATION, with(asked.clone(), json!({ "at": at }))).await;
        assert_eq!(answer.body["context"]["reason"], "allow", "{at}");
        assert_eq!(answer.header("portcullis-revision"), Some(revision.to_string().as_str()));
        let many = with(asked.clone(), json!({ "at": at, "evaluations": [{}] }));
        let many = admin.post(super::EVALUATIONS, many).await;
        assert_eq!(many.body["evaluations"][0]["decision"], true, "{at}");
    }
    let mut lines = Vec::new();
    for at in [json!(0), json!(revision + 9), json!("yesterday"), json!(-1), json!({}), json!("1999-01-01T00:00:00Z")] {
        lines.push(told(&admin.post(EVALUATION, with(asked.clone(), json!({ "at": at }))).await));
    }
    assert_snapshot!(lines.join("\n"));
}
