//! How long a run is, and what was seen in it.
//!
//! `PORTCULLIS_CASES=10000000` asks the oracle ten million questions, and makes every other test that compares with an
//! oracle longer by the same factor. `bench/oracle` does so on all cores; a seed in `PROPTEST_RNG_SEED` repeats a run.

use std::cell::RefCell;
use std::collections::BTreeMap;

use engine::decide::Reason;
use proptest::test_runner::Config;

/// What the oracle is asked in an ordinary run.
pub const QUESTIONS: u64 = 120_000;

/// Cases of a test that compares with an oracle: so many in an ordinary run.
pub fn oracle_config(cases: u32) -> Config {
    let asked = std::env::var("PORTCULLIS_CASES").map_or(QUESTIONS, |text| {
        text.parse().unwrap_or_else(|_| panic!("PORTCULLIS_CASES must be a number of questions, not `{text}`"))
    });
    let scaled = (u64::from(cases) * asked).div_ceil(QUESTIONS);
    config(u32::try_from(scaled).expect("PORTCULLIS_CASES asks for more than a run can hold").max(1))
}

/// Cases of a test, as many in every run.
pub fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// What was seen in a run.
#[derive(Debug, Default)]
pub struct Tally {
    counts: RefCell<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub fn note(&self, seen: &'static str) {
        self.note_many(seen, 1);
    }

    pub fn note_many(&self, seen: &'static str, times: usize) {
        *self.counts.borrow_mut().entry(seen).or_default() += times as u64;
    }

    pub fn count(&self, seen: &str) -> u64 {
        self.counts.borrow().get(seen).copied().unwrap_or(0)
    }

    /// Prints the counts, in a line that `bench/oracle` adds up.
    pub fn print(&self, test: &str) {
        let counts = self.counts.borrow();
        let counts: Vec<String> =
            counts.iter().map(|(seen, times)| format!("{}={times}", seen.replace(' ', "_"))).collect();
        println!("counted {test}: {}", counts.join(" "));
    }

    /// Prints the counts by reason. A run in which one of the three hardly occurs shows nothing.
    pub fn print_reasons(&self, test: &str, at_least: u64) {
        self.print(test);
        let reasons = [Reason::Allow, Reason::ExplicitDeny, Reason::ImplicitDeny].map(Reason::as_str);
        let total: u64 = reasons.iter().map(|reason| self.count(reason)).sum();
        assert!(total >= at_least, "{total} decisions are too few");
        for reason in reasons {
            assert!(self.count(reason) * 10 >= total, "too few of {reason}: {} of {total}", self.count(reason));
        }
    }
}
