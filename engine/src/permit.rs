//! Permission as a value. A read of an account's state and a commit to it both take a [`Permit`], and only the check
//! makes one, so a check that is forgotten does not compile.

use std::sync::Arc;

use catalog::{Operation, PermissionSet};
use model::ids::{AccountId, MemberId, TokenId};
use model::users::User;
use model::{invitations, members};

use crate::principal::Principal;
use crate::rights::{Asked, Where};
use crate::target::Target;
use crate::{Account, Engine};

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Any one of these suffices.
    pub accepts: PermissionSet,
    /// Being an accepted member suffices too (D14, section 2.4).
    pub any_member: bool,
}

/// Operations that being an accepted member suffices for (D14, section 2.4).
const ANY_MEMBER: [&str; 4] = [
    "accounts-account-details",
    "account-permission-group-list",
    "account-permission-group-details",
    "portcullis-account-least-privilege",
];

impl Need {
    /// What an operation of the catalogue asks of its caller. One that names no permission is met by none.
    pub fn of(operation: &Operation) -> Need {
        let any_member = operation.id.as_deref().is_some_and(|id| ANY_MEMBER.contains(&id));
        Need { accepts: operation.accepts.unwrap_or(PermissionSet::EMPTY), any_member }
    }
}

/// The principal may do one thing in one account.
#[derive(Clone)]
pub struct Permit {
    // INVARIANT: made by `Engine::permit` for a principal that met the need, or for the system.
    account: AccountId,
    principal: Principal,
    need: Need,
    on: On,
}

/// Where a permit holds.
#[derive(Clone)]
enum On {
    Account,
    Resource(Box<str>),
    /// The account and everything in it.
    Throughout,
    /// The token of the account that asks.
    OwnToken(TokenId),
    /// The membership of a user, or the invitation of its address.
    OwnMembership(MemberId, Arc<User>),
}

impl Permit {
    /// Work that no caller asked for, such as the result of a background look-up.
    pub fn for_system(account: AccountId) -> Permit {
        let need = Need { accepts: PermissionSet::EMPTY, any_member: true };
        Permit { account, principal: Principal::System, need, on: On::Account }
    }

    /// The account it is for.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Who holds it.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The membership or invitation that the principal answers for, if it is for that.
    pub fn own_membership(&self) -> Option<MemberId> {
        match self.on {
            On::OwnMembership(member, _) => Some(member),
            On::Account | On::Resource(_) | On::Throughout | On::OwnToken(_) => None,
        }
    }
}

/// Whether the account does not let the user in by key or by a token of its own (D37).
fn is_shut_out(account: &Account, principal: &Principal) -> bool {
    let member = principal.user().and_then(|user| account.member_of_user(&user));
    member.is_some_and(|member| !members::has_api_access(account, member))
}

/// The principal may not do it.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

impl Engine {
    /// Checks a need, on the account or on the registered resource of that key.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn permit(
        &self,
        account: &Account,
        principal: &Principal,
        need: Need,
        resource: Option<&str>,
    ) -> Result<Permit, Refused> {
        let on = resource.map_or(On::Account, |key| On::Resource(key.into()));
        self.permit_on(account, principal, need, on)
    }

    /// Checks a need on everything in the account, what comes later included: for making a resource.
    ///
    /// # Errors
    /// As for [`Engine::permit`].
    pub fn permit_throughout(&self, account: &Account, principal: &Principal, need: Need) -> Result<Permit, Refused> {
        self.permit_on(account, principal, need, On::Throughout)
    }

    /// Lets a token of the account do to itself what takes no permission: delete or disable itself (D50).
    ///
    /// # Errors
    /// As for [`Engine::permit`].
    pub fn permit_own_token(
        &self,
        account: &Account,
        principal: &Principal,
        token: TokenId,
    ) -> Result<Permit, Refused> {
        let need = Need { accepts: PermissionSet::EMPTY, any_member: false };
        self.permit_on(account, principal, need, On::OwnToken(token))
    }

    /// Lets a user answer the invitation of its address and leave (D14, D32). Whether the credential that it came with may
    /// speak of memberships is for [`Engine::permit_user`] to say.
    ///
    /// # Errors
    /// As for [`Engine::permit`].
    pub fn permit_own_membership(
        &self,
        account: &Account,
        principal: &Principal,
        user: &Arc<User>,
        member: MemberId,
    ) -> Result<Permit, Refused> {
        let need = Need { accepts: PermissionSet::EMPTY, any_member: false };
        self.permit_on(account, principal, need, On::OwnMembership(member, user.clone()))
    }

    fn permit_on(&self, account: &Account, principal: &Principal, need: Need, on: On) -> Result<Permit, Refused> {
        let permit = Permit { account: account.account_id(), principal: principal.clone(), need, on };
        if self.still_holds(account, &permit) { Ok(permit) } else { Err(Refused) }
    }

    /// Whether the permit would be given at this revision too: a commit asks again, since the caller's rights may have
    /// changed since the request came in.
    pub fn still_holds(&self, account: &Account, permit: &Permit) -> bool {
        let principal = &permit.principal;
        let is_deleted = account.account().is_some_and(|account| account.deleted_on.is_some());
        if is_deleted && !matches!(principal, Principal::System) {
            return false;
        }
        if let Principal::AccountToken { token, .. } = principal
            && account.token(&token.id()).is_none()
        {
            return false;
        }
        if let On::OwnMembership(member, user) = &permit.on {
            let own = account.member(member).is_some_and(|member| invitations::is_of(member, user));
            return own && principal.user() == Some(user.id);
        }
        if is_shut_out(account, principal) {
            return false;
        }
        let is_member = |user| account.member_of_user(user).is_some();
        match principal {
            Principal::System => return true,
            Principal::User(user) if permit.need.any_member && is_member(user) => return true,
            // D5: what its owner may as a member, the token may as far as it says so itself.
            Principal::UserToken { user, token } if permit.need.any_member && is_member(user) => {
                let asked = Asked::new(&permit.need.accepts, Where::On(&Target::ACCOUNT));
                let says_so = account.token_rights(token, &asked).held().intersects(&permit.need.accepts);
                if matches!(permit.on, On::Account) && says_so {
                    return true;
                }
            }
            Principal::Member(member) if permit.need.any_member => {
                return account.member(member).is_some_and(|member| member.user().is_some());
            }
            Principal::User(_) | Principal::UserToken { .. } | Principal::AccountToken { .. } => {}
            Principal::Member(_) | Principal::UserGroup(_) => {}
        }
        let allows = |target: &Target| self.allows(account, principal, &permit.need.accepts, target);
        match &permit.on {
            On::Account => allows(&Target::ACCOUNT),
            On::Resource(key) => account.resource(key).is_some_and(|target| allows(&target)),
            On::OwnMembership(..) => false,
            On::OwnToken(id) => match principal {
                Principal::AccountToken { account: owner, token } => {
                    *owner == account.account_id() && token.id() == *id
                }
                _ => false,
            },
            On::Throughout => self.held_throughout(account, principal).intersects(&permit.need.accepts),
        }
    }
}
