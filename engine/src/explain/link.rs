//! What a policy of the evidence rests on: whose it is, which of its permission groups matter, which of its resource groups
//! reach the target.
//!
//! A policy is a cross product of what and where, so each part is judged alone, and read as decisions read it. So what
//! matters here is what matters to them.

use catalog::{Id, PermissionSet};
use model::account_state::Holder;
use model::ids::{MemberId, PolicyId, ResourceGroupId};
use model::policies::{Effect, Policy};
use model::tokens::{TokenPolicy, TokenResource};

use crate::Account;
use crate::decide::{Source, Spoken};
use crate::principal::Principal;
use crate::target::Target;

/// A policy that speaks of a target, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose policy it is, and how it reaches the principal.
    pub origin: Origin,
    /// Its id.
    pub policy: PolicyId,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Of what it says on the target, that which was asked for.
    pub permissions: PermissionSet,
    /// Those of its permission groups that say some of that; of the IAM catalogue, or for a token of the token catalogue.
    pub permission_groups: Vec<Id>,
    /// Those of its resources that reach the target.
    pub reach: Reach,
}

/// How a policy reaches a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose it is.
    pub source: Source,
    /// The member that it comes to the principal by; none for a token's own and for a group by itself.
    pub member: Option<MemberId>,
    /// The principal is a token of a user, and this is what the user may do itself (D5).
    pub is_owner: bool,
    /// The policy is what a legacy role of this id is: a member's own, of its one permission group, on the whole account.
    pub role: Option<Id>,
}

/// What of a policy reaches a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Resource groups; a deny of which some are gone or cannot be read reaches by these too (D8).
    ResourceGroups(Vec<ResourceGroupId>),
    /// Resource keys of a token's policy. The second is a key within the first.
    Keys(Vec<(Box<str>, Option<Box<str>>)>),
}

impl Account {
    /// Takes a policy that spoke of the target apart, as far as it concerns the permissions asked for. `None` if the
    /// principal has no such policy.
    pub fn link(&self, principal: &Principal, spoken: &Spoken, asked: &PermissionSet, target: &Target) -> Option<Link> {
        let permissions = spoken.permissions & *asked;
        let (policy, permission_groups, reach) = match spoken.source {
            Source::Holder(holder) => {
                let policy = self.policies_of(holder).get(spoken.position)?;
                let groups = self.groups_that_say(policy, &permissions, target);
                (policy.id, groups, Reach::ResourceGroups(self.groups_that_reach(policy, target)))
            }
            Source::Token => {
                let policy = principal.token()?.token.policies.get(spoken.position)?;
                let groups = self.token_groups_that_say(policy, &permissions);
                (policy.id, groups, Reach::Keys(self.keys_that_reach(policy, target)))
            }
        };
        let origin = self.origin(principal, spoken.source, spoken.position);
        Some(Link { origin, policy, effect: spoken.effect, permissions, permission_groups, reach })
    }

    /// How the policy at that place of a source reaches the principal.
    pub fn origin(&self, principal: &Principal, source: Source, position: usize) -> Origin {
        let member = match (source, principal) {
            (Source::Holder(Holder::Member(member)), _) => Some(member),
            (Source::Holder(Holder::Group(_)), Principal::Member(member)) => Some(*member),
            (Source::Holder(Holder::Group(_)), Principal::User(user) | Principal::UserToken { user, .. }) => {
                self.index().member_of_user(*user)
            }
            (Source::Holder(Holder::Group(_)), _) | (Source::Token, _) => None,
        };
        let is_owner = matches!(principal, Principal::UserToken { .. }) && source != Source::Token;
        let role = match source {
            Source::Holder(holder @ Holder::Member(_)) => {
                self.policies_of(holder).get(position).and_then(|policy| self.role_of(policy))
            }
            Source::Holder(Holder::Group(_)) | Source::Token => None,
        };
        Origin { source, member, is_owner, role }
    }

    /// The legacy role that a member's own policy is: one permission group that has a role, allowed on the whole account.
    pub fn role_of(&self, policy: &Policy) -> Option<Id> {
        let ([group], [place]) = (&*policy.permission_groups, &*policy.resource_groups) else { return None };
        let is_whole = self.resource_group(place)?.scope.is_whole(self.account_id());
        if policy.access == Effect::Allow && is_whole { self.engine().catalog().iam_group(group)?.role } else { None }
    }

    fn groups_that_say(&self, policy: &Policy, permissions: &PermissionSet, target: &Target) -> Vec<Id> {
        let engine = self.engine();
        let alone = |group: &&Id| {
            let said = engine.says_of_group(policy.access, group);
            said.is_some_and(|(scope, set)| {
                scope.is_none_or(|scope| engine.kinds().lies_in(target.kind, scope)) && set.intersects(permissions)
            })
        };
        policy.permission_groups.iter().filter(alone).copied().collect()
    }

    fn groups_that_reach(&self, policy: &Policy, target: &Target) -> Vec<ResourceGroupId> {
        let alone = |group: &&ResourceGroupId| self.engine().reach_of_group(self, policy.access, group).covers(target);
        policy.resource_groups.iter().filter(alone).copied().collect()
    }

    fn token_groups_that_say(&self, policy: &TokenPolicy, permissions: &PermissionSet) -> Vec<Id> {
        let alone = |group: &&Id| {
            self.engine().token_permissions(policy.effect, std::slice::from_ref(*group)).intersects(permissions)
        };
        policy.permission_groups.iter().filter(alone).copied().collect()
    }

    fn keys_that_reach(&self, policy: &TokenPolicy, target: &Target) -> Vec<(Box<str>, Option<Box<str>>)> {
        let reaches = |outer: &str, resource: TokenResource| {
            let resources = [(outer.into(), resource)].into();
            let (id, effect) = (policy.id, policy.effect);
            let part = TokenPolicy { id, effect, permission_groups: Box::new([]), resources };
            let own = Some(self.account_id());
            [None, own].iter().any(|key| self.engine().token_statement(&part, *key).statement.reach.covers(target))
        };
        let mut keys = Vec::new();
        for (outer, resource) in &policy.resources {
            match resource {
                TokenResource::Everything(_) => {
                    if reaches(outer, resource.clone()) {
                        keys.push((outer.into(), None));
                    }
                }
                TokenResource::Within(inner) => {
                    let here = inner
                        .iter()
                        .filter(|(key, star)| reaches(outer, TokenResource::Within([((*key).into(), **star)].into())));
                    let before = keys.len();
                    keys.extend(here.map(|(key, _)| (outer.into(), Some(key.into()))));
                    // Nothing in it reaches, but what it lies in cannot be read, and so denies (D8).
                    if keys.len() == before && reaches(outer, resource.clone()) {
                        keys.push((outer.into(), None));
                    }
                }
            }
        }
        keys
    }
}
