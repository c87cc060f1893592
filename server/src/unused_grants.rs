//! `…/unused_grants`: which grants of a member, a user group or an account's token have not been used for some time, so that
//! they can be taken away. It rests on the last use of each permission (`runtime::usage`), and claims no more than was seen.

use std::collections::HashMap;

use ::model::ids::{Id, MemberId, PolicyId, TokenId, UserGroupId};
use ::model::policies::{Effect, Policy};
use ::model::problem::{FaultKind, Problem};
use ::model::time::Timestamp;
use ::model::tokens::Token;
use ::model::{members, user_groups};
use catalog::{Catalog, PermissionSet};
use runtime::usage::{UsedBy, Uses};
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::{Access, Call};
use crate::error::{Error, Failure};
use crate::least_privilege::PermissionView;

/// How many days a grant must have been idle, unless asked otherwise.
const DAYS: i64 = 90;
/// The most days that can be asked for: ten years.
const MOST_DAYS: i64 = 3650;
const DAY: i64 = 86_400_000_000;

/// The grants of one holder, and their use.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UnusedGrantsView<'a> {
    /// How many days a grant must have been idle to count as unused.
    days: i64,
    /// Nothing is known of what was used before.
    #[schema(value_type = String)]
    recording_since: Timestamp,
    /// Every permission group of every policy that allows, in the order of the policies.
    grants: Vec<GrantView<'a>>,
}

/// One permission group of one policy.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GrantView<'a> {
    #[schema(value_type = String)]
    policy_id: PolicyId,
    permission_group: GroupView<'a>,
    /// When the policy was last written: since then it is certain to grant this.
    #[schema(value_type = String)]
    granted_on: Timestamp,
    /// `used` within the days asked for; `unused` for all of them; or no telling yet, since it was
    /// `granted_recently` or is `recorded_recently`.
    status: &'static str,
    /// The last use of any of its permissions.
    #[schema(value_type = Option<String>)]
    last_used_on: Option<Timestamp>,
    /// How many permissions it grants, with those that they imply.
    permission_count: usize,
    /// Those that were ever used, by name.
    used_permissions: Vec<UsedView<'a>>,
}

/// A permission group, of the catalogue that the policy is of.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupView<'a> {
    #[schema(value_type = String)]
    id: Id,
    /// None if the catalogue does not know it.
    name: Option<&'a str>,
}

/// A permission and its last use.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UsedView<'a> {
    #[serde(flatten)]
    permission: PermissionView<'a>,
    /// To the minute.
    #[schema(value_type = String)]
    last_used_on: Timestamp,
}

/// A grant to be judged.
struct Grant<'a> {
    policy: PolicyId,
    group: GroupView<'a>,
    permissions: PermissionSet,
    granted_on: Timestamp,
}

/// Up to when something must have happened to count.
struct Cutoff {
    days: i64,
    time: i64,
    recording_since: Timestamp,
}

impl Cutoff {
    async fn of(call: &Call) -> Result<Cutoff, Error> {
        let runtime = &call.app.runtime;
        let now = runtime.clock.now();
        let days = days(call)?;
        let recording_since = runtime.usage.since(now).await.map_err(runtime::CommitError::from)?;
        Ok(Cutoff { days, time: now.as_micros() - days * DAY, recording_since })
    }

    fn status(&self, granted_on: Timestamp, last_used_on: Option<Timestamp>) -> &'static str {
        if last_used_on.is_some_and(|used| used.as_micros() >= self.time) {
            "used"
        } else if granted_on.as_micros() > self.time {
            "granted_recently"
        } else if self.recording_since.as_micros() > self.time {
            "recorded_recently"
        } else {
            "unused"
        }
    }
}

fn days(call: &Call) -> Result<i64, Problem> {
    let Some(text) = call.query.text("days") else { return Ok(DAYS) };
    text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days)).ok_or_else(|| {
        let message = format!("days must be an integer from 1 to {MOST_DAYS}, not `{text}`");
        Problem::at(FaultKind::Invalid, "?days", message)
    })
}

async fn answer(call: &Call, access: &Access, grants: Vec<Grant<'_>>, by: &[UsedBy]) -> Result<Success, Error> {
    let cutoff = Cutoff::of(call).await?;
    let uses = call.app.runtime.usage.uses(access.state().account_id(), by).await;
    let uses = uses.map_err(runtime::CommitError::from)?;
    let catalog = call.app.runtime.engine.catalog();
    let view = UnusedGrantsView {
        days: cutoff.days,
        recording_since: cutoff.recording_since,
        grants: views(catalog, &cutoff, grants, uses),
    };
    Ok(Success::object(&view)?.at(access.revision()))
}

fn views<'a>(catalog: &'a Catalog, cutoff: &Cutoff, grants: Vec<Grant<'a>>, uses: Uses) -> Vec<GrantView<'a>> {
    let uses: HashMap<Id, Timestamp> = uses.into_iter().collect();
    let view = |grant: Grant<'a>| {
        let permissions = grant.permissions.iter().map(|index| catalog.permission_at(index));
        let used = permissions.filter_map(|permission| {
            let last_used_on = *uses.get(&permission.id)?;
            Some(UsedView { permission: PermissionView::of(permission), last_used_on })
        });
        let mut used_permissions: Vec<UsedView<'_>> = used.collect();
        used_permissions.sort_by_key(|used| (used.permission.name, used.permission.id));
        let last_used_on = used_permissions.iter().map(|used| used.last_used_on).max();
        GrantView {
            policy_id: grant.policy,
            permission_group: grant.group,
            granted_on: grant.granted_on,
            status: cutoff.status(grant.granted_on, last_used_on),
            last_used_on,
            permission_count: grant.permissions.len(),
            used_permissions,
        }
    };
    grants.into_iter().map(view).collect()
}

/// What the policies of a member or a group grant. What the catalogue does not know grants nothing (D8).
fn of_policies<'a>(catalog: &'a Catalog, policies: &[Policy]) -> Vec<Grant<'a>> {
    let allowing = policies.iter().filter(|policy| policy.access == Effect::Allow);
    let grants = allowing.flat_map(|policy| {
        policy.permission_groups.iter().map(|id| {
            let known = catalog.iam_group(id);
            Grant {
                policy: policy.id,
                group: GroupView { id: *id, name: known.map(|group| &*group.name) },
                permissions: known.map(|group| group.allows).unwrap_or_default(),
                granted_on: policy.modified_on,
            }
        })
    });
    grants.collect()
}

fn of_token<'a>(catalog: &'a Catalog, token: &Token) -> Vec<Grant<'a>> {
    let allowing = token.policies.iter().filter(|policy| policy.effect == Effect::Allow);
    let grants = allowing.flat_map(|policy| {
        policy.permission_groups.iter().map(|id| {
            let known = catalog.permission(id);
            let permissions = known.map(|one| catalog.allow_closure([one.index].into_iter().collect()));
            Grant {
                policy: policy.id,
                group: GroupView { id: *id, name: known.map(|permission| &*permission.name) },
                permissions: permissions.unwrap_or_default(),
                granted_on: token.modified_on,
            }
        })
    });
    grants.collect()
}

/// The direct grants of a member; those of its groups are told of the groups.
#[utoipa::path(get, path = "/accounts/{account_id}/members/{member_id}/unused_grants", operation_id = "portcullis-member-unused-grants", tag = "Decisions",
    params(("account_id" = String, Path), ("member_id" = String, Path), ("days" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<UnusedGrantsView>), (status = "4XX", body = Failure)))]
pub async fn of_member(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let member = members::get(access.state(), call.id::<MemberId>("member_id")?)?;
    let grants = of_policies(call.app.runtime.engine.catalog(), &member.policies);
    let by: Vec<UsedBy> = member.user().into_iter().map(UsedBy::User).collect();
    answer(&call, &access, grants, &by).await
}

/// The grants of a user group: unused are those that none of its present members has used.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/unused_grants", operation_id = "portcullis-user-group-unused-grants", tag = "Decisions",
    params(("account_id" = String, Path), ("user_group_id" = String, Path), ("days" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<UnusedGrantsView>), (status = "4XX", body = Failure)))]
pub async fn of_user_group(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let group = user_groups::get(state, call.id::<UserGroupId>("user_group_id")?)?;
    let grants = of_policies(call.app.runtime.engine.catalog(), &group.policies);
    let users = state.group_members(group.id).filter_map(|member| state.member(&member)?.user());
    answer(&call, &access, grants, &users.map(UsedBy::User).collect::<Vec<_>>()).await
}

/// The grants of an account's token.
#[utoipa::path(get, path = "/accounts/{account_id}/tokens/{token_id}/unused_grants", operation_id = "portcullis-token-unused-grants", tag = "Decisions",
    params(("account_id" = String, Path), ("token_id" = String, Path), ("days" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<UnusedGrantsView>), (status = "4XX", body = Failure)))]
pub async fn of_account_token(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id: TokenId = call.id("token_id")?;
    let token = access.state().token(&id).ok_or_else(|| Problem::not_found("token", id))?;
    let grants = of_token(call.app.runtime.engine.catalog(), token);
    answer(&call, &access, grants, &[UsedBy::Token(id)]).await
}
