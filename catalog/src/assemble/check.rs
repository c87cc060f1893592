//! Whether one more entry fits into the catalogue. Each check says what is wrong and gives `false`, or says nothing.

use std::collections::HashSet;

use crate::assemble::suggest;
use crate::definitions::{
    GroupDefinition, OperationDefinition, PathResourceDefinition, PermissionDefinition, ResourceTypeDefinition,
    RoleDefinition,
};
use crate::error::Faults;
use crate::path_template::{self, Piece, Segment};
use crate::selector::{NOT_FOR_POLICIES, Rule};
use crate::{Catalog, Id, Method, Operation, Origin, PermissionSet, ResourceTypeIndex};

/// The chapters of the token catalogue, as the wire knows them.
const CATEGORIES: [&str; 13] = [
    "account_and_billing",
    "ai_and_machine_learning",
    "analytics_and_logs",
    "app_security",
    "cache_and_performance",
    "cloudflare_one_and_zero_trust",
    "developer_platform",
    "dns_and_zones",
    "email_and_messaging",
    "media",
    "network_services",
    "other",
    "rules_and_configuration",
];

/// Collects faults of one entry, and knows whether there were any.
struct Checks<'a> {
    pointer: &'a str,
    faults: &'a mut Faults,
    good: bool,
}

impl Checks<'_> {
    fn require(&mut self, holds: bool, field: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.faults.add(format!("{}{field}", self.pointer), message());
            self.good = false;
        }
    }
}

pub(super) fn resource_type(
    catalog: &Catalog,
    definition: &ResourceTypeDefinition,
    pointer: &str,
    faults: &mut Faults,
) -> bool {
    let mut checks = Checks { pointer, faults, good: true };
    checks.require(catalog.resource_types.len() < ResourceTypeIndex::CAPACITY, "", || {
        format!("there can be at most {} resource types, those of the program included", ResourceTypeIndex::CAPACITY)
    });
    let key = &*definition.key;
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-')
    };
    checks.require(key.contains('.') && key.split('.').all(is_word), "/key", || {
        format!("`{key}` is not a resource type key: it must be lower-case words joined by dots, such as `com.example.api.account.widget`")
    });
    checks.require(is_word(&definition.name), "/name", || {
        format!(
            "`{}` is not a name for a resource type: it must be one lower-case word, such as `widget`",
            definition.name
        )
    });
    checks.require(catalog.resource_type_by_key(key).is_none(), "/key", || format!("`{key}` already exists"));
    checks.require(catalog.resource_type_by_name(&definition.name).is_none(), "/name", || {
        format!("`{}` already exists", definition.name)
    });
    checks.good
}

/// The resource type of a `scope` field.
pub(super) fn scope(catalog: &Catalog, name: &str, pointer: &str, faults: &mut Faults) -> Option<ResourceTypeIndex> {
    let kind = catalog.resource_type_by_name(name);
    if kind.is_none() {
        faults.add(format!("{pointer}/scope"), suggest::scope(catalog, name));
    }
    kind.map(|kind| kind.index)
}

pub(super) fn permission(
    catalog: &Catalog,
    definition: &PermissionDefinition,
    id: Id,
    scope: ResourceTypeIndex,
    pointer: &str,
    faults: &mut Faults,
) -> bool {
    let mut checks = Checks { pointer, faults, good: true };
    checks.require(catalog.permissions.len() < PermissionSet::CAPACITY, "", || {
        format!(
            "there can be at most {} token permission groups, those of the program included",
            PermissionSet::CAPACITY
        )
    });
    let name = &definition.name;
    checks.require(is_name(name), "/name", || bad_name(name));
    let same_name = catalog.permissions.iter().any(|other| other.name == *name && other.scope == scope);
    let same_alias = catalog.permissions_named(name).any(|other| other.scope == scope);
    checks.require(!same_name && !same_alias, "/name", || {
        format!("token permission group `{name}` already exists for the scope `{}`", definition.scope)
    });
    let same_id = catalog.permissions.iter().find(|other| other.id == id);
    checks.require(same_name || same_id.is_none(), "/id", || {
        format!("`{id}` is already the id of the token permission group `{}`", same_id.map_or("", |other| &other.name))
    });
    let category = definition.category.as_deref().unwrap_or("other");
    checks.require(CATEGORIES.contains(&category), "/category", || {
        format!("`{category}` is not a category: it must be one of {}", CATEGORIES.join(", "))
    });
    checks.good
}

pub(super) fn group(
    catalog: &Catalog,
    definition: &GroupDefinition,
    id: Id,
    scope: ResourceTypeIndex,
    origin: Origin,
    pointer: &str,
    faults: &mut Faults,
) -> bool {
    let mut checks = Checks { pointer, faults, good: true };
    // The bundles of ours have their rules, and the reasons for them, in a file of their own.
    checks.require(origin != Origin::Operator || !definition.include.is_empty(), "", || {
        "`include` must say what the group holds, such as `[{\"scopes\": [\"zone\"], \"names\": [\"Zone Read\"]}]`"
            .to_owned()
    });
    let (name, label) = (&definition.name, &definition.label);
    checks.require(is_name(name), "/name", || bad_name(name));
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    checks.require(!label.is_empty() && label.bytes().all(is_label), "/label", || {
        format!("`{label}` is not a label: it must be lower-case letters, digits and `_`, such as `widgets_admin`")
    });
    checks.require(scope != ResourceTypeIndex::USER, "/scope", || NOT_FOR_POLICIES.to_owned());
    let same_name = catalog.groups.iter().any(|other| other.name == *name && other.scope == scope);
    checks.require(!same_name, "/name", || {
        format!("IAM permission group `{name}` already exists for the scope `{}`", definition.scope)
    });
    checks.require(catalog.iam_group_by_label(label).is_none(), "/label", || {
        format!("IAM permission group with the label `{label}` already exists")
    });
    let same_id = catalog.groups.iter().find(|other| other.id == id);
    checks.require(same_name || same_id.is_none(), "/id", || {
        format!("`{id}` is already the id of the IAM permission group `{}`", same_id.map_or("", |other| &other.name))
    });
    checks.good
}

/// The selectors of one bundle.
pub(super) fn rule(catalog: &Catalog, rule: &Rule, pointer: &str, faults: &mut Faults) {
    for (field, selectors) in [("include", &rule.include), ("exclude", &rule.exclude)] {
        for (at, selector) in selectors.iter().enumerate() {
            for (below, message) in selector.faults(catalog) {
                faults.add(format!("{pointer}/{field}/{at}{below}"), message);
            }
        }
    }
}

/// The position of the group that the role is, if all is well.
pub(super) fn role(
    catalog: &Catalog,
    definition: &RoleDefinition,
    id: Id,
    pointer: &str,
    faults: &mut Faults,
) -> Option<usize> {
    let mut checks = Checks { pointer, faults, good: true };
    let (name, label) = (&definition.name, &definition.group);
    checks.require(is_name(name), "/name", || bad_name(name));
    let same_name = catalog.roles.iter().any(|other| other.name == *name);
    checks.require(!same_name, "/name", || format!("role `{name}` already exists"));
    let same_id = catalog.roles.iter().find(|other| other.id == id);
    checks.require(same_name || same_id.is_none(), "/id", || {
        format!("`{id}` is already the id of the role `{}`", same_id.map_or("", |other| &other.name))
    });
    let at = catalog.groups.iter().position(|group| group.label == *label);
    checks.require(at.is_some(), "/group", || {
        format!("no IAM permission group has the label `{label}`; define it, or name another")
    });
    if let Some(group) = at.map(|at| &catalog.groups[at]) {
        checks.require(group.scope == ResourceTypeIndex::ACCOUNT, "/group", || {
            format!("a role is account-wide, and `{label}` is not: its scope must be `account`")
        });
        checks.require(group.role.is_none(), "/group", || format!("`{label}` already has a role"));
    }
    at.filter(|_| checks.good)
}

/// Which operations there are.
#[derive(Default)]
pub(super) struct Taken {
    ids: HashSet<Box<str>>,
    routes: HashSet<(Method, Box<str>)>,
}

impl Taken {
    pub fn of(operations: &[Operation]) -> Taken {
        Taken {
            ids: operations.iter().filter_map(|operation| operation.id.clone()).collect(),
            routes: operations.iter().map(|operation| (operation.method, shape(&operation.path))).collect(),
        }
    }
}

pub(super) fn operation(
    definition: &OperationDefinition,
    taken: &mut Taken,
    origin: Origin,
    pointer: &str,
    faults: &mut Faults,
) -> bool {
    let mut checks = Checks { pointer, faults, good: true };
    if let Some(id) = &definition.operation_id {
        checks.require(is_name(id), "/operation_id", || bad_name(id));
        checks.require(taken.ids.insert(id.clone()), "/operation_id", || format!("operation `{id}` already exists"));
    } else {
        // Published operations without an id are kept for their paths; one's own can be named.
        checks.require(origin == Origin::Published, "", || "missing field `operation_id`".to_owned());
    }
    let (method, path) = (definition.method, &definition.path);
    if let Some(fault) = path_template::fault(path) {
        checks.require(false, "/path", || bad_path(path, fault));
    }
    checks.require(taken.routes.insert((method, shape(path))), "/path", || {
        format!("operation `{method} {path}` already exists")
    });
    let accepts_nothing = definition.accepted_permissions.as_ref().is_some_and(Vec::is_empty);
    checks.require(!accepts_nothing, "/accepted_permissions", || {
        "must name at least one token permission group; leave it out if none is known".to_owned()
    });
    checks.good
}

/// The type of what the calls below a path are about, if all is well.
pub(super) fn path_resource(
    catalog: &Catalog,
    definition: &PathResourceDefinition,
    pointer: &str,
    faults: &mut Faults,
) -> Option<ResourceTypeIndex> {
    let mut checks = Checks { pointer, faults, good: true };
    let path = &definition.path;
    if let Some(fault) = path_template::fault(path) {
        checks.require(false, "/path", || bad_path(path, fault));
        return None;
    }
    let mixed = path_template::segments(path).any(|segment| matches!(segment, Segment::Mixed(_)));
    checks.require(!mixed, "/path", || bad_path(path, "must have words and parameters, each alone between two `/`"));
    let same = catalog.path_resources.iter().any(|other| shape(&other.path) == shape(path));
    checks.require(!same, "/path", || format!("what calls below `{path}` are about is already said"));
    let kind = catalog.resource_type_by_name(&definition.resource_type).map(|kind| kind.index);
    checks.require(kind.is_some(), "/resource_type", || suggest::scope(catalog, &definition.resource_type));
    for piece in path_template::pieces(definition.id.as_deref().unwrap_or_default()) {
        let named = match piece {
            Piece::Literal(text) => !text.contains(['{', '}']),
            Piece::Parameter(name) => path_template::segments(path).any(|segment| segment == Segment::Parameter(name)),
        };
        checks.require(named, "/id", || format!("each name in braces must be a parameter of `{path}`"));
    }
    kind.filter(|_| checks.good)
}

/// The path with its parameters unnamed: two paths of one shape are one route.
fn shape(path: &str) -> Box<str> {
    let mut shape = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        inside = (inside || character == '{') && character != '}';
        if !inside {
            shape.push(character);
        }
    }
    shape.into()
}

fn bad_path(path: &str, fault: &str) -> String {
    format!("`{path}` is not a path: it {fault}, such as `/accounts/{{account_id}}/widgets`")
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(char::is_control)
}

fn bad_name(name: &str) -> String {
    format!("`{name}` is not a name: it must have 1 to 255 characters, no control characters, and no space around it")
}
