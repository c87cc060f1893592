//! What the tests share: requests that must be refused, policies as a client writes them, a second account.

use model::accounts::NewAccount;
use model::change::{Change, Document};
use model::commit::{Actor, Request};
use model::ids::{AccountId, PolicyId, TokenId};
use model::policies::Effect;
use model::tokens::{Condition, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::users::User;
use runtime::Origin;
use runtime::secrets::{PlainSecret, SecretKind};
use serde_json::{Value, json};
use testkit::{Caller, Method, Response, TestServer};

pub const ACCOUNT: &str = "/accounts/{account}";
pub const MEMBERS: &str = "/accounts/{account}/members";
pub const ROLES: &str = "/accounts/{account}/roles";
pub const GROUPS: &str = "/accounts/{account}/iam/user_groups";
pub const RESOURCE_GROUPS: &str = "/accounts/{account}/iam/resource_groups";
pub const PERMISSION_GROUPS: &str = "/accounts/{account}/iam/permission_groups";
pub const CONNECTORS: &str = "/accounts/{account}/sso_connectors";
pub const AUTHORIZE: &str = "/accounts/{account}/iam/authorize";

pub const SUPER: &str = "Super Administrator - All Privileges";
/// An id of nothing.
pub const UNKNOWN: &str = "ffffffffffffffffffffffffffffffff";

/// The revision of the server's account.
pub async fn revision(server: &TestServer) -> u64 {
    let answer = server.admin().get(ACCOUNT).await;
    answer.header("portcullis-revision").expect("a revision").parse().expect("a number")
}

/// What a client hears of a failure: a line for each error, with its place, if it has one. Ids are left out.
pub fn told(response: &Response) -> String {
    let errors = response.body["errors"].as_array().cloned().unwrap_or_default();
    if errors.is_empty() {
        return response.status.to_string();
    }
    let line = |error: &Value| {
        let pointer = error["source"]["pointer"].as_str().map(|pointer| format!(" [{pointer}]")).unwrap_or_default();
        let chain = error["error_chain"].as_array().cloned().unwrap_or_default();
        let chain: String =
            chain.iter().map(|link| format!(" <- {} {}", link["code"], text(&link["message"]))).collect();
        format!("{} {}{pointer} {}{chain}", response.status, error["code"], text(&error["message"]))
    };
    without_ids(&errors.iter().map(line).collect::<Vec<_>>().join("\n"))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The same text with `<id>` for every id.
pub fn without_ids(message: &str) -> String {
    let mut words = String::new();
    let mut run = String::new();
    for c in message.chars().chain([' ']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        words.push_str(if run.len() == 32 { "<id>" } else { &run });
        run.clear();
        words.push(c);
    }
    words.trim_end().to_owned()
}

/// Sends `METHOD /path` as the super administrator. It must be refused and leave the account as it was.
pub async fn refused(server: &TestServer, request: &str, body: Value) -> String {
    refused_text(server, request, &body.to_string()).await
}

/// As [`refused`], with any text as body.
pub async fn refused_text(server: &TestServer, request: &str, body: &str) -> String {
    refused_to(server, &server.admin(), request, body).await
}

/// As [`refused_text`], by any caller.
pub async fn refused_to(server: &TestServer, caller: &Caller, request: &str, body: &str) -> String {
    let before = revision(server).await;
    let response = send(caller, request, body).await;
    assert!(response.status >= 400, "{request} {body} was carried out: {}", response.text);
    assert_eq!(response.body["success"], false, "{}", response.text);
    assert_eq!(response.body["result"], Value::Null);
    assert_eq!(response.body["messages"], json!([]));
    assert_eq!(revision(server).await, before, "{request} {body} was refused, yet something changed");
    told(&response)
}

/// Sends `METHOD /path`.
pub async fn send(caller: &Caller, request: &str, body: &str) -> Response {
    let (method, path) = request.split_once(' ').expect("`METHOD /path`");
    let method = method.parse::<Method>().expect("a method");
    let body = (method != Method::GET && !body.is_empty()).then(|| body.to_owned());
    caller.send(method, path, body).await
}

/// Refuses a table of requests, one answer below the other.
pub async fn refusals(server: &TestServer, rows: &[(&str, Value)]) -> String {
    let mut lines = Vec::new();
    for (request, body) in rows {
        lines.push(refused(server, request, body.clone()).await);
    }
    lines.join("\n")
}

/// A policy as a client writes it: IAM permission groups by label, resource groups by id.
pub fn policy(server: &TestServer, access: &str, labels: &[&str], resource_groups: &[&str]) -> Value {
    let groups: Vec<Value> = labels.iter().map(|label| json!({ "id": server.permission_group(label) })).collect();
    let places: Vec<Value> = resource_groups.iter().map(|id| json!({ "id": id })).collect();
    json!({ "access": access, "permission_groups": groups, "resource_groups": places })
}

/// The id of a role.
pub fn role(server: &TestServer, name: &str) -> String {
    let roles = server.runtime.engine.catalog().roles();
    roles.iter().find(|role| *role.name == *name).expect("a role of that name").id.to_string()
}

/// Makes a user group and returns its id.
pub async fn group(server: &TestServer, name: &str, policies: &[Value]) -> String {
    server.admin().post(GROUPS, json!({ "name": name, "policies": policies })).await.id()
}

/// A scope of the server's account.
pub fn scope(server: &TestServer, objects: &[&str]) -> Value {
    let objects: Vec<Value> = objects.iter().map(|key| json!({ "key": key })).collect();
    json!({ "key": format!("com.cloudflare.api.account.{}", server.account), "objects": objects })
}

/// Makes a resource group and returns its id.
pub async fn resource_group(server: &TestServer, name: &str, objects: &[&str]) -> String {
    server.admin().post(RESOURCE_GROUPS, json!({ "name": name, "scope": scope(server, objects) })).await.id()
}

/// The key of a zone.
pub fn zone_key(zone: impl std::fmt::Display) -> String {
    format!("com.cloudflare.api.account.zone.{zone}")
}

/// The key of the server's account.
pub fn account_key(server: &TestServer) -> String {
    format!("com.cloudflare.api.account.{}", server.account)
}

pub fn origin() -> Origin {
    Origin { actor: Actor::System { reason: "test".into() }, request: Request::default() }
}

/// Makes another account with its own super administrator.
pub async fn another_account(server: &TestServer, maker: &User) -> AccountId {
    let id = AccountId(server.runtime.environment().next_id());
    let new = NewAccount { name: "Another Account".to_owned(), kind: None };
    server.runtime.create_account(id, &new, maker, &origin(), |_, _| None).await.expect("another account");
    id
}

/// A token of any account, with permissions by name on everything in it; the caller speaks of the server's account.
pub async fn token_of(server: &TestServer, account: AccountId, permissions: &[&str]) -> Caller {
    let secret = PlainSecret::generate(SecretKind::AccountToken).reveal().to_owned();
    let key = format!("com.cloudflare.api.account.{account}");
    let document = |environment: &model::rules::Environment<'_>| Token {
        id: TokenId(environment.next_id()),
        name: "test token".into(),
        status: TokenStatus::Active,
        digest: Some(server.runtime.secrets.digest(&secret)),
        policies: Box::new([TokenPolicy {
            id: PolicyId(environment.next_id()),
            effect: Effect::Allow,
            permission_groups: permissions
                .iter()
                .flat_map(|name| environment.catalog.permissions_named(name))
                .map(|permission| permission.id)
                .collect(),
            resources: [(Box::from(key.as_str()), TokenResource::Everything(Star::Star))].into(),
        }]),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: environment.now,
        modified_on: environment.now,
        created_by: None,
    };
    let made = server.try_commit(account, |_, environment| {
        Ok((vec![Change::put(Document::Token(document(environment).into()))], ()))
    });
    made.await.expect("a token");
    Caller::with_token(&server.origin, &server.account.to_string(), &secret)
}

/// Sends a request as it is written, which must close the connection, and reads all that comes back.
pub async fn http(origin: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = origin.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}
