//! A store that cannot write: whoever waits hears of it, nothing is shown that was not written, and later it works again.

use std::time::Duration;

use runtime::CommitError;
use store::{SqliteOptions, StoreError};

use crate::world::*;

/// More than fits into [`SMALL`].
const TOO_MUCH: usize = 600_000;
const SMALL: SqliteOptions = SqliteOptions { batch: 512, busy_timeout: Duration::from_secs(5), max_pages: Some(120) };

fn failed<T>(result: &Result<T, CommitError>) -> bool {
    match result {
        Ok(_) => false,
        Err(CommitError::Store(StoreError::Full(_) | StoreError::Busy(_))) => true,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_a_full_disk_refuses_is_nowhere() {
    let database = Database::new();
    let world = database.open_with(SMALL);
    let account = world.account().await;
    world.make_group(account, "before").await.unwrap();
    let refused = make_group(&world.runtime, account, "too much", &heavy_origin(TOO_MUCH)).await;
    assert!(failed(&refused));
    assert_eq!(group_names(&world.snapshot(account).await.state), ["before"]);
    world.assert_sound(account, 2).await;
    // The name is as free as before, and the next revision follows.
    world.make_group(account, "too much").await.unwrap();
    world.assert_sound(account, 3).await;
}

#[tokio::test]
async fn what_was_built_on_a_failed_commit_is_built_again_or_fails_too() {
    let database = Database::new();
    let world = database.open_with(SMALL);
    let account = world.account().await;
    let lock = database.lock();
    let heavy = heavy_origin(TOO_MUCH);
    let release = async {
        settle().await;
        assert_eq!(world.snapshot(account).await.revision(), 1);
        drop(lock);
    };
    let (first, too_much, second, third, ()) = tokio::join!(
        world.make_group(account, "first"),
        make_group(&world.runtime, account, "too much", &heavy),
        world.make_group(account, "second"),
        // Refused where it is worked out on the commit that fails, but that is no reason.
        world.make_group(account, "Too Much"),
        release
    );
    assert!(failed(&too_much));
    // SQLite may take back the whole batch; then what came with it has failed, and says so.
    let mut expected = Vec::new();
    for (name, result) in [("Too Much", third), ("first", first), ("second", second)] {
        if !failed(&result) {
            expected.push(name);
        }
    }
    let seen = group_names(&world.snapshot(account).await.state);
    assert_eq!(
        seen.iter().collect::<std::collections::BTreeSet<_>>(),
        expected.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().iter().collect()
    );
    world.assert_sound(account, 1 + expected.len() as u64).await;
    world.make_group(account, "after").await.unwrap();
    world.assert_sound(account, 2 + expected.len() as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_who_fail_between_writers_who_do_not_leave_nothing_behind() {
    let database = Database::new();
    let world = database.open_with(SMALL);
    let account = world.account().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..32 {
        let runtime = world.runtime.clone();
        writers.spawn(async move {
            let origin = if number % 4 == 3 { heavy_origin(TOO_MUCH) } else { origin() };
            let name = format!("group {number:02}");
            let result = make_group(&runtime, account, &name, &origin).await;
            (name, number % 4 == 3, result.map(|committed| committed.snapshot.revision()))
        });
    }
    let mut made = Vec::new();
    for (name, heavy, result) in writers.join_all().await {
        if !failed(&result) {
            assert!(!heavy, "{name} does not fit");
            made.push(name);
        }
    }
    made.sort();
    assert_eq!(group_names(&world.snapshot(account).await.state), made, "what was acknowledged, and nothing else");
    world.assert_sound(account, 1 + made.len() as u64).await;
}

#[tokio::test]
async fn a_lock_that_lasts_too_long_is_an_error_and_leaves_nothing_behind() {
    let database = Database::new();
    let options = SqliteOptions { busy_timeout: Duration::from_millis(30), ..SqliteOptions::default() };
    let world = database.open_with(options);
    let account = world.account().await;
    let lock = database.lock();
    let (first, second) = tokio::join!(world.make_group(account, "first"), world.make_group(account, "second"));
    assert!(failed(&first) && failed(&second));
    // Reading goes on.
    assert_eq!(world.snapshot(account).await.revision(), 1);
    drop(lock);
    world.make_group(account, "second").await.unwrap();
    assert_eq!(group_names(&world.snapshot(account).await.state), ["second"]);
    world.assert_sound(account, 2).await;
}

#[tokio::test]
async fn a_closed_store_is_an_error() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    world.runtime.close().await;
    let refused = world.make_group(account, "late").await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Closed))), "{:?}", refused.err());
    database.open().assert_sound(account, 1).await;
}
