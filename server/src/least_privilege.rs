//! `POST /accounts/{account_id}/iam/least_privilege`: the smallest token that allows some calls, given as operations, as
//! recorded calls, or as a HAR file. Any member may ask: the answer is made of the catalogue.

use std::collections::HashMap;

use ::model::account_state::AccountState;
use ::model::keyed::Keyed;
use ::model::problem::{FaultKind, Faults};
use ::model::tokens::TokenResource;
use catalog::{CallResource, Catalog, Id, Operation, Permission, PermissionIndex, ResourceTypeIndex};
use engine::Engine;
use engine::call_target::CallTarget;
use engine::least_privilege::{LeastPolicy, Served, Unserved, Wanted};
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::recorded_calls::{MOST_CALLS, RecordedCall, read_har, read_lines};
use crate::wire::json::Input;

/// The smallest token for some calls.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LeastPrivilegeView<'a> {
    /// What to make the token with. User keys are for tokens of users.
    policies: Vec<PolicyView<'a>>,
    /// Each call once, however often it was made, and what serves it.
    calls: Vec<ServedView<'a>>,
    /// The calls that no token can be made for, or whose permission nobody knows.
    unknown: Vec<UnknownView<'a>>,
    /// False only where the search for the smallest was given up.
    is_smallest: bool,
    /// How many entries of the HAR file are of another place than `base_url`.
    left_out: usize,
}

/// A policy as a token takes it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PolicyView<'a> {
    effect: &'static str,
    permission_groups: Vec<PermissionView<'a>>,
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    resources: Keyed<TokenResource>,
}

/// An entry of the token catalogue.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PermissionView<'a> {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: Id,
    /// Its name.
    pub(crate) name: &'a str,
}

impl<'a> PermissionView<'a> {
    pub(crate) fn of(permission: &'a Permission) -> PermissionView<'a> {
        PermissionView { id: permission.id, name: &permission.name }
    }
}

/// A call that the token allows.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ServedView<'a> {
    /// As it was first given.
    call: String,
    /// How often it was given.
    count: usize,
    operation_id: Option<&'a str>,
    granted_by: GrantView<'a>,
}

/// What serves a call.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GrantView<'a> {
    #[schema(value_type = String)]
    id: Id,
    name: &'a str,
    /// As in the policy.
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    resources: Keyed<TokenResource>,
}

/// A call that the token does nothing for.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UnknownView<'a> {
    call: String,
    count: usize,
    operation_id: Option<&'a str>,
    /// `no_operation`, `nothing_known`, `nothing_applies`, `other_account`, `not_registered` or `user_only`.
    reason: &'static str,
    message: String,
}

/// One of `operations`, `calls` and `har`.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct LeastPrivilegeBody {
    /// Operation ids. Where an operation is about a zone or another resource, all of these are meant.
    operations: Option<Vec<String>>,
    /// `METHOD path` each; or one string with a line for each, empty lines and comments (`#`) left out.
    calls: Option<Vec<String>>,
    /// A HAR 1.2 file; only the requests' methods and URLs are read.
    #[schema(value_type = Option<Object>)]
    har: Option<String>,
    /// Leaves out the entries of the HAR file that do not begin with it.
    base_url: Option<String>,
}

/// What was asked.
#[derive(Default)]
struct Asked<'c> {
    calls: Vec<(String, Option<Found<'c>>)>,
    left_out: usize,
}

/// An operation, and what it was called on.
struct Found<'c> {
    operation: &'c Operation,
    resource: CallResource,
}

fn read<'c>(body: &Input<'_>, catalog: &'c Catalog, faults: &mut Faults) -> Option<Asked<'c>> {
    body.object(faults)?;
    let base_url = body.optional("base_url").map(|base_url| (base_url.text(faults), base_url.pointer().to_owned()));
    let asked = match (body.optional("operations"), body.optional("calls"), body.optional("har")) {
        (Some(operations), None, None) => {
            Asked { calls: operations.array(faults, |id, faults| read_operation(id, catalog, faults)), left_out: 0 }
        }
        (None, Some(calls), None) => Asked { calls: found(catalog, read_calls(&calls, faults)), left_out: 0 },
        (None, None, Some(har)) => {
            let har = read_har(&har, base_url.as_ref().map(|(text, _)| *text), faults);
            Asked { calls: found(catalog, har.calls), left_out: har.left_out }
        }
        _ => {
            faults.push(FaultKind::Invalid, "", "the body must have one of `operations`, `calls` and `har`");
            return None;
        }
    };
    if let Some((text, pointer)) = base_url.filter(|(text, _)| !is_base_url(text)) {
        let right = "it must begin with `http://` or `https://` and have neither query nor fragment";
        faults.push(FaultKind::Invalid, pointer, format!("`{text}` is not a base URL: {right}"));
    }
    if asked.calls.len() > MOST_CALLS {
        let message = format!("{} calls are too many: at most {MOST_CALLS} are taken at once", asked.calls.len());
        faults.push(FaultKind::Quota, "", message);
    }
    Some(asked)
}

fn is_base_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty() && !rest.contains(['?', '#']))
}

/// An unknown id is a slip of whoever wrote it, so it is a fault.
fn read_operation<'c>(input: &Input<'_>, catalog: &'c Catalog, faults: &mut Faults) -> (String, Option<Found<'c>>) {
    let id = input.text(faults);
    let operation = catalog.operation(id);
    if operation.is_none() && input.is_text() {
        faults.push(FaultKind::Invalid, input.pointer(), format!("no operation has the id `{id}`"));
    }
    let found = operation.map(|operation| Found { operation, resource: unbound(catalog, operation) });
    (id.to_owned(), found)
}

/// What an operation is about when it is called on anything.
fn unbound(catalog: &Catalog, operation: &Operation) -> CallResource {
    let found = catalog.match_operation(operation.method, &operation.path);
    let nothing = CallResource { kind: ResourceTypeIndex::ACCOUNT, id: None, account: None };
    found.map_or(nothing, |found| catalog.resource_of(&found))
}

fn read_calls(input: &Input<'_>, faults: &mut Faults) -> Vec<RecordedCall> {
    if input.is_text() {
        return read_lines(input.text(faults)).unwrap_or_else(|wrong| {
            for (line, fault) in wrong {
                faults.push(FaultKind::Invalid, input.pointer(), format!("line {line}: {fault}"));
            }
            Vec::new()
        });
    }
    let calls = input.array(faults, |call, faults| {
        let text = call.text(faults);
        let parsed = RecordedCall::parse(text);
        if let (Err(fault), true) = (&parsed, call.is_text()) {
            faults.push(FaultKind::Invalid, call.pointer(), fault.to_string());
        }
        parsed.ok()
    });
    calls.into_iter().flatten().collect()
}

/// The operations of recorded calls.
fn found(catalog: &Catalog, calls: Vec<RecordedCall>) -> Vec<(String, Option<Found<'_>>)> {
    let find = |call: RecordedCall| {
        let found = catalog.match_operation(call.method, &call.url).map(|found| {
            let resource = catalog.resource_of(&found);
            Found { operation: found.operation, resource }
        });
        // What nothing fits is shown without its query, so that its pages are one.
        let shown = if found.is_some() { call.to_string() } else { call.without_query().to_string() };
        (shown, found)
    };
    calls.into_iter().map(find).collect()
}

/// Calls of one operation on one resource are one.
struct Distinct<'c> {
    call: String,
    count: usize,
    operation: Option<&'c Operation>,
    target: CallTarget,
}

fn distinct<'c>(engine: &Engine, state: &AccountState, asked: Vec<(String, Option<Found<'c>>)>) -> Vec<Distinct<'c>> {
    let mut distinct: Vec<Distinct<'c>> = Vec::new();
    let mut known = HashMap::new();
    for (call, found) in asked {
        let target = found.as_ref().map(|found| engine.call_target(state, &found.resource));
        let operation = found.map(|found| found.operation);
        let key = match (operation, &target) {
            // Operations are compared as places in the catalogue: a few have no id.
            (Some(operation), Some(target)) => (Some((std::ptr::from_ref(operation), target.clone())), String::new()),
            _ => (None, call.clone()),
        };
        let at = *known.entry(key).or_insert_with(|| {
            let target = target.unwrap_or(CallTarget::Account);
            distinct.push(Distinct { call, count: 0, operation, target });
            distinct.len() - 1
        });
        distinct[at].count += 1;
    }
    distinct
}

/// The word and the sentence for why a call is not served.
fn reason(operation: Option<&Operation>, unserved: &Unserved) -> (&'static str, String) {
    if operation.is_none() {
        return ("no_operation", "the catalogue has no operation of this method and path".to_owned());
    }
    match unserved {
        Unserved::NothingKnown => {
            ("nothing_known", "the catalogue does not say which permissions the operation accepts".to_owned())
        }
        Unserved::NothingApplies => (
            "nothing_applies",
            "no permission that the operation accepts can apply to what the call is about".to_owned(),
        ),
        Unserved::OtherAccount(other) => ("other_account", format!("the call is about the account `{other}`")),
        Unserved::Unregistered(key) => ("not_registered", format!("the account has no resource `{key}`")),
        Unserved::NoUser => {
            ("user_only", "the call is about a user, and an account's token cannot act for one".to_owned())
        }
    }
}

/// Finds the smallest token.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/least_privilege", operation_id = "portcullis-account-least-privilege", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = LeastPrivilegeBody,
    responses((status = 200, body = Envelope<LeastPrivilegeView>), (status = "4XX", body = Failure)))]
pub async fn find(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let engine = &call.app.runtime.engine;
    let asked = call.read(|body, faults| read(body, engine.catalog(), faults))?.into_valid()?;
    let (state, left_out) = (access.state(), asked.left_out);
    let distinct = distinct(engine, state, asked.calls);
    let accepts = |call: &Distinct<'_>| call.operation.and_then(|operation| operation.accepts);
    let wanted = distinct.iter().map(|call| Wanted { accepts: accepts(call), target: call.target.clone() });
    let user = call.caller.user.as_ref().map(|user| user.id);
    let least = engine.least_privilege(state, user, &wanted.collect::<Vec<_>>());
    let mut view = LeastPrivilegeView {
        policies: least.policies.iter().map(|policy| policy_view(engine, state, policy)).collect(),
        calls: Vec::new(),
        unknown: Vec::new(),
        is_smallest: least.is_smallest,
        left_out,
    };
    for (call, served) in distinct.into_iter().zip(&least.calls) {
        let Distinct { call, count, operation, .. } = call;
        let operation_id = operation.and_then(|operation| operation.id.as_deref());
        match served {
            Ok(served) => {
                view.calls.push(ServedView {
                    call,
                    count,
                    operation_id,
                    granted_by: grant_view(engine, state, served),
                });
            }
            Err(unserved) => {
                let (reason, message) = reason(operation, unserved);
                view.unknown.push(UnknownView { call, count, operation_id, reason, message });
            }
        }
    }
    Ok(Success::object(&view)?.at(access.revision()))
}

fn policy_view<'a>(engine: &'a Engine, state: &AccountState, policy: &LeastPolicy) -> PolicyView<'a> {
    let view = |index: &PermissionIndex| PermissionView::of(engine.catalog().permission_at(*index));
    PolicyView {
        effect: "allow",
        permission_groups: policy.permission_groups.iter().map(view).collect(),
        resources: engine.token_resources(state, &policy.places),
    }
}

fn grant_view<'a>(engine: &'a Engine, state: &AccountState, served: &Served) -> GrantView<'a> {
    let permission = engine.catalog().permission_at(served.permission_group);
    let resources = engine.token_resources(state, std::slice::from_ref(&served.place));
    GrantView { id: permission.id, name: &permission.name, resources }
}
