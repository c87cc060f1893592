//! A page of the database goes bad. What is answered is right, or it is an error: never something else.

use std::fs;

use model::ids::{AccountId, StreamId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::world::*;

const PAGE: usize = 4096;

/// How a page goes bad.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Zeros,
    Garbage,
    /// A bit of what the page holds. Not of its own header: SQLite keeps no checksums, so a count that is one lower is as good as any.
    Flip,
}

/// The length of the header of a page of SQLite.
const HEADER: usize = 12;

fn damage(file: &mut [u8], page: usize, how: Damage, dice: &mut StdRng) {
    let page = &mut file[page * PAGE..][..PAGE];
    match how {
        Damage::Zeros => page.fill(0),
        Damage::Garbage => dice.fill(page),
        Damage::Flip => page[dice.random_range(HEADER..PAGE)] ^= 1 << dice.random_range(0..8),
    }
}

#[tokio::test]
async fn a_page_that_went_bad_is_never_answered_from() {
    let database = Database::new();
    let world = database.open();
    let mut accounts: Vec<AccountId> = Vec::new();
    for number in 0..3 {
        let account = world.account().await;
        for group in 0..110 {
            world.make_group(account, &format!("group {number} {group}")).await.unwrap();
        }
        accounts.push(account);
    }
    let mut right = Vec::new();
    for account in &accounts {
        right.push(documents(&world.snapshot(*account).await.state));
    }
    // With snapshots, which are damaged too.
    world.runtime.close().await;
    drop(world);
    let good = fs::read(&database.path).unwrap();
    let pages = good.len() / PAGE;
    assert!(pages > 50, "{pages}");

    let (mut dice, mut noticed, mut unharmed, mut unopened) = (StdRng::seed_from_u64(1), 0, 0, 0);
    for page in 1..pages {
        for how in [Damage::Zeros, Damage::Garbage, Damage::Flip, Damage::Flip, Damage::Flip, Damage::Flip] {
            let mut bytes = good.clone();
            damage(&mut bytes, page, how, &mut dice);
            let bad = Database::new();
            fs::write(&bad.path, bytes).unwrap();
            let Ok(store) = store::Store::open_sqlite(&bad.path, store::SqliteOptions::default()) else {
                unopened += 1;
                continue;
            };
            let world = World::over(store);
            for (account, right) in accounts.iter().zip(&right) {
                match world.runtime.account(*account).await {
                    Ok(Some(snapshot)) => {
                        assert_eq!(&documents(&snapshot.state), right, "{how:?} on page {page}");
                        unharmed += 1;
                    }
                    Ok(None) => panic!("{how:?} on page {page}: the account is not there any more"),
                    Err(_) => noticed += 1,
                }
                // What a check says is no success either where something is missing.
                if let Ok(verified) = world.runtime.verify(StreamId::Account(*account)).await {
                    assert_eq!(verified.commits, 111, "{how:?} on page {page}");
                }
            }
            world.runtime.close().await;
        }
    }
    println!("{pages} pages: {noticed} errors, {unharmed} right answers, {unopened} databases not opened");
    assert!(noticed > pages / 2 && unharmed > pages);
}
