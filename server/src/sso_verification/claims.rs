//! Which connectors are being looked up in this process, so that none is looked up twice at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The look-ups under way, by the key of their lease, and whether another was asked for meanwhile.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Box<str>, bool>>);

/// The right to look up one connector. Given back when dropped, also by a panic.
pub struct Claim {
    claims: Arc<Claims>,
    /// `None` once given back.
    key: Option<Box<str>>,
}

impl Claims {
    /// Claims a key, unless it is claimed.
    pub fn take(self: &Arc<Claims>, key: &str) -> Option<Claim> {
        let mut claims = self.lock();
        if claims.contains_key(key) {
            return None;
        }
        claims.insert(key.into(), false);
        Some(Claim { claims: self.clone(), key: Some(key.into()) })
    }

    /// Asks for another look-up after the one under way, if one is.
    pub fn ask_again(&self, key: &str) {
        if let Some(again) = self.lock().get_mut(key) {
            *again = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Gives the claim back; true if another look-up was asked for meanwhile.
    pub fn give_back(mut self) -> bool {
        self.remove()
    }

    fn remove(&mut self) -> bool {
        let key = self.key.take();
        key.and_then(|key| self.claims.lock().remove(&key)).unwrap_or(false)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.remove();
    }
}
