//! `portcullis check --oracle`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Installation, refusal, stdout};

#[test]
fn the_engine_and_the_oracle_agree_on_a_database_with_members_groups_and_zones() {
    let installation = Installation::new();
    let mut server = installation.serve(&["--allow-direct-add"]);
    let admin = installation.token_caller(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = installation.text("account_id");
        for name in ["a.example.com", "b.example.com"] {
            admin.post("/zones", json!({ "name": name, "account": { "id": account } })).await.id();
        }
        let groups = admin.get("/accounts/{account}/iam/permission_groups?name=Domain%20DNS").await;
        let places = admin.get("/accounts/{account}/iam/resource_groups").await;
        let policy = |access: &str, place: usize| {
            let (group, place) = (&groups.list()[0]["id"], &places.list()[place]["id"]);
            json!({ "access": access, "permission_groups": [{ "id": group }], "resource_groups": [{ "id": place }] })
        };
        let body = json!({ "name": "dns", "policies": [policy("allow", 0), policy("deny", 1)] });
        admin.post("/accounts/{account}/iam/user_groups", body).await.id();
    });
    server.terminate();
    assert!(server.wait().success());
    let check = |arguments: &[&str]| installation.run(&[&["check", "--oracle"], arguments].concat());
    let checked = check(&["--samples", "3000", "--seed", "7"]);
    assert!(checked.status.success());
    let said = stdout(&checked);
    assert!(said.starts_with("all agree: accounts 1, decisions "), "{said}");
    for reason in ["allow", "explicit_deny", "implicit_deny"] {
        assert!(said.contains(reason), "{said}");
    }
    assert!(said.trim_end().ends_with(", seed 7"), "{said}");
    assert_eq!(stdout(&check(&["--samples", "3000", "--seed", "7"])), said);
    assert_ne!(stdout(&check(&["--samples", "3000"])), said);
}

#[test]
fn a_check_without_what_to_compare_with_is_refused() {
    let installation = Installation::new();
    assert_snapshot!(refusal(installation.path(), &installation.run(&["check"])), @r"
    2 error: the following required arguments were not provided:
      --oracle

    Usage: portcullis check --oracle

    For more information, try '--help'.
    ");
    let refused = installation.run(&["check", "--oracle", "--samples", "0"]);
    assert!(refusal(installation.path(), &refused).contains("'--samples <NUMBER>'"));
}
