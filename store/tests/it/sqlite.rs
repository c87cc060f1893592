//! What only a database file can show: it stays, it is shared, and it may be somebody else's.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use store::{Foreign, Head, Record, SqliteOptions, Store, StoreError, Transaction};
use tempfile::tempdir;

use crate::support::{
    append, assert_claimed, assert_conflict, claim, commit, commits, lease, open, put_lease, record, take, touch,
    verified,
};

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("test.db")).unwrap()
}

fn open_error(path: &Path) -> StoreError {
    Store::open_sqlite(path, SqliteOptions::default()).unwrap_err()
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    let written = Transaction { claims: vec![take("ada", "user/1")], ..commit(record(&Head::EMPTY, "account/1")) };
    store.enqueue(written).await.unwrap();
    put_lease(&store, lease("a", 1, 9)).await;
    store.put_snapshot("account/1", 1, vec![1, 2, 3]).await.unwrap();
    store.close().await;
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["test.db"], "closing leaves one file");

    let store = open(folder.path());
    assert_eq!(verified(&store, "account/1").await.len(), 1);
    assert_eq!(store.claim("email", "ada").await.unwrap(), Some(claim("ada", "user/1")));
    assert_eq!(store.lease("job", "a").await.unwrap(), Some(lease("a", 1, 9)));
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((1, vec![1, 2, 3])));
    append(&store, "account/1", 1).await;
}

#[tokio::test]
async fn dropping_the_store_writes_what_is_queued() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    drop(store.enqueue(commit(record(&Head::EMPTY, "account/1"))));
    drop(store);
    assert_eq!(verified(&open(folder.path()), "account/1").await.len(), 1);
}

#[tokio::test]
async fn a_change_of_the_log_shows_in_its_hashes() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    append(&store, "account/1", 3).await;
    database(folder.path()).execute("UPDATE commits SET actor = '{}' WHERE revision = 2", []).unwrap();
    let records = store.records("account/1", 0, 9).await.unwrap();
    assert_eq!(records.iter().map(store::Record::verify_hash).collect::<Vec<_>>(), [true, false, true]);
}

#[cfg(unix)]
#[test]
fn only_its_user_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let path = folder.path().join("new/deep/test.db");
    let _store = Store::open_sqlite(&path, SqliteOptions::default()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("new")), 0o700);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempdir().unwrap();
    open(folder.path()).close().await;
    let insert = "INSERT INTO migrations (version, applied_by) VALUES (99, 'portcullis 9')";
    database(folder.path()).execute(insert, []).unwrap();
    let error = open_error(&folder.path().join("test.db"));
    assert!(matches!(error, StoreError::NewerSchema { found: 99, known: 5 }), "{error:?}");
    assert!(error.to_string().contains("run a newer release"));
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_was() {
    let folder = tempdir().unwrap();
    for text in ["hello", "not a database\n", &"long text ".repeat(1000)] {
        let path = folder.path().join("notes.txt");
        fs::write(&path, text).unwrap();
        let error = open_error(&path);
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    for sql in ["CREATE TABLE t (x)", "PRAGMA application_id = 7"] {
        let path = folder.path().join("other.db");
        let _ = fs::remove_file(&path);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        let error = open_error(&path);
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_path_that_cannot_be_opened_is_named() {
    let folder = tempdir().unwrap();
    assert!(matches!(open_error(folder.path()), StoreError::Io { .. }));
    fs::write(folder.path().join("file"), "").unwrap();
    let error = open_error(&folder.path().join("file/test.db"));
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("file/test.db"));
}

#[tokio::test]
async fn what_another_process_writes_is_noticed() {
    let folder = tempdir().unwrap();
    let (ours, theirs) = (open(folder.path()), open(folder.path()));
    let head = append(&ours, "account/1", 2).await;
    assert_eq!(ours.foreign().await.unwrap(), Foreign::Nothing);
    assert_eq!(theirs.foreign().await.unwrap(), Foreign::Anything);
    assert_eq!(theirs.foreign().await.unwrap(), Foreign::Nothing);

    // Our writer knows the head of revision 2 by heart; it must not believe that.
    let new_head = append(&theirs, "account/1", 1).await;
    assert_conflict(ours.enqueue(commit(record(&head, "account/1"))).await, "account/1", 3);
    assert_eq!(ours.foreign().await.unwrap(), Foreign::Anything, "also when an append was the first to see it");
    assert_eq!(ours.foreign().await.unwrap(), Foreign::Nothing);
    ours.enqueue(commit(record(&new_head, "account/1"))).await.unwrap();

    // And what continues theirs is no conflict.
    append(&theirs, "account/1", 1).await;
    append(&ours, "account/1", 1).await;

    theirs.enqueue(Transaction { claims: vec![take("ada", "user/1")], ..Transaction::default() }).await.unwrap();
    let mine = Transaction { claims: vec![take("ada", "user/2")], ..Transaction::default() };
    assert_claimed(ours.enqueue(mine).await, &claim("ada", "user/1"));
    assert_eq!(verified(&ours, "account/1").await, verified(&theirs, "account/1").await);
}

#[tokio::test]
async fn two_processes_append_to_one_stream_without_loss() {
    let folder = tempdir().unwrap();
    let racers = [open(folder.path()), open(folder.path())].map(|store| {
        tokio::spawn(async move {
            let mut written = 0;
            while written < 50 {
                let head = store.head("account/1").await.unwrap();
                match store.enqueue(commit(record(&head, "account/1"))).await {
                    Ok(()) => written += 1,
                    refused => assert_conflict(refused, "account/1", head.revision + 1),
                }
            }
        })
    });
    for racer in racers {
        racer.await.unwrap();
    }
    assert_eq!(verified(&open(folder.path()), "account/1").await.len(), 100);
}

/// Holds the lock of the database until all are queued, so that they share a batch.
#[tokio::test]
async fn a_refused_transaction_harms_no_other_of_its_batch() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    let other = database(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = store.enqueue(commit(record(&Head::EMPTY, "account/0")));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let good = record(&Head::EMPTY, "account/1");
    let before = store.enqueue(commit(good.clone()));
    let refused = store.enqueue(commits([record(&good.head(), "account/1"), good.clone()]));
    let after = store.enqueue(commit(record(&good.head(), "account/1")));
    other.execute_batch("COMMIT").unwrap();

    first.await.unwrap();
    before.await.unwrap();
    assert_conflict(refused.await, "account/1", 1);
    after.await.unwrap();
    assert_eq!(verified(&store, "account/1").await.len(), 2);
}

#[tokio::test]
async fn a_damaged_snapshot_is_skipped() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    store.put_snapshot("account/1", 1, vec![1; 9]).await.unwrap();
    store.put_snapshot("account/1", 2, vec![2; 9]).await.unwrap();
    let other = database(folder.path());
    other.execute("UPDATE snapshots SET state = x'020202020202020203' WHERE revision = 2", []).unwrap();
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((1, vec![1; 9])));
    other.execute("UPDATE snapshots SET checksum = x'00' WHERE revision = 1", []).unwrap();
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), None);
    store.put_snapshot("account/1", 2, vec![2; 9]).await.unwrap();
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((2, vec![2; 9])));
}

/// As the first release left it: its schema, and commits of every shape.
fn database_of_schema_1(folder: &Path, changes: &[&str]) {
    let connection = database(folder);
    connection.execute_batch(include_str!("../../migrations/0001_log.sql")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY,
                 applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, applied_by TEXT NOT NULL) STRICT;
             INSERT INTO migrations (version, applied_by) VALUES (1, 'portcullis 0.1.0');
             PRAGMA application_id = 0x506f7274;",
        )
        .unwrap();
    let mut head = Head::EMPTY;
    for changes in changes {
        let record = Record::seal(&head, "account/1", 7, "{}", "{}", *changes);
        head = record.head();
        let insert = "INSERT INTO commits (stream, revision, at, actor, request, changes, prev_hash, hash)
             VALUES ($1, $2, $3, '{}', '{}', $4, $5, $6)";
        let values = (&*record.stream, record.revision as i64, 7, *changes, record.prev_hash, record.hash);
        connection.execute(insert, values).unwrap();
    }
}

#[tokio::test]
async fn a_database_of_the_first_release_gets_its_index() {
    let folder = tempdir().unwrap();
    let changes = [
        r#"{"v":1,"changes":[{"put":{"account":{"id":"a","name":"x"}}},{"put":{"member":{"id":"m","policies":[]}}}]}"#,
        r#"{"v":1,"changes":[{"put":{"resource":{"key":"a \"b\"/ü\\","name":"n"}}},{"put":{"user_group":{"id":"g"}}}]}"#,
        r#"{"v":1,"changes":[{"put":{"group_member":{"group":"g","member":"m","created_on":"t"}}}]}"#,
        "damaged",
        r#"{"v":1,"changes":[{"delete":"account"},{"delete":{"group_member":["g","m"]}},{"delete":{"user_group":"g"}}]}"#,
        r#"{"v":1,"changes":[{"put":{"user_group":{"id":"g"}}},{"put":{"user_group":{"id":"g"}}}]}"#,
        r#"[{"after":6}]"#,
        r#"{"v":1,"changes":[{"delete":{"resource":"a \"b\"/ü\\"}},{"put":{"user":{"id":"u"}}},3,{"put":7}]}"#,
        r#"{"v":1,"changes":7}"#,
    ];
    database_of_schema_1(folder.path(), &changes);
    let store = open(folder.path());
    for (document, revisions) in [
        ("account", vec![5, 1]),
        ("member/m", vec![1]),
        ("resource/a \"b\"/ü\\", vec![8, 2]),
        ("user_group/g", vec![6, 5, 2]),
        ("group_member/g/m", vec![5, 3]),
        ("user", vec![8]),
        ("user/u", vec![]),
    ] {
        assert_eq!(store.touches("account/1", document, None, 9).await.unwrap(), revisions, "{document}");
    }
    let rows = database(folder.path()).query_row("SELECT count(*) FROM touches", [], |row| row.get::<_, i64>(0));
    assert_eq!(rows.unwrap(), 11);
    assert_eq!(verified(&store, "account/1").await.len(), changes.len());
    touch(&store, "account/1", 8, &["member/m"]).await.unwrap();
    assert_eq!(store.touches("account/1", "member/m", None, 9).await.unwrap(), [10, 1]);
}

/// As when old commits are taken out.
#[tokio::test]
async fn a_time_finds_its_commit_among_gaps() {
    let folder = tempdir().unwrap();
    let store = open(folder.path());
    for revision in 1..=40 {
        touch(&store, "account/1", revision * 10, &[]).await.unwrap();
    }
    let left = [7, 8, 20, 33, 34, 40];
    let delete = "DELETE FROM commits WHERE revision NOT IN (7, 8, 20, 33, 34, 40)";
    assert_eq!(database(folder.path()).execute(delete, []).unwrap(), 34);
    for time in 0..=410 {
        let expected = left.into_iter().filter(|revision| revision * 10 <= time).max().unwrap_or(0);
        assert_eq!(store.revision_at("account/1", time as i64).await.unwrap(), expected, "at {time}");
    }
}
