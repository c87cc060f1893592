//! How much memory states may take. What is in memory is weighed document by document: an estimate, made of what the benchmarks measured,
//! of the state and the index together. Past the budget the streams that were used least lately are let go; the log has them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};

use model::change::Document;
use model::ids::StreamId;
use model::policies::Policy;
use model::tokens::{Token, TokenResource};

use crate::Runtime;

/// Of a stream without documents: the maps of its state, the empty index, and its place among the others.
pub(crate) const STREAM: usize = 6 * 1024;
const ENTRY: usize = 64;
const POLICY: usize = 512;
/// Of a permission group or a resource that a policy names, as it is stored and as it is compiled.
const NAMED: usize = 48;

/// The bytes that a document takes in memory, about.
pub(crate) fn weight(document: &Document) -> usize {
    match document {
        Document::Account(_) => 512,
        Document::Member(member) => 1_280 + policies(&member.policies),
        Document::UserGroup(group) => 768 + policies(&group.policies),
        // In two look-ups, by group and by member.
        Document::GroupMember(_) => 256,
        Document::ResourceGroup(group) => 768 + ENTRY * group.scope.shown_objects().len(),
        Document::Resource(resource) => 384 + resource.key.len() + resource.name.len(),
        Document::RemovedResource(removed) => 192 + removed.key.len(),
        Document::Token(one) => token(one),
        Document::SsoConnector(_) => 512,
        Document::User(_) => 1_024,
    }
}

fn policies(policies: &[Policy]) -> usize {
    let policy = |policy: &Policy| POLICY + NAMED * (policy.permission_groups.len() + policy.resource_groups.len());
    policies.iter().map(policy).sum()
}

/// Stored, and compiled once it was used.
fn token(token: &Token) -> usize {
    let resource = |resource: &TokenResource| match resource {
        TokenResource::Everything(_) => ENTRY,
        TokenResource::Within(keys) => ENTRY + ENTRY * keys.len(),
    };
    let of_policies = token.policies.iter().map(|policy| {
        let resources: usize = policy.resources.iter().map(|(_, one)| resource(one)).sum();
        POLICY / 2 + NAMED * policy.permission_groups.len() + resources
    });
    768 + token.name.len() + of_policies.sum::<usize>()
}

/// The budget of one process, and what is taken of it.
#[derive(Debug, Default)]
pub struct Budget {
    limit: OnceLock<usize>,
    used: AtomicUsize,
    /// Counts loads: the time by which it is told what was used lately.
    loads: AtomicU64,
    /// Eviction is not tried again below: where all that is in memory is in use, trying is for nothing.
    again_at: AtomicUsize,
    evicting: Mutex<()>,
}

impl Budget {
    /// Sets the budget in bytes, the first time. Without, everything stays in memory.
    pub fn limit(&self, bytes: usize) {
        // A second time is no news: it is set once, at the start.
        let _ = self.limit.set(bytes);
    }

    /// The bytes that states take, by estimate.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The present moment, in loads.
    pub(crate) fn moment(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Something was loaded.
    pub(crate) fn next_moment(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `evict` with the number of bytes to let go, if the budget is exceeded and nobody else is at it. An eighth more than
    /// is needed is asked for, so that not each load evicts.
    pub(crate) fn keep(&self, evict: impl FnOnce(usize)) {
        let Some(limit) = self.limit.get() else { return };
        if self.used() <= (*limit).max(self.again_at.load(Ordering::Relaxed)) {
            return;
        }
        let _alone = match self.evicting.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        evict(self.used().saturating_sub(limit - limit / 8));
        let again = if self.used() > *limit { self.used() + limit / 8 } else { 0 };
        self.again_at.store(again, Ordering::Relaxed);
    }
}

impl Runtime {
    /// Lets go of what was used least lately, where memory is short. What is asked for again is read again.
    pub(crate) fn keep_within_budget(&self) {
        self.budget.keep(|mut bytes| {
            let mut idle = self.accounts.idle();
            idle.extend(self.users.idle());
            idle.sort_unstable_by_key(|(used_at, ..)| *used_at);
            let mut evicted = HashSet::new();
            for (_, weight, id) in idle {
                if bytes == 0 {
                    break;
                }
                evicted.insert(id);
                bytes = bytes.saturating_sub(weight);
            }
            self.accounts.evict(&evicted);
            self.users.evict(&evicted);
            self.credentials.forget(&evicted);
            self.homes.pin().retain(|_, account| !evicted.contains(&StreamId::Account(*account)));
            tracing::debug!(streams = evicted.len(), "let go of {} accounts and users", evicted.len());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_for_within_the_budget_and_an_eighth_more_past_it() {
        let budget = Budget::default();
        budget.take(5_000);
        budget.keep(|_| panic!("there is no budget yet"));
        budget.limit(8_000);
        budget.take(3_000);
        budget.keep(|_| panic!("it is kept"));
        budget.take(1_000);
        budget.keep(|bytes| {
            assert_eq!(bytes, 2_000);
            budget.give_back(2_500);
        });
        assert_eq!(budget.used(), 6_500);
    }

    #[test]
    fn where_nothing_can_be_let_go_it_is_not_tried_at_each_load() {
        let budget = Budget::default();
        budget.limit(8_000);
        budget.take(9_000);
        let mut tries = 0;
        for _ in 0..10 {
            budget.take(100);
            budget.keep(|_| tries += 1);
        }
        assert_eq!(tries, 1);
        budget.take(1_000);
        budget.keep(|_| tries += 1);
        assert_eq!(tries, 2);
    }
}
