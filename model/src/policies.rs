//! Policies of members and user groups: which permission groups, on which resource groups, allowed or denied.
//!
//! Ada writes to the group "DNS": allow `Domain DNS` on the resource group of `example.com`. What she sent is checked
//! here against the catalogue and the account; what is stored keeps her order and, where she sends them back, her ids
//! (D41).

use std::collections::BTreeSet;

use catalog::{Catalog, IamPermissionGroup, ResourceTypeIndex};

use crate::account_state::AccountState;
use crate::ids::{Id, PolicyId, ResourceGroupId};
use crate::problem::{FaultKind, Faults, Problem};
use crate::resource_groups::{self, Kind, ResourceGroup, Scope, ScopeInput};
use crate::rules::Environment;
use crate::time::Timestamp;

/// Whether a policy opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants (D3).
    Deny,
}

/// One grant or denial of a member or user group: the full cross product of what and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// Stable while the client sends it back (D35, D41).
    pub id: PolicyId,
    /// Allow or deny.
    pub access: Effect,
    /// Ids of the IAM catalogue, in the client's order.
    pub permission_groups: Box<[Id]>,
    /// Resource groups of the account, in the client's order.
    pub resource_groups: Box<[ResourceGroupId]>,
    /// When it was first written.
    pub created_on: Timestamp,
    /// When it last changed.
    pub modified_on: Timestamp,
}

/// A policy as a client sends it.
#[derive(Clone, Debug)]
pub struct PolicyInput {
    /// Of an existing policy of the same holder, to keep its identity.
    pub id: Option<String>,
    /// Allow or deny.
    pub access: Effect,
    /// Ids of permission groups.
    pub permission_groups: Vec<String>,
    /// Where.
    pub resource_groups: Vec<ResourceGroupInput>,
}

/// Where a policy applies, as a client sends it.
#[derive(Clone, Debug)]
pub enum ResourceGroupInput {
    /// An existing group, by id.
    Id(String),
    /// A scope written in place, which becomes an anonymous group (D23).
    Inline(ScopeInput),
}

/// The policies of one holder after a write, and the anonymous groups that come and go with them.
#[derive(Debug)]
pub struct Resolved {
    /// In the client's order.
    pub policies: Vec<Policy>,
    /// Anonymous groups to write.
    pub added_groups: Vec<ResourceGroup>,
    /// Anonymous groups that no policy of the holder uses any more.
    pub dropped_groups: Vec<ResourceGroupId>,
}

/// Checks what a client sent for a holder whose policies were `prior`. Faults point below `pointer` (`/policies`).
///
/// # Errors
/// Every fault: unknown ids, the wrong catalogue (D1), bad pairs (D13), limits (D87), foreign policy ids (D35).
pub fn resolve(
    state: &AccountState,
    environment: &Environment<'_>,
    prior: &[Policy],
    inputs: &[PolicyInput],
    pointer: &str,
) -> Result<Resolved, Problem> {
    let mut faults = Faults::new();
    if inputs.len() > environment.rules.limits.policies {
        let most = environment.rules.limits.policies;
        return Err(Problem::at(FaultKind::Quota, pointer, format!("at most {most} policies are allowed")));
    }
    let mut resolved =
        Resolved { policies: Vec::with_capacity(inputs.len()), added_groups: vec![], dropped_groups: vec![] };
    let mut seen = BTreeSet::new();
    for (index, input) in inputs.iter().enumerate() {
        let at = format!("{pointer}/{index}");
        let former = former_policy(prior, input, &mut seen, &at, &mut faults);
        let id = former.map_or_else(|| PolicyId(environment.next_id()), |policy| policy.id);
        let groups = permission_groups(environment, &input.permission_groups, &at, &mut faults);
        let places = places(state, environment, input, former, id, &at, &mut faults);
        check_pairs(state, environment, &groups, &places, &at, &mut faults);
        let ids = places.iter().map(|place| place.id()).collect();
        resolved.added_groups.extend(places.into_iter().filter_map(Place::into_new));
        resolved.policies.push(keep_times(
            former,
            Policy {
                id,
                access: input.access,
                permission_groups: groups.iter().map(|group| group.id).collect(),
                resource_groups: ids,
                created_on: environment.now,
                modified_on: environment.now,
            },
        ));
    }
    faults.finish()?;
    resolved.dropped_groups = dropped(state, prior, &resolved.policies);
    Ok(resolved)
}

/// The policy of `prior` that the input's id names; an unknown or repeated id is a fault.
fn former_policy<'a>(
    prior: &'a [Policy],
    input: &PolicyInput,
    seen: &mut BTreeSet<PolicyId>,
    at: &str,
    faults: &mut Faults,
) -> Option<&'a Policy> {
    let text = input.id.as_deref()?;
    let former = text.parse().ok().and_then(|id: PolicyId| prior.iter().find(|policy| policy.id == id));
    match former {
        None => faults.push(
            FaultKind::Invalid,
            format!("{at}/id"),
            format!("policy `{text}` is not one of this holder; leave `id` out for a new policy"),
        ),
        Some(policy) if !seen.insert(policy.id) => {
            faults.push(FaultKind::Invalid, format!("{at}/id"), format!("policy `{text}` is given twice"));
        }
        Some(_) => {}
    }
    former
}

fn permission_groups<'a>(
    environment: &Environment<'a>,
    ids: &[String],
    at: &str,
    faults: &mut Faults,
) -> Vec<&'a IamPermissionGroup> {
    let most = environment.rules.limits.permission_groups;
    if ids.is_empty() {
        faults.push(FaultKind::Invalid, format!("{at}/permission_groups"), "permission_groups must not be empty");
    } else if ids.len() > most {
        faults.push(
            FaultKind::Quota,
            format!("{at}/permission_groups"),
            format!("at most {most} permission groups are allowed"),
        );
        return Vec::new();
    }
    let mut groups: Vec<&IamPermissionGroup> = Vec::with_capacity(ids.len());
    for (index, text) in ids.iter().enumerate() {
        match find_permission_group(environment.catalog, text) {
            Ok(group) if groups.iter().any(|known| known.id == group.id) => {}
            Ok(group) => groups.push(group),
            Err(message) => faults.push(FaultKind::Invalid, format!("{at}/permission_groups/{index}/id"), message),
        }
    }
    groups
}

fn find_permission_group<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a IamPermissionGroup, String> {
    let id: Id = text.parse().map_err(|_| format!("`{text}` is not an id: 32 lower-case hex digits are expected"))?;
    catalog.iam_group(&id).ok_or_else(|| match catalog.permission(&id) {
        Some(permission) => format!(
            "`{text}` (\"{}\") is a token permission group, which policies of tokens use; for members and user groups \
             take one of GET /accounts/{{account_id}}/iam/permission_groups",
            permission.name
        ),
        None => format!(
            "permission group `{text}` not found; GET /accounts/{{account_id}}/iam/permission_groups lists them"
        ),
    })
}

/// Where one entry of a policy points: an existing group, or one that is made with the policy.
enum Place<'a> {
    Known(&'a ResourceGroup),
    New(ResourceGroup),
}

impl Place<'_> {
    fn id(&self) -> ResourceGroupId {
        match self {
            Place::Known(group) => group.id,
            Place::New(group) => group.id,
        }
    }

    fn scope(&self) -> &Scope {
        match self {
            Place::Known(group) => &group.scope,
            Place::New(group) => &group.scope,
        }
    }

    fn is_anonymous_of(&self, scope: &Scope) -> bool {
        let group = match self {
            Place::Known(group) => group,
            Place::New(group) => group,
        };
        matches!(group.kind, Kind::Anonymous { .. }) && group.scope == *scope
    }

    fn into_new(self) -> Option<ResourceGroup> {
        match self {
            Place::Known(_) => None,
            Place::New(group) => Some(group),
        }
    }
}

fn places<'a>(
    state: &'a AccountState,
    environment: &Environment<'_>,
    input: &PolicyInput,
    former: Option<&Policy>,
    policy: PolicyId,
    at: &str,
    faults: &mut Faults,
) -> Vec<Place<'a>> {
    let most = environment.rules.limits.policy_resource_groups;
    let at = format!("{at}/resource_groups");
    if input.resource_groups.is_empty() {
        faults.push(FaultKind::Invalid, at, "resource_groups must not be empty");
        return Vec::new();
    }
    if input.resource_groups.len() > most {
        faults.push(FaultKind::Quota, at, format!("at most {most} resource groups are allowed"));
        return Vec::new();
    }
    let mut places: Vec<Place<'a>> = Vec::with_capacity(input.resource_groups.len());
    for (index, group) in input.resource_groups.iter().enumerate() {
        match group {
            ResourceGroupInput::Id(text) => match find_resource_group(state, text, policy) {
                Some(group) if places.iter().any(|place| place.id() == group.id) => {}
                Some(group) => places.push(Place::Known(group)),
                None => faults.push(
                    FaultKind::Invalid,
                    format!("{at}/{index}/id"),
                    format!("resource group `{text}` not found in this account"),
                ),
            },
            ResourceGroupInput::Inline(scope) => {
                let scope = resource_groups::parse_scope(state, environment, scope, &format!("{at}/{index}/scope"));
                let Some(scope) = faults.take(scope) else { continue };
                // Given twice it is one place, as an id given twice is.
                if places.iter().any(|place| place.is_anonymous_of(&scope)) {
                    continue;
                }
                places.push(match former.and_then(|former| same_inline(state, former, &scope)) {
                    Some(group) => Place::Known(group),
                    None => Place::New(resource_groups::anonymous(environment, policy, scope)),
                });
            }
        }
    }
    places
}

/// A group of this account; an anonymous one belongs to its policy alone (D23).
fn find_resource_group<'a>(state: &'a AccountState, text: &str, policy: PolicyId) -> Option<&'a ResourceGroup> {
    let group = state.resource_group(&text.parse().ok()?)?;
    match group.kind {
        Kind::Anonymous { policy: owner } if owner != policy => None,
        Kind::Anonymous { .. } | Kind::BuiltIn | Kind::Custom => Some(group),
    }
}

/// The anonymous group of the former policy with the same scope, so that sending a policy again changes nothing.
fn same_inline<'a>(state: &'a AccountState, former: &Policy, scope: &Scope) -> Option<&'a ResourceGroup> {
    let mut groups = former.resource_groups.iter().filter_map(|id| state.resource_group(id));
    groups.find(|group| matches!(group.kind, Kind::Anonymous { .. }) && group.scope == *scope)
}

/// Section 2.2: which permission group may meet which scope.
fn check_pairs(
    state: &AccountState,
    environment: &Environment<'_>,
    groups: &[&IamPermissionGroup],
    places: &[Place<'_>],
    at: &str,
    faults: &mut Faults,
) {
    for place in places {
        for group in groups {
            if !may_meet(state, environment, group, place.scope()) {
                faults.push(
                    FaultKind::Pair,
                    at,
                    format!(
                        "invalid permission group and resource group combination: \"{}\" cannot apply to resource group `{}`",
                        group.name,
                        place.id()
                    ),
                );
            }
        }
    }
}

/// Whether every object of the scope is of a type that the permission group speaks of (D13). Objects that the registry
/// does not know cannot be judged and pass; they were accepted as such.
pub fn may_meet(
    state: &AccountState,
    environment: &Environment<'_>,
    group: &IamPermissionGroup,
    scope: &Scope,
) -> bool {
    let Some(objects) = scope.objects() else { return true };
    objects.iter().all(|object| match environment.catalog.parse_key(object) {
        Ok(key) if environment.rules.accept_unknown_resources && state.find_resource(object).is_none() => {
            group.scope != ResourceTypeIndex::ZONE || key.kind == ResourceTypeIndex::ZONE
        }
        Ok(key) => group.scope != ResourceTypeIndex::ACCOUNT && key.kind == group.scope,
        Err(_) => environment.rules.accept_unknown_resources,
    })
}

/// A policy that is sent back as it was keeps both its times; a changed one keeps when it was made.
fn keep_times(former: Option<&Policy>, policy: Policy) -> Policy {
    let Some(former) = former else { return policy };
    let unchanged = Policy { created_on: former.created_on, modified_on: former.modified_on, ..policy.clone() };
    if unchanged == *former { unchanged } else { Policy { created_on: former.created_on, ..policy } }
}

/// Anonymous groups of the former policies that the new ones no longer name.
fn dropped(state: &AccountState, prior: &[Policy], policies: &[Policy]) -> Vec<ResourceGroupId> {
    let kept: BTreeSet<_> = policies.iter().flat_map(|policy| policy.resource_groups.iter().copied()).collect();
    anonymous_of(state, prior).into_iter().filter(|id| !kept.contains(id)).collect()
}

/// The anonymous groups that these policies own.
pub fn anonymous_of(state: &AccountState, policies: &[Policy]) -> Vec<ResourceGroupId> {
    let ids = policies.iter().flat_map(|policy| policy.resource_groups.iter().copied());
    let anonymous = |id: &ResourceGroupId| {
        state.resource_group(id).is_some_and(|group| matches!(group.kind, Kind::Anonymous { .. }))
    };
    ids.filter(anonymous).collect::<BTreeSet<_>>().into_iter().collect()
}
