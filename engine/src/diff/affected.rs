//! Whom a commit may concern, and what they exercise.

use std::sync::Arc;

use model::account_state::Holder;
use model::change::{Change, DocumentId};
use model::ids::{MemberId, ResourceGroupId, TokenId};

use crate::Account;
use crate::index::grants::Grants;
use crate::principal::Principal;

/// One who acts in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Affected {
    /// A member.
    Member(MemberId),
    /// A token of the account.
    Token(TokenId),
}

impl Affected {
    /// The principal to ask about; `None` for a token that the account does not have.
    pub fn principal(self, account: &Account) -> Option<Principal> {
        match self {
            Affected::Member(member) => Some(Principal::Member(member)),
            Affected::Token(id) => {
                let token = Arc::new(account.engine().compile_token(account.token(&id)?));
                Some(Principal::AccountToken { account: account.account_id(), token })
            }
        }
    }

    /// What its own policies and those of its groups come to; nothing for who is not there or has not accepted.
    pub(super) fn exercises(self, account: &Account) -> Vec<Arc<Grants>> {
        match self {
            Affected::Member(id) => {
                let membership = account.index().member(id).filter(|membership| membership.is_accepted());
                let grants = membership.map(|membership| account.index().grants_of(membership).cloned());
                grants.into_iter().flatten().collect()
            }
            Affected::Token(id) => {
                let compiled = account.token(&id).map(|token| account.engine().compile_token(token));
                compiled.map(|token| token.grants_in(account.account_id()).cloned().collect()).unwrap_or_default()
            }
        }
    }
}

/// Everybody whom the changes may concern, each once, in order.
pub(crate) fn affected(before: &Account, after: &Account, changes: &[Change]) -> Vec<Affected> {
    let mut found = Vec::new();
    let both = [before, after];
    // What lies where concerns everybody who holds something there.
    if changes.iter().any(|change| matches!(change.id(), DocumentId::Resource(_))) {
        for account in both {
            found.extend(account.members_from(None).map(|member| Affected::Member(member.id)));
            found.extend(account.tokens_from(None).map(|token| Affected::Token(token.id)));
        }
    }
    for change in changes {
        match change.id() {
            DocumentId::Member(member) | DocumentId::GroupMember(_, member) => found.push(Affected::Member(member)),
            DocumentId::UserGroup(group) => {
                both.iter().for_each(|account| add_holder(account, Holder::Group(group), &mut found));
            }
            DocumentId::ResourceGroup(group) => {
                both.iter().for_each(|account| add_users_of(account, group, &mut found));
            }
            DocumentId::Token(token) => found.push(Affected::Token(token)),
            DocumentId::Resource(_) | DocumentId::RemovedResource(_) => {}
            DocumentId::Account | DocumentId::SsoConnector(_) | DocumentId::User => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn add_users_of(account: &Account, group: ResourceGroupId, found: &mut Vec<Affected>) {
    for holder in account.index().holders_using(account, group) {
        add_holder(account, holder, found);
    }
}

fn add_holder(account: &Account, holder: Holder, found: &mut Vec<Affected>) {
    match holder {
        Holder::Member(member) => found.push(Affected::Member(member)),
        Holder::Group(group) => found.extend(account.group_members(group).map(Affected::Member)),
    }
}
