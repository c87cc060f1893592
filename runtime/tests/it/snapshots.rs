//! Snapshots make loading fast, and change nothing else.

use model::ids::{AccountId, Revision, StreamId};

use crate::world::*;

fn stream(account: AccountId) -> String {
    StreamId::Account(account).to_string()
}

async fn stored(world: &World, account: AccountId) -> Option<Revision> {
    world.runtime.store.snapshot(&stream(account), None).await.unwrap().map(|(revision, _)| revision)
}

/// A database of one account whose log is long enough for a snapshot at the end.
async fn with_a_snapshot(database: &Database) -> (AccountId, Revision) {
    let world = database.open();
    let account = world.account().await;
    for number in 0..130 {
        world.make_group(account, &format!("group {number:03}")).await.unwrap();
    }
    assert_eq!(stored(&world, account).await, None);
    world.runtime.close().await;
    (account, 131)
}

#[tokio::test]
async fn a_snapshot_and_the_commits_after_it_are_the_whole_log() {
    let database = Database::new();
    let (account, at) = with_a_snapshot(&database).await;
    let world = database.open();
    assert_eq!(stored(&world, account).await, Some(at));
    for number in 0..5 {
        world.make_group(account, &format!("tail {number}")).await.unwrap();
    }
    world.assert_sound(account, at + 5).await;
    world.runtime.close().await;

    let world = database.open();
    assert_eq!(stored(&world, account).await, Some(at), "five commits are not worth another one");
    world.assert_sound(account, at + 5).await;
    world.make_group(account, "more").await.unwrap();
    world.assert_sound(account, at + 6).await;
}

#[tokio::test]
async fn a_snapshot_with_a_flipped_byte_is_passed_over() {
    let database = Database::new();
    let (account, at) = with_a_snapshot(&database).await;
    let damage = "UPDATE snapshots SET state = CAST(replace(CAST(state AS TEXT), 'group 007', 'group 707') AS BLOB) WHERE stream = ?1";
    database.tamper(damage, [stream(account)]);
    let world = database.open();
    assert_eq!(stored(&world, account).await, None);
    world.assert_sound(account, at).await;
}

/// Its checksum is right, so it is what was written, but it is not what this program writes.
#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_passed_over() {
    let database = Database::new();
    let (account, at) = with_a_snapshot(&database).await;
    let world = database.open();
    let (_, good) = world.runtime.store.snapshot(&stream(account), None).await.unwrap().unwrap();
    let newer = String::from_utf8(good.clone()).unwrap().replacen("{\"v\":1,", "{\"v\":999,", 1).into_bytes();
    let cut_off = good[..good.len() - 10].to_vec();
    world.runtime.close().await;
    for bytes in [b"nonsense".to_vec(), vec![], newer, cut_off] {
        let world = database.open();
        world.runtime.store.put_snapshot(&stream(account), at, bytes).await.unwrap();
        world.assert_sound(account, at).await;
        world.runtime.close().await;
    }
    // One that says it is of another revision than it was stored for.
    let world = database.open();
    world.runtime.store.put_snapshot(&stream(account), at - 1, good).await.unwrap();
    database.tamper("DELETE FROM snapshots WHERE stream = ?1 AND revision = ?2", (stream(account), at as i64));
    world.assert_sound(account, at).await;
}

#[tokio::test]
async fn a_long_log_has_snapshots_while_it_is_written() {
    let world = World::in_memory();
    let account = world.account().await;
    let counter = world.make_group(account, "0").await.unwrap().output;
    for _ in 0..10_010 {
        count_up(&world.runtime, account, counter, &Default::default()).await.unwrap();
    }
    // It is written in the background.
    for _ in 0..100 {
        if stored(&world, account).await.is_some() {
            break;
        }
        settle().await;
    }
    assert_eq!(stored(&world, account).await, Some(10_000));
    let again = World::over(world.runtime.store.clone());
    again.assert_sound(account, 10_012).await;
    assert_eq!(count(&again.snapshot(account).await.state, counter), 10_010);
}
