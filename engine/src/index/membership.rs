//! What a decision needs of one member: 32 bytes, of which there may be millions.

use std::sync::Arc;

use super::grants::Grants;

/// One member.
#[derive(Clone)]
pub(crate) struct Membership {
    /// What its own policies come to.
    direct: Option<Arc<Grants>>,
    place: InGroups,
}

/// The slots of a member's groups; most members are in few.
#[derive(Clone)]
enum InGroups {
    Few { accepted: bool, count: u8, slots: [u32; FEW] },
    Many { accepted: bool, slots: Arc<Vec<u32>> },
}

const FEW: usize = 4;

/// The slots of a member's groups, while they are looked up.
#[derive(Default)]
pub(super) struct Groups(Vec<u32>);

impl FromIterator<u32> for Groups {
    fn from_iter<I: IntoIterator<Item = u32>>(slots: I) -> Self {
        Groups(slots.into_iter().collect())
    }
}

impl Membership {
    pub(super) fn new(accepted: bool, direct: Option<Arc<Grants>>, groups: Groups) -> Membership {
        let place = if groups.0.len() <= FEW {
            let mut slots = [0; FEW];
            slots[..groups.0.len()].copy_from_slice(&groups.0);
            InGroups::Few { accepted, count: groups.0.len() as u8, slots }
        } else {
            InGroups::Many { accepted, slots: Arc::new(groups.0) }
        };
        Membership { direct, place }
    }

    /// Whether it has accepted, so that it may exercise what it has (D4).
    pub(crate) fn is_accepted(&self) -> bool {
        match self.place {
            InGroups::Few { accepted, .. } | InGroups::Many { accepted, .. } => accepted,
        }
    }

    pub(super) fn direct(&self) -> Option<&Arc<Grants>> {
        self.direct.as_ref()
    }

    /// The slots of its groups; some may be blank.
    pub(crate) fn slots(&self) -> &[u32] {
        match &self.place {
            InGroups::Few { count, slots, .. } => &slots[..usize::from(*count)],
            InGroups::Many { slots, .. } => slots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_in_few_groups_takes_32_bytes() {
        assert_eq!(size_of::<Membership>(), 32);
    }
}
