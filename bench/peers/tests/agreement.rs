//! A second oracle, made by others: every engine gives the same answers, also where a deny overrules an allow.

use peers::ENTRANTS;
use workload::{Question, SEED, Size, Workload};

/// One in four of these is refused only because a deny wins.
fn questions(workload: &Workload, count: usize) -> Vec<Question> {
    let mut questions = workload.questions(count - count / 4);
    questions.extend(workload.overruled(count / 4));
    questions
}

#[test]
fn all_engines_give_the_same_answers() {
    let workload = Workload::new(Size { accounts: 3, zones: 40, members: 300, groups: 20 }, SEED + 1).unwrap();
    for entrant in ENTRANTS {
        let questions = questions(&workload, entrant.sample.min(20_000));
        let mut engine = (entrant.make)(&workload, &questions).unwrap();
        entrant.check(&mut *engine, &questions).unwrap();
    }
}

#[test]
fn a_wrong_answer_is_told() {
    let workload = Workload::new(Size { accounts: 1, zones: 10, members: 20, groups: 5 }, SEED).unwrap();
    let mut questions = workload.questions(100);
    questions[57].allowed = !questions[57].allowed;
    for entrant in ENTRANTS {
        let mut engine = (entrant.make)(&workload, &questions).unwrap();
        let error = entrant.check(&mut *engine, &questions).unwrap_err();
        assert!(error.to_string().contains(entrant.name), "{error}");
    }
}
