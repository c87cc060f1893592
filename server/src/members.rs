//! `/accounts/{account_id}/members`

use std::sync::Arc;

use ::model::account_state::AccountState;
use ::model::ids::{MemberId, UserId};
use ::model::members as model;
use ::model::members::{Grants, Member, MemberUpdate, NewMember};
use ::model::names::{Email, NameKey};
use ::model::problem::{FaultKind, Faults};
use ::model::users::User;
use runtime::account_creation::NewUser;
use runtime::stream::Snapshot;
use serde::Serialize;

use crate::answer::{Envelope, Message, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::invitations::{link, outbox};
use crate::policies::{self, Policies, PolicyBody, PolicyView};
use crate::resource_groups::Deleted;
use crate::wire::json::{Field, Input};
use crate::wire::rendered::Role;
use crate::wire::show::{Json, Show};

/// The code of messages about the invitation of a member.
const INVITATION: u16 = 1014;

/// A membership.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the answer; `Shown` writes it")]
pub struct MemberView<'a> {
    id: String,
    email: String,
    status: String,
    user: MemberUser<'a>,
    /// Each derived from a policy on the whole account.
    roles: Vec<Role>,
    /// Direct policies only (D34).
    policies: Vec<PolicyView<'a>>,
    /// Only where it is set (D37).
    #[schema(required = false)]
    api_access_enabled: bool,
}

/// The person behind a membership, as far as the account knows it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MemberUser<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<UserId>,
    email: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    two_factor_authentication_enabled: bool,
}

/// A membership as it is shown.
struct Shown<'a> {
    call: &'a Call,
    state: &'a AccountState,
    member: &'a Member,
}

impl Show for Shown<'_> {
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error> {
        let Shown { call, state, member } = self;
        let rendered = &call.app.rendered;
        let email = member.email.as_str();
        let user = MemberUser {
            id: member.user(),
            email,
            first_name: member.profile.first_name.as_deref(),
            last_name: member.profile.last_name.as_deref(),
            two_factor_authentication_enabled: member.profile.two_factor,
        };
        json.literal(r#"{"id":"#);
        json.id(member.id.0);
        json.literal(r#","email":"#);
        json.value(email)?;
        json.literal(r#","status":"#);
        json.value(member.standing.as_str())?;
        json.literal(r#","user":"#);
        json.value(&user)?;
        json.literal(r#","roles":"#);
        let roles = model::role_groups(state, &member.policies);
        json.array(roles.iter().filter_map(|group| rendered.role(group)), Json::raw)?;
        json.literal(r#","policies":"#);
        Policies { state, policies: &member.policies, rendered, shapes: call.shapes }.show(json)?;
        if let Some(enabled) = member.api_access {
            json.literal(r#","api_access_enabled":"#);
            json.value(&enabled)?;
        }
        json.literal("}");
        Ok(())
    }
}

fn render<'a>(call: &'a Call, state: &'a AccountState, member: &'a Member) -> Shown<'a> {
    Shown { call, state, member }
}

fn shown(call: &Call, state: &AccountState, id: MemberId) -> Result<Success, Error> {
    Success::object(&render(call, state, model::get(state, id)?))
}

/// A member to add or change: by `roles` or by `policies`; policies win.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct MemberBody {
    email: String,
    /// Ids of roles, alone or in objects.
    roles: Option<Vec<String>>,
    policies: Option<Vec<PolicyBody>>,
    /// `accepted` or `pending`.
    status: Option<String>,
    /// Whether the person may use the API of this account with keys and tokens of its own; null is as the account says.
    api_access_enabled: Option<bool>,
}

/// Whether the person may use the API: absent is unchanged, null is as the account says (D37).
fn read_api_access(body: &Input<'_>, faults: &mut Faults) -> Option<Option<bool>> {
    match body.field("api_access_enabled") {
        Field::Absent => None,
        Field::Null => Some(None),
        Field::Value(value) => Some(Some(value.boolean(faults))),
    }
}

/// What the body grants, and whether roles were given beside policies (D28).
fn read_grants(body: &Input<'_>, faults: &mut Faults) -> (Grants, bool) {
    match (body.optional("roles"), body.optional("policies")) {
        (roles, Some(policies)) => (Grants::Policies(policies::read_list(&policies, faults)), roles.is_some()),
        (Some(roles), None) => (Grants::Roles(roles.array(faults, policies::read_id)), false),
        (None, None) => {
            faults.push(FaultKind::Invalid, "/policies", "one of `roles` and `policies` must be present");
            (Grants::Policies(Vec::new()), false)
        }
    }
}

fn messages(call: &Call, state: &engine::Account, roles_ignored: bool) -> Vec<Message> {
    let ignored = roles_ignored
        .then(|| Message { code: 1001, message: "`roles` were ignored, since `policies` were given".to_owned() });
    let mut supers: Vec<MemberId> = call.app.runtime.engine.super_administrators(state).take(8).collect();
    supers.sort_unstable();
    supers.dedup();
    let alone = (supers.len() == 1).then(|| Message {
        code: 1012,
        message: "only one super administrator is left in this account; add a second one, so that nobody is locked out"
            .to_owned(),
    });
    ignored.into_iter().chain(alone).collect()
}

/// Lists the members of an account.
#[utoipa::path(get, path = "/accounts/{account_id}/members", operation_id = "account-members-list-members", tag = "Members",
    params(("account_id" = String, Path), ("order" = Option<String>, Query), ("status" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<MemberView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let state = access.state();
    let paging = call.query.paging(20, 50)?;
    let status =
        call.query.word("status", &[("accepted", "accepted"), ("pending", "pending"), ("rejected", "rejected")])?;
    let order = call.query.word("order", &ORDERS)?.unwrap_or(Order::Email);
    let direction = call.query.direction();
    let wanted = |member: &&Member| status.is_none_or(|status| member.standing.as_str() == status);
    let (page, total): (Vec<&Member>, usize) = match order {
        Order::Email if status.is_none() => {
            let page = paging.of_ordered(direction, state.member_count(), state.member_ids());
            (page.iter().filter_map(|id| state.member(id)).collect(), state.member_count())
        }
        order => {
            let mut members: Vec<&Member> = state.members().filter(wanted).collect();
            // The sort is stable, so equal names stay in the order of their addresses (D77).
            members.sort_by_cached_key(|member| order.key(member));
            (paging.of(direction.of(members.iter().copied())), members.len())
        }
    };
    let views: Vec<Shown<'_>> = page.into_iter().map(|member| render(&call, state, member)).collect();
    Ok(Success::page(&views, total, paging)?.at(access.revision()))
}

#[derive(Clone, Copy)]
enum Order {
    Email,
    FirstName,
    LastName,
    Status,
}

const ORDERS: [(&str, Order); 4] = [
    ("user.email", Order::Email),
    ("user.first_name", Order::FirstName),
    ("user.last_name", Order::LastName),
    ("status", Order::Status),
];

impl Order {
    fn key(self, member: &Member) -> NameKey {
        match self {
            Order::Email => member.email.key(),
            Order::FirstName => model::name_key(member.profile.first_name.as_deref()),
            Order::LastName => model::name_key(member.profile.last_name.as_deref()),
            Order::Status => NameKey::of(member.standing.as_str()),
        }
    }
}

/// Adds a member, or invites one again.
#[utoipa::path(post, path = "/accounts/{account_id}/members", operation_id = "account-members-add-member", tag = "Members",
    params(("account_id" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = Envelope<MemberView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let new = call.read(|body, faults| {
        let email = body.required_text("email", faults);
        let (grants, roles_ignored) = read_grants(body, faults);
        let status = body.optional("status");
        let accepted = status.and_then(|status| status.word(&[("accepted", true), ("pending", false)], faults));
        let api_access = read_api_access(body, faults).flatten();
        let invited_by = invited_by(&call);
        Some((NewMember { email, grants, accepted: accepted.unwrap_or(false), api_access, invited_by }, roles_ignored))
    })?;
    let user = if new.is_valid() { user_of(&call, &new.value.0).await? } else { None };
    let roles_ignored = new.value.1;
    call.write_body(
        &access,
        &new,
        |state, environment, (new, _)| {
            model::create(state, environment, new, MemberId(environment.next_id()), user.as_deref())
        },
        |snapshot, id| created(&call, snapshot, *id, roles_ignored),
    )
    .await
}

/// Who invites: a token of an account does so for the account.
pub(crate) fn invited_by(call: &Call) -> String {
    call.caller.user.as_ref().map_or_else(|| "an administrator".to_owned(), |user| user.email.as_str().to_owned())
}

/// The new member, and what becomes of its invitation. Without mail, the link is told to whoever invites, and to nobody else.
fn created(
    call: &Call,
    snapshot: &Snapshot<engine::Account>,
    id: MemberId,
    roles_ignored: bool,
) -> Result<Success, Error> {
    let state = &snapshot.state;
    let mut messages = messages(call, state, roles_ignored);
    let shown = shown(call, state, id)?;
    match invitation_message(call, state, id) {
        Some(link) => {
            messages.push(link);
            Ok(shown.with_messages(messages)?.secret())
        }
        None => shown.with_messages(messages),
    }
}

/// What is told of the invitation of a member who was just invited: nothing where it goes by mail.
pub(crate) fn invitation_message(call: &Call, state: &AccountState, id: MemberId) -> Option<Message> {
    let member = state.member(&id).filter(|_| !call.is_dry_run().unwrap_or(true))?;
    let invitation = member.invitation.as_deref()?;
    if let Some(mailer) = &call.app.settings.mailer {
        mailer.wake();
        return None;
    }
    let account = state.account_id();
    let token = link::token(&call.app.runtime.secrets, account, id, invitation);
    let link = link::link(&call.app.settings.public_url, &token);
    tracing::info!(%account, member = %id, "somebody is invited; no mail is configured, so the link is in the answer");
    let email = member.email.as_str();
    Some(Message {
        code: INVITATION,
        message: format!("no mail is configured; give this link to {email}, and to nobody else: {link}"),
    })
}

/// The user of a new member's address. A development server makes one where there is none.
async fn user_of(call: &Call, new: &NewMember) -> Result<Option<Arc<User>>, Error> {
    let runtime = &call.app.runtime;
    let Ok(email) = Email::parse(&new.email, "/email") else { return Ok(None) };
    let known = runtime.user_by_email(&email.key()).await?;
    if known.is_some() || !new.accepted || !runtime.rules.accept_anybody {
        return Ok(known);
    }
    let new = NewUser { email, operator: false, api_key: None };
    let id = UserId((runtime.ids.as_fn())());
    if call.is_dry_run()? {
        return Ok(Some(Arc::new(new.user(id, runtime.clock.now()))));
    }
    Ok(Some(runtime.create_user(id, &new, &call.origin()).await?))
}

/// One member.
#[utoipa::path(get, path = "/accounts/{account_id}/members/{member_id}", operation_id = "account-members-member-details", tag = "Members",
    params(("account_id" = String, Path), ("member_id" = String, Path)),
    responses((status = 200, body = Envelope<MemberView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("member_id")?;
    let shown = shown(&call, access.state(), id)?.at(access.revision());
    let is_pending = access.state().member(&id).is_some_and(|member| member.invitation.is_some());
    let failure = if is_pending { outbox::failure(&call.app.runtime, id).await? } else { None };
    let bounced = failure.map(|reason| Message {
        code: INVITATION,
        message: format!("the invitation could not be delivered: {reason}; add the member again to send another one"),
    });
    shown.with_messages(bounced.into_iter().collect())
}

/// Replaces what a member may do.
#[utoipa::path(put, path = "/accounts/{account_id}/members/{member_id}", operation_id = "account-members-update-member", tag = "Members",
    params(("account_id" = String, Path), ("member_id" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = Envelope<MemberView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("member_id")?;
    model::get(access.state(), id)?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let (grants, roles_ignored) = read_grants(body, faults);
        let status = body.optional("status").map(|status| status.text(faults).to_owned());
        Some((MemberUpdate { grants, status, api_access: read_api_access(body, faults) }, roles_ignored))
    })?;
    let roles_ignored = change.value.1;
    call.write_body(
        &access,
        &change,
        |state, environment, (change, _)| {
            call.check_match(state.member(&id).map(|member| render(&call, state, member)).as_ref())?;
            model::update(state, environment, id, change)
        },
        |snapshot, id| {
            shown(&call, &snapshot.state, *id)?.with_messages(messages(&call, &snapshot.state, roles_ignored))
        },
    )
    .await
}

/// Removes a member.
#[utoipa::path(delete, path = "/accounts/{account_id}/members/{member_id}", operation_id = "account-members-remove-member", tag = "Members",
    params(("account_id" = String, Path), ("member_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("member_id")?;
    call.write(
        &access,
        |state, _| {
            call.check_match(state.member(&id).map(|member| render(&call, state, member)).as_ref())?;
            model::delete(state, id)
        },
        |snapshot, id| {
            Success::object(&Deleted { id: id.to_string() })?.with_messages(messages(&call, &snapshot.state, false))
        },
    )
    .await
}
