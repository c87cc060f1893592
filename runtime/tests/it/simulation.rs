//! Several nodes over one store in memory, on one thread and a clock that only the simulation moves: what happens follows from a seed, and
//! happens again with it. Ways to the store are slow, lose questions and answers, and are cut; news of commits is lost; nodes crash and come
//! back; their clocks jump to and fro.
//!
//! `PORTCULLIS_SIMULATIONS=20000 cargo test -p portcullis-runtime simulation` tries more seeds; `PORTCULLIS_SIMULATION_SEED=17` one of them,
//! and prints what happened.

mod network;
mod play;

use std::fmt::Write as _;

use play::{Counts, play};

/// How many seeds are tried.
const SEEDS: u64 = 2_000;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}

/// What happened with a seed; what went wrong fails the test, and names it.
fn simulate(seed: u64) -> (Vec<String>, Counts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(play(seed))));
    caught.unwrap_or_else(|panic| {
        eprintln!("seed {seed} went wrong; PORTCULLIS_SIMULATION_SEED={seed} plays it again");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn whatever_happens_to_nodes_and_network_the_log_is_one_history_and_nobody_answers_from_the_past() {
    if let Some(seed) = variable("PORTCULLIS_SIMULATION_SEED") {
        let (trace, counts) = simulate(seed);
        trace.iter().for_each(|line| println!("{line}"));
        println!("seed {seed}: {counts:?}");
        return;
    }
    let seeds = variable("PORTCULLIS_SIMULATIONS").unwrap_or(SEEDS);
    let mut all = Counts::default();
    for seed in 0..seeds {
        all.add(&simulate(seed).1);
    }
    println!("{seeds} seeds: {all:?}");
    // What never happened was not tried.
    let Counts { commits, unknown, stale, crashes, cuts, jumps, reads } = all;
    let each = [
        ("commits", commits),
        ("unknown", unknown),
        ("stale", stale),
        ("crashes", crashes),
        ("cuts", cuts),
        ("jumps", jumps),
        ("reads", reads),
    ];
    for (what, count) in each {
        assert!(count as u64 >= seeds / 10, "{what}: {count}");
    }
}

#[test]
fn a_seed_plays_again_exactly() {
    for seed in [3, 14, 159] {
        let (first, again) = (simulate(seed).0, simulate(seed).0);
        assert!(first.len() > 100);
        let difference = first.iter().zip(&again).enumerate().find(|(_, (one, other))| one != other);
        if let Some((at, (one, other))) = difference {
            let mut told = String::new();
            _ = write!(told, "seed {seed}, event {at}: `{one}`, then `{other}`");
            panic!("{told}");
        }
        assert_eq!(first.len(), again.len());
    }
}
