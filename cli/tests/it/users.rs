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
