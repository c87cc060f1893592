//! The decision, and the policies that made it.

use catalog::PermissionSet;
use model::account_state::AccountState;
use model::ids::PolicyId;
use model::policies::Effect;

use crate::Engine;
use model::tokens::TokenResource;

use crate::principal::{CompiledToken, PolicyIds, Principal};
use crate::rights::Place;
use crate::target::{ANY_ACCOUNT, Target};

/// Why a decision is what it is (D88).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A policy allows it and none denies it.
    Allow,
    /// A policy denies it.
    ExplicitDeny,
    /// No policy speaks of it.
    ImplicitDeny,
    /// A condition of the token is not met.
    Condition,
}

impl Reason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Allow => "allow",
            Reason::ExplicitDeny => "explicit_deny",
            Reason::ImplicitDeny => "implicit_deny",
            Reason::Condition => "condition",
        }
    }
}

/// A decision and the policies that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The policies that allowed it, or those that denied it.
    pub policies: Vec<PolicyId>,
}

impl Engine {
    /// Whether the principal may do, on the target, something that any one permission of `accepted` suffices for.
    pub fn allows(
        &self,
        state: &AccountState,
        principal: &Principal,
        accepted: &PermissionSet,
        target: Target<'_>,
    ) -> bool {
        self.held(state, principal, target).intersects(accepted)
    }

    /// The permissions that the principal may exercise on the target.
    pub fn held(&self, state: &AccountState, principal: &Principal, target: Target<'_>) -> PermissionSet {
        self.sides(state, principal, Place::At(target), &mut |_, _, _| {}).held
    }

    /// The permissions that the principal may exercise on the account and everything in it, now and later.
    pub fn held_throughout(&self, state: &AccountState, principal: &Principal) -> PermissionSet {
        self.sides(state, principal, Place::Throughout, &mut |_, _, _| {}).held
    }

    /// Whether a token may do everything in every account: it limits its owner in nothing.
    pub fn allows_everywhere(&self, token: &CompiledToken) -> bool {
        let denies = token.policies().any(|(policy, _)| policy.effect == Effect::Deny);
        let allowed = token.policies().filter(|(policy, _)| {
            let whole = policy.resources.get(ANY_ACCOUNT);
            policy.effect == Effect::Allow && matches!(whole, Some(TokenResource::Everything(_)))
        });
        let allowed = allowed.fold(PermissionSet::EMPTY, |set, (_, compiled)| set | compiled.permissions);
        !denies && self.catalog().all_privileges().is_subset(&allowed)
    }

    /// The same decision as [`Engine::allows`], with its reason and the policies that made it.
    pub fn decide(
        &self,
        state: &AccountState,
        principal: &Principal,
        accepted: &PermissionSet,
        target: Target<'_>,
    ) -> Decision {
        let (mut allows, mut denies) = (PolicyIds::new(), PolicyIds::new());
        let mut spoken: Vec<(PolicyId, Effect, PermissionSet)> = Vec::new();
        let sides = self.sides(state, principal, Place::At(target), &mut |policy, effect, permissions| {
            spoken.push((policy, effect, permissions));
        });
        let granted = sides.held & *accepted;
        for (policy, effect, permissions) in spoken {
            match effect {
                Effect::Allow if permissions.intersects(&granted) => allows.push(policy),
                Effect::Deny if permissions.intersects(accepted) => denies.push(policy),
                Effect::Allow | Effect::Deny => {}
            }
        }
        if !granted.is_empty() {
            Decision { allowed: true, reason: Reason::Allow, policies: allows }
        } else if sides.denied.intersects(accepted) {
            Decision { allowed: false, reason: Reason::ExplicitDeny, policies: denies }
        } else {
            Decision { allowed: false, reason: Reason::ImplicitDeny, policies: Vec::new() }
        }
    }
}
