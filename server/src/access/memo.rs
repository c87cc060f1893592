//! What was looked up for one request: mostly one thing or two, sometimes thousands.

use std::collections::HashMap;
use std::hash::Hash;

/// Up to this many a look through all is quicker than a hash.
const FEW: usize = 4;

/// Values by key. They stay where they are: each is known by its place.
pub struct Memo<K, V> {
    values: Vec<(K, V)>,
    /// Kept once there are more than a few. Clients choose the keys, so it is the standard map, which they cannot slow down.
    places: HashMap<K, usize>,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Memo<K, V> {
        Memo { values: Vec::new(), places: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Memo<K, V> {
    /// The place of a key; its value is made if it is new.
    pub fn place(&mut self, key: K, make: impl FnOnce() -> V) -> usize {
        let known = match self.values.len() {
            0..=FEW => self.values.iter().position(|(other, _)| *other == key),
            _ => self.places.get(&key).copied(),
        };
        known.unwrap_or_else(|| {
            let place = self.values.len();
            self.values.push((key, make()));
            if place == FEW {
                self.places.extend(self.values.iter().enumerate().map(|(place, (key, _))| (*key, place)));
            } else if place > FEW {
                self.places.insert(key, place);
            }
            place
        })
    }

    /// The value at a place that was given out.
    pub fn at(&self, place: usize) -> &V {
        &self.values[place].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_made_once_and_stays() {
        let mut memo = Memo::default();
        for round in 0..3 {
            for key in 0..20_usize {
                let place = memo.place(key, || {
                    assert_eq!(round, 0, "{key} was made before");
                    key * 10
                });
                assert_eq!((place, *memo.at(place)), (key, key * 10));
            }
        }
    }
}
