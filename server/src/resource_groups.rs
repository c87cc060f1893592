//! `/accounts/{account_id}/iam/resource_groups`

use ::model::account_state::AccountState;
use ::model::ids::ResourceGroupId;
use ::model::names::NameKey;
use ::model::problem::{FaultKind, Faults};
use ::model::resource_groups as model;
use ::model::resource_groups::{Kind, NewResourceGroup, ScopeInput};
use ::model::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::wire::json::Input;
use crate::wire::shapes::Shapes;

/// A named set of resources.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ResourceGroup<'a> {
    #[schema(value_type = String)]
    id: ResourceGroupId,
    name: &'a str,
    /// One element in an array, or the element itself, as the client's generation models it.
    #[schema(value_type = Vec<Scope>)]
    scope: Scopes<'a>,
    meta: Meta,
    status: &'static str,
    #[schema(value_type = String)]
    created_on: Timestamp,
    #[schema(value_type = String)]
    modified_on: Timestamp,
}

/// What is known of a resource group besides its content.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Meta {
    /// `"false"` for groups that the server keeps.
    editable: &'static str,
    /// `"true"` for the scope of one policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    adhoc: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Scopes<'a> {
    Array([Scope<'a>; 1]),
    Object(Scope<'a>),
}

/// A set of resources of one account.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Scope<'a> {
    key: &'a str,
    objects: Vec<Object<'a>>,
}

/// One resource, by its key.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Object<'a> {
    key: &'a str,
}

/// Shows a group.
pub fn render(group: &model::ResourceGroup, shapes: Shapes) -> ResourceGroup<'_> {
    let objects = group.scope.shown_objects().iter().map(|key| Object { key }).collect();
    let scope = Scope { key: &group.scope.key, objects };
    let (editable, adhoc) = match group.kind {
        Kind::BuiltIn => ("false", None),
        Kind::Custom => ("true", None),
        Kind::Anonymous { .. } => ("false", Some("true")),
    };
    ResourceGroup {
        id: group.id,
        name: &group.name,
        scope: if shapes.scope_is_array { Scopes::Array([scope]) } else { Scopes::Object(scope) },
        meta: Meta { editable, adhoc },
        status: "V",
        created_on: group.created_on,
        modified_on: group.modified_on,
    }
}

/// The group as JSON, written at its first use: policies name the same few groups over and over.
pub fn written(group: &model::ResourceGroup, shapes: Shapes) -> Option<&RawValue> {
    let shape = usize::from(!shapes.scope_is_array);
    let write = || serde_json::value::to_raw_value(&render(group, shapes)).ok();
    group.shown[shape].get_or(write).as_deref()
}

/// The id of what was deleted.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Deleted {
    /// Its id.
    pub id: String,
}

/// A resource group to write.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ResourceGroupBody<'a> {
    name: String,
    scope: Scope<'a>,
}

/// Reads a scope: an object, or an array of one (D27).
pub fn read_scope(input: &Input<'_>, faults: &mut Faults) -> ScopeInput {
    if !input.is_array() {
        return read_scope_object(input, faults);
    }
    let mut scopes = input.array(faults, read_scope_object);
    if scopes.len() != 1 {
        let message = "scope must be an object, or an array of exactly one";
        faults.push(FaultKind::Invalid, input.pointer(), message);
    }
    scopes.pop().unwrap_or_else(|| ScopeInput { key: String::new(), objects: Vec::new() })
}

fn read_scope_object(input: &Input<'_>, faults: &mut Faults) -> ScopeInput {
    let key = input.required_text("key", faults);
    let objects = input.required("objects", faults);
    let objects = objects.map(|objects| objects.array(faults, |object, faults| object.required_text("key", faults)));
    ScopeInput { key, objects: objects.unwrap_or_default() }
}

fn shown(call: &Call, state: &AccountState, id: ResourceGroupId) -> Result<Success, Error> {
    Success::object(&render(model::get(state, id)?, call.shapes))
}

/// Lists the groups of an account, all in one answer, without the scopes of single policies.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/resource_groups", operation_id = "account-resource-group-list", tag = "Resource groups",
    params(("account_id" = String, Path), ("id" = Option<String>, Query), ("name" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<ResourceGroup>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let (id, name) = (call.query.text("id"), call.query.text("name"));
    // Older SDKs page this list until a page is empty.
    let is_past_the_end = call.query.paging(usize::MAX, usize::MAX)?.page > 1;
    let named = name.map(NameKey::of);
    let candidates: Box<dyn Iterator<Item = &model::ResourceGroup>> = match &named {
        Some(key) => Box::new(state.resource_group_named(key).and_then(|id| state.resource_group(&id)).into_iter()),
        None => Box::new(state.resource_groups()),
    };
    let wanted = |group: &&model::ResourceGroup| {
        !is_past_the_end
            && id.is_none_or(|id| group.id.to_string() == id)
            && name.is_none_or(|name| *group.name == *name)
    };
    let groups: Vec<ResourceGroup<'_>> = candidates.filter(wanted).map(|group| render(group, call.shapes)).collect();
    Ok(Success::list(&groups)?.at(access.revision()))
}

/// Makes a group.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/resource_groups", operation_id = "account-resource-group-create", tag = "Resource groups",
    params(("account_id" = String, Path)), request_body = ResourceGroupBody,
    responses((status = 200, body = Envelope<ResourceGroup>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let new = call.read(|body, faults| {
        let name = body.required_text("name", faults);
        let scope = body.required("scope", faults).map(|scope| read_scope(&scope, faults));
        let nothing = || ScopeInput { key: String::new(), objects: Vec::new() };
        Some(NewResourceGroup { name, scope: scope.unwrap_or_else(nothing) })
    })?;
    call.write_body(
        &access,
        &new,
        |state, environment, new| model::create(state, environment, new, ResourceGroupId(environment.next_id())),
        |snapshot, id| shown(&call, &snapshot.state, *id),
    )
    .await
}

/// One group.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/resource_groups/{resource_group_id}", operation_id = "account-resource-group-details", tag = "Resource groups",
    params(("account_id" = String, Path), ("resource_group_id" = String, Path)),
    responses((status = 200, body = Envelope<ResourceGroup>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(shown(&call, access.state(), call.id("resource_group_id")?)?.at(access.revision()))
}

/// Changes the name or the whole scope of a group.
#[utoipa::path(put, path = "/accounts/{account_id}/iam/resource_groups/{resource_group_id}", operation_id = "account-resource-group-update", tag = "Resource groups",
    params(("account_id" = String, Path), ("resource_group_id" = String, Path)), request_body = ResourceGroupBody,
    responses((status = 200, body = Envelope<ResourceGroup>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("resource_group_id")?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let name = body.optional("name").map(|name| name.text(faults).to_owned());
        Some((name, body.optional("scope").map(|scope| read_scope(&scope, faults))))
    })?;
    call.write_body(
        &access,
        &change,
        |state, environment, (name, scope)| {
            call.check_match(state.resource_group(&id).map(|group| render(group, call.shapes)).as_ref())?;
            model::update(state, environment, id, name.as_deref(), scope.as_ref())
        },
        |snapshot, id| shown(&call, &snapshot.state, *id),
    )
    .await
}

/// Removes a group that no policy uses.
#[utoipa::path(delete, path = "/accounts/{account_id}/iam/resource_groups/{resource_group_id}", operation_id = "account-resource-group-delete", tag = "Resource groups",
    params(("account_id" = String, Path), ("resource_group_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("resource_group_id")?;
    call.write(
        &access,
        |state, _| {
            call.check_match(state.resource_group(&id).map(|group| render(group, call.shapes)).as_ref())?;
            model::delete(state, id)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}
