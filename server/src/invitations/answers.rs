//! `/user/invites`: the invitations of the caller's address, and the answers to them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engine::Account;
use engine::user_permit::UserPermit;
use model::account_state::AccountState;
use model::ids::{AccountId, MemberId};
use model::invitations::{self, Reply};
use model::members::{self, Member, Standing};
use model::problem::{FaultKind, Problem};
use model::time::Timestamp;
use model::users;
use runtime::stream::Snapshot;
use serde::Serialize;

use super::link;
use crate::answer::{Envelope, Success};
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::memberships;

/// An invitation, as the invited person sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InviteView<'a> {
    #[schema(value_type = String)]
    id: MemberId,
    #[schema(value_type = String)]
    invited_member_id: MemberId,
    invited_member_email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    invited_on: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires_on: Option<Timestamp>,
    #[schema(value_type = String)]
    organization_id: AccountId,
    organization_name: &'a str,
    organization_is_enforcing_twofactor: bool,
    /// Names.
    roles: Vec<&'a str>,
    /// `pending`, `accepted`, `rejected` or `expired`.
    status: &'static str,
}

/// The answer to an invitation.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ReplyBody {
    /// `accepted` or `rejected`.
    status: String,
}

/// What the link of an invitation carries.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct RedeemBody {
    /// The last part of the link.
    token: String,
}

fn view<'a>(call: &'a Call, state: &'a AccountState, member: &'a Member) -> InviteView<'a> {
    let catalog = call.app.runtime.engine.catalog();
    let invited_on = match member.standing {
        Standing::Pending { invited_on } => Some(invited_on),
        Standing::Accepted { .. } | Standing::Rejected { .. } => None,
    };
    let invitation = member.invitation.as_deref();
    let account = state.account();
    InviteView {
        id: member.id,
        invited_member_id: member.id,
        invited_member_email: member.email.as_str(),
        invited_by: invitation.map(|invitation| &*invitation.invited_by),
        invited_on,
        expires_on: invitation.map(|invitation| invitation.expires_on),
        organization_id: state.account_id(),
        organization_name: account.map_or("", |account| &account.name),
        organization_is_enforcing_twofactor: account.is_some_and(|account| account.settings.enforce_twofactor),
        roles: memberships::role_names(catalog, state, &member.policies),
        status: invitations::status(member, call.app.runtime.clock.now()),
    }
}

/// Lists the invitations of the caller's address that are not accepted.
#[utoipa::path(get, path = "/user/invites", operation_id = "user'-s-invites-list-invitations", tag = "Invitations",
    responses((status = 200, body = Envelope<Vec<InviteView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    memberships::own_user(&call).await?;
    let found = memberships::all(&call).await?;
    let open = found.iter().filter_map(|one| Some((one, one.member()?)));
    let mut open: Vec<_> = open.filter(|(_, member)| member.user().is_none()).collect();
    open.sort_by_key(|(one, member)| (member.modified_on, one.id));
    let views: Vec<InviteView<'_>> =
        open.iter().map(|(one, member)| view(&call, Account::state(&one.snapshot.state), member)).collect();
    Success::list(&views)
}

/// One invitation.
#[utoipa::path(get, path = "/user/invites/{invite_id}", operation_id = "user'-s-invites-invitation-details", tag = "Invitations",
    params(("invite_id" = String, Path)),
    responses((status = 200, body = Envelope<InviteView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    memberships::own_user(&call).await?;
    let found = memberships::find(&call, "invite_id", "invitation").await?;
    shown(&call, &found.snapshot, found.id)
}

fn shown(call: &Call, snapshot: &Snapshot<Account>, id: MemberId) -> Result<Success, Error> {
    let state = Account::state(&snapshot.state);
    Ok(Success::object(&view(call, state, members::get(state, id)?))?.at(snapshot.revision()))
}

/// Reads the answer of a body.
pub(crate) fn read_reply(call: &Call) -> Result<crate::wire::json::Parsed<Reply>, Error> {
    call.read(|body, faults| {
        let status = body.required("status", faults);
        let reply = status
            .and_then(|status| status.word(&[("accepted", Reply::Accepted), ("rejected", Reply::Rejected)], faults));
        // Stands in for what could not be read, which is never carried out.
        Some(reply.unwrap_or(Reply::Rejected))
    })
}

/// Accepts or declines an invitation.
#[utoipa::path(patch, path = "/user/invites/{invite_id}", operation_id = "user'-s-invites-respond-to-invitation", tag = "Invitations",
    params(("invite_id" = String, Path)), request_body = ReplyBody,
    responses((status = 200, body = Envelope<InviteView>), (status = "4XX", body = Failure)))]
pub async fn reply(call: Call) -> Result<Success, Error> {
    memberships::own_user(&call).await?;
    let found = memberships::find(&call, "invite_id", "invitation").await?;
    let reply = read_reply(&call)?;
    let access = memberships::access(&call, found)?;
    let user = call.user()?;
    call.write_body(
        &access.access,
        &reply,
        |state, environment, reply| invitations::answer(state, environment, access.id, user, *reply, false),
        |snapshot, id| shown(&call, snapshot, *id),
    )
    .await
}

/// Accepts the invitation of a link. The caller must be the user of the address that was invited; the link proves that the
/// address is the caller's.
#[utoipa::path(post, path = "/user/invites/redeem", operation_id = "portcullis-user-invites-redeem", tag = "Invitations", request_body = RedeemBody,
    responses((status = 200, body = Envelope<InviteView>), (status = "4XX", body = Failure)))]
pub async fn redeem(call: Call) -> Result<Success, Error> {
    let user_access = memberships::own_user(&call).await?;
    let token = call.read(|body, faults| Some(body.required_text("token", faults)))?.into_valid()?;
    let user = call.user()?;
    let unknown = || {
        let message =
            "the link is not valid: it was used or replaced, has expired, or is of another address than yours";
        Problem::at(FaultKind::Invalid, "/token", message)
    };
    let (account, id) = link::named(&token).ok_or_else(unknown)?;
    let snapshot = call.snapshot(account).await?.ok_or_else(unknown)?;
    let found = memberships::Membership { snapshot, id };
    let secrets = &call.app.runtime.secrets;
    let opens = |state: &AccountState| {
        let member = state.member(&id).filter(|member| invitations::is_of(member, user));
        let invitation = member.and_then(|member| member.invitation.as_deref());
        invitation.is_some_and(|invitation| link::opens(secrets, account, id, invitation, &token))
    };
    if !opens(&found.snapshot.state) {
        return Err(unknown().into());
    }
    let access = memberships::access(&call, found).map_err(|_| unknown())?;
    let answered = call
        .write(
            &access.access,
            |state, environment| {
                if !opens(state) {
                    return Err(unknown());
                }
                invitations::answer(state, environment, id, user, Reply::Accepted, true)
            },
            |snapshot, id| shown(&call, snapshot, *id),
        )
        .await?;
    if !user.email_verified && !call.is_dry_run()? {
        let (permit, origin) = (UserPermit::for_system(user_access.user()), call.origin().further());
        let verified = call.app.runtime.commit_user(&permit, &[], &origin, |state, _| users::verify_email(state));
        verified.await.map_err(|error| call.commit_error(error))?;
    }
    Ok(answered)
}

/// What whoever opens the link sees: how to answer. The page of sign-in takes its place once there is one.
pub async fn landing(State(app): State<App>, Path(token): Path<String>) -> Response {
    let plain = |text: String| {
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::REFERRER_POLICY, "no-referrer")];
        (headers, text).into_response()
    };
    let found = async {
        let (account, id) = link::named(&token)?;
        let snapshot = app.runtime.account(account).await.ok()??;
        let member = snapshot.state.member(&id)?.clone();
        let invitation = member.invitation.as_deref()?;
        let opens = link::opens(&app.runtime.secrets, account, id, invitation, &token);
        (opens && invitation.expires_on > app.runtime.clock.now()).then(|| (snapshot.clone(), Arc::new(member.clone())))
    };
    match found.await {
        Some((snapshot, member)) => plain(format!(
            "You are invited to the account \"{}\" as {}.\n\nTo accept, send this with your own credentials:\n\n\
             POST {}/client/v4/user/invites/redeem\n{{\"token\": \"{token}\"}}\n",
            snapshot.state.account().map_or("", |account| &account.name),
            member.email.as_str(),
            app.settings.public_url,
        )),
        None => {
            let mut response =
                plain("This invitation was answered or replaced, has expired, or never was.\n".to_owned());
            *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
            response
        }
    }
}
