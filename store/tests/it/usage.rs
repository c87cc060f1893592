use store::{Store, Usage};

fn used(stream: &str, principal: &str, permission: &str, last_used: i64) -> Usage {
    Usage { stream: stream.into(), principal: principal.into(), permission: permission.into(), last_used }
}

async fn of(store: &Store, stream: &str, principals: &[&str]) -> Vec<Usage> {
    store.usage(stream, principals.iter().map(|one| Box::from(*one)).collect()).await.unwrap()
}

pub async fn uses_read_back_by_stream_and_principal(store: Store) {
    let rows = [
        used("account/1", "user/a", "", 5),
        used("account/1", "user/a", "p1", 10),
        used("account/1", "user/a", "p2", 20),
        used("account/1", "user/ab", "p1", 30),
        used("account/1", "token/a", "p1", 40),
        used("account/2", "user/a", "p1", 50),
    ];
    // In whatever order they come.
    store.put_usage(rows.iter().rev().cloned().collect()).await.unwrap();
    assert_eq!(of(&store, "account/1", &["user/a"]).await, rows[..3]);
    assert_eq!(of(&store, "account/1", &["token/a", "nobody", "user/ab"]).await, [rows[4].clone(), rows[3].clone()]);
    assert_eq!(of(&store, "account/2", &["user/a"]).await, rows[5..]);
    assert_eq!(of(&store, "account/3", &["user/a"]).await, []);
    assert_eq!(of(&store, "account/1", &[]).await, []);
}

pub async fn only_a_later_use_is_news(store: Store) {
    for (time, last) in [(20, 20), (10, 20), (20, 20), (21, 21)] {
        store.put_usage(vec![used("account/1", "user/a", "p1", time)]).await.unwrap();
        assert_eq!(of(&store, "account/1", &["user/a"]).await, [used("account/1", "user/a", "p1", last)]);
    }
    // Also within one batch.
    store.put_usage([30, 25].map(|time| used("account/1", "user/a", "p1", time)).into()).await.unwrap();
    assert_eq!(of(&store, "account/1", &["user/a"]).await[0].last_used, 30);
}

pub async fn recording_begins_once(store: Store) {
    assert_eq!(store.usage_since(100).await.unwrap(), 100);
    assert_eq!(store.usage_since(200).await.unwrap(), 100);
    assert_eq!(store.usage_since(50).await.unwrap(), 100);
}
