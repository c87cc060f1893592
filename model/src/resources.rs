//! The registry of what scopes can point at: zones, and resources of any other type (D90).

use catalog::{KeyId, ResourceTypeIndex};

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{ResourceGroupId, ZoneId};
use crate::names::{self, NameKey};
use crate::problem::{FaultKind, Faults, Problem};
use crate::resource_groups::{self, Scope};
use crate::rules::Environment;
use crate::time::Timestamp;

/// A registered resource.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resource {
    /// Its full key, such as `com.cloudflare.api.account.zone.<id>`.
    pub key: Box<str>,
    /// What people call it; for a zone its domain.
    pub name: Box<str>,
    /// The key of the resource it lies in, if that is not the account itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// When it was registered.
    pub created_on: Timestamp,
}

/// A key that named a resource once. Where people choose ids it must not name another one later: what was granted on the
/// first would be granted on the second (D2, D26).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemovedResource {
    /// The key.
    pub key: Box<str>,
    /// Since when.
    pub removed_on: Timestamp,
}

/// A resource to register that is no zone.
#[derive(Clone, Debug)]
pub struct NewResource {
    /// Its full key; the id in it is the registrant's to choose.
    pub key: String,
    /// What people call it; the id where it is absent.
    pub name: Option<String>,
    /// The key of the resource that it lies in, if that is not the account itself.
    pub parent: Option<String>,
}

/// How many resources may lie in each other below an account: what decisions follow.
const DEEPEST: usize = 8;

/// Registers a resource of any type but a zone's.
///
/// # Errors
/// A key of no type that lies in accounts, or with another account's id; one that is there or was there; a parent that is not
/// there, of another type than the type asks for, or too deep.
pub fn create(
    state: &AccountState,
    environment: &Environment<'_>,
    new: &NewResource,
) -> Result<(Vec<Change>, Box<str>), Problem> {
    let mut faults = Faults::new();
    let kind = faults.take(parse_key(state, environment, &new.key));
    // A name that comes of a key which is none is no fault of its own.
    let name = match (&new.name, kind) {
        (None, None) => None,
        (name, _) => faults.take(resource_name(name.as_deref(), &new.key)),
    };
    if let Some(kind) = kind {
        check_parent(state, environment, kind, new.parent.as_deref(), &mut faults);
    }
    if state.find_resource(&new.key).is_some() {
        faults.push(FaultKind::AlreadyExists, "/key", format!("`{}` is registered already", new.key));
    } else if state.is_removed(&new.key) {
        let message =
            format!("`{}` was removed; its key is not given out again, since grants may still name it", new.key);
        faults.push(FaultKind::AlreadyExists, "/key", message);
    }
    faults.finish()?;
    let key: Box<str> = new.key.as_str().into();
    let resource = Resource {
        key: key.clone(),
        name: name.unwrap_or_default(),
        parent: new.parent.as_deref().map(Box::from),
        created_on: environment.now,
    };
    Ok((vec![Change::put(Document::Resource(resource.into()))], key))
}

fn parse_key(state: &AccountState, environment: &Environment<'_>, text: &str) -> Result<ResourceTypeIndex, Problem> {
    let refuse = |message: String| Err(Problem::at(FaultKind::Invalid, "/key", message));
    let catalog = environment.catalog;
    let key = match catalog.parse_key(text) {
        Ok(key) => key,
        Err(error) => return refuse(error.to_string()),
    };
    let KeyId::Id(id) = &key.id else { return refuse(format!("`{text}` is all of a type; one resource is expected")) };
    let inside = catalog.is_self_or_descendant(key.kind, ResourceTypeIndex::ACCOUNT);
    if key.kind == ResourceTypeIndex::ZONE {
        return refuse(format!("`{text}` is a zone; POST /zones registers one"));
    }
    if !inside || key.kind == ResourceTypeIndex::ACCOUNT {
        return refuse(format!("`{text}` is nothing that lies in an account"));
    }
    let account = state.account_id();
    if key.kind == ResourceTypeIndex::R2_BUCKET && !id.starts_with(&format!("{account}_")) {
        return refuse(format!(
            "the id of a bucket must begin with this account's, `{account}_`, and its jurisdiction"
        ));
    }
    Ok(key.kind)
}

fn resource_name(name: Option<&str>, key: &str) -> Result<Box<str>, Problem> {
    let name = name.map(str::trim).unwrap_or_else(|| key.rsplit_once('.').map_or(key, |(_, id)| id));
    match name.chars().count() {
        1..=255 if !name.chars().any(char::is_control) => Ok(name.into()),
        _ => {
            let message = "name must have 1 to 255 characters, and no control characters";
            Err(Problem::at(FaultKind::Invalid, "/name", message))
        }
    }
}

/// The parent is of the type that the type lies in, which for most is the account itself.
fn check_parent(
    state: &AccountState,
    environment: &Environment<'_>,
    kind: ResourceTypeIndex,
    parent: Option<&str>,
    faults: &mut Faults,
) {
    let catalog = environment.catalog;
    let expected = catalog.resource_type(kind).parent.filter(|parent| *parent != ResourceTypeIndex::ACCOUNT);
    let name = |kind: ResourceTypeIndex| &catalog.resource_type(kind).name;
    let message = match (expected, parent) {
        (None, None) => return,
        (None, Some(_)) => format!("a {} lies in the account itself; leave parent out", name(kind)),
        (Some(expected), None) => format!("a {} lies in a {}; parent must be its key", name(kind), name(expected)),
        (Some(expected), Some(parent)) => {
            let is_right = catalog.parse_key(parent).is_ok_and(|key| key.kind == expected);
            let chain = std::iter::successors(state.find_resource(parent), |resource| {
                state.find_resource(resource.parent.as_deref()?)
            });
            match (is_right, chain.take(DEEPEST).count()) {
                (false, _) => format!("`{parent}` is no {}, in which a {} lies", name(expected), name(kind)),
                (true, 0) => format!("`{parent}` is not registered in this account"),
                (true, DEEPEST) => format!("`{parent}` lies too deep: at most {DEEPEST} resources lie in each other"),
                (true, _) => return,
            }
        }
    };
    faults.push(FaultKind::Invalid, "/parent", message);
}

/// The resource of that key that is no zone.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get<'a>(state: &'a AccountState, key: &str) -> Result<&'a Resource, Problem> {
    let resource = state.find_resource(key).filter(|_| resource_groups::zone_of(key).is_none());
    resource.ok_or_else(|| Problem::not_found("resource", key))
}

/// Gives a resource another name.
///
/// # Errors
/// [`FaultKind::NotFound`]; a name that is too long.
pub fn rename(state: &AccountState, key: &str, name: Option<&str>) -> Result<(Vec<Change>, Box<str>), Problem> {
    let resource = get(state, key)?;
    let Some(name) = name else { return Ok((vec![], resource.key.clone())) };
    let name = resource_name(Some(name), key)?;
    if name == resource.name {
        return Ok((vec![], resource.key.clone()));
    }
    let next = Resource { name, ..resource.clone() };
    Ok((vec![Change::put(Document::Resource(next.into()))], key.into()))
}

/// Removes a resource. Its key stays in scopes, where it matches nothing, and is never given out again (D26).
///
/// # Errors
/// [`FaultKind::NotFound`]; something that lies in it.
pub fn delete(
    state: &AccountState,
    environment: &Environment<'_>,
    key: &str,
) -> Result<(Vec<Change>, Box<str>), Problem> {
    let resource = get(state, key)?;
    let inside = state.resources().filter(|other| other.parent.as_deref() == Some(key)).count();
    if inside > 0 {
        let message = format!("{inside} resources lie in `{key}`; remove them first");
        return Err(Problem::new(FaultKind::InUse, message));
    }
    let removed = RemovedResource { key: resource.key.clone(), removed_on: environment.now };
    let changes = vec![
        Change::Delete(DocumentId::Resource(resource.key.clone())),
        Change::put(Document::RemovedResource(removed.into())),
    ];
    Ok((changes, resource.key.clone()))
}

/// Gives a zone another name: another domain.
///
/// # Errors
/// A malformed name; one that the account has already.
pub fn rename_zone(state: &AccountState, id: ZoneId, name: Option<&str>) -> Result<(Vec<Change>, ZoneId), Problem> {
    let zone = get_zone(state, id)?;
    let Some(name) = name else { return Ok((vec![], id)) };
    let name = names::zone_name(name, "/name")?;
    if state.zone_named(&NameKey::of(&name)).is_some_and(|other| other != id) {
        return Err(Problem::at(FaultKind::AlreadyExists, "/name", format!("zone `{name}` already exists")));
    }
    if name == zone.name {
        return Ok((vec![], id));
    }
    Ok((vec![Change::put(Document::Resource(Resource { name, ..zone.clone() }.into()))], id))
}

/// Registers a zone, with its built-in resource group (D21).
///
/// # Errors
/// A malformed name; one that the account has already.
pub fn create_zone(
    state: &AccountState,
    environment: &Environment<'_>,
    name: &str,
    id: ZoneId,
) -> Result<(Vec<Change>, ZoneId), Problem> {
    let name = names::zone_name(name, "/name")?;
    if state.zone_named(&NameKey::of(&name)).is_some() {
        return Err(Problem::at(FaultKind::AlreadyExists, "/name", format!("zone `{name}` already exists")));
    }
    let key: Box<str> = resource_groups::zone_key(id).into();
    let now = environment.now;
    let scope = Scope::listed(state.account_id(), [key.clone()]);
    let group = resource_groups::built_in(ResourceGroupId(environment.next_id()), scope, key.to_string(), now);
    let zone = Resource { key, name, parent: None, created_on: now };
    let documents = [Document::Resource(zone.into()), Document::ResourceGroup(group.into())];
    Ok((documents.into_iter().map(Change::Put).collect(), id))
}

/// The zone of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get_zone(state: &AccountState, id: ZoneId) -> Result<&Resource, Problem> {
    state.find_resource(&resource_groups::zone_key(id)).ok_or_else(|| Problem::not_found("zone", id))
}

/// Removes a zone. Its key stays in resource groups, where it matches nothing (D26); its built-in group goes unless a
/// policy still uses it.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn delete_zone(state: &AccountState, id: ZoneId) -> Result<(Vec<Change>, ZoneId), Problem> {
    let zone = get_zone(state, id)?;
    let mut changes = vec![Change::Delete(DocumentId::Resource(zone.key.clone()))];
    let group = state.resource_group_named(&NameKey::of(&zone.key));
    changes.extend(
        group
            .filter(|group| state.policies_using(group) == 0)
            .map(|group| Change::Delete(DocumentId::ResourceGroup(group))),
    );
    Ok((changes, id))
}
