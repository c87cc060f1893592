//! A base takes the place of what is older, and the rest of the log goes on.

use store::{Base, Head, Record, Row, Store};

use crate::support::*;

fn base(record: &Record) -> Base {
    Base {
        stream: record.stream.clone(),
        revision: record.revision,
        at: record.at,
        hash: record.hash,
        state: b"the state".to_vec(),
        key: [3; 32],
        signature: vec![4; 64],
    }
}

pub async fn what_is_older_than_the_base_goes_and_the_log_goes_on(store: Store) {
    for number in 1..=2_500 {
        touch(&store, "account/a", number, &["doc/1", &format!("doc/{number}")]).await.unwrap();
    }
    append(&store, "account/b", 3).await;
    let at = store.record("account/a", 2_300).await.unwrap().unwrap();
    assert_eq!((store.folded("account/a").await.unwrap(), store.base("account/a").await.unwrap()), (0, None));
    assert!(store.fold(base(&at)).await.unwrap());
    // Until it is taken away, all of it is still there.
    assert_eq!(store.records("account/a", 0, 1).await.unwrap()[0].revision, 1);
    assert_eq!(store.forget_folded("account/a").await.unwrap(), 2_299);
    assert_eq!(store.forget_folded("account/a").await.unwrap(), 0);
    assert_eq!(store.forget_folded("account/b").await.unwrap(), 0);

    assert_eq!(store.folded("account/a").await.unwrap(), 2_300);
    assert_eq!(store.base("account/a").await.unwrap(), Some(base(&at)));
    let rest = store.records("account/a", 0, 10_000).await.unwrap();
    assert_eq!(rest.iter().map(|record| record.revision).collect::<Vec<_>>(), (2_300..=2_500).collect::<Vec<_>>());
    assert_eq!(store.record("account/a", 2_299).await.unwrap(), None);
    assert_eq!(store.record("account/a", 2_400).await.unwrap().unwrap().revision, 2_400);
    assert_eq!(store.touches("account/a", "doc/1", None, 5_000).await.unwrap().len(), 201);
    assert_eq!(store.touches("account/a", "doc/7", None, 10).await.unwrap(), []);
    assert_eq!(store.revision_at("account/a", 2_299).await.unwrap(), 0);
    assert_eq!(store.revision_at("account/a", 2_350).await.unwrap(), 2_350);
    assert_eq!(store.head("account/a").await.unwrap().revision, 2_500);
    append(&store, "account/a", 2).await;
    assert_eq!(store.head("account/a").await.unwrap().revision, 2_502);
    assert_eq!(store.head("account/b").await.unwrap().revision, 3);
}

pub async fn a_base_stands_at_a_commit_that_is_there_and_never_goes_back(store: Store) {
    append(&store, "account/a", 10).await;
    let at = async |revision| store.record("account/a", revision).await.unwrap().unwrap();
    let mut foreign = base(&at(5).await);
    foreign.hash = [9; 32];
    assert!(!store.fold(foreign).await.unwrap());
    let mut none = base(&at(5).await);
    none.revision = 11;
    assert!(!store.fold(none).await.unwrap());
    let (third, seventh) = (at(3).await, at(7).await);
    assert!(store.fold(base(&seventh)).await.unwrap());
    assert!(!store.fold(base(&third)).await.unwrap());
    assert!(!store.fold(base(&seventh)).await.unwrap());
    // The newest commit may be the one that it stands at.
    let tenth = at(10).await;
    assert!(store.fold(base(&tenth)).await.unwrap());
    assert_eq!(store.forget_folded("account/a").await.unwrap(), 9);
    assert_eq!(store.head("account/a").await.unwrap(), Head { revision: 10, hash: tenth.hash });
    assert_eq!(append(&store, "account/a", 1).await.revision, 11);
}

pub async fn a_log_is_begun_with_a_base_elsewhere(store: Store) {
    let original = Store::memory();
    append(&original, "account/a", 20).await;
    let record = original.record("account/a", 15).await.unwrap().unwrap();
    store.found(base(&record), record.clone()).await.unwrap();
    assert_eq!(store.head("account/a").await.unwrap(), record.head());
    assert_eq!(store.base("account/a").await.unwrap(), Some(base(&record)));
    for record in original.records("account/a", 15, 100).await.unwrap() {
        store.enqueue(commit(record)).await.unwrap();
    }
    let (mut dump, mut rows) = (store.dump(), Vec::new());
    while let Some(more) = dump.next().await.unwrap() {
        rows.extend(more);
    }
    assert_eq!(rows[0], Row::Base(base(&record)));
    assert_eq!(rows.len(), 1 + 6);
}
