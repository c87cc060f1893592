//! `portcullis ask`: the answers of the API, from the database, beside a server and without one.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::Caller;
use testkit::binary::Program;

use crate::support::{Installation, refusal, stderr, stdout};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";

/// Bea is in the group "dns", which allows her DNS wherever the account's permissions reach, and denies it on one zone.
struct World {
    installation: Installation,
    server: Program,
    admin: Caller,
    group: String,
    zones: [String; 2],
    bea: String,
}

impl World {
    async fn new() -> World {
        let installation = Installation::new();
        let server = installation.serve(&["--allow-direct-add"]);
        let admin = installation.token_caller(&server);
        assert!(installation.run(&["user", "create", "--email", "bea@example.com"]).status.success());
        let account = installation.text("account_id").to_owned();
        let mut zones = Vec::new();
        for name in ["a.example.com", "b.example.com"] {
            zones.push(admin.post("/zones", json!({ "name": name, "account": { "id": account } })).await.id());
        }
        let label =
            admin.get("/accounts/{account}/iam/permission_groups?label=domain_dns").await.list()[0]["id"].clone();
        let whole = admin.get("/accounts/{account}/iam/resource_groups").await.list()[0]["id"].clone();
        let objects = json!([{ "key": format!("com.cloudflare.api.account.zone.{}", zones[1]) }]);
        let scope = json!({ "key": format!("com.cloudflare.api.account.{account}"), "objects": objects });
        let second = admin
            .post("/accounts/{account}/iam/resource_groups", json!({ "name": "second", "scope": scope }))
            .await
            .id();
        let policy = |access: &str, place: Value| json!({ "access": access, "permission_groups": [{ "id": label }], "resource_groups": [{ "id": place }] });
        let body = json!({ "name": "dns", "policies": [policy("allow", whole), policy("deny", json!(second))] });
        let group = admin.post(GROUPS, body).await.id();
        let body = json!({ "email": "bea@example.com", "status": "accepted", "policies": [] });
        let bea = admin.post("/accounts/{account}/members", body).await.id();
        admin.post(&format!("{GROUPS}/{group}/members"), json!([{ "id": bea }])).await.result();
        World { installation, server, admin, group, zones: zones.try_into().unwrap(), bea }
    }

    /// What is printed, with the ids and times of this run by name.
    fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.installation.run(&[&["ask"], arguments].concat());
        assert_eq!(stderr(&output), "");
        (output.status.code().unwrap(), self.named(&stdout(&output)))
    }

    fn named(&self, text: &str) -> String {
        let account = self.installation.text("account_id");
        let known = [
            (account, "ACCOUNT"),
            (&self.zones[0], "ZONE-A"),
            (&self.zones[1], "ZONE-B"),
            (&self.group, "GROUP"),
            (&self.bea, "BEA"),
        ];
        let text = known.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
        let words = text.split_inclusive(char::is_whitespace).map(|word| {
            let bare = word.trim_end_matches([',', ':', ';', '\n', ' ']);
            let rest = &word[bare.len()..];
            match bare {
                id if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => format!("<id>{rest}"),
                time if time.len() == 27 && time.starts_with("20") && time.ends_with('Z') => format!("<time>{rest}"),
                _ => word.to_owned(),
            }
        });
        words.collect()
    }
}

#[tokio::test]
async fn each_question_has_an_answer_for_people() {
    let world = World::new().await;
    let [a, b] = world.zones.each_ref().map(|zone| format!("zone:{zone}"));
    let mut told = String::new();
    let bea = "bea@example.com";
    let group = format!("user_group:{}", world.group);
    let read_b = format!("GET /zones/{}/dns_records", world.zones[1]);
    for arguments in [
        vec!["may", bea, "DNS Write", &a],
        vec!["may", bea, "DNS Write", &b],
        vec!["may", bea, &read_b],
        vec!["may", "user:eve@example.com", "DNS Write", &a],
        vec!["may", bea, "accounts-account-details"],
        vec!["may", bea, "DNS Write", "zone:00000000000000000000000000000000"],
        vec!["why", bea, "DNS Write", &a],
        vec!["why", bea, "DNS Write", &b],
        vec!["who", "DNS Write", &b],
        vec!["who", "DNS Write", &b, "--type", "user_group"],
        vec!["where", bea, "DNS Write"],
        vec!["what", bea, &a],
        vec!["effective", &group],
        vec!["history", "DNS Write", &a, "--subject", bea],
        vec!["least", "--operation", "zones-0-get", "--operation", "account-user-group-create"],
        vec!["unused", &group],
    ] {
        let (code, text) = world.ask(&arguments);
        let line: Vec<String> = arguments
            .iter()
            .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
            .collect();
        told += &format!("$ portcullis ask {}\n{text}[{code}]\n", world.named(&line.join(" ")));
    }
    assert_snapshot!(told);
}

#[tokio::test]
async fn the_answer_is_that_of_the_api_beside_a_server_and_without_one() {
    let mut world = World::new().await;
    let key = format!("com.cloudflare.api.account.zone.{}", world.zones[1]);
    let question = json!({ "subject": { "user": "bea@example.com" }, "action": "DNS Write", "resource": key });
    let path = format!("/accounts/{{account}}/members/{}/effective_policies", world.bea);
    let mut answers = vec![
        world.admin.post("/accounts/{account}/iam/explain", question).await,
        world.admin.get(&path).await,
        world
            .admin
            .post("/accounts/{account}/iam/access_history", json!({ "action": "DNS Write", "resource": key }))
            .await,
    ];
    let asked: [&[&str]; 3] = [
        &["why", "bea@example.com", "DNS Write", &key],
        &["effective", "bea@example.com"],
        &["history", "DNS Write", &key],
    ];
    let answers: Vec<Value> = answers
        .drain(..)
        .map(|answer| {
            let revision: u64 = answer.header("portcullis-revision").unwrap().parse().unwrap();
            json!({ "revision": revision, "answer": answer.result() })
        })
        .collect();
    let ask = |world: &World| -> Vec<Value> {
        let said = |arguments: &&[&str]| {
            let output = world.installation.run(&[&["ask"], *arguments, &["--json"]].concat());
            assert!(output.status.success(), "{}", stderr(&output));
            serde_json::from_slice(&output.stdout).unwrap()
        };
        asked.iter().map(said).collect()
    };
    assert_eq!(ask(&world), answers);
    world.server.terminate();
    assert!(world.server.wait().success());
    assert_eq!(ask(&world), answers);
}

#[tokio::test]
async fn a_change_is_rehearsed_and_not_made() {
    let world = World::new().await;
    let path = format!("/accounts/{}/iam/user_groups/{}", world.installation.text("account_id"), world.group);
    let (code, told) = world.ask(&["change", "DELETE", &path]);
    assert_eq!(code, 0);
    assert_snapshot!(told, @"lose DNS Read, DNS Write, Zone DNS Settings Read, Zone DNS Settings Write, Zone Read on com.cloudflare.api.account.zone.* except com.cloudflare.api.account.zone.ZONE-B: bea@example.com");
    std::fs::write(world.installation.path().join("body.json"), r#"{"name": "names"}"#).unwrap();
    assert_eq!(world.ask(&["change", "put", &path, "--body", "body.json"]).1, "nobody gains or loses anything\n");
    assert_eq!(world.admin.get(&format!("{GROUPS}/{}", world.group)).await.result()["name"], "dns");
}

#[tokio::test]
async fn a_question_about_then_is_answered_as_of_then_and_asking_is_no_use() {
    let world = World::new().await;
    let zone = format!("zone:{}", world.zones[0]);
    let revision: u64 =
        world.admin.get("/accounts/{account}").await.header("portcullis-revision").unwrap().parse().unwrap();
    let before = (revision - 1).to_string();
    assert_eq!(world.ask(&["may", "bea@example.com", "DNS Write", &zone]).0, 0);
    assert_eq!(world.ask(&["may", "bea@example.com", "DNS Write", &zone, "--at", &before]).0, 1);
    let told = world.ask(&["who", "DNS Write", &zone, "--type", "user", "--at", &before]).1;
    assert_eq!(told.lines().count(), 1, "{told}");
    let used = world.admin.get(&format!("/accounts/{{account}}/members/{}/unused_grants", world.bea)).await;
    assert!(used.result()["grants"].as_array().unwrap().iter().all(|grant| grant["last_used_on"].is_null()));
    let group = world.admin.get(&format!("{GROUPS}/{}/unused_grants", world.group)).await;
    assert!(group.result()["grants"].as_array().unwrap().iter().all(|grant| grant["last_used_on"].is_null()));
}

#[tokio::test]
async fn a_token_is_asked_about_from_an_address_and_at_a_time() {
    let world = World::new().await;
    let ask =
        |more: &[&str]| world.ask(&[&["may", "member:00000000000000000000000000000000", "DNS Write"], more].concat()).1;
    assert_eq!(
        ask(&["--ip", "192.0.2.1", "--time", "2026-01-01T00:00:00Z"]),
        "no: there is nobody of that name, or not an accepted member\n"
    );
}

#[tokio::test]
async fn what_cannot_be_answered_says_why_with_an_exit_code_of_its_own() {
    let world = World::new().await;
    let account = world.installation.text("account_id").to_owned();
    let zone = format!("/zones/{}", world.zones[0]);
    let mut told = Vec::new();
    for arguments in [
        vec!["may", "bea", "DNS Write"],
        vec!["may", "bea@example.com", "Fly"],
        vec!["may", "bea@example.com", "DNS Write", "planet:7"],
        vec!["may", "bea@example.com", "DNS Write", "nowhere"],
        vec!["may", "bea@example.com", "DNS Write", "--at", "soon"],
        vec!["may", "bea@example.com", "DNS Write", "--at", "99"],
        vec!["why", "bea@example.com", "GET /accounts/00000000000000000000000000000000/members"],
        vec!["who", "DNS Write", "--type", "robot"],
        vec!["effective", "eve@example.com"],
        vec!["effective", "member:00000000000000000000000000000000"],
        vec!["history", "DNS Write", "--account", "00000000000000000000000000000000"],
        vec!["change", "GET", &zone],
        vec!["change", "POST", "/nowhere"],
        vec!["change", "DELETE", "/zones/00000000000000000000000000000000"],
        vec!["least"],
        vec!["least", "--har", "gone.har"],
        vec!["unused", "bea@example.com", "--days", "0"],
    ] {
        let output = world.installation.run(&[vec!["ask"], arguments].concat());
        assert_eq!(stdout(&output), "");
        let refused = refusal(world.installation.path(), &output);
        told.push(world.named(refused.split("\n\n").next().unwrap()));
    }
    assert_snapshot!(told.join("\n").replace(&account, "ACCOUNT"), @r"
    2 error: invalid value 'bea' for '<SUBJECT>': must be user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID
    2 portcullis: `/action/name`: `Fly` is not known; give the name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`
    2 portcullis: resource type `planet` is not known; give its short name, such as `zone`, or its key
    2 error: invalid value 'nowhere' for '[RESOURCE]': must be TYPE:ID, such as zone:ID, or a resource key, such as com.cloudflare.api.account.zone.ID
    2 error: invalid value 'soon' for '--at <REVISION|TIME>': `soon` is neither a revision such as `7` nor an RFC 3339 time such as `2026-11-21T08:00:00Z`
    2 portcullis: `/at`: account `ACCOUNT` has the revisions 1 to 7, not 99
    2 portcullis: the path is about account `00000000000000000000000000000000`; ask with `--account 00000000000000000000000000000000`
    2 portcullis: `/subject/type`: `robot` is not known; the types are `user`, `member`, `token`, `user_group`
    2 portcullis: user `eve@example.com` is no member of the account
    2 portcullis: member `00000000000000000000000000000000` not found
    2 portcullis: there is no account `00000000000000000000000000000000`
    2 portcullis: a GET changes nothing; give POST, PUT, PATCH or DELETE
    2 portcullis: Could not route to /nowhere, perhaps your object identifier is invalid?
    No route for that URI
    2 portcullis: zone `00000000000000000000000000000000` not found
    2 error: the following required arguments were not provided:
      <--operation <ID>|--calls <FILE>|--har <FILE>>
    2 portcullis: cannot read `gone.har`: No such file or directory (os error 2)
    2 portcullis: ?days: days must be an integer from 1 to 3650, not `0`
    ");
}

#[tokio::test]
async fn of_several_accounts_one_must_be_named() {
    let world = World::new().await;
    let body = json!({ "name": "Second" });
    let second = world.admin.post("/accounts", body).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let output = world.installation.run(&["ask", "who", "DNS Write"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "portcullis: the database has several accounts; say which with `--account ID`\n");
    let account = second.id();
    let output =
        world.installation.run(&["ask", "who", "Account Settings Read", "--type", "user", "--account", &account]);
    assert!(output.status.success());
    assert_eq!(stdout(&output).lines().count(), 1);
}

/// The lines of the documents that begin with `portcullis ask `.
fn shown() -> Vec<&'static str> {
    let pages = [include_str!("../../../docs/questions.md"), include_str!("../../../README.md")];
    pages.into_iter().flat_map(str::lines).filter(|line| line.starts_with("portcullis ask ")).collect()
}

/// The words of a line, as a shell takes them apart: quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let words = quoted.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[tokio::test]
async fn every_line_of_the_documents_is_answered() {
    let world = World::new().await;
    std::fs::write(world.installation.path().join("calls.txt"), "GET /zones\n").unwrap();
    let account = world.installation.text("account_id");
    let known = [
        ("$ACCOUNT", account),
        ("$GROUP", &world.group),
        ("$ZONE", &world.zones[0]),
        ("colleague@example.com", "bea@example.com"),
        // A day on which the account was there.
        ("2026-03-01T00:00:00Z", "2999-01-01T00:00:00Z"),
    ];
    let lines = shown();
    assert!(lines.len() >= 11, "{lines:?}");
    for line in lines {
        let line = known.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        let typed = words(&line);
        let arguments: Vec<&str> = typed.iter().skip(1).map(String::as_str).collect();
        let output = world.installation.run(&arguments);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        assert!(!stdout(&output).trim().is_empty(), "{line}");
    }
}
