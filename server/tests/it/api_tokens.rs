//! API tokens of accounts and of users (section 6).

use std::time::Duration;

use engine::user_permit::UserPermit;
use insta::assert_snapshot;
use model::ids::{StreamId, TokenId};
use runtime::token_life::Leaked;
use serde_json::{Value, json};
use testkit::{Caller, Owner, Response, TestServer, allow, deny};

use crate::support::{ACCOUNT, account_key, told, zone_key};

const TOKENS: &str = "/accounts/{account}/tokens";
const USER_TOKENS: &str = "/user/tokens";

/// The id of a token permission group, by name and scope.
fn permission(server: &TestServer, name: &str) -> String {
    let catalog = server.runtime.engine.catalog();
    catalog.permissions_named(name).next().expect("a permission").id.to_string()
}

fn policy(server: &TestServer, effect: &str, names: &[&str], resources: Value) -> Value {
    let groups: Vec<Value> = names.iter().map(|name| json!({ "id": permission(server, name) })).collect();
    json!({ "effect": effect, "permission_groups": groups, "resources": resources })
}

fn body(server: &TestServer, names: &[&str]) -> Value {
    json!({ "name": "ci", "policies": [policy(server, "allow", names, json!({ account_key(server): "*" }))] })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn caller(server: &TestServer, made: &Response) -> Caller {
    let secret = made.result()["value"].as_str().expect("a secret");
    Caller::with_token(&server.origin, &server.account.to_string(), secret)
}

fn one(made: &Response) -> String {
    format!("{TOKENS}/{}", made.id())
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_rolled_and_removed() {
    let server = TestServer::start().await;
    for (tokens, prefix) in [(TOKENS, "cfat_"), (USER_TOKENS, "cfut_")] {
        let admin = server.admin();
        let made = admin.post(tokens, body(&server, &["Account Settings Read"])).await;
        let secret = made.result()["value"].as_str().unwrap().to_owned();
        assert!(secret.starts_with(prefix) && runtime::secrets::is_token_shaped(&secret), "{secret}");
        let token = caller(&server, &made);
        assert_eq!(token.get(ACCOUNT).await.status, 200);
        let path = format!("{tokens}/{}", made.id());
        let read = admin.get(&path).await;
        assert!(read.result().get("value").is_none() && !read.text.contains(&secret));
        let rolled = admin.put(&format!("{path}/value"), json!({})).await;
        let next = rolled.result().as_str().unwrap().to_owned();
        assert!(next.starts_with(prefix) && next != secret);
        assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
        let token = Caller::with_token(&server.origin, &server.account.to_string(), &next);
        assert_eq!(token.get(ACCOUNT).await.status, 200);
        assert_eq!(admin.get(&path).await.result()["policies"], read.result()["policies"]);
        assert_eq!(admin.delete(&path).await.result(), &json!({ "id": made.id() }));
        assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
        assert_eq!(admin.delete(&path).await.status, 404);
        assert_eq!(admin.get(&path).await.status, 404);
    }
}

#[tokio::test]
async fn what_was_not_set_is_left_out_and_what_was_is_echoed_as_it_was() {
    let server = TestServer::start().await;
    let zone = zone_key(server.zone("example.com").await);
    let bare = server.admin().post(TOKENS, body(&server, &["DNS Read"])).await;
    for absent in ["condition", "expires_on", "not_before"] {
        assert!(bare.result().get(absent).is_none(), "{absent}");
    }
    assert_eq!(bare.result()["last_used_on"], Value::Null);
    assert_eq!(bare.result()["status"], "active");
    assert_eq!(bare.result()["creator_email_at_creation"], "admin@example.com");
    let nested = json!({ account_key(&server): { "com.cloudflare.api.account.zone.*": "*" } });
    let flat = json!({ &zone: "*" });
    let policies = json!([
        policy(&server, "allow", &["DNS Write", "DNS Read"], nested.clone()),
        policy(&server, "deny", &["DNS Write"], flat.clone())
    ]);
    let full = json!({
        "name": "full", "policies": policies, "not_before": "2026-01-01T00:00:00Z", "expires_on": "2099-12-31T23:59:59Z",
        "condition": { "request_ip": { "in": ["123.123.123.100/24", "2606:4700::/32"], "not_in": ["123.123.123.100/32"] } }
    });
    let made = server.admin().post(TOKENS, full.clone()).await;
    let shown = server.admin().get(&one(&made)).await;
    let shown = shown.result();
    for same in ["name", "not_before", "expires_on"] {
        assert_eq!(shown[same], full[same]);
    }
    assert_eq!(shown["condition"]["request_ip"], full["condition"]["request_ip"]);
    assert_eq!(shown["condition"]["request.ip"], full["condition"]["request_ip"]);
    let groups: Vec<&str> = shown["policies"][0]["permission_groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["name"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["DNS Write", "DNS Read"], "in the client's order");
    assert_eq!((&shown["policies"][0]["resources"], &shown["policies"][1]["resources"]), (&nested, &flat));
    // Read, sent back, and nothing changed: no drift, and no commit.
    let again = server.admin().put(&one(&made), shown.clone()).await;
    assert_eq!(again.result(), shown);
    assert_eq!(again.body["messages"], json!([]));
}

#[tokio::test]
async fn a_put_replaces_all_but_the_status_and_tells_what_it_loosened() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let locked = with(
        body(&server, &["DNS Read", "DNS Write"]),
        "condition",
        json!({ "request.ip": { "in": ["127.0.0.0/8"] } }),
    );
    let locked = with(with(locked, "expires_on", json!("2099-01-01T00:00:00Z")), "status", json!("Disabled"));
    let made = admin.post(TOKENS, locked).await;
    assert_eq!(made.result()["status"], "disabled");
    let next = admin.put(&one(&made), body(&server, &["DNS Read"])).await;
    assert_eq!(next.result()["status"], "disabled", "an edit never enables a token by leaving `status` out");
    let messages: Vec<&str> =
        next.body["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect();
    assert_eq!(
        messages,
        [
            "the token no longer has the permission groups \"DNS Write\"",
            "the token is no longer confined to client addresses in `request_ip.in`",
            "the token no longer expires (`expires_on`)"
        ]
    );
    let enabled = admin.put(&one(&made), with(body(&server, &["DNS Read"]), "status", json!("active"))).await;
    assert_eq!(enabled.result()["status"], "active");
    for missing in ["name", "policies"] {
        let mut body = body(&server, &["DNS Read"]);
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(admin.put(&one(&made), body).await.pointers(), [format!("/{missing}")]);
    }
}

#[tokio::test]
async fn a_strict_account_refuses_what_would_be_cleared_by_leaving_it_out() {
    let server = TestServer::start().await;
    let account = server.account;
    let strict = server.try_commit(account, |state, _| {
        let mut account = state.account().unwrap().clone();
        account.settings.token_put_strict = true;
        Ok((vec![model::change::Change::put(model::change::Document::Account(account.into()))], ()))
    });
    strict.await.expect("a setting");
    let locked = with(body(&server, &["DNS Read"]), "condition", json!({ "request_ip": { "in": ["127.0.0.1/32"] } }));
    let locked = with(locked, "expires_on", json!("2099-01-01T00:00:00Z"));
    let made = server.admin().post(TOKENS, locked.clone()).await;
    let silent = server.admin().put(&one(&made), body(&server, &["DNS Read"])).await;
    assert_eq!(silent.pointers(), ["/condition", "/expires_on"]);
    let said = with(with(body(&server, &["DNS Read"]), "condition", Value::Null), "expires_on", Value::Null);
    assert_eq!(server.admin().put(&one(&made), said).await.status, 200);
    assert_eq!(server.admin().put(&one(&made), locked).await.status, 200);
}

#[tokio::test]
async fn each_fault_of_a_token_is_named_with_its_place() {
    let server = TestServer::start().await;
    let hear = async |change: &dyn Fn(&mut Value)| {
        let mut body = body(&server, &["DNS Read"]);
        change(&mut body);
        let answer = server.admin().post(TOKENS, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let errors = answer.body["errors"].as_array().unwrap();
        let lines = errors.iter().map(|error| {
            format!("{} {}", error["source"]["pointer"].as_str().unwrap_or("-"), error["message"].as_str().unwrap())
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let set =
        |path: &'static str, value: Value| move |body: &mut Value| *body.pointer_mut(path).unwrap() = value.clone();
    let add = |name: &'static str, value: Value| move |body: &mut Value| body[name] = value.clone();
    assert_snapshot!(hear(&set("/name", json!("x".repeat(121)))).await, @"/name name must have a length of 1 to 120 characters");
    assert_snapshot!(hear(&set("/name", json!("  "))).await, @"/name name must have a length of 1 to 120 characters");
    assert_snapshot!(hear(&set("/name", json!("a\u{7}"))).await, @"/name name must not have control characters");
    assert_snapshot!(hear(&set("/name", json!(7))).await, @"/name name must be a string, not a number");
    assert_snapshot!(hear(&set("/policies", json!({}))).await, @"/policies policies must be an array, not an object");
    assert_snapshot!(hear(&set("/policies/0/effect", json!("deny"))).await, @"/policies a token that only denies can do nothing; add a policy with `effect` `allow`");
    assert_snapshot!(hear(&set("/policies/0/effect", json!("permit"))).await, @"/policies/0/effect `permit` must be one of `allow`, `deny`");
    assert_snapshot!(hear(&set("/policies/0/permission_groups", json!([]))).await, @"/policies/0/permission_groups permission_groups must not be empty");
    assert_snapshot!(hear(&set("/policies/0/permission_groups", json!([{}]))).await, @"/policies/0/permission_groups/0/id id must be present");
    assert_snapshot!(hear(&set("/policies/0/permission_groups/0/id", json!("0".repeat(32)))).await, @"/policies/0/permission_groups/0/id permission group `00000000000000000000000000000000` not found; GET /accounts/{account_id}/tokens/permission_groups lists them");
    let role_bundle = server.permission_group("dns_admin");
    assert_snapshot!(hear(&set("/policies/0/permission_groups/0/id", json!(role_bundle))).await, @r#"/policies/0/permission_groups/0/id `49ce85367bae433b9f0717ed4fea5c74` ("DNS") is an IAM permission group, which members and user groups use; for tokens take one of GET /accounts/{account_id}/tokens/permission_groups"#);
    let of_users = permission(&server, "API Tokens Write");
    assert_snapshot!(hear(&set("/policies/0/permission_groups/0/id", json!(of_users))).await, @r#"/policies/0/permission_groups/0/id "API Tokens Write" is about users, and a token of an account has no user; GET /accounts/{account_id}/tokens/permission_groups lists what it may have"#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({}))).await, @r#"/policies/0/resources resources must not be empty; `{"com.cloudflare.api.account.*": "*"}` is every account"#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!([]))).await, @"/policies/0/resources resources must be an object, not an array");
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ account_key(&server): "string" }))).await, @r#"/policies/0/resources/com.cloudflare.api.account.00000000000000000000000000000002 the value of a resource must be "*", not "string""#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ account_key(&server): 1 }))).await, @r#"/policies/0/resources/com.cloudflare.api.account.00000000000000000000000000000002 a resource must be "*" or an object of keys, each "*""#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ account_key(&server): {} }))).await, @r#"/policies/0/resources/com.cloudflare.api.account.00000000000000000000000000000002 an object of keys must not be empty; "*" is everything"#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ account_key(&server): { "com.cloudflare.api.account.zone.*": { "*": "*" } } }))).await, @r#"/policies/0/resources/com.cloudflare.api.account.00000000000000000000000000000002/com.cloudflare.api.account.zone.* only one level of keys is possible: the value must be "*""#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ "foo": "*" }))).await, @"/policies/0/resources/foo `foo` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`");
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ "com.cloudflare.api.account.zone.00000000000000000000000000000000": "*" }))).await, @"/policies/0/resources/com.cloudflare.api.account.zone.00000000000000000000000000000000 `com.cloudflare.api.account.zone.00000000000000000000000000000000` is not in this account, `com.cloudflare.api.account.00000000000000000000000000000002`");
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ "com.cloudflare.api.account.00000000000000000000000000000000": "*" }))).await, @"/policies/0/resources/com.cloudflare.api.account.00000000000000000000000000000000 `com.cloudflare.api.account.00000000000000000000000000000000` is not in this account, `com.cloudflare.api.account.00000000000000000000000000000002`");
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ "com.cloudflare.api.user.00000000000000000000000000000000": "*" }))).await, @r#"
    /policies/0/resources/com.cloudflare.api.user.00000000000000000000000000000000 `com.cloudflare.api.user.00000000000000000000000000000000` is a user, and a token of an account can name only what is in the account
    /policies/0/permission_groups/0 Failed common permission check against resources. (Permission group: "DNS Read") It applies to com.cloudflare.api.account.zone, and the resources have none
    "#);
    assert_snapshot!(hear(&set("/policies/0/resources", json!({ "com.cloudflare.api.account.zone.*": { "com.cloudflare.api.account.zone.*": "*" } }))).await, @r#"/policies/0/resources/com.cloudflare.api.account.zone.* only the key of an account can have keys inside; give `com.cloudflare.api.account.zone.*` the value "*""#);
    let settings = permission(&server, "Account Settings Read");
    assert_snapshot!(hear(&|body: &mut Value| {
        body["policies"][0]["permission_groups"][0]["id"] = json!(settings);
        body["policies"][0]["resources"] = json!({ "com.cloudflare.api.account.zone.*": "*" });
    }).await, @r#"/policies/0/permission_groups/0 Failed common permission check against resources. (Permission group: "Account Settings Read") It applies to com.cloudflare.api.account, and the resources have none"#);
    assert_snapshot!(hear(&add("status", json!("expired"))).await, @"/status status `expired` must be `active` or `disabled`; `expired` comes of expires_on alone");
    assert_snapshot!(hear(&add("expires_on", json!("tomorrow"))).await, @"/expires_on `tomorrow` is not a time; RFC 3339 is expected, such as `2026-01-31T00:00:00Z`");
    assert_snapshot!(hear(&|body: &mut Value| {
        body["not_before"] = json!("2030-01-01T00:00:00Z");
        body["expires_on"] = json!("2029-01-01T00:00:00Z");
    }).await, @"/expires_on expires_on must be later than not_before, which is 2030-01-01T00:00:00.000000Z");
    assert_snapshot!(hear(&add("condition", json!({ "request_ip": { "in": ["10.0.0.0/8", "10.0.0.0/33", "host"] } }))).await, @r"
    /condition/request_ip/in/1 `10.0.0.0/33` is not a network, such as `198.51.100.0/24` or `2001:db8::/32`
    /condition/request_ip/in/2 `host` is not a network, such as `198.51.100.0/24` or `2001:db8::/32`
    ");
    assert_snapshot!(hear(&add("condition", json!({ "request_ip": { "not_in": vec!["10.0.0.0/8"; 101] } }))).await, @"/condition/request_ip/not_in at most 100 networks are allowed");
    assert_snapshot!(hear(&add("condition", json!({ "request_ip": { "in": ["10.0.0.0/8"] }, "request.ip": { "in": ["11.0.0.0/8"] } }))).await, @"/condition/request.ip `request_ip` and `request.ip` are two spellings of one thing, and differ; send one");
    assert_snapshot!(hear(&add("condition", json!("10.0.0.0/8"))).await, @"/condition condition must be an object, not a string");
    let all_at_once = hear(&|body: &mut Value| {
        body["name"] = json!("");
        body["expires_on"] = json!("x");
        body["policies"][0]["resources"] = json!({ "foo": "*" });
    });
    assert_eq!(all_at_once.await.lines().count(), 3);
    assert_eq!(server.admin().get(TOKENS).await.list(), [] as [Value; 0], "nothing was written");
}

#[tokio::test]
async fn a_user_token_names_only_its_own_user_and_what_the_user_reaches() {
    let server = TestServer::start().await;
    let (_, stranger) = server.user("stranger@example.com").await;
    let own = format!("com.cloudflare.api.user.{}", server.user.id);
    let to = |names: &[&str], resources: Value| json!({ "name": "mine", "policies": [policy(&server, "allow", names, resources)] });
    assert_eq!(server.admin().post(USER_TOKENS, to(&["API Tokens Write"], json!({ &own: "*" }))).await.status, 200);
    let other = stranger.post(USER_TOKENS, to(&["API Tokens Write"], json!({ &own: "*" }))).await;
    assert!(other.status_and_error().contains("is another user"), "{}", other.text);
    let foreign =
        stranger.post(USER_TOKENS, to(&["Account Settings Read"], json!({ account_key(&server): "*" }))).await;
    assert!(foreign.status_and_error().contains("is in no account that you reach"), "{}", foreign.text);
    // Who reaches no account gives nothing away.
    let nothing = json!({ "com.cloudflare.api.account.*": "*" });
    assert_eq!(stranger.post(USER_TOKENS, to(&["Account Settings Write"], nothing)).await.status, 200);
}

#[tokio::test]
async fn verify_tells_the_holder_how_its_token_stands() {
    let server = TestServer::start().await;
    let (account, user) = (format!("{TOKENS}/verify"), format!("{USER_TOKENS}/verify"));
    let admin = server.admin();
    let soon = with(body(&server, &["DNS Read"]), "expires_on", json!("2099-01-01T00:00:00Z"));
    let made = admin.post(TOKENS, soon).await;
    let token = caller(&server, &made);
    let answer = token.get(&account).await;
    assert_eq!(
        answer.body["messages"],
        json!([{ "code": 10000, "message": "This API Token is valid and active", "type": null }])
    );
    assert_eq!(answer.result(), &json!({ "id": made.id(), "status": "active", "expires_on": "2099-01-01T00:00:00Z" }));
    let mine = caller(&server, &admin.post(USER_TOKENS, body(&server, &["DNS Read"])).await);
    assert_eq!(mine.get(&user).await.result()["status"], "active");
    assert_eq!(told(&mine.get(&account).await), "401 1000 Invalid API Token");
    assert_eq!(told(&token.get(&user).await), "401 1000 Invalid API Token");
    assert_eq!(told(&admin.get(&user).await), "400 1001 Missing \"Authorization\" header");
    assert_eq!(
        told(&server.anonymous().get(&user).await),
        "400 9106 Missing X-Auth-Key, X-Auth-Email or Authorization headers"
    );
    // Elsewhere a disabled token is unknown; here its holder hears why.
    admin.put(&one(&made), with(body(&server, &["DNS Read"]), "status", json!("disabled"))).await.result();
    assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
    let answer = token.get(&account).await;
    assert_eq!((answer.status, &answer.result()["status"]), (200, &json!("disabled")));
    assert_eq!(answer.body["messages"][0]["message"], "This API Token is disabled");
    let later = with(body(&server, &["DNS Read"]), "not_before", json!("2098-01-01T00:00:00Z"));
    let later = caller(&server, &admin.post(TOKENS, later).await);
    assert_eq!(
        later.get(&account).await.body["messages"][0]["message"],
        "This API Token is not valid before 2098-01-01T00:00:00.000000Z"
    );
    let elsewhere =
        with(body(&server, &["DNS Read"]), "condition", json!({ "request_ip": { "in": ["192.0.2.0/24"] } }));
    let elsewhere = caller(&server, &admin.post(TOKENS, elsewhere).await);
    assert_eq!(told(&elsewhere.get(&account).await), "403 9109 Cannot use the access token from location: 127.0.0.1");
    assert_eq!(told(&elsewhere.get(ACCOUNT).await), "403 9109 Cannot use the access token from location: 127.0.0.1");
}

#[tokio::test]
async fn a_token_of_an_account_has_no_user() {
    let server = TestServer::start().await;
    let token = server.token(Owner::Account, &[allow(&["Account API Tokens Write"], &[&account_key(&server)])]).await;
    for path in [USER_TOKENS, "/user/tokens/permission_groups"] {
        assert_eq!(told(&token.get(path).await), "403 9109 Valid user-level authentication not found");
    }
}

#[tokio::test]
async fn lists_are_ordered_by_age_and_hide_the_expired() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let mut ids = Vec::new();
    for name in ["first", "second", "third"] {
        let mut new = with(body(&server, &["DNS Read"]), "name", json!(name));
        if name == "second" {
            new["expires_on"] = json!("2020-01-01T00:00:00Z");
        }
        ids.push(admin.post(TOKENS, new).await.id());
        server.clock.advance(Duration::from_secs(1));
    }
    let names = async |query: &str| {
        let answer = admin.get(&format!("{TOKENS}{query}")).await;
        answer.list().iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("").await, "first third");
    assert_eq!(names("?include_expired=true").await, "first second third");
    assert_eq!(names("?include_expired=true&direction=desc&per_page=2").await, "third second");
    assert_eq!(names("?include_expired=true&per_page=2&page=2").await, "third");
    assert_eq!(names("?per_page=2&page=9").await, "");
    assert_eq!(names("?name=third").await, "third");
    assert_eq!(names("?name=thi").await, "");
    let all = admin.get(&format!("{TOKENS}?include_expired=true&per_page=100")).await;
    assert_eq!(all.body["result_info"]["per_page"], 50);
    assert_eq!(all.list()[1]["status"], "expired");
    let bad = admin.get(&format!("{TOKENS}?include_expired=maybe")).await;
    assert_eq!(bad.pointers(), ["?include_expired"]);
}

#[tokio::test]
async fn when_a_token_was_last_used_is_written_behind() {
    let server = TestServer::start().await;
    let made = server.admin().post(TOKENS, body(&server, &["Account Settings Read"])).await;
    caller(&server, &made).get(ACCOUNT).await.result();
    let used = server.admin().get(&one(&made)).await;
    assert_ne!(used.result()["last_used_on"], Value::Null);
    // A use is no edit: what was read before can still be changed.
    let etag = made.header("etag").unwrap();
    let renamed = with(body(&server, &["Account Settings Read"]), "name", json!("renamed"));
    assert_eq!(server.admin().header("if-match", etag).put(&one(&made), renamed).await.status, 200);
    let stale = server.admin().header("if-match", etag).put(&one(&made), body(&server, &["DNS Read"])).await;
    assert_eq!(stale.status, 412);
}

#[tokio::test]
async fn an_owner_that_loses_a_right_takes_it_from_its_token_at_once() {
    let server = TestServer::start().await;
    let member = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
    let own = json!({ "name": "t", "policies": [policy(&server, "allow", &["Account Settings Read"], json!({ "com.cloudflare.api.account.*": "*" }))] });
    let token = caller(&server, &member.caller.post(USER_TOKENS, own).await);
    let members = "/accounts/{account}/members";
    assert_eq!(token.get(members).await.status, 200);
    let path = format!("{members}/{}", member.id);
    server.admin().put(&path, json!({ "roles": [] })).await.result();
    assert_eq!(token.get(members).await.status, 403);
    server.admin().delete(&path).await.result();
    assert_eq!(token.get(ACCOUNT).await.status, 403);
}

#[tokio::test]
async fn nobody_gives_a_token_what_it_does_not_hold() {
    let server = TestServer::start().await;
    let (held, other) = (server.zone("held.example").await, server.zone("other.example").await);
    let (held, other) = (zone_key(held), zone_key(other));
    let account = account_key(&server);
    let minter = server
        .token(
            Owner::Account,
            &[
                allow(&["Account API Tokens Write", "DNS Read"], &[&account]),
                allow(&["DNS Write"], &[&held]),
                deny(&["DNS Read"], &[&other]),
            ],
        )
        .await;
    let make = async |names: &[&str], resources: Value| {
        let new = json!({ "name": "t", "policies": [policy(&server, "allow", names, resources)] });
        minter.post(TOKENS, new).await
    };
    assert_eq!(make(&["DNS Read"], json!({ &held: "*" })).await.status, 200);
    assert_eq!(make(&["DNS Write"], json!({ &held: "*" })).await.status, 200);
    let wider = [
        (&["DNS Write"][..], json!({ &other: "*" })),
        (&["DNS Read"], json!({ &other: "*" })),
        (&["DNS Read"], json!({ &account: "*" })),
        (&["DNS Read"], json!({ "com.cloudflare.api.account.*": "*" })),
        (&["DNS Read"], json!({ "com.cloudflare.api.account.zone.*": "*" })),
        (&["DNS Read"], json!({ &account: { "com.cloudflare.api.account.zone.*": "*" } })),
        (&["DNS Write"], json!({ &account: { &held: "*", &other: "*" } })),
        (&["Zone Write"], json!({ &held: "*" })),
        (&["Account Settings Write"], json!({ &account: "*" })),
        (&["Account API Tokens Write", "Billing Write"], json!({ &account: "*" })),
    ];
    for (names, resources) in wider {
        let answer = make(names, resources.clone()).await;
        let told = answer.status_and_error();
        assert!(
            told.starts_with("400 1001 Failed common permission check against resources."),
            "{names:?} on {resources}: {told}"
        );
    }
    // By rolling, enabling or changing one that can do more, it would come by the same.
    let strong = server.admin().post(TOKENS, with(body(&server, &["Zone Write"]), "status", json!("disabled"))).await;
    let path = one(&strong);
    for answer in [
        minter.put(&format!("{path}/value"), json!({})).await,
        minter.put(&path, with(body(&server, &["Zone Write"]), "status", json!("active"))).await,
        minter.put(&path, with(body(&server, &["Zone Write", "DNS Write"]), "name", json!("more"))).await,
    ] {
        assert!(answer.status_and_error().contains("Failed common permission check"), "{}", answer.text);
    }
    // To take away or to rename gives nothing.
    assert_eq!(minter.put(&path, with(body(&server, &["Zone Write"]), "name", json!("renamed"))).await.status, 200);
    assert_eq!(minter.delete(&path).await.status, 200);
}

#[tokio::test]
async fn only_a_super_administrator_gives_a_token_the_management_of_members() {
    let server = TestServer::start().await;
    let account = account_key(&server);
    let both = ["Account API Tokens Write", "Account Settings Write"];
    let holder = server.token(Owner::Account, &[allow(&both, &[&account])]).await;
    let answer = holder.post(TOKENS, body(&server, &["Account Settings Write"])).await;
    assert!(answer.status_and_error().contains("only a super administrator gives it to a token"), "{}", answer.text);
    assert_eq!(server.admin().post(TOKENS, body(&server, &["Account Settings Write"])).await.status, 200);
}

#[tokio::test]
async fn whoever_provisions_tokens_sees_its_own_alone() {
    let server = TestServer::start().await;
    let grants = server.roles(&["API Token Provisioning", "DNS"]);
    let maker = server.member("maker@example.com", grants).await;
    let foreign = server.admin().post(TOKENS, body(&server, &["DNS Read"])).await;
    let own = maker.caller.post(TOKENS, body(&server, &["DNS Read"])).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let seen = maker.caller.get(TOKENS).await;
    assert_eq!(seen.list().iter().map(|token| token["id"].as_str().unwrap()).collect::<Vec<_>>(), [own.id()]);
    assert_eq!(maker.caller.get(&one(&foreign)).await.status, 404);
    assert_eq!(maker.caller.delete(&one(&foreign)).await.status, 404);
    assert_eq!(maker.caller.put(&format!("{}/value", one(&foreign)), json!({})).await.status, 404);
    let wider = maker.caller.post(TOKENS, body(&server, &["Zone Write"])).await;
    assert!(wider.status_and_error().contains("Failed common permission check"), "{}", wider.text);
    assert_eq!(maker.caller.put(&format!("{}/value", one(&own)), json!({})).await.status, 200);
    assert_eq!(maker.caller.delete(&one(&own)).await.status, 200);
}

#[tokio::test]
async fn a_token_may_put_itself_out_of_use_and_nothing_else() {
    let server = TestServer::start().await;
    for tokens in [TOKENS, USER_TOKENS] {
        let made = server.admin().post(tokens, body(&server, &["DNS Read"])).await;
        let (token, path) = (caller(&server, &made), format!("{tokens}/{}", made.id()));
        assert_eq!(token.get(&path).await.status, 403);
        assert_eq!(token.put(&format!("{path}/value"), json!({})).await.status, 403);
        let renamed = token.put(&path, with(body(&server, &["DNS Read"]), "name", json!("other"))).await;
        assert_eq!(renamed.status, 403, "{}", renamed.text);
        let disabled = token.put(&path, with(body(&server, &["DNS Read"]), "status", json!("disabled"))).await;
        assert_eq!(disabled.result()["status"], "disabled", "{}", disabled.text);
        assert_eq!(token.get(ACCOUNT).await.status, 403);
        let other = caller(&server, &server.admin().post(tokens, body(&server, &["DNS Read"])).await);
        assert_eq!(other.delete(&path).await.status, 403, "only itself");
        let third = server.admin().post(tokens, body(&server, &["DNS Read"])).await;
        assert_eq!(caller(&server, &third).delete(&format!("{tokens}/{}", third.id())).await.status, 200);
    }
}

#[tokio::test]
async fn a_rolled_token_keeps_its_status_and_says_so() {
    let server = TestServer::start().await;
    let made = server.admin().post(TOKENS, with(body(&server, &["DNS Read"]), "status", json!("disabled"))).await;
    let rolled = server.admin().put(&format!("{}/value", one(&made)), Value::Null).await;
    assert_eq!(rolled.status, 200, "{}", rolled.text);
    assert_eq!(
        rolled.body["messages"][0]["message"],
        "the token is disabled: the new value is of use once it is enabled"
    );
    assert_eq!(server.admin().get(&one(&made)).await.result()["status"], "disabled");
}

#[tokio::test]
async fn an_exposed_token_can_only_be_rolled_or_deleted() {
    let server = TestServer::start().await;
    let made = server.admin().post(TOKENS, body(&server, &["Account Settings Read"])).await;
    let id: TokenId = made.id().parse().unwrap();
    let token = caller(&server, &made);
    let origin = crate::support::origin();
    let leaked = server.runtime.report_leak(made.result()["value"].as_str().unwrap(), &origin).await.expect("a report");
    assert_eq!(leaked, Some(Leaked::Token(StreamId::Account(server.account), id)));
    assert_eq!(server.runtime.report_leak("nothing of ours", &origin).await.expect("a report"), None);
    assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
    assert_eq!(token.get(&format!("{TOKENS}/verify")).await.result()["status"], "revoked (exposed)");
    let edit = server.admin().put(&one(&made), body(&server, &["DNS Read"])).await;
    assert!(edit.status_and_error().contains("can only be rolled or deleted"), "{}", edit.text);
    let rolled = server.admin().put(&format!("{}/value", one(&made)), json!({})).await;
    let next = Caller::with_token(&server.origin, &server.account.to_string(), rolled.result().as_str().unwrap());
    assert_eq!(next.get(ACCOUNT).await.status, 200);
    assert_eq!(server.admin().get(&one(&made)).await.result()["status"], "active");
}

#[tokio::test]
async fn an_owner_has_a_quota_of_tokens_that_have_not_expired() {
    let server = TestServer::builder()
        .rules(|rules| {
            rules.limits.account_tokens = 2;
            rules.limits.user_tokens = 1;
        })
        .start()
        .await;
    let expired = with(body(&server, &["DNS Read"]), "expires_on", json!("2020-01-01T00:00:00Z"));
    for (tokens, most) in [(TOKENS, 2), (USER_TOKENS, 1)] {
        assert_eq!(server.admin().post(tokens, expired.clone()).await.status, 200);
        for _ in 0..most {
            assert_eq!(server.admin().post(tokens, body(&server, &["DNS Read"])).await.status, 200);
        }
        let refused = server.admin().post(tokens, body(&server, &["DNS Read"])).await;
        assert!(refused.status_and_error().starts_with("400 1009 at most"), "{}", refused.text);
    }
}

#[tokio::test]
async fn the_secret_of_a_repeated_create_is_given_again_from_memory_alone() {
    let server = TestServer::start().await;
    let keyed = server.admin().header("idempotency-key", "one");
    let first = keyed.post(TOKENS, body(&server, &["DNS Read"])).await;
    let again = keyed.post(TOKENS, body(&server, &["DNS Read"])).await;
    assert_eq!(first.result()["value"], again.result()["value"]);
    assert_eq!(server.admin().get(TOKENS).await.list().len(), 1);
    let secret = first.result()["value"].as_str().unwrap();
    let leases = server.runtime.store.leases_due("idempotency", i64::MAX, 100).await;
    let leases = format!("{leases:?}");
    assert!(!leases.contains(secret));
}

#[tokio::test]
async fn a_dry_run_of_a_token_makes_none_and_shows_what_an_account_would_gain() {
    let server = TestServer::start().await;
    for (tokens, gains) in [(TOKENS, 1), (USER_TOKENS, 0)] {
        let dry = server
            .admin()
            .header("portcullis-dry-run", "true")
            .post(tokens, body(&server, &["Account Settings Read"]))
            .await;
        assert_eq!(dry.status, 200, "{}", dry.text);
        assert_eq!(dry.body["dry_run"]["gains"].as_array().unwrap().len(), gains);
        assert_eq!(told(&caller(&server, &dry).get(ACCOUNT).await), "403 9109 Invalid access token");
        assert_eq!(server.admin().get(tokens).await.list().len(), 0);
    }
}

#[tokio::test]
async fn a_disabled_user_has_no_tokens() {
    let server = TestServer::start().await;
    let member = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
    let new = json!({ "name": "t", "policies": [policy(&server, "allow", &["DNS Read"], json!({ "com.cloudflare.api.account.*": "*" }))] });
    let token = caller(&server, &member.caller.post(USER_TOKENS, new).await);
    assert_eq!(token.get(&format!("{USER_TOKENS}/verify")).await.status, 200);
    let (permit, origin) = (UserPermit::for_system(member.user), crate::support::origin());
    let disabled = server.runtime.commit_user(&permit, &[], &origin, |state, _| {
        let user = model::users::User { enabled: false, ..(**state.user.as_ref().unwrap()).clone() };
        Ok((vec![model::change::Change::put(model::change::Document::User(user.into()))], ()))
    });
    disabled.await.expect("a commit");
    assert_eq!(told(&token.get(&format!("{USER_TOKENS}/verify")).await), "401 1000 Invalid API Token");
    assert_eq!(told(&token.get(ACCOUNT).await), "403 9109 Invalid access token");
}

#[tokio::test]
async fn an_expired_token_loses_its_digest_after_a_day_and_is_gone_after_ninety() {
    let server = TestServer::start().await;
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    for tokens in [TOKENS, USER_TOKENS] {
        let now = server.runtime.clock.now();
        let end = now.plus_seconds(3600).to_string();
        let made = server
            .admin()
            .post(tokens, with(body(&server, &["Account Settings Read"]), "expires_on", json!(end)))
            .await;
        let token = caller(&server, &made);
        let (verify, path) = (format!("{tokens}/verify"), format!("{tokens}/{}", made.id()));
        let sweep = async || server.runtime.sweep_tokens().await.expect("a sweep");
        assert_eq!(token.get(ACCOUNT).await.status, 200);
        assert_eq!(sweep().await, 0);
        server.clock.advance(Duration::from_secs(3600));
        assert_eq!(token.get(ACCOUNT).await.status, 403, "from its last moment on");
        assert_eq!(token.get(&verify).await.result()["status"], "expired");
        server.clock.advance(days(1));
        assert_eq!(sweep().await, 1);
        assert_eq!(token.get(&verify).await.status, 401, "the digest is erased");
        assert_eq!(server.admin().get(&path).await.result()["status"], "expired");
        server.clock.advance(days(88));
        assert_eq!(sweep().await, 0);
        server.clock.advance(days(1));
        assert_eq!(sweep().await, 1);
        assert_eq!(server.admin().get(&path).await.status, 404);
        assert_eq!(sweep().await, 0);
    }
}
