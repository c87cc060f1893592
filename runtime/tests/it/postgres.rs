//! Several runtimes over one PostgreSQL, as the nodes of a cluster are.

use std::time::Duration;

use runtime::CommitError;
use store::{PostgresOptions, Store, StoreError};
use test_parts::postgres::Postgres;
use test_parts::proxy::Proxy;
use tokio::task::JoinSet;

use crate::world::*;

async fn open(address: &str) -> World {
    World::over(Store::open_postgres(address, PostgresOptions::default()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_heard_is_read_and_what_is_not_heard_is_found_by_asking() {
    let Some(server) = Postgres::shared() else { return };
    let address = server.database();
    let (here, there) = (open(&address).await, open(&address).await);
    let account = here.account().await;
    assert_eq!(there.snapshot(account).await.revision(), 1);
    here.make_group(account, "staff").await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), there.runtime.store.hears()).await.unwrap();
    there.runtime.follow().await.unwrap();
    assert_eq!(group_names(&there.snapshot(account).await.state), ["staff"]);

    // The notification is lost: somebody else took it.
    here.make_group(account, "ops").await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), there.runtime.store.hears()).await.unwrap();
    drop(there.runtime.store.foreign().await.unwrap());
    there.runtime.follow().await.unwrap();
    assert_eq!(group_names(&there.snapshot(account).await.state), ["staff"]);
    there.runtime.confirm_freshness().await.unwrap();
    assert_eq!(group_names(&there.snapshot(account).await.state), ["ops", "staff"]);
    there.assert_sound(account, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_three_nodes_make_one_history() {
    let Some(server) = Postgres::shared() else { return };
    let address = server.database();
    let worlds = [open(&address).await, open(&address).await, open(&address).await];
    let account = worlds[0].account().await;
    let counter = worlds[0].make_group(account, "0").await.unwrap().output;
    let mut writers = JoinSet::new();
    for writer in 0..24 {
        let runtime = worlds[writer % 3].runtime.clone();
        writers.spawn(async move {
            let mut acknowledged = 0;
            for _ in 0..10 {
                match count_up(&runtime, account, counter, &std::sync::atomic::AtomicI64::new(0)).await {
                    Ok(_) => acknowledged += 1,
                    // Losing again and again is an answer, too: nothing was written.
                    Err(CommitError::Busy) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            acknowledged
        });
    }
    let acknowledged: u64 = writers.join_all().await.into_iter().sum();
    for world in &worlds {
        world.runtime.confirm_freshness().await.unwrap();
        assert_eq!(count(&world.snapshot(account).await.state, counter), acknowledged);
        world.assert_sound(account, 2 + acknowledged).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_bound_there_is_no_answer_from_memory() {
    let Some(server) = Postgres::shared() else { return };
    let proxy = Proxy::start(server.port()).await;
    let options = PostgresOptions { patience: Duration::from_millis(200), ..PostgresOptions::default() };
    let store = Store::open_postgres(&proxy.instead_of(&server.database()), options).await.unwrap();
    let world = World::over(store);
    let account = world.account().await;
    world.runtime.freshness.limit(Duration::from_millis(300));
    world.runtime.confirm_freshness().await.unwrap();
    assert!(world.runtime.account(account).await.unwrap().is_some());
    proxy.hold(true);
    assert!(world.runtime.confirm_freshness().await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(matches!(world.runtime.account(account).await, Err(CommitError::Stale { .. })));
    proxy.hold(false);
    world.runtime.confirm_freshness().await.unwrap();
    assert!(world.runtime.account(account).await.unwrap().is_some());
}

/// A write fails while the database is away; those who build on it meanwhile hear of it, and nobody waits for ever.
#[tokio::test(flavor = "multi_thread")]
async fn writes_fail_while_the_database_is_away_and_go_on_once_it_is_back() {
    let Some(server) = Postgres::shared() else { return };
    let proxy = Proxy::start(server.port()).await;
    let options = PostgresOptions { patience: Duration::from_millis(300), ..PostgresOptions::default() };
    let store = Store::open_postgres(&proxy.instead_of(&server.database()), options).await.unwrap();
    let world = World::over(store);
    let account = world.account().await;
    proxy.hold(true);
    let failing = async {
        let (one, two) = tokio::join!(world.make_group(account, "staff"), world.make_group(account, "staff"));
        [one.map(drop), two.map(drop)]
    };
    let failed = tokio::time::timeout(Duration::from_secs(10), failing).await.expect("nobody waits for ever");
    for result in failed {
        assert!(matches!(result, Err(CommitError::Store(StoreError::Unreachable(_)))), "{result:?}");
    }
    proxy.hold(false);
    // What was on its way may have arrived after all: the log says what is so.
    let groups = loop {
        world.runtime.confirm_freshness().await.unwrap();
        let made = world.make_group(account, "ops").await;
        if made.is_ok() {
            break group_names(&world.snapshot(account).await.state);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(groups == ["ops"] || groups == ["ops", "staff"], "{groups:?}");
    let revision = world.snapshot(account).await.revision();
    world.assert_sound(account, revision).await;
}

/// A standby that did not know the last commits takes over, or a backup is put back: the database counts, not our memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_set_back_is_read_anew() {
    let Some(server) = Postgres::shared() else { return };
    let address = server.database();
    let (here, there) = (open(&address).await, open(&address).await);
    let account = here.account().await;
    for name in ["staff", "ops", "sales"] {
        here.make_group(account, name).await.unwrap();
    }
    let forget = "DELETE FROM commits WHERE revision > 2; DELETE FROM touches WHERE revision > 2";
    server.sql(&address, forget);
    here.runtime.confirm_freshness().await.unwrap();
    assert_eq!(group_names(&here.snapshot(account).await.state), ["staff"]);

    // Set back, and gone on differently to the same length and beyond.
    there.make_group(account, "lab").await.unwrap();
    here.runtime.confirm_freshness().await.unwrap();
    server.sql(&address, forget);
    for name in ["attic", "cellar"] {
        open(&address).await.make_group(account, name).await.unwrap();
    }
    here.runtime.confirm_freshness().await.unwrap();
    assert_eq!(group_names(&here.snapshot(account).await.state), ["attic", "cellar", "staff"]);
    here.make_group(account, "roof").await.unwrap();
    here.assert_sound(account, 5).await;
}
