//! What a client sent as policies of a token, checked against the catalogue and the registry (sections 2.1 and 2.2).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Catalog, KeyId, Permission, ResourceKey, ResourceTypeIndex};

use super::input::{ResourceInput, TokenPolicyInput};
use super::{Star, Token, TokenPolicy, TokenResource};
use crate::account_state::AccountState;
use crate::ids::{Id, PolicyId, TokenId};
use crate::keyed::Keyed;
use crate::policies::Effect;
use crate::problem::{FaultKind, Faults};
use crate::resource_groups::account_key;
use crate::rules::Environment;
use crate::users::UserState;

/// Whose tokens, and what they may name (D11, D12).
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    /// An account: only what is in it.
    Account(&'a AccountState),
    /// A user: itself, and what is in the accounts that it reaches.
    User {
        /// The user.
        state: &'a UserState,
        /// The accounts.
        reached: &'a [&'a AccountState],
    },
}

impl<'a> Owner<'a> {
    /// One of its tokens.
    pub(super) fn token(&self, id: TokenId) -> Option<&'a Arc<Token>> {
        match self {
            Owner::Account(state) => state.token(&id),
            Owner::User { state, .. } => state.tokens.get(&id),
        }
    }

    pub(super) fn tokens(&self) -> Box<dyn Iterator<Item = &'a Arc<Token>> + 'a> {
        match self {
            Owner::Account(state) => Box::new(state.tokens_from(None)),
            Owner::User { state, .. } => Box::new(state.tokens.values()),
        }
    }

    fn accounts(&self) -> Box<dyn Iterator<Item = &'a AccountState> + 'a> {
        match self {
            Owner::Account(state) => Box::new(std::iter::once(*state)),
            Owner::User { reached, .. } => Box::new(reached.iter().copied()),
        }
    }

    fn own_user_key(&self) -> Option<String> {
        match self {
            Owner::Account(_) => None,
            Owner::User { state, .. } => state.user.as_ref().map(|user| format!("com.cloudflare.api.user.{}", user.id)),
        }
    }
}

/// Checks policies. Those that say the same as a former one keep its id.
pub(super) fn policies(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    prior: &[TokenPolicy],
    inputs: &[TokenPolicyInput],
    faults: &mut Faults,
) -> Box<[TokenPolicy]> {
    let most = environment.rules.limits.policies;
    if inputs.len() > most {
        faults.push(FaultKind::Quota, "/policies", format!("at most {most} policies are allowed"));
        return Box::new([]);
    }
    if !inputs.is_empty() && inputs.iter().all(|input| input.effect == Effect::Deny) {
        let message = "a token that only denies can do nothing; add a policy with `effect` `allow`";
        faults.push(FaultKind::Invalid, "/policies", message);
    }
    let mut kept = BTreeSet::new();
    let policies = inputs.iter().enumerate().map(|(index, input)| {
        let at = format!("/policies/{index}");
        let permissions = permissions(owner, environment, &input.permission_groups, &at, faults);
        let resources = resources(owner, environment, &input.resources, &at, faults);
        check_pairs(environment.catalog, &permissions, &resources, &at, faults);
        let permission_groups: Box<[Id]> = permissions.iter().map(|(_, permission)| permission.id).collect();
        let same = |policy: &&TokenPolicy| {
            policy.effect == input.effect
                && policy.permission_groups == permission_groups
                && policy.resources == resources
                && !kept.contains(&policy.id)
        };
        let former = prior.iter().find(same).map(|policy| policy.id);
        kept.extend(former);
        let id = former.unwrap_or_else(|| PolicyId(environment.next_id()));
        TokenPolicy { id, effect: input.effect, permission_groups, resources }
    });
    policies.collect()
}

/// The permissions, each with its place in the body.
fn permissions<'a>(
    owner: &Owner<'_>,
    environment: &Environment<'a>,
    ids: &[String],
    at: &str,
    faults: &mut Faults,
) -> Vec<(usize, &'a Permission)> {
    let at = format!("{at}/permission_groups");
    let most = environment.rules.limits.permission_groups;
    if ids.is_empty() {
        faults.push(FaultKind::Invalid, at, "permission_groups must not be empty");
        return Vec::new();
    }
    if ids.len() > most {
        faults.push(FaultKind::Quota, at, format!("at most {most} permission groups are allowed"));
        return Vec::new();
    }
    let mut found: Vec<(usize, &Permission)> = Vec::with_capacity(ids.len());
    for (index, text) in ids.iter().enumerate() {
        match find_permission(owner, environment.catalog, text) {
            Ok(permission) if found.iter().any(|(_, known)| known.id == permission.id) => {}
            Ok(permission) => found.push((index, permission)),
            Err(message) => faults.push(FaultKind::Invalid, format!("{at}/{index}/id"), message),
        }
    }
    found
}

fn find_permission<'a>(owner: &Owner<'_>, catalog: &'a Catalog, text: &str) -> Result<&'a Permission, String> {
    let endpoint = match owner {
        Owner::Account(_) => "GET /accounts/{account_id}/tokens/permission_groups",
        Owner::User { .. } => "GET /user/tokens/permission_groups",
    };
    let id: Id = text.parse().map_err(|_| format!("`{text}` is not an id: 32 lower-case hex digits are expected"))?;
    match (catalog.permission(&id), catalog.iam_group(&id)) {
        (Some(permission), _) => match owner {
            Owner::Account(_) if permission.scope == ResourceTypeIndex::USER => Err(format!(
                "\"{}\" is about users, and a token of an account has no user; {endpoint} lists what it may have",
                permission.name
            )),
            Owner::Account(_) | Owner::User { .. } => Ok(permission),
        },
        (None, Some(group)) => Err(format!(
            "`{text}` (\"{}\") is an IAM permission group, which members and user groups use; for tokens take one of \
             {endpoint}",
            group.name
        )),
        (None, None) => Err(format!("permission group `{text}` not found; {endpoint} lists them")),
    }
}

type Resources = Keyed<TokenResource>;

fn resources(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    inputs: &[(String, ResourceInput)],
    at: &str,
    faults: &mut Faults,
) -> Resources {
    let at = format!("{at}/resources");
    let most = environment.rules.limits.objects;
    let count = inputs.iter().map(|(_, resource)| match resource {
        ResourceInput::Everything => 1,
        ResourceInput::Within(inner) => inner.len().max(1),
    });
    let count: usize = count.sum();
    if inputs.is_empty() {
        faults.push(
            FaultKind::Invalid,
            at,
            "resources must not be empty; `{\"com.cloudflare.api.account.*\": \"*\"}` is every account",
        );
        return Resources::default();
    }
    if count > most {
        faults.push(FaultKind::Quota, at, format!("at most {most} resources are allowed"));
        return Resources::default();
    }
    let mut resources = BTreeMap::new();
    for (key, input) in inputs {
        let at = format!("{at}/{}", escape(key));
        let resource = match input {
            ResourceInput::Everything => {
                check_key(owner, environment, key, &at, faults);
                TokenResource::Everything(Star::Star)
            }
            ResourceInput::Within(inner) => TokenResource::Within(within(owner, environment, key, inner, &at, faults)),
        };
        resources.insert(key.as_str().into(), resource);
    }
    resources.into()
}

/// A key as a part of a JSON pointer (RFC 6901).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key of a resource by itself.
fn check_key(owner: &Owner<'_>, environment: &Environment<'_>, text: &str, at: &str, faults: &mut Faults) {
    let Some(key) = parse(environment, text, at, faults) else { return };
    let is_there = match (&key.id, key.kind) {
        (_, ResourceTypeIndex::USER) => return check_user(owner, &key, text, at, faults),
        (KeyId::Any, _) => true,
        (KeyId::Id(_), ResourceTypeIndex::ACCOUNT) => account(owner, text).is_some(),
        (KeyId::Id(_), _) => owner.accounts().any(|state| state.find_resource(text).is_some()),
    };
    if !is_there && !environment.rules.accept_unknown_resources {
        faults.push(FaultKind::Invalid, at, not_found(owner, text));
    }
}

fn parse(environment: &Environment<'_>, text: &str, at: &str, faults: &mut Faults) -> Option<ResourceKey> {
    match environment.catalog.parse_key(text) {
        Ok(key) => Some(key),
        Err(_) if environment.rules.accept_unknown_resources => None,
        Err(error) => {
            faults.push(FaultKind::Invalid, at, error.to_string());
            None
        }
    }
}

fn check_user(owner: &Owner<'_>, key: &ResourceKey, text: &str, at: &str, faults: &mut Faults) {
    let is_own = key.id == KeyId::Any || owner.own_user_key().as_deref() == Some(text);
    match (owner, owner.own_user_key()) {
        (Owner::User { .. }, _) if is_own => {}
        (Owner::User { .. }, own) => {
            let own = own.unwrap_or_default();
            faults.push(
                FaultKind::Invalid,
                at,
                format!("`{text}` is another user; a token can name only its own, `{own}`"),
            );
        }
        (Owner::Account(_), _) => {
            let message = format!("`{text}` is a user, and a token of an account can name only what is in the account");
            faults.push(FaultKind::Invalid, at, message);
        }
    }
}

fn account<'a>(owner: &Owner<'a>, key: &str) -> Option<&'a AccountState> {
    owner.accounts().find(|state| account_key(state.account_id()) == key)
}

fn not_found(owner: &Owner<'_>, text: &str) -> String {
    match owner {
        Owner::Account(state) => {
            format!("`{text}` is not in this account, `{}`", account_key(state.account_id()))
        }
        Owner::User { .. } => format!("`{text}` is in no account that you reach"),
    }
}

/// The keys inside the key of an account.
fn within(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    outer: &str,
    inner: &[String],
    at: &str,
    faults: &mut Faults,
) -> Keyed<Star> {
    check_key(owner, environment, outer, at, faults);
    let kind = environment.catalog.parse_key(outer).map(|key| key.kind).ok();
    if kind.is_some_and(|kind| kind != ResourceTypeIndex::ACCOUNT) {
        let message = format!("only the key of an account can have keys inside; give `{outer}` the value \"*\"");
        faults.push(FaultKind::Invalid, at, message);
    }
    if inner.is_empty() {
        faults.push(FaultKind::Invalid, at, "an object of keys must not be empty; \"*\" is everything");
    }
    let home = account(owner, outer);
    for text in inner {
        let at = format!("{at}/{}", escape(text));
        let Some(key) = parse(environment, text, &at, faults) else { continue };
        let inside = environment.catalog.is_self_or_descendant(key.kind, ResourceTypeIndex::ACCOUNT)
            && key.kind != ResourceTypeIndex::ACCOUNT;
        if !inside {
            faults.push(FaultKind::Invalid, at, format!("`{text}` is nothing that lies in an account"));
            continue;
        }
        let is_there = match (&key.id, home) {
            (KeyId::Any, _) => true,
            (KeyId::Id(_), Some(state)) => state.find_resource(text).is_some(),
            (KeyId::Id(_), None) => owner.accounts().any(|state| state.find_resource(text).is_some()),
        };
        if !is_there && !environment.rules.accept_unknown_resources {
            faults.push(FaultKind::Invalid, at, format!("`{text}` is not in `{outer}`"));
        }
    }
    inner.iter().map(|text| (text.as_str().into(), Star::Star)).collect()
}

/// A permission that can apply to none of the resources is a mistake (D13).
fn check_pairs(
    catalog: &Catalog,
    permissions: &[(usize, &Permission)],
    resources: &Resources,
    at: &str,
    faults: &mut Faults,
) {
    let keys = resources.iter().flat_map(|(outer, resource)| -> Vec<&str> {
        match resource {
            TokenResource::Everything(_) => vec![outer],
            TokenResource::Within(inner) => inner.keys().collect(),
        }
    });
    let kinds: Option<BTreeSet<ResourceTypeIndex>> =
        keys.map(|key| catalog.parse_key(key).ok().map(|key| key.kind)).collect();
    // A key that cannot be read is a fault of its own, or accepted as one that cannot be judged.
    let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) else { return };
    for (index, permission) in permissions {
        if !kinds.iter().any(|kind| catalog.is_self_or_descendant(permission.scope, *kind)) {
            let message = format!(
                "Failed common permission check against resources. (Permission group: \"{}\") It applies to {}, and \
                 the resources have none",
                permission.name,
                catalog.resource_type(permission.scope).key
            );
            faults.push(FaultKind::Invalid, format!("{at}/permission_groups/{index}"), message);
        }
    }
}
