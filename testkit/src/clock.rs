//! Time and ids that a test holds in its hand.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use model::ids::Id;
use model::time::Timestamp;
use runtime::clock::{Clock, Ids};

/// 2026-01-02T03:04:05.000000Z.
const START: i64 = 1_767_323_045_000_000;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        ManualClock(AtomicI64::new(START))
    }
}

impl ManualClock {
    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a test waits less than 292,000 years");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count: 00…01, 00…02, and so on.
pub struct SequentialIds(Box<dyn Fn() -> Id + Send + Sync>);

impl Default for SequentialIds {
    fn default() -> Self {
        let next = AtomicU64::new(1);
        SequentialIds(Box::new(move || {
            let number = u128::from(next.fetch_add(1, Ordering::SeqCst));
            Id::from_bytes(number.to_be_bytes())
        }))
    }
}

impl Ids for SequentialIds {
    fn as_fn(&self) -> &(dyn Fn() -> Id + Sync) {
        &*self.0
    }
}
