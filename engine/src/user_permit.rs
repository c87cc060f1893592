//! Permission on a user, as a value: what is in a user's own stream (its profile, its tokens) is read and written with a
//! [`UserPermit`], as an account is with a [`crate::permit::Permit`].

use catalog::PermissionSet;
use model::ids::{TokenId, UserId};
use model::users::UserState;

use crate::Engine;
use crate::permit::{Need, Refused};
use crate::principal::Principal;

/// The principal may do one thing with one user.
#[derive(Clone)]
pub struct UserPermit {
    // INVARIANT: made by `Engine::permit_user` for a principal that met the need, or for the system.
    user: UserId,
    principal: Principal,
    on: On,
}

/// What it was given for.
#[derive(Clone)]
enum On {
    /// Any of these on the user.
    User(PermissionSet),
    /// The token that asks.
    OwnToken(TokenId),
}

impl UserPermit {
    /// Work that no caller asked for: the making of users, jobs, the operator on the command line.
    pub fn for_system(user: UserId) -> UserPermit {
        UserPermit { user, principal: Principal::System, on: On::User(PermissionSet::EMPTY) }
    }

    /// The user it is for.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Who holds it.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Engine {
    /// Checks a need on a user: the user itself may do everything, a token of it what the token says of the user.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn permit_user(&self, state: &UserState, principal: &Principal, need: Need) -> Result<UserPermit, Refused> {
        self.permit_user_on(state, principal, On::User(need.accepts))
    }

    /// Lets a token of the user do to itself what takes no permission: delete or disable itself (D50).
    ///
    /// # Errors
    /// As for [`Engine::permit_user`].
    pub fn permit_own_user_token(
        &self,
        state: &UserState,
        principal: &Principal,
        token: TokenId,
    ) -> Result<UserPermit, Refused> {
        self.permit_user_on(state, principal, On::OwnToken(token))
    }

    fn permit_user_on(&self, state: &UserState, principal: &Principal, on: On) -> Result<UserPermit, Refused> {
        let user = state.user.as_ref().ok_or(Refused)?.id;
        let permit = UserPermit { user, principal: principal.clone(), on };
        if self.still_holds_on_user(state, &permit) { Ok(permit) } else { Err(Refused) }
    }

    /// Whether the permit would be given at this revision too: a commit asks again.
    pub fn still_holds_on_user(&self, state: &UserState, permit: &UserPermit) -> bool {
        if matches!(permit.principal, Principal::System) {
            return true;
        }
        let Some(user) = state.user.as_ref().filter(|user| user.enabled && user.id == permit.user) else {
            return false;
        };
        match (&permit.principal, &permit.on) {
            (Principal::User(id), On::User(_)) => *id == user.id,
            (Principal::UserToken { user: owner, token }, on) => {
                let is_there = *owner == user.id && state.tokens.contains_key(&token.id());
                is_there
                    && match on {
                        On::User(accepts) => self.holds_on_user(token, user.id).intersects(accepts),
                        On::OwnToken(id) => *id == token.id(),
                    }
            }
            (Principal::User(_), On::OwnToken(_)) => false,
            (Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_), _) => false,
            (Principal::System, _) => true,
        }
    }
}
