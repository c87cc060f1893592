//! Why a decision is what it is, and what would change it.
//!
//! Bea may not edit the DNS of `example.com`. Nothing of hers allows it, or something forbids it: these are two different
//! troubles, and [`Explanation`] tells which, by every policy that speaks of what was asked. [`remedies`] tells the
//! smallest changes that would let her: which denies to lift, what to grant, and to whom. [`effective`] turns the question
//! around: all that she may do, and by which policies.
//!
//! The walk is that of the decision ([`crate::decide`]), with the evidence kept. What a policy of the evidence rests on
//! (which of its permission groups, which of its resource groups) is worked out by [`link`] when somebody reads it.

pub mod effective;
pub mod link;
pub mod question;
pub mod remedies;

use catalog::PermissionSet;

use crate::decide::{Reason, Spoken, Verdict};
use crate::principal::Principal;
use crate::target::Target;
use crate::{Account, Engine};

/// A decision with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The answer.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The permissions that it turned on: of those asked for the ones that are held, or where nothing is, all of them.
    pub asked: PermissionSet,
    /// Every policy that says something of those on the target. An answer that allows has only policies that allow, and
    /// without all of them it would not. An answer that denies has the policies that deny, and those that would have
    /// allowed: those of the one side of a user's token while the other allows nothing (D5), or those that are overridden.
    pub chain: Vec<Spoken>,
    /// Being an accepted member suffices, whatever policies say (D14).
    pub by_membership: bool,
}

impl Engine {
    /// The same decision as [`Engine::decide`], with every policy that speaks of what was asked.
    pub fn explain(
        &self,
        account: &Account,
        principal: &Principal,
        accepted: &PermissionSet,
        target: &Target,
    ) -> Explanation {
        let Verdict { allowed, reason, counted } = account.verdict(principal, accepted, target);
        let mut chain = Vec::new();
        account.spoken(principal, target, &counted, &mut |spoken| chain.push(spoken));
        Explanation { allowed, reason, asked: counted, chain, by_membership: false }
    }
}
