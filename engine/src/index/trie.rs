//! A persistent map by 16-byte ids, for the look-ups of decisions.
//!
//! A general persistent map was measured first: `imbl`'s follows four to five pointers at a hundred thousand entries, each
//! a cache miss, and takes twice the memory. This one is wide where it matters: sixteen ways a level, with up to 48
//! entries side by side in a leaf, in the order of a mixed hash, so that the place of a key in its leaf is computed and
//! not searched. A look-up misses the cache about once; a change copies one leaf and the few nodes above it.

use std::sync::Arc;

/// The most entries of a leaf before it becomes a branch.
const MOST_IN_LEAF: usize = 48;
/// The bits of a hash that one level uses.
const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;
/// How many levels a hash has; a leaf below them grows without bound.
const LEVELS: u32 = u64::BITS / BITS;

/// A persistent map: a clone is a pointer copy, and shares all that does not change.
#[derive(Clone)]
pub(crate) struct Trie<V> {
    root: Node<V>,
}

#[derive(Clone)]
enum Node<V> {
    /// Sorted by hash, then key.
    Leaf(Arc<[(u128, V)]>),
    Branch(Arc<[Node<V>; WAYS]>),
}

impl<V: Clone> Default for Trie<V> {
    fn default() -> Self {
        Trie { root: Node::Leaf(Arc::new([])) }
    }
}

impl<V: Clone> FromIterator<(u128, V)> for Trie<V> {
    /// Of entries with the same key, any one stays.
    fn from_iter<I: IntoIterator<Item = (u128, V)>>(entries: I) -> Self {
        let mut entries: Vec<(u64, u128, V)> =
            entries.into_iter().map(|(key, value)| (hash_of(key), key, value)).collect();
        entries.sort_unstable_by_key(|(hash, key, _)| (*hash, *key));
        entries.dedup_by_key(|(_, key, _)| *key);
        Trie { root: Node::built(entries, 0) }
    }
}

impl<V: Clone> Trie<V> {
    /// The value of a key.
    pub(crate) fn get(&self, key: u128) -> Option<&V> {
        let hash = hash_of(key);
        let mut node = &self.root;
        let mut rest = hash;
        loop {
            match node {
                Node::Branch(ways) => {
                    node = &ways[(rest >> (u64::BITS - BITS)) as usize];
                    rest <<= BITS;
                }
                Node::Leaf(entries) => {
                    return position(entries, hash, rest, key).ok().map(|at| &entries[at].1);
                }
            }
        }
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: u128, value: V) {
        self.root.insert(0, hash_of(key), key, value);
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: u128) {
        if self.get(key).is_some() {
            self.root.remove(0, hash_of(key), key);
        }
    }
}

impl<V: Clone> Node<V> {
    /// The node of entries that are sorted by hash and agree in the first `level` digits of it.
    fn built(entries: Vec<(u64, u128, V)>, level: u32) -> Node<V> {
        if entries.len() <= MOST_IN_LEAF || level == LEVELS {
            return Node::Leaf(entries.into_iter().map(|(_, key, value)| (key, value)).collect());
        }
        let mut entries = entries.into_iter().peekable();
        Node::Branch(Arc::new(std::array::from_fn(|way| {
            let here = std::iter::from_fn(|| entries.next_if(|(hash, ..)| digit(*hash, level) == way));
            Node::built(here.collect(), level + 1)
        })))
    }

    fn insert(&mut self, level: u32, hash: u64, key: u128, value: V) {
        match self {
            Node::Branch(ways) => Arc::make_mut(ways)[digit(hash, level)].insert(level + 1, hash, key, value),
            Node::Leaf(entries) => match position(entries, hash, rest_of(hash, level), key) {
                Ok(at) => Arc::make_mut(entries)[at].1 = value,
                Err(at) => {
                    let (before, after) = entries.split_at(at);
                    let new = std::iter::once((key, value));
                    let all = before.iter().cloned().chain(new).chain(after.iter().cloned());
                    if entries.len() < MOST_IN_LEAF || level == LEVELS {
                        *entries = all.collect();
                    } else {
                        let all = all.map(|(key, value)| (hash_of(key), key, value)).collect();
                        *self = Node::built(all, level);
                    }
                }
            },
        }
    }

    fn remove(&mut self, level: u32, hash: u64, key: u128) {
        match self {
            Node::Branch(ways) => Arc::make_mut(ways)[digit(hash, level)].remove(level + 1, hash, key),
            Node::Leaf(entries) => *entries = entries.iter().filter(|(other, _)| *other != key).cloned().collect(),
        }
    }
}

/// Where in a leaf the key is, or would be. `rest` is the part of the hash that the way to the leaf did not use: hashes
/// are evenly spread, so it tells about where to look.
fn position<V>(entries: &[(u128, V)], hash: u64, rest: u64, key: u128) -> Result<usize, usize> {
    let order = |at: usize| (hash_of(entries[at].0), entries[at].0).cmp(&(hash, key));
    let mut at = ((u128::from(rest) * entries.len() as u128) >> u64::BITS) as usize;
    if entries.get(at).is_some_and(|(other, _)| *other == key) {
        return Ok(at);
    }
    while at > 0 && order(at - 1).is_ge() {
        at -= 1;
    }
    while at < entries.len() {
        match order(at) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Equal => return Ok(at),
            std::cmp::Ordering::Greater => break,
        }
    }
    Err(at)
}

/// The digit of a hash that a level goes by, the highest first.
fn digit(hash: u64, level: u32) -> usize {
    (rest_of(hash, level) >> (u64::BITS - BITS)) as usize
}

fn rest_of(hash: u64, level: u32) -> u64 {
    hash.checked_shl(level * BITS).unwrap_or(0)
}

/// Ids are random, but not those of tests and of operators' files: two multiplications spread any of them.
pub(crate) fn hash_of(key: u128) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let folded = (key as u64) ^ ((key >> 64) as u64).rotate_left(29);
    let once = folded.wrapping_mul(ODD);
    (once ^ (once >> 32)).wrapping_mul(ODD)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Keys that are close together, far apart, and of few bits.
    fn keys() -> impl Strategy<Value = u128> {
        prop_oneof![0..64u128, any::<u128>(), (0..400u128).prop_map(|key| key << 100)]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in vec((keys(), any::<Option<u16>>()), 0..2_000), built in vec((keys(), any::<u16>()), 0..500)) {
            let mut plain: BTreeMap<u128, u16> = built.iter().rev().copied().collect();
            let mut trie: Trie<u16> = plain.clone().into_iter().collect();
            let (plain_before, trie_before) = (plain.clone(), trie.clone());
            for (key, value) in steps {
                match value {
                    Some(value) => { plain.insert(key, value); trie.insert(key, value); }
                    None => { plain.remove(&key); trie.remove(key); }
                }
                prop_assert_eq!(trie.get(key), plain.get(&key));
            }
            for (plain, trie) in [(&plain, &trie), (&plain_before, &trie_before)] {
                prop_assert!(plain.iter().all(|(key, value)| trie.get(*key) == Some(value)));
                prop_assert!((0..64).all(|key| trie.get(key) == plain.get(&key)));
            }
        }
    }
}
