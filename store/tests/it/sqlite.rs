//! What only a database file can show: it stays, it is shared, and it may be somebody else's.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use store::{Head, SqliteOptions, Store, StoreError, Transaction};
use tempfile::tempdir;

use crate::support::{
    append, assert_claimed, assert_conflict, claim, commit, lease, open, put_lease, record, take, verified,
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
    assert!(matches!(error, StoreError::NewerSchema { found: 99, known: 1 }), "{error:?}");
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
    assert!(!ours.foreign_change().await.unwrap());
    assert!(theirs.foreign_change().await.unwrap());
    assert!(!theirs.foreign_change().await.unwrap());

    // Our writer knows the head of revision 2 by heart; it must not believe that.
    let new_head = append(&theirs, "account/1", 1).await;
    assert_conflict(ours.enqueue(commit(record(&head, "account/1"))).await, "account/1", 3);
    assert!(ours.foreign_change().await.unwrap(), "also when an append was the first to see it");
    assert!(!ours.foreign_change().await.unwrap());
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
    let refused =
        Transaction { records: vec![record(&good.head(), "account/1"), good.clone()], ..Transaction::default() };
    let refused = store.enqueue(refused);
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
