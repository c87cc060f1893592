//! The documents of an account, read one after another: nothing that the engine keeps is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::account_state::AccountState;
use model::change::Document;
use model::ids::ResourceGroupId;
use model::members::Member;
use model::policies::Policy;
use model::resource_groups::Scope;
use model::user_groups::UserGroup;

pub(super) fn members(state: &AccountState) -> impl Iterator<Item = Arc<Member>> {
    state.documents().filter_map(|document| if let Document::Member(member) = document { Some(member) } else { None })
}

pub(super) fn groups(state: &AccountState) -> impl Iterator<Item = Arc<UserGroup>> {
    state.documents().filter_map(|document| if let Document::UserGroup(group) = document { Some(group) } else { None })
}

/// The policies of a member and of every group that it is in.
pub(super) fn policies_of_member(state: &AccountState, member: &Member) -> Vec<Policy> {
    let mut places = BTreeSet::new();
    for document in state.documents() {
        if let Document::GroupMember(place) = document
            && place.member == member.id
        {
            places.insert(place.group);
        }
    }
    let mut policies = member.policies.to_vec();
    for group in groups(state).filter(|group| places.contains(&group.id)) {
        policies.extend(group.policies.iter().cloned());
    }
    policies
}

pub(super) fn scope(state: &AccountState, id: ResourceGroupId) -> Option<Scope> {
    for document in state.documents() {
        if let Document::ResourceGroup(group) = document
            && group.id == id
        {
            return Some(group.scope.clone());
        }
    }
    None
}

/// Key → key of the parent.
pub(super) type Resources = BTreeMap<String, Option<String>>;

pub(super) fn resources(state: &AccountState) -> Resources {
    let mut found = BTreeMap::new();
    for document in state.documents() {
        if let Document::Resource(resource) = document {
            found.insert(resource.key.to_string(), resource.parent.as_ref().map(|parent| parent.to_string()));
        }
    }
    found
}
