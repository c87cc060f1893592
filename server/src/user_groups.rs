//! `/accounts/{account_id}/iam/user_groups`

use ::model::account_state::AccountState;
use ::model::ids::UserGroupId;
use ::model::names::NameKey;
use ::model::policies::PolicyInput;
use ::model::problem::Faults;
use ::model::user_groups as model;
use ::model::user_groups::NewUserGroup;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::policies::{self, Policies, PolicyBody, PolicyView};
use crate::resource_groups::Deleted;
use crate::wire::json::{Field, Input};
use crate::wire::show::{Json, Show};

/// A named set of members.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the answer; `Shown` writes it")]
pub struct UserGroup<'a> {
    id: String,
    name: String,
    status: String,
    created_on: String,
    modified_on: String,
    /// Left out where there are none: Terraform would see an empty list as drift.
    #[schema(required = false)]
    policies: Vec<PolicyView<'a>>,
}

/// A user group as it is shown.
struct Shown<'a> {
    call: &'a Call,
    state: &'a AccountState,
    group: &'a model::UserGroup,
}

impl Show for Shown<'_> {
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error> {
        let Shown { call, state, group } = self;
        json.literal(r#"{"id":"#);
        json.id(group.id.0);
        json.literal(r#","name":"#);
        json.value(&group.name)?;
        json.literal(r#","status":"V","created_on":"#);
        json.time(group.created_on);
        json.literal(r#","modified_on":"#);
        json.time(group.modified_on);
        if !group.policies.is_empty() {
            json.literal(r#","policies":"#);
            Policies { state, policies: &group.policies, rendered: &call.app.rendered, shapes: call.shapes }
                .show(json)?;
        }
        json.literal("}");
        Ok(())
    }
}

fn render<'a>(call: &'a Call, state: &'a AccountState, group: &'a model::UserGroup) -> Shown<'a> {
    Shown { call, state, group }
}

fn shown(call: &Call, state: &AccountState, id: UserGroupId) -> Result<Success, Error> {
    Success::object(&render(call, state, model::get(state, id)?))
}

/// A user group to write.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct UserGroupBody {
    name: String,
    policies: Option<Vec<PolicyBody>>,
}

/// `policies`: absent is unchanged, null is none (D41).
fn read_policies(body: &Input<'_>, faults: &mut Faults) -> Option<Vec<PolicyInput>> {
    match body.field("policies") {
        Field::Absent => None,
        Field::Null => Some(Vec::new()),
        Field::Value(policies) => Some(policies::read_list(&policies, faults)),
    }
}

/// Lists the groups of an account.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups", operation_id = "account-user-group-list", tag = "User groups",
    params(("account_id" = String, Path), ("id" = Option<String>, Query), ("name" = Option<String>, Query), ("fuzzyName" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<UserGroup>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let paging = call.query.paging(100, 500)?;
    let (id, name) = (call.query.text("id"), call.query.text("name"));
    let fuzzy = call.query.text("fuzzyName").map(NameKey::of);
    let (groups, total): (Vec<&model::UserGroup>, usize) = if id.is_some() || name.is_some() || fuzzy.is_some() {
        let wanted = |(key, group): &(&NameKey, &model::UserGroup)| {
            id.is_none_or(|id| group.id.to_string() == id)
                && name.is_none_or(|name| *group.name == *name)
                && fuzzy.as_ref().is_none_or(|part| key.as_str().contains(part.as_str()))
        };
        let found: Vec<_> =
            call.query.direction().of(state.user_groups().filter(wanted).map(|(_, group)| group)).collect();
        (paging.of(found.iter().copied()), found.len())
    } else {
        let total = state.user_group_count();
        let groups = state.user_groups().map(|(_, group)| group);
        (paging.of_ordered(call.query.direction(), total, groups), total)
    };
    let shown: Vec<Shown<'_>> = groups.into_iter().map(|group| render(&call, state, group)).collect();
    Ok(Success::page(&shown, total, paging)?.at(access.revision()))
}

/// Makes a group.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/user_groups", operation_id = "account-user-group-create", tag = "User groups",
    params(("account_id" = String, Path)), request_body = UserGroupBody,
    responses((status = 200, body = Envelope<UserGroup>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let new = call.read(|body, faults| {
        let name = body.required_text("name", faults);
        Some(NewUserGroup { name, policies: read_policies(body, faults).unwrap_or_default() })
    })?;
    call.write_body(
        &access,
        &new,
        |state, environment, new| model::create(state, environment, new, UserGroupId(environment.next_id())),
        |snapshot, id| shown(&call, &snapshot.state, *id),
    )
    .await
}

/// One group.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}", operation_id = "account-user-group-details", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path)),
    responses((status = 200, body = Envelope<UserGroup>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(shown(&call, access.state(), call.id("user_group_id")?)?.at(access.revision()))
}

/// Changes the name or all policies of a group; what is absent stays.
#[utoipa::path(put, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}", operation_id = "account-user-group-update", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path)), request_body = UserGroupBody,
    responses((status = 200, body = Envelope<UserGroup>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("user_group_id")?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let name = body.optional("name").map(|name| name.text(faults).to_owned());
        Some((name, read_policies(body, faults)))
    })?;
    call.write_body(
        &access,
        &change,
        |state, environment, (name, policies)| {
            call.check_match(state.user_group(&id).map(|group| render(&call, state, group)).as_ref())?;
            model::update(state, environment, id, name.as_deref(), policies.as_deref())
        },
        |snapshot, id| shown(&call, &snapshot.state, *id),
    )
    .await
}

/// Removes a group; its members stay members of the account.
#[utoipa::path(delete, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}", operation_id = "account-user-group-delete", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("user_group_id")?;
    call.write(
        &access,
        |state, _| {
            call.check_match(state.user_group(&id).map(|group| render(&call, state, group)).as_ref())?;
            model::delete(state, id)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}
