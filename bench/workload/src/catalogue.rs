//! The permissions of W as an operator's catalogue file: 300 permissions on zones, and an IAM permission group for each.

use anyhow::Context;
use catalog::Catalog;
use serde_json::{Value, json};

use crate::{PERMISSIONS, Permission};

/// No family: the last word is none that reads or writes, so each permission stands for itself alone (D6).
fn name(number: usize) -> String {
    format!("Workload {number:03}")
}

fn label(number: usize) -> String {
    format!("workload_{number:03}")
}

/// The file, for `--catalog`.
pub fn catalogue_file() -> String {
    let permissions: Vec<Value> =
        (0..PERMISSIONS).map(|number| json!({ "name": name(number), "scope": "zone" })).collect();
    let group = |number| {
        json!({
            "name": name(number),
            "label": label(number),
            "scope": "zone",
            "include": [{ "scopes": ["zone"], "names": [name(number)] }],
        })
    };
    let groups: Vec<Value> = (0..PERMISSIONS).map(group).collect();
    json!({ "token_permission_groups": permissions, "iam_permission_groups": groups }).to_string()
}

/// The built-in catalogue with that file, and what the file added.
pub(crate) fn load() -> anyhow::Result<(Catalog, Vec<Permission>)> {
    let catalog = Catalog::builtin().with_file(&catalogue_file(), "the workload's catalogue")?;
    let permissions = (0..PERMISSIONS).map(|number| {
        let name = name(number);
        let permission = catalog.permissions_named(&name).next().context("a permission is missing")?;
        let group = catalog.iam_group_by_label(&label(number)).context("a permission group is missing")?;
        Ok(Permission { id: permission.id, index: permission.index, iam_group: group.id, name })
    });
    let permissions = permissions.collect::<anyhow::Result<_>>()?;
    Ok((catalog, permissions))
}
