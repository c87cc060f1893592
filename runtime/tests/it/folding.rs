//! Old commits are folded away: the state stays, the chain stays verifiable, and nobody is told of what is no longer known.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use model::change::DocumentId;
use model::commit::Actor;
use model::ids::{AccountId, StreamId};
use model::time::Timestamp;
use runtime::CommitError;
use runtime::history::at::At;
use runtime::history::provenance::Fact;
use runtime::stream::Broken;
use store::Store;

use crate::world::*;

const DAY: i64 = 86_400_000_000;

/// An account with a commit a day: revision `n` is of day `n`.
async fn days(world: &World, count: i64) -> AccountId {
    world.clock.0.store(START + DAY, Ordering::SeqCst);
    let account = world.account().await;
    for day in 2..=count {
        world.clock.0.store(START + day * DAY, Ordering::SeqCst);
        world.make_group(account, &format!("group {day}")).await.unwrap();
    }
    account
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_micros(START + day * DAY)
}

async fn fold(world: &World, account: AccountId, before: i64) -> u64 {
    world.runtime.fold(&StreamId::Account(account).to_string(), day(before)).await.unwrap()
}

#[tokio::test]
async fn what_was_folded_is_as_it_was_and_goes_on() {
    let database = Database::new();
    let world = database.open();
    let account = days(&world, 300).await;
    let right = documents(&world.snapshot(account).await.state);
    assert_eq!(fold(&world, account, 1).await, 0, "nothing is that old");
    assert_eq!(fold(&world, account, 201).await, 199, "all before the one of day 200");
    assert_eq!(fold(&world, account, 201).await, 0);
    assert_eq!(documents(&world.snapshot(account).await.state), right);
    world.make_group(account, "later").await.unwrap();
    let right = documents(&world.snapshot(account).await.state);
    let first = world.records(account).await[0].revision;
    assert_eq!(first, 200);

    // Without snapshots, from the base alone.
    let again = World::over(world.runtime.store.clone());
    assert_eq!(documents(&again.snapshot(account).await.state), right);
    assert_eq!(again.runtime.verify(StreamId::Account(account)).await.unwrap().commits, 102);
    // And once more, over a base.
    assert_eq!(fold(&again, account, 251).await, 50);
    again.make_group(account, "later still").await.unwrap();
    assert_eq!(again.snapshot(account).await.revision(), 302);
    assert_eq!(World::over(world.runtime.store.clone()).snapshot(account).await.revision(), 302);
    // All of it, but for the newest, which is needed.
    assert_eq!(fold(&again, account, 9_999).await, 52);
    let last = World::over(world.runtime.store.clone());
    assert_eq!(last.snapshot(account).await.revision(), 302);
    assert_eq!(group_names(&last.snapshot(account).await.state).len(), 301);
    world.runtime.close().await;
}

#[tokio::test]
async fn what_was_before_is_not_known_any_more_and_that_is_said() {
    let world = World::in_memory();
    let account = days(&world, 20).await;
    let old = world.snapshot(account).await.state.user_group_named(&model::names::NameKey::of("group 5")).unwrap();
    let new = world.snapshot(account).await.state.user_group_named(&model::names::NameKey::of("group 15")).unwrap();
    assert_eq!(fold(&world, account, 11).await, 9);
    let stream = StreamId::Account(account);
    let asked = async |at: At| world.runtime.account_as_of(account, at).await.map(|state| state.revision());
    assert_eq!(asked(At::Revision(10)).await.unwrap(), 10);
    assert_eq!(asked(At::Time(day(12))).await.unwrap(), 12);
    let error = asked(At::Revision(9)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("account `{account}` has the revisions 10 to 20, not 9"));
    let error = asked(At::Time(day(9))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("account `{account}` has the revisions 10 to 20, all of them later than {}", day(9))
    );

    let listed = world.runtime.commits_before(stream, u64::MAX, 100).await.unwrap();
    assert_eq!(
        listed.iter().map(|commit| commit.info.revision).collect::<Vec<_>>(),
        (10..=20).rev().collect::<Vec<_>>()
    );
    let page = world.runtime.commits_before(stream, 12, 100).await.unwrap();
    assert_eq!(page.iter().map(|commit| commit.info.revision).collect::<Vec<_>>(), [11, 10]);

    // Who made a group of the folded part is not told; that it was there by then is.
    let of = async |id| {
        world.runtime.provenance(stream, &[DocumentId::UserGroup(id)], u64::MAX).await.unwrap().remove(0).unwrap()
    };
    assert_eq!(of(new).await.revision, 15);
    let folded = of(old).await;
    assert_eq!((folded.revision, folded.at), (10, day(10)));
    assert!(matches!(folded.actor, Actor::System { reason } if reason.contains("folded away")));
    let there = world.runtime.document_at(&stream.to_string(), &DocumentId::UserGroup(old), 12).await.unwrap();
    assert!(there.is_some());

    let mut shown = Vec::new();
    let visit = |_: &_,
                 after: &runtime::stream::Snapshot<engine::Account>,
                 _: &[_],
                 info: &runtime::history::commits::CommitInfo| {
        shown.push((after.revision(), info.revision, after.state.user_groups().count()));
        ControlFlow::<()>::Continue(())
    };
    assert!(world.runtime.replay(account, 0, 20, visit).await.unwrap().is_continue());
    assert_eq!(shown, (10..=20).map(|revision| (revision, revision, revision as usize - 1)).collect::<Vec<_>>());
}

/// The policy that Ada's first commit gave is still hers at the base, although a later commit renamed the group that has it.
#[tokio::test]
async fn a_grant_from_before_is_not_taken_for_that_of_whoever_touched_it_later() {
    let world = World::in_memory();
    let account = days(&world, 5).await;
    let member = world.snapshot(account).await.state.member_ids().next().unwrap();
    let policy = world.snapshot(account).await.state.member(&member).unwrap().policies[0].id;
    let fact = Fact::Policy(DocumentId::Member(member), policy);
    let granted = async || {
        let granted = world.runtime.granted(StreamId::Account(account), std::slice::from_ref(&fact), u64::MAX).await;
        granted.unwrap().remove(0).unwrap()
    };
    assert_eq!(granted().await.revision, 1);
    assert_eq!(fold(&world, account, 4).await, 2);
    let after = granted().await;
    assert_eq!((after.revision, after.at), (3, day(3)));
}

#[tokio::test]
async fn a_base_that_was_changed_is_never_answered_from() {
    let database = Database::new();
    let world = database.open();
    let account = days(&world, 30).await;
    fold(&world, account, 21).await;
    let stream = StreamId::Account(account).to_string();
    world.runtime.close().await;
    let good = std::fs::read(&database.path).unwrap();
    for change in [
        "UPDATE bases SET state = CAST(replace(CAST(state AS TEXT), 'group 7', 'group x') AS BLOB) WHERE stream = ?1",
        "UPDATE bases SET revision = revision + 1 WHERE stream = ?1",
        "UPDATE bases SET at = at - 1 WHERE stream = ?1",
        "UPDATE bases SET signature = randomblob(64) WHERE stream = ?1",
        "UPDATE bases SET signature = x'' WHERE stream = ?1",
        "UPDATE bases SET key = randomblob(32) WHERE stream = ?1",
        "UPDATE bases SET hash = randomblob(32) WHERE stream = ?1",
        "DELETE FROM bases WHERE stream = ?1",
        "DELETE FROM commits WHERE stream = ?1 AND revision = 20",
    ] {
        std::fs::write(&database.path, &good).unwrap();
        for rest in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{rest}", database.path.display()));
        }
        database.tamper(change, [&stream]);
        let world = database.open();
        let verified = world.runtime.verify(StreamId::Account(account)).await;
        assert!(
            matches!(&verified, Err(CommitError::Broken(Broken::Base(..) | Broken::Chain { .. }))),
            "{change}: {verified:?}"
        );
        // Without its base a log answers nothing; only the commit that it stands at is not needed for that.
        if !change.contains("FROM commits") {
            let answer = world.runtime.account(account).await;
            assert!(matches!(&answer, Err(CommitError::Broken(_))), "{change}");
        }
        world.runtime.close().await;
    }
}

#[tokio::test]
async fn all_logs_are_folded_those_of_users_and_of_events_too() {
    let world = World::in_memory();
    let account = days(&world, 40).await;
    let gone = world.runtime.fold_all(day(31)).await.unwrap();
    assert_eq!(gone, 29, "the account's; its user has but one commit");
    assert_eq!(world.runtime.fold_all(day(31)).await.unwrap(), 0);
    world.assert_sound_from(account, 30, 40).await;
    let again = World::over(Store::clone(&world.runtime.store));
    assert_eq!(again.snapshot(account).await.revision(), 40);
}
