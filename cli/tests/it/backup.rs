//! `portcullis backup` and `portcullis restore`: a copy of one moment, into either engine; what was revoked since stays revoked.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_parts::postgres::Postgres;
use testkit::Caller;
use testkit::binary::Program;

use crate::support::{EMAIL, Installation, PROGRAM, refusal, stderr, stdout};

const JOURNAL: &str = "portcullis-data/revocations.journal";
const REVOKED: &str = "403 9109 Invalid access token";
const GROUPS: &str = "/accounts/{account}/iam/user_groups";
const SELF: &str = "/accounts/{account}/iam/user_groups?per_page=1";

/// A token of the account that may read its groups: its id and whoever has it.
async fn token(admin: &Caller, name: &str) -> (String, Caller) {
    let groups = admin.get("/accounts/{account}/tokens/permission_groups?name=Account%20Settings%20Read").await;
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups.list()[0]["id"]}],
        "resources": {format!("com.cloudflare.api.account.{}", admin.account()): "*"},
    });
    let made = admin.post("/accounts/{account}/tokens", json!({"name": name, "policies": [policy]})).await;
    (made.id(), admin.clone().header("authorization", &bearer(made.result()["value"].as_str().unwrap())))
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

fn ok(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// Serves another database with the keys of the installation.
fn serve(installation: &Installation, database: &str) -> Program {
    Program::start(
        PROGRAM,
        installation.path(),
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--rate-limit",
            "off",
            "--database",
            database,
            "--secret-key-file",
            "portcullis-data/secret.key",
            "--revocation-journal",
            JOURNAL,
        ],
    )
}

/// The account as a document, whatever database it is in.
fn exported(installation: &Installation, database: &str) -> String {
    ok(installation, &["export", "--format", "json", installation.text("account_id"), "--database", database])
}

fn logged(installation: &Installation, database: &str) -> String {
    ok(installation, &["log", "show", installation.text("account_id"), "--database", database])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_moves_from_engine_to_engine() {
    let Some(server) = Postgres::shared() else { return };
    let installation = Installation::new();
    let node = installation.serve(&[]);
    let admin = installation.token_caller(&node);
    for number in 0..30 {
        admin.post(GROUPS, json!({"name": format!("before {number}")})).await.id();
    }
    let writing = {
        let admin = admin.clone();
        tokio::spawn(async move {
            for number in 0..60 {
                admin.post(GROUPS, json!({"name": format!("meanwhile {number}")})).await.id();
            }
        })
    };
    let said = ok(&installation, &["backup", "one.backup"]);
    assert!(said.contains(" commits are in `one.backup`\n"), "{said}");
    writing.await.unwrap();

    let (postgres, sqlite) = (server.database(), "sqlite:third/portcullis.db");
    ok(&installation, &["restore", "one.backup", "--database", &postgres, "--journal", JOURNAL]);
    ok(&installation, &["backup", "two.backup", "--database", &postgres]);
    ok(&installation, &["restore", "two.backup", "--database", sqlite, "--journal", JOURNAL]);
    for database in [&postgres, sqlite] {
        assert!(ok(&installation, &["log", "verify", "--database", database]).starts_with("the log is intact"));
    }
    assert_eq!(logged(&installation, &postgres), logged(&installation, sqlite));
    assert_eq!(exported(&installation, &postgres), exported(&installation, sqlite));
    // All that was acknowledged before it began, and of the rest a beginning.
    let names = |listed: &Value| -> Vec<String> {
        listed.as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
    };
    let original = names(admin.get(&format!("{GROUPS}?per_page=500&direction=asc")).await.result());
    for database in [postgres.as_str(), sqlite] {
        let restored = serve(&installation, database);
        let admin = installation.token_caller(&restored);
        let found = names(admin.get(&format!("{GROUPS}?per_page=500&direction=asc")).await.result());
        assert!((30..=90).contains(&found.len()), "{}", found.len());
        assert!(found.iter().all(|name| original.contains(name)));
        assert_eq!(found.iter().filter(|name| name.starts_with("before")).count(), 30);
        let meanwhile = found.len() - 30;
        assert!((0..meanwhile).all(|number| found.contains(&format!("meanwhile {number}"))), "{found:?}");
        // It goes on from there.
        admin.post(GROUPS, json!({"name": "after"})).await.id();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_after_the_backup_stays_revoked_and_the_rest_works() {
    let installation = Installation::new();
    let mut node = installation.serve(&["--allow-direct-add"]);
    let admin = installation.token_caller(&node);
    let user = |email: &str| -> Value {
        serde_json::from_str(&ok(&installation, &["user", "create", "--email", email, "--json"])).unwrap()
    };
    let (bea, cyd) = (user("bea@example.com"), user("cyd@example.com"));
    let role = admin.get("/accounts/{account}/roles?per_page=50").await;
    let role = role.list().iter().find(|role| role["name"] == "Administrator").unwrap()["id"].clone();
    let mut members = Vec::new();
    for email in ["bea@example.com", "cyd@example.com"] {
        let new = json!({"email": email, "roles": [role], "status": "accepted"});
        members.push(admin.post("/accounts/{account}/members", new).await.id());
    }
    let key = |origin: &str, user: &Value| {
        let (email, key) = (user["email"].as_str().unwrap(), user["api_key"].as_str().unwrap());
        Caller::with_key(origin, installation.text("account_id"), email, key)
    };
    let mut tokens = Vec::new();
    for name in ["stays", "deleted", "rolled", "off", "off and on"] {
        tokens.push(token(&admin, name).await);
    }
    let other = installation.key_caller(&node).post("/accounts", json!({"name": "Another"})).await.id();
    let of_other = token(&installation.key_caller(&node).about(&other), "of another account").await;
    ok(&installation, &["backup", "early.backup"]);

    let path = |number: usize| format!("/accounts/{{account}}/tokens/{}", tokens[number].0);
    admin.delete(&path(1)).await.result();
    let rolled = admin.put(&format!("{}/value", path(2)), json!({})).await.result().as_str().unwrap().to_owned();
    for (number, statuses) in [(3, &["disabled"][..]), (4, &["disabled", "active"])] {
        for status in statuses {
            let mut body = admin.get(&path(number)).await.result().clone();
            body["status"] = json!(status);
            assert_eq!(admin.put(&path(number), body).await.status, 200);
        }
    }
    admin.delete(&format!("/accounts/{{account}}/members/{}", members[0])).await.result();
    installation.key_caller(&node).delete(&format!("/accounts/{other}")).await.result();
    ok(&installation, &["user", "roll-key", "--email", "cyd@example.com"]);
    node.terminate();
    assert!(node.wait().success());

    let said =
        ok(&installation, &["restore", "early.backup", "--database", "sqlite:new/portcullis.db", "--journal", JOURNAL]);
    assert!(said.contains("revoked again: credentials 4, members 1, users 0, accounts 1\n"), "{said}");
    let restored = serve(&installation, "sqlite:new/portcullis.db");
    let status = async |caller: &Caller| caller.clone().at(&restored.origin).get(SELF).await.status_and_error();
    for ((_, caller), expected) in tokens.iter().zip(["200", REVOKED, REVOKED, REVOKED, "200"]) {
        assert_eq!(status(caller).await, expected);
    }
    let rolled = tokens[2].1.clone().header("authorization", &bearer(&rolled));
    // It was made after the backup.
    assert_snapshot!(status(&rolled).await, @"403 9109 Invalid access token");
    // She is no member any more.
    assert_snapshot!(status(&key(&node.origin, &bea)).await, @"403 10000 Forbidden");
    // That key was rolled.
    assert_snapshot!(status(&key(&node.origin, &cyd)).await, @"403 9103 Unknown X-Auth-Key or X-Auth-Email");
    // Its account was deleted.
    assert_snapshot!(status(&of_other.1).await, @"403 9109 Invalid access token");
    assert_eq!(installation.token_caller(&restored).get(SELF).await.status, 200);
    // Whoever asks why finds the restore in the log.
    assert!(logged(&installation, "sqlite:new/portcullis.db").contains("system: portcullis restore"));

    // The new journal knows all of that, so the old backup needs no other.
    fs::copy(installation.path().join("early.backup"), installation.path().join("new/early.backup")).unwrap();
    fs::rename(installation.path().join("new/portcullis.db"), installation.path().join("new/old.db")).unwrap();
    drop(restored);
    for rest in ["-wal", "-shm"] {
        let _ = fs::remove_file(installation.path().join(format!("new/portcullis.db{rest}")));
    }
    let said = ok(&installation, &["restore", "new/early.backup", "--database", "sqlite:new/portcullis.db"]);
    assert!(said.contains("revoked again: credentials 4, members 1, users 0, accounts 1\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_that_reaches_back_nothing_is_restored_unless_everything_is_revoked() {
    let installation = Installation::new();
    let journal = installation.path().join("portcullis-data/revocations.journal");
    ok(&installation, &["backup", "one.backup"]);
    let restore = |more: &[&str]| {
        installation.run(&[&["restore", "one.backup", "--database", "sqlite:new/portcullis.db"], more].concat())
    };
    let time = regex_of_times();
    let refused = |more: &[&str]| time(&refusal(installation.path(), &restore(more)));
    assert_snapshot!(refused(&[]), @"1 portcullis: it is not known which credentials were revoked since TIME, and none shall come back: give the journals of all servers with `--journal FILE`, or revoke everything with `--revoke-all-credentials`");
    let late = installation.path().join("late.journal");
    fs::write(&late, "{\"portcullis_revocations\":1,\"since\":\"2999-01-01T00:00:00.000000Z\"}\n").unwrap();
    assert_snapshot!(refused(&["--journal", "late.journal"]), @"1 portcullis: the journal `late.journal` begins at 2999-01-01T00:00:00.000000Z, and the backup is of TIME: what was revoked in between is not known; give the journals of all servers with `--journal FILE`, or revoke everything with `--revoke-all-credentials`");
    fs::write(&late, "{\"portcullis_revocations\":9,\"since\":\"2999-01-01T00:00:00.000000Z\"}\n").unwrap();
    assert_snapshot!(refused(&["--journal", "late.journal"]), @"1 portcullis: the journal `late.journal`: it has version 9, this program knows 1");
    let good = fs::read_to_string(&journal).unwrap();
    fs::write(&late, format!("{good}nonsense\n{{}}\n")).unwrap();
    assert_snapshot!(refused(&["--journal", "late.journal"]), @"1 portcullis: the journal `late.journal`: line 2 is damaged: expected ident at line 1 column 2");
    assert_snapshot!(refused(&["--journal", "none.journal"]), @"1 portcullis: the journal `none.journal`: No such file or directory (os error 2)");
    assert_snapshot!(refused(&["--journal", "late.journal", "--revoke-all-credentials"]), @r"
    2 error: the argument '--journal <FILE>' cannot be used with '--revoke-all-credentials'

    Usage: portcullis restore --database <URL> --journal <FILE> <FILE>

    For more information, try '--help'.
    ");
    assert!(!installation.path().join("new/portcullis.db").exists(), "nothing was made");

    let said = stdout(&restore(&["--revoke-all-credentials"]));
    assert!(said.contains("revoked again: credentials 2, members 0, users 0, accounts 0\n"), "{said}");
    let restored = serve(&installation, "sqlite:new/portcullis.db");
    assert_eq!(installation.token_caller(&restored).get(SELF).await.status_and_error(), REVOKED);
    assert_eq!(installation.key_caller(&restored).get(SELF).await.status, 403);
    let made: Value = serde_json::from_str(&ok(
        &installation,
        &[
            "user",
            "roll-key",
            "--email",
            EMAIL,
            "--json",
            "--database",
            "sqlite:new/portcullis.db",
            "--secret-key-file",
            "portcullis-data/secret.key",
        ],
    ))
    .unwrap();
    let again =
        Caller::with_key(&restored.origin, installation.text("account_id"), EMAIL, made["api_key"].as_str().unwrap());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while again.get(SELF).await.status != 200 {
        assert!(std::time::Instant::now() < deadline);
    }
}

/// Takes out what is another at each run.
fn regex_of_times() -> impl Fn(&str) -> String {
    |text: &str| {
        let words = text.split(' ').map(|word| {
            let is_time = word.len() >= 27 && word.as_bytes()[10] == b'T' && !word.starts_with("2999");
            if is_time { format!("TIME{}", &word[27..]) } else { word.to_owned() }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn a_torn_last_line_of_a_journal_was_never_acknowledged() {
    let installation = Installation::new();
    let journal = installation.path().join("portcullis-data/revocations.journal");
    ok(&installation, &["backup", "one.backup"]);
    let good = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{good}{{\"at\":\"2026-")).unwrap();
    ok(&installation, &["restore", "one.backup", "--database", "sqlite:new/portcullis.db", "--journal", JOURNAL]);
    // Whoever writes next begins a line of its own.
    ok(&installation, &["user", "roll-key", "--email", EMAIL]);
    let lines = fs::read_to_string(&journal).unwrap();
    assert!(
        lines.starts_with(&good) && lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{lines}"
    );
    assert_eq!(lines.lines().count(), good.lines().count() + 1);
}

#[test]
fn a_damaged_backup_is_refused_and_nothing_is_made_of_it() {
    let installation = Installation::new();
    ok(&installation, &["backup", "one.backup"]);
    let good = fs::read(installation.path().join("one.backup")).unwrap();
    let plain = zstd::decode_all(&good[..]).unwrap();
    let text = String::from_utf8(plain).unwrap();
    let damaged = installation.path().join("damaged.backup");
    let restore = |bytes: &[u8]| {
        fs::write(&damaged, bytes).unwrap();
        let output = installation.run(&[
            "restore",
            "damaged.backup",
            "--database",
            "sqlite:new/portcullis.db",
            "--journal",
            JOURNAL,
        ]);
        assert!(!installation.path().join("new").exists(), "nothing was made");
        refusal(installation.path(), &output).replace(installation.text("account_id"), "ACCOUNT")
    };
    // Cut short anywhere, and any byte of the file.
    for part in 1..20 {
        let said = restore(&good[..good.len() * part / 20]);
        assert!(said.starts_with("1 portcullis: `damaged.backup` is "), "{said}");
        let mut flipped = good.clone();
        flipped[good.len() * part / 20] ^= 0x10;
        let said = restore(&flipped);
        assert!(said.starts_with("1 portcullis: `damaged.backup` is "), "{part}: {said}");
    }
    // Lines that somebody took out, changed, or put another way.
    let packed = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let first_commit = lines.iter().position(|line| line.starts_with("{\"commit\"")).unwrap();
    assert_snapshot!(restore(&packed(&text.replacen("ada@example.com", "eve@example.com", 1))), @"1 portcullis: `damaged.backup` is damaged, and nothing was restored: line 2: revision 1 of `account/ACCOUNT` does not continue its log");
    lines.remove(first_commit);
    assert_snapshot!(restore(&packed(&(lines.join("\n") + "\n"))), @"1 portcullis: `damaged.backup` is damaged, and nothing was restored: it says that it has 8 rows, and has 7");
    let claim = lines.iter().position(|line| line.starts_with("{\"claim\"")).unwrap();
    let without_claim: Vec<&str> =
        text.lines().enumerate().filter(|(number, _)| *number != claim + 1).map(|(_, line)| line).collect();
    assert_snapshot!(restore(&packed(&(without_claim.join("\n") + "\n"))), @"1 portcullis: `damaged.backup` is damaged, and nothing was restored: it says that it has 8 rows, and has 7");
    assert_snapshot!(restore(&packed(&format!("{text}{text}"))), @"1 portcullis: `damaged.backup` is damaged, and nothing was restored: something follows its end");
    assert_snapshot!(restore(&packed(&text.replacen("\"version\":1", "\"version\":2", 1))), @"1 portcullis: `damaged.backup` has version 2, this program reads 1; use a newer portcullis");
    assert_snapshot!(restore(&packed("{\"something\":\"else\"}\n")), @"1 portcullis: `damaged.backup` is no backup: line 1: unknown variant `something`, expected one of `backup`, `appearance`, `base`, `commit`, `claim`, `lease`, `usage`, `usage_since`, `end` at line 1 column 12");
    assert_snapshot!(restore(b"SQLite format 3"), @"1 portcullis: `damaged.backup` is no backup: Unknown frame descriptor");
}

#[test]
fn a_backup_replaces_no_file_and_a_restore_no_database() {
    let installation = Installation::new();
    ok(&installation, &["backup", "one.backup"]);
    assert_snapshot!(refusal(installation.path(), &installation.run(&["backup", "one.backup"])), @"1 portcullis: `one.backup` is there already; name another file");
    assert_snapshot!(refusal(installation.path(), &installation.run(&["restore", "one.backup"])), @"1 portcullis: there is something in `portcullis-data/portcullis.db` already; restore into a new database");
    assert_eq!(mode(&installation.path().join("one.backup")), 0o600);
    assert_eq!(mode(&installation.path().join("portcullis-data/revocations.journal")), 0o600);
    let left: Vec<_> = fs::read_dir(installation.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("unfinished")), "{left:?}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// As a restore leaves it that was killed: the mark is taken away last.
#[test]
fn a_database_that_was_not_restored_to_its_end_is_not_served() {
    let installation = Installation::new();
    ok(&installation, &["backup", "one.backup"]);
    ok(&installation, &["restore", "one.backup", "--database", "sqlite:new/portcullis.db", "--journal", JOURNAL]);
    let connection = rusqlite::Connection::open(installation.path().join("new/portcullis.db")).unwrap();
    let mark = "INSERT INTO leases (kind, key, stream, due_at, expires_at, payload) VALUES ('restore', 'unfinished', 'database', 0, 9223372036854775807, x'')";
    connection.execute(mark, []).unwrap();
    let served = installation.run(&[
        "serve",
        "--database",
        "sqlite:new/portcullis.db",
        "--secret-key-file",
        "portcullis-data/secret.key",
    ]);
    assert_snapshot!(refusal(installation.path(), &served), @"1 portcullis: `new/portcullis.db` was not restored to its end; restore the backup into a new database");
    let again =
        installation.run(&["restore", "one.backup", "--database", "sqlite:new/portcullis.db", "--journal", JOURNAL]);
    assert_snapshot!(refusal(installation.path(), &again), @"1 portcullis: there is something in `new/portcullis.db` already; restore into a new database");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documents_do_what_they_say() {
    let Some(server) = Postgres::shared() else { return };
    let installation = Installation::new();
    let key = ok(&installation, &["snapshot", "key"]);
    let address = server.database();
    let known = [
        ("$ACCOUNT", installation.text("account_id")),
        ("$KEY", key.trim()),
        ("postgres://portcullis:PASSWORD@db.example.com/portcullis", &address),
    ];
    let pages = [include_str!("../../../docs/operations.md"), include_str!("../../../docs/scale.md")];
    let shown = ["portcullis backup", "portcullis restore", "portcullis snapshot"];
    let lines = pages.into_iter().flat_map(str::lines).filter(|line| shown.iter().any(|start| line.starts_with(start)));
    let mut count = 0;
    for line in lines {
        let line = known.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        ok(&installation, &line.split_whitespace().skip(1).collect::<Vec<_>>());
        count += 1;
    }
    assert_eq!(count, 5);
    assert!(ok(&installation, &["log", "verify", "--database", &address]).starts_with("the log is intact"));
}

/// As where the database is elsewhere and the secret key was put somewhere by hand: the folder is made for the journal.
#[test]
fn the_journal_finds_a_folder_of_its_own() {
    let Some(server) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = server.database();
    let arguments = ["init", "--email", EMAIL, "--database", &address, "--secret-key-file", "secret.key"];
    let made = crate::support::run(folder.path(), &arguments);
    assert!(made.status.success(), "{}", stderr(&made));
    assert_eq!(mode(&folder.path().join("portcullis-data/revocations.journal")), 0o600);
    assert_eq!(mode(&folder.path().join("portcullis-data")), 0o700);
}
