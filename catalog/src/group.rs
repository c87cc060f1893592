//! Bundles of permissions: what policies of members and user groups name.

use crate::{Id, LegacyPermissions, PermissionSet, ResourceTypeIndex};

/// One entry of the IAM catalogue, such as "Domain DNS".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamPermissionGroup {
    /// Its id on the wire.
    pub id: Id,
    /// Its name.
    pub name: Box<str>,
    /// Its unique handle for programs: `domain_dns`.
    pub label: Box<str>,
    /// What it is for, in one sentence.
    pub description: Box<str>,
    /// The type of resource that a policy may grant it on.
    pub scope: ResourceTypeIndex,
    /// What a policy that allows it gives: writing brings the reading of the same family along (D6).
    pub allows: PermissionSet,
    /// What a policy that denies it takes away: without reading there is no writing, but reading may stay without
    /// writing (D6).
    pub denies: PermissionSet,
    /// It makes a super administrator (D16, D19).
    pub is_all_privileges: bool,
    /// It grants nothing that is stored: every accepted member holds it anyhow (D14).
    pub is_minimal_access: bool,
    /// The legacy role that is the same thing; groups that are not account-wide have none.
    pub role: Option<Id>,
}

/// A legacy role: an account-wide IAM permission group under another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id on the wire, distinct from that of the group.
    pub id: Id,
    /// Its name, which is also that of the group.
    pub name: Box<str>,
    /// What it is for, in one sentence.
    pub description: Box<str>,
    /// The IAM permission group that is the same thing.
    pub group: Id,
    /// The coarse view of what it allows, derived from the group (D1).
    pub permissions: LegacyPermissions,
}
