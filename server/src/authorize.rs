//! `POST /accounts/{account_id}/iam/authorize`: may this one do that, on this? The same function that guards our own
//! endpoints (D88). Anybody may ask about itself; about others, whoever may read the account's settings.

use std::sync::Arc;

use ::model::ids::{MemberId, PolicyId, TokenId, UserId};
use ::model::names::NameKey;
use ::model::problem::{FaultKind, Faults, Problem};
use ::model::resource_groups::account_key;
use catalog::{Catalog, Id, PermissionSet};
use engine::decide::{Decision, Reason};
use engine::permit::Need;
use engine::principal::{CompiledToken, Principal};
use engine::target::Target;
use engine::{Account, Engine};
use runtime::credentials::Holder;
use runtime::secrets;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::operations;
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
    /// `{"member": id}`, `{"user": id or e-mail}` or `{"token": id}`; oneself where it is left out.
    subject: Option<std::collections::BTreeMap<String, String>>,
    /// The name or id of a token permission group, an operation id, or `METHOD /path` as the catalogue writes it.
    action: String,
    /// The key of a resource; the account where it is left out.
    resource: Option<String>,
}

/// Who is asked about.
enum Subject {
    Oneself,
    Credential(String),
    Member(String),
    User(String),
    Token(String),
}

struct Asked {
    subject: Subject,
    need: Need,
    resource: Option<String>,
}

fn read(body: &Input<'_>, catalog: &Catalog, faults: &mut Faults) -> Option<Asked> {
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
    let action = body.required("action", faults).and_then(|action| {
        let text = action.text(faults);
        let need = need_of(catalog, text);
        if need.is_none() && action.is_text() {
            let right = "the name or id of a token permission group, an operation id, or `METHOD /path`";
            faults.push(FaultKind::Invalid, "/action", format!("action `{text}` is not known; give {right}"));
        }
        need
    });
    let resource = body.optional("resource").map(|resource| {
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
    });
    Some(Asked { subject: subject?, need: action?, resource: resource.flatten() })
}

fn read_subject(input: &Input<'_>, faults: &mut Faults) -> Option<Subject> {
    input.object(faults)?;
    // Either `{"member": id}` or the long form `{"type": "member", "id": id}`.
    if let Some(kind) = input.optional("type") {
        let kind = kind.word(&[("member", 0), ("user", 1), ("token", 2)], faults)?;
        let id = input.id(faults);
        return Some([Subject::Member, Subject::User, Subject::Token][kind](id));
    }
    let text = |id: Input<'_>, faults: &mut Faults| id.text(faults).to_owned();
    if let Some(member) = input.optional("member") {
        return Some(Subject::Member(text(member, faults)));
    }
    if let Some(user) = input.optional("user") {
        return Some(Subject::User(text(user, faults)));
    }
    if let Some(token) = input.optional("token") {
        return Some(Subject::Token(text(token, faults)));
    }
    faults.push(FaultKind::Invalid, input.pointer(), "subject must have one of `member`, `user` and `token`");
    None
}

/// What an action asks for: one permission, or what an operation accepts.
fn need_of(catalog: &Catalog, action: &str) -> Option<Need> {
    let permissions = |accepts| Some(Need { accepts, any_member: false });
    if let Some(permission) = action.parse::<Id>().ok().and_then(|id| catalog.permission(&id)) {
        return permissions([permission.index].into_iter().collect());
    }
    let named: PermissionSet = catalog.permissions_named(action).map(|permission| permission.index).collect();
    if !named.is_empty() {
        return permissions(named);
    }
    if let Some(operation) = catalog.operation(action) {
        return Some(operations::need_of(operation));
    }
    let (method, path) = action.split_once(' ')?;
    let mut operations = catalog.operations().iter();
    let operation = operations
        .find(|operation| operation.method.as_str().eq_ignore_ascii_case(method) && *operation.path == *path)?;
    Some(operations::need_of(operation))
}

/// Who was found, or why there is nobody to decide about.
enum Found {
    Principal(Principal),
    Nobody,
    /// A token whose condition, status or times keep it from being used.
    Unusable,
}

/// Decides.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/authorize", operation_id = "portcullis-account-authorize", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = Question,
    responses((status = 200, body = Envelope<DecisionView>), (status = "4XX", body = Failure)))]
pub async fn authorize(call: Call) -> Result<Success, Error> {
    let engine = &call.app.runtime.engine;
    let Some(snapshot) = call.snapshot(call.id("account_id")?).await? else { return Err(call.forbidden(None)) };
    let state = &snapshot.state;
    if !call.caller.principal.is_known_to(engine, state) {
        return Err(call.forbidden(None));
    }
    let asked = call.read(|body, faults| read(body, engine.catalog(), faults))?.into_valid()?;
    let found = find(&call, state, &asked.subject).await?;
    let about_oneself = matches!(asked.subject, Subject::Oneself | Subject::Credential(_))
        || matches!(&found, Found::Principal(principal) if same(principal, &call.caller.principal));
    if !about_oneself {
        call.account().await?;
    }
    let decision = match found {
        Found::Nobody => Decision { allowed: false, reason: Reason::ImplicitDeny, policies: vec![] },
        Found::Unusable => Decision { allowed: false, reason: Reason::Condition, policies: vec![] },
        Found::Principal(principal) => match target(state, asked.resource.as_deref()) {
            Some(target) => decide(engine, state, &principal, asked.need, &target),
            None => Decision { allowed: false, reason: Reason::ImplicitDeny, policies: vec![] },
        },
    };
    let view =
        DecisionView { allowed: decision.allowed, reason: decision.reason.as_str(), policy_ids: decision.policies };
    Ok(Success::object(&view)?.at(snapshot.revision()))
}

/// As the doors decide: by permission, or by membership where that suffices (D14).
fn decide(engine: &Engine, state: &Account, principal: &Principal, need: Need, target: &Target) -> Decision {
    let decision = engine.decide(state, principal, &need.accepts, target);
    let by_membership = !decision.allowed && need.any_member && engine.permit(state, principal, need, None).is_ok();
    if by_membership { Decision { allowed: true, reason: Reason::Allow, policies: vec![] } } else { decision }
}

fn target(state: &Account, resource: Option<&str>) -> Option<Target> {
    match resource {
        None => Some(Target::ACCOUNT),
        Some(key) if key == account_key(state.account_id()) => Some(Target::ACCOUNT),
        Some(key) => state.resource(key),
    }
}

fn same(one: &Principal, other: &Principal) -> bool {
    let token = |principal: &Principal| principal.token().map(|token| token.id());
    one.user() == other.user() && token(one) == token(other)
}

async fn find(call: &Call, state: &Account, subject: &Subject) -> Result<Found, Error> {
    let of_user = |user: Option<UserId>| user.map_or(Found::Nobody, |user| Found::Principal(Principal::User(user)));
    Ok(match subject {
        Subject::Oneself => Found::Principal(call.caller.principal.clone()),
        Subject::Credential(secret) => of_credential(call, secret).await?,
        Subject::Member(id) => of_user(id.parse::<MemberId>().ok().and_then(|id| state.member(&id)?.user())),
        Subject::User(text) => match text.parse::<UserId>() {
            Ok(id) => of_user(state.member_of_user(&id).map(|_| id)),
            Err(_) => of_user(state.member_by_email(&NameKey::of(text)).and_then(|member| member.user())),
        },
        Subject::Token(id) => {
            let own = call.caller.principal.token().filter(|token| token.id().to_string() == *id);
            let stored = id.parse::<TokenId>().ok().and_then(|id| state.token(&id));
            match (own, stored) {
                (Some(_), _) => Found::Principal(call.caller.principal.clone()),
                (None, Some(token)) => {
                    let compiled = Arc::new(call.app.runtime.engine.compile_token(token));
                    usable(
                        call,
                        compiled.clone(),
                        Principal::AccountToken { account: state.account_id(), token: compiled },
                    )
                }
                (None, None) => Found::Nobody,
            }
        }
    })
}

async fn of_credential(call: &Call, secret: &str) -> Result<Found, Error> {
    if !secrets::is_token_shaped(secret) {
        let message = "credential must be an API token";
        return Err(Problem::at(FaultKind::Invalid, "/credential", message).into());
    }
    let runtime = &call.app.runtime;
    Ok(match runtime.holder_of(&runtime.secrets.digest(secret)).await? {
        Some(Holder::UserToken(user, token)) if user.enabled => {
            usable(call, token.clone(), Principal::UserToken { user: user.id, token })
        }
        Some(Holder::AccountToken(account, token)) => {
            usable(call, token.clone(), Principal::AccountToken { account, token })
        }
        Some(Holder::UserToken(..) | Holder::ApiKey(_)) | None => Found::Nobody,
    })
}

/// A token that may not be used now, or from the asker's address, is a condition that is not met (D46, D47).
fn usable(call: &Call, token: Arc<CompiledToken>, principal: Principal) -> Found {
    let now = call.app.runtime.clock.now();
    if token.token.is_usable_at(now) && token.token.condition.admits(call.caller.address) {
        Found::Principal(principal)
    } else {
        Found::Unusable
    }
}
