//! `/accounts/{account_id}/tokens/permission_groups` and `/user/tokens/permission_groups`: what policies of tokens may
//! grant.

use catalog::{Catalog, Id, Permission, ResourceTypeIndex};
use engine::principal::Principal;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};

/// A permission group of the token catalogue.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenPermissionGroup<'a> {
    #[schema(value_type = String)]
    id: Id,
    name: &'a str,
    scopes: [&'a str; 1],
    category: &'a str,
}

fn render<'a>(catalog: &'a Catalog, permission: &'a Permission) -> TokenPermissionGroup<'a> {
    let scope = &catalog.resource_type(permission.scope).key;
    TokenPermissionGroup { id: permission.id, name: &permission.name, scopes: [scope], category: &permission.category }
}

/// All in one answer; the filters are exact, and both must hold.
fn answer(call: &Call, offered: impl Fn(&Permission) -> bool) -> Result<Success, Error> {
    let catalog = call.app.runtime.engine.catalog();
    let (name, scope) = (call.query.text("name"), call.query.text("scope"));
    let shown = catalog
        .permissions()
        .iter()
        .filter(|permission| offered(permission))
        .map(|permission| render(catalog, permission));
    let wanted = |group: &TokenPermissionGroup<'_>| {
        name.is_none_or(|name| group.name == name) && scope.is_none_or(|scope| group.scopes[0] == scope)
    };
    let mut groups: Vec<TokenPermissionGroup<'_>> = shown.filter(wanted).collect();
    groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id));
    Success::list(&groups)
}

/// Lists what tokens of an account may grant: nothing of users (D11).
#[utoipa::path(get, path = "/accounts/{account_id}/tokens/permission_groups", operation_id = "account-api-tokens-list-permission-groups", tag = "Token permission groups",
    params(("account_id" = String, Path), ("name" = Option<String>, Query), ("scope" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<TokenPermissionGroup>>), (status = "4XX", body = Failure)))]
pub async fn list_for_account(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(answer(&call, |permission| permission.scope != ResourceTypeIndex::USER)?.at(access.revision()))
}

/// Lists what a user's own tokens may grant.
#[utoipa::path(get, path = "/user/tokens/permission_groups", operation_id = "permission-groups-list-permission-groups", tag = "Token permission groups",
    params(("name" = Option<String>, Query), ("scope" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<TokenPermissionGroup>>), (status = "4XX", body = Failure)))]
pub async fn list_for_user(call: Call) -> Result<Success, Error> {
    let user = call.user()?;
    let suffices = match &call.caller.principal {
        Principal::User(_) | Principal::System => true,
        Principal::UserToken { token, .. } => {
            call.app.runtime.engine.holds_on_user(token, user.id).intersects(&call.operation.need.accepts)
        }
        Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_) => false,
    };
    if !suffices {
        return Err(call.forbidden(None));
    }
    answer(&call, |_| true)
}
