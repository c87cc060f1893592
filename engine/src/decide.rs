//! The decision, and the policies that made it.

use catalog::PermissionSet;
use model::account_state::Holder;
use model::ids::{MemberId, PolicyId};
use model::policies::Effect;

use crate::index::Membership;
use crate::index::grants::Grants;
use crate::principal::{CompiledToken, Principal};
use crate::rights::{Asked, Where};
use crate::target::Target;
use crate::{Account, Engine};

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
    /// The account has no such subject, or it exercises nothing there.
    UnknownSubject,
    /// The account has no such resource.
    UnknownResource,
}

impl Reason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Allow => "allow",
            Reason::ExplicitDeny => "explicit_deny",
            Reason::ImplicitDeny => "implicit_deny",
            Reason::Condition => "condition",
            Reason::UnknownSubject => "unknown_subject",
            Reason::UnknownResource => "unknown_resource",
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

impl Decision {
    /// A refusal that no policy made.
    pub fn refused(reason: Reason) -> Decision {
        Decision { allowed: false, reason, policies: Vec::new() }
    }
}

/// A policy that speaks of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spoken {
    /// Whose policy it is.
    pub source: Source,
    /// Its place among the policies of its source.
    pub position: usize,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// What it says there.
    pub permissions: PermissionSet,
}

/// Whose policy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A member's own, or a group's.
    Holder(Holder),
    /// The token's own.
    Token,
}

impl Engine {
    /// Whether the principal may do, on the target, something that any one permission of `accepted` suffices for.
    #[inline]
    pub fn allows(&self, account: &Account, principal: &Principal, accepted: &PermissionSet, target: &Target) -> bool {
        account.may(principal, accepted, target)
    }

    /// The permissions that the principal may exercise on the target.
    pub fn held(&self, account: &Account, principal: &Principal, target: &Target) -> PermissionSet {
        account.sides(principal, &Asked::new(self.everything(), Where::On(target))).held
    }

    /// The permissions that the principal may exercise on the account and everything in it, now and later.
    pub fn held_throughout(&self, account: &Account, principal: &Principal) -> PermissionSet {
        account.sides(principal, &Asked::new(self.everything(), Where::Throughout)).held
    }

    /// The same decision as [`Engine::allows`], with its reason and the policies that made it.
    pub fn decide(
        &self,
        account: &Account,
        principal: &Principal,
        accepted: &PermissionSet,
        target: &Target,
    ) -> Decision {
        let Verdict { allowed, reason, counted } = account.verdict(principal, accepted, target);
        let mut policies = Vec::new();
        if reason != Reason::ImplicitDeny {
            let effect = if allowed { Effect::Allow } else { Effect::Deny };
            account.spoken(principal, target, &counted, &mut |spoken| {
                if spoken.effect == effect {
                    policies.extend(account.policy_id(principal, &spoken));
                }
            });
        }
        Decision { allowed, reason, policies }
    }
}

/// A decision, and the permissions that it turned on.
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) reason: Reason,
    /// Of those asked for, what is held; all of them where nothing is.
    pub(crate) counted: PermissionSet,
}

impl Account {
    /// Whether the principal may exercise any of these permissions on the target, and why: the decision, but for the
    /// policies that made it, which [`Account::spoken`] shows.
    #[inline]
    pub(crate) fn verdict(&self, principal: &Principal, accepted: &PermissionSet, target: &Target) -> Verdict {
        let sides = self.sides(principal, &Asked::new(accepted, Where::On(target)));
        let granted = sides.held & *accepted;
        if !granted.is_empty() {
            Verdict { allowed: true, reason: Reason::Allow, counted: granted }
        } else if sides.denied.intersects(accepted) {
            Verdict { allowed: false, reason: Reason::ExplicitDeny, counted: *accepted }
        } else {
            Verdict { allowed: false, reason: Reason::ImplicitDeny, counted: *accepted }
        }
    }

    /// Shows each policy that says something of any of these permissions on the target, of every side.
    pub(crate) fn spoken(
        &self,
        principal: &Principal,
        target: &Target,
        counted: &PermissionSet,
        visit: &mut dyn FnMut(Spoken),
    ) {
        match principal {
            Principal::System => {}
            Principal::User(user) => {
                let member = self.index().member_of_user(*user);
                self.spoken_by_member(member, target, counted, visit);
            }
            Principal::Member(member) => self.spoken_by_member(Some(*member), target, counted, visit),
            Principal::UserGroup(group) => {
                if let Some(grants) = self.index().group(*group) {
                    self.spoken_by(Source::Holder(Holder::Group(*group)), grants, target, counted, visit);
                }
            }
            Principal::UserToken { user, token } => {
                self.spoken_by_token(token, target, counted, visit);
                self.spoken_by_member(self.index().member_of_user(*user), target, counted, visit);
            }
            Principal::AccountToken { account, token } => {
                if *account == self.account_id() {
                    self.spoken_by_token(token, target, counted, visit);
                }
            }
        }
    }

    fn spoken_by_member(
        &self,
        member: Option<MemberId>,
        target: &Target,
        counted: &PermissionSet,
        visit: &mut dyn FnMut(Spoken),
    ) {
        let Some((id, membership)) = member.and_then(|id| Some((id, self.index().member(id)?))) else { return };
        if membership.is_accepted() {
            self.spoken_by_membership(id, membership, target, counted, visit);
        }
    }

    /// What a member's own policies and those of its groups say, whatever its standing.
    pub(crate) fn spoken_by_membership(
        &self,
        id: MemberId,
        membership: &Membership,
        target: &Target,
        counted: &PermissionSet,
        visit: &mut dyn FnMut(Spoken),
    ) {
        if let Some(direct) = self.index().direct_of(membership) {
            self.spoken_by(Source::Holder(Holder::Member(id)), direct, target, counted, visit);
        }
        for slot in self.index().groups_of(membership) {
            self.spoken_by(Source::Holder(Holder::Group(slot.id)), &slot.grants, target, counted, visit);
        }
    }

    /// A token's policy may speak of the target by the account's key and by another one: it is shown once.
    pub(crate) fn spoken_by_token(
        &self,
        token: &CompiledToken,
        target: &Target,
        counted: &PermissionSet,
        visit: &mut dyn FnMut(Spoken),
    ) {
        let mut shown = Vec::new();
        for grants in token.grants_in(self.account_id()) {
            self.spoken_by(Source::Token, grants, target, counted, &mut |spoken| {
                if !shown.contains(&spoken.position) {
                    shown.push(spoken.position);
                    visit(spoken);
                }
            });
        }
    }

    pub(crate) fn spoken_by(
        &self,
        source: Source,
        grants: &Grants,
        target: &Target,
        counted: &PermissionSet,
        visit: &mut dyn FnMut(Spoken),
    ) {
        if !grants.mentions().intersects(counted) {
            return;
        }
        for (position, statement) in grants.statements.iter().enumerate() {
            if statement.reach.covers(target) {
                let permissions = statement.on(self.engine(), target.kind);
                if permissions.intersects(counted) {
                    visit(Spoken { source, position, effect: statement.effect, permissions });
                }
            }
        }
    }

    /// The id of a policy that spoke for or against the principal.
    pub fn policy_id(&self, principal: &Principal, spoken: &Spoken) -> Option<PolicyId> {
        match spoken.source {
            Source::Holder(holder) => self.policies_of(holder).get(spoken.position).map(|policy| policy.id),
            Source::Token => principal.token()?.token.policies.get(spoken.position).map(|policy| policy.id),
        }
    }
}
