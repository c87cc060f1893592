use store::{Head, Record, Store, Transaction};

use crate::support::{append, assert_conflict, change_claims, claim, commit, commits, record, release, take, verified};

pub async fn what_is_appended_reads_back(store: Store) {
    assert!(store.is_empty().await.unwrap());
    let first = Record::seal(&Head::EMPTY, "account/1", -5, r#"{"user":"ädä"}"#, "{}", "[]");
    let second = Record::seal(&first.head(), "account/1", i64::MAX, "null", "null", r#"["\u0000"]"#);
    store.enqueue(commit(first.clone())).await.unwrap();
    store.enqueue(commit(second.clone())).await.unwrap();

    assert!(!store.is_empty().await.unwrap());
    assert_eq!(verified(&store, "account/1").await, [first.clone(), second.clone()]);
    assert_eq!(store.records("account/1", 0, 1).await.unwrap(), [first]);
    assert_eq!(store.records("account/1", 1, 9).await.unwrap(), [second]);
    assert_eq!(store.records("account/1", 2, 9).await.unwrap(), []);
}

pub async fn an_unknown_stream_is_empty(store: Store) {
    append(&store, "account/1", 1).await;
    assert_eq!(store.head("account/").await.unwrap(), Head::EMPTY);
    assert_eq!(store.records("account/", 0, 9).await.unwrap(), []);
}

pub async fn a_taken_revision_is_a_conflict(store: Store) {
    let head = append(&store, "account/1", 1).await;
    let mine = record(&head, "account/1");
    let yours = Record::seal(&head, "account/1", 7, "{}", "{}", "[]");
    store.enqueue(commit(mine.clone())).await.unwrap();
    assert_conflict(store.enqueue(commit(yours)).await, "account/1", 2);
    assert_conflict(store.enqueue(commit(mine.clone())).await, "account/1", 2);
    assert_eq!(verified(&store, "account/1").await[1..], [mine]);
}

pub async fn a_gap_is_a_conflict(store: Store) {
    let head = append(&store, "account/1", 1).await;
    let skipped = record(&head, "account/1");
    assert_conflict(store.enqueue(commit(record(&skipped.head(), "account/1"))).await, "account/1", 3);
    assert_conflict(store.enqueue(commit(record(&head, "account/2"))).await, "account/2", 2);
    assert_eq!(verified(&store, "account/1").await.len(), 1);
    assert_eq!(store.head("account/2").await.unwrap(), Head::EMPTY);
}

pub async fn another_previous_hash_is_a_conflict(store: Store) {
    let head = append(&store, "account/1", 1).await;
    let other = Head { hash: [9; 32], ..head };
    assert_conflict(store.enqueue(commit(record(&other, "account/1"))).await, "account/1", 2);
    let other = Head { revision: 0, hash: [9; 32] };
    assert_conflict(store.enqueue(commit(record(&other, "account/2"))).await, "account/2", 1);
    store.enqueue(commit(record(&head, "account/1"))).await.unwrap();
}

pub async fn a_transaction_may_hold_several_commits_of_a_stream(store: Store) {
    let first = record(&Head::EMPTY, "account/1");
    let second = record(&first.head(), "account/1");
    let swapped = commits([second.clone(), first.clone()]);
    assert_conflict(store.enqueue(swapped).await, "account/1", 2);
    let both = commits([first.clone(), second.clone()]);
    store.enqueue(both).await.unwrap();
    assert_eq!(verified(&store, "account/1").await, [first, second]);
}

pub async fn a_transaction_of_several_streams_is_all_or_nothing(store: Store) {
    append(&store, "account/2", 1).await;
    let account = record(&Head::EMPTY, "account/1");
    let user = record(&Head::EMPTY, "user/1");
    let stale = record(&Head::EMPTY, "account/2");
    let records = [account.clone(), stale, user.clone()];
    let claims = vec![take("ada@example.com", "user/1")];
    let refused = Transaction { claims: claims.clone(), ..commits(records) };
    assert_conflict(store.enqueue(refused).await, "account/2", 1);
    assert_eq!(store.head("account/1").await.unwrap(), Head::EMPTY);
    assert_eq!(store.claim("email", "ada@example.com").await.unwrap(), None);

    let good = Transaction { claims, ..commits([account, user]) };
    store.enqueue(good).await.unwrap();
    assert_eq!(store.head("account/1").await.unwrap().revision, 1);
    assert_eq!(store.head("user/1").await.unwrap().revision, 1);
    assert!(store.claim("email", "ada@example.com").await.unwrap().is_some());
}

pub async fn a_refused_transaction_harms_no_other(store: Store) {
    store.enqueue(change_claims([take("ada@example.com", "user/1")])).await.unwrap();
    let before = store.enqueue(commit(record(&Head::EMPTY, "account/1")));
    let mut refused = commit(record(&Head::EMPTY, "account/2"));
    refused.claims = vec![take("new@example.com", "user/2"), take("ada@example.com", "user/2")];
    let refused = store.enqueue(refused);
    let after = store.enqueue(commit(record(&Head::EMPTY, "account/3")));

    before.await.unwrap();
    crate::support::assert_claimed(refused.await, &claim("ada@example.com", "user/1"));
    after.await.unwrap();
    assert_eq!(store.head("account/2").await.unwrap(), Head::EMPTY);
    assert_eq!(store.claim("email", "new@example.com").await.unwrap(), None);
    for stream in ["account/1", "account/2", "account/3"] {
        append(&store, stream, 1).await;
    }
}

pub async fn what_builds_on_a_refused_commit_is_refused(store: Store) {
    let first = record(&Head::EMPTY, "account/1");
    let second = record(&first.head(), "account/1");
    let mut refused = commit(first);
    refused.claims = vec![take("a", "user/1"), take("a", "user/2")];
    let refused = store.enqueue(refused);
    let dependent = store.enqueue(commit(second));
    crate::support::assert_claimed(refused.await, &claim("a", "user/1"));
    assert_conflict(dependent.await, "account/1", 2);
    assert!(store.is_empty().await.unwrap());
    store.enqueue(change_claims([release("a", "user/1")])).await.unwrap();
}

/// 64 threads share one stream under one lock, as callers do: they queue in the order of revisions, and no append is refused.
pub async fn concurrent_writers_keep_their_order(store: Store) {
    let head = std::sync::Arc::new(std::sync::Mutex::new(Head::EMPTY));
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let (store, head) = (store.clone(), head.clone());
            std::thread::spawn(move || {
                let append = |_| {
                    let mut head = head.lock().unwrap();
                    let record = record(&head, "account/1");
                    *head = record.head();
                    store.enqueue(commit(record))
                };
                (0..10).map(append).collect::<Vec<_>>()
            })
        })
        .collect();
    for thread in threads {
        for pending in thread.join().unwrap() {
            pending.await.unwrap();
        }
    }
    assert_eq!(verified(&store, "account/1").await.len(), 640);
}

pub async fn one_of_many_racers_wins(store: Store) {
    let racers: Vec<_> = (0..64)
        .map(|number| {
            let mine = Record::seal(&Head::EMPTY, "account/1", number, "{}", "{}", "[]");
            tokio::spawn(store.enqueue(commit(mine)))
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(()) => winners += 1,
            refused => assert_conflict(refused, "account/1", 1),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(verified(&store, "account/1").await.len(), 1);
}

pub async fn streams_are_listed_by_name(store: Store) {
    assert_eq!(store.streams("", 10).await.unwrap(), []);
    let mut heads: Vec<(Box<str>, Head)> = Vec::new();
    for (stream, count) in [("user/1", 1), ("account/2", 3), ("account/10", 2), ("ärger", 1)] {
        heads.push((stream.into(), append(&store, stream, count).await));
    }
    heads.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(store.streams("", 10).await.unwrap(), heads);
    assert_eq!(store.streams("", 2).await.unwrap(), heads[..2]);
    assert_eq!(store.streams("account/2", 10).await.unwrap(), heads[2..]);
    assert_eq!(store.streams("b", 1).await.unwrap(), heads[2..3]);
    assert_eq!(store.streams("", 0).await.unwrap(), []);
}

pub async fn heads_of_many_streams_are_read_at_once(store: Store) {
    let one = append(&store, "account/1", 3).await;
    let two = append(&store, "user/1", 1).await;
    let mut heads = store.heads(&["user/1".into(), "user/2".into(), "account/1".into()]).await.unwrap();
    heads.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(heads, [("account/1".into(), one), ("user/1".into(), two)]);
    assert_eq!(store.heads(&[]).await.unwrap(), []);
}

pub async fn extreme_numbers_are_refused_or_find_nothing(store: Store) {
    let head = append(&store, "account/1", 1).await;
    for revision in [0, u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1] {
        let mut far = record(&head, "account/1");
        far.revision = revision;
        assert_conflict(store.enqueue(commit(far)).await, "account/1", revision);
    }
    assert_eq!(store.records("account/1", u64::MAX, usize::MAX).await.unwrap(), []);
    assert_eq!(store.records("account/1", 0, 0).await.unwrap(), []);
}

/// Logs of every earlier release must still verify: the encoding below the hash never changes.
#[test]
fn the_hash_of_a_record_stays_what_it_was() {
    let record = Record::seal(&Head::EMPTY, "account/1", 1_700_000_000_000_000, r#"{"user":"ada"}"#, "{}", "[]");
    let hash: String = record.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "89325da9d9a726aff7cd8ee4937547d16a658f8ee3320f256094322f1ce2080f");
    for changed in [
        Record { stream: "account/2".into(), ..record.clone() },
        Record { revision: 2, ..record.clone() },
        Record { at: 0, ..record.clone() },
        Record { actor: "{}".into(), request: r#"{"user":"ada"}"#.into(), ..record.clone() },
        Record { request: "{}[]".into(), changes: "".into(), ..record.clone() },
        Record { prev_hash: [1; 32], ..record.clone() },
    ] {
        assert!(!changed.verify_hash(), "{changed:?}");
    }
}
