//! Looking back: every state that ever was can be had again, and a log that was tampered with says where.

use std::sync::atomic::Ordering;

use model::ids::{AccountId, Revision, StreamId};
use runtime::CommitError;
use runtime::stream::Broken;

use crate::world::*;

fn stream(account: AccountId) -> String {
    StreamId::Account(account).to_string()
}

#[tokio::test]
async fn the_state_at_a_revision_is_the_state_after_that_commit() {
    let database = Database::new();
    for world in [World::in_memory(), database.open()] {
        let account = world.account().await;
        let mut states = vec![world.snapshot(account).await];
        for number in 0..12 {
            let made = world.make_group(account, &format!("group {number}")).await.unwrap();
            states.push(made.snapshot);
        }
        for state in &states {
            let then = world.runtime.account_at(account, Some(state.revision())).await.unwrap();
            assert_eq!((then.revision(), then.hash, then.at), (state.revision(), state.hash, state.at));
            assert_eq!(documents(&then.state), documents(&state.state));
        }
        let newest = world.runtime.account_at(account, None).await.unwrap();
        assert_eq!(documents(&newest.state), documents(&states[12].state));
        let future = world.runtime.account_at(account, Some(1_000)).await.unwrap();
        assert_eq!(future.revision(), 13);
        let nothing = world.runtime.account_at(account, Some(0)).await.unwrap();
        assert_eq!((nothing.revision(), documents(&nothing.state)), (0, vec![]));
    }
}

/// A snapshot is newer than what is asked for, and of no use.
#[tokio::test]
async fn the_state_before_a_snapshot_is_replayed() {
    let world = World::in_memory();
    let account = world.account().await;
    let mut states = Vec::new();
    for number in 0..110 {
        states.push(world.make_group(account, &format!("group {number}")).await.unwrap().snapshot);
    }
    let newest = states[100].clone();
    runtime::snapshot::write(&world.runtime.store, &stream(account), newest).await.unwrap();
    for at in [0, 50, 99, 100, 101, 109] {
        let then = world.runtime.account_at(account, Some(states[at].revision())).await.unwrap();
        assert_eq!(documents(&then.state), documents(&states[at].state));
    }
}

#[tokio::test]
async fn time_never_goes_back_in_a_log() {
    let world = World::in_memory();
    let account = world.account().await;
    let steps = [5_000_000, -3_600_000_000, 1, -1, 10_000_000, -9_000_000];
    for (number, step) in steps.into_iter().enumerate() {
        world.clock.0.fetch_add(step, Ordering::SeqCst);
        let made = world.make_group(account, &number.to_string()).await.unwrap();
        let group = made.snapshot.state.user_group(&made.output).unwrap();
        assert_eq!(group.created_on, made.snapshot.at, "what is shown is what the log says");
    }
    let times: Vec<i64> = world.records(account).await.iter().map(|record| record.at).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times[1], START + 5_000_000);
    assert_eq!(times[2], times[1], "an hour back is no time at all");
    world.assert_sound(account, 7).await;
}

async fn broken_at(world: &World, account: AccountId) -> Revision {
    match world.runtime.verify(StreamId::Account(account)).await {
        Err(CommitError::Broken(Broken::Chain { stream: found, revision, .. })) => {
            assert_eq!(*found, *stream(account));
            revision
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the log is said to be whole"),
    }
}

#[tokio::test]
async fn verifying_names_the_revision_that_was_tampered_with() {
    let tampering = [
        "UPDATE commits SET changes = replace(changes, 'group 2', 'group X') WHERE stream = ?1 AND revision = 4",
        "UPDATE commits SET actor = replace(actor, 'test', 'nobody') WHERE stream = ?1 AND revision = 4",
        "UPDATE commits SET request = request || ' ' WHERE stream = ?1 AND revision = 4",
        "UPDATE commits SET at = at + 1 WHERE stream = ?1 AND revision = 4",
        "UPDATE commits SET hash = prev_hash WHERE stream = ?1 AND revision = 4",
        "UPDATE commits SET prev_hash = hash WHERE stream = ?1 AND revision = 4",
    ];
    for sql in tampering {
        let database = Database::new();
        let world = database.open();
        let (account, other) = (world.account().await, world.account().await);
        for number in 0..6 {
            world.make_group(account, &format!("group {number}")).await.unwrap();
        }
        world.assert_sound(account, 7).await;
        database.tamper(sql, [stream(account)]);
        assert_eq!(broken_at(&world, account).await, 4, "{sql}");
        world.assert_sound(other, 1).await;
    }
}

#[tokio::test]
async fn verifying_notices_a_commit_that_is_missing_or_forged() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    for number in 0..6 {
        world.make_group(account, &format!("group {number}")).await.unwrap();
    }
    // One that fits its place and its own hash, written by somebody who does not care for what comes after.
    let records = world.records(account).await;
    let old = &records[3];
    let forged = store::Record::seal(
        &records[2].head(),
        old.stream.clone(),
        old.at,
        old.actor.clone(),
        old.request.clone(),
        old.changes.replace("group 2", "group X"),
    );
    assert!(forged.verify_hash());
    let sql = "UPDATE commits SET changes = ?2, hash = ?3 WHERE stream = ?1 AND revision = 4";
    database.tamper(sql, (stream(account), &*forged.changes, &forged.hash[..]));
    assert_eq!(broken_at(&world, account).await, 5);

    database.tamper("DELETE FROM commits WHERE stream = ?1 AND revision = 4", [stream(account)]);
    assert_eq!(broken_at(&world, account).await, 5);
}

#[tokio::test]
async fn a_damaged_log_is_not_loaded() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    world.make_group(account, "staff").await.unwrap();
    world.runtime.close().await;
    database.tamper(
        "UPDATE commits SET changes = replace(changes, 'staff', 'crew') WHERE stream = ?1 AND revision = 2",
        [stream(account)],
    );
    let world = database.open();
    let loaded = world.runtime.account(account).await;
    assert!(matches!(loaded, Err(CommitError::Broken(Broken::Chain { revision: 2, .. }))), "{:?}", loaded.err());
    let refused = world.make_group(account, "more").await;
    assert!(matches!(refused, Err(CommitError::Broken(_))), "{:?}", refused.err());
}
