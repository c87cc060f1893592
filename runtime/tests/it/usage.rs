//! Last uses: noted at once, written behind, kept over a restart.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use catalog::{Access, Id, PermissionSet};
use engine::principal::Principal;
use model::ids::{AccountId, StreamId, TokenId, UserId};
use model::policies::Effect;
use model::time::Timestamp;
use model::tokens::{Condition, Digest, Token, TokenStatus};
use runtime::usage::UsedBy;

use crate::world::{Database, START, World, fresh};

const MINUTE: i64 = 60_000_000;

fn permissions(world: &World, names: &[&str]) -> PermissionSet {
    let catalog = world.runtime.engine.catalog();
    names.iter().flat_map(|name| catalog.permissions_named(name)).map(|one| one.index).collect()
}

fn id_of(world: &World, name: &str) -> Id {
    world.runtime.engine.catalog().permissions_named(name).next().unwrap().id
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// The minute in which the clock of the tests starts.
fn minute() -> i64 {
    START / MINUTE * MINUTE
}

async fn note(world: &World, account: AccountId, user: UserId, names: &[&str]) {
    let snapshot = world.snapshot(account).await;
    let held = permissions(world, names);
    world.runtime.usage.record(&snapshot.state, &Principal::User(user), &held, world.runtime.clock.now());
}

async fn uses(world: &World, account: AccountId, user: UserId) -> Vec<(Id, Timestamp)> {
    world.runtime.usage.uses(account, &[UsedBy::User(user)]).await.unwrap()
}

async fn flush(world: &World) {
    world.runtime.usage.flush(world.runtime.clock.now()).await.unwrap();
}

#[tokio::test]
async fn a_use_counts_for_the_least_powerful_permission_that_did() {
    let world = World::in_memory();
    let (account, user) = (world.account().await, UserId(fresh()));
    note(&world, account, user, &["DNS Write", "DNS Read"]).await;
    assert_eq!(uses(&world, account, user).await, [(id_of(&world, "DNS Read"), at(minute()))]);
    // Equally powerful: the first by name.
    note(&world, account, user, &["Zone Read", "Cache Settings Read"]).await;
    assert_eq!(uses(&world, account, user).await.len(), 2);
    assert!(uses(&world, account, user).await.iter().any(|(id, _)| *id == id_of(&world, "Cache Settings Read")));
    // Nothing held, nothing used.
    note(&world, account, user, &[]).await;
    assert_eq!(uses(&world, account, user).await.len(), 2);
    assert_eq!(uses(&world, account, UserId(fresh())).await, []);
}

#[tokio::test]
async fn the_order_of_power_is_that_of_what_is_implied_then_of_names() {
    // For every pair of the catalogue that D6 ties together, the reading counts.
    let world = World::in_memory();
    let account = world.account().await;
    let catalog = world.runtime.engine.catalog();
    let pairs = catalog.permissions().iter().filter(|one| one.access == Access::Write).filter_map(|write| {
        let closure = catalog.allow_closure([write.index].into_iter().collect());
        let read = closure.iter().find(|index| *index != write.index)?;
        Some((write, catalog.permission_at(read)))
    });
    let mut count = 0;
    for (write, read) in pairs {
        let user = UserId(fresh());
        let held: PermissionSet = [write.index, read.index].into_iter().collect();
        let snapshot = world.snapshot(account).await;
        world.runtime.usage.record(&snapshot.state, &Principal::User(user), &held, at(START));
        let noted = uses(&world, account, user).await;
        assert_eq!(noted.len(), 1);
        let noted = catalog.permission(&noted[0].0).unwrap();
        assert_eq!(noted.access, Access::Read, "{} before {}", noted.name, write.name);
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[tokio::test]
async fn a_users_token_counts_for_both_and_an_accounts_token_for_itself() {
    let world = World::in_memory();
    let account = world.account().await;
    let user = UserId(fresh());
    let snapshot = world.snapshot(account).await;
    let token = |id| {
        let token = Token {
            id,
            name: "test".into(),
            status: TokenStatus::Active,
            digest: Some(Digest([1; 32])),
            policies: Box::new([model::tokens::TokenPolicy {
                id: model::ids::PolicyId(fresh()),
                effect: Effect::Allow,
                permission_groups: Box::new([]),
                resources: Default::default(),
            }]),
            condition: Condition::default(),
            not_before: None,
            expires_on: None,
            issued_on: at(START),
            modified_on: at(START),
            created_by: None,
        };
        Arc::new(world.runtime.engine.compile_token(&Arc::new(token)))
    };
    let (of_user, of_account) = (TokenId(fresh()), TokenId(fresh()));
    let held = permissions(&world, &["DNS Read"]);
    let usage = &world.runtime.usage;
    usage.record(&snapshot.state, &Principal::UserToken { user, token: token(of_user) }, &held, at(START));
    usage.record(&snapshot.state, &Principal::AccountToken { account, token: token(of_account) }, &held, at(START));
    for by in [UsedBy::User(user), UsedBy::Token(of_user), UsedBy::Token(of_account)] {
        assert_eq!(usage.uses(account, &[by]).await.unwrap().len(), 1, "{by}");
    }
    // A token as a whole has a time of its own.
    let owner = StreamId::User(user);
    assert_eq!(usage.last_used(owner, of_user).await.unwrap(), None);
    usage.record_token(owner, of_user, at(START));
    assert_eq!(usage.last_used(owner, of_user).await.unwrap(), Some(at(minute())));
    flush(&world).await;
    assert_eq!(usage.last_used(owner, of_user).await.unwrap(), Some(at(minute())));
    assert_eq!(usage.last_used(StreamId::Account(account), of_user).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_written_outlives_the_process_and_what_rests_leaves_the_memory() {
    let database = Database::new();
    let (user, other) = (UserId(fresh()), UserId(fresh()));
    let world = database.open();
    let account = world.account().await;
    note(&world, account, user, &["DNS Read"]).await;
    flush(&world).await;
    assert_eq!(world.runtime.usage.held(), 1, "whoever is active stays in memory");
    world.clock.0.fetch_add(3 * MINUTE, Ordering::SeqCst);
    note(&world, account, other, &["DNS Read"]).await;
    flush(&world).await;
    assert_eq!(world.runtime.usage.held(), 1, "the first has come to rest");
    // It comes back later.
    world.clock.0.fetch_add(MINUTE, Ordering::SeqCst);
    note(&world, account, user, &["DNS Read"]).await;
    assert_eq!(uses(&world, account, user).await, [(id_of(&world, "DNS Read"), at(minute() + 4 * MINUTE))]);
    // An end in good order writes what is left.
    world.runtime.close().await;
    let world = database.open();
    assert_eq!(uses(&world, account, user).await, [(id_of(&world, "DNS Read"), at(minute() + 4 * MINUTE))]);
    assert_eq!(uses(&world, account, other).await, [(id_of(&world, "DNS Read"), at(minute() + 3 * MINUTE))]);
    let both = world.runtime.usage.uses(account, &[UsedBy::User(user), UsedBy::User(other)]).await.unwrap();
    assert_eq!(both, [(id_of(&world, "DNS Read"), at(minute() + 4 * MINUTE))], "of several, the last counts");
    assert_eq!(world.runtime.usage.since(at(START + 99 * MINUTE)).await.unwrap(), at(START));
}

#[tokio::test]
async fn a_use_that_cannot_be_written_is_written_later() {
    let database = Database::new();
    let world = database
        .open_with(store::SqliteOptions { busy_timeout: Duration::from_millis(10), ..store::SqliteOptions::default() });
    let account = world.account().await;
    flush(&world).await;
    let user = UserId(fresh());
    note(&world, account, user, &["DNS Read"]).await;
    let lock = database.lock();
    assert!(world.runtime.usage.flush(at(START)).await.is_err());
    drop(lock);
    assert_eq!(uses(&world, account, user).await.len(), 1, "it is still known");
    flush(&world).await;
    world.runtime.close().await;
    assert_eq!(uses(&database.open(), account, user).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_between_noting_writing_and_forgetting() {
    let world = Arc::new(World::in_memory());
    let account = world.account().await;
    let snapshot = world.snapshot(account).await;
    let held = permissions(&world, &["DNS Read"]);
    let users: Vec<UserId> = (0..8).map(|_| UserId(fresh())).collect();
    // Every noter moves its own time on, so that entries come to rest while others are noted.
    let noters = users.iter().map(|user| {
        let (world, state, user) = (world.clone(), snapshot.state.clone(), *user);
        std::thread::spawn(move || {
            for turn in 0..20_000 {
                world.runtime.usage.record(&state, &Principal::User(user), &held, at(START + turn * 7 * MINUTE / 10));
            }
        })
    });
    let noters: Vec<_> = noters.collect();
    for turn in 0..200 {
        world.runtime.usage.flush(at(START + turn * 70 * MINUTE)).await.unwrap();
    }
    noters.into_iter().for_each(|noter| noter.join().unwrap());
    let last = (START + 19_999 * 7 * MINUTE / 10) / MINUTE * MINUTE;
    for user in &users {
        assert_eq!(uses(&world, account, *user).await, [(id_of(&world, "DNS Read"), at(last))]);
    }
    world.runtime.usage.flush(at(last + 99 * MINUTE)).await.unwrap();
    assert_eq!(world.runtime.usage.held(), 0);
    for user in users {
        assert_eq!(uses(&world, account, user).await, [(id_of(&world, "DNS Read"), at(last))]);
    }
}
