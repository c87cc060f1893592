//! How old what is in memory may be. Other nodes write to the same log; whoever has not heard of the log for too long does not answer
//! from memory any more, so that what was revoked elsewhere is refused here too within that time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::CommitError;

/// When the streams in memory were last known to be the newest.
#[derive(Debug)]
pub struct Freshness {
    started: Instant,
    /// Microseconds from `started`.
    confirmed: AtomicU64,
    bound: OnceLock<Duration>,
}

impl Default for Freshness {
    /// Without a bound: for whoever shares the log with nobody.
    fn default() -> Freshness {
        Freshness { started: Instant::now(), confirmed: AtomicU64::new(0), bound: OnceLock::new() }
    }
}

impl Freshness {
    /// Sets the bound, the first time; from then on somebody has to confirm.
    pub fn limit(&self, bound: Duration) {
        if self.bound.set(bound).is_ok() {
            self.confirm(Instant::now());
        }
    }

    /// Everything in memory was the newest at that time.
    pub fn confirm(&self, at: Instant) {
        let micros = at.saturating_duration_since(self.started).as_micros();
        self.confirmed.fetch_max(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The time since then.
    pub fn age(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_micros(self.confirmed.load(Ordering::Relaxed)))
    }

    /// How old what is in memory may be: nothing where nobody else writes.
    pub fn staleness(&self) -> Duration {
        self.bound.get().map_or(Duration::ZERO, |_| self.age())
    }

    /// Whether what is in memory may be answered from.
    ///
    /// # Errors
    /// [`CommitError::Stale`] past the bound.
    pub fn check(&self) -> Result<(), CommitError> {
        let Some(bound) = self.bound.get() else { return Ok(()) };
        let age = self.age();
        if age > *bound { Err(CommitError::Stale { age }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_bound_there_are_no_answers_until_it_is_confirmed() {
        let freshness = Freshness::default();
        std::thread::sleep(Duration::from_millis(20));
        freshness.check().unwrap();
        freshness.limit(Duration::from_millis(10));
        freshness.check().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(matches!(freshness.check(), Err(CommitError::Stale { age }) if age >= Duration::from_millis(20)));
        freshness.confirm(Instant::now());
        freshness.check().unwrap();
        freshness.confirm(Instant::now() - Duration::from_millis(19));
        assert!(freshness.age() < Duration::from_millis(10), "an earlier time is no news");
    }
}
