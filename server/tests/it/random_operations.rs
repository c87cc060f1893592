//! Random sequences of requests by several callers, against a plain model of an account. The model is written from the
//! specification as plain lists (`random_operations/plain.rs`); for every request it says the status and code of a
//! refusal, or the whole answer: names, members, policies in their order, roles, times, totals, pages, the revision.
//!
//! What the model leaves out is left out of the sequences: tokens are not made, connectors are never verified, and
//! "Administrator Read Only" is granted but not denied.

mod plain;
mod pools;
mod rehearsal;
mod requests;
mod rights;
mod rolls;
mod session;
mod shown;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use plain::Refusal;
use requests::{ALL, Kind, Step, steps};
use rolls::request;
use session::Session;

/// What was done, to be seen not to be nothing.
#[derive(Default)]
struct Counts {
    sequences: usize,
    done: BTreeMap<Kind, usize>,
    refused: BTreeMap<Refusal, usize>,
    refused_kinds: BTreeMap<Kind, usize>,
    excesses: usize,
    /// Decisions that the server put to the oracle meanwhile.
    checked: u64,
}

impl Counts {
    fn note(&mut self, kind: Kind, refusal: Option<Refusal>) {
        match refusal {
            None => *self.done.entry(kind).or_default() += 1,
            Some(refusal) => {
                *self.refused.entry(refusal).or_default() += 1;
                *self.refused_kinds.entry(kind).or_default() += 1;
            }
        }
    }
}

#[test]
fn a_random_sequence_of_requests_does_what_a_plain_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config { cases: 240, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let counts = RefCell::new(Counts::default());
    let result = TestRunner::new(config)
        .run(&steps(), |steps| runtime.block_on(carry_out(&steps, &counts)).map_err(TestCaseError::fail));
    let counts = counts.into_inner();
    let Counts { sequences, done, refused, refused_kinds, excesses, checked } = counts;
    let total = |counts: &BTreeMap<Kind, usize>| counts.values().sum::<usize>();
    println!("{sequences} sequences, {checked} decisions put to the oracle");
    println!("{} requests carried out: {done:?}", total(&done));
    println!("{} refused: {refused:?}, of these {excesses} as grants beyond the caller's", total(&refused_kinds));
    match result {
        Ok(()) => {}
        // The reason tells every request of the shortest sequence that fails; the numbers behind it tell nothing.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    for kind in ALL {
        assert!(done.contains_key(&kind) || kind == Kind::ListElsewhere, "no {kind:?} was carried out");
        let never_refused = kind == Kind::ListConnectors;
        assert!(refused_kinds.contains_key(&kind) || never_refused, "no {kind:?} was refused");
    }
    let expected: [Refusal; 12] = [
        plain::INVALID,
        plain::NOT_FOUND,
        plain::NAME,
        plain::EXISTS,
        plain::PAIR,
        plain::QUOTA,
        plain::IN_USE,
        plain::BUILT_IN,
        plain::LAST_SUPER,
        plain::STALE,
        plain::BAD_ID,
        plain::FORBIDDEN,
    ];
    for refusal in expected {
        assert!(refused.contains_key(&refusal), "nothing was refused with {refusal:?}");
    }
    assert!(excesses > 0, "nobody granted more than they may");
    assert!(checked > 1_000, "the server did not check itself");
}

async fn carry_out(steps: &[Step], counts: &RefCell<Counts>) -> Result<(), String> {
    let mut session = Session::start().await;
    session.read_everything().await?;
    for (index, step) in steps.iter().filter(|step| step.happens).enumerate() {
        let (who, request) = (session.caller(step), request(step, &session.plain, &session.facts));
        let refusal = session.exchange(&who, &request).await?;
        counts.borrow_mut().note(request.kind, refusal);
        if index % 10 == 9 {
            session.read_everything().await?;
        }
    }
    session.read_everything().await?;
    session.replay().await?;
    let checked = session.self_checks().await?;
    let mut counts = counts.borrow_mut();
    counts.sequences += 1;
    counts.excesses += session.excesses;
    counts.checked += checked;
    Ok(())
}
