//! `portcullis dev`.

use insta::assert_snapshot;
use serde_json::json;
use testkit::Caller;
use testkit::binary::Program;

use crate::support::{PROGRAM, refusal, run};

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn dev() -> (tempfile::TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(PROGRAM, folder.path(), &["dev", "--listen", "127.0.0.1:0"]);
    (folder, server)
}

#[test]
fn a_banner_says_loudly_that_it_is_for_development_and_no_file_is_written() {
    let (folder, mut server) = dev();
    server.terminate();
    assert!(server.wait().success());
    let text = server.stderr();
    let banner: String = text.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_snapshot!(banner, @r"
    ################################################################
    #  PORTCULLIS DEVELOPMENT SERVER                               #
    #                                                              #
    #  For development only: everybody knows its credentials,      #
    #  and everything is forgotten when it ends.                   #
    #                                                              #
    #  account   023e105f4ecef8ad9ca31a8372d0c353                  #
    #  token     Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY          #
    #  e-mail    user@example.com                                  #
    #  API key   144c9defac04969c7bfad8efaa8ea194                  #
    #  reset     POST /__dev/reset                                 #
    ################################################################
    ");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn it_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["dev", "--listen", "0.0.0.0:0"]);
    assert_snapshot!(refusal(folder.path(), &refused), @"1 portcullis: `dev` listens on loopback only, since its credentials are public, and 0.0.0.0:0 is not; use an address such as 127.0.0.1:8787, or set up a server with `portcullis init`");
}

#[tokio::test]
async fn the_documented_ids_are_there_and_a_reset_brings_them_back() {
    let (_folder, server) = dev();
    let token = Caller::with_token(&server.origin, ACCOUNT, "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY");
    let key = Caller::with_key(&server.origin, ACCOUNT, "user@example.com", "144c9defac04969c7bfad8efaa8ea194");
    let paths = [
        "/accounts/{account}".to_owned(),
        format!("/accounts/{{account}}/iam/permission_groups/{ACCOUNT}"),
        format!("/accounts/{{account}}/iam/resource_groups/{ACCOUNT}"),
        "/accounts/{account}/iam/resource_groups/6d7f2f5f5b1d4a0e9081fdc98d432fd1".to_owned(),
        format!("/accounts/{{account}}/iam/user_groups/{ACCOUNT}"),
        format!("/accounts/{{account}}/iam/user_groups/{ACCOUNT}/members/{ACCOUNT}"),
        format!("/accounts/{{account}}/sso_connectors/{ACCOUNT}"),
        format!("/accounts/{{account}}/members/{ACCOUNT}"),
        "/accounts/{account}/members/4536bcfad5faccb111b47003c79917fa".to_owned(),
        "/accounts/{account}/roles/3536bcfad5faccb999b47003c79917fb".to_owned(),
        "/zones/23f8d65290b24279ba6f44721b3eaad5".to_owned(),
    ];
    for caller in [&token, &key] {
        for path in &paths {
            assert_eq!(caller.get(path).await.status_and_error(), "200", "{path}");
        }
    }
    let group = &paths[4];
    for removed in [&paths[2], group, &paths[6], &paths[7]] {
        assert_eq!(key.delete(removed).await.status_and_error(), "200", "{removed}");
        assert_eq!(key.get(removed).await.status, 404, "{removed}");
    }
    let reset = key.post("/__dev/reset", json!({})).await;
    assert_eq!(reset.body, json!({ "success": true, "errors": [], "messages": [], "result": null }));
    for path in &paths {
        assert_eq!(token.get(path).await.status_and_error(), "200", "{path}");
    }
    assert_eq!(token.get(group).await.result()["policies"][0]["id"], "f267e341f3dd4697bd3b9f71dd96247f");
}

#[tokio::test]
async fn the_creates_of_the_examples_run_as_they_stand() {
    let (_folder, server) = dev();
    let token = Caller::with_token(&server.origin, ACCOUNT, "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY");
    let policies = json!([{
        "access": "allow",
        "permission_groups": [{"id": "c8fed203ed3043cba015a93ad1616f1f"}, {"id": "82e64a83756745bbbb1c9c2701bf816b"}],
        "resource_groups": [{"id": "6d7f2f5f5b1d4a0e9081fdc98d432fd1"}],
    }]);
    let group =
        token.post("/accounts/{account}/iam/user_groups", json!({"name": "My New User Group", "policies": policies}));
    assert_eq!(group.await.status_and_error(), "200");
    let scope = json!({
        "key": "com.cloudflare.api.account.eb78d65290b24279ba6f44721b3ea3c4",
        "objects": [{"key": "com.cloudflare.api.account.zone.23f8d65290b24279ba6f44721b3eaad5"}],
    });
    let group =
        token.post("/accounts/{account}/iam/resource_groups", json!({"name": "NewResourceGroup", "scope": scope}));
    assert_eq!(group.await.status_and_error(), "200");
    let connector = token.post("/accounts/{account}/sso_connectors", json!({"email_domain": "example.com"}));
    assert_eq!(connector.await.status_and_error(), "200");
    let member =
        json!({"email": "new@example.com", "roles": ["3536bcfad5faccb999b47003c79917fb"], "status": "accepted"});
    assert_eq!(token.post("/accounts/{account}/members", member).await.result()["status"], "accepted");
}

#[tokio::test]
async fn wrong_credentials_are_not_counted() {
    let (_folder, server) = dev();
    let wrong = Caller::with_token(&server.origin, ACCOUNT, &"a".repeat(40));
    for _ in 0..100 {
        assert_eq!(wrong.get("/accounts/{account}/roles").await.status, 403);
    }
}
