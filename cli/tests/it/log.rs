//! `portcullis log`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Installation, refusal, stderr, stdout};

/// An installation with five commits in its account.
fn busy() -> Installation {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let admin = installation.key_caller(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for name in ["one", "two", "three"] {
            admin.post("/accounts/{account}/iam/user_groups", json!({"name": name})).await.id();
        }
        let two = admin.get("/accounts/{account}/iam/user_groups?name=two").await.list()[0]["id"].clone();
        admin.delete(&format!("/accounts/{{account}}/iam/user_groups/{}", two.as_str().unwrap())).await.id();
    });
    server.terminate();
    assert!(server.wait().success());
    installation
}

#[test]
fn show_lists_what_the_account_held_at_a_revision_and_the_commits_that_led_there() {
    let installation = busy();
    let account = installation.text("account_id");
    let show = |more: &[&str]| stdout(&installation.run(&[&["log", "show", account], more].concat()));
    let newest = show(&[]);
    assert!(newest.starts_with(&format!("account {account} at revision 5, ")), "{newest}");
    assert!(newest.contains("\"one\", 0 policies, 0 members") && !newest.contains("\"two\""), "{newest}");
    assert!(newest.contains("user ada@example.com, POST /accounts/"), "{newest}");
    assert!(newest.contains("system: portcullis init"), "{newest}");
    assert!(newest.contains("      delete user group "), "{newest}");
    let earlier = show(&["--at", "3"]);
    assert!(earlier.contains("\"two\"") && !earlier.contains("\"three\""), "{earlier}");

    // Microseconds apart, so the time of a commit leads to that commit.
    let shown: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    let time = shown["commits"][2]["at"].as_str().unwrap();
    assert_eq!(show(&["--at", time]), earlier);

    let shown: Value = serde_json::from_str(&show(&["--json", "--at", "4"])).unwrap();
    assert_eq!(shown["revision"], 4);
    assert_eq!(shown["commits"].as_array().unwrap().len(), 4);
    assert_eq!(shown["commits"][3]["actor"]["email"], "ada@example.com");
    let groups = shown["documents"].as_array().unwrap().iter().filter(|document| document.get("user_group").is_some());
    assert_eq!(groups.count(), 3);
}

#[test]
fn show_refuses_a_revision_or_account_that_is_not_there() {
    let installation = busy();
    let account = installation.text("account_id");
    let refused =
        |arguments: &[&str]| refusal(installation.path(), &installation.run(arguments)).replace(account, "ACCOUNT");
    assert_snapshot!(refused(&["log", "show", account, "--at", "6"]), @"1 portcullis: account `ACCOUNT` has the revisions 1 to 5, not 6");
    assert_snapshot!(refused(&["log", "show", account, "--at", "1999-12-31T23:59:59Z"]), @"1 portcullis: account `ACCOUNT` has the revisions 1 to 5, all of them later than 1999-12-31T23:59:59.000000Z");
    assert_snapshot!(refused(&["log", "show", account, "--at", "yesterday"]), @"
    2 error: invalid value 'yesterday' for '--at <REVISION|TIME>': `yesterday` is neither a revision such as `7` nor an RFC 3339 time such as `2026-11-21T08:00:00Z`

    For more information, try '--help'.
    ");
    let unknown = "00000000000000000000000000000000";
    assert_snapshot!(refused(&["log", "show", unknown]), @"1 portcullis: there is no account `00000000000000000000000000000000`");
    assert_snapshot!(refused(&["log", "verify", unknown]), @"1 portcullis: there is no account `00000000000000000000000000000000`");
}

#[test]
fn verify_counts_what_is_intact() {
    let installation = busy();
    assert_eq!(stdout(&installation.run(&["log", "verify"])), "the log is intact: commits 6, streams 2\n");
    let one = installation.run(&["log", "verify", installation.text("account_id")]);
    assert_eq!(stdout(&one), "the log is intact: commits 5, streams 1\n");
}

#[test]
fn verify_names_the_first_revision_that_was_tampered_with() {
    let installation = busy();
    let account = installation.text("account_id");
    let database = rusqlite::Connection::open(installation.database()).unwrap();
    let changed = database.execute(
        "UPDATE commits SET changes = replace(changes, '\"two\"', '\"twi\"') WHERE stream = ?1 AND revision = 3",
        [format!("account/{account}")],
    );
    assert_eq!(changed.unwrap(), 1);
    drop(database);
    let verified = installation.run(&["log", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert_eq!(stdout(&verified), "the log is damaged: streams 2, damaged 1\n");
    assert_snapshot!(stderr(&verified).replace(account, "ACCOUNT"), @"the log of `account/ACCOUNT` is damaged at revision 3: its hash does not fit its content");
}

#[test]
fn verify_notices_a_commit_that_was_taken_out() {
    let installation = busy();
    let account = installation.text("account_id");
    let database = rusqlite::Connection::open(installation.database()).unwrap();
    let stream = format!("account/{account}");
    assert_eq!(database.execute("DELETE FROM commits WHERE stream = ?1 AND revision = 3", [stream]).unwrap(), 1);
    drop(database);
    let verified = installation.run(&["log", "verify", account]);
    assert_eq!(verified.status.code(), Some(1));
    assert_snapshot!(stderr(&verified).replace(account, "ACCOUNT"), @"the log of `account/ACCOUNT` is damaged at revision 4: its number does not follow");
}

/// Commits older than the history that is kept are folded away by the server; what is left is served, verified, backed up and restored.
#[test]
fn old_commits_are_folded_into_a_base_that_is_verified_and_backed_up() {
    let installation = busy();
    let account = installation.text("account_id");
    let state =
        |database: &str| stdout(&installation.run(&["export", "--format", "json", account, "--database", database]));
    let sqlite = "sqlite:portcullis-data/portcullis.db";
    let before = state(sqlite);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let mut server = installation.serve(&["--history", "1s"]);
    let admin = installation.key_caller(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listed = || runtime.block_on(admin.get("/accounts/{account}/iam/commits")).list().len();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while listed() > 1 {
        assert!(std::time::Instant::now() < deadline, "nothing was folded away");
    }
    let gone = runtime.block_on(admin.get("/accounts/{account}/iam/commits/3"));
    assert_eq!(gone.status, 404, "{}", gone.status_and_error());
    runtime.block_on(admin.post("/accounts/{account}/iam/user_groups", json!({"name": "after"}))).id();
    server.terminate();
    assert!(server.wait().success());
    assert!(state(sqlite).contains("after") && before.contains("three"));
    assert_eq!(stdout(&installation.run(&["log", "verify"])), "the log is intact: commits 3, streams 2\n");
    let shown = stdout(&installation.run(&["log", "show", account]));
    assert!(shown.contains("\n  5  ") && shown.contains("\n  6  ") && !shown.contains("\n  4  "), "{shown}");

    assert!(installation.run(&["backup", "folded.backup"]).status.success());
    let journal = "portcullis-data/revocations.journal";
    let restored =
        installation.run(&["restore", "folded.backup", "--database", "sqlite:new/portcullis.db", "--journal", journal]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert_eq!(state("sqlite:new/portcullis.db"), state(sqlite));
    let verify = |key: &str| {
        installation.run(&["log", "verify", "--database", "sqlite:new/portcullis.db", "--secret-key-file", key])
    };
    assert_eq!(stdout(&verify("portcullis-data/secret.key")), "the log is intact: commits 3, streams 2\n");
    // Somebody else's signature is right, and not ours.
    let other = Installation::new();
    let theirs = other.path().join("portcullis-data/secret.key");
    let said = verify(&theirs.to_string_lossy());
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("was not signed by this server"), "{}", stderr(&said));
}
