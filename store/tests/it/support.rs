//! Short ways to say what the tests are about.

use std::path::Path;

use store::{
    AppendError, Claim, ClaimChange, Commit, Head, Lease, LeaseChange, PostgresOptions, Record, SqliteOptions, Store,
    Transaction,
};

pub fn open(folder: &Path) -> Store {
    Store::open_sqlite(&folder.join("test.db"), SqliteOptions::default()).unwrap()
}

pub async fn open_postgres(address: &str) -> Store {
    Store::open_postgres(address, PostgresOptions::default()).await.unwrap()
}

pub fn record(head: &Head, stream: &str) -> Record {
    let changes = format!(r#"[{{"after":{}}}]"#, head.revision);
    Record::seal(head, stream, 1_700_000_000_000_000, r#"{"user":"ada"}"#, r#"{"method":"POST"}"#, changes)
}

pub fn commit(record: Record) -> Transaction {
    commits([record])
}

/// Commits that touch nothing, in one transaction.
pub fn commits(records: impl IntoIterator<Item = Record>) -> Transaction {
    let commits =
        records.into_iter().map(|record| Commit { record, touched: Vec::new(), appears_in: Vec::new() }).collect();
    Transaction { commits, ..Transaction::default() }
}

/// Appends one commit that touches these documents.
pub async fn touch(store: &Store, stream: &str, at: i64, touched: &[&str]) -> Result<(), AppendError> {
    let head = store.head(stream).await.unwrap();
    let record = Record::seal(&head, stream, at, "{}", "{}", "[]");
    let touched = touched.iter().copied().map(Box::from).collect();
    store
        .enqueue(Transaction {
            commits: vec![Commit { record, touched, appears_in: Vec::new() }],
            ..Transaction::default()
        })
        .await
}

/// Appends so many commits, one after the other.
pub async fn append(store: &Store, stream: &str, count: usize) -> Head {
    let mut head = store.head(stream).await.unwrap();
    for _ in 0..count {
        let record = record(&head, stream);
        head = record.head();
        store.enqueue(commit(record)).await.unwrap();
    }
    head
}

pub fn claim(key: &str, stream: &str) -> Claim {
    Claim { kind: "email".into(), key: key.into(), stream: stream.into(), id: format!("id of {stream}").into() }
}

pub fn take(key: &str, stream: &str) -> ClaimChange {
    ClaimChange::Take(claim(key, stream))
}

pub fn release(key: &str, stream: &str) -> ClaimChange {
    ClaimChange::Release { kind: "email".into(), key: key.into(), stream: stream.into() }
}

pub fn change_claims(claims: impl Into<Vec<ClaimChange>>) -> Transaction {
    Transaction { claims: claims.into(), ..Transaction::default() }
}

pub fn lease(key: &str, due_at: i64, expires_at: i64) -> Lease {
    let (kind, stream) = ("job".into(), "user/1".into());
    Lease { kind, key: key.into(), stream, due_at, expires_at, payload: vec![0, 1, 255] }
}

pub async fn put_lease(store: &Store, lease: Lease) {
    store.put_leases(vec![LeaseChange::Put(lease)]).await.unwrap();
}

#[track_caller]
pub fn assert_conflict(result: Result<(), AppendError>, stream: &str, revision: u64) {
    match result {
        Err(AppendError::Conflict { stream: s, revision: r }) => assert_eq!((&*s, r), (stream, revision)),
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

#[track_caller]
pub fn assert_claimed(result: Result<(), AppendError>, holder: &Claim) {
    match result {
        Err(AppendError::Claimed(claim)) => assert_eq!(claim, *holder),
        other => panic!("a taken claim was expected, not {other:?}"),
    }
}

#[track_caller]
pub fn assert_backend(result: Result<(), AppendError>) {
    assert!(matches!(result, Err(AppendError::Backend(_))), "a failed backend was expected, not {result:?}");
}

/// Reads the whole log of a stream, and checks that it is one chain.
pub async fn verified(store: &Store, stream: &str) -> Vec<Record> {
    let records = store.records(stream, 0, usize::MAX).await.unwrap();
    let mut head = Head::EMPTY;
    for record in &records {
        assert_eq!((record.revision, record.prev_hash), (head.revision + 1, head.hash));
        assert!(record.verify_hash());
        head = record.head();
    }
    assert_eq!(store.head(stream).await.unwrap(), head);
    records
}
