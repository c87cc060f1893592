//! Who may do what. Given an account at one revision, a principal, the permissions that would suffice and a target,
//! the engine decides; the same walk gives the evidence. The invariants that speak of permissions are here too: a
//! super administrator remains (D19), nobody grants more than they hold (D15 to D17).
//!
//! ```text
//! allowed = (allow & !deny) & accepted ≠ 0        deny always wins; nothing matched is a deny
//! ```

pub mod call_target;
pub mod decide;
pub mod invariants;
pub mod oracle;
pub mod permit;
pub mod principal;
pub mod rights;
pub mod target;

use std::sync::Arc;

use catalog::{Catalog, Id, PermissionSet, ResourceTypeIndex};

/// The decision function over one catalogue.
#[derive(Clone)]
pub struct Engine {
    catalog: Arc<Catalog>,
    /// By resource type: the permissions that can apply to a resource of that type, its own and its ancestors'.
    applicable: Arc<[PermissionSet]>,
    administration: Administration,
}

/// The permissions that administration of accounts turns on.
#[derive(Clone, Copy)]
pub(crate) struct Administration {
    /// `Account Settings Write`: may manage members, groups and policies (D17).
    pub(crate) manage: PermissionSet,
    /// The IAM permission group `all_privileges`.
    pub(crate) all_privileges: Option<Id>,
}

impl Engine {
    /// Prepares decisions over a catalogue.
    pub fn new(catalog: Arc<Catalog>) -> Engine {
        let applicable = catalog.resource_types().iter().map(|kind| {
            let ancestors =
                catalog.resource_types().iter().filter(|other| catalog.is_self_or_descendant(kind.index, other.index));
            ancestors.fold(PermissionSet::EMPTY, |set, other| set | catalog.of_scope(other.index))
        });
        let applicable = applicable.collect();
        let manage = catalog.permissions_named("Account Settings Write").map(|permission| permission.index).collect();
        let all_privileges = catalog.iam_groups().iter().find(|group| group.is_all_privileges).map(|group| group.id);
        Engine { applicable, administration: Administration { manage, all_privileges }, catalog }
    }

    /// The catalogue that is decided over.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The catalogue, to keep.
    pub fn shared_catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The permission groups whose holders a state must keep track of, for
    /// [`model::account_state::AccountState::new`].
    pub fn watched(&self) -> impl Iterator<Item = Id> {
        self.administration.all_privileges.into_iter()
    }

    /// The permissions that can apply to a resource of that type.
    pub fn applicable(&self, kind: ResourceTypeIndex) -> &PermissionSet {
        &self.applicable[usize::from(kind.0)]
    }
}
