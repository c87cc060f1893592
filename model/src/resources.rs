//! The registry of what scopes can point at: zones, and resources of any other type (D90).

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{ResourceGroupId, ZoneId};
use crate::names::{self, NameKey};
use crate::problem::{FaultKind, Problem};
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
