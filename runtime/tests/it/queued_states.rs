//! Commits that build on commits which are not durable yet. The database is kept locked meanwhile, so that the order is
//! certain.

use std::sync::Mutex;
use std::time::Duration;

use engine::permit::Permit;
use model::ids::{AccountId, UserGroupId, ZoneId};
use model::user_groups::{self, NewUserGroup};
use model::{problem::FaultKind, resources};
use runtime::CommitError;

use crate::world::*;

/// An account that wants a zone which another account has, in the same database.
async fn with_a_taken_zone(world: &World) -> (AccountId, ZoneId) {
    let (holder, account) = (world.account().await, world.account().await);
    let zone = ZoneId(fresh());
    make_zone(&world.runtime, holder, zone).await.unwrap();
    (account, zone)
}

#[tokio::test]
async fn what_was_built_on_a_refused_claim_is_built_again_without_it() {
    let database = Database::new();
    let world = database.open();
    let (account, zone) = with_a_taken_zone(&world).await;
    let lock = database.lock();
    let saw_zone = Mutex::new(Vec::new());
    let (id, new) = (UserGroupId(fresh()), NewUserGroup { name: "staff".to_owned(), policies: vec![] });
    let permit = Permit::for_system(account);
    let origin = origin();
    let second = world.runtime.commit(
        &permit,
        &origin,
        |state, environment| {
            saw_zone.lock().unwrap().push(resources::get_zone(state, zone).is_ok());
            user_groups::create(state, environment, &new, id)
        },
        |_, _| None,
    );
    let release = async {
        settle().await;
        assert_eq!(world.snapshot(account).await.revision(), 1, "nobody sees what is only queued");
        drop(lock);
    };
    let (first, second, third, ()) = tokio::join!(
        make_zone(&world.runtime, account, zone),
        second,
        world.make_group(account, "built on both"),
        release
    );
    assert!(matches!(first, Err(CommitError::Claimed(_))), "{:?}", first.err());
    assert!(second.unwrap().changed);
    third.unwrap();
    assert_eq!(saw_zone.into_inner().unwrap(), [true, false]);
    let state = world.snapshot(account).await.state.clone();
    assert!(resources::get_zone(&state, zone).is_err());
    assert_eq!(group_names(&state), ["built on both", "staff"]);
    world.assert_sound(account, 3).await;
}

#[tokio::test]
async fn a_refusal_waits_until_its_reason_is_durable() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    let lock = database.lock();
    let first = tokio::spawn({
        let runtime = world.runtime.clone();
        async move { make_group(&runtime, account, "staff", &origin()).await.map(|committed| committed.output) }
    });
    settle().await;
    let again = tokio::spawn({
        let runtime = world.runtime.clone();
        async move { make_group(&runtime, account, "STAFF", &origin()).await.map(|committed| committed.output) }
    });
    settle().await;
    assert!(!first.is_finished() && !again.is_finished());
    drop(lock);
    first.await.unwrap().unwrap();
    match again.await.unwrap() {
        Err(CommitError::Refused(problem)) => assert_eq!(problem.kind(), FaultKind::Name),
        other => panic!("the name is taken, but: {other:?}"),
    }
    world.assert_sound(account, 2).await;
}

#[tokio::test]
async fn a_refusal_whose_reason_is_lost_is_none() {
    let database = Database::new();
    let world = database.open();
    let (account, zone) = with_a_taken_zone(&world).await;
    let lock = database.lock();
    // One commit that takes the name and the zone; it will be refused for the zone.
    let permit = Permit::for_system(account);
    let origin = origin();
    let new = NewUserGroup { name: "staff".to_owned(), policies: vec![] };
    let both = world.runtime.commit(
        &permit,
        &origin,
        |state, environment| {
            let (mut changes, group) = user_groups::create(state, environment, &new, UserGroupId(fresh()))?;
            changes.extend(resources::create_zone(state, environment, "example.com", zone)?.0);
            Ok((changes, group))
        },
        |_, _| None,
    );
    let release = async {
        settle().await;
        drop(lock);
    };
    let (both, again, ()) = tokio::join!(both, world.make_group(account, "staff"), release);
    assert!(matches!(both, Err(CommitError::Claimed(_))), "{:?}", both.err());
    let again = again.unwrap();
    assert_eq!(group_names(&world.snapshot(account).await.state), ["staff"]);
    assert!(world.snapshot(account).await.state.user_group(&again.output).is_some());
    world.assert_sound(account, 2).await;
}

#[tokio::test]
async fn a_write_that_changes_nothing_waits_for_the_state_that_says_so() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    let group = world.make_group(account, "staff").await.unwrap().output;
    let lock = database.lock();
    let rename = |runtime: std::sync::Arc<runtime::Runtime>| async move {
        let permit = Permit::for_system(account);
        let origin = origin();
        let renamed = runtime.commit(
            &permit,
            &origin,
            |state, environment| user_groups::update(state, environment, group, Some("crew"), None),
            |_, _| None,
        );
        renamed.await.map(|committed| (committed.changed, committed.snapshot.revision()))
    };
    let first = tokio::spawn(rename(world.runtime.clone()));
    settle().await;
    let again = tokio::spawn(rename(world.runtime.clone()));
    settle().await;
    assert!(!again.is_finished());
    drop(lock);
    assert_eq!(first.await.unwrap().unwrap(), (true, 3));
    assert_eq!(again.await.unwrap().unwrap(), (false, 3));
    world.assert_sound(account, 3).await;
}

/// A client that goes away takes its request with it, but not the commit that is on its way to the disk.
#[tokio::test]
async fn a_commit_that_nobody_waits_for_any_more_is_made_all_the_same() {
    let database = Database::new();
    let world = database.open();
    let account = world.account().await;
    let lock = database.lock();
    let gone = tokio::time::timeout(Duration::from_millis(20), world.make_group(account, "staff")).await;
    assert!(gone.is_err(), "the database is locked");
    drop(lock);
    let again = tokio::time::timeout(Duration::from_secs(10), world.make_group(account, "staff")).await;
    match again.expect("an answer").map(|committed| committed.output) {
        Err(CommitError::Refused(problem)) => assert_eq!(problem.kind(), FaultKind::Name),
        other => panic!("the name is taken, but: {other:?}"),
    }
    assert_eq!(group_names(&world.snapshot(account).await.state), ["staff"]);
    world.assert_sound(account, 2).await;
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_and_that_fails_holds_up_nobody() {
    let database = Database::new();
    let world = database.open();
    let (account, zone) = with_a_taken_zone(&world).await;
    let lock = database.lock();
    let gone = tokio::time::timeout(Duration::from_millis(20), make_zone(&world.runtime, account, zone)).await;
    assert!(gone.is_err(), "the database is locked");
    drop(lock);
    // Refused where it is worked out on the zone that will not come to be.
    let mine = ZoneId(fresh());
    let again = tokio::time::timeout(Duration::from_secs(10), make_zone(&world.runtime, account, mine)).await;
    again.expect("an answer").unwrap();
    world.assert_sound(account, 2).await;
}
