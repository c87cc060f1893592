//! What is asked to be done.
//!
//! An *operation* accepts any one of several permissions, so the question "may she call it" is met by any of them. An IAM
//! permission group is a *bundle*: the question "may she do Domain DNS" is whether she may do everything that a grant of
//! the bundle would give on that resource, so all of it is needed. What of a bundle cannot apply to the resource (an
//! account's permission in a bundle that is asked about on a zone it does apply to, but not the other way round) is not
//! asked for; a bundle of which nothing applies is not allowed, since there is nothing that could be.

use catalog::{CallResource, Catalog, IamPermissionGroup, Id, Method, PermissionSet, ResourceTypeIndex};

use crate::Engine;
use crate::permit::Need;
use crate::target::Target;

/// What an unknown action should have been, for messages.
pub const WORDS: &str =
    "the name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`";

/// What is asked to be done.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Any one of these permissions suffices: one permission, or what an operation accepts.
    AnyOf(Need),
    /// Everything that an IAM permission group allows.
    AllOf(Bundle),
}

/// What an IAM permission group allows, asked for as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    /// What a policy that allows it gives, as far as it can apply.
    permissions: PermissionSet,
    /// The type of resource that it may be granted on.
    scope: ResourceTypeIndex,
}

/// An action, and what it is done to where its name says so.
#[derive(Clone, Debug)]
pub struct Named {
    /// The action.
    pub action: Action,
    /// What a call is about, as far as its path tells; only of an action that is `METHOD /path`.
    pub call: Option<CallResource>,
}

impl Named {
    /// The action of that name. Looked for in this order, since a few names are in both catalogues: the id of a token
    /// permission group, its name (of any scope: any one suffices), an operation id, `METHOD /path` with values or with
    /// parameters in braces, an IAM permission group by id, label or name.
    pub fn of(catalog: &Catalog, name: &str) -> Option<Named> {
        let id = name.parse::<Id>().ok();
        let by_id = id.and_then(|id| catalog.permission(&id)).map(|permission| permission.index);
        let mut permissions: PermissionSet = by_id.into_iter().collect();
        if permissions.is_empty() {
            permissions = catalog.permissions_named(name).map(|permission| permission.index).collect();
        }
        if !permissions.is_empty() {
            return Some(Action::AnyOf(Need { accepts: permissions, any_member: false }).into());
        }
        if let Some(operation) = catalog.operation(name) {
            return Some(Action::AnyOf(Need::of(operation)).into());
        }
        if let Some((method, path)) = name.split_once(' ') {
            let method: Option<Method> = method.to_ascii_uppercase().parse().ok();
            let found = method.and_then(|method| catalog.match_operation(method, path));
            if let Some(found) = found {
                let call = Some(catalog.resource_of(&found));
                return Some(Named { action: Action::AnyOf(Need::of(found.operation)), call });
            }
        }
        let by_name = || catalog.iam_groups().iter().find(|group| *group.name == *name);
        let group = match id {
            Some(id) => catalog.iam_group(&id),
            None => catalog.iam_group_by_label(name).or_else(by_name),
        };
        group.map(|group| Action::of_group(group).into())
    }
}

impl From<Action> for Named {
    fn from(action: Action) -> Named {
        Named { action, call: None }
    }
}

impl Action {
    fn of_group(group: &IamPermissionGroup) -> Action {
        if group.is_minimal_access {
            return Action::AnyOf(Need { accepts: group.allows, any_member: true });
        }
        Action::AllOf(Bundle { permissions: group.allows, scope: group.scope })
    }
}

impl Engine {
    /// The permissions of a bundle that somebody needs who may do all of it on the target; none where a policy cannot
    /// grant the bundle there, or would grant nothing.
    pub(crate) fn asked_of_bundle(&self, bundle: &Bundle, target: &Target) -> Option<PermissionSet> {
        let grantable = self.kinds().lies_in(target.kind, bundle.scope);
        let asked = bundle.permissions & *self.applicable(target.kind);
        (grantable && !asked.is_empty()).then_some(asked)
    }
}
