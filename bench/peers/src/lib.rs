//! Engines side by side. Each is given the same workload, prepares what its experts would prepare, and then answers
//! questions by number. What a question is to an engine (a request of Cedar, an input of Rego) is made beforehand, so
//! that only the decision is measured.

pub mod casbin;
pub mod cedar;
pub mod changes;
pub mod hash_map;
pub mod ours;
pub mod rego;

use workload::{Question, Workload};

/// An engine with its data and its questions.
pub trait Evaluator {
    /// Whether the question of that number is allowed.
    ///
    /// # Errors
    /// When the engine fails, which is no answer.
    fn allows(&mut self, number: usize) -> anyhow::Result<bool>;
}

/// Makes an engine of a workload, for these questions.
pub type Make = fn(&Workload, &[Question]) -> anyhow::Result<Box<dyn Evaluator>>;

/// One engine that takes part.
#[derive(Clone, Copy)]
pub struct Entrant {
    /// Its name in figures: one word.
    pub name: &'static str,
    /// Makes it.
    pub make: Make,
    /// How many questions it is asked at most: a slow engine answers a sample.
    pub sample: usize,
    /// A decision takes less than a microsecond, so it is measured in turn with the others of this kind.
    pub is_fast: bool,
}

/// All that take part.
pub const ENTRANTS: [Entrant; 9] = [
    Entrant { name: "ours", make: ours::make, sample: usize::MAX, is_fast: true },
    Entrant { name: "hash_map", make: hash_map::rules, sample: usize::MAX, is_fast: true },
    Entrant { name: "hash_map_policies", make: hash_map::policies, sample: usize::MAX, is_fast: true },
    Entrant { name: "regorus", make: rego::make, sample: usize::MAX, is_fast: false },
    Entrant { name: "cedar_sliced", make: cedar::sliced, sample: usize::MAX, is_fast: false },
    Entrant { name: "cedar_merged", make: cedar::merged, sample: usize::MAX, is_fast: false },
    Entrant { name: "cedar_account", make: cedar::account, sample: 2_000, is_fast: false },
    Entrant { name: "cedar_all", make: cedar::all, sample: 200, is_fast: false },
    Entrant { name: "casbin", make: casbin::make, sample: 1_000, is_fast: false },
];

impl Entrant {
    /// Checks that the engine gives the right answer to each of its questions.
    ///
    /// # Errors
    /// The first question with another answer.
    pub fn check(&self, engine: &mut dyn Evaluator, questions: &[Question]) -> anyhow::Result<()> {
        for (number, question) in questions.iter().enumerate() {
            let allowed = engine.allows(number)?;
            anyhow::ensure!(allowed == question.allowed, "{} answers {allowed} to {question:?}", self.name);
        }
        Ok(())
    }
}
