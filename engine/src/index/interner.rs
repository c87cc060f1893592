//! Equal policies are compiled once: a hundred thousand members have a few dozen roles between them.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use model::policies::Policy;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::grants::Grants;

/// What members' policies came to, of all accounts of an engine. Only compiling takes its lock; deciding does not know it.
#[derive(Default)]
pub(crate) struct Interner {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_hash: FxHashMap<u64, Vec<Weak<Grants>>>,
    /// How many are kept at the next sweep of those that nobody has any more.
    sweep_at: usize,
}

/// Not worth a sweep below.
const FEWEST_SWEPT: usize = 1_024;

impl Interner {
    /// The same grants, shared with whoever has equal ones.
    pub(crate) fn share(&self, grants: Grants) -> Arc<Grants> {
        let hash = FxBuildHasher.hash_one(&grants);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.by_hash.entry(hash).or_default();
        if let Some(shared) = same.iter().filter_map(Weak::upgrade).find(|shared| **shared == grants) {
            return shared;
        }
        let shared = Arc::new(grants);
        same.push(Arc::downgrade(&shared));
        if known.by_hash.len() > known.sweep_at.max(FEWEST_SWEPT) {
            known.by_hash.retain(|_, same| {
                same.retain(|weak| weak.strong_count() > 0);
                !same.is_empty()
            });
            known.sweep_at = 2 * known.by_hash.len();
        }
        shared
    }
}

/// Policies, equal if they say the same, whatever their ids and times.
#[derive(Clone, Copy)]
pub(super) struct ByContent<'a>(pub(super) &'a [Policy]);

impl PartialEq for ByContent<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(other.0).all(|(one, other)| {
                one.access == other.access
                    && one.permission_groups == other.permission_groups
                    && one.resource_groups == other.resource_groups
            })
    }
}

impl Eq for ByContent<'_> {}

impl Hash for ByContent<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for policy in self.0 {
            (policy.access, &policy.permission_groups, &policy.resource_groups).hash(hasher);
        }
    }
}

/// What policies came to while one state is compiled, in which resource groups stay as they are.
#[derive(Default)]
pub(super) struct Local<'a>(FxHashMap<ByContent<'a>, Option<Arc<Grants>>>);

impl<'a> Local<'a> {
    pub(super) fn get_or_insert_with(
        &mut self,
        policies: ByContent<'a>,
        compile: impl FnOnce() -> Option<Arc<Grants>>,
    ) -> Option<Arc<Grants>> {
        self.0.entry(policies).or_insert_with(compile).clone()
    }
}
