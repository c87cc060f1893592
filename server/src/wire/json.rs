//! Reading bodies: every fault is found in one pass, each with its JSON pointer (D71). Unknown fields are ignored; a key
//! that is given twice is a fault, since two readers could disagree on which one counts.

use std::collections::HashSet;
use std::fmt;

use model::problem::{Fault, FaultKind, Faults, Problem};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value that remembers keys given twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; its value where it is whole and not negative. Which other one it is, is never asked.
    Number(Option<u64>),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of the text.
    Object(Vec<(String, Node)>),
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::Text(_) => "a string",
            Node::Array(_) => "an array",
            Node::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        struct Nodes;
        impl<'de> Visitor<'de> for Nodes {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Number(value.try_into().ok()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Number(Some(value)))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Number(None))
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<Node, E> {
                Ok(Node::Text(value))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Node::Array(array))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut object = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    object.push(entry);
                }
                Ok(Node::Object(object))
            }
        }
        deserializer.deserialize_any(Nodes)
    }
}

/// What a body says, as far as it could be read: where something is wrong, a value stands in for it, so that the rest
/// can be judged against the state too and every fault is told at once (D71).
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What was read.
    pub value: T,
    // INVARIANT: a value with a problem is judged, never carried out: `into_valid` and `judged` are the ways out.
    problem: Option<Problem>,
}

impl<T> Parsed<T> {
    /// The value, if nothing is wrong with it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn into_valid(self) -> Result<T, Problem> {
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(self.value),
        }
    }

    /// Whether the whole body could be read.
    pub fn is_valid(&self) -> bool {
        self.problem.is_none()
    }

    /// All that is wrong: what could not be read, and what `found` says of the rest. A fault at a place that could not
    /// be read is about the value that stands in, and is left out.
    pub fn judged(&self, found: Option<Problem>) -> Option<Problem> {
        let Some(unread) = &self.problem else { return found };
        let mut faults = Faults::new();
        faults.extend(unread.clone());
        let within = |place: &str, other: &str| {
            other.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let hides = |fault: &Fault, place: &str| {
            fault.pointer.as_deref().is_some_and(|unread| within(unread, place) || within(place, unread))
        };
        for fault in found.iter().flat_map(Problem::faults) {
            let place = fault.pointer.as_deref().unwrap_or_default();
            if !unread.faults().iter().any(|unread| hides(unread, place)) {
                faults.push(fault.kind, place, fault.message.clone());
            }
        }
        faults.finish().err()
    }
}

/// Reads a body with `read`, which notes what is wrong and gives what it can. An absent body reads as `{}`.
///
/// # Errors
/// Text that is not JSON, or of which nothing can be made.
pub fn read<T>(body: &[u8], read: impl FnOnce(&Input<'_>, &mut Faults) -> Option<T>) -> Result<Parsed<T>, Problem> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    let node: Node = serde_json::from_slice(body)
        .map_err(|error| Problem::at(FaultKind::Invalid, "", format!("the body is not JSON: {error}")))?;
    let mut faults = Faults::new();
    find_duplicates(&node, &mut String::new(), &mut faults);
    let value = read(&Input { node: &node, pointer: String::new() }, &mut faults);
    let problem = faults.finish().err();
    match (value, problem) {
        (Some(value), problem) => Ok(Parsed { value, problem }),
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(Problem::at(FaultKind::Invalid, "", "the body is not valid")),
    }
}

fn find_duplicates(node: &Node, pointer: &mut String, faults: &mut Faults) {
    let length = pointer.len();
    match node {
        Node::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                find_duplicates(item, pointer, faults);
                pointer.truncate(length);
            }
        }
        Node::Object(entries) => {
            let mut seen = HashSet::new();
            for (key, value) in entries {
                pointer.push('/');
                pointer.push_str(&escape(key));
                if !seen.insert(key.as_str()) {
                    faults.push(FaultKind::Invalid, pointer.clone(), format!("`{key}` is given twice"));
                }
                find_duplicates(value, pointer, faults);
                pointer.truncate(length);
            }
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
}

/// A key as a part of a JSON pointer (RFC 6901).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A value and its place in the body.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    node: &'a Node,
    pointer: String,
}

/// A field of an object: in an update, missing and null differ.
pub enum Field<'a> {
    /// Not there.
    Absent,
    /// `null`.
    Null,
    /// There.
    Value(Input<'a>),
}

impl<'a> Input<'a> {
    /// The place, as a JSON pointer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    fn wrong<T>(&self, expected: &str, faults: &mut Faults) -> Option<T> {
        let name = self.pointer.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("the body");
        faults.push(
            FaultKind::Invalid,
            self.pointer.clone(),
            format!("{name} must be {expected}, not {}", self.node.kind()),
        );
        None
    }

    /// A string; empty for what is none.
    pub fn text(&self, faults: &mut Faults) -> &'a str {
        match self.node {
            Node::Text(text) => text,
            _ => self.wrong("a string", faults).unwrap_or_default(),
        }
    }

    /// A boolean; false for what is none.
    pub fn boolean(&self, faults: &mut Faults) -> bool {
        match self.node {
            Node::Bool(value) => *value,
            _ => self.wrong("a boolean", faults).unwrap_or_default(),
        }
    }

    /// The value of a whole number that is not negative, without noting a fault.
    pub fn whole_number(&self) -> Option<u64> {
        match self.node {
            Node::Number(value) => *value,
            Node::Null | Node::Bool(_) | Node::Text(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// Whether it is an array, without noting a fault.
    pub fn is_array(&self) -> bool {
        matches!(self.node, Node::Array(_))
    }

    /// Whether it is an object, without noting a fault.
    pub fn is_object(&self) -> bool {
        matches!(self.node, Node::Object(_))
    }

    /// The fields of an object, in the order of the text; none of what is no object.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Input<'a>)> + '_ {
        let entries = match self.node {
            Node::Object(entries) => entries.as_slice(),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Array(_) => &[],
        };
        let pointer = |key: &str| format!("{}/{}", self.pointer, escape(key));
        entries.iter().map(move |(key, node)| (key.as_str(), Input { node, pointer: pointer(key) }))
    }

    /// Whether it is a string, without noting a fault.
    pub fn is_text(&self) -> bool {
        matches!(self.node, Node::Text(_))
    }

    /// The items of an array, each read by `read`, which gives a stand-in for what it cannot read, so that the others
    /// keep their places. Nothing for what is no array.
    pub fn array<T>(&self, faults: &mut Faults, mut read: impl FnMut(&Input<'a>, &mut Faults) -> T) -> Vec<T> {
        let Node::Array(items) = self.node else {
            self.wrong::<()>("an array", faults);
            return Vec::new();
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, node) in items.iter().enumerate() {
            values.push(read(&Input { node, pointer: format!("{}/{index}", self.pointer) }, faults));
        }
        values
    }

    /// Notes a fault unless it is an object.
    pub fn object(&self, faults: &mut Faults) -> Option<()> {
        match self.node {
            Node::Object(_) => Some(()),
            _ => self.wrong("an object", faults),
        }
    }

    /// A field of an object.
    pub fn field(&self, name: &str) -> Field<'a> {
        let Node::Object(entries) = self.node else { return Field::Absent };
        match entries.iter().find(|(key, _)| key == name) {
            None => Field::Absent,
            Some((_, Node::Null)) => Field::Null,
            Some((_, node)) => Field::Value(Input { node, pointer: format!("{}/{}", self.pointer, escape(name)) }),
        }
    }

    /// A field that may be absent or null.
    pub fn optional(&self, name: &str) -> Option<Input<'a>> {
        match self.field(name) {
            Field::Value(input) => Some(input),
            Field::Absent | Field::Null => None,
        }
    }

    /// A field that must be there.
    pub fn required(&self, name: &str, faults: &mut Faults) -> Option<Input<'a>> {
        self.object(faults)?;
        let input = self.optional(name);
        if input.is_none() {
            faults.push(
                FaultKind::Invalid,
                format!("{}/{}", self.pointer, escape(name)),
                format!("{name} must be present"),
            );
        }
        input
    }

    /// A string that must be there; empty for what is none.
    pub fn required_text(&self, name: &str, faults: &mut Faults) -> String {
        self.required(name, faults).map_or_else(String::new, |value| value.text(faults).to_owned())
    }

    /// One of a few words, in any case (D74).
    pub fn word<T: Copy>(&self, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        if !self.is_text() {
            return self.wrong("a string", faults);
        }
        let text = self.text(faults);
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            faults.push(
                FaultKind::Invalid,
                self.pointer.clone(),
                format!("`{text}` must be one of {}", words.join(", ")),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// An object of one field `id`, as the API names things in lists; empty for what is none.
    pub fn id(&self, faults: &mut Faults) -> String {
        self.required_text("id", faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(body: &str) -> Vec<(String, String)> {
        let result = read(body.as_bytes(), |input, faults| {
            let name = input.required_text("name", faults);
            let ids = input.optional("ids").map(|ids| ids.array(faults, |item, faults| item.id(faults)));
            Some((name, ids))
        });
        let problem = result.and_then(Parsed::into_valid).err();
        problem
            .iter()
            .flat_map(|problem| problem.faults())
            .map(|fault| (fault.pointer.clone().unwrap_or_default(), fault.message.clone()))
            .collect()
    }

    #[test]
    fn every_fault_is_found_with_its_place() {
        let found = faults_of(r#"{"ids": [{"id": 1}, 2, {}], "name": []}"#);
        let expected = [
            ("/name", "name must be a string, not an array"),
            ("/ids/0/id", "id must be a string, not a number"),
            ("/ids/1", "1 must be an object, not a number"),
            ("/ids/2/id", "id must be present"),
        ];
        assert_eq!(found.iter().map(|(at, what)| (at.as_str(), what.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_key_given_twice_is_a_fault_at_any_depth() {
        let found = faults_of(r#"{"name": "a", "ids": [{"id": "x", "id": "y"}], "name": "b"}"#);
        let places: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(places, ["/ids/0/id", "/name"]);
    }

    #[test]
    fn text_that_is_not_json_says_where_it_breaks() {
        assert_eq!(faults_of("{\"name\": ")[0].1, "the body is not JSON: EOF while parsing a value at line 1 column 9");
        assert!(!faults_of("[1,").is_empty());
        assert!(faults_of("").first().is_some_and(|(at, _)| at == "/name"));
    }
}
