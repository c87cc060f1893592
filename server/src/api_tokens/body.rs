//! A token as a client sends it.

use std::collections::BTreeMap;

use model::policies::Effect;
use model::problem::{FaultKind, Faults};
use model::tokens::{ConditionInput, Given, ResourceInput, TokenInput, TokenPolicyInput};

use crate::policies::IdBody;
use crate::wire::json::{Field, Input};

/// A token to write. A PUT replaces all of it but `status` and the secret (D49).
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct TokenBody {
    /// At most 120 characters; not unique.
    name: String,
    /// `active` or `disabled`.
    status: Option<String>,
    policies: Vec<TokenPolicyBody>,
    condition: Option<ConditionBody>,
    /// RFC 3339.
    not_before: Option<String>,
    /// RFC 3339.
    expires_on: Option<String>,
}

/// One grant or denial.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct TokenPolicyBody {
    /// `allow` or `deny`.
    effect: String,
    permission_groups: Vec<IdBody>,
    /// Each key to `"*"`, or the key of an account to an object of keys in it.
    #[schema(value_type = BTreeMap<String, Object>)]
    resources: BTreeMap<String, serde_json::Value>,
}

/// From where a token may be used.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct ConditionBody {
    /// Networks; `request.ip` is the older spelling.
    request_ip: Option<RequestIpBody>,
}

/// Networks, as CIDR or single addresses.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct RequestIpBody {
    r#in: Option<Vec<String>>,
    not_in: Option<Vec<String>>,
}

/// The words of `effect`.
const EFFECTS: [(&str, Effect); 2] = [("allow", Effect::Allow), ("deny", Effect::Deny)];

/// Reads a token.
pub fn read(body: &Input<'_>, faults: &mut Faults) -> Option<TokenInput> {
    let name = body.required_text("name", faults);
    let policies = body.required("policies", faults).map(|policies| policies.array(faults, policy)).unwrap_or_default();
    let time = |name: &str, faults: &mut Faults| given(body.field(name), |time| time.text(faults).to_owned());
    Some(TokenInput {
        name,
        status: body.optional("status").map(|status| status.text(faults).to_owned()),
        policies,
        condition: given(body.field("condition"), |condition| read_condition(condition, faults)),
        not_before: time("not_before", faults),
        expires_on: time("expires_on", faults),
    })
}

fn given<T>(field: Field<'_>, read: impl FnOnce(&Input<'_>) -> T) -> Given<T> {
    match field {
        Field::Absent => Given::Absent,
        Field::Null => Given::Null,
        Field::Value(input) => Given::Value(read(&input)),
    }
}

fn policy(input: &Input<'_>, faults: &mut Faults) -> TokenPolicyInput {
    let effect = input.required("effect", faults).and_then(|effect| effect.word(&EFFECTS, faults));
    let groups = input.required("permission_groups", faults);
    let resources = input.required("resources", faults);
    TokenPolicyInput {
        effect: effect.unwrap_or(Effect::Allow),
        permission_groups: groups
            .map(|groups| groups.array(faults, |group, faults| group.id(faults)))
            .unwrap_or_default(),
        resources: resources.map(|resources| read_resources(&resources, faults)).unwrap_or_default(),
    }
}

fn read_resources(input: &Input<'_>, faults: &mut Faults) -> Vec<(String, ResourceInput)> {
    if input.object(faults).is_none() {
        return Vec::new();
    }
    let mut resources = Vec::new();
    for (key, value) in input.entries() {
        let resource = match value.is_text() {
            true => {
                check_star(&value, faults);
                ResourceInput::Everything
            }
            false => ResourceInput::Within(keys_inside(&value, faults)),
        };
        resources.push((key.to_owned(), resource));
    }
    resources
}

fn keys_inside(input: &Input<'_>, faults: &mut Faults) -> Vec<String> {
    if !input.is_object() {
        faults.push(FaultKind::Invalid, input.pointer(), "a resource must be \"*\" or an object of keys, each \"*\"");
        return Vec::new();
    }
    let mut keys = Vec::new();
    for (key, value) in input.entries() {
        if value.is_text() {
            check_star(&value, faults);
        } else {
            let message = "only one level of keys is possible: the value must be \"*\"";
            faults.push(FaultKind::Invalid, value.pointer(), message);
        }
        keys.push(key.to_owned());
    }
    keys
}

/// D10: no other value than `"*"`.
fn check_star(value: &Input<'_>, faults: &mut Faults) {
    let text = value.text(faults);
    if text != "*" {
        faults.push(
            FaultKind::Invalid,
            value.pointer(),
            format!("the value of a resource must be \"*\", not \"{text}\""),
        );
    }
}

/// Either spelling (D48); both must say the same.
fn read_condition(input: &Input<'_>, faults: &mut Faults) -> ConditionInput {
    if input.object(faults).is_none() {
        return ConditionInput::default();
    }
    let both = ["request_ip", "request.ip"].map(|name| input.optional(name).map(|ip| read_ip(&ip, faults)));
    match both {
        [Some(one), Some(other)] => {
            if (&one.within, &one.not_in) != (&other.within, &other.not_in) {
                let message = "`request_ip` and `request.ip` are two spellings of one thing, and differ; send one";
                faults.push(FaultKind::Invalid, format!("{}/request.ip", input.pointer()), message);
            }
            one
        }
        [Some(one), None] | [None, Some(one)] => one,
        [None, None] => ConditionInput::default(),
    }
}

fn read_ip(input: &Input<'_>, faults: &mut Faults) -> ConditionInput {
    let mut list = |name: &str| {
        let list = input.optional(name);
        list.map(|list| list.array(faults, |network, faults| network.text(faults).to_owned())).unwrap_or_default()
    };
    let (within, not_in) = (list("in"), list("not_in"));
    input.object(faults);
    ConditionInput { pointer: input.pointer().to_owned(), within, not_in }
}
