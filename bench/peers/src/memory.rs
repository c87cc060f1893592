//! Counts the bytes that each engine's data takes, as asked of the allocator; writes `name value` lines. Also sees to it
//! that a decision of ours allocates nothing.

use std::alloc::System;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use engine::{Account, Engine};
use peers::ours::Ours;
use peers::{ENTRANTS, Evaluator as _};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use workload::{SEED, Size, Workload};

/// Counts, so this is a program of its own: the others' times must not pay for it.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Ours is counted otherwise; that Cedar's policies can be sliced in several ways makes no difference here.
const MEASURED: [&str; 5] = ["hash_map", "hash_map_policies", "regorus", "cedar_sliced", "casbin"];

/// Counts bytes
#[derive(Parser)]
#[command(name = "portcullis-peers-memory")]
struct Arguments {
    /// Where to write the figures
    #[arg(long)]
    figures: PathBuf,
    /// Times the members of W; can be given several times
    #[arg(long = "times", default_values_t = [1, 10, 100])]
    times: Vec<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-peers-memory: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut figures = BTreeMap::new();
    for factor in &arguments.times {
        let workload = Workload::new(Size::times(*factor), SEED)?;
        let members = workload.member_count() as f64;
        for entrant in ENTRANTS.into_iter().filter(|entrant| MEASURED.contains(&entrant.name)) {
            let (_engine, bytes) = counted(|| (entrant.make)(&workload, &[]))?;
            figures.insert(format!("memory.{}.{factor}", entrant.name), bytes as f64 / members);
        }
        let (index, documents) = of_ours(&workload)?;
        figures.insert(format!("memory.ours.{factor}"), index as f64 / members);
        figures.insert(format!("memory.ours_documents.{factor}"), documents as f64 / members);
    }
    let allocations = of_decisions()?;
    figures.insert("allocations.ours".to_owned(), allocations as f64);
    let lines = figures.iter().map(|(name, value)| format!("{name} {value}\n"));
    fs::write(&arguments.figures, lines.collect::<String>()).context("cannot write the figures")
}

/// The indexes of all accounts, and the documents that they are compiled from.
fn of_ours(workload: &Workload) -> anyhow::Result<(usize, usize)> {
    let engine = Engine::new(workload.catalog.clone());
    let (mut of_indexes, mut of_documents) = (0, 0);
    for number in 0..workload.accounts.len() {
        let (account, all) = counted(|| workload.account(&engine, number))?;
        let (again, index) = counted(|| Ok(Account::compile(&engine, account.state().clone())))?;
        anyhow::ensure!(again.member_count() == account.member_count(), "an account lost members");
        of_indexes += index;
        of_documents += all.saturating_sub(index);
    }
    Ok((of_indexes, of_documents))
}

/// How many allocations ten thousand decisions make.
fn of_decisions() -> anyhow::Result<usize> {
    let workload = Workload::new(Size::times(1), SEED)?;
    let questions = workload.questions(10_000);
    let mut ours = Ours::new(&workload, &questions)?;
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for number in 0..questions.len() {
        ours.allows(number)?;
    }
    Ok(region.change().allocations)
}

/// What is made, and the bytes that it holds.
fn counted<T>(make: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, usize)> {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let made = make()?;
    let change = region.change();
    // Reallocation counts what it adds as allocated, and what it takes away as freed.
    Ok((made, change.bytes_allocated.saturating_sub(change.bytes_deallocated)))
}
