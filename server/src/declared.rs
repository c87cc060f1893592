//! `/accounts/{account_id}/iam/state`: the members, user groups and resource groups of an account as one document.

use ::model::account_state::AccountState;
use ::model::declared as model;
use ::model::declared::{
    Applied, Declared, DeclaredAccount, DeclaredMember, DeclaredObject, DeclaredPlace, DeclaredPolicy,
    DeclaredResourceGroup, DeclaredUserGroup,
};
use ::model::ids::MemberId;
use ::model::policies::Effect;
use ::model::problem::{FaultKind, Faults};
use serde::Serialize;

use crate::answer::{Envelope, Message, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::members;
use crate::wire::json::{Field, Input};

/// The document; `docs/declarative.md` says what is in it.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the document")]
pub struct StateDocument {
    /// 1.
    version: u64,
    account: Option<serde_json::Value>,
    resource_groups: Option<Vec<serde_json::Value>>,
    members: Option<Vec<serde_json::Value>>,
    user_groups: Option<Vec<serde_json::Value>>,
}

/// What a document changed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AppliedView<'a> {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    applied: &'a Applied,
}

/// Shows what an account is, in the form that PUT takes.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/state", operation_id = "portcullis-account-state-get", tag = "Declarative state",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<StateDocument>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(Success::object(&shown(&call, access.state()))?.at(access.revision()))
}

fn shown(call: &Call, state: &AccountState) -> Declared {
    Declared::of(state, call.app.runtime.engine.catalog())
}

/// Makes an account what the document says, in one commit.
#[utoipa::path(put, path = "/accounts/{account_id}/iam/state", operation_id = "portcullis-account-state-put", tag = "Declarative state",
    params(("account_id" = String, Path)), request_body = StateDocument,
    responses((status = 200, body = Envelope<AppliedView>), (status = "4XX", body = Failure)))]
pub async fn put(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let declared = call.read(read)?;
    let invited_by = members::invited_by(&call);
    let known: Vec<MemberId> = access.state().member_ids().collect();
    call.write_body(
        &access,
        &declared,
        |state, environment, declared| {
            call.check_match(Some(&shown(&call, state)))?;
            model::apply(state, environment, declared, &invited_by)
        },
        |snapshot, applied| {
            let state = &snapshot.state;
            let new = state.member_ids().filter(|id| !known.contains(id));
            let links: Vec<Message> = new.filter_map(|id| members::invitation_message(&call, state, id)).collect();
            let has_links = !links.is_empty();
            let success = Success::object(&AppliedView { applied })?.with_messages(links)?;
            Ok(if has_links { success.secret() } else { success })
        },
    )
    .await
}

fn read(body: &Input<'_>, faults: &mut Faults) -> Option<Declared> {
    let version = body.required("version", faults)?;
    Some(Declared {
        version: version.whole_number().unwrap_or_default(),
        account: body.optional("account").map(|account| read_account(&account, faults)),
        resource_groups: list(body, "resource_groups", faults, read_resource_group),
        members: list(body, "members", faults, read_member),
        user_groups: list(body, "user_groups", faults, read_user_group),
    })
}

fn list<T>(
    input: &Input<'_>,
    name: &str,
    faults: &mut Faults,
    read: impl FnMut(&Input<'_>, &mut Faults) -> T,
) -> Option<Vec<T>> {
    input.optional(name).map(|list| list.array(faults, read))
}

fn read_account(input: &Input<'_>, faults: &mut Faults) -> DeclaredAccount {
    let mut switch = |name: &str| input.optional(name).map(|value| value.boolean(faults));
    let (enforce_twofactor, api_access_enabled) = (switch("enforce_twofactor"), switch("api_access_enabled"));
    let token_put_strict = switch("token_put_strict");
    DeclaredAccount {
        name: input.required_text("name", faults),
        abuse_contact_email: input.optional("abuse_contact_email").map(|email| email.text(faults).to_owned()),
        enforce_twofactor: enforce_twofactor.unwrap_or_default(),
        api_access_enabled,
        token_put_strict: token_put_strict.unwrap_or_default(),
    }
}

fn read_resource_group(input: &Input<'_>, faults: &mut Faults) -> DeclaredResourceGroup {
    DeclaredResourceGroup {
        name: input.required_text("name", faults),
        objects: input.required("objects", faults).map(|objects| read_objects(&objects, faults)).unwrap_or_default(),
    }
}

fn read_objects(input: &Input<'_>, faults: &mut Faults) -> Vec<DeclaredObject> {
    let objects = input.array(faults, |object, faults| match (object.optional("zone"), object.optional("key")) {
        (Some(zone), None) => Some(DeclaredObject::Zone(zone.text(faults).to_owned())),
        (None, Some(key)) => Some(DeclaredObject::Key(key.text(faults).to_owned())),
        (Some(_), Some(_)) | (None, None) => {
            faults.push(FaultKind::Invalid, object.pointer(), "an object must have either `zone` or `key`");
            None
        }
    });
    objects.into_iter().flatten().collect()
}

fn read_member(input: &Input<'_>, faults: &mut Faults) -> DeclaredMember {
    let api_access_enabled = match input.field("api_access_enabled") {
        Field::Value(value) => Some(value.boolean(faults)),
        Field::Absent | Field::Null => None,
    };
    DeclaredMember {
        email: input.required_text("email", faults),
        policies: read_policies(input, faults),
        api_access_enabled,
    }
}

fn read_user_group(input: &Input<'_>, faults: &mut Faults) -> DeclaredUserGroup {
    let members = list(input, "members", faults, |email, faults| email.text(faults).to_owned());
    DeclaredUserGroup {
        name: input.required_text("name", faults),
        policies: read_policies(input, faults),
        members: members.unwrap_or_default(),
    }
}

fn read_policies(input: &Input<'_>, faults: &mut Faults) -> Vec<DeclaredPolicy> {
    list(input, "policies", faults, read_policy).unwrap_or_default()
}

fn read_policy(input: &Input<'_>, faults: &mut Faults) -> DeclaredPolicy {
    let access = input.required("access", faults);
    let access = access.and_then(|access| access.word(&[("allow", Effect::Allow), ("deny", Effect::Deny)], faults));
    let permission_groups = list(input, "permission_groups", faults, |group, faults| group.text(faults).to_owned());
    let places = list(input, "resource_groups", faults, read_place).unwrap_or_default();
    DeclaredPolicy {
        access: access.unwrap_or(Effect::Deny),
        permission_groups: permission_groups.unwrap_or_default(),
        resource_groups: places.into_iter().flatten().collect(),
    }
}

fn read_place(input: &Input<'_>, faults: &mut Faults) -> Option<DeclaredPlace> {
    let forms = ["account", "zone", "name", "scope"].map(|name| input.optional(name));
    match forms {
        [Some(account), None, None, None] if account.boolean(faults) => Some(DeclaredPlace::Account(true)),
        [None, Some(zone), None, None] => Some(DeclaredPlace::Zone(zone.text(faults).to_owned())),
        [None, None, Some(name), None] => Some(DeclaredPlace::Name(name.text(faults).to_owned())),
        [None, None, None, Some(scope)] => Some(DeclaredPlace::Scope(read_objects(&scope, faults))),
        _ => {
            let message =
                "a place must be one of {\"account\": true}, {\"zone\": …}, {\"name\": …} and {\"scope\": […]}";
            faults.push(FaultKind::Invalid, input.pointer(), message);
            None
        }
    }
}
