//! How many requests somebody may make (D81, D82): so many in a time for each user, by whatever credential, for each token of
//! an account, and for each address that shows no credential; and so many a second from one address. They roll (GCRA), since
//! a client that ran into a fixed window would fail for minutes. Each key has a limit of its own, so nobody uses up another's.
//!
//! Questions of AuthZEN are not counted: they are what services ask all the time.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use engine::principal::Principal;
use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use model::ids::{TokenId, UserId};
use runtime::clock::Clock;

use crate::error::Error;

/// After so many requests the keys that have not been seen for a while are forgotten.
const SWEEP_EVERY: u64 = 1 << 17;

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub requests: NonZeroU32,
    /// Seconds.
    pub seconds: NonZeroU32,
}

/// The text names no rate.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no rate; such as `1200/300` is expected: 1200 requests in 300 seconds, at least one each second on average \
or one in a thousand seconds"
)]
pub struct NotARate(String);

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Rate, NotARate> {
        let none = || NotARate(text.to_owned());
        let (requests, seconds) = text.split_once('/').ok_or_else(none)?;
        let rate =
            Rate { requests: requests.parse().map_err(|_| none())?, seconds: seconds.parse().map_err(|_| none())? };
        rate.quota().map(|_| rate).ok_or_else(none)
    }
}

impl Rate {
    /// 1200 in 300 seconds: what the reference documents.
    pub const PUBLISHED: Rate = Rate { requests: nonzero(1200), seconds: nonzero(300) };
    /// 200 in a second: what the reference documents for an address.
    pub const PUBLISHED_PER_ADDRESS: Rate = Rate { requests: nonzero(200), seconds: nonzero(1) };

    fn quota(self) -> Option<Quota> {
        let period = Duration::from_secs(u64::from(self.seconds.get())).checked_div(self.requests.get())?;
        Some(Quota::with_period(period)?.allow_burst(self.requests))
    }
}

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// What is limited; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// For each user, each token of an account, and each address without credentials.
    pub each: Option<Rate>,
    /// For each address, whoever asks from there.
    pub address: Option<Rate>,
}

impl Rates {
    /// What the reference documents.
    pub const PUBLISHED: Rates = Rates { each: Some(Rate::PUBLISHED), address: Some(Rate::PUBLISHED_PER_ADDRESS) };
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    User(UserId),
    Token(TokenId),
    Address(IpAddr),
}

/// The server's clock as governor reads it: it never goes back. Where the server's own was set back by an hour, everybody would
/// be refused for an hour.
#[derive(Clone)]
struct ServerClock(Arc<Passed>);

struct Passed {
    clock: Arc<dyn Clock>,
    /// What the clock said last, and the microseconds that have passed since the start, as far as it went forward.
    time: Mutex<(i64, u64)>,
}

impl ServerClock {
    fn of(clock: &Arc<dyn Clock>) -> ServerClock {
        let time = Mutex::new((clock.now().as_micros(), 0));
        ServerClock(Arc::new(Passed { clock: clock.clone(), time }))
    }
}

impl GovernorClock for ServerClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // Whatever panicked has left two numbers.
        let mut time = self.0.time.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.now().as_micros();
        let (last, passed) = *time;
        *time = (now, passed + u64::try_from(now - last).unwrap_or(0));
        Nanos::new(time.1.saturating_mul(1000))
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, ServerClock, StateInformationMiddleware>;

/// A rate, and who has used how much of it.
struct Limited<K: std::hash::Hash + Eq + Clone> {
    rate: Rate,
    limiter: Limiter<K>,
    clock: ServerClock,
}

impl<K: std::hash::Hash + Eq + Clone> Limited<K> {
    fn new(rate: Rate, clock: ServerClock) -> Option<Limited<K>> {
        let limiter = RateLimiter::dashmap_with_clock(rate.quota()?, clock.clone());
        Some(Limited { rate, limiter: limiter.with_middleware(), clock })
    }

    fn check(&self, key: &K) -> Result<Standing, Error> {
        let standing = |remaining: u32| Standing { rate: self.rate, remaining };
        match self.limiter.check_key(key) {
            Ok(state) => Ok(standing(state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                // Rounded up: a client that comes a little early would be refused again.
                let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(Error::RateLimited { rate: self.rate, retry_after: retry_after.max(1) })
            }
        }
    }

    fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// How much of a rate somebody has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    rate: Rate,
    remaining: u32,
}

/// Where a request leaves its standing for the headers of its answer.
pub type StandingCell = Arc<OnceLock<Standing>>;

/// All limits of one server.
#[derive(Default)]
pub struct RateLimits {
    each: Option<Limited<Key>>,
    address: Option<Limited<IpAddr>>,
    checked: AtomicU64,
}

impl RateLimits {
    /// Limits on the server's clock.
    pub fn new(rates: Rates, clock: &Arc<dyn Clock>) -> RateLimits {
        let clock = ServerClock::of(clock);
        RateLimits {
            each: rates.each.and_then(|rate| Limited::new(rate, clock.clone())),
            address: rates.address.and_then(|rate| Limited::new(rate, clock)),
            checked: AtomicU64::new(0),
        }
    }

    /// Counts a request from an address, before anything else is looked at.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn from_address(&self, address: IpAddr) -> Result<(), Error> {
        if self.checked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.each.iter().for_each(Limited::forget_idle);
            self.address.iter().for_each(Limited::forget_idle);
        }
        self.address.as_ref().map_or(Ok(()), |limited| limited.check(&address).map(|_| ()))
    }

    /// Counts a request of somebody who was authenticated.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn of(&self, principal: &Principal, cell: &StandingCell) -> Result<(), Error> {
        let key = match principal {
            Principal::User(user) | Principal::UserToken { user, .. } => Key::User(*user),
            Principal::AccountToken { token, .. } => Key::Token(token.id()),
            Principal::Member(_) | Principal::UserGroup(_) | Principal::System => return Ok(()),
        };
        self.count(key, cell)
    }

    /// Counts a request of somebody who was not.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn of_stranger(&self, address: IpAddr, cell: &StandingCell) -> Result<(), Error> {
        self.count(Key::Address(address), cell)
    }

    fn count(&self, key: Key, cell: &StandingCell) -> Result<(), Error> {
        let Some(limited) = &self.each else { return Ok(()) };
        let counted = limited.check(&key);
        let standing = match &counted {
            Ok(standing) => *standing,
            Err(_) => Standing { rate: limited.rate, remaining: 0 },
        };
        // The first count of a request is the one that its answer tells.
        _ = cell.set(standing);
        counted.map(|_| ())
    }
}

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const OLD_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const OLD_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const OLD_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

impl Standing {
    /// Seconds until all of the rate is there again.
    fn whole_again(&self) -> u64 {
        let used = u64::from(self.rate.requests.get() - self.remaining.min(self.rate.requests.get()));
        (used * u64::from(self.rate.seconds.get())).div_ceil(u64::from(self.rate.requests.get()))
    }

    /// Tells it in the headers of both generations (W5).
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Rate { requests, seconds } = self.rate;
        let texts = [
            (LIMIT, format!("\"default\";r={};t={}", self.remaining, self.whole_again())),
            (POLICY, format!("\"default\";q={requests};w={seconds}")),
            (OLD_LIMIT, requests.to_string()),
            (OLD_REMAINING, self.remaining.to_string()),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        if let Some(wait) = headers.get(header::RETRY_AFTER).filter(|_| self.remaining == 0).cloned() {
            headers.insert(OLD_RESET, wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_requests_and_seconds() {
        assert_eq!("1200/300".parse::<Rate>().ok(), Some(Rate::PUBLISHED));
        for wrong in ["", "1200", "0/1", "1/0", "1/", "-1/3", "1/3/5", "a/b", "4294967296/1"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
