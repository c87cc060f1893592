//! Time and ids enter through small traits, so that tests replay exactly.

use std::time::{SystemTime, UNIX_EPOCH};

use model::ids::Id;
use model::time::Timestamp;
use rand::RngCore;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Makes fresh ids.
pub trait Ids: Send + Sync {
    /// The source as a function.
    fn as_fn(&self) -> &(dyn Fn() -> Id + Sync);
}

/// Random ids from a CSPRNG (D2).
#[derive(Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn as_fn(&self) -> &(dyn Fn() -> Id + Sync) {
        &random_id
    }
}

fn random_id() -> Id {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    Id::from_bytes(bytes)
}

/// A version 7 UUID: the id of an audit entry (D80).
pub fn audit_id(now: Timestamp) -> uuid::Uuid {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
