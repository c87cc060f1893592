//! The parts of `bench/run`, `bench/decisions` and `bench/nodes` that a shell cannot do: stores of a given size, many connections that
//! write, the naive program to compare with, times of a few milliseconds, the workload of decisions as files. Each prints
//! numbers for the script to read.

mod answers;
mod audit;
mod creates;
mod decisions;
mod flush;
mod http;
mod naive;
mod revocations;
mod scale;
mod seed;
mod start;
mod tokens;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// That of the server, so that what is measured in this process costs what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Portcullis; `bench/run` calls it
#[derive(Parser)]
#[command(name = "portcullis-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill the account of a database that `portcullis init` made; prints JSON about what to ask for
    Seed(seed::Seed),
    /// Create user groups over many connections; prints how many, how many a second, and p50 and p99 in milliseconds
    Creates(creates::Creates),
    /// Create user groups one transaction each, in plain SQLite; prints how many, and how many a second
    Naive(naive::Naive),
    /// Start a server several times; prints, a line each, the milliseconds until its first answer
    Start(start::Start),
    /// Write workload W as files: the catalogue, questions for this server and for Cerbos, policies for Cerbos
    Questions(decisions::Questions),
    /// Make the accounts of workload W in a database that `portcullis init` made with its catalogue
    SeedDecisions(decisions::SeedDecisions),
    /// Ask a server each question of a file, and compare the answers; prints how many
    Answers(answers::Answers),
    /// Fill an account with entries, ask its audit log questions with two filters; prints, a line each, the milliseconds of the first page
    Audit(audit::Audit),
    /// Fill an account with tokens, or tell what each costs in memory and its use in time
    Tokens(tokens::Tokens),
    /// Delete tokens on one node, and ask another until it refuses them; prints how many, p50, p99 and the longest in milliseconds
    Revocations(revocations::Revocations),
    /// Measure what size and other people's writes cost: the parts of `bench/scale`
    Scale(scale::Scale),
    /// Append to a file and flush; prints the median in microseconds
    Flush(flush::Flush),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Seed(seed) => seed::run(&seed),
        Command::Creates(creates) => creates::run(creates),
        Command::Naive(naive) => naive::run(&naive),
        Command::Start(start) => start::run(&start),
        Command::Questions(questions) => decisions::write(&questions),
        Command::SeedDecisions(seed) => decisions::seed(&seed),
        Command::Answers(answers) => answers::run(&answers),
        Command::Audit(audit) => audit::run(&audit),
        Command::Tokens(tokens) => tokens::run(&tokens),
        Command::Revocations(revocations) => revocations::run(&revocations),
        Command::Scale(scale) => scale::run(&scale),
        Command::Flush(flush) => flush::run(&flush),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
