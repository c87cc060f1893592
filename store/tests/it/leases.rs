use store::{Head, Lease, LeaseChange, Store, Transaction};

use crate::support::{assert_conflict, commit, lease, put_lease, record};

pub async fn a_lease_reads_back_and_is_replaced(store: Store) {
    put_lease(&store, lease("a", 1, 9)).await;
    assert_eq!(store.lease("job", "a").await.unwrap(), Some(lease("a", 1, 9)));
    let moved = Lease { payload: Vec::new(), stream: "user/2".into(), ..lease("a", 2, 8) };
    put_lease(&store, moved.clone()).await;
    assert_eq!(store.lease("job", "a").await.unwrap(), Some(moved));
    assert_eq!(store.lease("session", "a").await.unwrap(), None);

    let delete = || LeaseChange::Delete { kind: "job".into(), key: "a".into() };
    store.put_leases(vec![delete(), LeaseChange::Put(lease("b", 1, 9)), delete()]).await.unwrap();
    assert_eq!(store.lease("job", "a").await.unwrap(), None);
    assert_eq!(store.lease("job", "b").await.unwrap(), Some(lease("b", 1, 9)));
}

pub async fn a_lease_is_replaced_only_if_it_is_what_was_read(store: Store) {
    put_lease(&store, lease("a", 1, 9)).await;
    put_lease(&store, lease("b", 1, 9)).await;
    let (read, later) = (lease("a", 1, 9), lease("a", 5, 9));
    let both =
        tokio::join!(store.replace_lease(&read, Some(later.clone())), store.replace_lease(&read, Some(later.clone())),);
    assert_eq!([both.0.unwrap(), both.1.unwrap()].iter().filter(|taken| **taken).count(), 1, "one of two takes it");
    assert_eq!(store.lease("job", "a").await.unwrap(), Some(later.clone()));
    assert!(!store.replace_lease(&read, None).await.unwrap());
    assert!(!store.replace_lease(&lease("c", 1, 9), Some(lease("c", 2, 9))).await.unwrap());
    assert!(store.replace_lease(&later, None).await.unwrap());
    assert_eq!(store.lease("job", "a").await.unwrap(), None);
    assert_eq!(store.lease("job", "c").await.unwrap(), None);
    assert_eq!(store.lease("job", "b").await.unwrap(), Some(lease("b", 1, 9)));
}

pub async fn due_leases_come_in_order(store: Store) {
    for (key, due_at, expires_at) in [("late", 30, 99), ("a", 20, 99), ("b", 10, 99), ("c", 20, 99), ("gone", 5, 20)] {
        put_lease(&store, lease(key, due_at, expires_at)).await;
    }
    put_lease(&store, Lease { kind: "session".into(), ..lease("x", 1, 99) }).await;
    let due = async |now, limit| {
        let due = store.leases_due("job", now, limit).await.unwrap();
        due.into_iter().map(|lease| lease.key.into_string()).collect::<Vec<_>>()
    };
    assert_eq!(due(4, 9).await, [""; 0]);
    assert_eq!(due(19, 9).await, ["gone", "b"]);
    assert_eq!(due(20, 9).await, ["b", "a", "c"]);
    assert_eq!(due(20, 2).await, ["b", "a"]);
    assert_eq!(due(98, 9).await, ["b", "a", "c", "late"]);
    assert_eq!(due(99, 9).await, [""; 0]);
}

pub async fn expired_leases_are_purged(store: Store) {
    put_lease(&store, lease("a", 1, 10)).await;
    put_lease(&store, lease("b", 1, 11)).await;
    put_lease(&store, Lease { kind: "session".into(), ..lease("c", 1, 10) }).await;
    assert_eq!(store.purge_leases(9).await.unwrap(), 0);
    assert!(store.lease("job", "a").await.unwrap().is_some());
    assert_eq!(store.purge_leases(10).await.unwrap(), 2);
    assert_eq!(store.lease("job", "a").await.unwrap(), None);
    assert!(store.lease("job", "b").await.unwrap().is_some());
}

pub async fn leases_follow_their_transaction(store: Store) {
    let with_lease = |record, key| Transaction { leases: vec![LeaseChange::Put(lease(key, 1, 9))], ..commit(record) };
    store.enqueue(with_lease(record(&Head::EMPTY, "user/1"), "good")).await.unwrap();
    let refused = store.enqueue(with_lease(record(&Head::EMPTY, "user/1"), "refused"));
    assert_conflict(refused.await, "user/1", 1);
    assert!(store.lease("job", "good").await.unwrap().is_some());
    assert_eq!(store.lease("job", "refused").await.unwrap(), None);
}

pub async fn many_leases_are_purged_at_once(store: Store) {
    let changes = (0..2500).map(|number| LeaseChange::Put(lease(&number.to_string(), 1, 2))).collect();
    store.put_leases(changes).await.unwrap();
    assert_eq!(store.purge_leases(2).await.unwrap(), 2500);
    assert_eq!(store.purge_leases(2).await.unwrap(), 0);
}
