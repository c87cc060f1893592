//! The shape of a catalogue file: ours and an operator's are read alike.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Faults;
use crate::permission::Access;
use crate::selector::Selector;
use crate::{Id, Method};

/// Entries, each with its place in the file's array.
pub(crate) type Entries<T> = Vec<(usize, T)>;

/// All that one file adds.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub resource_types: Entries<ResourceTypeDefinition>,
    pub permissions: Entries<PermissionDefinition>,
    pub groups: Entries<GroupDefinition>,
    pub roles: Entries<RoleDefinition>,
    pub operations: Entries<OperationDefinition>,
    pub path_resources: Entries<PathResourceDefinition>,
    /// Only in our own file: published operations that one of our own permissions opens, too.
    pub also_accepted: Entries<AlsoAccepted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceTypeDefinition {
    pub key: Box<str>,
    pub name: Box<str>,
    pub parent: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PermissionDefinition {
    pub id: Option<Id>,
    pub name: Box<str>,
    pub scope: Box<str>,
    pub category: Option<Box<str>>,
    /// Both only where the name does not tell.
    pub access: Option<Access>,
    pub family: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupDefinition {
    pub id: Option<Id>,
    pub name: Box<str>,
    pub label: Box<str>,
    #[serde(default)]
    pub description: Box<str>,
    pub scope: Box<str>,
    /// What it holds. The groups of ours have this in `data/expansions.json`, with reasons.
    #[serde(default)]
    pub include: Vec<Selector>,
    #[serde(default)]
    pub exclude: Vec<Selector>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleDefinition {
    pub id: Option<Id>,
    pub name: Box<str>,
    #[serde(default)]
    pub description: Box<str>,
    /// The label of the IAM permission group that is the same thing.
    pub group: Box<str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationDefinition {
    pub operation_id: Option<Box<str>>,
    pub method: Method,
    pub path: Box<str>,
    #[serde(default)]
    pub tag: Box<str>,
    #[serde(default)]
    pub deprecated: bool,
    pub accepted_permissions: Option<Vec<Box<str>>>,
}

/// What the calls below a path are about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathResourceDefinition {
    pub path: Box<str>,
    pub resource_type: Box<str>,
    /// The id of the resource, with the path's parameters in braces; left out where the path names no single one.
    pub id: Option<Box<str>>,
    /// For the reader of the data.
    #[serde(rename = "reason")]
    pub _reason: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlsoAccepted {
    pub operation_id: Box<str>,
    pub accepted_permissions: Vec<Box<str>>,
}

const SECTIONS: [&str; 6] =
    ["resource_types", "token_permission_groups", "iam_permission_groups", "roles", "operations", "path_resources"];

/// Reads an operator's file. What does not fit is a fault, and the rest is read on, to tell all faults at once.
pub(crate) fn parse(text: &str, faults: &mut Faults) -> Definitions {
    let mut sections = match serde_json::from_str(text) {
        Ok(Value::Object(sections)) => sections,
        Ok(_) => {
            faults.add("", "must be a JSON object with one or more of the arrays ".to_owned() + &SECTIONS.join(", "));
            return Definitions::default();
        }
        Err(error) => {
            faults.add("", format!("is not JSON: {error}"));
            return Definitions::default();
        }
    };
    let definitions = Definitions {
        resource_types: section(sections.remove(SECTIONS[0]), SECTIONS[0], faults),
        permissions: section(sections.remove(SECTIONS[1]), SECTIONS[1], faults),
        groups: section(sections.remove(SECTIONS[2]), SECTIONS[2], faults),
        roles: section(sections.remove(SECTIONS[3]), SECTIONS[3], faults),
        operations: section(sections.remove(SECTIONS[4]), SECTIONS[4], faults),
        path_resources: section(sections.remove(SECTIONS[5]), SECTIONS[5], faults),
        also_accepted: Entries::new(),
    };
    for unknown in sections.keys() {
        let pointer = format!("/{}", unknown.replace('~', "~0").replace('/', "~1"));
        faults.add(pointer, format!("is not a section of a catalogue file; the sections are {}", SECTIONS.join(", ")));
    }
    definitions
}

fn section<T: DeserializeOwned>(value: Option<Value>, name: &str, faults: &mut Faults) -> Entries<T> {
    let entries = match value {
        None => return Entries::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            faults.add(format!("/{name}"), "must be an array");
            return Entries::new();
        }
    };
    let mut read = Entries::new();
    for (at, entry) in entries.into_iter().enumerate() {
        match serde_json::from_value(entry) {
            Ok(entry) => read.push((at, entry)),
            Err(error) => faults.add(format!("/{name}/{at}"), error.to_string()),
        }
    }
    read
}
