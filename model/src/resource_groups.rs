//! Resource groups: named sets of resources that policies point at (section 3).
//!
//! Each account has one for itself and one for each zone, made by the server and not editable (D21); people make
//! others; and a scope written inside a policy makes an anonymous one that lives and dies with that policy (D23).

use catalog::{KeyId, ResourceTypeIndex};
use serde_json::value::RawValue;

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{AccountId, Id, PolicyId, ResourceGroupId, ZoneId};
use crate::memo::Memo;
use crate::names::{self, NameKey};
use crate::policies;
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;

/// The prefix of the key that stands for an account.
pub const ACCOUNT_KEY: &str = "com.cloudflare.api.account.";
/// The prefix of the key that stands for a zone.
pub const ZONE_KEY: &str = "com.cloudflare.api.account.zone.";

/// The key of an account, such as `com.cloudflare.api.account.023e…`.
pub fn account_key(account: AccountId) -> String {
    format!("{ACCOUNT_KEY}{account}")
}

/// The key of a zone.
pub fn zone_key(zone: ZoneId) -> String {
    format!("{ZONE_KEY}{zone}")
}

/// A named set of resources.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ResourceGroup {
    /// Its id.
    pub id: ResourceGroupId,
    /// Unique in the account for all but anonymous groups (D22).
    pub name: Box<str>,
    /// Who made it and who may change it.
    pub kind: Kind,
    /// What is in it.
    pub scope: Scope,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it last changed.
    pub modified_on: Timestamp,
    /// The group as JSON, one text for each shape of `scope` (array, object): it is in every policy that names it.
    #[serde(skip)]
    pub shown: [Memo<Option<Box<RawValue>>>; 2],
}

/// Who made a resource group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The server: the account's own or a zone's (D21).
    BuiltIn,
    /// A person.
    Custom,
    /// A scope inside a policy (D23).
    Anonymous {
        /// The policy it belongs to.
        policy: PolicyId,
    },
}

/// A set of resources of one account. Keys are kept as they were sent and compared exactly (D10).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Scope {
    /// The key of the account.
    pub key: Box<str>,
    /// Keys of the resources, or the one key `*` for the account and everything in it.
    objects: Box<[Box<str>]>,
}

impl Scope {
    /// The account and everything in it.
    pub fn whole_account(account: AccountId) -> Scope {
        Scope { key: account_key(account).into(), objects: Box::new(["*".into()]) }
    }

    /// The listed resources of the account.
    pub fn listed(account: AccountId, objects: impl IntoIterator<Item = Box<str>>) -> Scope {
        Scope { key: account_key(account).into(), objects: objects.into_iter().collect() }
    }

    /// The keys that are listed, or `None` for the account and everything in it.
    pub fn objects(&self) -> Option<&[Box<str>]> {
        if self.objects.len() == 1 && &*self.objects[0] == "*" { None } else { Some(&self.objects) }
    }

    /// The keys as they are shown.
    pub fn shown_objects(&self) -> &[Box<str>] {
        &self.objects
    }

    /// Whether this is the scope of `account` itself and everything in it.
    pub fn is_whole(&self, account: AccountId) -> bool {
        self.objects().is_none() && self.is_of(account)
    }

    /// Whether the scope lies in that account; a scope of another account covers nothing here.
    pub fn is_of(&self, account: AccountId) -> bool {
        self.key.strip_prefix(ACCOUNT_KEY).is_some_and(|id| id.as_bytes() == account.0.write_hex())
    }
}

/// A scope as a client sends it.
#[derive(Clone, Debug)]
pub struct ScopeInput {
    /// The key of the account, or of a zone in the ad-hoc form (D12).
    pub key: String,
    /// Keys of the resources.
    pub objects: Vec<String>,
}

/// Checks a scope against the registry; faults point below `pointer` (`/scope`).
///
/// # Errors
/// Unknown, foreign or malformed keys, no objects, too many objects (D10, D12, D87).
pub fn parse_scope(
    state: &AccountState,
    environment: &Environment<'_>,
    input: &ScopeInput,
    pointer: &str,
) -> Result<Scope, Problem> {
    let mut faults = Faults::new();
    let most = environment.rules.limits.objects;
    if input.objects.is_empty() {
        faults.push(
            FaultKind::Invalid,
            format!("{pointer}/objects"),
            "objects must not be empty; use `[{\"key\": \"*\"}]` for everything",
        );
    } else if input.objects.len() > most {
        faults.push(FaultKind::Quota, format!("{pointer}/objects"), format!("at most {most} objects are allowed"));
    }
    let key_at = format!("{pointer}/key");
    let parsed = environment.catalog.parse_key(&input.key);
    let scope = match parsed {
        Ok(key) if key.kind == ResourceTypeIndex::ACCOUNT => {
            account_scope(state, environment, input, &key.id, pointer, &mut faults)
        }
        Ok(key) if key.kind == ResourceTypeIndex::ZONE && input.objects == ["*"] => {
            check_object(state, environment, &input.key, &key_at, &mut faults);
            Some(Scope::listed(state.account_id(), [input.key.as_str().into()]))
        }
        Ok(_) => {
            faults.push(
                FaultKind::Invalid,
                key_at,
                format!(
                    "scope key `{}` must be the key of this account, `{}`",
                    input.key,
                    account_key(state.account_id())
                ),
            );
            None
        }
        Err(error) => {
            faults.push(FaultKind::Invalid, key_at, error.to_string());
            None
        }
    };
    faults.finish()?;
    scope.ok_or_else(|| Problem::at(FaultKind::Invalid, pointer, "scope is not valid"))
}

fn account_scope(
    state: &AccountState,
    environment: &Environment<'_>,
    input: &ScopeInput,
    id: &KeyId,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Scope> {
    let own = account_key(state.account_id());
    let known = matches!(id, KeyId::Id(_)) && (input.key == own || environment.rules.accept_unknown_resources);
    if !known {
        faults.push(
            FaultKind::Invalid,
            format!("{pointer}/key"),
            format!("scope key `{}` must be the key of this account, `{own}`", input.key),
        );
        return None;
    }
    if input.objects.len() > environment.rules.limits.objects {
        return None;
    }
    let mut objects: Vec<Box<str>> = Vec::with_capacity(input.objects.len());
    for (index, object) in input.objects.iter().enumerate() {
        if objects.iter().any(|known| **known == **object) {
            continue;
        }
        if object == "*" {
            if input.objects.iter().any(|other| other != "*") {
                faults.push(
                    FaultKind::Invalid,
                    format!("{pointer}/objects/{index}/key"),
                    "`*` stands alone: it already means everything in the account",
                );
            }
        } else {
            check_object(state, environment, object, &format!("{pointer}/objects/{index}/key"), faults);
        }
        objects.push(object.as_str().into());
    }
    Some(Scope { key: input.key.as_str().into(), objects: objects.into() })
}

/// D12: the object exists in this account's registry, or is a wildcard of a type inside accounts.
fn check_object(state: &AccountState, environment: &Environment<'_>, text: &str, at: &str, faults: &mut Faults) {
    let catalog = environment.catalog;
    let key = match catalog.parse_key(text) {
        Ok(key) => key,
        Err(error) => return faults.push(FaultKind::Invalid, at, error.to_string()),
    };
    let inside =
        key.kind != ResourceTypeIndex::ACCOUNT && catalog.is_self_or_descendant(key.kind, ResourceTypeIndex::ACCOUNT);
    if !inside {
        let what = &catalog.resource_type(key.kind).name;
        return faults.push(
            FaultKind::Invalid,
            at,
            format!("`{text}` is of type {what}, which is not a resource inside an account"),
        );
    }
    let known = match key.id {
        KeyId::Any => true,
        KeyId::Id(_) => environment.rules.accept_unknown_resources || state.find_resource(text).is_some(),
    };
    if !known {
        faults.push(FaultKind::Invalid, at, format!("resource `{text}` is not registered in this account"));
    }
}

/// The group of the account itself (D21).
pub fn built_in(id: ResourceGroupId, scope: Scope, name: String, now: Timestamp) -> ResourceGroup {
    ResourceGroup {
        id,
        name: name.into(),
        kind: Kind::BuiltIn,
        scope,
        created_on: now,
        modified_on: now,
        shown: Default::default(),
    }
}

/// The group of a scope inside a policy (D23).
pub fn anonymous(environment: &Environment<'_>, policy: PolicyId, scope: Scope) -> ResourceGroup {
    let now = environment.now;
    let id = ResourceGroupId(environment.next_id());
    ResourceGroup {
        id,
        name: scope.key.clone(),
        kind: Kind::Anonymous { policy },
        scope,
        created_on: now,
        modified_on: now,
        shown: Default::default(),
    }
}

/// A resource group to make.
#[derive(Clone, Debug)]
pub struct NewResourceGroup {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub scope: ScopeInput,
}

/// Makes a custom group.
///
/// # Errors
/// Every fault of name and scope; the quota.
pub fn create(
    state: &AccountState,
    environment: &Environment<'_>,
    new: &NewResourceGroup,
    id: ResourceGroupId,
) -> Result<(Vec<Change>, ResourceGroupId), Problem> {
    let mut faults = Faults::new();
    let name = faults.take(free_name(state, &new.name, None));
    let scope = faults.take(parse_scope(state, environment, &new.scope, "/scope"));
    faults.finish()?;
    let most = environment.rules.limits.resource_groups;
    if state.custom_resource_group_count() >= most {
        return Err(Problem::new(FaultKind::Quota, format!("an account has at most {most} resource groups")));
    }
    let (Some(name), Some(scope)) = (name, scope) else {
        return Err(Problem::new(FaultKind::Invalid, "invalid resource group"));
    };
    let now = environment.now;
    let group = ResourceGroup {
        id,
        name,
        kind: Kind::Custom,
        scope,
        created_on: now,
        modified_on: now,
        shown: Default::default(),
    };
    Ok((vec![Change::put(Document::ResourceGroup(group.into()))], id))
}

/// Changes the name or the whole scope of a custom group (D24).
///
/// # Errors
/// Unknown or built-in group; faults of name and scope; a policy that uses the group would become a bad pair (D13).
pub fn update(
    state: &AccountState,
    environment: &Environment<'_>,
    id: ResourceGroupId,
    name: Option<&str>,
    scope: Option<&ScopeInput>,
) -> Result<(Vec<Change>, ResourceGroupId), Problem> {
    let group = get(state, id)?;
    editable(group, "changed")?;
    let mut faults = Faults::new();
    let name = match name {
        Some(name) => faults.take(free_name(state, name, Some(id))),
        None => Some(group.name.clone()),
    };
    let scope = match scope {
        Some(scope) => faults.take(parse_scope(state, environment, scope, "/scope")),
        None => Some(group.scope.clone()),
    };
    faults.finish()?;
    let (Some(name), Some(scope)) = (name, scope) else {
        return Err(Problem::new(FaultKind::Invalid, "invalid resource group"));
    };
    check_users(state, environment, id, &scope)?;
    let next = ResourceGroup { name, scope, modified_on: environment.now, ..group.clone() };
    let unchanged = next.name == group.name && next.scope == group.scope;
    let changes = if unchanged { vec![] } else { vec![Change::put(Document::ResourceGroup(next.into()))] };
    Ok((changes, id))
}

/// Every policy that uses the group must still make sense on the new scope.
fn check_users(
    state: &AccountState,
    environment: &Environment<'_>,
    id: ResourceGroupId,
    scope: &Scope,
) -> Result<(), Problem> {
    let users = state.all_policies().filter(|policy| policy.resource_groups.contains(&id));
    for policy in users {
        for group in policy.permission_groups.iter().filter_map(|id| environment.catalog.iam_group(id)) {
            if !policies::may_meet(state, environment, group, scope) {
                return Err(Problem::at(
                    FaultKind::Pair,
                    "/scope",
                    format!(
                        "invalid permission group and resource group combination: policy `{}` uses this group with \"{}\"",
                        policy.id, group.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Removes a custom group that no policy uses (D25).
///
/// # Errors
/// Unknown or built-in group; in use, with the number of policies.
pub fn delete(state: &AccountState, id: ResourceGroupId) -> Result<(Vec<Change>, ResourceGroupId), Problem> {
    let group = get(state, id)?;
    editable(group, "deleted")?;
    match state.policies_using(&id) {
        0 => Ok((vec![Change::Delete(DocumentId::ResourceGroup(id))], id)),
        count => {
            let (noun, verb) = if count == 1 { ("policy", "uses") } else { ("policies", "use") };
            Err(Problem::new(
                FaultKind::InUse,
                format!("resource group `{id}` cannot be deleted: {count} {noun} {verb} it"),
            ))
        }
    }
}

/// The group of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get(state: &AccountState, id: ResourceGroupId) -> Result<&ResourceGroup, Problem> {
    state.resource_group(&id).ok_or_else(|| Problem::not_found("resource group", id))
}

fn editable(group: &ResourceGroup, verb: &str) -> Result<(), Problem> {
    match group.kind {
        Kind::Custom => Ok(()),
        Kind::BuiltIn => Err(Problem::new(
            FaultKind::BuiltIn,
            format!("resource group `{}` is built in and cannot be {verb}", group.id),
        )),
        Kind::Anonymous { policy } => Err(Problem::new(
            FaultKind::BuiltIn,
            format!("resource group `{}` belongs to policy `{policy}` and cannot be {verb} by itself", group.id),
        )),
    }
}

/// The name, if it is well formed, not reserved and not taken by another group (D22).
fn free_name(state: &AccountState, name: &str, own: Option<ResourceGroupId>) -> Result<Box<str>, Problem> {
    let refuse = |message: String| Err(Problem::at(FaultKind::Name, "/name", message));
    let name = names::group_name(name, "/name")?;
    let key = NameKey::of(&name);
    if key.as_str().starts_with("com.cloudflare.") {
        return refuse("names that begin with `com.cloudflare.` are reserved".to_owned());
    }
    match state.resource_group_named(&key) {
        Some(taken) if Some(taken) != own => refuse(format!("resource group `{name}` already exists")),
        Some(_) | None => Ok(name),
    }
}

/// The id that a zone's key ends with, if the key is one.
pub fn zone_of(key: &str) -> Option<ZoneId> {
    key.strip_prefix(ZONE_KEY)?.parse::<Id>().ok().map(ZoneId)
}
