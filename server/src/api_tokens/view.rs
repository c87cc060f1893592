//! A token as it is shown.

use model::commit::Actor;
use model::ids::{Id, PolicyId, TokenId};
use model::keyed::Keyed;
use model::policies::Effect;
use model::time::Timestamp;
use model::tokens::{Condition, Network, Token, TokenPolicy, TokenResource};
use serde::{Serialize, Serializer};

use crate::call::Call;

/// A token. What was not set is left out: an empty value would be drift to Terraform.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenView<'a> {
    #[schema(value_type = String)]
    id: TokenId,
    name: &'a str,
    /// `active`, `disabled`, `expired` or `revoked (exposed)`.
    status: &'static str,
    #[schema(value_type = String)]
    issued_on: Timestamp,
    #[schema(value_type = String)]
    modified_on: Timestamp,
    /// To the minute, some time after the use; null for never.
    #[schema(value_type = Option<String>)]
    last_used_on: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    not_before: Option<Whole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires_on: Option<Whole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<ConditionView<'a>>,
    policies: Vec<TokenPolicyView<'a>>,
    /// The address of whoever made a token of an account, at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    creator_email_at_creation: Option<&'a str>,
    /// The secret; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// One grant or denial of a token.
#[derive(Serialize, utoipa::ToSchema)]
struct TokenPolicyView<'a> {
    #[schema(value_type = String)]
    id: PolicyId,
    #[schema(value_type = String)]
    effect: Effect,
    permission_groups: Vec<PermissionGroupView<'a>>,
    #[schema(value_type = std::collections::BTreeMap<String, Object>)]
    resources: &'a Keyed<TokenResource>,
}

/// A permission group of a token's policy; one that the catalogue has no more has no name.
#[derive(Serialize, utoipa::ToSchema)]
struct PermissionGroupView<'a> {
    #[schema(value_type = String)]
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// The condition in both spellings (D48).
#[derive(Serialize, utoipa::ToSchema)]
struct ConditionView<'a> {
    request_ip: RequestIpView<'a>,
    #[serde(rename = "request.ip")]
    request_dot_ip: RequestIpView<'a>,
}

/// Networks as they were sent.
#[derive(Clone, Copy, Serialize, utoipa::ToSchema)]
struct RequestIpView<'a> {
    #[serde(rename = "in", skip_serializing_if = "<[Network]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    within: &'a [Network],
    #[serde(skip_serializing_if = "<[Network]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    not_in: &'a [Network],
}

/// A time without a fraction where it has none: Terraform compares these as text with what it sent.
pub(super) struct Whole(pub(super) Timestamp);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        match text.strip_suffix(".000000Z") {
            Some(whole) => serializer.collect_str(&format_args!("{whole}Z")),
            None => serializer.serialize_str(&text),
        }
    }
}

/// What the token's document does not hold.
#[derive(Clone, Copy, Default)]
pub(super) struct Extra<'a> {
    pub(super) last_used_on: Option<Timestamp>,
    pub(super) value: Option<&'a str>,
}

pub(super) fn view<'a>(call: &'a Call, token: &'a Token, extra: Extra<'a>) -> TokenView<'a> {
    let creator_email_at_creation = token.created_by.as_deref().and_then(|actor| match actor {
        Actor::User { email, .. } => Some(&**email),
        Actor::Account { .. } | Actor::System { .. } => None,
    });
    TokenView {
        id: token.id,
        name: &token.name,
        status: token.shown_status(call.app.runtime.clock.now()),
        issued_on: token.issued_on,
        modified_on: token.modified_on,
        last_used_on: extra.last_used_on,
        not_before: token.not_before.map(Whole),
        expires_on: token.expires_on.map(Whole),
        condition: (!token.condition.is_empty()).then(|| condition(&token.condition)),
        policies: token.policies.iter().map(|policy| policy_view(call, policy)).collect(),
        creator_email_at_creation,
        value: extra.value,
    }
}

fn condition(condition: &Condition) -> ConditionView<'_> {
    let ip = RequestIpView { within: &condition.within, not_in: &condition.not_in };
    ConditionView { request_ip: ip, request_dot_ip: ip }
}

fn policy_view<'a>(call: &'a Call, policy: &'a TokenPolicy) -> TokenPolicyView<'a> {
    let catalog = call.app.runtime.engine.catalog();
    let groups = policy.permission_groups.iter();
    let groups =
        groups.map(|id| PermissionGroupView { id: *id, name: catalog.permission(id).map(|known| &*known.name) });
    TokenPolicyView {
        id: policy.id,
        effect: policy.effect,
        permission_groups: groups.collect(),
        resources: &policy.resources,
    }
}
