//! What decisions ask of the types of resources, worked out once for a catalogue.

use catalog::{Catalog, PermissionSet, ResourceTypeIndex};

/// The types of a catalogue's resources.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    /// By type: the permissions that can apply to a resource of it, its own and its ancestors'.
    applicable: Box<[PermissionSet]>,
    /// By type: a bit for itself and for each type that it lies in.
    containers: Box<[u64]>,
    /// How many words of a permission set the catalogue fills.
    pub(crate) words: usize,
}

impl Kinds {
    pub(crate) fn of(catalog: &Catalog) -> Kinds {
        let containers = catalog.resource_types().iter().map(|kind| {
            let others = catalog.resource_types().iter();
            let containers = others.filter(|other| catalog.is_self_or_descendant(kind.index, other.index));
            containers.fold(0, |bits, other| bits | 1 << other.index.0)
        });
        let containers: Box<[u64]> = containers.collect();
        let applicable = containers.iter().map(|containers| {
            let scopes = catalog.resource_types().iter().filter(|other| containers & 1 << other.index.0 != 0);
            scopes.fold(PermissionSet::EMPTY, |set, scope| set | catalog.of_scope(scope.index))
        });
        let words = catalog.permissions().len().div_ceil(u64::BITS as usize).max(1);
        Kinds { applicable: applicable.collect(), containers, words }
    }

    /// How many types there are.
    pub(crate) fn len(&self) -> usize {
        self.containers.len()
    }

    /// Every type.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ResourceTypeIndex> + use<> {
        (0..self.containers.len()).map(|index| ResourceTypeIndex(index as u8))
    }

    /// The permissions that can apply to a resource of the type.
    pub(crate) fn applicable(&self, kind: ResourceTypeIndex) -> &PermissionSet {
        &self.applicable[usize::from(kind.0)]
    }

    /// Whether a type is another one or lies within it.
    pub(crate) fn lies_in(&self, kind: ResourceTypeIndex, container: ResourceTypeIndex) -> bool {
        self.containers[usize::from(kind.0)] & 1 << container.0 != 0
    }
}
