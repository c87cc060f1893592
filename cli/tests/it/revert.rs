//! `portcullis revert`: undoing a commit beside a running server.

use serde_json::json;

use crate::support::{Installation, refusal, stderr, stdout};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";

#[tokio::test]
async fn a_commit_is_undone_beside_a_server_which_sees_it() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let admin = installation.token_caller(&server);
    let group = admin.post(GROUPS, json!({ "name": "staff" })).await.id();
    let path = format!("{GROUPS}/{group}");
    let renamed = admin.put(&path, json!({ "name": "crew" })).await;
    let revision = renamed.header("portcullis-revision").unwrap().to_owned();
    let rehearsed = installation.run(&["revert", &revision, "--dry-run"]);
    assert_eq!(stdout(&rehearsed), "nobody gains or loses anything\n");
    assert_eq!(admin.get(&path).await.result()["name"], "crew");
    let undone = installation.run(&["revert", &revision]);
    let next = revision.parse::<u64>().unwrap() + 1;
    assert_eq!(
        (stderr(&undone), stdout(&undone)),
        (String::new(), format!("revision {next} undoes revision {revision}\n"))
    );
    // The server follows within the second that it may lag behind, or at once when it is asked for that revision.
    let asked = admin.clone().header("portcullis-revision", &next.to_string());
    assert_eq!(asked.get(&path).await.result()["name"], "staff");
    let commit = admin.get(&format!("/accounts/{{account}}/iam/commits/{next}")).await;
    assert_eq!(commit.result()["by"]["reason"], "the operator, on the command line");
    let again = installation.run(&["revert", &revision]);
    assert_eq!(refusal(installation.path(), &again), format!("1 portcullis: user group {group}: was changed since"));
    let unknown = installation.run(&["revert", "99"]);
    assert_eq!(refusal(installation.path(), &unknown), "1 portcullis: commit `99` not found");
}
