//! A small map by text that is made once and read often: sorted, and as large as what is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by key, in the order of the keys. A `BTreeMap` of one entry has room for eleven; documents in memory have many such.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keyed<V>(Box<[(Box<str>, V)]>);

impl<V> Keyed<V> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        let at = self.0.binary_search_by(|(own, _)| (**own).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter().map(|(key, _)| &**key)
    }

    /// All, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> + Clone {
        self.into_iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for Keyed<V> {
    fn default() -> Keyed<V> {
        Keyed(Box::default())
    }
}

/// Of two values of one key the later one stays.
impl<V> FromIterator<(Box<str>, V)> for Keyed<V> {
    fn from_iter<I: IntoIterator<Item = (Box<str>, V)>>(entries: I) -> Keyed<V> {
        entries.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl<V> From<BTreeMap<Box<str>, V>> for Keyed<V> {
    fn from(entries: BTreeMap<Box<str>, V>) -> Keyed<V> {
        Keyed(entries.into_iter().collect())
    }
}

impl<V, const N: usize> From<[(Box<str>, V); N]> for Keyed<V> {
    fn from(entries: [(Box<str>, V); N]) -> Keyed<V> {
        entries.into_iter().collect()
    }
}

impl<'a, V> IntoIterator for &'a Keyed<V> {
    type Item = (&'a str, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Box<str>, V)>, fn(&'a (Box<str>, V)) -> (&'a str, &'a V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (&**key, value))
    }
}

impl<V: Serialize> Serialize for Keyed<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Keyed<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keyed<V>, D::Error> {
        BTreeMap::deserialize(deserializer).map(Keyed::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_in_order_and_finds_what_is_in_it() {
        let keyed: Keyed<u8> = [("b".into(), 1), ("a".into(), 2), ("b".into(), 3)].into();
        assert_eq!(keyed.iter().collect::<Vec<_>>(), [("a", &2), ("b", &3)], "the later of two values of one key");
        assert_eq!((keyed.get("a"), keyed.get("c")), (Some(&2), None));
        let text = serde_json::to_string(&keyed).unwrap();
        assert_eq!(text, r#"{"a":2,"b":3}"#);
        assert_eq!(serde_json::from_str::<Keyed<u8>>(&text).unwrap(), keyed);
    }
}
