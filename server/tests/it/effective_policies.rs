//! What reaches a member, a token and a user group, and what it comes to (D34).

use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Owner, TestMember, TestServer, allow, deny};

use crate::support::{
    AUTHORIZE, MEMBERS, UNKNOWN, account_key, group, policy, resource_group, revision, role, told, zone_key,
};

/// Bea has a role, a policy of her own and one of the group "dns", which denies her one of its zones.
struct World {
    server: TestServer,
    bea: TestMember,
    zones: [String; 2],
    group: String,
    /// The revisions at which Bea came, the group was made, and she joined it.
    revisions: [u64; 3],
}

async fn world() -> World {
    let server = TestServer::start().await;
    let zones = [zone_key(server.zone("a.example.com").await), zone_key(server.zone("b.example.com").await)];
    let both = resource_group(&server, "both", &[&zones[0], &zones[1]]).await;
    let second = resource_group(&server, "second", &[&zones[1]]).await;
    let whole = server.whole_account().await;
    let own = vec![
        server.policy(Effect::Allow, &["billing"], &[&whole]),
        server.policy(Effect::Allow, &["domain_page_shield"], &[&second]),
    ];
    let bea = server.member("bea@example.com", Grants::Policies(own)).await;
    let came = revision(&server).await;
    let policies =
        [policy(&server, "allow", &["domain_dns"], &[&both]), policy(&server, "deny", &["domain_dns"], &[&second])];
    let group = group(&server, "dns", &policies).await;
    let made = revision(&server).await;
    let members = format!("/accounts/{{account}}/iam/user_groups/{group}/members");
    server.admin().post(&members, json!([{ "id": bea.id.to_string() }])).await.result();
    let joined = revision(&server).await;
    World { server, bea, zones, group, revisions: [came, made, joined] }
}

impl World {
    async fn of_bea(&self, query: &str) -> Value {
        let path = format!("{MEMBERS}/{}/effective_policies{query}", self.bea.id);
        self.server.admin().get(&path).await.result().clone()
    }
}

#[tokio::test]
async fn every_policy_that_reaches_a_member_is_shown_with_where_it_comes_from_and_who_granted_it() {
    let world = world().await;
    let World { server, bea, group, revisions: [came, made, joined], .. } = &world;
    let shown = world.of_bea("").await;
    assert_eq!((&shown["in_effect"], &shown["policy_count"]), (&json!(true), &json!(4)));
    let policies = shown["policies"].as_array().expect("policies");
    let origins: Vec<(&Value, &Value)> = policies.iter().map(|one| (&one["access"], &one["origin"])).collect();
    let billing = json!({ "type": "role", "id": role(server, "Billing"), "name": "Billing" });
    let direct = json!({ "type": "direct", "id": bea.id.to_string(), "name": "bea@example.com" });
    let inherited = json!({ "type": "group", "id": group, "name": "dns" });
    let (allows, denies) = (json!("allow"), json!("deny"));
    assert_eq!(origins, [(&allows, &billing), (&allows, &direct), (&allows, &inherited), (&denies, &inherited)]);
    let revision_of = |one: &Value, what: &str| one[what]["revision"].as_u64();
    let granted: Vec<_> =
        policies.iter().map(|one| (revision_of(one, "granted"), revision_of(one, "joined"))).collect();
    assert_eq!(
        granted,
        [(Some(*came), None), (Some(*came), None), (Some(*made), Some(*joined)), (Some(*made), Some(*joined))]
    );
    assert_eq!(policies[2]["granted"]["by"]["email"], server.user.email.as_str());
    assert!(policies[2]["granted"]["at"].is_string());
    // Each is shown as its holder shows it.
    let of_group = server.admin().get(&format!("/accounts/{{account}}/iam/user_groups/{group}")).await;
    let own = &of_group.result()["policies"][0];
    for (name, value) in own.as_object().expect("a policy") {
        assert_eq!(&policies[2][name], value, "{name}");
    }
}

#[tokio::test]
async fn what_may_be_done_is_shown_by_resource_with_the_policies_that_allow_it() {
    let world = world().await;
    let World { server, bea, zones: [a, b], group, .. } = &world;
    let shown = world.of_bea("").await;
    let rows = shown["resources"].as_array().expect("rows");
    assert_eq!(shown["resource_count"], rows.len());
    let row = |key: &str| {
        let has = |row: &&Value| row["resources"].as_array().expect("resources").iter().any(|one| one["key"] == key);
        rows.iter().find(has).unwrap_or_else(|| panic!("no row of {key}: {rows:?}"))
    };
    let names = |row: &Value| -> Vec<String> {
        let permissions = row["permissions"].as_array().expect("permissions");
        permissions.iter().filter_map(|one| one["name"].as_str()).map(str::to_owned).collect()
    };
    assert!(names(row(&account_key(server))).contains(&"Billing Write".to_owned()));
    assert!(names(row(a)).contains(&"DNS Write".to_owned()));
    assert!(!names(row(b)).iter().any(|name| name.starts_with("DNS")));
    let of_a: Vec<(&Value, &Value)> = row(a)["policies"]
        .as_array()
        .expect("policies")
        .iter()
        .map(|one| (&one["effect"], &one["origin"]["type"]))
        .collect();
    assert!(of_a.contains(&(&json!("allow"), &json!("group"))));
    let denied = row(b)["policies"].as_array().expect("policies").iter().find(|one| one["effect"] == "deny");
    assert_eq!(denied.expect("the deny")["origin"]["id"], json!(group));
    // A type of which nothing is named, and the two zones that are.
    let zones = row("com.cloudflare.api.account.zone.*")["resources"].as_array().expect("resources");
    let all = zones.iter().find(|one| one["key"] == "com.cloudflare.api.account.zone.*").expect("zones");
    let mut named = [a.as_str(), b.as_str()];
    named.sort_unstable();
    assert_eq!(all["except"], json!(named));
    // It is what `authorize` answers, permission by permission.
    for key in [&account_key(server), a, b] {
        let held = names(row(key));
        for name in ["Billing Read", "Billing Write", "DNS Read", "DNS Write", "Zone Write", "Domain Page Shield"] {
            let question = json!({ "subject": { "member": bea.id.to_string() }, "action": name, "resource": key });
            let answer = server.admin().post(AUTHORIZE, question).await;
            assert_eq!(answer.result()["allowed"], held.iter().any(|held| held == name), "{name} on {key}");
        }
    }
}

#[tokio::test]
async fn pages_have_every_policy_and_every_row_once() {
    let world = world().await;
    let whole = world.of_bea("").await;
    let (mut policies, mut rows) = (Vec::new(), Vec::new());
    for page in 1.. {
        let path = format!("{MEMBERS}/{}/effective_policies?per_page=1&page={page}", world.bea.id);
        let answer = world.server.admin().get(&path).await;
        let info = &answer.body["result_info"];
        let longest = whole["policy_count"].as_u64().max(whole["resource_count"].as_u64());
        assert_eq!((info["total_count"].as_u64(), info["total_pages"].as_u64()), (longest, longest));
        let here = |name: &str| answer.result()[name].as_array().expect("a list").clone();
        if info["count"] == 0 {
            break;
        }
        policies.extend(here("policies"));
        rows.extend(here("resources"));
    }
    assert_eq!((json!(policies), json!(rows)), (whole["policies"].clone(), whole["resources"].clone()));
}

#[tokio::test]
async fn a_member_that_has_not_accepted_shows_what_it_would_have() {
    let server = TestServer::start().await;
    let new = json!({ "email": "cem@example.com", "roles": [role(&server, "Billing")] });
    let cem = server.admin().post(MEMBERS, new).await.id();
    let shown = server.admin().get(&format!("{MEMBERS}/{cem}/effective_policies")).await.result().clone();
    assert_eq!((&shown["in_effect"], &shown["policy_count"]), (&json!(false), &json!(1)));
    assert_eq!(shown["resources"], json!([]));
}

#[tokio::test]
async fn a_user_group_shows_its_own_policies_alone() {
    let world = world().await;
    let path = format!("/accounts/{{account}}/iam/user_groups/{}/effective_policies", world.group);
    let shown = world.server.admin().get(&path).await.result().clone();
    assert_eq!(shown["policy_count"], 2);
    let keys: Vec<&Value> = shown["resources"]
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(|row| row["resources"].as_array().expect("resources"))
        .map(|one| &one["key"])
        .collect();
    assert!(keys.contains(&&json!(world.zones[0])) && !keys.contains(&&json!(account_key(&world.server))));
}

#[tokio::test]
async fn a_token_shows_its_policies_as_tokens_have_them_and_may_look_itself() {
    let world = world().await;
    let server = &world.server;
    let [a, b] = &world.zones;
    let grants = [allow(&["DNS Write"], &[a, b]), deny(&["DNS Write"], &[b])];
    let token = server.token(Owner::Account, &grants).await;
    let path = format!("/accounts/{{account}}/tokens/{}/effective_policies", token.id);
    let shown = server.admin().get(&path).await.result().clone();
    assert_eq!((&shown["policy_count"], &shown["in_effect"]), (&json!(2), &json!(true)));
    let first = &shown["policies"][0];
    assert_eq!(first["effect"], "allow");
    assert_eq!(first["permission_groups"][0]["name"], "DNS Write");
    assert_eq!(first["resources"][a.as_str()], "*");
    assert_eq!(first["origin"]["id"], json!(token.id.to_string()));
    assert!(first["granted"]["revision"].is_u64());
    let names = |row: &Value| -> Vec<Value> {
        row["permissions"].as_array().expect("permissions").iter().map(|one| one["name"].clone()).collect()
    };
    let told: Vec<_> =
        shown["resources"].as_array().expect("rows").iter().map(|row| (row["resources"].clone(), names(row))).collect();
    let mut expected = [
        (json!([{ "key": a }]), vec![json!("DNS Read"), json!("DNS Write")]),
        (json!([{ "key": b }]), vec![json!("DNS Read")]),
    ];
    expected.sort_by_key(|(key, _)| key[0]["key"].to_string());
    assert_eq!(told, expected);
    assert_eq!(*token.caller.get(&path).await.result(), shown);
}

#[tokio::test]
async fn one_may_look_at_oneself_but_not_at_others() {
    let world = world().await;
    let path = format!("{MEMBERS}/{}/effective_policies", world.bea.id);
    assert_eq!(*world.bea.get(&path).await.result(), world.of_bea("").await);
    let other = world.server.member("cem@example.com", Grants::Policies(vec![])).await;
    assert_eq!(other.get(&path).await.status, 403);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    let mut lines = Vec::new();
    for what in ["members", "tokens", "iam/user_groups"] {
        let path = format!("/accounts/{{account}}/{what}/{UNKNOWN}/effective_policies");
        lines.push(told(&server.admin().get(&path).await));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    404 1002 member `<id>` not found
    404 1002 token `<id>` not found
    404 1002 user group `<id>` not found
    ");
}
