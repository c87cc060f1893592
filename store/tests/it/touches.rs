use store::{Commit, Head, Store, Transaction};

use crate::support::{assert_claimed, assert_conflict, change_claims, claim, record, take, touch, verified};

pub async fn what_touched_a_document_is_listed_newest_first(store: Store) {
    for touched in [&["a", "b"][..], &["b"], &[], &["a", "a"], &["b", "c", "a"]] {
        touch(&store, "account/1", 0, touched).await.unwrap();
    }
    touch(&store, "account/2", 0, &["a"]).await.unwrap();
    let records = verified(&store, "account/1").await;
    for (document, at_most, limit, expected) in [
        ("a", None, 9, &[5, 4, 1][..]),
        ("a", Some(4), 9, &[4, 1]),
        ("a", Some(3), 9, &[1]),
        ("a", Some(0), 9, &[]),
        ("a", Some(u64::MAX), 2, &[5, 4]),
        ("a", None, 0, &[]),
        ("b", None, usize::MAX, &[5, 2, 1]),
        ("c", None, 9, &[5]),
        ("", None, 9, &[]),
        ("d", None, 9, &[]),
    ] {
        assert_eq!(store.touches("account/1", document, at_most, limit).await.unwrap(), expected, "{document}");
        let touching = store.touching("account/1", document, at_most, limit).await.unwrap();
        assert_eq!(touching, expected.iter().map(|at| records[*at as usize - 1].clone()).collect::<Vec<_>>());
    }
    assert_eq!(store.touches("account/2", "a", None, 9).await.unwrap(), [1]);
    assert_eq!(store.touches("account/3", "a", None, 9).await.unwrap(), [0; 0]);
}

pub async fn a_refused_commit_touches_nothing(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    let touching = |record| Transaction {
        commits: vec![Commit { record, touched: vec!["a".into(), "b".into()], appears_in: Vec::new() }],
        ..Transaction::default()
    };
    let first = record(&Head::EMPTY, "account/1");
    let claiming = Transaction { claims: vec![take("ada", "user/2")], ..touching(first.clone()) };
    assert_claimed(store.enqueue(claiming).await, &claim("ada", "user/1"));
    assert_conflict(store.enqueue(touching(record(&first.head(), "account/1"))).await, "account/1", 2);
    assert_eq!(store.touches("account/1", "a", None, 9).await.unwrap(), [0; 0]);
    touch(&store, "account/1", 0, &["b"]).await.unwrap();
    assert_eq!(store.touches("account/1", "a", None, 9).await.unwrap(), [0; 0]);
    assert_eq!(store.touches("account/1", "b", None, 9).await.unwrap(), [1]);
}

pub async fn a_time_leads_to_the_newest_commit_that_is_not_later(store: Store) {
    let times = [-7, 10, 10, 20, 30, 30, 30, 50];
    for (count, at) in times.into_iter().enumerate() {
        for time in (-10..60).chain([i64::MIN, i64::MAX]) {
            let expected = times[..count].iter().filter(|at| **at <= time).count() as u64;
            assert_eq!(store.revision_at("account/1", time).await.unwrap(), expected, "of {count}, at {time}");
        }
        touch(&store, "account/1", at, &[]).await.unwrap();
    }
    assert_eq!(store.revision_at("account/1", 30).await.unwrap(), 7);
    assert_eq!(store.revision_at("account/2", 30).await.unwrap(), 0);
}

pub async fn a_commit_is_found_by_its_revision(store: Store) {
    for _ in 0..3 {
        touch(&store, "account/1", 0, &[]).await.unwrap();
    }
    for record in verified(&store, "account/1").await {
        assert_eq!(store.record("account/1", record.revision).await.unwrap(), Some(record));
    }
    for revision in [0, 4, i64::MAX as u64, u64::MAX] {
        assert_eq!(store.record("account/1", revision).await.unwrap(), None);
    }
    assert_eq!(store.record("account/2", 1).await.unwrap(), None);
}
