//! What a principal has on a target: the union of what allows and the union of what denies, from every policy that
//! covers it. Decisions, evidence and the checks on grants all walk here.

use catalog::{PermissionSet, ResourceTypeIndex};
use model::account_state::{AccountState, Holder};
use model::ids::{MemberId, PolicyId, UserId};
use model::policies::{Effect, Policy};
use model::resource_groups;

use crate::Engine;
use crate::principal::{CompiledToken, Principal};
use crate::target::Target;

/// What one side (a member, a group, a token) has on a target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rights {
    /// What some policy allows.
    pub allow: PermissionSet,
    /// What some policy denies.
    pub deny: PermissionSet,
}

impl Rights {
    /// What may be exercised: a deny wins over every allow (D3).
    pub fn held(&self) -> PermissionSet {
        self.allow - self.deny
    }

    fn add(&mut self, effect: Effect, permissions: PermissionSet) {
        match effect {
            Effect::Allow => self.allow |= permissions,
            Effect::Deny => self.deny |= permissions,
        }
    }
}

/// Where rights are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// On one target.
    At(Target<'a>),
    /// On the account and everything in it, now and later: an allow must cover all of it, a deny anywhere counts.
    Throughout,
}

/// Called with each policy that speaks of the place, for evidence.
pub(crate) type Witness<'w> = &'w mut dyn FnMut(PolicyId, Effect, PermissionSet);

impl Engine {
    /// What a principal has on a target: one side for a member or an account's token, two for a user's token, which
    /// may do only what both sides may (D5).
    pub(crate) fn sides(
        &self,
        state: &AccountState,
        principal: &Principal,
        place: Place<'_>,
        witness: Witness<'_>,
    ) -> Sides {
        match principal {
            Principal::System => Sides::of(Rights { allow: self.everything(), deny: PermissionSet::EMPTY }),
            Principal::User(user) => Sides::of(self.user_rights(state, user, place, witness)),
            Principal::UserToken { user, token } => {
                let token = self.token_rights(state, token, place, witness);
                Sides::of(token).both(self.user_rights(state, user, place, witness))
            }
            Principal::AccountToken { account, token } if *account == state.account_id() => {
                Sides::of(self.token_rights(state, token, place, witness))
            }
            Principal::AccountToken { .. } => Sides::of(Rights::default()),
        }
    }

    fn user_rights(&self, state: &AccountState, user: &UserId, place: Place<'_>, witness: Witness<'_>) -> Rights {
        match state.member_of_user(user) {
            Some(member) => self.member_rights(state, member.id, place, witness),
            None => Rights::default(),
        }
    }

    /// What a member has by its own policies and those of its groups, whatever its standing.
    pub(crate) fn member_rights(
        &self,
        state: &AccountState,
        member: MemberId,
        place: Place<'_>,
        witness: Witness<'_>,
    ) -> Rights {
        let mut rights = Rights::default();
        let holders = std::iter::once(Holder::Member(member)).chain(state.groups_of(member).map(Holder::Group));
        for policy in holders.flat_map(|holder| state.policies_of(holder)) {
            self.add_policy(state, policy, place, &mut rights, witness);
        }
        rights
    }

    fn add_policy(
        &self,
        state: &AccountState,
        policy: &Policy,
        place: Place<'_>,
        rights: &mut Rights,
        witness: Witness<'_>,
    ) {
        let mut groups = policy.resource_groups.iter().map(|id| state.resource_group(id));
        let covers = match policy.access {
            Effect::Allow => groups.any(|group| {
                group.is_some_and(|group| match place {
                    Place::At(target) => target.is_in_scope(state, &group.scope),
                    Place::Throughout => group.scope.is_whole(state.account_id()),
                })
            }),
            Effect::Deny => groups.any(|group| {
                group.is_none_or(|group| match place {
                    Place::At(target) => target.is_in_scope(state, &group.scope) || self.is_unreadable(&group.scope),
                    Place::Throughout => true,
                })
            }),
        };
        if covers {
            let permissions = self.permissions_of(policy, Some(place)) & self.applicable_at(place);
            rights.add(policy.access, permissions);
            witness(policy.id, policy.access, permissions);
        }
    }

    /// D8: what of a stored scope cannot be read is covered by a deny, whatever it was.
    fn is_unreadable(&self, scope: &resource_groups::Scope) -> bool {
        let objects = scope.objects().unwrap_or_default();
        self.catalog().parse_key(&scope.key).is_err()
            || objects.iter().any(|object| !self.is_key_inside_accounts(object))
    }

    /// Whether the text is the key of something that lies in an account: what scopes list.
    pub(crate) fn is_key_inside_accounts(&self, text: &str) -> bool {
        let account = ResourceTypeIndex::ACCOUNT;
        let inside =
            |key: catalog::ResourceKey| key.kind != account && self.catalog().is_self_or_descendant(key.kind, account);
        self.catalog().parse_key(text).is_ok_and(inside)
    }

    /// The token permissions that a policy's permission groups stand for, closed as its effect asks (D6). A group that
    /// the catalogue does not know grants nothing and denies everything (D8); one that is scoped to another type than
    /// the place says nothing there, though its permissions may be known there by other groups.
    pub(crate) fn permissions_of(&self, policy: &Policy, place: Option<Place<'_>>) -> PermissionSet {
        let speaks = |scope: ResourceTypeIndex| match place {
            None => true,
            Some(Place::At(target)) => self.catalog().is_self_or_descendant(target.kind, scope),
            Some(Place::Throughout) => {
                policy.access == Effect::Deny || scope == ResourceTypeIndex::ACCOUNT || scope == ResourceTypeIndex::ZONE
            }
        };
        policy.permission_groups.iter().fold(PermissionSet::EMPTY, |set, id| {
            set | match (self.catalog().iam_group(id), policy.access) {
                (Some(group), _) if !speaks(group.scope) => PermissionSet::EMPTY,
                (Some(group), Effect::Allow) => group.allows,
                (Some(group), Effect::Deny) => group.denies,
                (None, Effect::Allow) => PermissionSet::EMPTY,
                (None, Effect::Deny) => self.everything(),
            }
        })
    }

    fn token_rights(
        &self,
        state: &AccountState,
        token: &CompiledToken,
        place: Place<'_>,
        witness: Witness<'_>,
    ) -> Rights {
        let mut rights = Rights::default();
        let own = resource_groups::account_key(state.account_id());
        for (policy, compiled) in token.policies() {
            let covers = compiled.everywhere
                || policy.resources.iter().any(|(key, resource)| match (place, policy.effect) {
                    (Place::At(target), _) => target.is_in_token_resource(&own, key, resource),
                    (Place::Throughout, Effect::Allow) => {
                        matches!(resource, model::tokens::TokenResource::Everything(_))
                            && (**key == *own || &**key == crate::target::ANY_ACCOUNT)
                    }
                    (Place::Throughout, Effect::Deny) => true,
                });
            if covers {
                let permissions = compiled.permissions & self.applicable_at(place);
                rights.add(policy.effect, permissions);
                witness(policy.id, policy.effect, permissions);
            }
        }
        rights
    }

    /// Whether a token by itself allows one of these, whatever its owner may.
    pub(crate) fn token_allows(
        &self,
        state: &AccountState,
        token: &CompiledToken,
        accepts: &PermissionSet,
        target: Target<'_>,
    ) -> bool {
        self.token_rights(state, token, Place::At(target), &mut |_, _, _| {}).held().intersects(accepts)
    }

    fn applicable_at(&self, place: Place<'_>) -> PermissionSet {
        match place {
            Place::At(target) => *self.applicable(target.kind),
            Place::Throughout => *self.catalog().all_privileges(),
        }
    }

    /// What a token allows on its own user, by the user-scoped permissions (section 2.1).
    pub fn holds_on_user(&self, token: &CompiledToken, user: UserId) -> PermissionSet {
        let own = format!("com.cloudflare.api.user.{user}");
        let mut rights = Rights::default();
        for (policy, compiled) in token.policies() {
            let covers = compiled.everywhere
                || policy.resources.iter().any(|(key, resource)| {
                    matches!(resource, model::tokens::TokenResource::Everything(_))
                        && (**key == *own || &**key == "com.cloudflare.api.user.*")
                });
            if covers {
                rights.add(policy.effect, compiled.permissions);
            }
        }
        rights.held() & *self.applicable(ResourceTypeIndex::USER)
    }
}

/// What comes of all sides together.
pub(crate) struct Sides {
    /// What every side may exercise.
    pub(crate) held: PermissionSet,
    /// What some side denies.
    pub(crate) denied: PermissionSet,
}

impl Sides {
    fn of(rights: Rights) -> Sides {
        Sides { held: rights.held(), denied: rights.deny }
    }

    fn both(self, owner: Rights) -> Sides {
        Sides { held: self.held & owner.held(), denied: self.denied | owner.deny }
    }
}
