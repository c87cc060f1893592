//! Points in time, as the API shows them: RFC 3339, UTC, microseconds (D2).

use std::fmt;
use std::str::FromStr;

use jiff::tz::Offset;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last time that can be shown.
    pub const MAX: Timestamp = Timestamp(253_402_207_199_999_999);

    /// The time that many microseconds after the epoch, kept within what can be shown: from the start of year 1 to the
    /// last but one day of year 9999, which is in that year at every offset from UTC.
    pub fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros.clamp(-62_135_596_800_000_000, Timestamp::MAX.0))
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// This time and `seconds` more.
    pub fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl Timestamp {
    /// `2025-01-24T15:31:36.759979Z`, as ASCII, without allocating. Lists show thousands of times, so the digits are
    /// written straight into place; the calendar is the library's.
    pub fn write_text(self) -> [u8; 27] {
        let date = Offset::UTC.to_datetime(self.to_jiff());
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut write = |from: usize, to: usize, mut number: u32| {
            for digit in text[from..to].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        write(0, 4, u32::from(date.year().unsigned_abs()));
        write(5, 7, u32::from(date.month().unsigned_abs()));
        write(8, 10, u32::from(date.day().unsigned_abs()));
        write(11, 13, u32::from(date.hour().unsigned_abs()));
        write(14, 16, u32::from(date.minute().unsigned_abs()));
        write(17, 19, u32::from(date.second().unsigned_abs()));
        write(20, 26, date.subsec_nanosecond().unsigned_abs() / 1000);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.write_text()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as `2026-11-21T08:00:00Z`")]
pub struct NotATime(String);

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime(text.to_owned()))?;
        Ok(Timestamp::from_micros(time.as_microsecond()))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.write_text()).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

/// Reads the text in place: a snapshot has hundreds of thousands.
struct TimestampVisitor;

impl serde::de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_microseconds_and_reads_back() {
        let time = Timestamp::from_micros(1_737_732_696_759_979);
        assert_eq!(time.to_string(), "2025-01-24T15:31:36.759979Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        assert_eq!(
            "2025-01-24T16:31:36+01:00".parse::<Timestamp>().unwrap().to_string(),
            "2025-01-24T15:31:36.000000Z"
        );
    }

    #[test]
    fn a_time_is_shown_as_the_library_shows_it() {
        for micros in
            [0, 1, 951_826_554_000_001, 1_737_732_696_759_979, -1, -62_135_596_800_000_000, 4_102_444_799_999_999]
        {
            let time = Timestamp::from_micros(micros);
            assert_eq!(time.to_string(), format!("{:.6}", time.to_jiff()));
        }
    }

    #[test]
    fn a_time_out_of_range_is_kept_at_the_edge() {
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-30T21:59:59.999999Z");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
    }
}
