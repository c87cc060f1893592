//! Equal policies are compiled once: a hundred thousand members have a few dozen roles between them. What policies have in
//! common though they differ, the same permission groups or the same resources, is stored once too.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use model::policies::Policy;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::grants::Grants;
use super::place::Place;
use crate::statement::Says;

/// What policies came to, of all accounts of an engine. Only compiling takes its locks; deciding does not know it.
#[derive(Default)]
pub(crate) struct Interner {
    /// Of members.
    pub(crate) grants: Pool<Grants>,
    pub(crate) says: Pool<Says>,
    pub(crate) places: Pool<[Place]>,
}

/// Values of one type, each once for as long as somebody has it.
pub(crate) struct Pool<T: ?Sized> {
    known: Mutex<Known<T>>,
}

struct Known<T: ?Sized> {
    by_hash: FxHashMap<u64, Vec<Weak<T>>>,
    /// How many are kept at the next sweep of those that nobody has any more.
    sweep_at: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { known: Mutex::new(Known { by_hash: FxHashMap::default(), sweep_at: 0 }) }
    }
}

/// Not worth a sweep below.
const FEWEST_SWEPT: usize = 1_024;

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// The same value, shared with whoever has an equal one.
    pub(crate) fn share(&self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        let hash = FxBuildHasher.hash_one(value.borrow());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.by_hash.entry(hash).or_default();
        if let Some(shared) = same.iter().filter_map(Weak::upgrade).find(|shared| **shared == *value.borrow()) {
            return shared;
        }
        let shared = value.into();
        // What comes and goes again and again must not leave a trail.
        same.retain(|weak| weak.strong_count() > 0);
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
