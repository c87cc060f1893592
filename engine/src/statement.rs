//! One policy as decisions read it: what it speaks of and where, whoever wrote it and in whichever form.
//!
//! A policy of a member or group names IAM permission groups and resource groups, a token's names permissions and
//! resource keys. Both become a [`Statement`]. Everything that decides, explains, searches or compares reads statements
//! or what is compiled from them, so that a rule of the contract about policies stands here and nowhere else.

use std::sync::Arc;

use catalog::{Id, PermissionSet, ResourceTypeIndex};
use model::account_state::AccountState;
use model::ids::ResourceGroupId;
use model::policies::{Effect, Policy};
use model::resource_groups::Scope;

use crate::Engine;
use crate::index::place::Place;
use crate::target::Target;

/// What one policy says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    pub(crate) says: Arc<Says>,
    pub(crate) reach: Reach,
}

/// Permissions, each set for resources of one type and what lies in it; without a type, for all.
pub(crate) type Says = [(Option<ResourceTypeIndex>, PermissionSet)];

/// A statement, and what is only asked of it while it is compiled.
pub(crate) struct Draft {
    pub(crate) statement: Statement,
    /// What it says of the account and everything in it, now and later: an allow only where it covers all of that, a
    /// deny whatever it covers.
    pub(crate) throughout: PermissionSet,
}

/// Where a statement applies (D10).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reach {
    /// The account and everything in it.
    pub(crate) whole: bool,
    /// A bit for each type of which it covers all resources.
    pub(crate) all_of: u64,
    /// These resources and what lies in them; sorted.
    pub(crate) places: Arc<[Place]>,
}

impl Reach {
    pub(crate) fn covers(&self, target: &Target) -> bool {
        self.whole
            || (!target.is_account() && self.all_of & 1 << target.kind.0 != 0)
            || target.chain().iter().any(|place| self.places.binary_search(place).is_ok())
    }
}

/// A reach while it is put together.
#[derive(Default)]
pub(crate) struct ReachBuilder {
    whole: bool,
    all_of: u64,
    places: Vec<Place>,
}

impl ReachBuilder {
    pub(crate) fn add_whole(&mut self) {
        self.whole = true;
    }

    /// Adds what one key inside an account covers: the resource of that key and what lies in it, or all of a type.
    pub(crate) fn add_key(&mut self, engine: &Engine, key: &str) {
        let all_of = key.strip_suffix(".*").and_then(|kind| engine.catalog().resource_type_by_key(kind));
        match all_of {
            Some(kind) => self.all_of |= 1 << kind.index.0,
            None => self.places.push(Place::of(key)),
        }
    }

    pub(crate) fn finish(mut self, engine: &Engine) -> Reach {
        self.places.sort_unstable();
        self.places.dedup();
        Reach { whole: self.whole, all_of: self.all_of, places: engine.interner().places.share(self.places) }
    }
}

impl Statement {
    /// All that it speaks of, wherever.
    pub(crate) fn permissions(&self) -> PermissionSet {
        union(self.says.iter())
    }

    /// What it says on a resource of a type that it covers.
    pub(crate) fn on(&self, engine: &Engine, kind: ResourceTypeIndex) -> PermissionSet {
        let kinds = engine.kinds();
        let spoken = self.says.iter().filter(|(scope, _)| scope.is_none_or(|scope| kinds.lies_in(kind, scope)));
        spoken.fold(PermissionSet::EMPTY, |set, (_, more)| set | *more) & *kinds.applicable(kind)
    }
}

impl Engine {
    /// The policies of a member or group, each as a statement. What cannot be read grants nothing and denies everything
    /// of its type (D8).
    pub(crate) fn statements(&self, state: &AccountState, policies: &[Policy]) -> Vec<Draft> {
        policies.iter().map(|policy| self.statement(state, policy)).collect()
    }

    pub(crate) fn statement(&self, state: &AccountState, policy: &Policy) -> Draft {
        let mut reach = ReachBuilder::default();
        let mut covers_all = false;
        for id in &policy.resource_groups {
            covers_all |= self.add_group(state, policy.access, id, &mut reach);
        }
        let says = self.says(policy);
        let throughout = match policy.access {
            Effect::Allow if covers_all => {
                let account_wide =
                    |scope| [Some(ResourceTypeIndex::ACCOUNT), Some(ResourceTypeIndex::ZONE)].contains(&scope);
                union(says.iter().filter(|(scope, _)| account_wide(*scope)))
            }
            Effect::Allow => PermissionSet::EMPTY,
            Effect::Deny if policy.resource_groups.is_empty() => PermissionSet::EMPTY,
            Effect::Deny => union(&says),
        };
        let throughout = throughout & *self.catalog().all_privileges();
        let says = self.interner().says.share(says);
        Draft { statement: Statement { effect: policy.access, says, reach: reach.finish(self) }, throughout }
    }

    /// What one of a policy's resource groups reaches.
    pub(crate) fn reach_of_group(&self, state: &AccountState, access: Effect, id: &ResourceGroupId) -> Reach {
        let mut reach = ReachBuilder::default();
        self.add_group(state, access, id, &mut reach);
        reach.finish(self)
    }

    /// Adds what one of a policy's resource groups reaches, and tells whether that is the account and everything in it.
    fn add_group(&self, state: &AccountState, access: Effect, id: &ResourceGroupId, reach: &mut ReachBuilder) -> bool {
        let Some(scope) = state.resource_group(id).map(|group| &group.scope) else {
            if access == Effect::Deny {
                reach.add_whole();
            }
            return false;
        };
        if access == Effect::Deny && self.is_unreadable(scope) {
            reach.add_whole();
        }
        if scope.is_of(state.account_id()) {
            match scope.objects() {
                None => reach.add_whole(),
                Some(objects) => objects.iter().for_each(|object| reach.add_key(self, object)),
            }
        }
        scope.is_whole(state.account_id())
    }

    /// The token permissions that a policy's permission groups stand for, closed as its effect asks (D6). A group that
    /// the catalogue does not know grants nothing and denies everything (D8). Only the type that a group is scoped to is
    /// affected, and what lies in it.
    fn says(&self, policy: &Policy) -> Vec<(Option<ResourceTypeIndex>, PermissionSet)> {
        let mut says: Vec<(Option<ResourceTypeIndex>, PermissionSet)> = Vec::new();
        for id in &policy.permission_groups {
            let Some((scope, set)) = self.says_of_group(policy.access, id) else { continue };
            match says.iter_mut().find(|(other, _)| *other == scope) {
                Some((_, all)) => *all |= set,
                None => says.push((scope, set)),
            }
        }
        says
    }

    /// The same of one of its permission groups; none for an allow of a group that the catalogue does not know.
    pub(crate) fn says_of_group(&self, access: Effect, id: &Id) -> Option<(Option<ResourceTypeIndex>, PermissionSet)> {
        match (self.catalog().iam_group(id), access) {
            (Some(group), Effect::Allow) => Some((Some(group.scope), group.allows)),
            (Some(group), Effect::Deny) => Some((Some(group.scope), group.denies)),
            (None, Effect::Allow) => None,
            (None, Effect::Deny) => Some((None, *self.everything())),
        }
    }

    /// Everything that a policy's permission groups stand for, wherever it applies.
    pub(crate) fn permissions_of(&self, policy: &Policy) -> PermissionSet {
        union(&self.says(policy))
    }

    /// D8: what of a stored scope cannot be read is covered by a deny, whatever it was.
    fn is_unreadable(&self, scope: &Scope) -> bool {
        let objects = scope.objects().unwrap_or_default();
        self.catalog().parse_key(&scope.key).is_err()
            || objects.iter().any(|object| !self.is_key_inside_accounts(object))
    }

    /// Whether the text is the key of something that lies in an account, or of all of a type that does: what scopes list.
    pub(crate) fn is_key_inside_accounts(&self, text: &str) -> bool {
        self.catalog().parse_key(text).is_ok_and(|key| {
            key.kind != ResourceTypeIndex::ACCOUNT && self.kinds().lies_in(key.kind, ResourceTypeIndex::ACCOUNT)
        })
    }
}

fn union<'a>(says: impl IntoIterator<Item = &'a (Option<ResourceTypeIndex>, PermissionSet)>) -> PermissionSet {
    says.into_iter().fold(PermissionSet::EMPTY, |set, (_, more)| set | *more)
}
