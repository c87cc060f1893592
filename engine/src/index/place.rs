//! The name of a resource as the index compares it: 16 bytes in place of a text.

use catalog::Id;
use model::ids::ZoneId;
use model::resource_groups::{ZONE_KEY, zone_key};

/// A resource key in 16 bytes: the id of a zone, the first 16 bytes of the SHA-256 digest of any other key. Two keys
/// that somebody would have to search 2^64 digests for could meet; nobody can search for one that meets a zone's random id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u128);

impl Place {
    /// No place: never that of a key.
    pub(crate) const NONE: Place = Place(0);
    /// The place of a resource that no policy names; never that of a key either.
    pub(crate) const UNNAMED: Place = Place(1);

    /// The place of a key, whether something is registered there or not.
    pub(crate) fn of(key: &str) -> Place {
        match key.strip_prefix(ZONE_KEY).and_then(|id| id.parse().ok()) {
            Some(id) => Place::of_zone(ZoneId(id)),
            None => Place(raw(Id::derived(key)).max(2)),
        }
    }

    /// The place of a zone. Ids that are no random number, which only tests have, may not be one of the two that stand
    /// for no key.
    pub(crate) fn of_zone(id: ZoneId) -> Place {
        match raw(id.0) {
            0 | 1 => Place(raw(Id::derived(&zone_key(id))).max(2)),
            id => Place(id),
        }
    }

    pub(crate) fn raw(self) -> u128 {
        self.0
    }
}

/// The bytes of an id as a number.
pub(crate) fn raw(id: Id) -> u128 {
    u128::from_be_bytes(*id.as_bytes())
}
