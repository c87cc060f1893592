//! Sets of permissions and sets of resources, as they are shown.

use catalog::{Catalog, Permission, PermissionSet};
use engine::Account;
use engine::diff::ResourceSet;
use model::ids::Id;
use model::resource_groups::account_key;
use serde::Serialize;

/// A permission of the token catalogue.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PermissionView<'a> {
    #[schema(value_type = String)]
    id: Id,
    name: &'a str,
    scope: &'a str,
}

/// A resource, or with `.*` all resources of a type, now and later, but for the excepted ones.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ResourceView<'a> {
    key: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>)]
    except: &'a [Box<str>],
}

/// The permissions of a set, by name.
pub(crate) fn permissions<'a>(catalog: &'a Catalog, set: &PermissionSet) -> Vec<PermissionView<'a>> {
    let mut permissions: Vec<&Permission> = set.iter().map(|index| catalog.permission_at(index)).collect();
    permissions.sort_unstable_by(|one, other| one.name.cmp(&other.name).then(one.scope.cmp(&other.scope)));
    let view = |permission: &'a Permission| PermissionView {
        id: permission.id,
        name: &permission.name,
        scope: &catalog.resource_type(permission.scope).key,
    };
    permissions.into_iter().map(view).collect()
}

/// The resources of a set: the account, all of some types, single ones.
pub(crate) fn resources<'a>(account: &Account, set: &'a ResourceSet) -> Vec<ResourceView<'a>> {
    let catalog = account.engine().catalog();
    let own = set.account.then(|| ResourceView { key: account_key(account.account_id()), except: &[] });
    let all_of = set
        .all_of
        .iter()
        .map(|(kind, except)| ResourceView { key: format!("{}.*", catalog.resource_type(*kind).key), except });
    let single = set.keys.iter().map(|key| ResourceView { key: key.to_string(), except: &[] });
    own.into_iter().chain(all_of).chain(single).collect()
}
