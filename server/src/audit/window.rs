//! `since` and `before`: a day in UTC, or an RFC 3339 time. The first is included, the second is not (D85).

use ::model::problem::{FaultKind, Faults};
use ::model::time::Timestamp;
use runtime::audit::merged::{Order, Window};

use crate::wire::paging::Query;

const DAY: i64 = 24 * 3600;

/// How long the audit is promised to be kept: the longest span that one question may ask about (D85).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// In days, at least 1.
    days: u32,
}

impl Default for Retention {
    /// 18 months, of whichever length.
    fn default() -> Self {
        Retention { days: 550 }
    }
}

/// The text is no retention.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` must be a number of days, from 1 to 36500, such as `550`")]
pub struct NotARetention(String);

impl std::str::FromStr for Retention {
    type Err = NotARetention;
    fn from_str(text: &str) -> Result<Retention, NotARetention> {
        match text.parse() {
            Ok(days @ 1..=36_500) => Ok(Retention { days }),
            Ok(_) | Err(_) => Err(NotARetention(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.days.fmt(f)
    }
}

/// A moment of a query: a day means its first moment.
///
/// # Errors
/// The reason, for anything else.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let day = |text: &str| format!("{text}T00:00:00Z").parse::<Timestamp>();
    // SDKs in JavaScript write `+` for a space and for itself; a time that came that way has a space before its offset.
    let time = if text.len() == "2026-11-21".len() { day(text) } else { text.replace(' ', "+").parse() };
    time.map_err(|_| {
        format!("must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `{text}`")
    })
}

/// One moment of a query; none if it is not given.
pub fn optional(query: &Query, name: &str, faults: &mut Faults) -> Option<Timestamp> {
    let text = query.text(name)?;
    match moment(text) {
        Ok(time) => Some(time),
        Err(reason) => {
            faults.push(FaultKind::Invalid, format!("?{name}"), format!("{name} {reason}"));
            None
        }
    }
}

/// One moment of a query.
pub fn required(query: &Query, name: &str, faults: &mut Faults) -> Option<Timestamp> {
    if query.text(name).is_none() {
        let message = format!("{name} is required: a day such as `2026-11-21` or an RFC 3339 time");
        faults.push(FaultKind::Invalid, format!("?{name}"), message);
    }
    optional(query, name, faults)
}

/// The span of time of a query.
pub fn window(query: &Query, retention: Retention, faults: &mut Faults) -> Option<Window> {
    let (since, before) = (required(query, "since", faults), required(query, "before", faults));
    let (since, before) = (since?, before?);
    if since >= before {
        faults.push(FaultKind::Invalid, "?since", format!("since {since} must be earlier than before {before}"));
        return None;
    }
    if before > since.plus_seconds(i64::from(retention.days) * DAY) {
        let message = format!(
            "since and before must be at most {} days apart, which is how long entries are kept",
            retention.days
        );
        faults.push(FaultKind::Invalid, "?since", message);
        return None;
    }
    Some(Window { since, before })
}

/// `direction`: the newest first, unless it says otherwise.
pub fn order(query: &Query, faults: &mut Faults) -> Order {
    let choices = [("desc", Order::NewestFirst), ("asc", Order::OldestFirst)];
    faults.take(query.word("direction", &choices)).flatten().unwrap_or(Order::NewestFirst)
}

/// `limit`, or another name of it: 1 to 1000, and 100 if it is not given.
pub fn limit(query: &Query, faults: &mut Faults) -> usize {
    let Some(text) = query.text("limit") else { return 100 };
    match text.parse() {
        Ok(limit @ 1..=1000) => limit,
        Ok(_) | Err(_) => {
            faults.push(FaultKind::Invalid, "?limit", format!("limit must be an integer from 1 to 1000, not `{text}`"));
            100
        }
    }
}
