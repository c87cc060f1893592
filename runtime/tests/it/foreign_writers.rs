//! Two processes over one database file: the revisions decide, and whoever loses a race works on the newer state.

use std::sync::atomic::{AtomicI64, Ordering};

use model::ids::ZoneId;
use runtime::CommitError;
use tokio::task::JoinSet;

use crate::world::*;

#[tokio::test]
async fn an_operation_runs_again_on_the_state_that_a_foreign_writer_made() {
    let database = Database::new();
    let (here, there) = (database.open(), database.open());
    let account = here.account().await;
    let counter = here.make_group(account, "0").await.unwrap().output;
    let (runs_here, runs_there) = (AtomicI64::new(0), AtomicI64::new(0));
    count_up(&there.runtime, account, counter, &runs_there).await.unwrap();
    // Here nobody knows of it yet.
    assert_eq!(count(&here.snapshot(account).await.state, counter), 0);
    let committed = count_up(&here.runtime, account, counter, &runs_here).await.unwrap();
    assert_eq!(count(&committed.snapshot.state, counter), 2);
    assert_eq!((runs_here.into_inner(), runs_there.into_inner()), (2, 1));
    here.assert_sound(account, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_processes_write_at_once_is_there_once() {
    let database = Database::new();
    let worlds = [database.open(), database.open()];
    let account = worlds[0].account().await;
    let counter = worlds[0].make_group(account, "0").await.unwrap().output;
    let runs = std::sync::Arc::new(AtomicI64::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (runtime, runs) = (worlds[writer % 2].runtime.clone(), runs.clone());
        writers.spawn(async move {
            let mut acknowledged = 0;
            for _ in 0..6 {
                match count_up(&runtime, account, counter, &runs).await {
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
    assert!(acknowledged >= 16, "only {acknowledged} commits were made");
    for world in &worlds {
        world.runtime.follow().await.unwrap();
        assert_eq!(count(&world.snapshot(account).await.state, counter), acknowledged);
        world.assert_sound(account, 2 + acknowledged).await;
    }
    let runs = runs.load(Ordering::SeqCst) as u64;
    assert!(runs > acknowledged, "{runs} runs for {acknowledged} commits: nobody lost a race");
}

#[tokio::test]
async fn following_shows_what_others_wrote() {
    let database = Database::new();
    let (here, there) = (database.open(), database.open());
    let account = here.account().await;
    let other = here.account().await;
    here.runtime.follow().await.unwrap();
    there.make_group(account, "staff").await.unwrap();
    there.make_group(account, "ops").await.unwrap();
    assert_eq!(here.snapshot(account).await.revision(), 1);
    here.runtime.follow().await.unwrap();
    assert_eq!(group_names(&here.snapshot(account).await.state), ["ops", "staff"]);
    here.assert_sound(account, 3).await;
    here.assert_sound(other, 1).await;
    // What comes next builds on it at once.
    let runs = AtomicI64::new(0);
    let counter = here.make_group(account, "0").await.unwrap().output;
    count_up(&here.runtime, account, counter, &runs).await.unwrap();
    assert_eq!(runs.into_inner(), 1);
}

#[tokio::test]
async fn following_sees_a_stream_that_is_known_only_by_name() {
    let database = Database::new();
    let (here, there) = (database.open(), database.open());
    let account = there.account().await;
    // Asked for before it was heard of, and not remembered as missing.
    let missing = model::ids::AccountId(fresh());
    assert!(here.runtime.account(missing).await.unwrap().is_none());
    assert_eq!(here.snapshot(account).await.revision(), 1);
}

#[tokio::test]
async fn a_key_that_another_process_took_is_taken_here_too() {
    let database = Database::new();
    let (here, there) = (database.open(), database.open());
    let (mine, theirs) = (here.account().await, there.account().await);
    let zone = ZoneId(fresh());
    make_zone(&there.runtime, theirs, zone).await.unwrap();
    match make_zone(&here.runtime, mine, zone).await {
        Err(CommitError::Claimed(claim)) => assert_eq!(*claim.stream, *format!("account/{theirs}")),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the zone is registered twice"),
    }
    here.make_group(mine, "staff").await.unwrap();
    here.assert_sound(mine, 2).await;
    assert_eq!(here.runtime.account_of_resource(&model::resource_groups::zone_key(zone)).await.unwrap(), Some(theirs));
}
