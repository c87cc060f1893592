//! A whole account from its documents, as a snapshot has them.
//!
//! Places in groups are the most numerous of them, and each is in two look-ups. One after another they would be searched
//! for all over both; here they wait for the rest, and are put in the order in which the look-ups keep them.

use imbl::OrdMap;

use super::{AccountState, Malformed};
use crate::change::{Document, DocumentId};
use crate::ids::{MemberId, UserGroupId};
use crate::names::NameKey;
use crate::user_group_members::GroupMember;

impl AccountState {
    /// An empty account with these documents put into it, in whatever order places and what they refer to come.
    ///
    /// # Errors
    /// [`Malformed`] where one does not fit.
    pub fn load(self, documents: impl IntoIterator<Item = Document>) -> Result<AccountState, Malformed> {
        let mut state = self;
        let mut places = Vec::new();
        for document in documents {
            match document {
                Document::GroupMember(place) => places.push(place),
                document => state.put(&document)?,
            }
        }
        state.put_group_members(places)?;
        Ok(state)
    }

    /// Puts places where there are none yet.
    fn put_group_members(&mut self, mut places: Vec<GroupMember>) -> Result<(), Malformed> {
        // Stable, so that of two documents of one place the later one stays.
        places.sort_by_key(|place| (place.member, place.group));
        let keys: Vec<&NameKey> = self.members_by_email.keys().collect();
        let mut by_group = self.ranked(&places)?;
        by_group.sort_unstable();
        by_group.dedup();
        let mut groups = OrdMap::new();
        for places in by_group.chunk_by(|(one, ..), (other, ..)| one == other) {
            let members = places.iter().filter_map(|(_, rank, member)| Some(((*keys.get(*rank)?).clone(), *member)));
            groups.insert(places[0].0, members.collect::<OrdMap<NameKey, MemberId>>());
        }
        self.group_members = groups;
        for place in places {
            self.groups_of_member.insert((place.member, place.group), place.created_on);
        }
        Ok(())
    }

    /// Of each place, which are sorted by member: its group, where its member stands in the order of addresses, and the
    /// member.
    fn ranked(&self, places: &[GroupMember]) -> Result<Vec<(UserGroupId, usize, MemberId)>, Malformed> {
        let mut ranks: Vec<(MemberId, usize)> =
            self.members_by_email.values().enumerate().map(|(rank, id)| (*id, rank)).collect();
        ranks.sort_unstable();
        let mut ranks = ranks.into_iter().peekable();
        let place = |place: &GroupMember| {
            while ranks.next_if(|(member, _)| *member < place.member).is_some() {}
            let rank = ranks.peek().filter(|(member, _)| *member == place.member).map(|(_, rank)| *rank);
            match rank {
                Some(rank) if self.user_groups.contains_key(&place.group) => Ok((place.group, rank, place.member)),
                Some(_) | None => Err(Malformed::Dangling(DocumentId::GroupMember(place.group, place.member))),
            }
        };
        places.iter().map(place).collect()
    }
}
