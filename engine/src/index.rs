//! An account compiled for decisions: who is in which groups, what each holder's policies come to, what lies in what.
//!
//! The index is a function of the state and follows it change by change. Ada's group gets a new policy: the group is
//! compiled again, its ten thousand members are not touched, since they name it by its slot. Ben's role changes: his
//! entry is replaced. A custom resource group changes: every holder that uses it is compiled again, and nobody else.

pub(crate) mod grants;
mod interner;
mod membership;
pub(crate) mod place;
mod slots;
mod stale;
mod trie;

use std::sync::Arc;

use catalog::{PermissionSet, ResourceTypeIndex};
use imbl::OrdSet;
use model::account_state::{AccountState, Holder};
use model::ids::{MemberId, ResourceGroupId, UserGroupId, UserId};
use model::policies::Policy;
use model::resource_groups::Kind;

pub(crate) use interner::Interner;
pub(crate) use membership::Membership;
pub(crate) use stale::Stale;

use crate::Engine;
use crate::target::Target;
use grants::Grants;
use interner::ByContent;
use membership::Groups;
use place::{Place, raw};
use slots::Slots;
use trie::Trie;

/// An account, compiled.
#[derive(Clone)]
pub(crate) struct Index {
    members: Trie<Membership>,
    users: Trie<MemberId>,
    groups: Slots<GroupSlot>,
    group_slots: Trie<u32>,
    resources: Trie<Registered>,
    /// Whose policies are to be compiled again when a resource group changes. The built-in groups never do.
    uses: OrdSet<(ResourceGroupId, Holder)>,
}

/// A group and what its policies come to; blank where it is gone.
#[derive(Clone)]
pub(crate) struct GroupSlot {
    /// The same as of `grants`, here so that most groups are passed over without a look at those.
    pub(crate) mentions: PermissionSet,
    pub(crate) id: UserGroupId,
    pub(crate) grants: Arc<Grants>,
}

impl GroupSlot {
    fn new(id: UserGroupId, grants: Arc<Grants>) -> GroupSlot {
        GroupSlot { mentions: *grants.mentions(), id, grants }
    }
}

/// A registered resource.
#[derive(Clone, Copy)]
struct Registered {
    /// Its type; none where the catalogue does not know it any more.
    kind: Option<ResourceTypeIndex>,
    parent: Place,
}

impl Index {
    /// Compiles a whole state.
    pub(crate) fn of(engine: &Engine, state: &AccountState) -> Index {
        let mut index = Index {
            members: Trie::default(),
            users: Trie::default(),
            groups: Slots::new(blank(engine)),
            group_slots: Trie::default(),
            resources: Trie::default(),
            uses: OrdSet::new(),
        };
        let resources = state.resources().map(|resource| {
            let parent = resource.parent.as_deref().map_or(Place::NONE, Place::of);
            let kind = engine.catalog().parse_key(&resource.key).ok().map(|key| key.kind);
            (Place::of(&resource.key).raw(), Registered { kind, parent })
        });
        index.resources = resources.collect();
        for group in state.user_group_ids() {
            index.put_group(engine, state, group);
        }
        let mut known = interner::Local::default();
        let mut members = Vec::with_capacity(state.member_count());
        let mut users = Vec::with_capacity(state.member_count());
        for member in state.members() {
            index.note_uses(state, Holder::Member(member.id), &member.policies);
            let compile = || index.compile_member(engine, state, &member.policies);
            let direct = known.get_or_insert_with(ByContent(&member.policies), compile);
            let groups = index.slots_of(state, member.id);
            members.push((raw(member.id.0), Membership::new(member.user().is_some(), direct, groups)));
            users.extend(member.user().map(|user| (raw(user.0), member.id)));
        }
        index.members = members.into_iter().collect();
        index.users = users.into_iter().collect();
        index
    }

    /// Brings the index up to the state, of which `stale` tells what has changed.
    pub(crate) fn refresh(&mut self, engine: &Engine, state: &AccountState, stale: Stale) {
        if stale.is_everything(state) {
            *self = Index::of(engine, state);
            return;
        }
        for used in &stale.former_uses {
            self.uses.remove(used);
        }
        for key in &stale.resources {
            match state.find_resource(key) {
                None => self.resources.remove(Place::of(key).raw()),
                Some(resource) => {
                    let parent = resource.parent.as_deref().map_or(Place::NONE, Place::of);
                    let kind = engine.catalog().parse_key(key).ok().map(|key| key.kind);
                    self.resources.insert(Place::of(key).raw(), Registered { kind, parent });
                }
            }
        }
        let (mut members, mut groups) = (stale.members, stale.groups);
        for holder in self.holders_of(state, &stale.resource_groups) {
            match holder {
                Holder::Member(member) => members.insert(member),
                Holder::Group(group) => groups.insert(group),
            };
        }
        for group in stale.deleted_groups {
            self.remove_group(engine, group);
        }
        for group in groups {
            self.put_group(engine, state, group);
        }
        for member in members {
            self.put_member(engine, state, member);
        }
        for user in stale.users {
            match state.member_of_user(&user) {
                Some(member) => self.users.insert(raw(user.0), member.id),
                None => self.users.remove(raw(user.0)),
            }
        }
    }

    /// The place of a member.
    pub(crate) fn member(&self, id: MemberId) -> Option<&Membership> {
        self.members.get(raw(id.0))
    }

    /// The accepted member that is that user.
    pub(crate) fn member_of_user(&self, id: UserId) -> Option<MemberId> {
        self.users.get(raw(id.0)).copied()
    }

    /// What a group's policies come to.
    pub(crate) fn group(&self, id: UserGroupId) -> Option<&Arc<Grants>> {
        Some(&self.groups.get(*self.group_slots.get(raw(id.0))?).grants)
    }

    /// What a member's own policies come to, if it has any.
    pub(crate) fn direct_of<'a>(&self, membership: &'a Membership) -> Option<&'a Arc<Grants>> {
        membership.direct()
    }

    /// What is in a slot.
    pub(crate) fn slot(&self, slot: u32) -> &GroupSlot {
        self.groups.get(slot)
    }

    /// The groups of a member. Some may be blank.
    #[inline]
    pub(crate) fn groups_of<'a>(&'a self, membership: &'a Membership) -> impl Iterator<Item = &'a GroupSlot> {
        membership.slots().iter().map(|slot| self.groups.get(*slot))
    }

    /// What a member's own policies and those of its groups come to.
    #[inline]
    pub(crate) fn grants_of<'a>(&'a self, membership: &'a Membership) -> impl Iterator<Item = &'a Arc<Grants>> {
        let direct = membership.direct().into_iter();
        direct.chain(self.groups_of(membership).map(|slot| &slot.grants))
    }

    /// The holders of policies that name the resource group.
    pub(crate) fn holders_using(&self, state: &AccountState, group: ResourceGroupId) -> Vec<Holder> {
        self.holders_of(state, &[stale::ChangedGroup { id: group, was_built_in: false }])
    }

    /// The registered resource at that place.
    pub(crate) fn resource(&self, place: Place) -> Option<Target> {
        let innermost = self.resources.get(place.raw())?;
        let kind = innermost.kind?;
        if innermost.parent == Place::NONE {
            return Some(Target::single(kind, place));
        }
        let parent = |place: &Place| {
            let parent = self.resources.get(place.raw())?.parent;
            self.resources.get(parent.raw()).map(|_| parent)
        };
        Target::of(kind, std::iter::successors(Some(place), parent))
    }

    fn put_member(&mut self, engine: &Engine, state: &AccountState, id: MemberId) {
        let Some(member) = state.member(&id) else { return self.members.remove(raw(id.0)) };
        self.note_uses(state, Holder::Member(id), &member.policies);
        let direct = self.compile_member(engine, state, &member.policies);
        let groups = self.slots_of(state, id);
        self.members.insert(raw(id.0), Membership::new(member.user().is_some(), direct, groups));
    }

    /// Members with the same policies, as most have the one of their role, share what it comes to.
    fn compile_member(&self, engine: &Engine, state: &AccountState, policies: &[Policy]) -> Option<Arc<Grants>> {
        if policies.is_empty() {
            return None;
        }
        Some(engine.interner().grants.share(engine.compile(engine.statements(state, policies))))
    }

    /// A group that is gone leaves its slot blank, so that its members need not be told. Slots are never used again: if
    /// the group comes back, only those who join it then are in it.
    fn put_group(&mut self, engine: &Engine, state: &AccountState, id: UserGroupId) {
        let Some(group) = state.user_group(&id) else { return self.remove_group(engine, id) };
        self.note_uses(state, Holder::Group(id), &group.policies);
        let grants = Arc::new(engine.compile(engine.statements(state, &group.policies)));
        let compiled = GroupSlot::new(id, grants);
        match self.group_slots.get(raw(id.0)).copied() {
            Some(slot) => self.groups.set(slot, compiled),
            None => {
                let slot = self.groups.push(compiled);
                self.group_slots.insert(raw(id.0), slot);
            }
        }
    }

    fn remove_group(&mut self, engine: &Engine, id: UserGroupId) {
        if let Some(slot) = self.group_slots.get(raw(id.0)).copied() {
            self.groups.set(slot, blank(engine));
            self.group_slots.remove(raw(id.0));
        }
    }

    fn slots_of(&self, state: &AccountState, member: MemberId) -> Groups {
        state.groups_of(member).filter_map(|group| self.group_slots.get(raw(group.0)).copied()).collect()
    }

    fn note_uses(&mut self, state: &AccountState, holder: Holder, policies: &[Policy]) {
        for id in policies.iter().flat_map(|policy| &policy.resource_groups) {
            if !is_built_in(state, id) {
                self.uses.insert((*id, holder));
            }
        }
    }

    /// The holders of policies that name one of these resource groups.
    fn holders_of(&self, state: &AccountState, changed: &[stale::ChangedGroup]) -> Vec<Holder> {
        let mut holders = Vec::new();
        for group in changed {
            // No operation changes a built-in group that is in use; a log may all the same, and then everybody is asked.
            if (group.was_built_in || is_built_in(state, &group.id)) && state.policies_using(&group.id) > 0 {
                let members = state.members().map(|member| Holder::Member(member.id));
                holders.extend(members.chain(state.user_group_ids().map(Holder::Group)));
            } else {
                let uses = self.uses.range((group.id, FIRST_HOLDER)..);
                holders.extend(uses.take_while(|(id, _)| *id == group.id).map(|(_, holder)| *holder));
            }
        }
        holders
    }
}

/// What stands where a group is gone.
fn blank(engine: &Engine) -> GroupSlot {
    GroupSlot::new(UserGroupId(model::ids::Id::from_bytes([0; 16])), Arc::new(engine.compile(Vec::new())))
}

/// The first in the order of holders.
const FIRST_HOLDER: Holder = Holder::Member(MemberId(model::ids::Id::from_bytes([0; 16])));

fn is_built_in(state: &AccountState, id: &ResourceGroupId) -> bool {
    state.resource_group(id).is_some_and(|group| group.kind == Kind::BuiltIn)
}
