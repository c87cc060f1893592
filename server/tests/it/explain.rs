//! Why, and why not, and what would change it.

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestMember, TestServer, allow, deny};

use crate::support::{
    AUTHORIZE, MEMBERS, UNKNOWN, account_key, group, policy, refused, resource_group, revision, role, told, zone_key,
};

const EXPLAIN: &str = "/accounts/{account}/iam/explain";

/// Bea has DNS on both zones by the group "dns", which denies it on the second; and the role Billing.
struct World {
    server: TestServer,
    bea: TestMember,
    zones: [String; 2],
    group: String,
    second: String,
}

async fn world() -> World {
    let server = TestServer::start().await;
    let zones = [zone_key(server.zone("a.example.com").await), zone_key(server.zone("b.example.com").await)];
    let both = resource_group(&server, "both", &[&zones[0], &zones[1]]).await;
    let second = resource_group(&server, "second", &[&zones[1]]).await;
    let whole = server.whole_account().await;
    let own = vec![server.policy(Effect::Allow, &["billing"], &[&whole])];
    let bea = server.member("bea@example.com", Grants::Policies(own)).await;
    let policies = [
        policy(&server, "allow", &["domain_page_shield", "domain_dns"], &[&second, &both]),
        policy(&server, "deny", &["domain_dns"], &[&second]),
    ];
    let group = group(&server, "dns", &policies).await;
    let members = format!("/accounts/{{account}}/iam/user_groups/{group}/members");
    server.admin().post(&members, json!([{ "id": bea.id.to_string() }])).await.result();
    World { server, bea, zones, group, second }
}

async fn explained(caller: &Caller, question: Value) -> Value {
    let answer = caller.post(EXPLAIN, question.clone()).await;
    let explained = answer.result().clone();
    // It is the answer of `authorize`, whose words for what is not there are fewer.
    if question.get("at").is_none() && question.get("context").is_none() {
        let decided = caller.post(AUTHORIZE, question).await.result().clone();
        assert_eq!(decided["allowed"], explained["allowed"]);
        let effect = if explained["allowed"] == true { "allow" } else { "deny" };
        let chain = explained["chain"].as_array().expect("a chain");
        let named: Vec<&Value> =
            chain.iter().filter(|one| one["effect"] == effect).map(|one| &one["policy_id"]).collect();
        if explained["by_membership"] == false {
            assert_eq!(decided["policy_ids"], json!(named));
        }
    }
    explained
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect()
}

#[tokio::test]
async fn an_allow_names_each_policy_and_which_of_its_parts_matter() {
    let World { server, bea, zones: [a, _], group, .. } = world().await;
    let told = explained(&bea, json!({ "action": "DNS Write", "resource": a })).await;
    assert_eq!((&told["allowed"], &told["reason"], &told["remedies"]), (&json!(true), &json!("allow"), &json!([])));
    assert_eq!(names(&told["permissions"]), ["DNS Write"]);
    let [link] = told["chain"].as_array().expect("a chain").as_slice() else { panic!("{told}") };
    assert_eq!(link["origin"], json!({ "type": "group", "id": group, "name": "dns" }));
    assert_eq!(link["permission_groups"][0]["label"], "domain_dns");
    assert_eq!(link["permission_groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(names(&link["resource_groups"]), ["both"]);
    assert_eq!(names(&link["permissions"]), ["DNS Write"]);
    let joined = revision(&server).await;
    assert_eq!((&link["granted"]["revision"], &link["joined"]["revision"]), (&json!(joined - 1), &json!(joined)));
    assert_eq!(link["granted"]["by"]["email"], server.user.email.as_str());
    assert!(link["granted"]["at"].is_string());

    let told = explained(&bea, json!({ "action": "Billing Read" })).await;
    let origin = &told["chain"][0]["origin"];
    assert_eq!(*origin, json!({ "type": "role", "id": role(&server, "Billing"), "name": "Billing" }));
}

#[tokio::test]
async fn a_deny_names_what_denies_and_what_would_have_allowed_and_is_lifted() {
    let World { server, bea, zones: [_, b], group, .. } = world().await;
    let told = explained(&bea, json!({ "action": "DNS Write", "resource": b })).await;
    assert_eq!(told["reason"], "explicit_deny");
    let chain: Vec<_> = told["chain"]
        .as_array()
        .expect("a chain")
        .iter()
        .map(|one| (&one["effect"], names(&one["resource_groups"])))
        .collect();
    assert_eq!(chain, [(&json!("allow"), vec!["second", "both"]), (&json!("deny"), vec!["second"])]);
    let [remedy] = told["remedies"].as_array().expect("remedies").as_slice() else { panic!("{told}") };
    assert_eq!((&remedy["size"], &remedy["grants"], &remedy["requires"]), (&json!(1), &json!([]), &json!([])));
    assert_eq!(remedy["lifts"][0]["policy_id"], told["chain"][1]["policy_id"]);
    assert_eq!(remedy["lifts"][0]["origin"]["id"], json!(group));
    // Without that policy it is allowed.
    let path = format!("/accounts/{{account}}/iam/user_groups/{group}");
    let mut policies = server.admin().get(&path).await.result()["policies"].as_array().expect("policies").clone();
    policies.retain(|policy| policy["id"] != remedy["lifts"][0]["policy_id"]);
    server.admin().put(&path, json!({ "policies": policies })).await.result();
    assert_eq!(explained(&bea, json!({ "action": "DNS Write", "resource": b })).await["allowed"], true);
}

#[tokio::test]
async fn what_is_not_granted_has_grants_for_remedies_the_least_first_and_each_works() {
    let World { server, bea, zones: [a, _], .. } = world().await;
    let question = json!({ "action": "Zone Settings Write", "resource": a });
    let told = explained(&bea, question.clone()).await;
    assert_eq!((&told["reason"], &told["chain"]), (&json!("implicit_deny"), &json!([])));
    let remedies = told["remedies"].as_array().expect("remedies");
    let labels: Vec<&str> =
        remedies.iter().filter_map(|one| one["grants"][0]["permission_group"]["label"].as_str()).collect();
    assert_eq!(labels.len(), remedies.len());
    assert_eq!(labels.last(), Some(&"all_privileges"));
    let sizes: Vec<usize> =
        remedies.iter().map(|one| one["grants"][0]["permissions"].as_array().expect("permissions").len()).collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
    let domain = remedies.iter().find(|one| one["grants"][0]["permission_group"]["label"] == "domain_admin");
    let grant = &domain.expect("Domain Administrator")["grants"][0];
    assert_eq!(grant["to"], json!({ "type": "member", "id": bea.id.to_string(), "name": "bea@example.com" }));
    assert_eq!(grant["resource"], json!(a));
    // Carried out, it is allowed.
    let path = format!("{MEMBERS}/{}", bea.id);
    let mut policies = server.admin().get(&path).await.result()["policies"].as_array().expect("policies").clone();
    let scope = json!({ "key": account_key(&server), "objects": [{ "key": grant["resource"] }] });
    policies.push(json!({
        "access": "allow",
        "permission_groups": [{ "id": grant["permission_group"]["id"] }],
        "resource_groups": [{ "scope": scope }],
    }));
    server.admin().put(&path, json!({ "policies": policies })).await.result();
    assert_eq!(explained(&bea, question).await["allowed"], true);
}

#[tokio::test]
async fn forbidden_and_not_granted_differ_and_may_be_both() {
    let World { server, zones: [_, b], second, .. } = world().await;
    let denied = vec![server.policy(Effect::Deny, &["domain_dns"], &[&second])];
    let cem = server.member("cem@example.com", Grants::Policies(denied)).await;
    let told = explained(&cem, json!({ "action": "DNS Write", "resource": b })).await;
    assert_eq!(told["reason"], "explicit_deny");
    let first = &told["remedies"][0];
    assert_eq!((&first["size"], &first["lifts"][0]["origin"]["type"]), (&json!(2), &json!("direct")));
    assert_eq!(first["grants"][0]["permission_group"]["label"], "domain_dns");
}

#[tokio::test]
async fn of_a_users_token_both_sides_are_told() {
    let World { server, bea, zones: [a, b], .. } = world().await;
    let grants = [allow(&["DNS Write", "Zone Read"], &[&a]), deny(&["DNS Read"], &[&b])];
    let token = server.token(Owner::User(bea.user), &grants).await;
    let told = explained(&token, json!({ "action": "DNS Write", "resource": a })).await;
    let origins: Vec<&Value> = told["chain"].as_array().expect("a chain").iter().map(|one| &one["origin"]).collect();
    assert_eq!(origins[0], &json!({ "type": "token", "id": token.id.to_string(), "name": "test token" }));
    assert_eq!((&origins[1]["type"], &origins[1]["name"]), (&json!("owner"), &json!("bea@example.com")));
    assert_eq!((&origins[1]["via"]["type"], &origins[1]["via"]["name"]), (&json!("group"), &json!("dns")));
    let own = &told["chain"][0];
    assert_eq!(own["resources"], json!([{ "key": a }]));
    assert_eq!(names(&own["permission_groups"]), ["DNS Write"]);
    assert!(own["granted"]["revision"].is_u64());
    // The owner may not, and neither may the token: each is to change.
    let told = explained(&token, json!({ "action": "DNS Write", "resource": b })).await;
    let first = &told["remedies"][0];
    let lifted: Vec<&Value> =
        first["lifts"].as_array().expect("lifts").iter().map(|lift| &lift["origin"]["type"]).collect();
    assert_eq!(lifted.len(), 2);
    assert!(lifted.contains(&&json!("token")) && lifted.contains(&&json!("owner")));
    assert_eq!(first["grants"][0]["to"]["type"], "token");
    assert_eq!(first["grants"][0]["permission_group"]["name"], "DNS Write");
    assert_eq!(first["grants"][0]["resource"], json!(b));
}

#[tokio::test]
async fn what_is_no_policy_is_told_as_a_requirement() {
    let World { server, bea, zones: [a, _], .. } = world().await;
    let admin = server.admin();
    admin.post(MEMBERS, json!({ "email": "dan@example.com", "roles": [role(&server, "Billing")] })).await.id();
    let limited = server
        .token_that(Owner::Account, &[allow(&["DNS Read"], &[&a])], |token| {
            token.condition.within = Box::new([model::tokens::Network("203.0.113.0/24".into())]);
        })
        .await;
    let gone = zone_key(UNKNOWN);
    let questions = [
        json!({ "subject": { "user": "dan@example.com" }, "action": "Billing Read" }),
        json!({ "subject": { "user": "eve@example.com" }, "action": "Billing Read" }),
        json!({ "subject": { "user": "eve@example.com" }, "action": "accounts-account-details" }),
        json!({ "subject": { "member": bea.id.to_string() }, "action": "DNS Read", "resource": gone }),
        json!({ "subject": { "token": limited.id.to_string() }, "action": "DNS Read", "resource": a }),
        json!({ "subject": { "token": UNKNOWN }, "action": "DNS Read", "resource": a }),
    ];
    let mut lines = Vec::new();
    for question in questions {
        let told = explained(&admin, question).await;
        let first = &told["remedies"][0];
        let requires = first["requires"].to_string().replace(&limited.id.to_string(), "<token>");
        let grants = first["grants"]
            .as_array()
            .map(|grants| grants.iter().map(|one| &one["permission_group"]["name"]).collect::<Vec<_>>());
        let requires = crate::support::without_ids(&requires);
        lines.push(format!("{} {requires} {}", told["reason"], json!(grants)));
    }
    assert_snapshot!(lines.join("\n"), @r#"
    "unknown_subject" [{"email":"dan@example.com","member_id":"<id>","type":"acceptance"}] []
    "unknown_subject" [{"type":"membership"}] ["Billing"]
    "unknown_subject" [{"type":"membership"}] []
    "unknown_resource" [{"key":"com.cloudflare.api.account.zone.<id>","type":"registration"}] ["Domain DNS"]
    "condition" [{"token_id":"<token>","type":"condition","unmet":["address"]}] []
    "unknown_subject" null null
    "#);
    let there = json!({
        "subject": { "token": limited.id.to_string() }, "action": "DNS Read", "resource": a, "context": { "ip": "203.0.113.9" },
    });
    assert_eq!(explained(&admin, there).await["allowed"], true);
}

#[tokio::test]
async fn membership_suffices_where_it_does() {
    let World { server, bea, .. } = world().await;
    let cem = server.member("cem@example.com", Grants::Policies(vec![])).await;
    let told = explained(&cem, json!({ "action": "accounts-account-details" })).await;
    assert_eq!((&told["allowed"], &told["by_membership"], &told["chain"]), (&json!(true), &json!(true), &json!([])));
    let told = explained(&bea, json!({ "action": "billing" })).await;
    assert_eq!((&told["allowed"], &told["by_membership"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn a_question_about_then_is_answered_as_of_then() {
    let World { server, bea, zones: [a, _], .. } = world().await;
    let joined = revision(&server).await;
    let ask = async |at: Value| explained(&bea, json!({ "action": "DNS Write", "resource": a, "at": at })).await;
    assert_eq!(ask(json!(joined)).await["allowed"], true);
    assert_eq!(ask(json!((joined - 1).to_string())).await["allowed"], false);
    let at = ask(json!(joined)).await["chain"][0]["joined"]["at"].clone();
    assert_eq!(ask(at).await["allowed"], true);
    let answer = bea.post(EXPLAIN, json!({ "action": "DNS Write", "at": joined - 1 })).await;
    assert_eq!(answer.header("portcullis-revision"), Some((joined - 1).to_string().as_str()));
    let bad = [json!(joined + 1), json!(0), json!("soon"), json!(1.5), json!("2001-01-01T00:00:00Z")];
    let mut lines = Vec::new();
    for at in bad {
        lines.push(refused(&server, &format!("POST {EXPLAIN}"), json!({ "action": "DNS Write", "at": at })).await);
    }
    let context = json!({ "ip": "here", "time": 7 });
    lines.push(refused(&server, &format!("POST {EXPLAIN}"), json!({ "action": "Fly", "context": context })).await);
    assert_snapshot!(lines.join("\n").replace(&server.account.to_string(), "<id>"), @r"
    400 1001 [/at] account `<id>` has the revisions 1 to 8, not 9
    400 1001 [/at] account `<id>` has the revisions 1 to 8, not 0
    400 1001 [/at] at must be a revision, such as `7`, or an RFC 3339 time, such as `2026-11-21T08:00:00Z`, not `soon`
    400 1001 [/at] at must be a revision, such as `7`, or an RFC 3339 time, such as `2026-11-21T08:00:00Z`
    400 1001 [/at] account `<id>` has the revisions 1 to 8, all of them later than 2001-01-01T00:00:00.000000Z
    400 1001 [/action] action `Fly` is not known; give the name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`
    400 1001 [/context/ip] `here` must be an IP address, such as `192.0.2.1`
    400 1001 [/context/time] time must be a string, not a number
    ");
}

#[tokio::test]
async fn others_are_explained_to_those_who_may_read_the_account() {
    let World { server, bea, .. } = world().await;
    let cem = server.member("cem@example.com", Grants::Policies(vec![])).await;
    let about_bea = json!({ "subject": { "member": bea.id.to_string() }, "action": "DNS Write" });
    assert_eq!(told(&cem.post(EXPLAIN, about_bea.clone()).await), "403 10000 Forbidden");
    assert_eq!(bea.post(EXPLAIN, about_bea.clone()).await.status, 200);
    assert_eq!(server.admin().post(EXPLAIN, about_bea).await.status, 200);
}
