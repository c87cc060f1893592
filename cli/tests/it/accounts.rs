//! `portcullis account`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Installation, refusal, stdout};

#[test]
fn a_deleted_account_is_brought_back_beside_a_running_server() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let (id, caller) = (installation.text("account_id"), installation.key_caller(&server));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = || runtime.block_on(caller.get("/accounts/{account}")).status;
    let refused = installation.run(&["account", "restore", id]);
    assert_snapshot!(refusal(installation.path(), &refused).replace(id, "ID"), @"1 portcullis: account `ID` is not deleted");
    assert_eq!(runtime.block_on(caller.delete("/accounts/{account}")).result(), &json!({ "id": id }));
    assert_eq!(status(), 403);
    assert_snapshot!(stdout(&installation.run(&["account", "restore", id])).replace(id, "ID"), @"account ID is back");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while status() != 200 {
        assert!(std::time::Instant::now() < deadline, "the server never heard of it");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let none = installation.run(&["account", "restore", "ffffffffffffffffffffffffffffffff"]);
    assert_snapshot!(refusal(installation.path(), &none), @"1 portcullis: there is no account `ffffffffffffffffffffffffffffffff`");
}
