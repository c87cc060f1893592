//! Measures decisions of all engines, and changes, searches and rehearsals of ours; writes `name value` lines, one for
//! each figure: nanoseconds, counts. `bench/decisions` makes a table of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use criterion::Criterion;
use peers::changes::{Kind, Scene};
use peers::ours::Ours;
use peers::{ENTRANTS, Entrant};
use workload::{Question, SEED, Size, Workload};

/// As the server has it, for all engines.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Questions of a run.
const QUESTIONS: usize = 100_000;
/// How often those that take turns are measured.
const ROUNDS: usize = 3;

/// Measures decisions
#[derive(Parser)]
#[command(name = "portcullis-peers")]
struct Arguments {
    /// Where to write the figures
    #[arg(long)]
    figures: PathBuf,
    /// Where criterion keeps its samples
    #[arg(long)]
    samples: PathBuf,
    /// Times the members of W; can be given several times
    #[arg(long = "times", default_values_t = [1, 10, 100])]
    times: Vec<usize>,
    /// Only these engines; can be given several times
    #[arg(long = "only")]
    only: Vec<String>,
    /// Milliseconds to measure each thing for
    #[arg(long, default_value_t = 2_000)]
    millis: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut bench = Bench {
        criterion: Criterion::default()
            .without_plots()
            .output_directory(&arguments.samples)
            .warm_up_time(Duration::from_millis(arguments.millis / 4))
            .measurement_time(Duration::from_millis(arguments.millis)),
        samples: arguments.samples.clone(),
        figures: BTreeMap::new(),
    };
    for factor in &arguments.times {
        let workload = Workload::new(Size::times(*factor), SEED)?;
        let questions = workload.questions(QUESTIONS);
        let chosen =
            |entrant: &Entrant| arguments.only.is_empty() || arguments.only.iter().any(|one| one == entrant.name);
        let (fast, others): (Vec<_>, Vec<_>) = ENTRANTS.into_iter().filter(chosen).partition(|entrant| entrant.is_fast);
        bench.in_turn(&fast, &workload, &questions, *factor)?;
        for entrant in others {
            bench.in_turn(&[entrant], &workload, &questions, *factor)?;
        }
        if chosen(&ENTRANTS[0]) {
            bench.explanations(&workload, &questions, *factor)?;
            bench.changes(&workload, *factor)?;
        }
    }
    let lines = bench.figures.iter_mut().map(|(name, values)| format!("{name} {}\n", middle(values)));
    fs::write(&arguments.figures, lines.collect::<String>()).context("cannot write the figures")
}

/// The middle of several values, the lower of two.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get((values.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN)
}

struct Bench {
    criterion: Criterion,
    samples: PathBuf,
    figures: BTreeMap<String, Vec<f64>>,
}

impl Bench {
    /// Checks the engines' answers, then measures their decisions, in the order of the questions, which is random. Where
    /// there are several, they take turns, since a machine is quicker now and slower then, and the ratio is what counts.
    fn in_turn(
        &mut self,
        entrants: &[Entrant],
        workload: &Workload,
        questions: &[Question],
        factor: usize,
    ) -> anyhow::Result<()> {
        let mut engines = Vec::new();
        for entrant in entrants {
            let questions = &questions[..questions.len().min(entrant.sample)];
            let mut engine = (entrant.make)(workload, questions)?;
            entrant.check(&mut *engine, questions)?;
            engines.push((entrant, engine, questions, 0));
        }
        let rounds = if engines.len() > 1 { ROUNDS } else { 1 };
        for round in 0..rounds {
            for (entrant, engine, questions, number) in &mut engines {
                self.median_of_round(&format!("decision.{}.{factor}", entrant.name), round, || {
                    *number = (*number + 1) % questions.len();
                    engine.allows(*number)
                })?;
            }
        }
        Ok(())
    }

    fn explanations(&mut self, workload: &Workload, questions: &[Question], factor: usize) -> anyhow::Result<()> {
        let ours = Ours::new(workload, questions)?;
        let mut number = 0;
        self.median(&format!("explain.{factor}"), || {
            number = (number + 1) % questions.len();
            Ok(ours.explain(number))
        })
    }

    fn changes(&mut self, workload: &Workload, factor: usize) -> anyhow::Result<()> {
        let scene = Scene::new(workload)?;
        for (name, kind) in [("member", Kind::Member), ("membership", Kind::Membership), ("group", Kind::Group)] {
            self.median(&format!("change.{name}.{factor}"), || scene.change(kind))?;
        }
        let (rows, principals) = scene.dry_run(Kind::Group)?;
        self.figures.insert(format!("dry_run.rows.{factor}"), vec![rows as f64]);
        self.figures.insert(format!("dry_run.principals.{factor}"), vec![principals as f64]);
        self.median(&format!("dry_run.group.{factor}"), || scene.dry_run(Kind::Group))?;
        self.median(&format!("search.many.{factor}"), || scene.search(true))?;
        self.figures.insert(format!("search.many_found.{factor}"), vec![scene.search(true)? as f64]);
        self.median(&format!("search.few.{factor}"), || scene.search(false))?;
        self.figures.insert(format!("search.few_found.{factor}"), vec![scene.search(false)? as f64]);
        Ok(())
    }

    /// The median time of one call, in nanoseconds.
    fn median<T>(&mut self, name: &str, work: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<()> {
        self.median_of_round(name, 0, work)
    }

    /// The same in one of several rounds, of which the middle counts.
    fn median_of_round<T>(
        &mut self,
        name: &str,
        round: usize,
        mut work: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<()> {
        // What fails does so the first time, where it can be told.
        work()?;
        // Criterion keeps the samples of a name in a folder of that name.
        let folder = format!("{name}.{round}");
        self.criterion.bench_function(&folder, |bencher| bencher.iter(&mut work));
        let file = self.samples.join(folder).join("new/estimates.json");
        let text = fs::read_to_string(&file).with_context(|| format!("criterion left no `{}`", file.display()))?;
        let estimates: serde_json::Value = serde_json::from_str(&text)?;
        let median = estimates["median"]["point_estimate"].as_f64().context("an estimate has no median")?;
        self.figures.entry(name.to_owned()).or_default().push(median);
        Ok(())
    }
}
