//! The rules of permissions that every commit keeps.
//!
//! * An account keeps at least one effective super administrator (D19).
//! * Only a super administrator grants or revokes `all_privileges` (D16), save to restore an account that has none.
//! * Nobody grants more than they hold (D15), except that whoever manages members grants any other role (D17). Tokens are
//!   no exception: see `tokens`.
//!
//! They look at the state before and after, not at the operation, so that no path around them exists.

mod held;
mod tokens;

use std::collections::BTreeSet;

use model::account_state::Holder;
use model::change::{Change, Document, DocumentId};
use model::ids::{MemberId, ResourceGroupId};
use model::members::Standing;
use model::policies::{Effect, Policy};
use model::problem::{FaultKind, Problem};

use crate::principal::Principal;
use crate::rights::{Asked, Where};
use crate::target::Target;
use crate::{Account, Engine};

/// What the rules need to know besides the states.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latitude {
    /// A token that holds only SCIM Provisioning may change policies, as far as it holds what it grants (D17).
    pub scim_may_manage_policies: bool,
    /// The membership or invitation that the principal answers for: it may leave or decline, whatever it gives up (D14).
    pub own_membership: Option<MemberId>,
}

impl Engine {
    /// Checks a commit.
    ///
    /// # Errors
    /// [`FaultKind::LastSuperAdministrator`] or [`FaultKind::Escalation`].
    pub fn check(
        &self,
        before: &Account,
        after: &Account,
        changes: &[Change],
        principal: &Principal,
        latitude: Latitude,
    ) -> Result<(), Problem> {
        if !matches!(principal, Principal::System) {
            self.tokens_grant_only_what_is_held(before, changes, principal)?;
        }
        if !changes.iter().any(touches_permissions) {
            return Ok(());
        }
        self.keeps_super_administrator(before, after)?;
        if matches!(principal, Principal::System) {
            return Ok(());
        }
        self.grants_all_privileges_rightly(before, after, changes, principal, latitude)?;
        self.grants_only_what_is_held(before, after, changes, principal, latitude)
    }

    /// Whether the account has a member who can administer it: accepted, holding `all_privileges` on the account and
    /// everything in it, not cancelled by a deny (D19).
    pub fn has_super_administrator(&self, state: &Account) -> bool {
        self.super_administrators(state).next().is_some()
    }

    /// The members who can administer the account (D19). One may come twice, by several grants.
    pub fn super_administrators<'a>(&'a self, state: &'a Account) -> impl Iterator<Item = MemberId> + 'a {
        let holders = self.administration().all_privileges.into_iter().flat_map(|id| state.holders(id));
        let members = holders.flat_map(move |holder| -> Box<dyn Iterator<Item = MemberId> + 'a> {
            match holder {
                Holder::Member(member) => Box::new(std::iter::once(member)),
                Holder::Group(group) => Box::new(state.group_members(group)),
            }
        });
        members.filter(move |member| self.is_super_administrator(state, *member))
    }

    /// Whether this member can administer the account (D19).
    pub fn is_super_administrator(&self, state: &Account, member: MemberId) -> bool {
        state.member(&member).is_some_and(|member| member.user().is_some())
            && self.has_all_privileges(state, Holder::Member(member))
    }

    /// Whether the holder has an effective grant of `all_privileges` on the whole account, or will have it on accepting.
    /// Whoever declined has none any more: to invite them again is to grant anew.
    fn has_all_privileges(&self, state: &Account, holder: Holder) -> bool {
        let Some(all) = self.administration().all_privileges else { return false };
        let grants = |policy: &Policy| {
            let mut groups = policy.resource_groups.iter().filter_map(|id| state.resource_group(id));
            policy.access == Effect::Allow
                && policy.permission_groups.contains(&all)
                && groups.any(|group| group.scope.is_whole(state.account_id()))
        };
        match holder {
            Holder::Group(_) => state.policies_of(holder).iter().any(grants),
            Holder::Member(member) => {
                if state.member(&member).is_none_or(|member| matches!(member.standing, Standing::Rejected { .. })) {
                    return false;
                }
                let holders = std::iter::once(holder).chain(state.groups_of(member).map(Holder::Group));
                let granted = holders.flat_map(|holder| state.policies_of(holder)).any(grants);
                let manage = &self.administration().manage;
                let asked = Asked::new(manage, Where::On(&Target::ACCOUNT));
                granted && state.member_rights(member, &asked).held().intersects(manage)
            }
        }
    }

    fn keeps_super_administrator(&self, before: &Account, after: &Account) -> Result<(), Problem> {
        // An account that has lost them all outside of these rules can still be mended, so only the last step counts.
        // A deleted account is no longer anybody's.
        let is_deleted = after.account().is_some_and(|account| account.deleted_on.is_some());
        let had = before.revision == 0 || self.has_super_administrator(before);
        if had && !is_deleted && !self.has_super_administrator(after) {
            let message = "the account must keep at least one super administrator";
            return Err(Problem::new(FaultKind::LastSuperAdministrator, message));
        }
        Ok(())
    }

    fn grants_all_privileges_rightly(
        &self,
        before: &Account,
        after: &Account,
        changes: &[Change],
        principal: &Principal,
        latitude: Latitude,
    ) -> Result<(), Problem> {
        let touched = self.touched_holders(before, after, changes);
        let has = |state: &Account, holder: &Holder| self.has_all_privileges(state, *holder);
        let granted = touched.iter().any(|holder| has(after, holder) && !has(before, holder));
        let revoked = touched.iter().any(|holder| has(before, holder) && !has(after, holder));
        if !granted && !revoked {
            return Ok(());
        }
        let restores = granted
            && !revoked
            && matches!(principal, Principal::AccountToken { .. })
            && !self.has_super_administrator(before)
            && self.manages_members(before, principal);
        if restores
            || self.acts_as_super_administrator(before, principal)
            || only_itself(&touched, before, principal, latitude, granted)
        {
            return Ok(());
        }
        let message = "only a super administrator may grant or revoke \"Super Administrator - All Privileges\"";
        Err(Problem::new(FaultKind::Escalation, message))
    }

    /// Everybody whose hold on `all_privileges` the changes may alter.
    fn touched_holders(&self, before: &Account, after: &Account, changes: &[Change]) -> BTreeSet<Holder> {
        let mut touched = BTreeSet::new();
        for change in changes {
            match change.id() {
                DocumentId::Member(member) | DocumentId::GroupMember(_, member) => {
                    touched.insert(Holder::Member(member));
                }
                DocumentId::UserGroup(group) => {
                    touched.insert(Holder::Group(group));
                    // A group's denials can cancel a super administrator who is in it, by whatever way he is one.
                    let is_in = |holder: &Holder| {
                        matches!(holder, Holder::Member(member)
                        if before.in_group_since(*member, group).or(after.in_group_since(*member, group)).is_some())
                    };
                    touched.extend(self.grantees(before).chain(self.grantees(after)).filter(is_in));
                }
                DocumentId::ResourceGroup(_) => touched.extend(self.grantees(before).chain(self.grantees(after))),
                DocumentId::Account
                | DocumentId::Resource(_)
                | DocumentId::RemovedResource(_)
                | DocumentId::Token(_) => {}
                DocumentId::SsoConnector(_) | DocumentId::User => {}
            }
        }
        touched
    }

    /// Whoever has a policy that names `all_privileges`, and the members of the groups among them.
    fn grantees<'a>(&self, state: &'a Account) -> impl Iterator<Item = Holder> + use<'a> {
        let holders = self.administration().all_privileges.into_iter().flat_map(|id| state.holders(id));
        holders.flat_map(|holder| {
            let members = match holder {
                Holder::Member(_) => None,
                Holder::Group(group) => Some(state.group_members(group).map(Holder::Member)),
            };
            std::iter::once(holder).chain(members.into_iter().flatten())
        })
    }

    /// Whether the principal is a super administrator, or a token of one that may do all its owner may.
    pub fn acts_as_super_administrator(&self, state: &Account, principal: &Principal) -> bool {
        let is_super =
            |user| state.member_of_user(user).is_some_and(|member| self.is_super_administrator(state, member.id));
        match principal {
            Principal::System => true,
            Principal::User(user) => is_super(user),
            Principal::UserToken { user, .. } => {
                let held = self.held_throughout(state, principal);
                is_super(user) && self.catalog().all_privileges().is_subset(&held)
            }
            Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_) => false,
        }
    }

    /// Whether the principal manages members, groups and policies: D17 lets it grant any role but `all_privileges`.
    pub fn manages_members(&self, state: &Account, principal: &Principal) -> bool {
        self.allows(state, principal, &self.administration().manage, &Target::ACCOUNT)
    }

    fn grants_only_what_is_held(
        &self,
        before: &Account,
        after: &Account,
        changes: &[Change],
        principal: &Principal,
        latitude: Latitude,
    ) -> Result<(), Problem> {
        if self.manages_members(before, principal) {
            return Ok(());
        }
        if !latitude.scim_may_manage_policies
            && let Some(policy) = self.rewritten_policy(before, after, changes, principal)
        {
            return Err(Problem::new(FaultKind::Escalation, self.failed_check(&policy)));
        }
        let holds = self.holds(before, principal);
        for (state, policy) in self.gains(before, after, changes) {
            let within = latitude.scim_may_manage_policies && holds.all_of_policy(state, &policy);
            if !self.permissions_of(&policy).is_empty() && !within {
                return Err(Problem::new(FaultKind::Escalation, self.failed_check(&policy)));
            }
        }
        Ok(())
    }

    /// A policy that was attached to, changed or taken from a holder that stays (D17); one that grants nothing is no
    /// matter, nor what a user does to its own (D18).
    fn rewritten_policy(
        &self,
        before: &Account,
        after: &Account,
        changes: &[Change],
        principal: &Principal,
    ) -> Option<Policy> {
        let own = own_membership(before, principal);
        let holders = changes.iter().filter_map(|change| match change {
            Change::Put(Document::Member(member)) => Some(Holder::Member(member.id)),
            Change::Put(Document::UserGroup(group)) => Some(Holder::Group(group.id)),
            Change::Put(_) | Change::Delete(_) => None,
        });
        holders.filter(|holder| Some(*holder) != own).find_map(|holder| {
            let (old, new) = (before.policies_of(holder), after.policies_of(holder));
            let other = |policy: &&Policy, others: &[Policy]| !others.iter().any(|other| same(policy, other));
            let differs =
                new.iter().filter(|policy| other(policy, old)).chain(old.iter().filter(|policy| other(policy, new)));
            differs.into_iter().find(|policy| !self.permissions_of(policy).is_empty()).cloned()
        })
    }

    /// The policies whose effect opens something: new or changed allows, and denies that go or change. Group
    /// membership by itself is D17's own grant, save where leaving a group lifts a deny (D42).
    fn gains<'a>(&self, before: &'a Account, after: &'a Account, changes: &[Change]) -> Vec<(&'a Account, Policy)> {
        let mut gains = Vec::new();
        for change in changes {
            match change.id() {
                DocumentId::Member(member) => compare(before, after, Holder::Member(member), &mut gains),
                DocumentId::UserGroup(group) => compare(before, after, Holder::Group(group), &mut gains),
                DocumentId::GroupMember(group, member) if after.member(&member).is_some() => {
                    let denies =
                        before.policies_of(Holder::Group(group)).iter().filter(|policy| policy.access == Effect::Deny);
                    if after.in_group_since(member, group).is_none() {
                        gains.extend(denies.map(|policy| (before, policy.clone())));
                    }
                }
                DocumentId::ResourceGroup(id) => {
                    let was = before.resource_group(&id).map(|group| &group.scope);
                    if was.is_some() && was != after.resource_group(&id).map(|group| &group.scope) {
                        gains.extend(uses(after, id).map(|policy| (after, policy.clone())));
                    }
                }
                DocumentId::GroupMember(..) | DocumentId::Account | DocumentId::Resource(_) => {}
                DocumentId::RemovedResource(_) => {}
                DocumentId::Token(_) | DocumentId::SsoConnector(_) | DocumentId::User => {}
            }
        }
        gains
    }

    fn failed_check(&self, policy: &Policy) -> String {
        let names =
            policy.permission_groups.iter().filter_map(|id| self.catalog().iam_group(id)).map(|group| &*group.name);
        let names: Vec<&str> = names.collect();
        format!("Failed common permission check against resources. (Permission group: \"{}\")", names.join("\", \""))
    }
}

fn touches_permissions(change: &Change) -> bool {
    match change.id() {
        DocumentId::Account | DocumentId::Member(_) | DocumentId::UserGroup(_) => true,
        DocumentId::GroupMember(..) | DocumentId::ResourceGroup(_) => true,
        DocumentId::Resource(_) | DocumentId::RemovedResource(_) | DocumentId::Token(_) => false,
        DocumentId::SsoConnector(_) | DocumentId::User => false,
    }
}

/// D18: a principal may always reduce its own access.
fn only_itself(
    touched: &BTreeSet<Holder>,
    before: &Account,
    principal: &Principal,
    latitude: Latitude,
    granted: bool,
) -> bool {
    let own = latitude.own_membership.map(Holder::Member).or_else(|| own_membership(before, principal));
    !granted && own.is_some_and(|own| touched.iter().all(|holder| *holder == own))
}

/// The membership of a user who acts by key.
fn own_membership(state: &Account, principal: &Principal) -> Option<Holder> {
    match principal {
        Principal::User(user) => state.member_of_user(user).map(|member| Holder::Member(member.id)),
        Principal::UserToken { .. } | Principal::AccountToken { .. } | Principal::System => None,
        Principal::Member(_) | Principal::UserGroup(_) => None,
    }
}

fn compare<'a>(before: &'a Account, after: &'a Account, holder: Holder, gains: &mut Vec<(&'a Account, Policy)>) {
    let (old, new) = (before.policies_of(holder), after.policies_of(holder));
    let opened =
        new.iter().filter(|policy| policy.access == Effect::Allow && !old.iter().any(|other| same(policy, other)));
    gains.extend(opened.map(|policy| (after, policy.clone())));
    let lifted =
        old.iter().filter(|policy| policy.access == Effect::Deny && !new.iter().any(|other| same(policy, other)));
    let still_there = match holder {
        Holder::Member(member) => after.member(&member).is_some(),
        Holder::Group(group) => before.group_size(group) > 0,
    };
    if still_there {
        gains.extend(lifted.map(|policy| (before, policy.clone())));
    }
}

fn uses(state: &Account, group: ResourceGroupId) -> impl Iterator<Item = &Policy> {
    let used = state.policies_using(&group) > 0;
    used.then(|| state.all_policies())
        .into_iter()
        .flatten()
        .filter(move |policy| policy.resource_groups.contains(&group))
}

/// Whether two policies say the same, whatever their ids and times.
fn same(one: &Policy, other: &Policy) -> bool {
    one.access == other.access
        && one.permission_groups == other.permission_groups
        && one.resource_groups == other.resource_groups
}
