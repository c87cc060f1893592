//! `diff` is `decide(after) − decide(before)`, no more and no less.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{PermissionIndex, ResourceTypeIndex};
use engine::Account;
use engine::diff::{Affected, Row, Shift, diff};
use engine::principal::Principal;
use engine::target::Target;
use model::change::{Change, Document};
use model::ids::TokenId;
use model::tokens::Token;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

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

#[test]
fn a_diff_is_what_may_be_done_after_less_what_might_be_done_before() {
    let shifted = Cell::new(0_usize);
    let compared = Cell::new(0_usize);
    let steps = vec(prop_oneof![4 => any_step().prop_map(Ok), 1 => (0..2u8, token()).prop_map(Err)], 1..4);
    let strategy = (world(50), vec((0..2u8, token()), 0..2), vec(steps, 6));
    let config = Config { cases: 250, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |(mut world, tokens, commits)| {
        let tokens: Vec<Change> = tokens.iter().map(|(n, token)| token_change(*n, token)).collect();
        world.apply(&tokens);
        for steps in commits {
            let before = world.state.clone();
            let mut changes = Vec::new();
            for step in &steps {
                let more = match step {
                    Ok(step) => world.changes_of(step),
                    Err((n, token)) => vec![token_change(*n, token)],
                };
                if world.state.after(&more).is_ok() {
                    world.try_apply(&more);
                    changes.extend(more);
                }
            }
            // All steps in one commit.
            let after = before.after(&changes).unwrap();
            let (old, new) = (everything(&before), everything(&after));
            let rows = diff(&before, &after, &changes);
            let gained: BTreeSet<Cell3> = new.difference(&old).cloned().collect();
            let lost: BTreeSet<Cell3> = old.difference(&new).cloned().collect();
            prop_assert_eq!(&told(&rows, Shift::Gained, &after), &gained, "gained by {:?}: {:?}", steps, rows);
            prop_assert_eq!(&told(&rows, Shift::Lost, &before), &lost, "lost by {:?}: {:?}", steps, rows);
            shifted.set(shifted.get() + gained.len() + lost.len());
            compared.set(compared.get() + old.len() + new.len());
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, (world, ..))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    println!("{} of {} cells shifted", shifted.get(), compared.get());
    assert!(shifted.get() >= 10_000 && compared.get() >= 100_000, "too little happened");
}
