//! The small language that says which permissions a bundle holds.
//!
//! A selector names a set of permissions; a permission is selected when it fits every field that is present:
//!
//! | field | fits a permission |
//! | --- | --- |
//! | `"all": true` | of any scope (user-scoped ones are never part of a bundle) |
//! | `"scopes": ["zone"]` | of one of these resource types, by their short names; required unless `all` is there |
//! | `"names": ["Zone Read"]` | of one of these names, former names included |
//! | `"families": ["DNS"]` | whose family is one of these: "DNS Read" and "DNS Write" |
//! | `"prefix": "Access: "` | whose name begins so |
//! | `"category": "media"` | of this category |
//! | `"access": "read"` | with this access: `read`, `write` or `other` |
//!
//! A bundle holds what at least one `include` selects and no `exclude` does.

use serde::Deserialize;

use crate::assemble::suggest;
use crate::permission::Access;
use crate::{Catalog, Permission, PermissionSet, ResourceTypeIndex};

/// A policy is about an account, and a user is no part of one.
pub(crate) const NOT_FOR_POLICIES: &str = "user permissions cannot be granted by a policy";

/// Which permissions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Selector {
    pub all: bool,
    pub scopes: Vec<Box<str>>,
    pub names: Vec<Box<str>>,
    pub families: Vec<Box<str>>,
    pub prefix: Option<Box<str>>,
    pub category: Option<Box<str>>,
    pub access: Option<Access>,
}

/// What one bundle holds. Kept in the catalogue, so that `all` also means what an operator adds later.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The label of the IAM permission group.
    pub group: Box<str>,
    pub include: Vec<Selector>,
    pub exclude: Vec<Selector>,
}

impl Rule {
    pub fn expand(&self, catalog: &Catalog) -> PermissionSet {
        let union = |selectors: &[Selector]| {
            selectors.iter().fold(PermissionSet::EMPTY, |set, selector| set | selector.select(catalog))
        };
        union(&self.include) - union(&self.exclude)
    }
}

impl Selector {
    pub fn select(&self, catalog: &Catalog) -> PermissionSet {
        let scopes: Vec<_> = self.scopes.iter().filter_map(|name| catalog.resource_type_by_name(name)).collect();
        let named = self.names.iter().flat_map(|name| catalog.permissions_named(name)).map(|one| one.index);
        let named: PermissionSet = named.collect();
        let fits = |permission: &&Permission| {
            permission.scope != ResourceTypeIndex::USER
                && (self.all || scopes.iter().any(|kind| kind.index == permission.scope))
                && (self.names.is_empty() || named.contains(permission.index))
                && (self.families.is_empty() || self.families.contains(&permission.family))
                && self.prefix.as_ref().is_none_or(|prefix| permission.name.starts_with(&**prefix))
                && self.category.as_ref().is_none_or(|category| permission.category == *category)
                && self.access.is_none_or(|access| permission.access == access)
        };
        catalog.permissions().iter().filter(fits).map(|permission| permission.index).collect()
    }

    /// What is wrong with it: below which field (empty for the selector itself), and what would be right.
    pub fn faults(&self, catalog: &Catalog) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        if self.all != self.scopes.is_empty() {
            faults.push((String::new(), "must have either `\"all\": true` or `scopes`".to_owned()));
        }
        for (at, scope) in self.scopes.iter().enumerate() {
            let below = format!("/scopes/{at}");
            match catalog.resource_type_by_name(scope).map(|kind| kind.index) {
                Some(ResourceTypeIndex::USER) => faults.push((below, NOT_FOR_POLICIES.to_owned())),
                Some(_) => (),
                None => faults.push((below, suggest::scope(catalog, scope))),
            }
        }
        if !faults.is_empty() {
            return faults;
        }
        // One misspelt name among many must not go unnoticed, so each is tried alone.
        let selects_nothing = |alone: Selector| alone.select(catalog).is_empty();
        for (at, name) in self.names.iter().enumerate() {
            if selects_nothing(Selector { names: vec![name.clone()], ..self.clone() }) {
                faults.push((format!("/names/{at}"), suggest::selected_permission(catalog, name)));
            }
        }
        for (at, family) in self.families.iter().enumerate() {
            if selects_nothing(Selector { families: vec![family.clone()], ..self.clone() }) {
                faults.push((format!("/families/{at}"), suggest::family(catalog, family)));
            }
        }
        if faults.is_empty() && self.select(catalog).is_empty() {
            faults.push((String::new(), "selects no token permission group".to_owned()));
        }
        faults
    }
}
