//! What a principal has on a target: the union of what allows and the union of what denies, from every policy that
//! covers it. Decisions, evidence and the checks on grants all come here.

use std::sync::Arc;

use catalog::PermissionSet;
use model::ids::{MemberId, UserId};
use model::policies::Effect;

use crate::Account;
use crate::index::Membership;
use crate::index::grants::{Grants, Words};
use crate::principal::{CompiledToken, Principal};
use crate::target::Target;

/// What one side (a member, a group, a token) has on a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

    pub(crate) fn add(&mut self, effect: Effect, permissions: PermissionSet) {
        match effect {
            Effect::Allow => self.allow |= permissions,
            Effect::Deny => self.deny |= permissions,
        }
    }

    #[inline]
    pub(crate) fn add_words(&mut self, at: usize, allow: u64, deny: u64) {
        self.allow.add_word(at, allow);
        self.deny.add_word(at, deny);
    }
}

/// Where rights are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Where<'a> {
    /// On one target.
    On(&'a Target),
    /// On the account and everything in it, now and later: an allow must cover all of it, a deny anywhere counts.
    Throughout,
}

/// What is asked: some permissions, somewhere. Of others the rights that come of it say nothing.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    permissions: &'a PermissionSet,
    words: Words,
    place: Where<'a>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(permissions: &'a PermissionSet, place: Where<'a>) -> Asked<'a> {
        Asked { permissions, words: Words::of(permissions), place }
    }

    #[inline]
    fn add(&self, grants: &Grants, rights: &mut Rights) {
        match self.place {
            Where::On(target) => grants.add_on(target, self.permissions, self.words, rights),
            Where::Throughout => grants.add_throughout(self.words, rights),
        }
    }
}

/// The one word of a permission set that a question is about.
struct Word<'a> {
    at: usize,
    bits: u64,
    target: &'a Target,
}

impl Word<'_> {
    /// What these grants together let exercise, in the word.
    #[inline]
    fn held<'g>(&self, grants: impl Iterator<Item = &'g Grants>) -> u64 {
        let (mut allow, mut deny) = (0, 0);
        for grants in grants.filter(|grants| grants.mentions().words()[self.at] & self.bits != 0) {
            let (more, less) = grants.word_on(self.target, self.at);
            allow |= more;
            deny |= less;
        }
        allow & !deny
    }
}

/// What comes of all sides together.
#[derive(Clone, Copy, Default)]
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

impl Account {
    /// Whether the principal may exercise one of these permissions on the target: what [`Account::sides`] comes to, for
    /// the one word of the sets that matters to nearly every question.
    #[inline]
    pub(crate) fn may(&self, principal: &Principal, accepted: &PermissionSet, target: &Target) -> bool {
        let Some(word) = Words::of(accepted).single() else {
            return self.sides(principal, &Asked::new(accepted, Where::On(target))).held.intersects(accepted);
        };
        let asked = Word { at: word, bits: accepted.words()[word], target };
        let held = match principal {
            Principal::System => asked.bits,
            Principal::User(user) => self.held_by_user(*user, &asked),
            Principal::Member(member) => self.held_by_member(self.index().member(*member), &asked),
            Principal::UserGroup(group) => asked.held(self.index().group(*group).into_iter().map(Arc::as_ref)),
            Principal::UserToken { user, token } => {
                self.held_by_token(token, &asked) & self.held_by_user(*user, &asked)
            }
            Principal::AccountToken { account, token } if *account == self.account_id() => {
                self.held_by_token(token, &asked)
            }
            Principal::AccountToken { .. } => 0,
        };
        held & asked.bits != 0
    }

    fn held_by_user(&self, user: UserId, asked: &Word<'_>) -> u64 {
        let index = self.index();
        self.held_by_member(index.member_of_user(user).and_then(|member| index.member(member)), asked)
    }

    #[inline]
    fn held_by_member(&self, membership: Option<&Membership>, asked: &Word<'_>) -> u64 {
        let Some(membership) = membership.filter(|membership| membership.is_accepted()) else { return 0 };
        let groups = self.index().groups_of(membership);
        let groups = groups.filter(|slot| slot.mentions.words()[asked.at] & asked.bits != 0);
        let direct = self.index().direct_of(membership).into_iter();
        asked.held(direct.chain(groups.map(|slot| &slot.grants)).map(Arc::as_ref))
    }

    fn held_by_token(&self, token: &CompiledToken, asked: &Word<'_>) -> u64 {
        asked.held(token.grants_in(self.account_id()).map(Arc::as_ref))
    }

    /// What a principal has of what is asked: one side for a member or an account's token, two for a user's token, which
    /// may do only what both sides may (D5).
    #[inline]
    pub(crate) fn sides(&self, principal: &Principal, asked: &Asked<'_>) -> Sides {
        match principal {
            Principal::System => Sides { held: *asked.permissions, denied: PermissionSet::EMPTY },
            Principal::User(user) => Sides::of(self.user_rights(*user, asked)),
            Principal::Member(member) => Sides::of(self.accepted_rights(self.index().member(*member), asked)),
            Principal::UserGroup(group) => {
                let mut rights = Rights::default();
                if let Some(grants) = self.index().group(*group) {
                    asked.add(grants, &mut rights);
                }
                Sides::of(rights)
            }
            Principal::UserToken { user, token } => {
                Sides::of(self.token_rights(token, asked)).both(self.user_rights(*user, asked))
            }
            Principal::AccountToken { account, token } if *account == self.account_id() => {
                Sides::of(self.token_rights(token, asked))
            }
            Principal::AccountToken { .. } => Sides::default(),
        }
    }

    fn user_rights(&self, user: UserId, asked: &Asked<'_>) -> Rights {
        let index = self.index();
        self.accepted_rights(index.member_of_user(user).and_then(|member| index.member(member)), asked)
    }

    /// Only accepted members exercise anything (D4).
    fn accepted_rights(&self, membership: Option<&Membership>, asked: &Asked<'_>) -> Rights {
        let mut rights = Rights::default();
        if let Some(membership) = membership.filter(|membership| membership.is_accepted()) {
            self.index().grants_of(membership).for_each(|grants| asked.add(grants, &mut rights));
        }
        rights
    }

    /// What a member has by its own policies and those of its groups, whatever its standing.
    pub(crate) fn member_rights(&self, member: MemberId, asked: &Asked<'_>) -> Rights {
        let mut rights = Rights::default();
        if let Some(membership) = self.index().member(member) {
            self.index().grants_of(membership).for_each(|grants| asked.add(grants, &mut rights));
        }
        rights
    }

    /// What a token has by itself, whatever its owner may.
    pub(crate) fn token_rights(&self, token: &CompiledToken, asked: &Asked<'_>) -> Rights {
        let mut rights = Rights::default();
        token.grants_in(self.account_id()).for_each(|grants| asked.add(grants, &mut rights));
        rights
    }
}
