//! The engine's crate in a service's own process: fresh from a real server, and silent where it does not know.

use std::time::{Duration, Instant};

use engine::Account;
use engine::follower::{Follower, Options, Stale};
use engine::offline::{self, OpeningKey};
use engine::question::Circumstances;
use engine::question::action::Named;
use engine::question::subject::SubjectKind;
use model::resource_groups::account_key;
use serde_json::json;
use test_parts::proxy::Proxy;
use testkit::Caller;

use crate::support::{EMAIL, Installation, refusal, run, stdout};

const BOUND: Duration = Duration::from_secs(2);
const GROUPS: &str = "/accounts/{account}/iam/user_groups";

fn key(installation: &Installation) -> OpeningKey {
    stdout(&installation.run(&["snapshot", "key"])).trim().parse().unwrap()
}

fn options(installation: &Installation, server: &str) -> Options {
    Options {
        server: server.to_owned(),
        account_id: installation.text("account_id").parse().unwrap(),
        token: installation.text("api_token").to_owned(),
        opening_key: key(installation),
        bound: BOUND,
    }
}

/// What the crate says to a question about the whole account.
fn may(account: &Account, email: &str, action: &str) -> bool {
    let engine = account.engine();
    let subject = engine.find_subject(account, SubjectKind::User, email);
    let action = Named::of(engine.catalog(), action).unwrap().action;
    let target = account.target(&account_key(account.account_id()));
    engine.answer(account, subject.as_ref(), &action, target.as_ref(), &Circumstances::default()).allowed
}

/// What the server says to the same.
async fn server_says(admin: &Caller, email: &str, action: &str) -> bool {
    let question = json!({
        "subject": {"type": "user", "id": email},
        "action": {"name": action},
        "resource": {"type": "account", "id": format!("com.cloudflare.api.account.{}", admin.account())},
    });
    let answer = admin.post("/access/v1/evaluation", question).await;
    answer.body["decision"].as_bool().unwrap()
}

/// Makes Bea a member with a role, and tells her membership.
async fn bea(installation: &Installation, admin: &Caller) -> String {
    assert!(installation.run(&["user", "create", "--email", "bea@example.com"]).status.success());
    let roles = admin.get("/accounts/{account}/roles?per_page=50").await;
    let role = roles.list().iter().find(|role| role["name"] == "Administrator").unwrap()["id"].clone();
    let new = json!({"email": "bea@example.com", "roles": [role], "status": "accepted"});
    admin.post("/accounts/{account}/members", new).await.id()
}

fn until(patience: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "not within {patience:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_answers_as_the_server_does_and_hears_at_once_what_is_revoked() {
    let installation = Installation::new();
    let node = installation.serve(&["--allow-direct-add"]);
    let admin = installation.key_caller(&node);
    let member = bea(&installation, &admin).await;
    let follower = Follower::start(options(&installation, &node.origin)).unwrap();
    for email in [EMAIL, "bea@example.com", "eve@example.com"] {
        for action in
            ["Account Settings Read", "Account Settings Write", "Zone Read", "Billing Write", "Workers Scripts Write"]
        {
            let here = may(&follower.account().unwrap(), email, action);
            assert_eq!(here, server_says(&admin, email, action).await, "{email} {action}");
        }
    }
    assert!(may(&follower.account().unwrap(), "bea@example.com", "Account Settings Read"));
    // More than fits one page of the log.
    for number in 0..150 {
        admin.post(GROUPS, json!({"name": format!("group {number}")})).await.id();
    }
    admin.delete(&format!("/accounts/{{account}}/members/{member}")).await.result();
    let heard = until(BOUND, || !may(&follower.account().unwrap(), "bea@example.com", "Account Settings Read"));
    println!("heard of it after {heard:?}");
    assert_eq!(follower.account().unwrap().user_group_count(), 150);
    assert!(follower.age() < BOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_bound_there_are_no_answers_until_the_server_is_heard_of_again() {
    let installation = Installation::new();
    let node = installation.serve(&["--allow-direct-add"]);
    let admin = installation.key_caller(&node);
    let member = bea(&installation, &admin).await;
    let proxy = Proxy::start(node.origin.rsplit(':').next().unwrap().parse().unwrap()).await;
    let follower = Follower::start(options(&installation, &format!("http://127.0.0.1:{}", proxy.port()))).unwrap();
    assert!(may(&follower.account().unwrap(), "bea@example.com", "Account Settings Read"));

    // The network holds everything back, and the server goes on without us.
    proxy.hold(true);
    let held = Instant::now();
    admin.delete(&format!("/accounts/{{account}}/members/{member}")).await.result();
    let revoked = Instant::now();
    let mut last_allowed = None;
    until(2 * BOUND, || match follower.account() {
        Ok(account) => {
            if may(&account, "bea@example.com", "Account Settings Read") {
                last_allowed = Some(Instant::now());
            }
            false
        }
        Err(Stale { age }) => age > BOUND,
    });
    let longest = last_allowed.map_or(Duration::ZERO, |at| at.saturating_duration_since(revoked));
    assert!(longest <= BOUND, "{longest:?}");
    assert!(held.elapsed() >= BOUND / 2, "it answers as long as it may");
    proxy.hold(false);
    until(3 * BOUND, || {
        follower.account().is_ok_and(|account| !may(&account, "bea@example.com", "Account Settings Read"))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_token_is_revoked_is_told_nothing_more() {
    let installation = Installation::new();
    let node = installation.serve(&[]);
    let follower = Follower::start(options(&installation, &node.origin)).unwrap();
    assert!(follower.account().is_ok());
    let leaked = installation.run_with_input(&["report-leak"], installation.text("api_token"));
    assert!(leaked.status.success());
    until(3 * BOUND, || follower.account().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_believes_only_the_key_that_it_was_given_and_needs_a_token() {
    let installation = Installation::new();
    let other = Installation::new();
    let node = installation.serve(&[]);
    let start = |change: &dyn Fn(&mut Options)| {
        let mut options = options(&installation, &node.origin);
        change(&mut options);
        Follower::start(options).err().map(|error| error.to_string())
    };
    let wrong = key(&other);
    let said = start(&|options| options.opening_key = wrong).unwrap();
    assert_eq!(said, "the snapshot: its signature is not right: it was changed, or signed with another key");
    let said = start(&|options| options.token = "0".repeat(40)).unwrap();
    assert_eq!(said, "the server: http status: 403");
    let said = start(&|options| options.server = "http://127.0.0.1:1".into()).unwrap();
    assert!(said.starts_with("the server: io: "), "{said}");
    assert_eq!(start(&|_| {}), None);
}

#[test]
fn a_snapshot_is_exported_opened_and_good_for_as_long_as_it_says() {
    let installation = Installation::new();
    let account = installation.text("account_id");
    let export = |more: &[&str]| installation.run(&[&["snapshot", "export", account], more].concat());
    let said = stdout(&export(&["--output", "one.snapshot", "--valid", "2s"]));
    assert!(said.starts_with("revision 1 in ") && said.contains("good until"), "{said}");
    let key = key(&installation);
    let bytes = std::fs::read(installation.path().join("one.snapshot")).unwrap();
    let now = model::time::Timestamp::from_micros(0);
    let (head, opened) = offline::open(&bytes, &key, now).unwrap();
    assert_eq!((head.account_id.to_string().as_str(), head.revision), (account, 1));
    assert!(
        may(&opened, EMAIL, "Account Settings Write") && !may(&opened, "eve@example.com", "Account Settings Write")
    );

    let verify = |key: &str| run(installation.path(), &["snapshot", "verify", "one.snapshot", "--key", key]);
    let shown = stdout(&verify(&key.to_string()));
    assert!(shown.starts_with(&format!("account {account} at revision 1, ")), "{shown}");
    let other = self::key(&Installation::new()).to_string();
    let said = refusal(installation.path(), &verify(&other));
    assert_eq!(
        said,
        "1 portcullis: `one.snapshot` cannot be used: its signature is not right: it was changed, or signed with another key"
    );
    std::thread::sleep(Duration::from_secs(2));
    let said = refusal(installation.path(), &verify(&key.to_string()));
    assert!(said.starts_with("1 portcullis: `one.snapshot` cannot be used: it was good until "), "{said}");
    let said = refusal(installation.path(), &export(&["--output", "one.snapshot"]));
    assert!(said.contains("cannot write `one.snapshot`; name a file that is not there yet"), "{said}");
    let unknown = installation.run(&["snapshot", "export", &"0".repeat(32), "--output", "two.snapshot"]);
    assert_eq!(
        refusal(installation.path(), &unknown),
        format!("1 portcullis: there is no account `{}`", "0".repeat(32))
    );
}

/// The operator's own permissions are decided too, by a service that knows nothing of the operator's files.
#[test]
fn the_catalogue_goes_with_the_snapshot() {
    let installation = Installation::new();
    let file = json!({
        "resource_types": [{"key": "com.example.widget", "name": "widget"}],
        "token_permission_groups": [{"name": "Widget Read", "scope": "widget"}, {"name": "Widget Write", "scope": "widget"}],
    });
    std::fs::write(installation.path().join("widgets.json"), file.to_string()).unwrap();
    let arguments = [
        "snapshot",
        "export",
        installation.text("account_id"),
        "--output",
        "one.snapshot",
        "--catalog",
        "widgets.json",
    ];
    let exported = installation.run(&arguments);
    assert!(exported.status.success(), "{}", refusal(installation.path(), &exported));
    let bytes = std::fs::read(installation.path().join("one.snapshot")).unwrap();
    let (_, opened) = offline::open(&bytes, &key(&installation), model::time::Timestamp::from_micros(0)).unwrap();
    assert!(opened.engine().catalog().permissions_named("Widget Write").next().is_some());
}
