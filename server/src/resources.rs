//! `/accounts/{account_id}/iam/resources`: the registry of what scopes can point at besides zones: buckets, workers, resources of
//! the operator's own types (D90).

use ::model::account_state::AccountState;
use ::model::names::NameKey;
use ::model::resources as model;
use ::model::resources::{NewResource, Resource};
use ::model::time::Timestamp;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};

/// A registered resource.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ResourceView<'a> {
    key: &'a str,
    /// The type, as keys begin with it.
    r#type: &'a str,
    name: &'a str,
    /// The key of the resource that it lies in; left out where that is the account itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    #[schema(value_type = String)]
    created_on: Timestamp,
}

/// A resource that is gone.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RemovedView<'a> {
    key: &'a str,
}

/// A resource to register.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ResourceBody {
    /// A resource type, a dot, and an id.
    key: String,
    /// At most 255 characters; the id where it is absent.
    name: Option<String>,
    /// Where the type lies in another one than the account: the key of the resource that this one lies in.
    parent: Option<String>,
}

/// Another name for a resource.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ResourceNameBody {
    name: Option<String>,
}

fn render<'a>(call: &'a Call, resource: &'a Resource) -> ResourceView<'a> {
    let catalog = call.app.runtime.engine.catalog();
    let kind = catalog.parse_key(&resource.key).ok().map(|key| &*catalog.resource_type(key.kind).key);
    ResourceView {
        key: &resource.key,
        r#type: kind.unwrap_or_default(),
        name: &resource.name,
        parent: resource.parent.as_deref(),
        created_on: resource.created_on,
    }
}

fn shown(call: &Call, state: &AccountState, key: &str) -> Result<Success, Error> {
    Success::object(&render(call, model::get(state, key)?))
}

/// Lists the registered resources that are no zones, by key.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/resources", operation_id = "portcullis-account-resources-list", tag = "Resources",
    params(("account_id" = String, Path), ("type" = Option<String>, Query), ("name" = Option<String>, Query), ("parent" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<ResourceView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let paging = call.query.paging(100, 500)?;
    let [kind, name, parent] = ["type", "name", "parent"].map(|name| call.query.text(name));
    let name = name.map(NameKey::of);
    let resources = access.state().resources().filter(|resource| model::get(access.state(), &resource.key).is_ok());
    let wanted: Vec<ResourceView<'_>> = resources
        .map(|resource| render(&call, resource))
        .filter(|resource| kind.is_none_or(|kind| resource.r#type == kind))
        .filter(|resource| name.as_ref().is_none_or(|name| NameKey::of(resource.name) == *name))
        .filter(|resource| parent.is_none_or(|parent| resource.parent == Some(parent)))
        .collect();
    let total = wanted.len();
    let page = paging.of(call.query.direction().of(wanted.iter()));
    Ok(Success::page(&page, total, paging)?.at(access.revision()))
}

/// Registers a resource.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/resources", operation_id = "portcullis-account-resources-create", tag = "Resources",
    params(("account_id" = String, Path)), request_body = ResourceBody,
    responses((status = 200, body = Envelope<ResourceView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let new = call.read(|body, faults| {
        let key = body.required_text("key", faults);
        let mut text = |name: &str| body.optional(name).map(|value| value.text(faults).to_owned());
        Some(NewResource { key, name: text("name"), parent: text("parent") })
    })?;
    call.write_body(&access, &new, model::create, |snapshot, key| shown(&call, &snapshot.state, key)).await
}

/// One resource.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/resources/{resource_key}", operation_id = "portcullis-account-resources-get", tag = "Resources",
    params(("account_id" = String, Path), ("resource_key" = String, Path)),
    responses((status = 200, body = Envelope<ResourceView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(shown(&call, access.state(), call.param("resource_key"))?.at(access.revision()))
}

/// Gives a resource another name.
#[utoipa::path(patch, path = "/accounts/{account_id}/iam/resources/{resource_key}", operation_id = "portcullis-account-resources-update", tag = "Resources",
    params(("account_id" = String, Path), ("resource_key" = String, Path)), request_body = ResourceNameBody,
    responses((status = 200, body = Envelope<ResourceView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let key = call.param("resource_key");
    model::get(access.state(), key)?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        Some(body.optional("name").map(|name| name.text(faults).to_owned()))
    })?;
    call.write_body(
        &access,
        &change,
        |state, _, name| {
            call.check_match(state.find_resource(key).map(|resource| render(&call, resource)).as_ref())?;
            model::rename(state, key, name.as_deref())
        },
        |snapshot, key| shown(&call, &snapshot.state, key),
    )
    .await
}

/// Removes a resource from the registry. Its key stays in scopes, where it matches nothing, and is never given out again (D26).
#[utoipa::path(delete, path = "/accounts/{account_id}/iam/resources/{resource_key}", operation_id = "portcullis-account-resources-delete", tag = "Resources",
    params(("account_id" = String, Path), ("resource_key" = String, Path)),
    responses((status = 200, body = Envelope<RemovedView>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let key = call.param("resource_key");
    call.write(
        &access,
        |state, environment| {
            call.check_match(state.find_resource(key).map(|resource| render(&call, resource)).as_ref())?;
            model::delete(state, environment, key)
        },
        |_, key| Success::object(&RemovedView { key }),
    )
    .await
}
