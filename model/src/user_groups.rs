//! User groups: named sets of members with policies of their own (section 5).

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::UserGroupId;
use crate::names::{self, NameKey};
use crate::policies::{self, Policy, PolicyInput};
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;

/// A named set of members.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserGroup {
    /// Its id.
    pub id: UserGroupId,
    /// Unique in the account (D40).
    pub name: Box<str>,
    /// What its members may do, in the client's order.
    pub policies: Box<[Policy]>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When its name or policies last changed.
    pub modified_on: Timestamp,
}

/// A user group to make.
#[derive(Clone, Debug)]
pub struct NewUserGroup {
    /// Its name.
    pub name: String,
    /// Its policies.
    pub policies: Vec<PolicyInput>,
}

/// Makes a group.
///
/// # Errors
/// Every fault of the name and the policies; the quota (D87).
pub fn create(
    state: &AccountState,
    environment: &Environment<'_>,
    new: &NewUserGroup,
    id: UserGroupId,
) -> Result<(Vec<Change>, UserGroupId), Problem> {
    let most = environment.rules.limits.user_groups;
    if state.user_group_count() >= most {
        return Err(Problem::new(FaultKind::Quota, format!("an account has at most {most} user groups")));
    }
    let (name, resolved) = check(state, environment, &new.name, None, &[], Some(&new.policies))?;
    let now = environment.now;
    let group = UserGroup { id, name, policies: resolved.policies.into(), created_on: now, modified_on: now };
    let mut changes: Vec<Change> =
        resolved.added_groups.into_iter().map(|group| Change::put(Document::ResourceGroup(group.into()))).collect();
    changes.push(Change::put(Document::UserGroup(group.into())));
    Ok((changes, id))
}

/// Changes the name, the policies, or both; what is absent stays (D41). A write that changes nothing makes no change.
///
/// # Errors
/// Unknown group; every fault of name and policies.
pub fn update(
    state: &AccountState,
    environment: &Environment<'_>,
    id: UserGroupId,
    name: Option<&str>,
    policies: Option<&[PolicyInput]>,
) -> Result<(Vec<Change>, UserGroupId), Problem> {
    let group = get(state, id)?;
    let (name, resolved) = check(state, environment, name.unwrap_or(&group.name), Some(id), &group.policies, policies)?;
    if name == group.name && *resolved.policies == *group.policies {
        return Ok((vec![], id));
    }
    let next = UserGroup { name, policies: resolved.policies.into(), modified_on: environment.now, ..group.clone() };
    let added = resolved.added_groups.into_iter().map(|group| Change::put(Document::ResourceGroup(group.into())));
    let dropped = resolved.dropped_groups.into_iter().map(|group| Change::Delete(DocumentId::ResourceGroup(group)));
    let changes = added.chain([Change::put(Document::UserGroup(next.into()))]).chain(dropped).collect();
    Ok((changes, id))
}

/// The name and the policies, or every fault of both.
fn check(
    state: &AccountState,
    environment: &Environment<'_>,
    name: &str,
    own: Option<UserGroupId>,
    prior: &[Policy],
    policies: Option<&[PolicyInput]>,
) -> Result<(Box<str>, policies::Resolved), Problem> {
    let mut faults = Faults::new();
    let name = faults.take(free_name(state, name, own));
    let resolved = match policies {
        Some(inputs) => faults.take(policies::resolve(state, environment, prior, inputs, "/policies")),
        None => Some(policies::Resolved { policies: prior.to_vec(), added_groups: vec![], dropped_groups: vec![] }),
    };
    faults.finish()?;
    name.zip(resolved).ok_or_else(|| Problem::new(FaultKind::Invalid, "invalid user group"))
}

fn free_name(state: &AccountState, name: &str, own: Option<UserGroupId>) -> Result<Box<str>, Problem> {
    let name = names::group_name(name, "/name")?;
    match state.user_group_named(&NameKey::of(&name)) {
        Some(taken) if Some(taken) != own => {
            Err(Problem::at(FaultKind::Name, "/name", format!("user group `{name}` already exists")))
        }
        Some(_) | None => Ok(name),
    }
}

/// Removes a group with its memberships and anonymous resource groups (D42).
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn delete(state: &AccountState, id: UserGroupId) -> Result<(Vec<Change>, UserGroupId), Problem> {
    let group = get(state, id)?;
    let members = state.group_members(id).map(|member| Change::Delete(DocumentId::GroupMember(id, member)));
    let anonymous = policies::anonymous_of(state, &group.policies);
    let anonymous = anonymous.into_iter().map(|group| Change::Delete(DocumentId::ResourceGroup(group)));
    let changes = members.chain([Change::Delete(DocumentId::UserGroup(id))]).chain(anonymous).collect();
    Ok((changes, id))
}

/// The group of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get(state: &AccountState, id: UserGroupId) -> Result<&UserGroup, Problem> {
    state.user_group(&id).ok_or_else(|| Problem::not_found("user group", id))
}
