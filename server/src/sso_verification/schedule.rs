//! What a look-up comes to, and when the next one is due (D59, D64). Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::ids::SsoConnectorId;
use model::sso_connectors::{Finding, SsoConnector, VERIFICATION_WINDOW_SECONDS, Verification};
use model::time::Timestamp;
use runtime::jobs::{RECHECK_SECONDS, RecordSearch};

/// When a pending record is looked for besides at once, in seconds since the verification began.
const EARLY_SECONDS: [i64; 4] = [60, 120, 300, 600];

/// How long after that each look-up follows the one before: 15 minutes, in seconds.
const LATER_SECONDS: i64 = 15 * 60;

/// By how much that is spread at most: 20 %, in seconds.
const JITTER_SECONDS: i64 = LATER_SECONDS / 5;

/// How soon the weekly check is made again when nobody answered.
const UNANSWERED_SECONDS: i64 = 3600;

/// How many weekly checks in a row miss the record of a domain that lapses.
const LAPSE_MISSES: u32 = 2;

/// What the DNS said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The record is there.
    Found,
    /// It is not.
    Missing,
    /// Nobody could tell.
    Unanswered,
}

/// What follows from a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A commit notes it.
    Note(Finding),
    /// There is nothing to note; look again.
    Again {
        /// From then on.
        due: Timestamp,
        /// How far the search has come.
        search: RecordSearch,
    },
    /// No record is sought.
    Stop,
}

/// Whether there is a record to look for.
pub fn is_sought(connector: &SsoConnector) -> bool {
    match connector.verification {
        Verification::Pending { .. } | Verification::Verified { .. } => true,
        Verification::Awaiting | Verification::Failed => false,
    }
}

/// Whether a caller may ask for a look-up at once. Not where the record was found and has not lapsed: else a caller
/// could turn two weekly checks into two in one minute.
pub fn may_be_hastened(connector: &SsoConnector) -> bool {
    match connector.verification {
        Verification::Pending { .. } => true,
        Verification::Verified { .. } => connector.lapsed,
        Verification::Awaiting | Verification::Failed => false,
    }
}

/// What follows from an answer to a look-up that was begun at `asked`.
pub fn step(connector: &SsoConnector, search: RecordSearch, answer: Answer, asked: Timestamp) -> Step {
    let search = RecordSearch { attempts: search.attempts.saturating_add(1), misses: search.misses };
    let weekly =
        |misses| Step::Again { due: asked.plus_seconds(RECHECK_SECONDS), search: RecordSearch { misses, ..search } };
    match (connector.verification, answer) {
        (Verification::Awaiting | Verification::Failed, Answer::Found | Answer::Missing | Answer::Unanswered) => {
            Step::Stop
        }
        (Verification::Pending { .. }, Answer::Found) => Step::Note(Finding::Found),
        (Verification::Pending { deadline }, Answer::Missing | Answer::Unanswered) if asked >= deadline => {
            Step::Note(Finding::Missing)
        }
        (Verification::Pending { deadline }, Answer::Missing | Answer::Unanswered) => {
            Step::Again { due: pending_due(connector.id, deadline, search.attempts, asked), search }
        }
        (Verification::Verified { .. }, Answer::Found) if connector.lapsed => Step::Note(Finding::Found),
        (Verification::Verified { .. }, Answer::Found) => weekly(0),
        (Verification::Verified { .. }, Answer::Missing) => match search.misses.saturating_add(1) {
            misses if misses >= LAPSE_MISSES && !connector.lapsed => Step::Note(Finding::MissingTwice),
            misses => weekly(misses),
        },
        (Verification::Verified { .. }, Answer::Unanswered) => {
            Step::Again { due: asked.plus_seconds(UNANSWERED_SECONDS), search }
        }
    }
}

/// When a pending record is looked for next. It depends on when the verification began, not on the number of look-ups,
/// so that callers who ask for more of them do not skip the early ones.
fn pending_due(id: SsoConnectorId, deadline: Timestamp, attempts: u32, asked: Timestamp) -> Timestamp {
    let began = deadline.plus_seconds(-VERIFICATION_WINDOW_SECONDS);
    let early = EARLY_SECONDS.iter().map(|seconds| began.plus_seconds(*seconds)).find(|due| *due > asked);
    // The last look-up is at the deadline.
    early.unwrap_or_else(|| asked.plus_seconds(LATER_SECONDS + jitter(id, attempts))).min(deadline)
}

/// Spreads look-ups that began together. Not random, so that a search replays.
fn jitter(id: SsoConnectorId, attempts: u32) -> i64 {
    let mut hasher = DefaultHasher::new();
    (id, attempts).hash(&mut hasher);
    (hasher.finish() % (2 * JITTER_SECONDS.unsigned_abs() + 1)) as i64 - JITTER_SECONDS
}
