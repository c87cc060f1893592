//! What a decision is about: the account itself, or a registered resource in it, with those that it lies in.

use catalog::ResourceTypeIndex;

use crate::index::place::Place;

/// How many resources may lie in each other below an account.
pub(crate) const DEEPEST: usize = 8;

/// The account, or a resource in it. [`crate::Account::resource`] finds one by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its type.
    pub kind: ResourceTypeIndex,
    /// The resource and those it lies in, innermost first; empty for the account.
    chain: [Place; DEEPEST],
    depth: u8,
}

impl Target {
    /// The account itself.
    pub const ACCOUNT: Target = Target { kind: ResourceTypeIndex::ACCOUNT, chain: [Place::NONE; DEEPEST], depth: 0 };

    /// A resource of a type, directly in the account.
    pub(crate) const fn single(kind: ResourceTypeIndex, place: Place) -> Target {
        let mut target = Target { kind, chain: [Place::NONE; DEEPEST], depth: 1 };
        target.chain[0] = place;
        target
    }

    /// A resource of a type; `None` where too many lie in each other.
    pub(crate) fn of(kind: ResourceTypeIndex, chain: impl IntoIterator<Item = Place>) -> Option<Target> {
        let mut target = Target { kind, chain: [Place::NONE; DEEPEST], depth: 0 };
        for place in chain {
            *target.chain.get_mut(usize::from(target.depth))? = place;
            target.depth += 1;
        }
        Some(target)
    }

    /// Whether it is the account itself.
    pub fn is_account(&self) -> bool {
        self.depth == 0
    }

    /// The places of the resource and of those it lies in, innermost first.
    pub(crate) fn chain(&self) -> &[Place] {
        &self.chain[..usize::from(self.depth)]
    }
}
