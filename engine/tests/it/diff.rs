//! `diff` is `decide(after) − decide(before)`, no more and no less.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{PermissionIndex, ResourceTypeIndex};
use engine::Account;
use engine::diff::{Affected, Row, Shift, diff};
use engine::oracle::Subject;
use engine::principal::Principal;
use engine::target::Target;
use model::change::{Change, Document};
use model::ids::TokenId;
use model::tokens::Token;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use crate::runs::{Tally, oracle_config};
use crate::world::*;

/// One cell of the table of who may do what where.
type Cell3 = (Affected, PermissionIndex, String);

/// Everything that may be exercised, one by one.
fn everything(account: &Account) -> BTreeSet<Cell3> {
    let members = account.members_from(None).map(|member| (Affected::Member(member.id), Principal::Member(member.id)));
    let tokens = account.tokens_from(None).map(|token| {
        let compiled = Arc::new(ENGINE.compile_token(token));
        (Affected::Token(token.id), Principal::AccountToken { account: account_id(), token: compiled })
    });
    let principals: Vec<(Affected, Principal)> = members.chain(tokens).collect();
    let mut cells = BTreeSet::new();
    for (key, target) in targets(account) {
        for (who, principal) in &principals {
            let held = ENGINE.held(account, principal, &target);
            cells.extend(held.iter().map(|permission| (*who, permission, key.clone())));
        }
    }
    cells
}

fn targets(account: &Account) -> Vec<(String, Target)> {
    let resources = account.resources_from(None);
    let resources = resources.filter_map(|one| Some((one.key.to_string(), account.resource(&one.key)?)));
    std::iter::once((account_key(), Target::ACCOUNT)).chain(resources).collect()
}

/// The same told by the rows of a diff, on an account that has the resources.
fn told(rows: &[Row], shift: Shift, account: &Account) -> BTreeSet<Cell3> {
    let mut cells = BTreeSet::new();
    let targets = targets(account);
    for row in rows.iter().filter(|row| row.shift == shift) {
        let set = &row.resources;
        let all_of = |kind: ResourceTypeIndex, key: &str| {
            set.all_of.iter().any(|(other, except)| *other == kind && !except.iter().any(|one| **one == *key))
        };
        for (key, target) in &targets {
            let within = match target.is_account() {
                true => set.account,
                false => all_of(target.kind, key) || set.keys.iter().any(|one| **one == **key),
            };
            if within {
                for who in &row.principals {
                    for permission in row.permissions.iter() {
                        assert!(cells.insert((*who, permission, key.clone())), "told twice");
                    }
                }
            }
        }
    }
    cells
}

fn token_change(n: u8, token: &Token) -> Change {
    Change::put(Document::Token(Arc::new(Token { id: TokenId(id(0x70, n)), ..token.clone() })))
}

/// An account at two revisions, and the changes between them as one commit.
struct Commit {
    before: Account,
    after: Account,
    changes: Vec<Change>,
}

/// A step in the life of an account, tokens included.
#[derive(Clone, Debug)]
enum Deed {
    Step(Step),
    PutToken(u8, Arc<Token>),
}

/// A world with some tokens of its account, and several commits of some steps each.
fn history() -> impl Strategy<Value = (World, Vec<Vec<Deed>>)> {
    let put_token = (0..2u8, token()).prop_map(|(n, token)| Deed::PutToken(n, token));
    let steps = prop_oneof![4 => any_step().prop_map(Deed::Step), 1 => put_token];
    let world = (world(50), vec((0..2u8, token()), 0..2)).prop_map(|(mut world, tokens)| {
        let tokens: Vec<Change> = tokens.iter().map(|(n, token)| token_change(*n, token)).collect();
        world.apply(&tokens);
        world
    });
    (world, vec(vec(steps, 1..4), 6))
}

/// Carries out the steps that fit, all in one commit.
fn commit(world: &mut World, steps: &[Deed]) -> Commit {
    let before = world.state.clone();
    let mut changes = Vec::new();
    for step in steps {
        let more = match step {
            Deed::Step(step) => world.changes_of(step),
            Deed::PutToken(n, token) => vec![token_change(*n, token)],
        };
        if world.state.after(&more).is_ok() {
            world.try_apply(&more);
            changes.extend(more);
        }
    }
    Commit { after: before.after(&changes).unwrap(), before, changes }
}

#[test]
fn a_diff_is_what_may_be_done_after_less_what_might_be_done_before() {
    let tally = Tally::default();
    let outcome = TestRunner::new(oracle_config(250)).run(&history(), |(mut world, commits)| {
        for steps in commits {
            let Commit { before, after, changes } = commit(&mut world, &steps);
            let (old, new) = (everything(&before), everything(&after));
            let rows = diff(&before, &after, &changes);
            let gained: BTreeSet<Cell3> = new.difference(&old).cloned().collect();
            let lost: BTreeSet<Cell3> = old.difference(&new).cloned().collect();
            prop_assert_eq!(&told(&rows, Shift::Gained, &after), &gained, "gained by {:?}: {:?}", steps, rows);
            prop_assert_eq!(&told(&rows, Shift::Lost, &before), &lost, "lost by {:?}: {:?}", steps, rows);
            tally.note_many("gained", gained.len());
            tally.note_many("lost", lost.len());
            tally.note_many("held", old.len() + new.len());
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, (world, ..))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    tally.print("cells of diffs");
    let shifted = tally.count("gained") + tally.count("lost");
    assert!(shifted >= 10_000 && tally.count("held") >= 100_000, "too little happened");
}

/// The principals of an account as the oracle knows them. A member acts as the user that it is, once it has accepted.
fn subject(account: &Account, who: Affected) -> Subject<'_> {
    match who {
        Affected::Member(id) => {
            account.member(&id).and_then(|member| member.user()).map_or(Subject::Nobody, Subject::User)
        }
        Affected::Token(id) => {
            account.token(&id).map_or(Subject::Nobody, |token| Subject::AccountToken(account_id(), token))
        }
    }
}

/// Some of what a diff tells, and some of what it does not.
fn sampled(account: &Account, told: &BTreeSet<Cell3>, dice: &[u32]) -> Vec<Cell3> {
    let members = (0..6).map(|n| Affected::Member(member_id(n)));
    let tokens = (0..2).map(|n| Affected::Token(TokenId(id(0x70, n))));
    let everybody: Vec<Affected> = members.chain(tokens).collect();
    let targets = targets(account);
    let pick = |dice: u32| -> Cell3 {
        let dice = dice as usize;
        if dice.is_multiple_of(2)
            && let Some(cell) = told.iter().nth(dice / 2 % told.len().max(1))
        {
            return cell.clone();
        }
        let permission = permission(PERMISSIONS[dice / 16 % PERMISSIONS.len()]).index;
        let (key, _) = &targets[dice / 256 % targets.len()];
        (everybody[dice / 2 % everybody.len()], permission, key.clone())
    };
    dice.iter().map(|dice| pick(*dice)).collect()
}

#[test]
fn what_a_diff_tells_is_what_the_oracle_says_on_both_sides_of_the_commit() {
    let tally = Tally::default();
    let strategy = (history(), vec(vec(any::<u32>(), 16), 6));
    let outcome = TestRunner::new(oracle_config(600)).run(&strategy, |((mut world, commits), dice)| {
        for (steps, dice) in commits.iter().zip(&dice) {
            let Commit { before, after, changes } = commit(&mut world, steps);
            let rows = diff(&before, &after, &changes);
            // A gain is told of what is there afterwards, a loss of what was there before.
            for (shift, here, there) in [(Shift::Gained, &after, &before), (Shift::Lost, &before, &after)] {
                let told = told(&rows, shift, here);
                for cell in sampled(here, &told, dice) {
                    let (who, permission, key) = &cell;
                    let action = [ORACLE.action(CATALOG.permission_at(*permission))];
                    let may = |on: &Account| ORACLE.decide(on, subject(on, *who), &action, key).allowed;
                    let shifted = may(here) && !may(there);
                    prop_assert_eq!(told.contains(&cell), shifted, "{:?} {:?} by {:?}", shift, cell, steps);
                    tally.note(if shifted { "shifted" } else { "stayed" });
                }
            }
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, ((world, ..), _))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    tally.print("cells of diffs put to the oracle");
    let total = tally.count("shifted") + tally.count("stayed");
    assert!(total >= 100_000 && tally.count("shifted") * 20 >= total, "too little happened");
}
