//! Questions in the words that people and programs ask them in: `bea@example.com`, `DNS Write`, `zone` and an id. HTTP, the
//! command line and the explanations all read a question here, so that one word means one thing everywhere.
//!
//! | part | words |
//! | --- | --- |
//! | [`subject`] | a kind (`user`, `member`, `token`, `user_group`) and an id, or the address of a user |
//! | [`action`] | a token permission group, an operation, `METHOD /path`, or an IAM permission group |
//! | [`resource`] | a type, by its short name or its key, and an id, or the full key of the resource |
//!
//! What cannot be understood (an action, a kind, a type that nobody knows) is told from who or what is not there: the first
//! is a fault of the question, the second is an answer.

pub mod action;
pub mod resource;
pub mod subject;

use std::net::IpAddr;

use catalog::PermissionSet;
use model::time::Timestamp;
use model::tokens::{Condition, Token, TokenStatus};

use crate::decide::{Decision, Reason};
use crate::permit::Need;
use crate::principal::Principal;
use crate::question::action::{Action, Bundle};
use crate::target::Target;
use crate::{Account, Engine};

/// From where and when a token would be used (D46, D47). What is not known meets no condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The time.
    pub time: Option<Timestamp>,
}

/// What of a token's conditions is not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unmet {
    /// It is switched off.
    pub status: bool,
    /// It is not in its time, or the time is not known.
    pub time: bool,
    /// It may not be used from the address, or the address is not known.
    pub address: bool,
}

impl Unmet {
    /// Whether anything is not met.
    pub fn any(&self) -> bool {
        self.status || self.time || self.address
    }
}

impl Circumstances {
    /// Whether the token may be used under these circumstances.
    pub fn admit(&self, token: &Token) -> bool {
        !self.unmet(token).any()
    }

    /// What keeps the token from being used under these circumstances.
    pub fn unmet(&self, token: &Token) -> Unmet {
        let in_time = match self.time {
            Some(time) => token.is_in_time(time),
            None => token.not_before.is_none() && token.expires_on.is_none(),
        };
        let in_place = match self.address {
            Some(address) => token.condition.admits(address),
            None => token.condition == Condition::default(),
        };
        Unmet { status: token.status != TokenStatus::Active, time: !in_time, address: !in_place }
    }
}

impl Engine {
    /// Decides whether the subject may do the action on the target: as the doors of the server decide, by permission, or
    /// by membership where that suffices for the account itself (D14). Nobody may do anything, and nobody may do anything
    /// to what is not there; the reason says which it is. A token that may not be used under the circumstances is
    /// [`Reason::Condition`].
    pub fn answer(
        &self,
        account: &Account,
        subject: Option<&Principal>,
        action: &Action,
        target: Option<&Target>,
        circumstances: &Circumstances,
    ) -> Decision {
        let Some(principal) = subject else { return Decision::refused(Reason::UnknownSubject) };
        if principal.token().is_some_and(|token| !circumstances.admit(&token.token)) {
            return Decision::refused(Reason::Condition);
        }
        let Some(target) = target else { return Decision::refused(Reason::UnknownResource) };
        match action {
            Action::AnyOf(need) => {
                let decision = self.decide(account, principal, &need.accepts, target);
                if !decision.allowed && self.suffices_membership(account, principal, *need, target) {
                    return Decision { allowed: true, reason: Reason::Allow, policies: Vec::new() };
                }
                decision
            }
            Action::AllOf(bundle) => match self.asked_of_all(account, principal, bundle, target) {
                Some(asked) => self.decide(account, principal, &asked, target),
                None => Decision::refused(Reason::ImplicitDeny),
            },
        }
    }

    /// The permissions that the answer to a question about a bundle turns on: those that are missing, since of a denial
    /// only the policies that take away what is missing are evidence; where nothing is missing, all of the bundle. None
    /// where the bundle cannot be granted.
    pub(crate) fn asked_of_all(
        &self,
        account: &Account,
        principal: &Principal,
        bundle: &Bundle,
        target: &Target,
    ) -> Option<PermissionSet> {
        let asked = self.asked_of_bundle(bundle, target)?;
        let missing = asked - self.held(account, principal, target);
        Some(if missing.is_empty() { asked } else { missing })
    }

    /// Whether the principal may do the action on the target, circumstances aside: the boolean of [`Engine::answer`], for
    /// those who ask of many and need no evidence.
    pub fn may(&self, account: &Account, principal: &Principal, action: &Action, target: &Target) -> bool {
        match action {
            Action::AnyOf(need) => {
                self.allows(account, principal, &need.accepts, target)
                    || self.suffices_membership(account, principal, *need, target)
            }
            Action::AllOf(bundle) => self
                .asked_of_bundle(bundle, target)
                .is_some_and(|asked| asked.is_subset(&self.held(account, principal, target))),
        }
    }

    /// Whether being a member suffices, whatever policies say (D14).
    pub(crate) fn suffices_membership(
        &self,
        account: &Account,
        principal: &Principal,
        need: Need,
        target: &Target,
    ) -> bool {
        need.any_member && target.is_account() && self.permit(account, principal, need, None).is_ok()
    }
}
