//! `/accounts/{account_id}/roles`

use ::model::problem::Problem;
use catalog::Id;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::wire::rendered::Role;

/// Lists the roles; Terraform asks for 100 a page and gets 50 (D76).
#[utoipa::path(get, path = "/accounts/{account_id}/roles", operation_id = "account-roles-list-roles", tag = "Roles",
    params(("account_id" = String, Path), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Vec<Role>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let paging = call.query.paging(20, 50)?;
    let roles = call.app.runtime.engine.catalog().roles();
    let page: Vec<_> = paging.of(roles.iter().filter_map(|role| call.app.rendered.role(&role.group)));
    Ok(Success::page(&page, roles.len(), paging)?.at(access.revision()))
}

/// One role.
#[utoipa::path(get, path = "/accounts/{account_id}/roles/{role_id}", operation_id = "account-roles-role-details", tag = "Roles",
    params(("account_id" = String, Path), ("role_id" = String, Path)),
    responses((status = 200, body = Envelope<Role>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id: Id = call.id("role_id")?;
    let role = call.app.runtime.engine.catalog().role(&id);
    let shown =
        role.and_then(|role| call.app.rendered.role(&role.group)).ok_or_else(|| Problem::not_found("role", id))?;
    Ok(Success::object(&shown)?.at(access.revision()))
}
