//! A disk that is full, a lock that is held: the caller hears of it, nothing is half written, and later it works again.

use std::time::Duration;

use rusqlite::Connection;
use store::{AppendError, Foreign, Head, LeaseChange, Record, SqliteOptions, Store, StoreError, Transaction};
use tempfile::tempdir;

use crate::support::{append, assert_backend, commit, commits, lease, put_lease, record, take, verified};

fn big_record(head: &Head, stream: &str) -> Record {
    Record::seal(head, stream, 0, "{}", "{}", "x".repeat(200_000))
}

#[tokio::test]
async fn a_full_disk_is_an_error_until_there_is_room() {
    let folder = tempdir().unwrap();
    let options = SqliteOptions { max_pages: Some(100), ..SqliteOptions::default() };
    let store = Store::open_sqlite(&folder.path().join("test.db"), options).unwrap();
    let head = append(&store, "account/1", 3).await;
    let mut filler = lease("filler", 1, 2);
    filler.payload = vec![0; 250_000];
    put_lease(&store, filler).await;

    let too_big = Transaction {
        claims: vec![take("ada", "user/1")],
        ..commits([record(&Head::EMPTY, "account/2"), big_record(&head, "account/1")])
    };
    let refused = store.enqueue(too_big.clone()).await;
    assert!(matches!(refused, Err(AppendError::Backend(StoreError::Full(_)))), "{refused:?}");
    assert_eq!(store.head("account/2").await.unwrap(), Head::EMPTY);
    assert_eq!(store.claim("email", "ada").await.unwrap(), None);
    assert_eq!(verified(&store, "account/1").await.len(), 3);
    store.ping().await.unwrap();

    // What is small still fits, before and after there is room again.
    append(&store, "account/3", 1).await;
    assert_eq!(store.purge_leases(2).await.unwrap(), 1);
    store.enqueue(too_big).await.unwrap();
    assert_eq!(verified(&store, "account/1").await.len(), 4);
    assert_eq!(verified(&store, "account/2").await.len(), 1);
    assert_eq!(store.foreign().await.unwrap(), Foreign::Nothing);
}

/// SQLite may roll back the whole batch when the disk is full; then all of it failed, and nothing of it is there.
#[tokio::test]
async fn a_full_disk_leaves_a_batch_whole_or_not_at_all() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let options = SqliteOptions { max_pages: Some(100), ..SqliteOptions::default() };
    let store = Store::open_sqlite(&path, options).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut pending = vec![(0, store.enqueue(commit(record(&Head::EMPTY, "account/0"))))];
    tokio::time::sleep(Duration::from_millis(20)).await;
    for number in 1..6 {
        let stream = format!("account/{number}");
        pending.push((number, store.enqueue(commit(big_record(&Head::EMPTY, &stream)))));
    }
    other.execute_batch("COMMIT").unwrap();

    let mut failures = 0;
    for (number, pending) in pending {
        let stream = format!("account/{number}");
        let expected = match pending.await {
            Ok(()) => 1,
            Err(AppendError::Backend(StoreError::Full(_))) => {
                failures += 1;
                0
            }
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(verified(&store, &stream).await.len(), expected);
    }
    assert!(failures > 0);
    append(&store, "account/1", 1).await;
}

#[tokio::test]
async fn a_held_lock_is_an_error_until_it_is_free() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(30), ..SqliteOptions::default() };
    let store = Store::open_sqlite(&path, options).unwrap();
    let head = append(&store, "account/1", 1).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting =
        [store.enqueue(commit(record(&head, "account/1"))), store.enqueue(commit(record(&head, "account/1")))];
    for pending in waiting {
        assert_backend(pending.await);
    }
    let refused = store.put_leases(vec![LeaseChange::Put(lease("a", 1, 2))]).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    store.ping().await.unwrap();
    assert_eq!(verified(&store, "account/1").await.len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    append(&store, "account/1", 1).await;
}
