//! One question put to member after member: what a group says of it is worked out once, for however many are in it.

use catalog::PermissionSet;
use model::ids::MemberId;
use rustc_hash::FxHashMap;

use crate::Account;
use crate::index::grants::Words;
use crate::principal::Principal;
use crate::question::action::Action;
use crate::rights::Rights;
use crate::target::Target;

/// The question, and what groups said of it so far.
pub(super) struct Sweep<'s> {
    account: &'s Account,
    action: &'s Action,
    target: Target,
    /// What must be held: one of these, or all of these. None where no policy can decide it: nothing, or membership.
    asked: Option<PermissionSet>,
    words: Words,
    /// By the slot of a group.
    groups: FxHashMap<u32, Rights>,
}

impl<'s> Sweep<'s> {
    pub(super) fn new(account: &'s Account, action: &'s Action, target: Target) -> Sweep<'s> {
        let asked = match action {
            // Membership may suffice for it, which the decision itself looks at.
            Action::AnyOf(need) => (!need.any_member || !target.is_account()).then_some(need.accepts),
            Action::AllOf(bundle) => account.engine().asked_of_bundle(bundle, &target),
        };
        let words = Words::of(&asked.unwrap_or_default());
        Sweep { account, action, target, asked, words, groups: FxHashMap::default() }
    }

    /// Whether the member may: what [`crate::Engine::may`] answers.
    pub(super) fn may(&mut self, member: MemberId) -> bool {
        let Some(asked) = self.asked else {
            return self.account.engine().may(self.account, &Principal::Member(member), self.action, &self.target);
        };
        let index = self.account.index();
        let Some(membership) = index.member(member).filter(|membership| membership.is_accepted()) else { return false };
        let mut rights = Rights::default();
        if let Some(direct) = index.direct_of(membership) {
            direct.add_on(&self.target, &asked, self.words, &mut rights);
        }
        for slot in membership.slots() {
            let said = self.groups.entry(*slot).or_insert_with(|| {
                let mut said = Rights::default();
                index.slot(*slot).grants.add_on(&self.target, &asked, self.words, &mut said);
                said
            });
            rights.allow |= said.allow;
            rights.deny |= said.deny;
        }
        let held = rights.held();
        match self.action {
            Action::AnyOf(_) => held.intersects(&asked),
            Action::AllOf(_) => asked.is_subset(&held),
        }
    }
}
