//! `/accounts/{account_id}/iam/user_groups/{user_group_id}/members`

use ::model::account_state::AccountState;
use ::model::ids::{MemberId, UserGroupId, UserId};
use ::model::members;
use ::model::names::NameKey;
use ::model::problem::Faults;
use ::model::time::Timestamp;
use ::model::user_group_members as model;
use ::model::user_groups;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::policies::IdBody;
use crate::wire::json::Input;

/// A member of a user group.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupMember<'a> {
    #[schema(value_type = String)]
    id: MemberId,
    email: &'a str,
    status: &'static str,
}

/// A member of a user group, with the person behind it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupMemberDetails<'a> {
    #[schema(value_type = String)]
    id: MemberId,
    email: &'a str,
    status: &'static str,
    /// Since when the member is in the group.
    #[schema(value_type = String)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<GroupMemberUser<'a>>,
}

/// The person behind a member.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupMemberUser<'a> {
    #[schema(value_type = String)]
    id: UserId,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

fn render(member: &members::Member) -> GroupMember<'_> {
    GroupMember { id: member.id, email: member.email.as_str(), status: member.standing.as_str() }
}

fn shown<'a>(state: &'a AccountState, members: &[MemberId]) -> Vec<GroupMember<'a>> {
    members.iter().filter_map(|id| state.member(id)).map(render).collect()
}

/// Lists the members of a group, by address.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/members", operation_id = "account-user-group-member-list", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path), ("fuzzyEmail" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<GroupMember>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let group: UserGroupId = call.id("user_group_id")?;
    user_groups::get(state, group)?;
    let paging = call.query.paging(100, 500)?;
    let direction = call.query.direction();
    let (page, total) = match call.query.text("fuzzyEmail").map(NameKey::of) {
        None => {
            let total = state.group_size(group);
            (paging.of_ordered(direction, total, state.group_members(group)), total)
        }
        Some(part) => {
            let wanted = |id: &MemberId| {
                state.member(id).is_some_and(|member| member.email.key().as_str().contains(part.as_str()))
            };
            let found: Vec<MemberId> = direction.of(state.group_members(group)).filter(wanted).collect();
            (paging.of(found.iter().copied()), found.len())
        }
    };
    Ok(Success::page(&shown(state, &page), total, paging)?.at(access.revision()))
}

/// The ids in the body: a bare array, or an object with `members` (D38). With them, where they stand.
fn read_members(body: &Input<'_>, faults: &mut Faults) -> Option<(Vec<String>, &'static str)> {
    if body.is_array() {
        return Some((body.array(faults, |item, faults| item.id(faults)), ""));
    }
    let members = body.required("members", faults)?;
    Some((members.array(faults, |item, faults| item.id(faults)), "/members"))
}

/// Adds members; those who are in already stay as they are.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/members", operation_id = "account-user-group-member-create", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path)), request_body = Vec<IdBody>,
    responses((status = 200, body = Envelope<Vec<GroupMember>>), (status = "4XX", body = Failure)))]
pub async fn add(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let group: UserGroupId = call.id("user_group_id")?;
    let members = call.read(read_members)?;
    call.write_body(
        &access,
        &members,
        |state, environment, (members, pointer)| model::add(state, environment, group, members, pointer),
        |snapshot, added| {
            let members = shown(&snapshot.state, added);
            match members.first() {
                Some(first) if !call.shapes.added_members_are_array => Success::object(first),
                Some(_) | None => Success::list(&members),
            }
        },
    )
    .await
}

/// Makes these the only members.
#[utoipa::path(put, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/members", operation_id = "account-user-group-members-update", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path)), request_body = Vec<IdBody>,
    responses((status = 200, body = Envelope<Vec<GroupMember>>), (status = "4XX", body = Failure)))]
pub async fn replace(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let group: UserGroupId = call.id("user_group_id")?;
    let members = call.read(read_members)?;
    call.write_body(
        &access,
        &members,
        |state, environment, (members, pointer)| model::replace(state, environment, group, members, pointer),
        |snapshot, members| Success::list(&shown(&snapshot.state, members)),
    )
    .await
}

/// One member of a group.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/members/{member_id}", operation_id = "account-user-group-member-get", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path), ("member_id" = String, Path)),
    responses((status = 200, body = Envelope<GroupMemberDetails>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let created_at = model::get(state, call.id("user_group_id")?, call.id("member_id")?)?;
    let member = members::get(state, call.id("member_id")?)?;
    let email = member.email.as_str();
    let user = member.user().map(|id| GroupMemberUser {
        id,
        email,
        first_name: member.profile.first_name.as_deref(),
        last_name: member.profile.last_name.as_deref(),
    });
    let details = GroupMemberDetails { id: member.id, email, status: member.standing.as_str(), created_at, user };
    Ok(Success::object(&details)?.at(access.revision()))
}

/// Takes one member out of a group.
#[utoipa::path(delete, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/members/{member_id}", operation_id = "account-user-group-member-delete", tag = "User groups",
    params(("account_id" = String, Path), ("user_group_id" = String, Path), ("member_id" = String, Path)),
    responses((status = 200, body = Envelope<GroupMember>), (status = "4XX", body = Failure)))]
pub async fn remove(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let (group, member) = (call.id("user_group_id")?, call.id("member_id")?);
    call.write(
        &access,
        |state, _| model::remove(state, group, member),
        |snapshot, member| Success::object(&render(members::get(&snapshot.state, *member)?)),
    )
    .await
}
