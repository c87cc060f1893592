//! A search is all the decisions there are, in order, from wherever it goes on.

use std::collections::BTreeSet;

use engine::question::Circumstances;
use engine::question::action::{Action, Named};
use engine::question::subject::SubjectKind;
use engine::search::{self, Entry};
use engine::target::Target;
use model::change::{Change, Document};
use model::ids::{Id, TokenId};
use model::tokens::Token;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::runs::{Tally, oracle_config};
use crate::world::*;

fn action() -> impl Strategy<Value = Action> {
    fn named(name: &str) -> Action {
        Named::of(&CATALOG, name).unwrap().action
    }
    let names = PERMISSIONS.map(|text| text.split('@').next().unwrap()).to_vec();
    prop_oneof![
        4 => prop::sample::select(names).prop_map(named),
        2 => prop::sample::select(vec!["domain_dns", "dns_admin", "admin", "all_privileges"]).prop_map(named),
        1 => prop::sample::select(vec!["accounts-account-details", "account-user-group-create"]).prop_map(named),
    ]
}

/// Every subject of a kind that the account has or may have had.
fn everybody(world: &World, kind: SubjectKind) -> Vec<Id> {
    let mut ids: Vec<Id> = match kind {
        SubjectKind::User => (0..6).map(|n| user_id(n).0).collect(),
        SubjectKind::Member => (0..6).map(|n| member_id(n).0).collect(),
        SubjectKind::Token => (0..2).map(|n| id(0x70, n)).collect(),
        SubjectKind::UserGroup => (0..4).map(|n| group_id(n).0).collect(),
    };
    ids.retain(|id| ENGINE.find_subject(&world.state, kind, &id.to_string()).is_some());
    ids.sort_unstable();
    ids
}

fn keys() -> Vec<String> {
    let mut keys: Vec<String> =
        (0..3).flat_map(|n| [zone_key(n), widget_key(n), part_key(n)]).chain([account_key()]).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_search_finds_what_the_decisions_allow_in_order_and_from_anywhere() {
    let tally = Tally::default();
    let strategy = (world(50), vec((0..2u8, token()), 0..3), vec(action(), 4));
    let outcome = TestRunner::new(oracle_config(400)).run(&strategy, |(mut world, tokens, actions)| {
        for (n, token) in &tokens {
            let token = Token { id: TokenId(id(0x70, *n)), ..Token::clone(token) };
            world.apply(&[Change::put(Document::Token(token.into()))]);
        }
        let account = &world.state;
        let now = Circumstances { address: None, time: Some(NOW()) };
        let subject = |kind, id: &Id| ENGINE.find_subject(account, kind, &id.to_string());
        for action in &actions {
            for kind in SubjectKind::ALL {
                for key in keys() {
                    let Some(target) = account.target(&key) else { continue };
                    let decided = everybody(&world, kind).into_iter().filter(|id| {
                        tally.note("asked");
                        ENGINE.answer(account, subject(kind, id).as_ref(), action, Some(&target), &now).allowed
                    });
                    let decided: Vec<Id> = decided.collect();
                    let subjects = |after| -> Vec<Id> {
                        let found = search::subjects(account, kind, after, action, target, |_| now);
                        let ids = found.flatten().map(|entry| match entry {
                            Entry::Id(id) => id,
                            Entry::Text(text) => panic!("{text} is no id"),
                        });
                        ids.collect()
                    };
                    let all = subjects(None);
                    prop_assert_eq!(&all, &decided, "{:?} {}", kind, key);
                    for (at, after) in all.iter().enumerate() {
                        prop_assert_eq!(&subjects(Some(*after)), &all[at + 1..]);
                    }
                    tally.note_many("found", all.len());
                }
                for id in everybody(&world, kind) {
                    let principal = subject(kind, &id).unwrap();
                    for kind in CATALOG.resource_types() {
                        let here =
                            |key: &String| account.target(key).filter(|target: &Target| target.kind == kind.index);
                        let decided = keys().into_iter().filter(|key| {
                            let allowed = |target: &Target| {
                                ENGINE.answer(account, Some(&principal), action, Some(target), &now).allowed
                            };
                            here(key).is_some_and(|target| allowed(&target))
                        });
                        let id = |key: String| key[kind.key.len() + 1..].to_owned();
                        let decided: Vec<String> = decided.map(id).collect();
                        // Circumstances are for the caller to look at.
                        if principal.token().is_some_and(|token| !now.admit(&token.token)) {
                            prop_assert!(decided.is_empty());
                            continue;
                        }
                        let resources = |after: Option<&str>| -> Vec<String> {
                            let found = search::resources(account, kind, after, &principal, action);
                            found.flatten().map(|entry| entry.to_string()).collect()
                        };
                        let all = resources(None);
                        prop_assert_eq!(&all, &decided, "{}", kind.name);
                        for (at, after) in all.iter().enumerate() {
                            prop_assert_eq!(&resources(Some(after)), &all[at + 1..]);
                        }
                    }
                }
            }
        }
        let held = ENGINE.find_subject(account, SubjectKind::User, &user_id(1).to_string()).map(|principal| {
            let found = search::actions(account, None, &principal, &Target::ACCOUNT);
            let found: Vec<String> = found.flatten().map(|entry| entry.to_string()).collect();
            (found, ENGINE.held(account, &principal, &Target::ACCOUNT))
        });
        if let Some((actions, held)) = held {
            let names: BTreeSet<String> =
                held.iter().map(|index| CATALOG.permission_at(index).name.to_string()).collect();
            prop_assert_eq!(actions, names.into_iter().collect::<Vec<_>>());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print("searches");
    let (asked, found) = (tally.count("asked"), tally.count("found"));
    assert!(asked >= 100_000 && found >= 10_000, "{asked} asked, {found} found");
}
