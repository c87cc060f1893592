//! Spans of time as people write them.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo};
use model::time::Timestamp;

/// A span such as `24h` or `30 days`, in seconds. Days have 24 hours, so that no time zone is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Seconds, &'static str> {
        let span = text.parse::<Span>().ok();
        let length = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let seconds = length.map(|length| length.as_secs()).filter(|seconds| *seconds >= 1);
        seconds.map(Seconds).ok_or("must be a span of time such as `90min`, `24h` or `30 days`")
    }
}

/// For how long something is kept: a span such as `18mo`, by the calendar; or for ever.
#[derive(Clone, Copy, Debug)]
pub struct History(Option<Span>);

impl History {
    /// Nothing is folded away.
    pub const FOR_EVER: History = History(None);

    /// The first moment that is kept; none where all is.
    pub fn begins(self, now: Timestamp) -> Option<Timestamp> {
        let now = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?.to_zoned(TimeZone::UTC);
        let begins = now.checked_sub(self.0?).ok()?.timestamp();
        Some(Timestamp::from_micros(begins.as_microsecond()))
    }
}

impl FromStr for History {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<History, &'static str> {
        if text == "off" {
            return Ok(History::FOR_EVER);
        }
        let span = text.parse::<Span>().ok().filter(|span| span.is_positive());
        span.map(|span| History(Some(span))).ok_or("must be a span of time such as `18mo` or `5 years`, or `off`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<Seconds>().map(|seconds| seconds.0).ok();
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("24h"), Some(86_400));
        assert_eq!(seconds("2 weeks 1 day"), Some(15 * 86_400));
        for text in ["", "24", "-1h", "0s", "h", "1 month"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let begins = |text: &str| {
            let now = "2026-11-25T10:00:00Z".parse().unwrap();
            text.parse::<History>().unwrap().begins(now).map(|time| time.to_string())
        };
        assert_eq!(begins("18mo").as_deref(), Some("2025-05-25T10:00:00.000000Z"));
        assert_eq!(begins("1y 1d").as_deref(), Some("2025-11-24T10:00:00.000000Z"));
        assert_eq!(begins("90min").as_deref(), Some("2026-11-25T08:30:00.000000Z"));
        assert_eq!(begins("off"), None);
        for text in ["", "18", "-1mo", "0d", "never"] {
            assert!(text.parse::<History>().is_err(), "{text}");
        }
    }
}
