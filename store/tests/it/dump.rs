//! A dump is everything of one moment.

use std::collections::BTreeMap;

use store::{Lease, Row, Store, Usage};

use crate::support::*;

async fn dumped(store: &Store) -> Vec<Row> {
    let (mut dump, mut all) = (store.dump(), Vec::new());
    while let Some(rows) = dump.next().await.unwrap() {
        all.extend(rows);
    }
    all
}

/// Fills a store with some of everything, more than one batch of it.
async fn fill(store: &Store) {
    let head = append(store, "account/a", 600).await;
    append(store, "account/b", 3).await;
    let mut transaction = commit(record(&head, "account/a"));
    transaction.commits[0].appears_in = vec!["place/1".into(), "place/2".into()];
    transaction.claims = vec![take("ada@example.com", "account/a"), take("ben@example.com", "account/b")];
    store.enqueue(transaction).await.unwrap();
    put_lease(store, lease("one", 1, 2)).await;
    store
        .put_usage(vec![Usage {
            stream: "account/a".into(),
            principal: "p".into(),
            permission: "q".into(),
            last_used: 7,
        }])
        .await
        .unwrap();
    store.usage_since(5).await.unwrap();
    store.put_snapshot("account/a", 600, b"made again".to_vec()).await.unwrap();
}

pub async fn has_everything_once_and_in_order(store: Store) {
    assert_eq!(dumped(&store).await, []);
    fill(&store).await;
    let rows = dumped(&store).await;
    let mut expected = vec![
        Row::Appearance { place: "place/1".into(), stream: "account/a".into(), revision: 601 },
        Row::Appearance { place: "place/2".into(), stream: "account/a".into(), revision: 601 },
    ];
    for stream in ["account/a", "account/b"] {
        expected.extend(store.records(stream, 0, usize::MAX >> 1).await.unwrap().into_iter().map(Row::Commit));
    }
    expected.push(Row::Claim(claim("ada@example.com", "account/a")));
    expected.push(Row::Claim(claim("ben@example.com", "account/b")));
    expected.push(Row::Lease(Lease { stream: "user/1".into(), ..lease("one", 1, 2) }));
    let usage = Usage { stream: "account/a".into(), principal: "p".into(), permission: "q".into(), last_used: 7 };
    expected.extend([Row::Usage(usage), Row::UsageSince(5)]);
    assert_eq!(rows.len(), 601 + 3 + 2 + 5);
    assert_eq!(rows, expected);
}

/// Of two streams that are always written together, a dump never has one longer than the other.
pub async fn is_of_one_moment(store: Store) {
    append(&store, "account/a", 1000).await;
    append(&store, "account/b", 1000).await;
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                let heads = (store.head("account/a").await.unwrap(), store.head("account/b").await.unwrap());
                let both = commits([record(&heads.0, "account/a"), record(&heads.1, "account/b")]);
                store.enqueue(both).await.unwrap();
            }
        })
    };
    let mut moments = Vec::new();
    while !writing.is_finished() {
        let mut counts: BTreeMap<Box<str>, u64> = BTreeMap::new();
        for row in dumped(&store).await {
            let Row::Commit(record) = row else { continue };
            *counts.entry(record.stream).or_default() += 1;
        }
        assert_eq!(counts["account/a"], counts["account/b"]);
        moments.push(counts["account/a"]);
    }
    writing.await.unwrap();
    assert!(moments.is_sorted() && !moments.is_empty(), "{moments:?}");
}
