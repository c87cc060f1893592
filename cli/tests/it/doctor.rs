//! `portcullis doctor`: each part that is not well is told, and the others are looked at all the same.

use test_parts::postgres::Postgres;

use crate::support::{Installation, run, stdout};

/// What it says, without the DNS, which may be there or not.
fn said(installation: &Installation) -> (i32, Vec<String>) {
    let output = installation.run(&["doctor", "--dns-server", "127.0.0.1:1"]);
    let lines = stdout(&output);
    let lines = lines.lines().filter(|line| !line.contains(" DNS: ")).map(str::to_owned);
    (output.status.code().unwrap(), lines.collect())
}

fn words(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn a_new_installation_is_well_but_for_a_dns_that_does_not_answer() {
    let installation = Installation::new();
    let output = installation.run(&["doctor", "--dns-server", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1), "a part is not well");
    assert!(stdout(&output).contains("doubt DNS: no answer from the DNS"), "{}", stdout(&output));
    let (_, lines) = said(&installation);
    assert_eq!(words(&lines), ["ok"; 5], "{lines:?}");
    assert!(lines[4].ends_with("commits in 2 streams, each chain whole"), "{lines:?}");
}

#[test]
fn a_damaged_log_a_set_back_clock_and_a_missing_key_are_told() {
    let installation = Installation::new();
    let database = rusqlite::Connection::open(installation.database()).unwrap();
    database.execute("UPDATE commits SET at = at + 3600000000 WHERE stream LIKE 'account/%'", []).unwrap();
    std::fs::remove_file(installation.path().join("portcullis-data/secret.key")).unwrap();
    let (code, lines) = said(&installation);
    assert_eq!((code, words(&lines)), (1, vec!["bad", "ok", "ok", "doubt", "bad"]), "{lines:?}");
    assert!(
        lines[0].starts_with("bad   secret key: the secret key `portcullis-data/secret.key` is missing"),
        "{lines:?}"
    );
    assert!(lines[3].contains("in the future: it was set back"), "{lines:?}");
    assert_eq!(lines[4], "bad   log: 1 of 2 streams are damaged; `portcullis log verify` tells where");
}

#[test]
fn a_page_that_is_damaged_is_told() {
    let installation = Installation::new();
    let database = rusqlite::Connection::open(installation.database()).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let root: i64 = database
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'leases_expiry'", [], |row| row.get(0))
        .unwrap();
    drop(database);
    let mut bytes = std::fs::read(installation.database()).unwrap();
    let start = (usize::try_from(root).unwrap() - 1) * 4096;
    bytes[start..start + 64].fill(0xff);
    std::fs::write(installation.database(), bytes).unwrap();
    let (code, lines) = said(&installation);
    assert_eq!(code, 1);
    assert!(lines.iter().any(|line| line.contains(" database: ") && line.contains("damaged")), "{lines:?}");
}

#[test]
fn without_a_database_the_rest_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("bad   database: there is no account in"), "{text}");
    assert!(text.contains("ok    catalogue: "), "{text}");
}

#[test]
fn a_server_of_postgresql_that_may_lose_commits_is_doubtful() {
    // The tests' own server does not flush.
    let Some(server) = Postgres::shared() else { return };
    let installation = Installation::on_postgres(&server.database());
    let (_, lines) = said(&installation);
    assert_eq!(words(&lines), ["ok", "ok", "doubt", "ok", "ok"], "{lines:?}");
    assert!(lines[2].contains("`fsync` is off: a crash may lose what was acknowledged"), "{lines:?}");
}
