use store::{Claim, ClaimChange, Head, Store};

use crate::support::{assert_claimed, change_claims, claim, commit, record, release, take};

pub async fn a_taken_claim_names_its_holder(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    assert_claimed(store.enqueue(change_claims([take("ada", "user/2")])).await, &claim("ada", "user/1"));
    assert_eq!(store.claim("email", "ada").await.unwrap(), Some(claim("ada", "user/1")));
    assert_eq!(store.claim("email", "Ada").await.unwrap(), None);
    assert_eq!(store.claim("token", "ada").await.unwrap(), None);
}

pub async fn a_refused_claim_refuses_the_commit(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    let mut transaction = commit(record(&Head::EMPTY, "user/2"));
    transaction.claims = vec![take("ada", "user/2")];
    assert_claimed(store.enqueue(transaction).await, &claim("ada", "user/1"));
    assert!(store.is_empty().await.unwrap());
}

pub async fn taking_again_is_fine(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    store.enqueue(change_claims([take("ada", "user/1"), take("ada", "user/1")])).await.unwrap();
    let other_id = Claim { id: "other".into(), ..claim("ada", "user/1") };
    assert_claimed(store.enqueue(change_claims([ClaimChange::Take(other_id)])).await, &claim("ada", "user/1"));
}

pub async fn a_claim_passes_on_in_one_transaction(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    store.enqueue(change_claims([release("ada", "user/1"), take("ada", "user/2")])).await.unwrap();
    assert_eq!(store.claim("email", "ada").await.unwrap(), Some(claim("ada", "user/2")));
}

pub async fn releases_come_before_takes(store: Store) {
    store.enqueue(change_claims([take("a", "user/1"), take("b", "user/2")])).await.unwrap();
    let swap = [take("a", "user/2"), take("b", "user/1"), release("a", "user/1"), release("b", "user/2")];
    store.enqueue(change_claims(swap)).await.unwrap();
    assert_eq!(store.claim("email", "a").await.unwrap(), Some(claim("a", "user/2")));
    assert_eq!(store.claim("email", "b").await.unwrap(), Some(claim("b", "user/1")));
}

pub async fn the_claim_of_another_is_not_released(store: Store) {
    store.enqueue(change_claims([take("ada", "user/1")])).await.unwrap();
    assert_claimed(store.enqueue(change_claims([release("ada", "user/2")])).await, &claim("ada", "user/1"));
    assert!(store.claim("email", "ada").await.unwrap().is_some());
    store.enqueue(change_claims([release("ada", "user/1"), release("ada", "user/1")])).await.unwrap();
    assert_eq!(store.claim("email", "ada").await.unwrap(), None);
    store.enqueue(change_claims([release("ada", "user/2")])).await.unwrap();
}

pub async fn a_key_is_taken_once_per_transaction(store: Store) {
    let both = change_claims([take("ada", "user/1"), take("ada", "user/2")]);
    assert_claimed(store.enqueue(both).await, &claim("ada", "user/1"));
    assert_eq!(store.claim("email", "ada").await.unwrap(), None);
}

pub async fn claims_are_listed_by_prefix(store: Store) {
    for key in ["b", "a", "a/2", "a/10", "a/", "ab", "a/é", "a0"] {
        store.enqueue(change_claims([take(key, "user/1")])).await.unwrap();
    }
    let other = Claim { kind: "token".into(), ..claim("a/1", "user/1") };
    store.enqueue(change_claims([ClaimChange::Take(other)])).await.unwrap();

    for (prefix, after, limit, expected) in [
        ("", "", 99, &["a", "a/", "a/10", "a/2", "a/é", "a0", "ab", "b"][..]),
        ("a/", "", 99, &["a/", "a/10", "a/2", "a/é"]),
        ("a/", "a/", 99, &["a/10", "a/2", "a/é"]),
        ("a/", "a/10", 1, &["a/2"]),
        ("a/", "a/zz", 99, &["a/é"]),
        ("a/", "a0", 99, &[]),
        ("a/", "Z", 2, &["a/", "a/10"]),
        ("a", "ab", 99, &[]),
        ("c", "", 99, &[]),
    ] {
        let claims = store.claims("email", prefix, after, limit).await.unwrap();
        let keys: Vec<&str> = claims.iter().map(|claim| &*claim.key).collect();
        assert_eq!(keys, expected, "prefix `{prefix}`, after `{after}`, limit {limit}");
    }
}
