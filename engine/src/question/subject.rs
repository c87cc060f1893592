//! Who a question is about.

use std::sync::Arc;

use model::ids::{MemberId, TokenId, UserGroupId, UserId};
use model::names::NameKey;

use crate::principal::Principal;
use crate::{Account, Engine};

/// The kinds of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A user that is a member of the account, by its id or its address.
    User,
    /// A member of the account, by its id: what it may do as the user that it is.
    Member,
    /// A token of the account, by its id.
    Token,
    /// A user group, by its id: what its own policies give.
    UserGroup,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [SubjectKind; 4] =
        [SubjectKind::User, SubjectKind::Member, SubjectKind::Token, SubjectKind::UserGroup];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            SubjectKind::User => "user",
            SubjectKind::Member => "member",
            SubjectKind::Token => "token",
            SubjectKind::UserGroup => "user_group",
        }
    }

    /// The kind of that word.
    pub fn named(word: &str) -> Option<SubjectKind> {
        SubjectKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Engine {
    /// The subject of that kind and id in the account; `None` if it has none, or if it exercises nothing there: a member
    /// that has not accepted (D4). Tokens of users are not part of an account and are not found here.
    pub fn find_subject(&self, account: &Account, kind: SubjectKind, id: &str) -> Option<Principal> {
        match kind {
            SubjectKind::User => {
                let user = match id.parse::<UserId>() {
                    Ok(id) => account.member_of_user(&id).map(|_| id),
                    Err(_) => account.member_by_email(&NameKey::of(id)).and_then(|member| member.user()),
                };
                user.map(Principal::User)
            }
            SubjectKind::Member => account.member(&id.parse::<MemberId>().ok()?)?.user().map(Principal::User),
            SubjectKind::Token => {
                let token = account.token(&id.parse::<TokenId>().ok()?)?;
                let token = Arc::new(self.compile_token(token));
                Some(Principal::AccountToken { account: account.account_id(), token })
            }
            SubjectKind::UserGroup => {
                let group = account.user_group(&id.parse::<UserGroupId>().ok()?)?;
                Some(Principal::UserGroup(group.id))
            }
        }
    }
}
