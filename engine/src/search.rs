//! The question turned around: who may do this here, where may she do this, and what may she do here.
//!
//! A search is a walk over all that there are, in a stable order, asking about each: so it agrees with the decisions, and
//! goes on after whatever it stopped at. Subjects come in the order of their ids, resources of their keys, actions of
//! their names.

mod sweep;

use std::fmt;

use catalog::{ResourceType, ResourceTypeIndex};
use model::ids::{Id, MemberId, TokenId, UserGroupId, UserId};

use crate::Account;
use crate::principal::Principal;
use crate::question::Circumstances;
use crate::question::action::Action;
use crate::question::subject::SubjectKind;
use crate::target::Target;
use sweep::Sweep;

/// Something that a search found: the id of a subject, the id of a resource, or the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'s> {
    /// An id.
    Id(Id),
    /// A text.
    Text(&'s str),
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Id(id) => id.fmt(f),
            Entry::Text(text) => f.write_str(text),
        }
    }
}

/// Candidates in their order: what was found, or nothing where the answer was no, so that whoever waits can rest.
pub type Candidates<'s> = Box<dyn Iterator<Item = Option<Entry<'s>>> + Send + 's>;

/// The subjects of a kind after that id, by id, that may do the action on the target. `circumstances` tells those of a token.
pub fn subjects<'s>(
    account: &'s Account,
    kind: SubjectKind,
    after: Option<Id>,
    action: &'s Action,
    target: Target,
    circumstances: impl Fn(TokenId) -> Circumstances + Send + 's,
) -> Candidates<'s> {
    let engine = account.engine();
    let test =
        move |id: Id, principal: &Principal| engine.may(account, principal, action, &target).then_some(Entry::Id(id));
    match kind {
        SubjectKind::User => {
            let mut sweep = Sweep::new(account, action, target);
            let users = account.users_from(after.map(UserId));
            Box::new(users.map(move |(user, member)| sweep.may(member).then_some(Entry::Id(user.0))))
        }
        SubjectKind::Member => {
            let mut sweep = Sweep::new(account, action, target);
            let members = account.member_ids_from(after.map(MemberId));
            Box::new(members.map(move |member| sweep.may(member).then_some(Entry::Id(member.0))))
        }
        SubjectKind::UserGroup => {
            let groups = account.user_groups_from(after.map(UserGroupId));
            Box::new(groups.map(move |group| test(group.id.0, &Principal::UserGroup(group.id))))
        }
        SubjectKind::Token => Box::new(account.tokens_from(after.map(TokenId)).map(move |token| {
            let compiled = engine.compile_token(token).into();
            let principal = Principal::AccountToken { account: account.account_id(), token: compiled };
            circumstances(token.id).admit(token).then(|| test(token.id.0, &principal))?
        })),
    }
}

/// The resources of a type after that id, by id, on which the principal may do the action.
pub fn resources<'s>(
    account: &'s Account,
    kind: &'s ResourceType,
    after: Option<&str>,
    principal: &'s Principal,
    action: &'s Action,
) -> Candidates<'s> {
    let engine = account.engine();
    if kind.index == ResourceTypeIndex::ACCOUNT {
        let own = after.is_none().then(|| account.account_id().0);
        return Box::new(
            own.into_iter()
                .map(move |id| engine.may(account, principal, action, &Target::ACCOUNT).then_some(Entry::Id(id))),
        );
    }
    let first = format!("{}.{}", kind.key, after.unwrap_or_default());
    let below = |key: &'s str| key.strip_prefix(&*kind.key)?.strip_prefix('.');
    let of_kind =
        account.resources_from(Some(&first)).map_while(move |resource| Some((&*resource.key, below(&resource.key)?)));
    Box::new(of_kind.map(move |(key, id)| {
        // A shorter type key may begin a longer one.
        let target = account.resource(key).filter(|target| target.kind == kind.index)?;
        engine.may(account, principal, action, &target).then_some(Entry::Text(id))
    }))
}

/// The names after that one, in their order, of the permissions that the principal holds on the target.
pub fn actions<'s>(
    account: &'s Account,
    after: Option<&str>,
    principal: &Principal,
    target: &Target,
) -> Candidates<'s> {
    let engine = account.engine();
    let held = engine.held(account, principal, target);
    let mut names: Vec<&str> = held.iter().map(|index| &*engine.catalog().permission_at(index).name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| after.is_none_or(|after| *name > after));
    Box::new(names.into_iter().map(|name| Some(Entry::Text(name))))
}
