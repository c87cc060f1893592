//! Accounts in signed files decide as the server does, and files that somebody touched decide nothing.

use engine::Account;
use engine::decide::Decision;
use engine::offline::{self, Head, OpenError, OpeningKey, SealingKey};
use model::change::Document;
use model::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::runs::{Tally, oracle_config};
use crate::world::*;

const SEED: [u8; 32] = [7; 32];

fn head(account: &Account) -> Head {
    Head {
        account_id: account.account_id(),
        revision: account.revision,
        hash: "00".into(),
        at: NOW(),
        made_on: NOW(),
        expires_on: NOW().plus_seconds(60),
    }
}

fn sealed(account: &Account) -> (Vec<u8>, OpeningKey) {
    let key = SealingKey::new(&SEED);
    (offline::seal(account, &head(account), &key).unwrap(), key.opening_key())
}

fn decisions(world: &World, questions: &[Question]) -> Vec<Decision> {
    questions.iter().map(|question| engine_decides(world, question)).collect()
}

#[test]
fn an_account_from_a_file_decides_as_it_did_before() {
    let tally = Tally::default();
    let strategy = (world(60), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(300)).run(&strategy, |(world, questions)| {
        let (bytes, key) = sealed(&world.state);
        let (opened_head, opened) = offline::open(&bytes, &key, NOW()).unwrap();
        prop_assert_eq!(&opened_head, &head(&world.state));
        prop_assert_eq!(opened.revision, world.state.revision);
        let mut again = world.clone();
        again.state = opened;
        let expected = decisions(&world, &questions);
        prop_assert_eq!(&decisions(&again, &questions), &expected);
        expected.iter().for_each(|decision| tally.note(decision.reason.as_str()));
        let has_digest = |document: Document| matches!(document, Document::Token(token) if token.digest.is_some());
        prop_assert!(!again.state.documents().any(has_digest));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    tally.print_reasons("decisions from files", 10_000);
}

#[test]
fn a_file_that_was_changed_anywhere_is_not_opened() {
    let world = World::new();
    let (bytes, key) = sealed(&world.state);
    assert!(offline::open(&bytes, &key, NOW()).is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let error = offline::open(&changed, &key, NOW()).err();
        assert!(matches!(error, Some(OpenError::Forged | OpenError::Unknown)), "byte {at}: {error:?}");
        let error = offline::open(&bytes[..at], &key, NOW()).err();
        assert!(matches!(error, Some(OpenError::Forged | OpenError::Unknown)), "cut at {at}: {error:?}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert!(matches!(offline::open(&longer, &key, NOW()), Err(OpenError::Forged)));
    let other = SealingKey::new(&[8; 32]).opening_key();
    assert!(matches!(offline::open(&bytes, &other, NOW()), Err(OpenError::Forged)));
    assert!(matches!(offline::open(b"PK\x03\x04", &key, NOW()), Err(OpenError::Unknown)));
}

#[test]
fn a_file_is_good_until_it_expires_and_not_a_moment_longer() {
    let (bytes, key) = sealed(&World::new().state);
    let expires_on = NOW().plus_seconds(60);
    let before = Timestamp::from_micros(expires_on.as_micros() - 1);
    assert!(offline::open(&bytes, &key, before).is_ok());
    for late in [expires_on, Timestamp::MAX] {
        assert!(matches!(offline::open(&bytes, &key, late), Err(OpenError::Expired(at)) if at == expires_on));
    }
    assert_eq!(offline::head(&bytes, &key).unwrap().expires_on, expires_on);
}

#[test]
fn a_key_reads_back_and_what_is_no_key_is_refused() {
    let key = SealingKey::new(&SEED).opening_key();
    assert_eq!(key.to_string().parse::<OpeningKey>().unwrap(), key);
    // The identity of the curve would open what anybody signs.
    let weak = format!("01{}", "00".repeat(31));
    for text in ["", "00", &"g".repeat(64), &weak, &key.to_string().to_uppercase()] {
        assert!(text.parse::<OpeningKey>().is_err(), "{text}");
    }
    assert_eq!(format!("{:?}", SealingKey::new(&SEED)), "SealingKey(…)");
}

#[cfg(feature = "follower")]
mod replica {
    use engine::follower::{Replica, Unfit};
    use model::change::Change;
    use serde_json::json;

    use super::*;

    /// As `…/iam/commits/stream` tells a commit.
    fn event(revision: u64, changes: &[Change]) -> String {
        let document = |change: &Change| match change {
            Change::Put(document) => json!({ "document": change.id().to_string(), "after": document }),
            Change::Delete(id) => json!({ "document": id.to_string(), "after": null }),
        };
        let documents: Vec<_> = changes.iter().map(document).collect();
        json!({ "revision": revision, "documents": documents, "summary": "of no interest" }).to_string()
    }

    #[test]
    fn commits_that_follow_lead_where_the_account_went() {
        let strategy = (vec(any_step(), 1..40), vec(question(), 60));
        let outcome = TestRunner::new(oracle_config(200)).run(&strategy, |(steps, questions)| {
            let mut world = World::new();
            let mut replica = Replica::new(world.state.clone());
            for step in &steps {
                let changes = world.changes_of(step);
                let Ok(after) = world.state.after(&changes) else { continue };
                world.state = after;
                let told = event(world.state.revision, &changes);
                prop_assert!(replica.take(&told).unwrap());
                prop_assert!(!replica.take(&told).unwrap(), "a second time is no news");
            }
            let mut followed = world.clone();
            followed.state = replica.account().clone();
            prop_assert_eq!(decisions(&followed, &questions), decisions(&world, &questions));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn a_commit_that_does_not_follow_changes_nothing() {
        let world = World::new();
        let mut replica = Replica::new(world.state.clone());
        let here = replica.revision();
        assert!(matches!(replica.take(&event(here + 2, &[])), Err(Unfit::Gap { .. })));
        for told in ["", "{}", "{\"revision\":\"x\"}"] {
            assert!(matches!(replica.take(told), Err(Unfit::Unreadable(_))), "{told}");
        }
        let dangling = json!({ "revision": here + 1, "documents": [{ "document": "nonsense", "after": null }] });
        assert!(matches!(replica.take(&dangling.to_string()), Err(Unfit::Unreadable(_))));
        assert_eq!(replica.revision(), here);
    }
}
