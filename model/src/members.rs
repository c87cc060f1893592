//! Account members: an e-mail address with policies in one account (section 4).
//!
//! Ada invites bea@example.com with the role "DNS". The role is kept as one allow policy on the whole account; reading
//! the member back shows both the policy and the role, each derived from the one thing that is stored.

use catalog::Catalog;

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{Id, MemberId, PolicyId, ResourceGroupId, UserId};
use crate::invitations::Invitation;
use crate::names::{Email, NameKey};
use crate::policies::{self, Effect, Policy, PolicyInput, Resolved};
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::sso_connectors;
use crate::time::Timestamp;
use crate::users::{Profile, User};

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// Its id; a member who comes back gets a new one (D36).
    pub id: MemberId,
    /// The address, as given; unique in the account without regard to case (D33).
    pub email: Email,
    /// Invited, in, or declined. Only accepted members exercise anything (D4).
    pub standing: Standing,
    /// The user's profile as this account knows it.
    #[serde(default)]
    pub profile: Profile,
    /// Direct policies only (D34), in the client's order.
    pub policies: Box<[Policy]>,
    /// The invitation that a pending member can answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Box<Invitation>>,
    /// Whether the person may use the API here with keys and tokens of its own; over the account's setting (D37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_access: Option<bool>,
    /// When the membership was made.
    pub created_on: Timestamp,
    /// When it last changed.
    pub modified_on: Timestamp,
}

/// How far a membership has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Invited.
    Pending {
        /// When the newest invitation was made.
        invited_on: Timestamp,
    },
    /// In.
    Accepted {
        /// The person.
        user: UserId,
        /// Since when.
        since: Timestamp,
    },
    /// Declined; kept until removed or invited again (D32).
    Rejected {
        /// When.
        since: Timestamp,
    },
}

impl Standing {
    /// The word on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::Pending { .. } => "pending",
            Standing::Accepted { .. } => "accepted",
            Standing::Rejected { .. } => "rejected",
        }
    }
}

impl Member {
    /// The person behind an accepted membership.
    pub fn user(&self) -> Option<UserId> {
        match self.standing {
            Standing::Accepted { user, .. } => Some(user),
            Standing::Pending { .. } | Standing::Rejected { .. } => None,
        }
    }
}

/// What a member may do, as a client sends it: by roles or by policies.
#[derive(Clone, Debug)]
pub enum Grants {
    /// Ids of roles; each becomes one allow policy on the whole account.
    Roles(Vec<String>),
    /// Policies.
    Policies(Vec<PolicyInput>),
}

/// A member to add.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// The address.
    pub email: String,
    /// What it may do.
    pub grants: Grants,
    /// Ask for an accepted membership at once (D31).
    pub accepted: bool,
    /// See [`Member::api_access`].
    pub api_access: Option<bool>,
    /// Who invites, as the invitation names it.
    pub invited_by: String,
}

/// What to change of a member.
#[derive(Clone, Debug)]
pub struct MemberUpdate {
    /// What it may do.
    pub grants: Grants,
    /// Must be the present one, where it is given (D30).
    pub status: Option<String>,
    /// See [`Member::api_access`]; absent is unchanged.
    pub api_access: Option<Option<bool>>,
}

impl MemberUpdate {
    /// Other grants, and nothing else.
    pub fn of(grants: Grants) -> MemberUpdate {
        MemberUpdate { grants, status: None, api_access: None }
    }
}

/// Adds a member, or invites a pending or rejected one again (D33). `user` is the user of that address, if any.
///
/// # Errors
/// Every fault of address and grants; already a member (1004); `accepted` where D31 does not allow it.
pub fn create(
    state: &AccountState,
    environment: &Environment<'_>,
    new: &NewMember,
    id: MemberId,
    user: Option<&User>,
) -> Result<(Vec<Change>, MemberId), Problem> {
    let mut faults = Faults::new();
    let email = faults.take(Email::parse(&new.email, "/email"));
    let former = email.as_ref().and_then(|email| state.member_by_email(&email.key()));
    let prior = former.map_or(&[][..], |member| &member.policies);
    let resolved = faults.take(resolve(state, environment, prior, &new.grants));
    if new.accepted && !may_add_accepted(state, environment, user) {
        faults.push(
            FaultKind::Invalid,
            "/status",
            "Invalid request: automatic verification of new members is not allowed",
        );
    }
    faults.finish()?;
    let (Some(email), Some(resolved)) = (email, resolved) else {
        return Err(Problem::new(FaultKind::Invalid, "invalid member"));
    };
    let accepted = former.filter(|member| member.user().is_some());
    if accepted.is_some() && !environment.rules.accept_anybody {
        let message = format!("`{}` is already a member of this account", email.as_str());
        return Err(Problem::at(FaultKind::AlreadyExists, "/email", message));
    }
    let now = environment.now;
    let (standing, invitation) = match (accepted, user.filter(|_| new.accepted)) {
        (Some(member), _) => (member.standing, None),
        (None, Some(user)) => (Standing::Accepted { user: user.id, since: now }, None),
        (None, None) => {
            (Standing::Pending { invited_on: now }, Some(Box::new(Invitation::new(environment, &new.invited_by))))
        }
    };
    let api_access = new.api_access.or(former.and_then(|former| former.api_access));
    let profile = user.map(|user| user.profile.clone()).unwrap_or_default();
    let member = match former {
        Some(former) => Member {
            standing,
            profile,
            policies: resolved.policies.clone().into(),
            invitation,
            api_access,
            modified_on: now,
            ..former.clone()
        },
        None => Member {
            id,
            email,
            standing,
            profile,
            policies: resolved.policies.clone().into(),
            invitation,
            api_access,
            created_on: now,
            modified_on: now,
        },
    };
    let id = member.id;
    Ok((changes(resolved, member), id))
}

/// D31: the person exists with a verified address, and the account vouches for the domain or the operator allows it.
fn may_add_accepted(state: &AccountState, environment: &Environment<'_>, user: Option<&User>) -> bool {
    if environment.rules.accept_anybody {
        return user.is_some();
    }
    user.is_some_and(|user| {
        let domain = user.email.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        let vouched = environment.rules.allow_direct_add || sso_connectors::is_domain_verified(state, domain);
        user.email_verified && vouched
    })
}

/// Replaces the grants of a member.
///
/// # Errors
/// Unknown member; another status; every fault of the grants.
pub fn update(
    state: &AccountState,
    environment: &Environment<'_>,
    id: MemberId,
    update: &MemberUpdate,
) -> Result<(Vec<Change>, MemberId), Problem> {
    let member = get(state, id)?;
    let mut faults = Faults::new();
    let present = member.standing.as_str();
    if let Some(status) = update.status.as_deref().filter(|status| !status.eq_ignore_ascii_case(present)) {
        faults.push(
            FaultKind::Invalid,
            "/status",
            format!("status cannot be set to `{status}`: it is `{present}`, and changes only by invitation"),
        );
    }
    let resolved = faults.take(resolve(state, environment, &member.policies, &update.grants));
    faults.finish()?;
    let Some(resolved) = resolved else { return Err(Problem::new(FaultKind::Invalid, "invalid member")) };
    let api_access = update.api_access.unwrap_or(member.api_access);
    if *resolved.policies == *member.policies && api_access == member.api_access {
        return Ok((vec![], id));
    }
    let policies = resolved.policies.clone().into();
    let next = Member { policies, api_access, modified_on: environment.now, ..member.clone() };
    Ok((changes(resolved, next), id))
}

fn changes(resolved: Resolved, member: Member) -> Vec<Change> {
    let added = resolved.added_groups.into_iter().map(|group| Change::put(Document::ResourceGroup(group.into())));
    let dropped = resolved.dropped_groups.into_iter().map(|group| Change::Delete(DocumentId::ResourceGroup(group)));
    added.chain([Change::put(Document::Member(member.into()))]).chain(dropped).collect()
}

/// Takes over what a user says of itself now.
pub fn set_profile(state: &AccountState, environment: &Environment<'_>, user: &User) -> Vec<Change> {
    match state.member_of_user(&user.id).filter(|member| member.profile != user.profile) {
        Some(member) => {
            let next = Member { profile: user.profile.clone(), modified_on: environment.now, ..member.clone() };
            vec![Change::put(Document::Member(next.into()))]
        }
        None => vec![],
    }
}

/// Whether the person behind a membership may use the API here with keys and tokens of its own (D37).
pub fn has_api_access(state: &AccountState, member: &Member) -> bool {
    let of_account = || state.account().and_then(|account| account.settings.api_access_enabled);
    member.api_access.or_else(of_account).unwrap_or(true)
}

/// Removes a member with its policies and group memberships (D36).
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn delete(state: &AccountState, id: MemberId) -> Result<(Vec<Change>, MemberId), Problem> {
    let member = get(state, id)?;
    let groups = state.groups_of(id).map(|group| Change::Delete(DocumentId::GroupMember(group, id)));
    let anonymous = policies::anonymous_of(state, &member.policies);
    let anonymous = anonymous.into_iter().map(|group| Change::Delete(DocumentId::ResourceGroup(group)));
    Ok((groups.chain([Change::Delete(DocumentId::Member(id))]).chain(anonymous).collect(), id))
}

/// The member of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get(state: &AccountState, id: MemberId) -> Result<&Member, Problem> {
    state.member(&id).ok_or_else(|| Problem::not_found("member", id))
}

fn resolve(
    state: &AccountState,
    environment: &Environment<'_>,
    prior: &[Policy],
    grants: &Grants,
) -> Result<Resolved, Problem> {
    match grants {
        Grants::Policies(inputs) => policies::resolve(state, environment, prior, inputs, "/policies"),
        Grants::Roles(roles) => resolve_roles(state, environment, prior, roles),
    }
}

/// Each role becomes one allow policy on the whole account; a policy that says so already keeps its identity.
fn resolve_roles(
    state: &AccountState,
    environment: &Environment<'_>,
    prior: &[Policy],
    roles: &[String],
) -> Result<Resolved, Problem> {
    let mut faults = Faults::new();
    let most = environment.rules.limits.policies;
    if roles.len() > most {
        return Err(Problem::at(FaultKind::Quota, "/roles", format!("at most {most} roles are allowed")));
    }
    let whole = state
        .whole_account_group()
        .ok_or_else(|| Problem::new(FaultKind::Invalid, "the account has no resource group of its own"))?;
    let now = environment.now;
    let mut next: Vec<Policy> = Vec::with_capacity(roles.len());
    for (index, text) in roles.iter().enumerate() {
        let Some(group) = group_of_role(environment.catalog, text) else {
            let hint = "GET /accounts/{account_id}/roles lists them";
            faults.push(FaultKind::Invalid, format!("/roles/{index}"), format!("role `{text}` not found; {hint}"));
            continue;
        };
        if next.iter().any(|policy| *policy.permission_groups == [group]) {
            continue;
        }
        let former = prior.iter().find(|policy| is_role(policy, group, whole));
        next.push(former.cloned().unwrap_or_else(|| Policy {
            id: PolicyId(environment.next_id()),
            access: Effect::Allow,
            permission_groups: Box::new([group]),
            resource_groups: Box::new([whole]),
            created_on: now,
            modified_on: now,
        }));
    }
    faults.finish()?;
    let kept: Vec<PolicyId> = next.iter().map(|policy| policy.id).collect();
    let gone: Vec<Policy> = prior.iter().filter(|policy| !kept.contains(&policy.id)).cloned().collect();
    Ok(Resolved { policies: next, added_groups: vec![], dropped_groups: policies::anonymous_of(state, &gone) })
}

/// The permission group behind a role id: the role's own, or an account-wide group without a role, by its own id.
fn group_of_role(catalog: &Catalog, text: &str) -> Option<Id> {
    let id: Id = text.parse().ok()?;
    match catalog.role(&id) {
        Some(role) => Some(role.group),
        None => catalog.iam_group(&id).filter(|group| group.role.is_none()).map(|group| group.id),
    }
}

fn is_role(policy: &Policy, group: Id, whole: ResourceGroupId) -> bool {
    policy.access == Effect::Allow && *policy.permission_groups == [group] && *policy.resource_groups == [whole]
}

/// The permission groups that a member holds on the whole account: what its `roles` show.
pub fn role_groups(state: &AccountState, policies: &[Policy]) -> Vec<Id> {
    let mut groups: Vec<Id> = Vec::new();
    for policy in policies.iter().filter(|policy| policy.access == Effect::Allow) {
        let mut scopes = policy.resource_groups.iter().filter_map(|id| state.resource_group(id));
        if scopes.any(|group| group.scope.is_whole(state.account_id())) {
            for id in &policy.permission_groups {
                if !groups.contains(id) {
                    groups.push(*id);
                }
            }
        }
    }
    groups
}

/// What lists of members are ordered by besides the address.
pub fn name_key(name: Option<&str>) -> NameKey {
    NameKey::of(name.unwrap_or_default())
}
