//! Many writers at once: nothing is lost, and nobody sees what is not durable.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use model::ids::{AccountId, Revision, StreamId};
use runtime::Runtime;
use tokio::task::JoinSet;

use crate::world::*;

const WRITERS: u64 = 64;
const COMMITS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_account_lose_nothing_in_memory() {
    many_writers_of_one_account(World::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_account_lose_nothing_in_sqlite() {
    let database = Database::new();
    many_writers_of_one_account(database.open()).await;
}

/// Each writer counts one number up, and makes groups of its own between.
async fn many_writers_of_one_account(world: World) {
    let account = world.account().await;
    let counter = world.make_group(account, "0").await.unwrap().output;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        (0..2).map(|_| tokio::spawn(read_along(world.runtime.clone(), account, done.clone()))).collect();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let runtime = world.runtime.clone();
        writers.spawn(async move {
            let mut revisions = Vec::new();
            for commit in 0..COMMITS {
                let committed = match commit % 2 {
                    0 => count_up(&runtime, account, counter, &AtomicI64::new(0)).await.unwrap(),
                    _ => make_group(&runtime, account, &format!("{writer} {commit}"), &origin()).await.unwrap(),
                };
                // Read your writes, at the latest when they are acknowledged (D9).
                let seen = runtime.account(account).await.unwrap().unwrap();
                assert!(seen.revision() >= committed.snapshot.revision());
                assert!(seen.state.user_group(&committed.output).is_some());
                revisions.push(committed.snapshot.revision());
            }
            assert!(revisions.is_sorted_by(|a, b| a < b));
            revisions
        });
    }
    let revisions: BTreeSet<Revision> = writers.join_all().await.into_iter().flatten().collect();
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    let last = 2 + WRITERS * COMMITS;
    assert_eq!(revisions, (3..=last).collect(), "every commit has a revision of its own, without gaps");
    let state = world.snapshot(account).await.state.clone();
    assert_eq!(count(&state, counter), WRITERS * COMMITS / 2);
    assert_eq!(state.user_group_count() as u64, 1 + WRITERS * COMMITS / 2);
    world.assert_sound(account, last).await;
}

/// Reads until the writers are done: what is seen never goes back, and is in the log by then.
async fn read_along(runtime: Arc<Runtime>, account: AccountId, done: Arc<AtomicBool>) -> usize {
    let stream = StreamId::Account(account).to_string();
    let (mut before, mut reads) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let snapshot = runtime.account(account).await.unwrap().unwrap();
        assert!(snapshot.revision() >= before);
        before = snapshot.revision();
        let records = runtime.store.records(&stream, before - 1, 1).await.unwrap();
        assert_eq!(records.first().map(|record| record.hash), Some(snapshot.hash), "revision {before} is not durable");
        reads += 1;
        tokio::task::yield_now().await;
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_many_accounts_do_not_meet_in_memory() {
    many_accounts(World::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_many_accounts_do_not_meet_in_sqlite() {
    let database = Database::new();
    many_accounts(database.open()).await;
}

async fn many_accounts(world: World) {
    let mut accounts = Vec::new();
    for _ in 0..8 {
        let account = world.account().await;
        accounts.push((account, world.make_group(account, "0").await.unwrap().output));
    }
    let mut writers = JoinSet::new();
    for &(account, counter) in &accounts {
        for _ in 0..8 {
            let runtime = world.runtime.clone();
            writers.spawn(async move {
                for _ in 0..4 {
                    count_up(&runtime, account, counter, &AtomicI64::new(0)).await.unwrap();
                }
            });
        }
    }
    writers.join_all().await;
    for (account, counter) in accounts {
        assert_eq!(count(&world.snapshot(account).await.state, counter), 32);
        world.assert_sound(account, 2 + 32).await;
    }
}

#[tokio::test]
async fn a_write_that_changes_nothing_makes_no_commit() {
    let world = World::in_memory();
    let account = world.account().await;
    let group = world.make_group(account, "staff").await.unwrap().output;
    let (permit, origin) = (engine::permit::Permit::for_system(account), origin());
    let same = world.runtime.commit(
        &permit,
        &origin,
        |state, environment| model::user_groups::update(state, environment, group, Some("staff"), None),
        |_, _| panic!("there is nothing to remember"),
    );
    let same = same.await.unwrap();
    assert!(!same.changed);
    assert_eq!(same.snapshot.revision(), 2);
    world.assert_sound(account, 2).await;
}
