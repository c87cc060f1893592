//! Spans say the same as asking at every revision.

use std::collections::BTreeSet;

use engine::Account;
use engine::diff::Affected;
use engine::spans::Spans;
use model::change::{Change, Document};
use model::ids::TokenId;
use model::tokens::Token;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::runs::{Tally, oracle_config};
use crate::world::*;

/// Whether one may do one of these on the resource of that key.
fn may(account: &Account, principal: Affected, accepted: &[&'static str], key: &str) -> bool {
    let target = if key == account_key() { Some(engine::target::Target::ACCOUNT) } else { account.resource(key) };
    let (Some(target), Some(principal)) = (target, principal.principal(account)) else { return false };
    ENGINE.allows(account, &principal, &accepted_set(accepted), &target)
}

#[test]
fn spans_say_who_may_at_every_revision() {
    let tally = Tally::default();
    let steps = vec(prop_oneof![6 => any_step().prop_map(Ok), 1 => (0..2u8, token()).prop_map(Err)], 1..40);
    let outcome = TestRunner::new(oracle_config(500)).run(&(steps, vec(question(), 4)), |(steps, questions)| {
        // The first commit of a world is that of its making.
        let mut world = World::new();
        let mut commits: Vec<(Account, Account, Vec<Change>)> = Vec::new();
        let made: Vec<Change> = world.state.documents().map(Change::put).collect();
        let mut blank = Account::new(&ENGINE);
        let first = blank.after(&made).unwrap();
        commits.push((std::mem::replace(&mut blank, first.clone()), first, made));
        for step in &steps {
            let changes = match step {
                Ok(step) => world.changes_of(step),
                Err((n, token)) => {
                    let id = TokenId(id(0x70, *n));
                    vec![Change::put(Document::Token(Token { id, ..Token::clone(token) }.into()))]
                }
            };
            if let Ok(after) = world.state.after(&changes) {
                commits.push((world.state.clone(), after.clone(), changes));
                world.state = after;
            }
        }
        for question in &questions {
            let allowed = |account: &Account, principal| may(account, principal, &question.accepted, &question.key);
            let mut spans = Spans::new(allowed);
            for (before, after, changes) in &commits {
                spans.follow(before, after, changes);
            }
            let spans = spans.finish();
            for (_, account, _) in &commits {
                let members = account.members_from(None).map(|member| Affected::Member(member.id));
                let everybody = members.chain(account.tokens_from(None).map(|token| Affected::Token(token.id)));
                let told: BTreeSet<Affected> =
                    spans.iter().filter(|span| span.contains(account.revision)).map(|span| span.principal).collect();
                let everybody: Vec<Affected> = everybody.collect();
                tally.note_many("asked", everybody.len());
                let asked: BTreeSet<Affected> = everybody.into_iter().filter(|one| allowed(account, *one)).collect();
                prop_assert_eq!(told, asked, "at {} of {:?}", account.revision, question);
            }
            tally.note_many("spans", spans.len());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print("spans");
    let (spans, asked) = (tally.count("spans"), tally.count("asked"));
    assert!(spans >= 500 && asked >= 100_000, "only {spans} spans, {asked} asked");
}
