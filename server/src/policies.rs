//! Policies on the wire: how members and user groups send and show them.

use model::account_state::AccountState;
use model::ids::{PolicyId, ResourceGroupId};
use model::policies::{Effect, Policy, PolicyInput, ResourceGroupInput};
use model::problem::{FaultKind, Faults};
use model::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::resource_groups::{self, ResourceGroup};
use crate::wire::json::Input;
use crate::wire::rendered::{PermissionGroup, Rendered, Shown};
use crate::wire::shapes::Shapes;
use crate::wire::show::{Json, Show};

/// The words of `access`.
const ACCESS: [(&str, Effect); 2] = [("allow", Effect::Allow), ("deny", Effect::Deny)];

/// One policy of a member or user group.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PolicyView<'a> {
    #[schema(value_type = String)]
    id: PolicyId,
    #[schema(value_type = String)]
    access: Effect,
    #[schema(value_type = Vec<PermissionGroup>)]
    permission_groups: Vec<Shown<'a>>,
    #[schema(value_type = Vec<ResourceGroup>)]
    resource_groups: Vec<&'a RawValue>,
    status: &'static str,
    #[schema(value_type = String)]
    created_on: Timestamp,
    #[schema(value_type = String)]
    modified_on: Timestamp,
}

/// Shows one policy.
pub fn view<'a>(state: &'a AccountState, policy: &'a Policy, rendered: &'a Rendered, shapes: Shapes) -> PolicyView<'a> {
    PolicyView {
        id: policy.id,
        access: policy.access,
        permission_groups: policy.permission_groups.iter().map(|id| rendered.group(id)).collect(),
        resource_groups: policy.resource_groups.iter().filter_map(|id| group(state, id, shapes)).collect(),
        status: "V",
        created_on: policy.created_on,
        modified_on: policy.modified_on,
    }
}

fn group<'a>(state: &'a AccountState, id: &ResourceGroupId, shapes: Shapes) -> Option<&'a RawValue> {
    resource_groups::written(state.resource_group(id)?, shapes)
}

/// Policies as they are shown, in the order that the client gave them (D41): what [`view`] shows of each, written
/// straight away, since lists of members and user groups consist of little else.
pub struct Policies<'a> {
    /// The account.
    pub state: &'a AccountState,
    /// The policies of one holder.
    pub policies: &'a [Policy],
    /// The catalogue's entries.
    pub rendered: &'a Rendered,
    /// How resource groups are shown.
    pub shapes: Shapes,
}

impl Show for Policies<'_> {
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error> {
        json.array(self.policies, |json, policy| self.show_one(json, policy))
    }
}

impl Policies<'_> {
    fn show_one(&self, json: &mut Json, policy: &Policy) -> Result<(), serde_json::Error> {
        json.literal(r#"{"id":"#);
        json.id(policy.id.0);
        json.literal(match policy.access {
            Effect::Allow => r#","access":"allow","permission_groups":"#,
            Effect::Deny => r#","access":"deny","permission_groups":"#,
        });
        json.array(&policy.permission_groups, |json, id| match self.rendered.group(id) {
            Shown::Known(raw) => json.raw(raw),
            gone @ Shown::Gone { .. } => json.value(&gone),
        })?;
        json.literal(r#","resource_groups":"#);
        let groups = policy.resource_groups.iter().filter_map(|id| group(self.state, id, self.shapes));
        json.array(groups, Json::raw)?;
        json.literal(r#","status":"V","created_on":"#);
        json.time(policy.created_on);
        json.literal(r#","modified_on":"#);
        json.time(policy.modified_on);
        json.literal("}");
        Ok(())
    }
}

/// A policy to write.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by `read`, which finds every fault")]
pub struct PolicyBody {
    /// Of an existing policy of the same holder, to keep its identity.
    id: Option<String>,
    /// `allow` or `deny`.
    access: String,
    permission_groups: Vec<IdBody>,
    /// Each by `id`, or by a `scope` written in place.
    resource_groups: Vec<IdBody>,
}

/// Something named by its id.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct IdBody {
    id: String,
}

/// Reads one policy.
pub fn read(input: &Input<'_>, faults: &mut Faults) -> PolicyInput {
    let access = input.required("access", faults).and_then(|access| access.word(&ACCESS, faults));
    let permission_groups = input.required("permission_groups", faults);
    let resource_groups = input.required("resource_groups", faults);
    PolicyInput {
        id: input.optional("id").map(|id| id.text(faults).to_owned()),
        access: access.unwrap_or(Effect::Allow),
        permission_groups: permission_groups
            .map(|groups| groups.array(faults, |group, faults| group.id(faults)))
            .unwrap_or_default(),
        resource_groups: resource_groups.map(|groups| groups.array(faults, read_resource_group)).unwrap_or_default(),
    }
}

/// A group by its id, or a scope. A group that was read is sent back with both: its id says which one is meant.
fn read_resource_group(input: &Input<'_>, faults: &mut Faults) -> ResourceGroupInput {
    match (input.optional("id"), input.optional("scope")) {
        (Some(id), _) => ResourceGroupInput::Id(id.text(faults).to_owned()),
        (None, Some(scope)) => ResourceGroupInput::Inline(resource_groups::read_scope(&scope, faults)),
        (None, None) => {
            if input.object(faults).is_some() {
                faults.push(FaultKind::Invalid, format!("{}/id", input.pointer()), "id must be present, or a scope");
            }
            ResourceGroupInput::Id(String::new())
        }
    }
}

/// Reads a list of policies.
pub fn read_list(input: &Input<'_>, faults: &mut Faults) -> Vec<PolicyInput> {
    input.array(faults, read)
}

/// The id of a role, alone or in an object.
pub fn read_id(input: &Input<'_>, faults: &mut Faults) -> String {
    if input.is_text() { input.text(faults).to_owned() } else { input.id(faults) }
}
