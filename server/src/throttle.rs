//! Repeated failures to authenticate: an address that fails too often has to wait, longer each time (D58).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::time::Timestamp;

/// How many addresses are remembered; past that the oldest are forgotten, so that memory is bounded.
const MOST_ADDRESSES: usize = 10_000;
const MINUTE: i64 = 60_000_000;
/// No address waits longer than this, in seconds.
const LONGEST_WAIT: u64 = 3600;

/// Failed authentications by address.
pub struct Throttle {
    limit: Option<u32>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    /// The start of the minute that is counted.
    since: Timestamp,
    count: u32,
    /// How many bursts there were, one after the other.
    bursts: u32,
    blocked_until: Timestamp,
}

impl Throttle {
    /// At most that many failures in a minute; none is no limit.
    pub fn new(limit: Option<u32>) -> Throttle {
        Throttle { limit, failures: Mutex::new(HashMap::new()) }
    }

    /// How many seconds the address still has to wait.
    pub fn wait(&self, address: IpAddr, now: Timestamp) -> Option<u64> {
        self.limit?;
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let until = failures.get(&address)?.blocked_until;
        let left = until.as_micros() - now.as_micros();
        (left > 0).then(|| u64::try_from(left).unwrap_or(0).div_ceil(1_000_000))
    }

    /// Notes a failure. A burst is told of once (D58): the answer is then how many it were, and for how many seconds the address waits.
    pub fn failed(&self, address: IpAddr, now: Timestamp) -> Option<(u32, u64)> {
        let limit = self.limit?;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_ADDRESSES && !failures.contains_key(&address) {
            forget_oldest(&mut failures);
        }
        let fresh = Failures { since: now, count: 0, bursts: 0, blocked_until: now };
        let entry = failures.entry(address).or_insert(fresh);
        let age = now.as_micros() - entry.since.as_micros();
        if age > MINUTE {
            let calm = now.as_micros() - entry.blocked_until.as_micros() > 10 * MINUTE;
            *entry =
                Failures { bursts: if calm { 0 } else { entry.bursts }, blocked_until: entry.blocked_until, ..fresh };
        }
        entry.count += 1;
        if entry.count > limit {
            let seconds = 60_u64.saturating_mul(1 << entry.bursts.min(16)).min(LONGEST_WAIT);
            entry.bursts += 1;
            entry.count = 0;
            entry.blocked_until = now.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
            tracing::warn!(client.address = %address, seconds, "more than {limit} failed authentications in a minute from {address}; it waits {seconds} s");
            return Some((limit.saturating_add(1), seconds));
        }
        None
    }
}

fn forget_oldest(failures: &mut HashMap<IpAddr, Failures>) {
    let mut ages: Vec<(Timestamp, IpAddr)> =
        failures.iter().map(|(address, entry)| (entry.since.max(entry.blocked_until), *address)).collect();
    ages.sort_unstable();
    for (_, address) in ages.into_iter().take(MOST_ADDRESSES / 10) {
        failures.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_waits_longer_each_time() {
        let throttle = Throttle::new(Some(3));
        let address = IpAddr::from([192, 0, 2, 1]);
        let mut now = Timestamp::from_micros(1_700_000_000_000_000);
        let burst = |now| (0..4).filter_map(|_| throttle.failed(address, now)).collect::<Vec<_>>();
        assert_eq!(burst(now), [(4, 60)], "a burst is told of once");
        assert_eq!(throttle.wait(address, now), Some(60));
        assert_eq!(throttle.wait(IpAddr::from([192, 0, 2, 2]), now), None);
        now = now.plus_seconds(60);
        assert_eq!(throttle.wait(address, now), None);
        assert_eq!(burst(now), [(4, 120)]);
        assert_eq!(throttle.wait(address, now), Some(120));
        now = now.plus_seconds(3600);
        assert_eq!(burst(now), [(4, 60)]);
        assert_eq!(throttle.wait(address, now), Some(60), "calm is forgiven");
    }

    #[test]
    fn a_few_failures_and_no_limit_never_wait() {
        let address = IpAddr::from([192, 0, 2, 1]);
        let now = Timestamp::from_micros(0);
        for (limit, failures) in [(Some(3), 3), (None, 1000)] {
            let throttle = Throttle::new(limit);
            (0..failures).for_each(|_| assert_eq!(throttle.failed(address, now), None));
            assert_eq!(throttle.wait(address, now), None);
        }
    }
}
