//! The fine permissions: the token catalogue.

use serde::Deserialize;

use crate::{Id, PermissionIndex, ResourceTypeIndex};

/// One entry of the token catalogue, such as "DNS Write" on zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its own index.
    pub index: PermissionIndex,
    /// Its id on the wire.
    pub id: Id,
    /// Its name. Unique together with the scope, not alone: "Logs Read" exists for accounts and for zones.
    pub name: Box<str>,
    /// The type of resource it is about.
    pub scope: ResourceTypeIndex,
    /// Which chapter of the catalogue it stands in.
    pub category: Box<str>,
    /// Whether it lets one read, change, or something else.
    pub access: Access,
    /// What reading and changing are about: "DNS". Permissions of one scope and family belong together (D6).
    pub family: Box<str>,
    /// Where the entry comes from.
    pub origin: Origin,
}

/// What a permission lets one do, as far as D6 needs to know.
///
/// It follows from the last word of the name, unless the data says otherwise (a few names, such as "Page Shield", have
/// no such word): `Read` reads; `Write`, `Edit` and `Admin` write; everything else, such as `Run`, `Send`, `Bind`,
/// `Revoke` and `Purge`, is its own thing: it neither brings the reading along nor goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Sees.
    Read,
    /// Sees, creates, changes, deletes.
    Write,
    /// Does one particular thing.
    Other,
}

/// Where an entry of the catalogue comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Its id is published.
    Published,
    /// Only its name is public, so its id is derived from it.
    NameOnly,
    /// Ours: something the published catalogue has no entry for (`data/portcullis.json`).
    Portcullis,
    /// From an operator's own catalogue file.
    Operator,
}

/// The access and the family that a name suggests.
pub(crate) fn by_name(name: &str) -> (Access, &str) {
    let Some((family, last)) = name.rsplit_once(' ') else {
        return (Access::Other, name);
    };
    match last {
        "Read" => (Access::Read, family),
        "Write" | "Edit" | "Admin" => (Access::Write, family),
        "Bind" | "Evaluate" | "Revoke" | "Run" | "Send" => (Access::Other, family),
        _ => (Access::Other, name),
    }
}

/// The permissions of one scope and family that D6 ties together.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub reads: crate::PermissionSet,
    pub writes: crate::PermissionSet,
}
