use std::collections::BTreeSet;

use model::ids::{Id, SsoConnectorId};
use model::sso_connectors::{Finding, SsoConnector, VERIFICATION_WINDOW_SECONDS, Verification};
use model::time::Timestamp;
use proptest::prelude::*;
use runtime::jobs::RecordSearch;

use crate::sso_verification::schedule::{Answer, Step, step};

fn began() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn connector(name: &str, verification: Verification, lapsed: bool) -> SsoConnector {
    SsoConnector {
        id: SsoConnectorId(Id::derived(name)),
        email_domain: "example.com".into(),
        enabled: false,
        use_fedramp_language: false,
        code: Id::derived("code"),
        verification,
        lapsed,
        created_on: began(),
        updated_on: began(),
    }
}

fn pending() -> Verification {
    Verification::Pending { deadline: began().plus_seconds(VERIFICATION_WINDOW_SECONDS) }
}

/// The seconds since the beginning at which a pending record is looked for next.
fn next(name: &str, attempts: u32, asked: i64) -> Option<i64> {
    let search = RecordSearch { attempts, misses: 0 };
    match step(&connector(name, pending(), false), search, Answer::Missing, began().plus_seconds(asked)) {
        Step::Again { due, search } => {
            assert_eq!(search.attempts, attempts + 1);
            Some((due.as_micros() - began().as_micros()) / 1_000_000)
        }
        Step::Note(_) | Step::Stop => None,
    }
}

#[test]
fn the_early_look_ups_are_at_fixed_times_and_late_answers_do_not_move_them() {
    let asked = [0, 1, 59, 60, 61, 119, 120, 299, 300, 599];
    let due = asked.map(|asked| next("a", 1, asked).unwrap());
    assert_eq!(due, [60, 60, 60, 120, 120, 120, 300, 300, 600, 600]);
}

#[test]
fn later_look_ups_are_spread_over_the_whole_range() {
    let gaps: BTreeSet<i64> = (0..10_000).map(|number| next(&format!("n{number}"), 5, 600).unwrap() - 600).collect();
    assert_eq!((gaps.first(), gaps.last()), (Some(&720), Some(&1080)));
    assert_eq!(gaps.len(), 361);
    let one: BTreeSet<i64> = (5..200).map(|attempts| next("a", attempts, 600).unwrap()).collect();
    assert!(one.len() > 100, "the look-ups of one connector are spread too");
}

#[test]
fn the_whole_table() {
    use Answer::{Found, Missing, Unanswered};
    let (early, late) = (began(), began().plus_seconds(VERIFICATION_WINDOW_SECONDS));
    let once = RecordSearch { attempts: 1, misses: 1 };
    let of = |verification, lapsed, answer, asked| step(&connector("a", verification, lapsed), once, answer, asked);
    let again = |asked: Timestamp, seconds, misses| Step::Again {
        due: asked.plus_seconds(seconds),
        search: RecordSearch { attempts: 2, misses },
    };
    for answer in [Found, Missing, Unanswered] {
        assert_eq!(of(Verification::Awaiting, false, answer, early), Step::Stop);
        assert_eq!(of(Verification::Failed, false, answer, early), Step::Stop);
    }
    for asked in [early, late] {
        assert_eq!(of(pending(), false, Found, asked), Step::Note(Finding::Found));
    }
    for answer in [Missing, Unanswered] {
        assert_eq!(of(pending(), false, answer, early), again(early, 60, 1));
        assert_eq!(of(pending(), false, answer, late), Step::Note(Finding::Missing));
    }
    let verified = Verification::Verified { since: early };
    assert_eq!(of(verified, false, Found, late), again(late, 604_800, 0));
    assert_eq!(of(verified, false, Missing, late), Step::Note(Finding::MissingTwice));
    assert_eq!(of(verified, false, Unanswered, late), again(late, 3600, 1));
    assert_eq!(of(verified, true, Found, late), Step::Note(Finding::Found));
    assert_eq!(of(verified, true, Missing, late), again(late, 604_800, 2));
    assert_eq!(of(verified, true, Unanswered, late), again(late, 3600, 1));
}

proptest! {
    #[test]
    fn a_pending_record_is_always_looked_for_again_soon_and_not_past_the_deadline(asked in 0..VERIFICATION_WINDOW_SECONDS, attempts: u32) {
        let due = next("a", attempts.min(u32::MAX - 1), asked).unwrap();
        prop_assert!(due > asked && due <= VERIFICATION_WINDOW_SECONDS);
        prop_assert!(due - asked <= 18 * 60);
        prop_assert!(due - asked >= 12 * 60 || due == VERIFICATION_WINDOW_SECONDS || asked < 600);
    }
}
