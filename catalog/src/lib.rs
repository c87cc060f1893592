//! What can be granted.
//!
//! Think of Ada, who runs the DNS of a small company. A policy gives her the IAM permission group "DNS". That name means
//! nothing to a decision; this room says what it *is*: a handful of fine permissions such as "DNS Write". The request
//! that she then makes is an [`Operation`], and the catalogue knows which permissions that operation accepts. A decision
//! is whether the two sets meet.
//!
//! - [`Permission`]: one entry of the token catalogue, bound to one [`ResourceType`]. Dense: [`PermissionIndex`] counts from
//!   zero, so a [`PermissionSet`] is a bitset. Indices are of one process: store the [`Id`], never the index.
//! - [`IamPermissionGroup`] and [`Role`]: bundles. What they hold is derived from `data/expansions.json` and nothing else (D1).
//! - [`Operation`]: one call of the API and what it accepts.
//! - A call, as it was made or recorded, leads to its operation ([`Catalog::match_operation`]) and to what it is about
//!   ([`Catalog::resource_of`]).
//! - An operator adds their own product with [`Catalog::with_file`].
//!
//! No I/O, no clock, no randomness. Where the data comes from is told in `data/SOURCES.md`.

mod assemble;
mod builtin;
mod call_resource;
mod catalog;
mod definitions;
mod error;
mod group;
mod id;
mod legacy;
mod operation;
mod path_template;
mod paths;
mod permission;
mod permission_set;
mod resource;
mod selector;

pub use call_resource::CallResource;
pub use catalog::Catalog;
pub use error::{CatalogError, Fault};
pub use group::{IamPermissionGroup, Role};
pub use id::{Id, IdError};
pub use legacy::{LEGACY_KEYS, LegacyGrant, LegacyPermissions};
pub use operation::{Method, MethodError, Operation};
pub use paths::OperationMatch;
pub use permission::{Access, Origin, Permission};
pub use permission_set::{PermissionIndex, PermissionSet};
pub use resource::{KeyError, KeyId, ResourceKey, ResourceType, ResourceTypeIndex};
