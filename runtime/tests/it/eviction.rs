//! Memory is bounded: what was used least lately is let go, and nobody notices but by the time that it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::ids::{AccountId, StreamId};
use tokio::task::JoinSet;

use crate::world::*;

/// Room for some twenty small accounts.
const BUDGET: usize = 256 * 1024;

fn is_loaded(world: &World, account: AccountId) -> bool {
    world.runtime.loaded_accounts().iter().any(|(id, _)| *id == StreamId::Account(account))
}

#[tokio::test]
async fn any_number_of_accounts_is_served_within_the_budget() {
    let database = Database::new();
    let world = database.open();
    world.runtime.budget.limit(BUDGET);
    let mut accounts = Vec::new();
    for number in 0..200 {
        let account = world.account().await;
        world.make_group(account, &format!("group {number}")).await.unwrap();
        accounts.push(account);
        assert!(world.runtime.budget.used() <= BUDGET + BUDGET / 8, "{}", world.runtime.budget.used());
    }
    assert!((5..100).contains(&world.runtime.loaded_accounts().len()), "{}", world.runtime.loaded_accounts().len());
    for (number, account) in accounts.iter().enumerate() {
        world.assert_sound(*account, 2).await;
        assert_eq!(group_names(&world.snapshot(*account).await.state), [format!("group {number}")]);
    }
    let most = world.runtime.budget.used();
    assert!((BUDGET / 2..=BUDGET + BUDGET / 8).contains(&most), "{most}");
}

#[tokio::test]
async fn what_was_used_last_stays() {
    let world = World::in_memory();
    let hot = world.account().await;
    world.runtime.budget.limit(BUDGET);
    let (first, mut last) = (world.account().await, hot);
    for _ in 0..100 {
        last = world.account().await;
        world.snapshot(hot).await;
    }
    assert!(is_loaded(&world, hot) && is_loaded(&world, last));
    assert!(!is_loaded(&world, first));
}

#[tokio::test]
async fn one_account_beyond_the_budget_is_served_nevertheless() {
    let world = World::in_memory();
    let account = world.account().await;
    for number in 0..200 {
        world.make_group(account, &format!("group {number}")).await.unwrap();
    }
    world.runtime.budget.limit(64 * 1024);
    world.assert_sound(account, 201).await;
    world.make_group(account, "one more").await.unwrap();
    world.assert_sound(account, 202).await;
}

#[tokio::test]
async fn what_commits_add_and_take_is_counted_as_a_load_counts_it() {
    let world = World::in_memory();
    let account = world.account().await;
    let used = world.runtime.budget.used();
    for number in 0..50 {
        world.make_group(account, &format!("group {number}")).await.unwrap();
    }
    let counter = world.make_group(account, "0").await.unwrap().output;
    for _ in 0..20 {
        count_up(&world.runtime, account, counter, &Default::default()).await.unwrap();
    }
    let grown = world.runtime.budget.used() - used;
    assert!(grown > 50 * 500, "{grown}");
    let again = World::over(world.runtime.store.clone());
    again.snapshot(account).await;
    let alone = again.runtime.budget.used();
    again
        .runtime
        .user(world.runtime.account(account).await.unwrap().unwrap().state.members().next().unwrap().user().unwrap())
        .await
        .unwrap();
    assert_eq!(again.runtime.budget.used(), world.runtime.budget.used());
    assert!(alone < again.runtime.budget.used());
    // In memory no more, and nothing of it is left.
    assert!(world.runtime.clear());
    assert_eq!(world.runtime.budget.used(), 0);
}

/// Accounts are let go all the time while all of them are written: whoever was told of a commit finds it, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_made_a_commit_finds_it_although_its_account_comes_and_goes() {
    let database = Database::new();
    let world = database.open();
    let mut accounts = Vec::new();
    for _ in 0..24 {
        accounts.push(world.account().await);
    }
    world.runtime.budget.limit(48 * 1024);
    let (done, comings) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let churn = {
        let (runtime, accounts) = (world.runtime.clone(), accounts.clone());
        let (done, comings) = (done.clone(), comings.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                for account in &accounts {
                    let is_there = runtime.loaded_accounts().iter().any(|(id, _)| *id == StreamId::Account(*account));
                    runtime.account(*account).await.unwrap().unwrap();
                    comings.fetch_add(u64::from(!is_there), Ordering::SeqCst);
                }
            }
        })
    };
    let mut writers = JoinSet::new();
    for (number, account) in accounts.iter().enumerate() {
        for writer in 0..2 {
            let (runtime, account, comings) = (world.runtime.clone(), *account, comings.clone());
            writers.spawn(async move {
                let mut commits = 0;
                while commits < 40 || (comings.load(Ordering::SeqCst) < 100 && commits < 1_000) {
                    let name = format!("{writer} {commits}");
                    let made = make_group(&runtime, account, &name, &origin()).await.unwrap();
                    let seen = runtime.account(account).await.unwrap().unwrap();
                    assert!(seen.revision() >= made.snapshot.revision());
                    assert!(seen.state.user_group(&made.output).is_some());
                    commits += 1;
                    // Nobody is at work on it for a moment: else it is not let go.
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                (number, commits)
            });
        }
    }
    let mut revisions = vec![1; accounts.len()];
    for (number, commits) in writers.join_all().await {
        revisions[number] += commits;
    }
    done.store(true, Ordering::SeqCst);
    churn.await.unwrap();
    assert!(comings.load(Ordering::SeqCst) >= 100, "accounts have to come and go for this to show anything");
    for (account, revision) in accounts.into_iter().zip(revisions) {
        world.assert_sound(account, revision).await;
    }
}

/// Who waits for the next commit of an account is told of it, though the account was let go in between.
#[tokio::test]
async fn whoever_waits_for_a_commit_is_told_of_it_after_the_account_was_let_go() {
    let world = World::in_memory();
    let account = world.account().await;
    let waiting = {
        let runtime = world.runtime.clone();
        tokio::spawn(async move { runtime.later_than(account, 1).await })
    };
    settle().await;
    world.runtime.budget.limit(48 * 1024);
    for _ in 0..50 {
        world.account().await;
    }
    world.make_group(account, "news").await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
}
