//! The table of who may call what: `who_may_call.json` has a row for every operation that is served. Each cell is a real
//! request, with ids that exist and a body that would do.

use std::collections::{BTreeMap, BTreeSet};

use engine::permit::Need;
use engine::user_permit::UserPermit;
use model::ids::{AccountId, TokenId};
use model::members::Grants;
use runtime::secrets::{PlainSecret, SecretKind};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Caller, Method, Owner, Response, TestMember, TestServer, allow};

use crate::support::{CONNECTORS, MEMBERS, UNKNOWN, another_account, group, resource_group, token_of, zone_key};

#[derive(Deserialize)]
struct Table {
    /// What a caller hears who is not let in, unless the row says otherwise.
    refusals: BTreeMap<String, String>,
    rows: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
struct Row {
    /// The body to send.
    #[serde(default)]
    body: Value,
    /// Who is let in: the answer is 200.
    may: Vec<String>,
    /// Who hears something else than usual.
    #[serde(default)]
    besides: BTreeMap<String, String>,
}

impl Row {
    fn expected<'a>(&'a self, table: &'a Table, caller: &str) -> &'a str {
        if self.may.iter().any(|may| may == caller) {
            return "200";
        }
        self.besides.get(caller).unwrap_or_else(|| &table.refusals[caller])
    }
}

fn table() -> Table {
    serde_json::from_str(include_str!("who_may_call.json")).expect("a table")
}

struct Operation {
    id: String,
    method: Method,
    path: String,
}

/// Every operation that is served.
fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(server::openapi::describe()).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let method = method.to_uppercase().parse().expect("a method");
            // A stream would go on.
            let query = if id.ends_with("-stream") { "?follow=false" } else { "" };
            operations.push(Operation { id: id.to_owned(), method, path: format!("{path}{query}") });
        }
    }
    operations
}

/// A server with one of each thing, and somebody of each kind.
struct World {
    server: TestServer,
    ids: BTreeMap<&'static str, String>,
    other_account: AccountId,
    other_member: Caller,
    administrator: TestMember,
    reader: TestMember,
    bare: TestMember,
    pending: Caller,
}

impl World {
    async fn new() -> World {
        let server = TestServer::builder().settings(|settings| settings.failure_limit = None).start().await;
        let administrator = server.member("administrator@example.com", server.roles(&["Administrator"])).await;
        let reader = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
        let bare = server.member("bare@example.com", Grants::Policies(vec![])).await;
        let target = server.member("target@example.com", Grants::Policies(vec![])).await;
        let (_, pending) = server.user("pending@example.com").await;
        let (stranger, other_member) = server.user("stranger@example.com").await;
        let other_account = another_account(&server, &stranger).await;
        let admin = server.admin();
        let invite = admin.post(MEMBERS, json!({ "email": "pending@example.com", "roles": [] })).await.id();
        // Another account invites the super administrator.
        let elsewhere = other_member.clone().about(other_account);
        let invite_of_admin = elsewhere.post(MEMBERS, json!({ "email": "admin@example.com", "roles": [] })).await;
        let zone = server.zone("example.com").await;
        let resource_group = resource_group(&server, "domains", &[&zone_key(zone)]).await;
        let user_group = group(&server, "staff", &[]).await;
        let members = format!("/accounts/{{account}}/iam/user_groups/{user_group}/members");
        admin.post(&members, json!([{ "id": target.id.to_string() }])).await.result();
        // The commit that took it in.
        let revision = crate::support::revision(&server).await;
        let new = json!({ "email_domain": "example.org", "begin_verification": false });
        let connector = admin.post(CONNECTORS, new).await;
        let audit_id = connector.header("cf-auditlog-id").expect("an audit id").to_owned();
        let connector = connector.id();
        let key = format!("com.cloudflare.api.account.{}", server.account);
        let token = server.token(Owner::Account, &[allow(&["DNS Read"], &[&key])]).await;
        let user_token = server.token(Owner::Admin, &[allow(&["DNS Read"], &[&key])]).await;
        let worker = "com.cloudflare.api.account.worker.there";
        admin.post("/accounts/{account}/iam/resources", json!({ "key": worker })).await.result();
        let catalog = server.runtime.engine.catalog();
        let dns_read = catalog.permissions_named("DNS Read").next().expect("a permission");
        let ids = BTreeMap::from([
            ("invite_id", invite_of_admin.id()),
            ("invite_of_pending", invite),
            ("user_token_id", user_token.id.to_string()),
            ("dns_read", dns_read.id.to_string()),
            ("resource_key", worker.to_owned()),
            ("token_id", token.id.to_string()),
            ("revision", revision.to_string()),
            ("id", audit_id),
            ("account_id", server.account.to_string()),
            ("member_id", target.id.to_string()),
            ("zone_id", zone.to_string()),
            ("resource_group_id", resource_group),
            ("user_group_id", user_group),
            ("sso_connector_id", connector),
            ("role_id", catalog.roles()[0].id.to_string()),
            ("permission_group_id", catalog.iam_groups()[0].id.to_string()),
            ("other_member_id", bare.id.to_string()),
            ("admin_member_id", server.member.to_string()),
        ]);
        World { server, ids, other_account, other_member, administrator, reader, bare, pending }
    }

    /// The text with the ids of this world in place of `{name}`.
    fn fill(&self, text: &str) -> String {
        let filled = self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id));
        // The only operations that demand a query.
        let is_audit =
            filled.ends_with("/logs/audit") || filled.ends_with("/history") && filled.contains("/logs/audit/");
        match is_audit {
            true => format!("{filled}?since=2026-01-02&before=2026-01-03&action_time=2026-01-02T03:04:05Z"),
            false => filled,
        }
    }

    async fn ask(&self, caller: &Caller, operation: &Operation, body: &Value) -> Response {
        let body = (operation.method != Method::GET).then(|| self.fill(&body.to_string()));
        let path = match operation.path.starts_with("/user/tokens/") {
            true => operation.path.replace("{token_id}", "{user_token_id}"),
            false => operation.path.replace("{membership_id}", "{admin_member_id}"),
        };
        caller.send(operation.method.clone(), &self.fill(&path), body).await
    }

    async fn full_token(&self) -> Caller {
        let secret = PlainSecret::generate(SecretKind::UserToken);
        let digest = self.server.runtime.secrets.digest(secret.reveal());
        let id = TokenId(self.server.runtime.environment().next_id());
        let token =
            server::dev::full_access::token(&self.server.runtime.environment(), id, "all", digest, self.server.user.id);
        let work = |_: &_, _: &model::rules::Environment<'_>| {
            Ok((vec![model::change::Change::put(model::change::Document::Token(token.clone().into()))], ()))
        };
        let origin = crate::support::origin();
        self.server
            .runtime
            .commit_user(&UserPermit::for_system(self.server.user.id), &[], &origin, work)
            .await
            .expect("a token");
        Caller::with_token(&self.server.origin, &self.server.account.to_string(), secret.reveal())
    }

    /// A user's token with one permission, on everything that its owner reaches.
    async fn user_token(&self, user: model::ids::UserId, permission: &str) -> Caller {
        let own = format!("com.cloudflare.api.user.{user}");
        let keys = ["com.cloudflare.api.account.*", &own];
        self.server.token(Owner::User(user), &[allow(&[permission], &keys)]).await.caller
    }

    async fn caller(&self, name: &str, permission: &str) -> Caller {
        let server = &self.server;
        let account_token = async |account, permission: &str| token_of(server, account, &[permission]).await;
        match name {
            "nobody" => server.anonymous(),
            "unknown token" => {
                let secret = PlainSecret::generate(SecretKind::AccountToken);
                Caller::with_token(&server.origin, &server.account.to_string(), secret.reveal())
            }
            "super administrator" => server.admin(),
            "super administrator's full token" => self.full_token().await,
            "Administrator" => self.administrator.caller.clone(),
            "Administrator Read Only" => self.reader.caller.clone(),
            "member without policies" => self.bare.caller.clone(),
            "pending member" => self.pending.clone(),
            "member of another account" => self.other_member.clone(),
            "account token with an accepted permission" => account_token(server.account, permission).await,
            "account token with another permission" => account_token(server.account, "Audit Logs Read").await,
            "account token of another account" => account_token(self.other_account, permission).await,
            "user token of the super administrator" => self.user_token(server.user.id, permission).await,
            "user token of a member without policies" => self.user_token(self.bare.user, permission).await,
            "account token for SCIM only" => account_token(server.account, "SCIM Provisioning").await,
            other => panic!("nobody is called `{other}`"),
        }
    }

    /// The names of the permissions that suffice for an operation.
    fn accepted(&self, operation: &Operation) -> Vec<String> {
        let catalog = self.server.runtime.engine.catalog();
        let accepts = catalog.operation(&operation.id).expect("a known operation").accepts.unwrap_or_default();
        accepts.iter().map(|index| catalog.permission_at(index).name.to_string()).collect()
    }
}

fn heard(answer: &Response) -> String {
    // Decisions of AuthZEN: the first of several stands for all.
    let first = &answer.body["evaluations"][0];
    let decided = if first.is_null() { &answer.body } else { first };
    if decided["decision"] == false {
        let status = &decided["context"]["error"]["status"];
        return if status.is_null() {
            format!("{}, denied", answer.status)
        } else {
            format!("{}, item {status}", answer.status)
        };
    }
    if answer.body["results"].as_array().is_some_and(Vec::is_empty) {
        return format!("{}, nothing", answer.status);
    }
    match answer.body["errors"].as_array().and_then(|errors| errors.first()) {
        Some(error) => format!("{} {}", answer.status, error["code"]),
        None => match answer.body["result_info"]["total_count"].as_u64() {
            Some(0) if answer.body["result"].is_array() => format!("{}, empty", answer.status),
            Some(_) | None => answer.status.to_string(),
        },
    }
}

#[test]
fn the_table_has_a_row_for_every_route_and_a_route_for_every_row() {
    let served: BTreeSet<String> = operations().into_iter().map(|operation| operation.id).collect();
    let table = table();
    let rows: BTreeSet<String> = table.rows.keys().cloned().collect();
    assert_eq!(rows, served);
    for (id, row) in &table.rows {
        for caller in row.may.iter().chain(row.besides.keys()) {
            assert!(table.refusals.contains_key(caller), "the row of {id} speaks of `{caller}`, whom nobody knows");
        }
    }
}

#[tokio::test]
async fn everybody_may_call_what_the_table_says_and_nothing_else() {
    let table = table();
    let mut wrong = Vec::new();
    for operation in operations() {
        let Some(row) = table.rows.get(&operation.id) else { continue };
        let mut world = World::new().await;
        for name in table.refusals.keys() {
            let accepted = world.accepted(&operation);
            let permission = accepted.first().map_or("Account Settings Read", String::as_str);
            let caller = world.caller(name, permission).await;
            let answer = world.ask(&caller, &operation, &row.body).await;
            let expected = row.expected(&table, name);
            if heard(&answer) != expected {
                wrong.push(format!("{}, {name}: {}, not {expected}", operation.id, heard(&answer)));
            }
            if heard(&answer) == "403 10000" {
                check_refusal(&operation, &accepted, &answer);
            }
            if answer.status == 200 && operation.method != Method::GET {
                world = World::new().await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// D75: a 403 says what would have sufficed.
fn check_refusal(operation: &Operation, accepted: &[String], answer: &Response) {
    let error = &answer.body["errors"][0];
    let listed: Vec<&str> = error["accepted_permissions"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    assert_eq!(listed, accepted, "{}", operation.id);
    assert_eq!(error["documentation_url"], format!("/openapi.json#{}", operation.id));
}

#[tokio::test]
async fn each_accepted_permission_suffices_alone() {
    let table = table();
    let mut wrong = Vec::new();
    for operation in operations() {
        let Some(row) = table.rows.get(&operation.id) else { continue };
        let mut world = World::new().await;
        let of_user = ["/user", "/memberships"].iter().any(|path| operation.path.starts_with(path));
        for permission in world.accepted(&operation) {
            let caller = match of_user {
                true => world.user_token(world.server.user.id, &permission).await,
                false => token_of(&world.server, world.server.account, &[&permission]).await,
            };
            let answer = world.ask(&caller, &operation, &row.body).await;
            // Who makes a token, or learns the secret of one, must hold what it can do, too (D15); and what the operation asks
            // for besides permission, the table says.
            let gives = ["create-token", "roll-token"].iter().any(|verb| operation.id.ends_with(verb));
            let refused_as_giver = gives && answer.status_and_error().contains("Failed common permission check");
            let expected = row.expected(&table, "user token of the super administrator");
            let for_a_super_administrator = operation.id == "account-deletion" && heard(&answer) == "403 10000";
            let let_in = expected != "403 10000" && heard(&answer) == expected || for_a_super_administrator;
            if answer.status != 200 && !refused_as_giver && !let_in {
                wrong.push(format!("{}, {permission}: {}", operation.id, heard(&answer)));
            }
            if operation.method != Method::GET {
                world = World::new().await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_account_of_others_and_one_that_is_not_there_answer_alike() {
    let world = World::new().await;
    let table = table();
    let other = world.other_account.to_string();
    let token = token_of(&world.server, world.server.account, &["Account Settings Write"]).await;
    for operation in operations() {
        let body = table.rows.get(&operation.id).map(|row| row.body.to_string()).unwrap_or_default();
        if !format!("{}{body}", operation.path).contains("{account_id}") {
            continue;
        }
        for caller in [&world.server.admin(), &token, &world.bare.caller] {
            let mut answers = Vec::new();
            for account in [other.as_str(), UNKNOWN] {
                let fill = |text: &str| world.fill(&text.replace("{account_id}", account));
                let sent = (operation.method != Method::GET).then(|| fill(&body));
                let answer = caller.send(operation.method.clone(), &fill(&operation.path), sent).await;
                // To be verified takes a token of the account, not a permission in it; and of a user's own token, what it names
                // is judged.
                let judged = operation.id.ends_with("-verify-token") || operation.path.starts_with("/user");
                let refused = if judged { answer.status >= 400 } else { answer.status == 403 };
                assert!(refused, "{}: {}", operation.id, answer.status);
                assert_eq!(answer.header("portcullis-revision"), None);
                answers.push(answer.text.replace(account, "ACCOUNT"));
            }
            assert_eq!(answers[0], answers[1], "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn a_user_whose_address_is_not_verified_administers_nothing() {
    let world = World::new().await;
    let table = table();
    let user = world.server.user.clone();
    let unverified = model::users::User { email_verified: false, ..(*user).clone() };
    let work = |_: &_, _: &model::rules::Environment<'_>| {
        Ok((vec![model::change::Change::put(model::change::Document::User(unverified.clone().into()))], ()))
    };
    world
        .server
        .runtime
        .commit_user(&UserPermit::for_system(user.id), &[], &crate::support::origin(), work)
        .await
        .expect("a commit");
    let admin = world.server.admin();
    for operation in operations() {
        let row = &table.rows[&operation.id];
        let administers = operation.method != Method::GET
            && operation.path.starts_with("/accounts/")
            && ["/members", "/iam/user_groups", "/iam/resource_groups", "/iam/state"]
                .iter()
                .any(|part| operation.path.contains(part));
        if administers {
            let answer = world.ask(&admin, &operation, &row.body).await;
            assert_eq!(
                answer.status_and_error(),
                "403 10000 Forbidden: verify your e-mail address before you manage members",
                "{}",
                operation.id
            );
        }
    }
    assert_eq!(admin.get(MEMBERS).await.status, 200);
}

#[tokio::test]
async fn the_engine_gives_no_permit_to_whom_the_table_refuses() {
    // The doors ask the engine, so the two must agree on what is read in the account.
    let world = World::new().await;
    let snapshot = world.server.runtime.account(world.server.account).await.expect("readable").expect("the account");
    let engine = &world.server.runtime.engine;
    let table = table();
    for operation in operations() {
        let known = engine.catalog().operation(&operation.id).expect("a known operation");
        let Some(accepts) = known.accepts.filter(|_| operation.path.contains("{account_id}")) else { continue };
        let principal = engine::principal::Principal::User(world.reader.user);
        let any_member = table.rows[&operation.id].may.iter().any(|may| may == "member without policies");
        let permit = engine.permit(&snapshot.state, &principal, Need { accepts, any_member }, None);
        let may = table.rows[&operation.id].may.iter().any(|may| may == "Administrator Read Only");
        // Everybody may ask about themselves; the table's body does.
        let of_oneself =
            ["portcullis-account-authorize", "portcullis-account-explain"].contains(&operation.id.as_str());
        assert!(permit.is_ok() == may || of_oneself, "{}", operation.id);
    }
}

#[tokio::test]
async fn an_object_of_another_account_is_not_there() {
    let world = World::new().await;
    let table = table();
    let stranger = world.other_member.clone().about(world.other_account);
    for operation in operations() {
        let names: Vec<&str> =
            operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let of_catalogue = names.iter().any(|name| ["role_id", "permission_group_id"].contains(name));
        if names.len() < 2 || names[0] != "account_id" || of_catalogue {
            continue;
        }
        let path = world.fill(&operation.path.replace("{account_id}", "{account}"));
        let row = &table.rows[&operation.id];
        let body = (operation.method != Method::GET).then(|| world.fill(&row.body.to_string()));
        let answer = stranger.send(operation.method.clone(), &path, body).await;
        let told = heard(&answer);
        assert!(
            told == "404 1002" || told == "400 1001" && operation.id.contains("group-member"),
            "{}: {told}",
            operation.id
        );
    }
}
