use store::Store;

pub async fn the_newest_two_snapshots_stay(store: Store) {
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), None);
    for revision in [10, 30, 20, 5] {
        store.put_snapshot("account/1", revision, vec![revision as u8; 3]).await.unwrap();
    }
    store.put_snapshot("account/2", 1, Vec::new()).await.unwrap();
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((30, vec![30; 3])));
    assert_eq!(store.snapshot("account/1", Some(30)).await.unwrap(), Some((30, vec![30; 3])));
    assert_eq!(store.snapshot("account/1", Some(29)).await.unwrap(), Some((20, vec![20; 3])));
    assert_eq!(store.snapshot("account/1", Some(19)).await.unwrap(), None);
    assert_eq!(store.snapshot("account/2", None).await.unwrap(), Some((1, Vec::new())));
}

pub async fn a_snapshot_is_replaced(store: Store) {
    store.put_snapshot("account/1", 7, vec![1]).await.unwrap();
    store.put_snapshot("account/1", 7, vec![2]).await.unwrap();
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((7, vec![2])));
}
