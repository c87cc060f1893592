//! Who asks: a user by key, or a token of a user or of an account.

use std::sync::Arc;

use catalog::{Catalog, PermissionSet, ResourceTypeIndex};
use model::account_state::AccountState;
use model::ids::{AccountId, PolicyId, TokenId, UserId};
use model::policies::Effect;
use model::tokens::{Token, TokenPolicy, TokenResource};

use crate::Engine;

/// Who asks.
#[derive(Clone)]
pub enum Principal {
    /// A user, with all that its memberships give.
    User(UserId),
    /// A user's token: what both the token and its owner may do, at each moment (D5).
    UserToken {
        /// The owner.
        user: UserId,
        /// The token.
        token: Arc<CompiledToken>,
    },
    /// An account's token: what it says, in that account (D11).
    AccountToken {
        /// The owner.
        account: AccountId,
        /// The token.
        token: Arc<CompiledToken>,
    },
    /// The server itself.
    System,
}

impl Principal {
    /// The user behind the principal.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Principal::User(user) | Principal::UserToken { user, .. } => Some(*user),
            Principal::AccountToken { .. } | Principal::System => None,
        }
    }

    /// The token, if it is one.
    pub fn token(&self) -> Option<&Arc<CompiledToken>> {
        match self {
            Principal::UserToken { token, .. } | Principal::AccountToken { token, .. } => Some(token),
            Principal::User(_) | Principal::System => None,
        }
    }

    /// Whether the principal reaches anything in the account at all: an accepted member, or a token that speaks of it.
    pub fn is_known_to(&self, engine: &Engine, state: &AccountState) -> bool {
        let is_member = |user: &UserId| state.member_of_user(user).is_some();
        match self {
            Principal::System => true,
            Principal::User(user) => is_member(user),
            Principal::UserToken { user, token } => is_member(user) && token.speaks_of(engine.catalog(), state),
            Principal::AccountToken { account, .. } => *account == state.account_id(),
        }
    }
}

/// A token whose permission groups are resolved once, not at each request.
pub struct CompiledToken {
    /// The token as stored.
    pub token: Arc<Token>,
    pub(crate) policies: Box<[CompiledPolicy]>,
}

pub(crate) struct CompiledPolicy {
    pub(crate) permissions: PermissionSet,
    /// A deny of which something cannot be read refuses everything (D8).
    pub(crate) everywhere: bool,
}

impl CompiledToken {
    /// The id of the token.
    pub fn id(&self) -> TokenId {
        self.token.id
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = (&TokenPolicy, &CompiledPolicy)> {
        self.token.policies.iter().zip(&self.policies)
    }

    /// Whether some allow policy names the account, or something in it.
    fn speaks_of(&self, catalog: &Catalog, state: &AccountState) -> bool {
        let own = model::resource_groups::account_key(state.account_id());
        let allows = self.token.policies.iter().filter(|policy| policy.effect == Effect::Allow);
        allows.flat_map(|policy| policy.resources.keys()).any(|key| {
            **key == *own
                || match catalog.parse_key(key) {
                    Ok(key) if matches!(key.id, catalog::KeyId::Any) => key.kind != ResourceTypeIndex::USER,
                    Ok(_) => state.find_resource(key).is_some(),
                    Err(_) => false,
                }
        })
    }
}

impl Engine {
    /// Resolves a token's permission groups. What cannot be read grants nothing and denies everything (D8).
    pub fn compile_token(&self, token: &Arc<Token>) -> CompiledToken {
        let policies = token.policies.iter().map(|policy| self.compile_policy(policy)).collect();
        CompiledToken { token: token.clone(), policies }
    }

    fn compile_policy(&self, policy: &TokenPolicy) -> CompiledPolicy {
        let catalog = self.catalog();
        let named: PermissionSet = policy
            .permission_groups
            .iter()
            .filter_map(|id| catalog.permission(id))
            .map(|permission| permission.index)
            .collect();
        match policy.effect {
            Effect::Allow => CompiledPolicy { permissions: catalog.allow_closure(named), everywhere: false },
            Effect::Deny => {
                let unknown = policy.permission_groups.iter().any(|id| catalog.permission(id).is_none());
                let permissions = if unknown { self.everything() } else { catalog.deny_closure(named) };
                let everywhere = policy.resources.iter().any(|(key, resource)| !self.is_readable(key, resource));
                CompiledPolicy { permissions, everywhere }
            }
        }
    }

    /// Whether a resource of a token's policy is one of the forms of section 2.1.
    fn is_readable(&self, key: &str, resource: &TokenResource) -> bool {
        let Ok(outer) = self.catalog().parse_key(key) else { return false };
        match resource {
            TokenResource::Everything(_) => true,
            TokenResource::Within(inner) => {
                outer.kind == ResourceTypeIndex::ACCOUNT && inner.keys().all(|key| self.is_key_inside_accounts(key))
            }
        }
    }

    /// Every permission there is.
    pub(crate) fn everything(&self) -> PermissionSet {
        self.catalog().permissions().iter().map(|permission| permission.index).collect()
    }
}

/// The ids of policies that spoke, for evidence.
pub(crate) type PolicyIds = Vec<PolicyId>;
