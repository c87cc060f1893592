//! The places at which a commit may change what is held: the account, each type of resource where no policy names one,
//! and single resources.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::ResourceTypeIndex;
use model::change::{Change, DocumentId};
use rustc_hash::FxHashMap;

use super::Anew;
use crate::Account;
use crate::index::grants::Grants;
use crate::index::place::Place;
use crate::target::Target;

/// One place, as it was and as it is; absent where it was not or is not there.
pub(super) struct Region {
    pub(super) before: Option<Target>,
    pub(super) after: Option<Target>,
    /// The key of a single resource; none for the account and for all unnamed resources of a type.
    pub(super) key: Option<Box<str>>,
}

impl Region {
    fn alike(target: Target) -> Region {
        Region { before: Some(target), after: Some(target), key: None }
    }

    /// Whether it came, went, or lies in something else now.
    pub(super) fn moved(&self) -> bool {
        self.before != self.after
    }

    /// Its type.
    pub(super) fn kind(&self) -> Option<ResourceTypeIndex> {
        self.after.or(self.before).map(|target| target.kind)
    }

    pub(super) fn is_account(&self) -> bool {
        self.after.is_some_and(|target| target.is_account())
    }
}

/// All places.
pub(super) struct Regions<'a> {
    before: &'a Account,
    after: &'a Account,
    unnamed: Vec<Region>,
    moved: Vec<Region>,
    registered: Option<Registered>,
    /// What [`Regions::named`] found of grants by their address, for the set of permissions of that number.
    found: FxHashMap<(usize, usize), Vec<usize>>,
}

/// The registered resources, by the places that they are in. Put together when first asked for.
struct Registered {
    regions: Vec<Region>,
    by_place: FxHashMap<Place, Vec<usize>>,
}

impl<'a> Regions<'a> {
    pub(super) fn new(before: &'a Account, after: &'a Account, changes: &[Change]) -> Regions<'a> {
        let kinds = after.engine().kinds();
        let inside = kinds
            .iter()
            .filter(|kind| *kind != ResourceTypeIndex::ACCOUNT && kinds.lies_in(*kind, ResourceTypeIndex::ACCOUNT));
        let unnamed = inside.filter_map(|kind| Target::of(kind, [Place::UNNAMED]));
        let unnamed = std::iter::once(Target::ACCOUNT).chain(unnamed).map(Region::alike).collect();
        let mut keys: BTreeSet<Box<str>> = changes
            .iter()
            .filter_map(|change| match change.id() {
                DocumentId::Resource(key) => Some(key),
                _ => None,
            })
            .collect();
        if !keys.is_empty() {
            let nested = [before, after].into_iter().flat_map(|account| account.resources());
            keys.extend(nested.filter(|resource| resource.parent.is_some()).map(|resource| resource.key.clone()));
        }
        let moved = keys.into_iter().map(|key| region(before, after, &key)).filter(Region::moved).collect();
        Regions { before, after, unnamed, moved, registered: None, found: FxHashMap::default() }
    }

    /// The account, and for each type of resource one that no policy names.
    pub(super) fn unnamed(&self) -> impl Iterator<Item = &Region> {
        self.unnamed.iter()
    }

    /// The resources that came, went, or lie in something else now.
    pub(super) fn moved(&self) -> impl Iterator<Item = &Region> {
        self.moved.iter()
    }

    /// The numbers of the resources that lie in a place at which some of the grants speak by name of what `spoken` has,
    /// each once; not those that moved. Everywhere else they say the same as where nothing is named.
    pub(super) fn named<'g>(&mut self, grants: impl Iterator<Item = &'g Arc<Grants>>, spoken: &Anew) -> Vec<usize> {
        let mut numbers: Vec<usize> = Vec::new();
        for grants in grants {
            let Regions { before, after, registered, found, .. } = self;
            let found = found.entry((Arc::as_ptr(grants).addr(), spoken.number)).or_insert_with(|| {
                let registered = registered.get_or_insert_with(|| Registered::of(before, after));
                let places = grants.places_that_speak_of(&spoken.permissions);
                let found = places.filter_map(|place| registered.by_place.get(&place));
                found.flatten().copied().collect()
            });
            numbers.extend_from_slice(found);
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The resource of a number that [`Regions::named`] gave.
    pub(super) fn at(&self, number: usize) -> Option<&Region> {
        self.registered.as_ref()?.regions.get(number)
    }
}

impl Registered {
    fn of(before: &Account, after: &Account) -> Registered {
        let mut registered = Registered { regions: Vec::new(), by_place: FxHashMap::default() };
        for resource in after.resources() {
            let region = region(before, after, &resource.key);
            let Some(target) = region.after.filter(|_| !region.moved()) else { continue };
            for place in target.chain() {
                registered.by_place.entry(*place).or_default().push(registered.regions.len());
            }
            registered.regions.push(region);
        }
        registered
    }
}

fn region(before: &Account, after: &Account, key: &str) -> Region {
    Region { before: before.resource(key), after: after.resource(key), key: Some(key.into()) }
}
