//! `portcullis user`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Installation, refusal, run, stdout};

#[test]
fn a_user_is_made_with_a_key_that_is_printed_once() {
    let installation = Installation::new();
    let created = installation.run(&["user", "create", "--email", "bea@example.com", "--json"]);
    let made: Value = serde_json::from_str(&stdout(&created)).unwrap();
    assert_eq!(made["email"], "bea@example.com");
    assert!(made["api_key"].as_str().unwrap().starts_with("cfk_"));

    let again = installation.run(&["user", "create", "--email", "BEA@example.com"]);
    let text = refusal(installation.path(), &again).replace(made["user_id"].as_str().unwrap(), "ID");
    assert_snapshot!(text, @"1 portcullis: user `BEA@example.com` already exists, with the id ID");
}

#[test]
fn an_operator_may_create_accounts_and_others_may_not() {
    let installation = Installation::new();
    let create = |more: &[&str]| {
        let arguments = [&["user", "create", "--json", "--email"], more].concat();
        let made: Value = serde_json::from_str(&stdout(&installation.run(&arguments))).unwrap();
        made["api_key"].as_str().unwrap().to_owned()
    };
    let (operator, other) = (create(&["olga@example.com", "--operator"]), create(&["bea@example.com"]));
    let server = installation.serve(&[]);
    let post = |email: &str, key: &str| {
        let caller = testkit::Caller::with_key(&server.origin, installation.text("account_id"), email, key);
        async move { caller.post("/accounts", serde_json::json!({"name": "Another"})).await.status }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(post("olga@example.com", &operator)), 200);
    assert_eq!(runtime.block_on(post("bea@example.com", &other)), 403);
}

#[test]
fn a_user_needs_a_server_that_is_set_up() {
    let folder = tempfile::tempdir().unwrap();
    let created = run(folder.path(), &["user", "create", "--email", "bea@example.com"]);
    assert_snapshot!(refusal(folder.path(), &created), @"1 portcullis: there is no account in `portcullis-data/portcullis.db` yet; run `portcullis init --email YOU@EXAMPLE.COM` first");
}

#[test]
fn a_key_is_rolled_or_taken_away_and_the_one_before_is_void() {
    let installation = Installation::new();
    let made: Value =
        serde_json::from_str(&stdout(&installation.run(&["user", "create", "--email", "bea@example.com", "--json"])))
            .unwrap();
    let rolled: Value =
        serde_json::from_str(&stdout(&installation.run(&["user", "roll-key", "--email", "Bea@Example.com", "--json"])))
            .unwrap();
    assert_eq!((&rolled["user_id"], &rolled["email"]), (&made["user_id"], &Value::from("Bea@Example.com")));
    let keys = [&made, &rolled].map(|answer| answer["api_key"].as_str().unwrap().to_owned());
    let server = installation.serve(&[]);
    let heard = |key: &str| {
        let caller = testkit::Caller::with_key(&server.origin, installation.text("account_id"), "bea@example.com", key);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(caller.get("/accounts")).status
    };
    assert_eq!((heard(&keys[0]), heard(&keys[1])), (403, 200));
    // Beside a running server: it follows within a second or two.
    let removed = installation.run(&["user", "remove-key", "--email", "bea@example.com"]);
    assert_snapshot!(stdout(&removed), @"bea@example.com has no Global API Key any more");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while heard(&keys[1]) != 403 {
        assert!(std::time::Instant::now() < deadline, "the server never heard of it");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let nobody = installation.run(&["user", "roll-key", "--email", "nobody@example.com"]);
    assert_snapshot!(refusal(installation.path(), &nobody), @"1 portcullis: no user has the address nobody@example.com");
}

#[test]
fn a_secret_that_leaked_is_read_from_standard_input_and_void() {
    let installation = Installation::new();
    let token = installation.text("api_token").to_owned();
    let report = |secret: &str| installation.run_with_input(&["report-leak", "--json"], secret);
    let told: Value = serde_json::from_str(&stdout(&report(&format!("{token}\n")))).unwrap();
    assert_eq!(told["kind"], "user token");
    let server = installation.serve(&[]);
    let caller = testkit::Caller::with_token(&server.origin, installation.text("account_id"), &token);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(caller.get("/accounts")).status, 403);
    assert_eq!(runtime.block_on(caller.get("/user/tokens/verify")).result()["status"], "revoked (exposed)");
    assert_snapshot!(refusal(installation.path(), &report("nothing")), @"1 portcullis: no token or key has that secret; the secret is expected on standard input");
}
