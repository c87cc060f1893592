use store::{Commit, Head, Record, Span, Store, Summary, Transaction};

use crate::support::{change_claims, take};

/// Appends one commit at a time, seen at these places.
async fn appear(store: &Store, stream: &str, at: i64, places: &[&str]) {
    let head = store.head(stream).await.unwrap();
    let record = Record::seal(&head, stream, at, "{}", "{}", "[]");
    let appears_in = places.iter().copied().map(Box::from).collect();
    let commits = vec![Commit { record, touched: Vec::new(), appears_in }];
    store.enqueue(Transaction { commits, ..Transaction::default() }).await.unwrap();
}

type Key = (i64, String, u64);

async fn seen(store: &Store, place: &str, span: Span<'_>, limit: usize) -> Vec<Key> {
    let records = store.appearances(place, span, limit).await.unwrap();
    records.into_iter().map(|record| (record.at, record.stream.to_string(), record.revision)).collect()
}

pub async fn what_is_seen_at_a_place_is_listed_by_time_from_either_end(store: Store) {
    for (stream, at, places) in [
        ("user/1", -5, &["account/1"][..]),
        ("user/2", 10, &["account/1", "account/2"]),
        ("user/1", 10, &["account/1", "account/1"]),
        ("user/1", 10, &["account/1"]),
        ("user/1", 20, &[]),
        ("user/2", 30, &["account/1"]),
    ] {
        appear(&store, stream, at, places).await;
    }
    let key = |at: i64, stream: &str, revision: u64| (at, stream.to_owned(), revision);
    let all =
        [key(-5, "user/1", 1), key(10, "user/1", 2), key(10, "user/1", 3), key(10, "user/2", 1), key(30, "user/2", 2)];
    for newest_first in [false, true] {
        for since in [i64::MIN, -5, -4, 10, 11, 30, 31] {
            for before in [i64::MIN, -5, 10, 11, 30, 31, i64::MAX] {
                for after in std::iter::once(None).chain(all.iter().map(Some)) {
                    let span = Span {
                        since,
                        before,
                        newest_first,
                        after: after.map(|(at, stream, revision)| (*at, stream.as_str(), *revision)),
                    };
                    let is_after =
                        |one: &Key| after.is_none_or(|after| if newest_first { one < after } else { one > after });
                    let in_time = |one: &&Key| (since..before.max(since)).contains(&one.0) && is_after(one);
                    let mut expected: Vec<Key> = all.iter().filter(in_time).cloned().collect();
                    if newest_first {
                        expected.reverse();
                    }
                    assert_eq!(seen(&store, "account/1", span, 9).await, expected, "{span:?}");
                    expected.truncate(2);
                    assert_eq!(seen(&store, "account/1", span, 2).await, expected, "{span:?}");
                }
            }
        }
    }
    let whole = Span { since: i64::MIN, before: i64::MAX, newest_first: true, after: None };
    assert_eq!(seen(&store, "account/2", whole, 9).await, [key(10, "user/2", 1)]);
    assert_eq!(seen(&store, "account/3", whole, 9).await, []);
}

pub async fn a_refused_commit_appears_nowhere(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    let record = Record::seal(&Head::EMPTY, "user/2", 1, "{}", "{}", "[]");
    let commits = vec![Commit { record, touched: Vec::new(), appears_in: vec!["account/1".into()] }];
    let refused = Transaction { commits, claims: vec![take("ada", "user/2")], ..Transaction::default() };
    assert!(store.enqueue(refused).await.is_err());
    let whole = Span { since: i64::MIN, before: i64::MAX, newest_first: true, after: None };
    assert_eq!(seen(&store, "account/1", whole, 9).await, []);
}

pub async fn commits_are_read_by_their_revisions(store: Store) {
    for at in 0..5 {
        appear(&store, "account/1", at, &[]).await;
    }
    let read = store.records_of("account/1", vec![4, 2, 9, 0, 2, u64::MAX]).await.unwrap();
    assert_eq!(read.iter().map(|record| record.revision).collect::<Vec<_>>(), [4, 2, 2]);
    assert_eq!(store.records_of("account/2", vec![1]).await.unwrap(), []);
}

pub async fn summaries_read_back_by_kind_and_place_and_are_replaced(store: Store) {
    let summary = |kind: &str, first, bytes: &[u8]| Summary { kind: kind.into(), first, bytes: bytes.to_vec() };
    let first = vec![summary("who", 1, b"a"), summary("what", 1, b"b"), summary("who", 2049, b"")];
    store.put_summaries("account/1", first).await.unwrap();
    store.put_summaries("account/1", vec![summary("who", 1, b"c")]).await.unwrap();
    store.put_summaries("account/2", vec![summary("who", 1, b"d")]).await.unwrap();
    let read = async |stream: &str, kind: &str, from, to| store.summaries(stream, kind, from, to).await.unwrap();
    assert_eq!(read("account/1", "who", 0, u64::MAX).await, [summary("who", 1, b"c"), summary("who", 2049, b"")]);
    assert_eq!(read("account/1", "who", 1, 1).await, [summary("who", 1, b"c")]);
    assert_eq!(read("account/1", "who", 2, 2048).await, []);
    assert_eq!(read("account/1", "who", 9, 1).await, []);
    assert_eq!(read("account/1", "what", 0, 9999).await, [summary("what", 1, b"b")]);
    assert_eq!(read("account/2", "who", 0, 9999).await, [summary("who", 1, b"d")]);
    assert_eq!(read("account/3", "who", 0, 9999).await, []);
}
