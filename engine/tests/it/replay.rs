//! However an account came to be what it is, decisions on it are the same.

use std::sync::Arc;

use engine::Account;
use engine::decide::Decision;
use model::change::{Change, Document};
use model::policies::Effect;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::runs::{Tally, oracle_config};
use crate::world::*;

/// The same world with another account in it.
fn with(world: &World, state: Account) -> World {
    let mut world = world.clone();
    world.state = state;
    world
}

fn decisions(world: &World, questions: &[Question]) -> Vec<Decision> {
    questions.iter().map(|question| engine_decides(world, question)).collect()
}

/// The documents of an account in another order, but for places in groups that have to wait for their group or member.
fn shuffled(account: &Account, dice: u64) -> Vec<Document> {
    let mut waiting: Vec<Document> = account.documents().collect();
    let mut dice = dice | 1;
    for at in (1..waiting.len()).rev() {
        // Marsaglia's xorshift.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        waiting.swap(at, dice as usize % (at + 1));
    }
    let mut state = Account::new(&ENGINE).state().clone();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let fitting = waiting.iter().position(|document| state.apply(&Change::put(document.clone())).is_ok());
        ordered.push(waiting.remove(fitting.expect("a document that fits")));
    }
    ordered
}

#[test]
fn the_order_in_which_documents_come_does_not_matter() {
    let tally = Tally::default();
    let strategy = (world(60), any::<u64>(), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(400)).run(&strategy, |(world, dice, questions)| {
        let expected = decisions(&world, &questions);
        let documents = shuffled(&world.state, dice);
        let loaded = Account::load(&ENGINE, world.state.revision, documents.iter().cloned()).unwrap();
        prop_assert_eq!(&decisions(&with(&world, loaded), &questions), &expected, "loaded");
        let commits = documents.into_iter().map(|document| vec![Change::put(document)]);
        let followed = commits.fold(Account::new(&ENGINE), |account, changes| account.after(&changes).unwrap());
        prop_assert_eq!(&decisions(&with(&world, followed), &questions), &expected, "one after another");
        expected.iter().for_each(|decision| tally.note(decision.reason.as_str()));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print_reasons("decisions after other orders", 20_000);
}

#[test]
fn many_changes_at_once_are_as_one_after_another() {
    let tally = Tally::default();
    let strategy = (world(30), vec(any_step(), 1..40), any::<u64>(), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(400)).run(&strategy, |(mut world, steps, cuts, questions)| {
        let start = world.clone();
        let mut changes = Vec::new();
        for step in &steps {
            let more = world.changes_of(step);
            if let Ok(next) = world.state.after(&more) {
                world.state = next;
                changes.extend(more);
            }
        }
        let expected = decisions(&world, &questions);
        let at_once = start.state.after(&changes).unwrap();
        prop_assert!(at_once.documents().eq(world.state.documents()));
        prop_assert_eq!(&decisions(&with(&world, at_once), &questions), &expected, "at once");
        // In commits that are cut anywhere, even between changes that belong together.
        let pieces = changes.chunk_by(|_, change| !hash(cuts, &format!("{change:?}")).is_multiple_of(3));
        let in_pieces = pieces.fold(start.state.clone(), |account, piece| account.after(piece).unwrap());
        prop_assert_eq!(&decisions(&with(&world, in_pieces), &questions), &expected, "in pieces");
        expected.iter().for_each(|decision| tally.note(decision.reason.as_str()));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print_reasons("decisions after other commits", 20_000);
}

/// What the index keeps of a group must not outlive it, even where it is back at the end of the commit.
#[test]
fn a_group_that_is_deleted_and_made_again_in_one_commit_is_empty() {
    let mut world = World::new();
    world.step(&Step::CreateZone(0));
    world.step(&Step::Invite { n: 1, rules: vec![], accepted: true });
    let rule = Rule { effect: Effect::Allow, groups: vec!["domain_dns"], places: vec![Where::Whole] };
    world.step(&Step::CreateGroup { n: 0, rules: vec![rule] });
    world.step(&Step::Join { group: 0, member: 1 });
    let question = Question { caller: Caller::User(1), accepted: vec!["DNS Read@zone"], key: zone_key(0) };
    assert!(engine_decides(&world, &question).allowed);
    let group = Document::UserGroup(Arc::new(world.state.user_group(&group_id(0)).unwrap().clone()));
    let anew = [Change::Delete(group.id()), Change::put(group)];
    world.apply(&anew);
    assert!(!engine_decides(&world, &question).allowed);
    world.apply(&[anew.as_slice(), &[place_in_group(0, 1)]].concat());
    assert!(engine_decides(&world, &question).allowed);
}

fn hash(seed: u64, text: &str) -> u64 {
    text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
