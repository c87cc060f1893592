//! An account kept fresh in a service's own process: read once whole from a server, and from then on commit by commit. Questions are
//! answered by the same index as the server's, without a request; and not at all once the server was not heard of for too long.
//!
//! ```no_run
//! use std::time::Duration;
//! use portcullis_engine::follower::{Follower, Options};
//!
//! let options = Options {
//!     server: "https://iam.example.com".into(),
//!     account_id: "023e105f4ecef8ad9ca31a8372d0c353".parse()?,
//!     token: std::env::var("PORTCULLIS_TOKEN")?,
//!     opening_key: "…".parse()?,
//!     bound: Duration::from_secs(5),
//! };
//! let follower = Follower::start(options)?;
//! let account = follower.account()?;
//! let engine = account.engine();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How fresh is it? Each answer of the server says for how long the server itself may not have heard of other servers; the follower counts
//! from before it asked. So what was revoked longer than the bound ago is never answered from, whatever the network does.

mod events;
mod http;
mod replica;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::ids::{AccountId, Revision};

use self::http::Server;
pub use self::replica::{Replica, Unfit};
use crate::Account;
use crate::offline::{OpenError, OpeningKey};

/// What to follow, and how closely.
#[derive(Clone)]
pub struct Options {
    /// The server, such as `https://iam.example.com`.
    pub server: String,
    /// The account.
    pub account_id: AccountId,
    /// An API token that may read the account: Account Settings Read.
    pub token: String,
    /// The key that `portcullis snapshot key` prints.
    pub opening_key: OpeningKey,
    /// How old an answer may be. At least a second.
    pub bound: Duration,
}

/// Why the account could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The server did not answer, or refused.
    #[error("the server: {0}")]
    Server(String),
    /// What it sent is not what it should be.
    #[error("the snapshot: {0}")]
    Snapshot(#[from] OpenError),
    /// A commit does not continue what is here.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// The server was not heard of for longer than the bound.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the account was last known to be fresh {} ms ago", .age.as_millis())]
pub struct Stale {
    /// Since when.
    pub age: Duration,
}

/// A local copy of an account that follows a server. It stops when it is dropped.
pub struct Follower {
    shared: Arc<Shared>,
    /// The one that asks; the one that listens ends with the server's next word.
    asking: Option<JoinHandle<()>>,
}

struct Shared {
    server: Server,
    options: Options,
    replica: Mutex<Replica>,
    /// What is answered from, without the lock.
    account: arc_swap::ArcSwap<Account>,
    confirmed: Mutex<Instant>,
    is_over: AtomicBool,
}

impl Follower {
    /// Reads the account, and follows it from then on, in two threads.
    ///
    /// # Errors
    /// When it cannot be read the first time. Later failures are tried again, until the bound is past and beyond.
    pub fn start(options: Options) -> Result<Follower, FollowError> {
        let server = Server::new(&options);
        let asked = Instant::now();
        let (replica, staleness) = server.snapshot(&options.opening_key)?;
        let shared = Arc::new(Shared {
            server,
            account: arc_swap::ArcSwap::from_pointee(replica.account().clone()),
            replica: Mutex::new(replica),
            confirmed: Mutex::new(asked.checked_sub(staleness).unwrap_or(asked)),
            is_over: AtomicBool::new(false),
            options,
        });
        let asking = std::thread::spawn({
            let shared = shared.clone();
            move || shared.ask_again_and_again()
        });
        std::thread::spawn({
            let shared = shared.clone();
            move || shared.listen()
        });
        Ok(Follower { shared, asking: Some(asking) })
    }

    /// The account, no older than the bound.
    ///
    /// # Errors
    /// [`Stale`] past it: then nothing may be allowed.
    pub fn account(&self) -> Result<Arc<Account>, Stale> {
        let age = self.age();
        if age > self.shared.options.bound { Err(Stale { age }) } else { Ok(self.shared.account.load_full()) }
    }

    /// The time since the account was last known to be the newest.
    pub fn age(&self) -> Duration {
        lock(&self.shared.confirmed).elapsed()
    }

    /// The revision that is answered from.
    pub fn revision(&self) -> Revision {
        self.shared.account.load().revision
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Some(asking) = self.asking.take() {
            asking.thread().unpark();
            // One that panicked has nothing more to end.
            let _ = asking.join();
        }
    }
}

impl Shared {
    /// Asks what is new, often enough that an answer may be lost.
    fn ask_again_and_again(&self) {
        let pause = (self.options.bound / 4).min(Duration::from_secs(1));
        while !self.is_over.load(Ordering::SeqCst) {
            std::thread::park_timeout(pause);
            // What fails is tried again at the next turn; meanwhile the age grows.
            let _ = self.ask();
        }
    }

    /// Reads all commits up to now. From then on the account is known to be fresh as of the moment before it was asked.
    fn ask(&self) -> Result<(), FollowError> {
        let asked = Instant::now();
        let after = lock(&self.replica).revision();
        let staleness = match self.server.commits(after, |event| self.take(event)) {
            Ok(staleness) => staleness,
            // The log was set back, or its beginning is folded away: what is here is of no use.
            Err(FollowError::Unfit(_)) => self.read_anew()?,
            Err(error) => return Err(error),
        };
        let fresh = asked.checked_sub(staleness).unwrap_or(asked);
        let mut confirmed = lock(&self.confirmed);
        *confirmed = fresh.max(*confirmed);
        Ok(())
    }

    fn read_anew(&self) -> Result<Duration, FollowError> {
        let (replica, staleness) = self.server.snapshot(&self.options.opening_key)?;
        let mut held = lock(&self.replica);
        self.account.store(Arc::new(replica.account().clone()));
        *held = replica;
        Ok(staleness)
    }

    /// Hears of commits as they are made, so that they count at once. Whether none is missed is for the other thread to know.
    fn listen(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let after = lock(&self.replica).revision();
            let _ = self.server.listen(after, |event| {
                self.take(event)?;
                Ok(!self.is_over.load(Ordering::SeqCst))
            });
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn take(&self, data: &str) -> Result<(), FollowError> {
        let mut replica = lock(&self.replica);
        if replica.take(data)? {
            self.account.store(Arc::new(replica.account().clone()));
        }
        Ok(())
    }
}

/// What is behind these locks is assigned whole, last.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
