use store::{AppendError, Foreign, Head, Store, StoreError};

use crate::support::{append, commit, lease, put_lease, record};

pub async fn a_closed_store_says_so(store: Store) {
    append(&store, "account/1", 1).await;
    tokio::join!(store.close(), store.close());
    store.close().await;
    let refused = store.enqueue(commit(record(&Head::EMPTY, "account/2"))).await;
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    assert!(matches!(store.head("account/1").await, Err(StoreError::Closed)));
    assert!(matches!(store.records("account/1", 0, 1).await, Err(StoreError::Closed)));
    assert!(matches!(store.put_snapshot("account/1", 1, Vec::new()).await, Err(StoreError::Closed)));
    assert!(matches!(store.purge_leases(0).await, Err(StoreError::Closed)));
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
}

pub async fn closing_drains_the_queue(store: Store) {
    let mut head = Head::EMPTY;
    let mut pending = Vec::new();
    for _ in 0..1000 {
        let record = record(&head, "account/1");
        head = record.head();
        pending.push(store.enqueue(commit(record)));
    }
    store.close().await;
    for pending in pending {
        pending.await.unwrap();
    }
}

pub async fn a_ping_is_answered(store: Store) {
    store.ping().await.unwrap();
}

pub async fn own_writes_are_not_foreign(store: Store) {
    append(&store, "account/1", 3).await;
    put_lease(&store, lease("a", 1, 2)).await;
    store.enqueue(commit(record(&Head::EMPTY, "account/1"))).await.unwrap_err();
    store.purge_leases(9).await.unwrap();
    assert_eq!(store.foreign().await.unwrap(), Foreign::Nothing);
}
