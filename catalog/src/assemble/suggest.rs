//! What an operator may have meant.

use crate::Catalog;

/// `name` is no resource type.
pub(crate) fn scope(catalog: &Catalog, name: &str) -> String {
    let known: Vec<&str> = catalog.resource_types().iter().map(|kind| &*kind.name).collect();
    format!("`{name}` is not a resource type: it must be one of {}", known.join(", "))
}

/// `name` is no token permission group.
pub(crate) fn permission(catalog: &Catalog, name: &str) -> String {
    let known = catalog.permission_names.iter().map(|(known, _)| &**known);
    format!("no token permission group is named `{name}`{}", did_you_mean(name, known))
}

/// `name` is no token permission group that also fits the other fields of a selector.
pub(crate) fn selected_permission(catalog: &Catalog, name: &str) -> String {
    let scopes: Vec<_> =
        catalog.permissions_named(name).map(|one| format!("`{}`", catalog.resource_type(one.scope).name)).collect();
    match scopes.is_empty() {
        true => permission(catalog, name),
        false => format!(
            "token permission group `{name}`, of the scope {}, does not fit the other fields",
            scopes.join(" and ")
        ),
    }
}

/// `name` is the family of no token permission group.
pub(crate) fn family(catalog: &Catalog, name: &str) -> String {
    let known = catalog.permissions().iter().map(|permission| &*permission.family);
    let hint = did_you_mean(name, known);
    format!("no token permission group that fits the other fields is of the family `{name}`{hint}")
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Two letters off, but not two of three.
    let near_enough = (name.len() / 3).min(2);
    let others = known.filter(|known| *known != name);
    let near = others.map(|known| (distance(&name.to_lowercase(), &known.to_lowercase()), known));
    match near.filter(|(distance, _)| *distance <= near_enough).min() {
        Some((_, known)) => format!("; did you mean `{known}`?"),
        None => String::new(),
    }
}

/// How many letters must be added, removed or replaced to make one of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
