//! `POST /accounts/{account_id}/iam/authorize`: may this one do that, on this? The same function that guards our own
//! endpoints (D88). Anybody may ask about itself; about others, whoever may read the account's settings.

use ::model::ids::PolicyId;
use ::model::problem::{FaultKind, Faults, Problem};
use catalog::Catalog;
use engine::Account;
use engine::decide::Reason;
use engine::principal::Principal;
use engine::question::Circumstances;
use engine::question::action::{self, Action, Named};
use engine::question::subject::SubjectKind;
use engine::target::Target;
use runtime::credentials::Holder;
use runtime::history::at::At;
use runtime::secrets;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::moment;
use crate::wire::json::Input;

/// A decision.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DecisionView {
    allowed: bool,
    /// `allow`, `explicit_deny`, `implicit_deny` or `condition`.
    reason: &'static str,
    /// The policies that allowed it, or those that denied it.
    #[schema(value_type = Vec<String>)]
    policy_ids: Vec<PolicyId>,
}

/// A question.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct Question {
    /// An API token, as its holder sends it; instead of `subject`.
    credential: Option<String>,
    /// `{"member": id}`, `{"user": id or e-mail}`, `{"token": id}` or `{"user_group": id}`; oneself where it is left out.
    subject: Option<std::collections::BTreeMap<String, String>>,
    /// The name or id of a permission group, an operation id, or `METHOD /path` as the catalogue writes it.
    action: String,
    /// The key of a resource; the account where it is left out.
    resource: Option<String>,
    /// A revision, or a time: what was so then.
    at: Option<String>,
}

/// Who is asked about.
pub(crate) enum Subject {
    Oneself,
    Credential(String),
    Named(SubjectKind, String),
}

/// A question, read.
pub(crate) struct Asked {
    pub(crate) subject: Subject,
    pub(crate) action: Action,
    pub(crate) resource: Option<String>,
    pub(crate) at: Option<At>,
}

/// Reads a question.
pub(crate) fn read(body: &Input<'_>, catalog: &Catalog, faults: &mut Faults) -> Option<Asked> {
    body.object(faults)?;
    let subject = match (body.optional("credential"), body.optional("subject")) {
        (None, None) => Some(Subject::Oneself),
        (Some(credential), None) => Some(Subject::Credential(credential.text(faults).to_owned())),
        (None, Some(subject)) => read_subject(&subject, faults),
        (Some(_), Some(_)) => {
            faults.push(FaultKind::Invalid, "/subject", "give either `credential` or `subject`, not both");
            None
        }
    };
    let action = read_action(body, catalog, faults);
    let resource = read_resource(body, catalog, faults);
    let at = moment::read(body, faults);
    Some(Asked { subject: subject?, action: action?, resource, at })
}

/// Reads what is to be done.
pub(crate) fn read_action(body: &Input<'_>, catalog: &Catalog, faults: &mut Faults) -> Option<Action> {
    let input = body.required("action", faults)?;
    let text = input.text(faults);
    let action = Named::of(catalog, text).map(|named| named.action);
    if action.is_none() && input.is_text() {
        let message = format!("action `{text}` is not known; give {}", action::WORDS);
        faults.push(FaultKind::Invalid, "/action", message);
    }
    action
}

/// Reads the key of the resource; none is the account.
pub(crate) fn read_resource(body: &Input<'_>, catalog: &Catalog, faults: &mut Faults) -> Option<String> {
    let resource = body.optional("resource")?;
    let text = resource.text(faults);
    match catalog.parse_key(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            if resource.is_text() {
                faults.push(FaultKind::Invalid, "/resource", error.to_string());
            }
            None
        }
    }
}

/// Reads who is asked about.
pub(crate) fn read_subject(input: &Input<'_>, faults: &mut Faults) -> Option<Subject> {
    input.object(faults)?;
    // Either `{"member": id}` or the long form `{"type": "member", "id": id}`.
    if let Some(kind) = input.optional("type") {
        let kind = kind.word(&SubjectKind::ALL.map(|kind| (kind.as_str(), kind)), faults)?;
        return Some(Subject::Named(kind, input.id(faults)));
    }
    let named = SubjectKind::ALL.into_iter().find_map(|kind| Some((kind, input.optional(kind.as_str())?)));
    if let Some((kind, id)) = named {
        return Some(Subject::Named(kind, id.text(faults).to_owned()));
    }
    let message = "subject must have one of `user`, `member`, `token` and `user_group`";
    faults.push(FaultKind::Invalid, input.pointer(), message);
    None
}

/// Decides.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/authorize", operation_id = "portcullis-account-authorize", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = Question,
    responses((status = 200, body = Envelope<DecisionView>), (status = "4XX", body = Failure)))]
pub async fn authorize(call: Call) -> Result<Success, Error> {
    let engine = &call.app.runtime.engine;
    let Some(newest) = call.snapshot(call.id("account_id")?).await? else { return Err(call.forbidden(None)) };
    if !call.caller.principal.is_known_to(engine, &newest.state) {
        return Err(call.forbidden(None));
    }
    let asked = call.read(|body, faults| read(body, engine.catalog(), faults))?.into_valid()?;
    let snapshot = moment::snapshot(&call, newest, asked.at, "/at").await?;
    let state = &snapshot.state;
    let (found, is_oneself) = subject(&call, state, &asked.subject).await?;
    if !is_oneself {
        call.account().await?;
    }
    let target = match asked.resource.as_deref() {
        None => Some(Target::ACCOUNT),
        Some(key) => state.target(key),
    };
    let time = moment::time(&call, &snapshot, asked.at);
    let circumstances = Circumstances { address: Some(call.caller.address), time: Some(time) };
    let decision = engine.answer(state, found.as_ref(), &asked.action, target.as_ref(), &circumstances);
    let key = || asked.resource.as_deref().map(Box::from);
    call.app.self_check.consider_answer(&snapshot, found.as_ref(), &asked.action, &decision, key);
    // Whoever or whatever is not there has no policies that speak of it: the reasons here are those of D88.
    let reason = match decision.reason {
        Reason::UnknownSubject | Reason::UnknownResource => Reason::ImplicitDeny,
        reason @ (Reason::Allow | Reason::ExplicitDeny | Reason::ImplicitDeny | Reason::Condition) => reason,
    };
    let view = DecisionView { allowed: decision.allowed, reason: reason.as_str(), policy_ids: decision.policies };
    Ok(Success::object(&view)?.at(snapshot.revision()))
}

/// Who is asked about, if it is there, and whether that is the caller itself: by its own credential or by one that it has
/// in hand.
///
/// # Errors
/// A credential that cannot be any.
pub(crate) async fn subject(
    call: &Call,
    state: &Account,
    subject: &Subject,
) -> Result<(Option<Principal>, bool), Error> {
    let found = find(call, state, subject).await?;
    let is_oneself = matches!(subject, Subject::Oneself | Subject::Credential(_))
        || found.as_ref().is_some_and(|principal| principal.is_same_as(&call.caller.principal));
    Ok((found, is_oneself))
}

async fn find(call: &Call, state: &Account, subject: &Subject) -> Result<Option<Principal>, Error> {
    Ok(match subject {
        Subject::Oneself => Some(call.caller.principal.clone()),
        Subject::Credential(secret) => of_credential(call, secret).await?,
        Subject::Named(kind, id) => match call.caller.own_token(*kind, id) {
            Some(oneself) => Some(oneself.clone()),
            None => call.app.runtime.engine.find_subject(state, *kind, id),
        },
    })
}

async fn of_credential(call: &Call, secret: &str) -> Result<Option<Principal>, Error> {
    if !secrets::is_token_shaped(secret) {
        let message = "credential must be an API token";
        return Err(Problem::at(FaultKind::Invalid, "/credential", message).into());
    }
    let runtime = &call.app.runtime;
    Ok(match runtime.holder_of(&runtime.secrets.digest(secret)).await? {
        Some(Holder::UserToken(user, token)) if user.enabled => Some(Principal::UserToken { user: user.id, token }),
        Some(Holder::AccountToken(account, token)) => Some(Principal::AccountToken { account, token }),
        Some(Holder::UserToken(..) | Holder::ApiKey(_)) | None => None,
    })
}
