//! Numbers as SQL knows them.

/// SQL knows signed numbers only. No log grows to 2^63 revisions, so the largest one stands for all beyond.
pub fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
