//! Who is in a user group. Pending members may be added; their grants start when they accept (D39).

use std::collections::BTreeSet;

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{MemberId, UserGroupId};
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;
use crate::user_groups;

/// A member's place in a user group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GroupMember {
    /// The group.
    pub group: UserGroupId,
    /// The member.
    pub member: MemberId,
    /// Since when.
    pub created_on: Timestamp,
}

/// Adds members; those who are in already stay as they are (D38). Returns them in the order of the request.
///
/// # Errors
/// Unknown group; unknown members, each named; limits.
pub fn add(
    state: &AccountState,
    environment: &Environment<'_>,
    group: UserGroupId,
    members: &[String],
    pointer: &str,
) -> Result<(Vec<Change>, Vec<MemberId>), Problem> {
    user_groups::get(state, group)?;
    let members = known_members(state, environment, members, pointer)?;
    let changes = additions(state, environment, group, &members, pointer)?;
    Ok((changes, members))
}

/// Makes these members the whole set (D38). Returns them in the order of the request.
///
/// # Errors
/// As for [`add`].
pub fn replace(
    state: &AccountState,
    environment: &Environment<'_>,
    group: UserGroupId,
    members: &[String],
    pointer: &str,
) -> Result<(Vec<Change>, Vec<MemberId>), Problem> {
    user_groups::get(state, group)?;
    let members = known_members(state, environment, members, pointer)?;
    let wanted: BTreeSet<MemberId> = members.iter().copied().collect();
    let gone = state.group_members(group).filter(|member| !wanted.contains(member));
    let mut changes: Vec<Change> = gone.map(|member| Change::Delete(DocumentId::GroupMember(group, member))).collect();
    changes.extend(additions(state, environment, group, &members, pointer)?);
    Ok((changes, members))
}

/// Takes one member out.
///
/// # Errors
/// Unknown group, or a member who is not in it.
pub fn remove(state: &AccountState, group: UserGroupId, member: MemberId) -> Result<(Vec<Change>, MemberId), Problem> {
    get(state, group, member)?;
    Ok((vec![Change::Delete(DocumentId::GroupMember(group, member))], member))
}

/// Since when the member is in the group.
///
/// # Errors
/// Unknown group, or a member who is not in it.
pub fn get(state: &AccountState, group: UserGroupId, member: MemberId) -> Result<Timestamp, Problem> {
    user_groups::get(state, group)?;
    state.in_group_since(member, group).ok_or_else(|| Problem::not_found("user group member", member))
}

fn known_members(
    state: &AccountState,
    environment: &Environment<'_>,
    members: &[String],
    pointer: &str,
) -> Result<Vec<MemberId>, Problem> {
    let most = environment.rules.limits.members_per_request;
    if members.len() > most {
        return Err(Problem::at(
            FaultKind::Quota,
            pointer,
            format!("at most {most} members are allowed in one request"),
        ));
    }
    let mut faults = Faults::new();
    let mut seen = BTreeSet::new();
    let mut known = Vec::with_capacity(members.len());
    for (index, text) in members.iter().enumerate() {
        match text.parse().ok().filter(|id| state.member(id).is_some()) {
            Some(id) if seen.insert(id) => known.push(id),
            Some(_) => {}
            None => faults.push(
                FaultKind::Invalid,
                format!("{pointer}/{index}/id"),
                format!("member `{text}` not found in this account"),
            ),
        }
    }
    faults.finish()?;
    Ok(known)
}

fn additions(
    state: &AccountState,
    environment: &Environment<'_>,
    group: UserGroupId,
    members: &[MemberId],
    pointer: &str,
) -> Result<Vec<Change>, Problem> {
    let most = environment.rules.limits.groups_per_member;
    let mut changes = Vec::new();
    for (index, &member) in members.iter().enumerate() {
        if state.in_group_since(member, group).is_some() {
            continue;
        }
        if state.groups_of(member).count() >= most {
            let message = format!("member `{member}` is in {most} user groups already, the most allowed");
            return Err(Problem::at(FaultKind::Quota, format!("{pointer}/{index}/id"), message));
        }
        changes.push(Change::put(Document::GroupMember(GroupMember { group, member, created_on: environment.now })));
    }
    Ok(changes)
}
