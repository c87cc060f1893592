//! `at`: questions about the past. Who may ask is always decided by the present.

use std::sync::Arc;

use engine::Account;
use model::problem::{FaultKind, Faults, Problem};
use model::time::Timestamp;
use runtime::CommitError;
use runtime::history::at::At;
use runtime::stream::Snapshot;

use crate::call::Call;
use crate::error::Error;
use crate::wire::json::Input;

const RIGHT: &str = "a revision, such as `7`, or an RFC 3339 time, such as `2026-11-21T08:00:00Z`";

/// Reads the `at` of a body: a revision, as a number or as text, or a time.
pub(crate) fn read(body: &Input<'_>, faults: &mut Faults) -> Option<At> {
    let input = body.optional("at")?;
    let (at, given) = match input.whole_number() {
        Some(revision) => (Some(At::Revision(revision)), None),
        None if input.is_text() => (input.text(faults).parse().ok(), Some(input.text(faults))),
        None => (None, None),
    };
    if at.is_none() {
        let given = given.map(|given| format!(", not `{given}`")).unwrap_or_default();
        faults.push(FaultKind::Invalid, input.pointer(), format!("at must be {RIGHT}{given}"));
    }
    at
}

/// Reads the `at` of a query.
///
/// # Errors
/// What is neither a revision nor a time.
pub(crate) fn of_query(call: &Call) -> Result<Option<At>, Problem> {
    let Some(text) = call.query.text("at") else { return Ok(None) };
    let wrong = |_| Problem::at(FaultKind::Invalid, "?at", format!("at must be {RIGHT}, not `{text}`"));
    text.parse().map(Some).map_err(wrong)
}

/// The account at the moment that is asked about, whose newest state is this.
///
/// # Errors
/// A moment that the account does not have, told at `field`.
pub(crate) async fn snapshot(
    call: &Call,
    newest: Arc<Snapshot<Account>>,
    at: Option<At>,
    field: &'static str,
) -> Result<Arc<Snapshot<Account>>, Error> {
    let Some(at) = at else { return Ok(newest) };
    match call.app.runtime.account_as_of(newest.state.account_id(), at).await {
        Err(error @ CommitError::NoSuchRevision { .. }) => {
            Err(Problem::at(FaultKind::Invalid, field, error.to_string()).into())
        }
        past => Ok(past?),
    }
}

/// The time that is asked about: of a revision that of its commit, if no other is given.
pub(crate) fn time(call: &Call, snapshot: &Snapshot<Account>, at: Option<At>) -> Timestamp {
    match at {
        None => call.app.runtime.clock.now(),
        Some(At::Time(time)) => time,
        Some(At::Revision(_)) => snapshot.at,
    }
}
