//! Which token is the smallest for some calls?

use insta::assert_snapshot;
use model::ids::PolicyId;
use model::members::Grants;
use model::policies::Effect;
use model::tokens::TokenPolicy;
use serde_json::{Value, json};
use testkit::{Caller, Method, Owner, TestServer, TestToken};

use crate::support::{MEMBERS, UNKNOWN, refused, refused_text, told};

const LEAST: &str = "/accounts/{account}/iam/least_privilege";

/// A server with two zones.
async fn world() -> (TestServer, [String; 2]) {
    let server = TestServer::start().await;
    let zones = [server.zone("a.example.com").await, server.zone("b.example.com").await];
    (server, zones.map(|zone| zone.to_string()))
}

async fn least(caller: &Caller, body: Value) -> Value {
    caller.post(LEAST, body).await.result().clone()
}

/// The policies for a reader: names on places, ids replaced.
fn shown(answer: &Value, server: &TestServer, zones: &[String; 2]) -> String {
    let policies = answer["policies"].as_array().expect("policies");
    let lines = policies.iter().map(|policy| {
        let names: Vec<&str> = policy["permission_groups"]
            .as_array()
            .expect("groups")
            .iter()
            .filter_map(|group| group["name"].as_str())
            .collect();
        format!("{} {} on {}", policy["effect"].as_str().expect("an effect"), names.join(", "), policy["resources"])
    });
    let text = lines.collect::<Vec<_>>().join("\n").replace("com.cloudflare.api.", "");
    let text = text.replace(&server.account.to_string(), "A").replace(&zones[0], "Z1").replace(&zones[1], "Z2");
    text.replace(&server.user.id.to_string(), "U")
}

fn reasons(answer: &Value) -> Vec<(String, String)> {
    let unknown = answer["unknown"].as_array().expect("unknown");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    unknown.iter().map(|one| (text(&one["call"]), text(&one["reason"]))).collect()
}

/// A token with exactly these policies, as a token create would make it.
async fn token_with(server: &TestServer, policies: &Value) -> TestToken {
    let policies: Vec<TokenPolicy> = policies
        .as_array()
        .expect("policies")
        .iter()
        .map(|policy| TokenPolicy {
            id: PolicyId(server.runtime.environment().next_id()),
            effect: Effect::Allow,
            permission_groups: policy["permission_groups"]
                .as_array()
                .expect("groups")
                .iter()
                .map(|group| group["id"].as_str().expect("an id").parse().expect("an id"))
                .collect(),
            resources: serde_json::from_value(policy["resources"].clone()).expect("resources"),
        })
        .collect();
    server.token_that(Owner::Account, &[], |token| token.policies = policies.clone().into()).await
}

#[tokio::test]
async fn the_token_allows_the_calls_and_nothing_else() {
    let (server, zones) = world().await;
    let admin = server.admin();
    let account = server.account.to_string();
    let calls = [
        format!("GET /client/v4/accounts/{account}/members?page=1"),
        format!("GET /client/v4/accounts/{account}/members?page=2"),
        format!("GET https://api.example.com/client/v4/zones/{}", zones[0]),
        format!("DELETE /zones/{}", zones[1]),
    ];
    let answer = least(&admin, json!({ "calls": calls })).await;
    assert_snapshot!(shown(&answer, &server, &zones), @r#"
    allow Account Settings Read on {"account.A":"*"}
    allow Access: Apps and Policies Read on {"account.zone.Z1":"*"}
    allow Zone Write on {"account.zone.Z2":"*"}
    "#);
    assert_eq!(answer["unknown"], json!([]));
    assert_eq!(answer["is_smallest"], true);
    assert_eq!(answer["left_out"], 0);
    let served = &answer["calls"][0];
    assert_eq!(served["call"], calls[0], "two pages are one call");
    assert_eq!((&served["count"], &served["operation_id"]), (&json!(2), &json!("account-members-list-members")));
    assert_eq!(served["granted_by"]["name"], "Account Settings Read");
    assert_eq!(served["granted_by"]["resources"], answer["policies"][0]["resources"]);

    let token = token_with(&server, &answer["policies"]).await;
    assert_eq!(token.get(MEMBERS).await.status, 200);
    assert_eq!(token.get(&format!("/zones/{}", zones[0])).await.status, 200);
    assert_eq!(token.send(Method::DELETE, &format!("/zones/{}", zones[0]), None).await.status, 403);
    let invited = token.post(MEMBERS, json!({ "email": "x@example.com", "roles": [] })).await;
    assert_eq!(invited.status, 403);
    assert_eq!(token.send(Method::DELETE, &format!("/zones/{}", zones[1]), None).await.status, 200);
}

#[tokio::test]
async fn operations_are_served_on_all_that_they_may_be_about() {
    let (server, zones) = world().await;
    let operations = json!({ "operations": ["zones-0-get", "account-members-list-members", "dns-records-for-a-zone-list-dns-records"] });
    let answer = least(&server.admin(), operations).await;
    assert_snapshot!(shown(&answer, &server, &zones), @r#"
    allow Account Settings Read on {"account.A":"*"}
    allow DNS Read on {"account.A":{"account.zone.*":"*"}}
    "#);
    let token = token_with(&server, &answer["policies"]).await;
    for zone in &zones {
        assert_eq!(token.get(&format!("/zones/{zone}")).await.status, 200);
    }
}

#[tokio::test]
async fn recorded_calls_come_as_lines_and_as_a_har_file() {
    let (server, zones) = world().await;
    let lines =
        format!("# recorded\n\nGET /zones/{}/dns_records HTTP/1.1\nPOST /zones/{}/dns_records\n", zones[0], zones[1]);
    let from_lines = least(&server.admin(), json!({ "calls": lines })).await;
    assert_snapshot!(shown(&from_lines, &server, &zones), @r#"
    allow DNS Read on {"account.zone.Z1":"*"}
    allow DNS Write on {"account.zone.Z2":"*"}
    "#);
    let base = "https://iam.example.com/client/v4";
    let entry = |method: &str, url: String| json!({ "time": 3.2, "request": { "method": method, "url": url, "cookies": [] }, "response": {} });
    let har = json!({ "log": { "version": "1.2", "creator": {}, "entries": [
        entry("GET", format!("{base}/zones/{}/dns_records?per_page=50", zones[0])),
        entry("GET", "https://fonts.example.com/a.woff".to_owned()),
        entry("POST", format!("{base}/zones/{}/dns_records", zones[1])),
    ]}});
    let from_har = least(&server.admin(), json!({ "har": har, "base_url": base })).await;
    assert_eq!(from_har["policies"], from_lines["policies"]);
    assert_eq!(from_har["left_out"], 1);
    let all = least(&server.admin(), json!({ "har": har })).await;
    assert_eq!(all["policies"], from_lines["policies"]);
    assert_eq!(reasons(&all), [("GET https://fonts.example.com/a.woff".to_owned(), "no_operation".to_owned())]);
}

#[tokio::test]
async fn what_no_token_can_be_made_for_is_told() {
    let (server, zones) = world().await;
    let calls = [
        "GET /nowhere?x=1".to_owned(),
        "GET /nowhere?x=2".to_owned(),
        "GET /ips".to_owned(),
        format!("GET /accounts/{UNKNOWN}/members"),
        format!("GET /zones/{UNKNOWN}/dns_records"),
        "GET /user".to_owned(),
    ];
    let token = server
        .token(Owner::Account, &[testkit::allow(&["Account Settings Read"], &["com.cloudflare.api.account.{account}"])])
        .await;
    let answer = least(&token, json!({ "calls": calls })).await;
    let reason = |call: &str, reason: &str| (call.to_owned(), reason.to_owned());
    let expected = [
        reason("GET /nowhere", "no_operation"),
        reason(&calls[2], "nothing_known"),
        reason(&calls[3], "other_account"),
        reason(&calls[4], "not_registered"),
        reason(&calls[5], "user_only"),
    ];
    assert_eq!(reasons(&answer), expected);
    assert_eq!(answer["unknown"][0]["count"], 2);
    assert_eq!(answer["policies"], json!([]));
    // A user may have a token of its own.
    let answer = least(&server.admin(), json!({ "calls": ["GET /user"] })).await;
    assert_snapshot!(shown(&answer, &server, &zones), @r#"allow User Details Read on {"user.U":"*"}"#);
    let nothing = least(&server.admin(), json!({ "calls": [] })).await;
    assert_eq!((&nothing["policies"], &nothing["calls"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn any_member_may_ask() {
    let (server, _) = world().await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    assert_eq!(least(&bea, json!({ "operations": ["zones-0-get"] })).await["is_smallest"], true);
}

#[tokio::test]
async fn a_body_that_says_nothing_of_calls_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let request = format!("POST {LEAST}");
    let entries = |request: Value| json!({ "har": { "log": { "entries": [{ "request": { "method": "GET", "url": "/zones" } }, { "request": request }] } } });
    let mut lines = String::new();
    for body in [
        json!([]),
        json!({}),
        json!({ "operations": ["zones-0-get"], "calls": [] }),
        json!({ "operations": "zones-0-get" }),
        json!({ "operations": ["zones-0-get", "nope", 7] }),
        json!({ "calls": 7 }),
        json!({ "calls": ["GET /zones", "/zones", "get /zones", "GET zones", "GET /zones twice", 7] }),
        json!({ "calls": "GET /zones\n\n2026-01-01 GET /zones\nGET" }),
        json!({ "har": [] }),
        json!({ "har": { "log": {} } }),
        entries(json!({ "method": "GET" })),
        entries(json!({ "method": "BREW", "url": "/zones" })),
        entries(json!({ "method": "GET", "url": "data:text/plain,x" })),
        json!({ "har": { "log": { "entries": [] } }, "base_url": "api.example.com" }),
        json!({ "calls": vec!["GET /zones"; 10_001] }),
    ] {
        lines += &refused(&server, &request, body).await;
        lines.push('\n');
    }
    lines += &refused_text(&server, &request, "GET /zones").await;
    assert_snapshot!(lines, @r"
    400 1001 [] the body must be an object, not an array
    400 1001 [] the body must have one of `operations`, `calls` and `har`
    400 1001 [] the body must have one of `operations`, `calls` and `har`
    400 1001 [/operations] operations must be an array, not a string
    400 1001 [/operations/1] no operation has the id `nope`
    400 1001 [/operations/2] 2 must be a string, not a number
    400 1001 [/calls] calls must be an array, not a number
    400 1001 [/calls/1] `/zones` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else
    400 1001 [/calls/2] `get` is not a method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
    400 1001 [/calls/3] `zones` is not a path: it must begin with `/`, `http://` or `https://`
    400 1001 [/calls/4] `GET /zones twice` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else
    400 1001 [/calls/5] 5 must be a string, not a number
    400 1001 [/calls] line 3: `2026-01-01 GET /zones` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else
    400 1001 [/calls] line 4: `GET` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else
    400 1001 [/har] har must be an object, not an array
    400 1001 [/har/log/entries] entries must be present
    400 1001 [/har/log/entries/1/request/url] url must be present
    400 1001 [/har/log/entries/1/request/method] `BREW` is not a method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
    400 1001 [/har/log/entries/1/request/url] `data:text/plain,x` is not a path: it must begin with `/`, `http://` or `https://`
    400 1001 [/base_url] `api.example.com` is not a base URL: it must begin with `http://` or `https://` and have neither query nor fragment
    400 1009 [] 10001 calls are too many: at most 10000 are taken at once
    400 1001 [] the body is not JSON: expected value at line 1 column 1
    ");
    let large = json!({ "calls": format!("GET /zones\n{}", "# x\n".repeat(300_000)) });
    assert_eq!(told(&server.admin().post(LEAST, large).await), "413 1001 the body must be at most 1 MiB");
}

#[tokio::test]
async fn ten_thousand_calls_are_taken_at_once() {
    let (server, zones) = world().await;
    let mut lines = String::new();
    for at in 0..10_000 {
        lines += &format!("GET /zones/{}/dns_records/{at:032x}\n", zones[at % 2]);
    }
    let answer = least(&server.admin(), json!({ "calls": lines })).await;
    assert_eq!(answer["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["calls"][1]["count"], 5_000);
}
