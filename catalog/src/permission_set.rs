//! A set of permissions as a fixed bitset: the currency of every decision.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Sub, SubAssign};

const WORDS: usize = 16;

/// Where a permission stands in [`Catalog::permissions`](crate::Catalog::permissions). Only good within this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PermissionIndex(pub u16);

/// Any set of up to 1,024 permissions. 128 bytes, copied freely, never allocates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionSet([u64; WORDS]);

impl PermissionSet {
    /// The set without members.
    pub const EMPTY: PermissionSet = PermissionSet([0; WORDS]);
    /// The set of all that there can be.
    pub const ALL: PermissionSet = PermissionSet([u64::MAX; WORDS]);
    /// How many permissions a catalogue may have.
    pub const CAPACITY: usize = WORDS * 64;

    /// How many words of 64 permissions a set has.
    pub const WORDS: usize = WORDS;

    /// The set with these words: bit `i` of word `w` is the permission of index `64 w + i`.
    pub const fn from_words(words: [u64; WORDS]) -> PermissionSet {
        PermissionSet(words)
    }

    /// The words of the set, as [`PermissionSet::from_words`] takes them.
    pub const fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// Adds one permission.
    ///
    /// # Panics
    /// If the index is not below [`CAPACITY`](Self::CAPACITY); no catalogue hands out such an index.
    pub const fn insert(&mut self, index: PermissionIndex) {
        self.0[index.0 as usize / 64] |= 1 << (index.0 % 64);
    }

    /// Adds the permissions of one word.
    ///
    /// # Panics
    /// If the word is not below [`WORDS`](Self::WORDS).
    #[inline]
    pub const fn add_word(&mut self, at: usize, word: u64) {
        self.0[at] |= word;
    }

    /// Whether the permission is a member.
    pub const fn contains(&self, index: PermissionIndex) -> bool {
        let word = index.0 as usize / 64;
        word < WORDS && self.0[word] & (1 << (index.0 % 64)) != 0
    }

    /// What is in either.
    pub const fn union(&self, other: &PermissionSet) -> PermissionSet {
        let mut words = self.0;
        let mut at = 0;
        while at < WORDS {
            words[at] |= other.0[at];
            at += 1;
        }
        PermissionSet(words)
    }

    /// What is in both.
    pub const fn intersection(&self, other: &PermissionSet) -> PermissionSet {
        let mut words = self.0;
        let mut at = 0;
        while at < WORDS {
            words[at] &= other.0[at];
            at += 1;
        }
        PermissionSet(words)
    }

    /// What is in `self` and not in `other`.
    pub const fn difference(&self, other: &PermissionSet) -> PermissionSet {
        let mut words = self.0;
        let mut at = 0;
        while at < WORDS {
            words[at] &= !other.0[at];
            at += 1;
        }
        PermissionSet(words)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Whether the two have a member in common.
    pub fn intersects(&self, other: &PermissionSet) -> bool {
        self.0.iter().zip(&other.0).any(|(left, right)| left & right != 0)
    }

    /// Whether every member is also in `other`.
    pub fn is_subset(&self, other: &PermissionSet) -> bool {
        self.0.iter().zip(&other.0).all(|(left, right)| left & !right == 0)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = PermissionIndex> + use<> {
        self.0
            .into_iter()
            .enumerate()
            .flat_map(|(at, word)| Bits(word).map(move |bit| PermissionIndex((at as u16) * 64 + bit)))
    }
}

/// The positions of the ones in a word.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros() as u16)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

impl Default for PermissionSet {
    fn default() -> Self {
        PermissionSet::EMPTY
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|index| index.0)).finish()
    }
}

impl FromIterator<PermissionIndex> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = PermissionIndex>>(indices: I) -> Self {
        let mut set = PermissionSet::EMPTY;
        set.extend(indices);
        set
    }
}

impl Extend<PermissionIndex> for PermissionSet {
    fn extend<I: IntoIterator<Item = PermissionIndex>>(&mut self, indices: I) {
        indices.into_iter().for_each(|index| self.insert(index));
    }
}

impl BitOr for PermissionSet {
    type Output = PermissionSet;

    fn bitor(self, other: PermissionSet) -> PermissionSet {
        self.union(&other)
    }
}

impl BitAnd for PermissionSet {
    type Output = PermissionSet;

    fn bitand(self, other: PermissionSet) -> PermissionSet {
        self.intersection(&other)
    }
}

impl Sub for PermissionSet {
    type Output = PermissionSet;

    fn sub(self, other: PermissionSet) -> PermissionSet {
        self.difference(&other)
    }
}

impl BitOrAssign for PermissionSet {
    fn bitor_assign(&mut self, other: PermissionSet) {
        *self = self.union(&other);
    }
}

impl BitAndAssign for PermissionSet {
    fn bitand_assign(&mut self, other: PermissionSet) {
        *self = self.intersection(&other);
    }
}

impl SubAssign for PermissionSet {
    fn sub_assign(&mut self, other: PermissionSet) {
        *self = self.difference(&other);
    }
}
