//! Which grants were not used for a while?

use std::time::Duration;

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestServer, allow};

use crate::support::{GROUPS, MEMBERS, UNKNOWN, group, policy, refused_to, resource_group, told, zone_key};

const DAY: Duration = Duration::from_secs(86_400);

async fn unused(server: &TestServer, holder: &str, query: &str) -> Value {
    server.admin().get(&format!("{holder}/unused_grants{query}")).await.result().clone()
}

/// A line for each grant: its name, what became of it, and the permissions that were used.
fn shown(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let grants = answer["grants"].as_array().expect("grants").iter().map(|grant| {
        let used = grant["used_permissions"].as_array().expect("used").iter();
        let used: Vec<String> =
            used.map(|one| format!("{} {}", text(&one["name"]), text(&one["last_used_on"]))).collect();
        format!(
            "{}: {}, last {}, [{}]",
            text(&grant["permission_group"]["name"]),
            text(&grant["status"]),
            text(&grant["last_used_on"]),
            used.join(", ")
        )
    });
    grants.collect::<Vec<_>>().join("\n")
}

/// A zone, and Bea, who may read the account and do all with the zone.
async fn world() -> (TestServer, String, testkit::TestMember) {
    let server = TestServer::start().await;
    let zone = server.zone("example.com").await.to_string();
    let domain = resource_group(&server, "domain", &[&zone_key(&zone)]).await;
    let whole = server.runtime.account(server.account).await.expect("readable").expect("the account");
    let whole = whole.state.whole_account_group().expect("a group").to_string();
    let policies = vec![
        server.policy(Effect::Allow, &["admin_readonly"], &[&whole]),
        server.policy(Effect::Allow, &["domain_admin", "domain_dns"], &[&domain]),
        server.policy(Effect::Deny, &["billing"], &[&whole]),
    ];
    let bea = server.member("bea@example.com", Grants::Policies(policies)).await;
    (server, zone, bea)
}

#[tokio::test]
async fn a_members_grants_are_used_young_not_watched_long_enough_or_unused() {
    let (server, zone, bea) = world().await;
    let holder = format!("{MEMBERS}/{}", bea.id);
    server.clock.advance(40 * DAY);
    // From here on uses are recorded.
    server.runtime.usage.flush(server.runtime.clock.now()).await.expect("written");
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @r"
    Administrator Read Only: granted_recently, last -, []
    Domain Administrator: granted_recently, last -, []
    Domain DNS: granted_recently, last -, []
    ");
    assert_snapshot!(shown(&unused(&server, &holder, "?days=30").await), @r"
    Administrator Read Only: recorded_recently, last -, []
    Domain Administrator: recorded_recently, last -, []
    Domain DNS: recorded_recently, last -, []
    ");
    server.clock.advance(60 * DAY);
    assert_eq!(bea.get(&format!("/zones/{zone}")).await.status, 200);
    assert_eq!(bea.get("/accounts/{account}/iam/user_groups").await.status, 200);
    server.clock.advance(31 * DAY);
    // Refusals and what needs no permission are no use.
    assert_eq!(bea.post(GROUPS, json!({ "name": "x" })).await.status, 403);
    assert_eq!(bea.get("/accounts/{account}").await.status, 200);
    let answer = unused(&server, &holder, "").await;
    assert_snapshot!(shown(&answer), @r"
    Administrator Read Only: used, last 2026-04-12T03:04:00.000000Z, [Access: Apps and Policies Read 2026-04-12T03:04:00.000000Z, Account Settings Read 2026-04-12T03:04:00.000000Z]
    Domain Administrator: unused, last -, []
    Domain DNS: unused, last -, []
    ");
    assert_snapshot!(shown(&unused(&server, &holder, "?days=30").await), @r"
    Administrator Read Only: unused, last 2026-04-12T03:04:00.000000Z, [Access: Apps and Policies Read 2026-04-12T03:04:00.000000Z, Account Settings Read 2026-04-12T03:04:00.000000Z]
    Domain Administrator: unused, last -, []
    Domain DNS: unused, last -, []
    ");
    assert_eq!(answer["days"], 90);
    assert_snapshot!(answer["recording_since"].to_string(), @r#""2026-02-11T03:04:05.000000Z""#);
    // Written and read back it is the same.
    server.runtime.usage.flush(server.runtime.clock.now()).await.expect("written");
    assert!(server.runtime.usage.held() > 0);
    assert_eq!(unused(&server, &holder, "").await["grants"], answer["grants"]);
}

#[tokio::test]
async fn a_groups_grants_are_unused_by_all_of_its_members() {
    let server = TestServer::start().await;
    let zone = server.zone("example.com").await.to_string();
    let domain = resource_group(&server, "domain", &[&zone_key(&zone)]).await;
    server.runtime.usage.flush(server.runtime.clock.now()).await.expect("written");
    let policies = [policy(&server, "allow", &["domain_admin"], &[&domain])];
    let staff = group(&server, "staff", &policies).await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let cem = server.member("cem@example.com", Grants::Policies(vec![])).await;
    let holder = format!("{GROUPS}/{staff}");
    let members = json!([{ "id": bea.id.to_string() }, { "id": cem.id.to_string() }]);
    server.admin().post(&format!("{holder}/members"), members).await.result();
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @"Domain Administrator: granted_recently, last -, []");
    server.clock.advance(100 * DAY);
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @"Domain Administrator: unused, last -, []");
    assert_eq!(cem.get(&format!("/zones/{zone}")).await.status, 200);
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @"Domain Administrator: used, last 2026-04-12T03:04:00.000000Z, [Access: Apps and Policies Read 2026-04-12T03:04:00.000000Z]");
    // Bea herself has nothing of her own.
    assert_eq!(unused(&server, &format!("{MEMBERS}/{}", bea.id), "").await["grants"], json!([]));
    // A group that was changed grants anew.
    server.clock.advance(100 * DAY);
    server
        .admin()
        .put(&holder, json!({ "name": "staff", "policies": [policy(&server, "allow", &["domain_dns"], &[&domain])] }))
        .await
        .result();
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @"Domain DNS: granted_recently, last -, []");
}

#[tokio::test]
async fn a_tokens_grants_are_told_too() {
    let server = TestServer::start().await;
    server.runtime.usage.flush(server.runtime.clock.now()).await.expect("written");
    let grants = [allow(&["Account Settings Write", "Billing Read"], &["com.cloudflare.api.account.{account}"])];
    let token = server.token(Owner::Account, &grants).await;
    let holder = format!("/accounts/{{account}}/tokens/{}", token.id);
    server.clock.advance(100 * DAY);
    assert_eq!(token.get(MEMBERS).await.status, 200);
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @r"
    Account Settings Write: used, last 2026-04-12T03:04:00.000000Z, [Account Settings Read 2026-04-12T03:04:00.000000Z]
    Billing Read: unused, last -, []
    ");
    let owner = model::ids::StreamId::Account(server.account);
    let last = server.runtime.usage.last_used(owner, token.id).await.expect("readable");
    assert_snapshot!(last.expect("used").to_string(), @"2026-04-12T03:04:00.000000Z");
    // Of two that would do, the less powerful one was used.
    assert_eq!(token.post(GROUPS, json!({ "name": "staff" })).await.status, 200);
    assert_snapshot!(shown(&unused(&server, &holder, "").await), @r"
    Account Settings Write: used, last 2026-04-12T03:04:00.000000Z, [Account Settings Read 2026-04-12T03:04:00.000000Z, Account Settings Write 2026-04-12T03:04:00.000000Z]
    Billing Read: unused, last -, []
    ");
}

#[tokio::test]
async fn a_users_token_uses_what_its_owner_was_granted() {
    let (server, zone, bea) = world().await;
    let token = server.token(Owner::User(bea.user), &[allow(&["Zone Read"], &["com.cloudflare.api.account.*"])]).await;
    assert_eq!(token.get(&format!("/zones/{zone}")).await.status, 200);
    assert_eq!(token.get("/zones").await.list().len(), 1);
    assert_snapshot!(shown(&unused(&server, &format!("{MEMBERS}/{}", bea.id), "").await), @r"
    Administrator Read Only: used, last 2026-01-02T03:04:00.000000Z, [Zone Read 2026-01-02T03:04:00.000000Z]
    Domain Administrator: used, last 2026-01-02T03:04:00.000000Z, [Zone Read 2026-01-02T03:04:00.000000Z]
    Domain DNS: used, last 2026-01-02T03:04:00.000000Z, [Zone Read 2026-01-02T03:04:00.000000Z]
    ");
}

#[tokio::test]
async fn listing_and_registering_zones_are_uses() {
    let server = TestServer::start().await;
    let key = ["com.cloudflare.api.account.{account}"];
    let (lister, maker) = (
        server.token(Owner::Account, &[allow(&["Zone Read"], &key)]).await,
        server.token(Owner::Account, &[allow(&["Zone Write"], &key)]).await,
    );
    let of = async |token: &testkit::TestToken| {
        shown(&unused(&server, &format!("/accounts/{{account}}/tokens/{}", token.id), "").await)
    };
    assert_eq!(lister.get("/zones").await.list().len(), 0);
    assert_snapshot!(of(&lister).await, @"Zone Read: granted_recently, last -, []");
    let new = json!({ "name": "example.com", "account": { "id": server.account.to_string() } });
    assert_eq!(maker.post("/zones", new).await.status, 200);
    assert_snapshot!(of(&maker).await, @"Zone Write: used, last 2026-01-02T03:04:00.000000Z, [Zone Write 2026-01-02T03:04:00.000000Z]");
    assert_eq!(lister.get("/zones").await.list().len(), 1);
    assert_snapshot!(of(&lister).await, @"Zone Read: used, last 2026-01-02T03:04:00.000000Z, [Zone Read 2026-01-02T03:04:00.000000Z]");
}

#[tokio::test]
async fn an_evaluation_that_allows_is_a_use() {
    let (server, zone, bea) = world().await;
    let ask = async |action: &str, at: Value| {
        let mut question = json!({
            "subject": { "type": "member", "id": bea.id.to_string() },
            "action": { "name": action },
            "resource": { "type": "zone", "id": zone },
        });
        if !at.is_null() {
            question["at"] = at;
        }
        let answer = server.admin().post("/accounts/{account}/access/v1/evaluation", question).await;
        answer.body["decision"].as_bool()
    };
    let shown = async || shown(&unused(&server, &format!("{MEMBERS}/{}", bea.id), "").await);
    assert_eq!(ask("Billing Write", Value::Null).await, Some(false));
    let revision = crate::support::revision(&server).await;
    assert_eq!(ask("DNS Write", json!(revision)).await, Some(true), "the past is asked about by people");
    assert!(!shown().await.contains(": used"));
    assert_eq!(ask("DNS Write", Value::Null).await, Some(true));
    assert_snapshot!(shown().await, @r"
    Administrator Read Only: granted_recently, last -, []
    Domain Administrator: used, last 2026-01-02T03:04:00.000000Z, [DNS Write 2026-01-02T03:04:00.000000Z]
    Domain DNS: used, last 2026-01-02T03:04:00.000000Z, [DNS Write 2026-01-02T03:04:00.000000Z]
    ");
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused() {
    let server = TestServer::start().await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let holder = format!("{MEMBERS}/{}", bea.id);
    let ask = async |caller: &Caller, path: String| {
        refused_to(&server, caller, &format!("GET {path}/unused_grants"), "").await
    };
    let mut lines = String::new();
    for days in ["0", "-1", "3651", "x", "1.5"] {
        lines += &told(&server.admin().get(&format!("{holder}/unused_grants?days={days}")).await);
        lines.push('\n');
    }
    for path in [MEMBERS, GROUPS, "/accounts/{account}/tokens"] {
        lines += &ask(&server.admin(), format!("{path}/{UNKNOWN}")).await;
        lines.push('\n');
        lines += &ask(&server.admin(), format!("{path}/x")).await;
        lines.push('\n');
    }
    lines += &ask(&bea, holder).await;
    assert_snapshot!(lines, @r"
    400 1001 [?days] days must be an integer from 1 to 3650, not `0`
    400 1001 [?days] days must be an integer from 1 to 3650, not `-1`
    400 1001 [?days] days must be an integer from 1 to 3650, not `3651`
    400 1001 [?days] days must be an integer from 1 to 3650, not `x`
    400 1001 [?days] days must be an integer from 1 to 3650, not `1.5`
    404 1002 member `<id>` not found
    400 7003 Could not route to /client/v4/accounts/<id>/members/x/unused_grants, perhaps your object identifier is invalid?
    404 1002 user group `<id>` not found
    400 7003 Could not route to /client/v4/accounts/<id>/iam/user_groups/x/unused_grants, perhaps your object identifier is invalid?
    404 1002 token `<id>` not found
    400 7003 Could not route to /client/v4/accounts/<id>/tokens/x/unused_grants, perhaps your object identifier is invalid?
    403 10000 Forbidden
    ");
}
