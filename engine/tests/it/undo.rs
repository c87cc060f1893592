//! Undoing a commit brings back exactly what was, whatever came after, or is refused.

use std::collections::BTreeMap;

use model::account_state::AccountState;
use model::change::{Document, DocumentId};
use model::undo::{Touched, undo};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::runs::{Tally, oracle_config};
use crate::world::*;

fn documents(state: &AccountState) -> BTreeMap<DocumentId, Document> {
    state.documents().map(|document| (document.id(), document)).collect()
}

#[test]
fn what_a_commit_touched_is_as_it_was_and_nothing_else_is_touched() {
    let tally = Tally::default();
    let outcome = TestRunner::new(oracle_config(600)).run(
        &(world_of(proper_step(), 30), vec(proper_step(), 1..6)),
        |(mut world, steps)| {
            let mut commits = Vec::new();
            for step in &steps {
                let changes = world.changes_of(step);
                let Ok(after) = world.state.after(&changes) else { continue };
                commits.push(Touched::by(&world.state, &after, &changes));
                world.state = after;
            }
            // The newest one can always be undone, unless it changed nothing.
            for (age, touched) in commits.iter().rev().enumerate() {
                let present = documents(&world.state);
                let changed = touched.iter().any(|one| one.before != one.after);
                match undo(&world.state, touched) {
                    Ok((changes, ())) => {
                        let undone = world.state.after(&changes).expect("changes that fit");
                        let mut expected = present.clone();
                        for one in touched {
                            match &one.before {
                                Some(before) => _ = expected.insert(one.id.clone(), before.clone()),
                                None => _ = expected.remove(&one.id),
                            }
                        }
                        prop_assert_eq!(documents(&undone), expected);
                        // And back again.
                        let again = Touched::by(&world.state, &undone, &changes);
                        let (changes, ()) = undo(&undone, &again).expect("the newest commit");
                        prop_assert_eq!(documents(&undone.after(&changes).expect("changes that fit")), present);
                        tally.note(if age == 0 { "newest undone" } else { "older undone" });
                    }
                    Err(problem) => {
                        prop_assert!(age > 0 || !changed, "the newest is refused: {problem}");
                        tally.note("refused");
                    }
                }
            }
            Ok(())
        },
    );
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print("undone");
    for seen in ["newest undone", "older undone", "refused"] {
        assert!(tally.count(seen) >= 100, "{seen} only {} times", tally.count(seen));
    }
}
