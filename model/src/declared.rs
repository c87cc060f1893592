//! The members, user groups and resource groups of an account as one document that people keep in a file: everything in it is
//! named by what people call it, so that it can be applied to another account too.
//!
//! Ada exports her account, adds Bea to the group "DNS" in the file, and applies it: one commit makes the account what the
//! file says. Applying it again changes nothing. What the file leaves out is left alone: a section that is absent, and
//! tokens, connectors, zones and other resources, which have secrets or a life of their own.

mod draft;

use catalog::{Catalog, KeyId, ResourceTypeIndex};
use serde::Serialize;

use crate::account_state::AccountState;
use crate::members::Standing;
use crate::policies::{Effect, Policy};
use crate::resource_groups::{Kind, ResourceGroup, Scope};

pub use self::draft::{Applied, apply};

/// The form that this program writes and reads.
pub const VERSION: u64 = 1;

/// What an account shall be. A section that is absent is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Declared {
    /// [`VERSION`].
    pub version: u64,
    /// Name and settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<DeclaredAccount>,
    /// The custom resource groups: others go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_groups: Option<Vec<DeclaredResourceGroup>>,
    /// The members: others go, but those who declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<DeclaredMember>>,
    /// The user groups: others go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_groups: Option<Vec<DeclaredUserGroup>>,
}

/// Name and settings of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeclaredAccount {
    /// Its name.
    pub name: String,
    /// Where to report abuse.
    pub abuse_contact_email: Option<String>,
    /// See [`crate::accounts::Settings::enforce_twofactor`].
    pub enforce_twofactor: bool,
    /// See [`crate::accounts::Settings::api_access_enabled`].
    pub api_access_enabled: Option<bool>,
    /// See [`crate::accounts::Settings::token_put_strict`].
    pub token_put_strict: bool,
}

/// A custom resource group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeclaredResourceGroup {
    /// By which it is known.
    pub name: String,
    /// What is in it.
    pub objects: Vec<DeclaredObject>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredObject {
    /// A zone, by its domain.
    Zone(String),
    /// Anything, by its key; `*` is the account and all that is in it.
    Key(String),
}

/// A policy of a member or user group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeclaredPolicy {
    /// Allow or deny.
    pub access: Effect,
    /// Labels, or ids, of IAM permission groups.
    pub permission_groups: Vec<String>,
    /// Where.
    pub resource_groups: Vec<DeclaredPlace>,
}

/// Where a policy applies.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredPlace {
    /// The account and everything in it; always `true`.
    Account(bool),
    /// A zone, by its domain.
    Zone(String),
    /// A custom resource group, by its name.
    Name(String),
    /// A scope of the policy's own.
    Scope(Vec<DeclaredObject>),
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeclaredMember {
    /// By which it is known.
    pub email: String,
    /// Its own policies.
    pub policies: Vec<DeclaredPolicy>,
    /// See [`crate::members::Member::api_access`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_access_enabled: Option<bool>,
}

/// A user group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeclaredUserGroup {
    /// By which it is known.
    pub name: String,
    /// Its policies.
    pub policies: Vec<DeclaredPolicy>,
    /// Addresses of members.
    pub members: Vec<String>,
}

impl Declared {
    /// What an account is.
    pub fn of(state: &AccountState, catalog: &Catalog) -> Declared {
        let account = state.account().map(|account| DeclaredAccount {
            name: account.name.to_string(),
            abuse_contact_email: account.settings.abuse_contact_email.as_deref().map(str::to_owned),
            enforce_twofactor: account.settings.enforce_twofactor,
            api_access_enabled: account.settings.api_access_enabled,
            token_put_strict: account.settings.token_put_strict,
        });
        let custom = state.resource_groups().filter(|group| group.kind == Kind::Custom);
        let resource_groups = custom.map(|group| DeclaredResourceGroup {
            name: group.name.to_string(),
            objects: objects(state, catalog, &group.scope),
        });
        let shown = state.members().filter(|member| !matches!(member.standing, Standing::Rejected { .. }));
        let members = shown.map(|member| DeclaredMember {
            email: member.email.as_str().to_owned(),
            policies: policies(state, catalog, &member.policies),
            api_access_enabled: member.api_access,
        });
        let user_groups = state.user_groups().map(|(_, group)| {
            let members = state.group_members(group.id).filter_map(|id| state.member(&id));
            DeclaredUserGroup {
                name: group.name.to_string(),
                policies: policies(state, catalog, &group.policies),
                members: members.map(|member| member.email.as_str().to_owned()).collect(),
            }
        });
        Declared {
            version: VERSION,
            account,
            resource_groups: Some(resource_groups.collect()),
            members: Some(members.collect()),
            user_groups: Some(user_groups.collect()),
        }
    }
}

fn policies(state: &AccountState, catalog: &Catalog, policies: &[Policy]) -> Vec<DeclaredPolicy> {
    policies.iter().map(|policy| declared_policy(state, catalog, policy)).collect()
}

fn declared_policy(state: &AccountState, catalog: &Catalog, policy: &Policy) -> DeclaredPolicy {
    let label = |id: &crate::ids::Id| {
        let group = catalog.iam_group(id);
        let label = group.filter(|group| catalog.iam_group_by_label(&group.label).is_some_and(|one| one.id == *id));
        label.map_or_else(|| id.to_string(), |group| group.label.to_string())
    };
    let groups = policy.resource_groups.iter().filter_map(|id| state.resource_group(id));
    DeclaredPolicy {
        access: policy.access,
        permission_groups: policy.permission_groups.iter().map(label).collect(),
        resource_groups: groups.map(|group| place(state, catalog, group)).collect(),
    }
}

fn place(state: &AccountState, catalog: &Catalog, group: &ResourceGroup) -> DeclaredPlace {
    match group.kind {
        Kind::BuiltIn if group.scope.is_whole(state.account_id()) => DeclaredPlace::Account(true),
        Kind::BuiltIn => match &*objects(state, catalog, &group.scope) {
            [DeclaredObject::Zone(zone)] => DeclaredPlace::Zone(zone.clone()),
            // The group of a zone that is gone.
            _ => DeclaredPlace::Name(group.name.to_string()),
        },
        Kind::Custom => DeclaredPlace::Name(group.name.to_string()),
        Kind::Anonymous { .. } => DeclaredPlace::Scope(objects(state, catalog, &group.scope)),
    }
}

fn objects(state: &AccountState, catalog: &Catalog, scope: &Scope) -> Vec<DeclaredObject> {
    let is_zone = |key: &str| {
        catalog.parse_key(key).is_ok_and(|key| key.kind == ResourceTypeIndex::ZONE && matches!(key.id, KeyId::Id(_)))
    };
    let object = |key: &str| match state.find_resource(key).filter(|_| is_zone(key)) {
        Some(zone) => DeclaredObject::Zone(zone.name.to_string()),
        None => DeclaredObject::Key(key.to_owned()),
    };
    scope.shown_objects().iter().map(|key| object(key)).collect()
}
