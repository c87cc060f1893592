//! Runs several nodes over one PostgreSQL while nodes, the database and the network between them fail; records every request and answer;
//! and proves of each run that what clients were told is true (`checker.rs` says what that means).

mod checker;
mod clients;
mod cluster;
mod history;
mod nemesis;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use test_parts::postgres::Postgres;

use crate::cluster::Cluster;
use crate::history::History;

/// Past it, no node may answer from what it has not confirmed. The smallest that a server takes.
const BOUND: Duration = Duration::from_secs(1);

/// Fault runs, each checked
#[derive(Parser)]
struct Arguments {
    /// How many runs
    #[arg(long, default_value_t = 200)]
    runs: u64,
    /// The seed of the first run; each run after it takes the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many nodes
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// For how long the clients go on, in milliseconds
    #[arg(long, default_value_t = 3000)]
    load: u64,
    /// The program [default: `portcullis` beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What all runs came to.
#[derive(Default)]
struct Summary {
    runs: u64,
    failed: Vec<u64>,
    faults: BTreeMap<&'static str, usize>,
    counts: checker::Counts,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("portcullis-faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let program = match &arguments.program {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("portcullis"),
    };
    if !program.exists() {
        bail!("there is no `{}`; build it with `cargo build -p portcullis`", program.display());
    }
    let mut database = Postgres::start().context("PostgreSQL is not installed (Debian: apt-get install postgresql)")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let (mut summary, began) = (Summary::default(), Instant::now());
    for seed in arguments.seed..arguments.seed + arguments.runs {
        let load = Duration::from_millis(arguments.load);
        let one = one_run(&program, &mut database, seed, arguments.nodes, load, &mut summary);
        let wrong = runtime.block_on(one).with_context(|| format!("run {seed}"))?;
        summary.runs += 1;
        if !wrong.is_empty() {
            summary.failed.push(seed);
            println!("run {seed}: WRONG");
            wrong.iter().take(10).for_each(|sentence| println!("  {sentence}"));
        }
    }
    print(&summary, began.elapsed());
    Ok(summary.failed.is_empty())
}

async fn one_run(
    program: &std::path::Path,
    database: &mut Postgres,
    seed: u64,
    nodes: usize,
    load: Duration,
    summary: &mut Summary,
) -> anyhow::Result<Vec<String>> {
    let cluster = Cluster::start(program, database, nodes, BOUND).await?;
    let clients = clients::start(&cluster, load);
    let faults = nemesis::play(&cluster, database, seed, load).await;
    let mut history: History = clients.finish().await;
    history.log = cluster.settle(database).await.with_context(|| faults.join(", "))?;
    history.last = clients::last_words(&cluster).await?;
    let checked = checker::check(&history, BOUND);
    println!("run {seed}: {} with {}", checked.counts, faults.join(", "));
    faults.into_iter().for_each(|fault| *summary.faults.entry(fault).or_default() += 1);
    summary.counts.add(&checked.counts);
    Ok(checked.wrong)
}

fn print(summary: &Summary, took: Duration) {
    println!();
    println!("runs: {} in {:.0} s, wrong: {}", summary.runs, took.as_secs_f64(), summary.failed.len());
    let faults: Vec<String> = summary.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("faults: {}", faults.join(", "));
    println!("all runs: {}", summary.counts);
    if !summary.failed.is_empty() {
        println!("seeds of those that are wrong: {:?}", summary.failed);
    }
}
