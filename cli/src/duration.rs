//! Spans of time as people write them.

use std::str::FromStr;

use jiff::{Span, SpanRelativeTo};

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
}
