//! `/accounts/{account_id}/iam/permission_groups`: what member and user-group policies may grant.

use ::model::problem::Problem;
use catalog::{IamPermissionGroup, Id};

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::wire::rendered::PermissionGroup;

/// Lists the permission groups of the IAM catalogue.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/permission_groups", operation_id = "account-permission-group-list", tag = "Permission groups",
    params(("account_id" = String, Path), ("id" = Option<String>, Query), ("label" = Option<String>, Query), ("name" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Vec<PermissionGroup>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let paging = call.query.paging(20, 50)?;
    let query = |name| call.query.text(name);
    let (id, label, name) = (query("id"), query("label"), query("name"));
    let wanted = |group: &&IamPermissionGroup| {
        id.is_none_or(|id| group.id.to_string() == id)
            && label.is_none_or(|label| *group.label == *label)
            && name.is_none_or(|name| *group.name == *name)
    };
    let groups: Vec<&IamPermissionGroup> =
        call.app.runtime.engine.catalog().iam_groups().iter().filter(wanted).collect();
    let page: Vec<_> = paging.of(groups.iter().map(|group| call.app.rendered.group(&group.id)));
    Ok(Success::page(&page, groups.len(), paging)?.at(access.revision()))
}

/// One permission group.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/permission_groups/{permission_group_id}", operation_id = "account-permission-group-details", tag = "Permission groups",
    params(("account_id" = String, Path), ("permission_group_id" = String, Path)),
    responses((status = 200, body = Envelope<PermissionGroup>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id: Id = call.id("permission_group_id")?;
    let catalog = call.app.runtime.engine.catalog();
    if catalog.iam_group(&id).is_none() {
        return Err(match catalog.permission(&id) {
            Some(permission) => {
                let hint = "GET /accounts/{account_id}/tokens/permission_groups lists those";
                let message = format!("`{id}` (\"{}\") is a token permission group; {hint}", permission.name);
                Problem::new(::model::problem::FaultKind::NotFound, message)
            }
            None => Problem::not_found("permission group", id),
        }
        .into());
    }
    Ok(Success::object(&call.app.rendered.group(&id))?.at(access.revision()))
}
