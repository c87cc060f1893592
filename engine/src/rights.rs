//! What a principal has on a target: the union of what allows and the union of what denies, from every policy that
//! covers it. Decisions, evidence and the checks on grants all come here.

use catalog::PermissionSet;
use model::ids::MemberId;
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

    fn user_rights(&self, user: model::ids::UserId, asked: &Asked<'_>) -> Rights {
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
