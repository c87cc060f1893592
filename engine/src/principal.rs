//! Who asks, or is asked about: a user by key, a token of a user or of an account, a member, a group as itself.

use std::sync::Arc;

use catalog::{Catalog, Id, KeyId, PermissionSet, ResourceTypeIndex};
use model::account_state::AccountState;
use model::ids::{AccountId, MemberId, TokenId, UserGroupId, UserId};
use model::policies::Effect;
use model::resource_groups::ACCOUNT_KEY;
use model::tokens::{Token, TokenPolicy, TokenResource};

use crate::Engine;
use crate::index::grants::Grants;
use crate::rights::Rights;
use crate::statement::{Draft, ReachBuilder, Statement};

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
    /// A member of the account, with all that it may exercise: nothing before it accepts (D4).
    Member(MemberId),
    /// A user group as itself: what it gives to its members, whatever else they have.
    UserGroup(UserGroupId),
    /// The server itself.
    System,
}

impl Principal {
    /// The user behind the principal.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Principal::User(user) | Principal::UserToken { user, .. } => Some(*user),
            Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_) | Principal::System => None,
        }
    }

    /// The token, if it is one.
    pub fn token(&self) -> Option<&Arc<CompiledToken>> {
        match self {
            Principal::UserToken { token, .. } | Principal::AccountToken { token, .. } => Some(token),
            Principal::User(_) | Principal::Member(_) | Principal::UserGroup(_) | Principal::System => None,
        }
    }

    /// Whether both are the same user, by the same token or by none, or the same token of an account.
    pub fn is_same_as(&self, other: &Principal) -> bool {
        let token = |principal: &Principal| principal.token().map(|token| token.id());
        match (self, other) {
            (Principal::User(one), Principal::User(other)) => one == other,
            (Principal::UserToken { user, .. }, Principal::UserToken { user: other_user, .. }) => {
                user == other_user && token(self) == token(other)
            }
            (Principal::AccountToken { account, .. }, Principal::AccountToken { account: other_account, .. }) => {
                account == other_account && token(self) == token(other)
            }
            (Principal::Member(one), Principal::Member(other)) => one == other,
            (Principal::UserGroup(one), Principal::UserGroup(other)) => one == other,
            (Principal::System, Principal::System) => true,
            (Principal::User(_) | Principal::UserToken { .. } | Principal::AccountToken { .. }, _) => false,
            (Principal::Member(_) | Principal::UserGroup(_) | Principal::System, _) => false,
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
            Principal::Member(member) => state.member(member).is_some_and(|member| member.user().is_some()),
            Principal::UserGroup(group) => state.user_group(group).is_some(),
        }
    }
}

/// A token whose policies are compiled once, not at each request.
pub struct CompiledToken {
    /// The token as stored.
    pub token: Arc<Token>,
    /// What it says of every account.
    anywhere: Arc<Grants>,
    /// What it says of single accounts.
    by_account: Box<[(AccountId, Arc<Grants>)]>,
}

impl CompiledToken {
    /// The id of the token.
    pub fn id(&self) -> TokenId {
        self.token.id
    }

    /// What it says in an account. The statements are its policies, in their order.
    pub(crate) fn grants_in(&self, account: AccountId) -> impl Iterator<Item = &Arc<Grants>> {
        let here = self.by_account.iter().filter(move |(other, _)| *other == account);
        std::iter::once(&self.anywhere).chain(here.map(|(_, grants)| grants))
    }

    /// Whether some allow policy names the account, or something in it.
    fn speaks_of(&self, catalog: &Catalog, state: &AccountState) -> bool {
        let own = model::resource_groups::account_key(state.account_id());
        let allows = self.token.policies.iter().filter(|policy| policy.effect == Effect::Allow);
        allows.flat_map(|policy| policy.resources.keys()).any(|key| {
            *key == *own
                || match catalog.parse_key(key) {
                    Ok(key) if matches!(key.id, KeyId::Any) => key.kind != ResourceTypeIndex::USER,
                    Ok(_) => state.find_resource(key).is_some(),
                    Err(_) => false,
                }
        })
    }
}

/// The key of every account that a token's owner can reach.
pub(crate) const ANY_ACCOUNT: &str = "com.cloudflare.api.account.*";

impl Engine {
    /// Compiles a token. What cannot be read grants nothing and denies everything (D8).
    pub fn compile_token(&self, token: &Arc<Token>) -> CompiledToken {
        let outer_keys = token.policies.iter().flat_map(|policy| policy.resources.keys());
        let mut accounts: Vec<AccountId> =
            outer_keys.filter_map(|key| key.strip_prefix(ACCOUNT_KEY)?.parse().ok()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let compile = |account: Option<AccountId>| {
            let statements = token.policies.iter().map(|policy| self.token_statement(policy, account));
            self.interner().grants.share(self.compile(statements.collect()))
        };
        let by_account = accounts.into_iter().map(|account| (account, compile(Some(account))));
        CompiledToken { token: token.clone(), anywhere: compile(None), by_account: by_account.collect() }
    }

    /// What a token's policy says of one account by that account's key, or of any by all other keys.
    pub(crate) fn token_statement(&self, policy: &TokenPolicy, account: Option<AccountId>) -> Draft {
        let permissions = self.token_permissions(policy.effect, &policy.permission_groups);
        let key = account.map_or(ANY_ACCOUNT.to_owned(), model::resource_groups::account_key);
        let mut reach = ReachBuilder::default();
        let mut covers_all = false;
        for (outer, resource) in &policy.resources {
            let names_account = *outer == *key;
            match resource {
                TokenResource::Everything(_) if names_account => {
                    covers_all = true;
                    reach.add_whole();
                }
                TokenResource::Within(inner) if names_account => {
                    inner.keys().for_each(|key| reach.add_key(self, key));
                }
                TokenResource::Everything(_) if account.is_none() => reach.add_key(self, outer),
                TokenResource::Everything(_) | TokenResource::Within(_) => {}
            }
            if account.is_none() && policy.effect == Effect::Deny && !self.is_readable(outer, resource) {
                reach.add_whole();
            }
        }
        let throughout = match policy.effect {
            Effect::Allow if covers_all => permissions,
            Effect::Deny if !policy.resources.is_empty() => permissions,
            Effect::Allow | Effect::Deny => PermissionSet::EMPTY,
        };
        let throughout = throughout & *self.catalog().all_privileges();
        let says = self.interner().says.share(vec![(None, permissions)]);
        Draft { statement: Statement { effect: policy.effect, says, reach: reach.finish(self) }, throughout }
    }

    /// The permissions that a token's policy allows or denies, closed as its effect asks (D6).
    pub(crate) fn token_permissions(&self, effect: Effect, groups: &[Id]) -> PermissionSet {
        let catalog = self.catalog();
        let named = groups.iter().filter_map(|id| catalog.permission(id));
        let named: PermissionSet = named.map(|permission| permission.index).collect();
        let unknown = groups.iter().any(|id| catalog.permission(id).is_none());
        match effect {
            Effect::Allow => catalog.allow_closure(named),
            Effect::Deny if unknown => *self.everything(),
            Effect::Deny => catalog.deny_closure(named),
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

    /// Whether a token may do everything in every account: it limits its owner in nothing.
    pub fn allows_everywhere(&self, token: &CompiledToken) -> bool {
        let policies = token.token.policies.iter();
        let allowed = policies.clone().filter(|policy| {
            let whole = policy.resources.get(ANY_ACCOUNT);
            policy.effect == Effect::Allow && matches!(whole, Some(TokenResource::Everything(_)))
        });
        let allowed = allowed.fold(PermissionSet::EMPTY, |set, policy| {
            set | self.token_permissions(policy.effect, &policy.permission_groups)
        });
        !policies.clone().any(|policy| policy.effect == Effect::Deny)
            && self.catalog().all_privileges().is_subset(&allowed)
    }

    /// What a token allows on its own user, by the user-scoped permissions (section 2.1).
    pub fn holds_on_user(&self, token: &CompiledToken, user: UserId) -> PermissionSet {
        let mut rights = Rights::default();
        token.token.policies.iter().for_each(|policy| self.add_on_user(policy, user, &mut rights));
        rights.held() & *self.applicable(ResourceTypeIndex::USER)
    }

    /// What one policy of a token says of its own user.
    pub(crate) fn add_on_user(&self, policy: &TokenPolicy, user: UserId, rights: &mut Rights) {
        let own = format!("com.cloudflare.api.user.{user}");
        let covers = policy.resources.iter().any(|(key, resource)| {
            let names_user = *key == *own || key == "com.cloudflare.api.user.*";
            names_user && matches!(resource, TokenResource::Everything(_))
                || policy.effect == Effect::Deny && !self.is_readable(key, resource)
        });
        if covers {
            rights.add(policy.effect, self.token_permissions(policy.effect, &policy.permission_groups));
        }
    }
}
