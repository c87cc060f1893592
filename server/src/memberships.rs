//! `/memberships`: the accounts of the caller, from the caller's side. A membership and the account's member are one thing, with
//! one id.

use std::sync::Arc;

use ::model::account_state::{AccountState, Holder};
use ::model::ids::{Id, MemberId};
use ::model::invitations;
use ::model::members::{self as model, Member};
use ::model::names::NameKey;
use ::model::policies::Policy;
use ::model::problem::Problem;
use catalog::{Catalog, PermissionSet};
use engine::Account;
use engine::principal::Principal;
use engine::target::Target;
use runtime::stream::Snapshot;
use serde::Serialize;

use crate::accounts::{self, AccountView};
use crate::answer::{Envelope, Success};
use crate::call::{Access, Call};
use crate::error::{Error, Failure, Unauthenticated};
use crate::invitations::answers::{ReplyBody, read_reply};
use crate::policies::{self, PolicyView};
use crate::resource_groups::Deleted;
use crate::user_call::UserAccess;
use crate::wire::rendered::RolePermissions;

/// An account, as one of its members sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MembershipView<'a> {
    #[schema(value_type = String)]
    id: MemberId,
    account: AccountView<'a>,
    /// Null is as the account says.
    api_access_enabled: Option<bool>,
    /// What the member may do in all, in the terms of old (D35).
    permissions: RolePermissions,
    /// Names, of the member's own and of its groups (D35).
    roles: Vec<&'a str>,
    status: &'static str,
    /// Direct policies.
    policies: Vec<PolicyView<'a>>,
}

/// A membership that was found.
pub(crate) struct Membership {
    /// The account.
    pub(crate) snapshot: Arc<Snapshot<Account>>,
    /// The member.
    pub(crate) id: MemberId,
}

impl Membership {
    pub(crate) fn member(&self) -> Option<&Member> {
        self.snapshot.state.member(&self.id)
    }
}

/// Permission to answer for a membership.
pub(crate) struct MembershipAccess {
    pub(crate) access: Access,
    pub(crate) id: MemberId,
}

/// The caller's own user, with permission to this operation. The reference tells a token of an account here that credentials are
/// missing, since it has no user (section 6).
pub(crate) async fn own_user(call: &Call) -> Result<UserAccess, Error> {
    call.own_user().await.map_err(|error| match error {
        Error::Unauthenticated(Unauthenticated::NoUser) => Unauthenticated::Missing.into(),
        other => other,
    })
}

/// Every membership of the caller, whatever its standing.
pub(crate) async fn all(call: &Call) -> Result<Vec<Membership>, Error> {
    let (runtime, user) = (&call.app.runtime, call.user()?);
    let mut all = Vec::new();
    for (account, id) in runtime.memberships_of(user).await? {
        let Some(snapshot) = runtime.account(account).await? else { continue };
        // The claim led here; the account's own state decides.
        if snapshot.state.member(&id).is_some_and(|member| invitations::is_of(member, user)) {
            all.push(Membership { snapshot, id });
        }
    }
    Ok(all)
}

/// The membership of the path.
pub(crate) async fn find(call: &Call, param: &str, noun: &str) -> Result<Membership, Error> {
    let id: MemberId = call.id(param)?;
    let found = all(call).await?.into_iter().find(|membership| membership.id == id);
    found.ok_or_else(|| Problem::not_found(noun, id).into())
}

/// Permission to answer for a membership that was found.
pub(crate) fn access(call: &Call, found: Membership) -> Result<MembershipAccess, Error> {
    let Membership { snapshot, id } = found;
    let (engine, principal) = (&call.app.runtime.engine, &call.caller.principal);
    let permit = engine.permit_own_membership(&snapshot.state, principal, call.user()?, id);
    let permit = permit.map_err(|_| call.forbidden(None))?;
    Ok(MembershipAccess { access: Access { permit, snapshot }, id })
}

/// The names of the roles that policies on the whole account stand for.
pub(crate) fn role_names<'a>(catalog: &'a Catalog, state: &AccountState, policies: &[Policy]) -> Vec<&'a str> {
    names(catalog, &model::role_groups(state, policies))
}

fn names<'a>(catalog: &'a Catalog, groups: &[Id]) -> Vec<&'a str> {
    let role = |id: &Id| catalog.iam_group(id).map(|group| &*group.name);
    groups.iter().filter_map(role).collect()
}

fn view<'a>(call: &'a Call, snapshot: &'a Snapshot<Account>, member: &'a Member) -> Result<MembershipView<'a>, Error> {
    let (account, engine) = (&snapshot.state, &call.app.runtime.engine);
    let state = Account::state(account);
    let mut groups = model::role_groups(state, &member.policies);
    for group in state.groups_of(member.id) {
        let more = model::role_groups(state, state.policies_of(Holder::Group(group)));
        groups.extend(more.into_iter().filter(|id| !groups.contains(id)).collect::<Vec<_>>());
    }
    // Nothing is exercised before it is accepted (D4).
    let held = match member.user() {
        Some(_) => engine.held(account, &Principal::Member(member.id), &Target::ACCOUNT),
        None => PermissionSet::EMPTY,
    };
    let held = held | engine.held_throughout(account, &Principal::Member(member.id));
    Ok(MembershipView {
        id: member.id,
        account: accounts::render(::model::accounts::get(state)?),
        api_access_enabled: member.api_access,
        permissions: RolePermissions::of(engine.catalog().legacy_permissions(&held)),
        roles: names(engine.catalog(), &groups),
        status: member.standing.as_str(),
        policies: member
            .policies
            .iter()
            .map(|policy| policies::view(state, policy, &call.app.rendered, call.shapes))
            .collect(),
    })
}

#[derive(Clone, Copy)]
enum Order {
    Id,
    AccountName,
    Status,
}

const ORDERS: [(&str, Order); 3] = [("id", Order::Id), ("account.name", Order::AccountName), ("status", Order::Status)];

/// Lists the memberships of the caller.
#[utoipa::path(get, path = "/memberships", operation_id = "user'-s-account-memberships-list-memberships", tag = "Memberships",
    params(("account.name" = Option<String>, Query), ("name" = Option<String>, Query), ("status" = Option<String>, Query), ("order" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<MembershipView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    own_user(&call).await?;
    let paging = call.query.paging(20, 50)?;
    let status =
        call.query.word("status", &[("accepted", "accepted"), ("pending", "pending"), ("rejected", "rejected")])?;
    let order = call.query.word("order", &ORDERS)?.unwrap_or(Order::AccountName);
    let names = ["account.name", "name"].map(|name| call.query.text(name));
    let all = all(&call).await?;
    let mut wanted = Vec::new();
    for membership in &all {
        let (Some(member), state) = (membership.member(), Account::state(&membership.snapshot.state)) else { continue };
        let name = &*::model::accounts::get(state)?.name;
        let named = names.iter().flatten().all(|wanted| name == *wanted);
        if named && status.is_none_or(|status| member.standing.as_str() == status) {
            let key = match order {
                Order::Id => NameKey::of(""),
                Order::AccountName => NameKey::of(name),
                Order::Status => NameKey::of(member.standing.as_str()),
            };
            wanted.push((key, member.id, membership, member));
        }
    }
    wanted.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let page = paging.of(call.query.direction().of(wanted.iter()));
    let views = page.into_iter().map(|(_, _, membership, member)| view(&call, &membership.snapshot, member));
    let views: Vec<MembershipView<'_>> = views.collect::<Result<_, _>>()?;
    Success::page(&views, wanted.len(), paging)
}

fn shown(call: &Call, snapshot: &Snapshot<Account>, id: MemberId) -> Result<Success, Error> {
    let member = model::get(&snapshot.state, id)?;
    Ok(Success::object(&view(call, snapshot, member)?)?.at(snapshot.revision()))
}

/// One membership.
#[utoipa::path(get, path = "/memberships/{membership_id}", operation_id = "user'-s-account-memberships-membership-details", tag = "Memberships",
    params(("membership_id" = String, Path)),
    responses((status = 200, body = Envelope<MembershipView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    own_user(&call).await?;
    let found = find(&call, "membership_id", "membership").await?;
    shown(&call, &found.snapshot, found.id)
}

/// Accepts or declines an invitation.
#[utoipa::path(put, path = "/memberships/{membership_id}", operation_id = "user'-s-account-memberships-update-membership", tag = "Memberships",
    params(("membership_id" = String, Path)), request_body = ReplyBody,
    responses((status = 200, body = Envelope<MembershipView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    own_user(&call).await?;
    let found = find(&call, "membership_id", "membership").await?;
    let reply = read_reply(&call)?;
    let access = access(&call, found)?;
    let user = call.user()?;
    call.write_body(
        &access.access,
        &reply,
        |state, environment, reply| invitations::answer(state, environment, access.id, user, *reply, false),
        |snapshot, id| shown(&call, snapshot, *id),
    )
    .await
}

/// Leaves an account, or takes an invitation off the list. No deny keeps anybody from it (D14).
#[utoipa::path(delete, path = "/memberships/{membership_id}", operation_id = "user'-s-account-memberships-delete-membership", tag = "Memberships",
    params(("membership_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    own_user(&call).await?;
    let found = find(&call, "membership_id", "membership").await?;
    let access = access(&call, found)?;
    call.write(
        &access.access,
        |state, _| model::delete(state, access.id),
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}
