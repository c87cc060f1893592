//! How changes reach an account's state: each document put or deleted, and with it every look-up that speaks of it.

use std::sync::Arc;

use imbl::OrdMap;

use super::{AccountState, Holder, Malformed};
use crate::change::{Change, Document, DocumentId};
use crate::members::Member;
use crate::names::NameKey;
use crate::policies::Policy;
use crate::resource_groups::{self, Kind, ResourceGroup};
use crate::user_group_members::GroupMember;
use crate::user_groups::UserGroup;

impl AccountState {
    /// The state after these changes, one revision later.
    ///
    /// # Errors
    /// [`Malformed`] where a change does not fit; the state itself is left as it is.
    pub fn after(&self, changes: &[Change]) -> Result<AccountState, Malformed> {
        let mut next = self.clone();
        changes.iter().try_for_each(|change| next.apply(change))?;
        next.revision = self.revision + 1;
        Ok(next)
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`Malformed`] where it does not fit; the state may then be half changed and must be dropped.
    pub fn apply(&mut self, change: &Change) -> Result<(), Malformed> {
        match change {
            Change::Put(document) => self.put(document),
            Change::Delete(id) => self.delete(id),
        }
    }

    pub(super) fn put(&mut self, document: &Document) -> Result<(), Malformed> {
        match document {
            Document::Account(account) => self.account = Some(account.clone()),
            Document::Member(member) => self.put_member(member),
            Document::UserGroup(group) => self.put_user_group(group),
            Document::GroupMember(place) => return self.put_group_member(place),
            Document::ResourceGroup(group) => self.put_resource_group(group),
            Document::Resource(resource) => {
                if let Some(zone) = resource_groups::zone_of(&resource.key) {
                    if let Some(former) = self.resources.get(&resource.key) {
                        forget(&mut self.zones_by_name, &NameKey::of(&former.name), &zone);
                    }
                    self.zones_by_name.insert(NameKey::of(&resource.name), zone);
                }
                self.resources.insert(resource.key.clone(), resource.clone());
            }
            Document::RemovedResource(removed) => {
                self.removed_resources.insert(removed.key.clone(), removed.clone());
            }
            Document::Token(token) => {
                self.tokens.insert(token.id, token.clone());
            }
            Document::SsoConnector(connector) => {
                self.sso_connectors.insert(connector.id, connector.clone());
            }
            Document::User(_) => return Err(Malformed::Misplaced(document.id())),
        }
        Ok(())
    }

    fn put_member(&mut self, member: &Arc<Member>) {
        let key = member.email.key();
        if let Some(former) = self.members.get(&member.id).cloned() {
            self.forget_policies(Holder::Member(former.id), &former.policies);
            if let Some(user) = former.user() {
                forget(&mut self.members_by_user, &user, &former.id);
            }
            let former_key = former.email.key();
            if former_key != key {
                forget(&mut self.members_by_email, &former_key, &former.id);
                for group in self.groups_of(member.id).collect::<Vec<_>>() {
                    if let Some(members) = self.group_members.get_mut(&group) {
                        forget(members, &former_key, &member.id);
                        members.insert(key.clone(), member.id);
                    }
                }
            }
        }
        self.note_policies(Holder::Member(member.id), &member.policies);
        if let Some(user) = member.user() {
            self.members_by_user.insert(user, member.id);
        }
        self.members_by_email.insert(key, member.id);
        self.members.insert(member.id, member.clone());
    }

    fn put_user_group(&mut self, group: &Arc<UserGroup>) {
        if let Some(former) = self.user_groups.get(&group.id).cloned() {
            self.forget_policies(Holder::Group(former.id), &former.policies);
            forget(&mut self.user_groups_by_name, &NameKey::of(&former.name), &former);
        }
        self.note_policies(Holder::Group(group.id), &group.policies);
        self.user_groups_by_name.insert(NameKey::of(&group.name), group.clone());
        self.user_groups.insert(group.id, group.clone());
    }

    fn put_group_member(&mut self, place: &GroupMember) -> Result<(), Malformed> {
        let dangling = || Malformed::Dangling(DocumentId::GroupMember(place.group, place.member));
        let member = self.members.get(&place.member).ok_or_else(dangling)?;
        let key = member.email.key();
        // The very key of the look-up by address, so that its text is stored once.
        let key = self.members_by_email.get_key_value(&key).map_or(key.clone(), |(shared, _)| shared.clone());
        if !self.user_groups.contains_key(&place.group) {
            return Err(dangling());
        }
        self.group_members.entry(place.group).or_default().insert(key, place.member);
        self.groups_of_member.insert((place.member, place.group), place.created_on);
        Ok(())
    }

    fn put_resource_group(&mut self, group: &Arc<ResourceGroup>) {
        if let Some(former) = self.resource_groups.get(&group.id) {
            forget(&mut self.resource_groups_by_name, &NameKey::of(&former.name), &former.id);
        }
        if !matches!(group.kind, Kind::Anonymous { .. }) {
            self.resource_groups_by_name.insert(NameKey::of(&group.name), group.id);
        }
        self.resource_groups.insert(group.id, group.clone());
    }

    fn delete(&mut self, id: &DocumentId) -> Result<(), Malformed> {
        let missing = || Malformed::Missing(id.clone());
        match id {
            DocumentId::Account => drop(self.account.take().ok_or_else(missing)?),
            DocumentId::Member(member) => {
                let member = self.members.remove(member).ok_or_else(missing)?;
                self.forget_policies(Holder::Member(member.id), &member.policies);
                forget(&mut self.members_by_email, &member.email.key(), &member.id);
                if let Some(user) = member.user() {
                    forget(&mut self.members_by_user, &user, &member.id);
                }
                // Operations take members out of their groups first; whatever a log says, no place outlives its member.
                for group in self.groups_of(member.id).collect::<Vec<_>>() {
                    self.groups_of_member.remove(&(member.id, group));
                    if let Some(members) = self.group_members.get_mut(&group) {
                        forget(members, &member.email.key(), &member.id);
                    }
                }
            }
            DocumentId::UserGroup(group) => {
                let group = self.user_groups.remove(group).ok_or_else(missing)?;
                self.forget_policies(Holder::Group(group.id), &group.policies);
                forget(&mut self.user_groups_by_name, &NameKey::of(&group.name), &group);
                for member in self.group_members.remove(&group.id).iter().flat_map(OrdMap::values) {
                    self.groups_of_member.remove(&(*member, group.id));
                }
            }
            DocumentId::GroupMember(group, member) => {
                self.groups_of_member.remove(&(*member, *group)).ok_or_else(missing)?;
                let key = self.members.get(member).map(|member| member.email.key()).ok_or_else(missing)?;
                if let Some(members) = self.group_members.get_mut(group) {
                    forget(members, &key, member);
                }
            }
            DocumentId::ResourceGroup(group) => {
                let group = self.resource_groups.remove(group).ok_or_else(missing)?;
                forget(&mut self.resource_groups_by_name, &NameKey::of(&group.name), &group.id);
            }
            DocumentId::Resource(key) => {
                let resource = self.resources.remove(key).ok_or_else(missing)?;
                if let Some(zone) = resource_groups::zone_of(key) {
                    forget(&mut self.zones_by_name, &NameKey::of(&resource.name), &zone);
                }
            }
            DocumentId::RemovedResource(key) => drop(self.removed_resources.remove(key).ok_or_else(missing)?),
            DocumentId::Token(token) => drop(self.tokens.remove(token).ok_or_else(missing)?),
            DocumentId::SsoConnector(connector) => drop(self.sso_connectors.remove(connector).ok_or_else(missing)?),
            DocumentId::User => return Err(Malformed::Misplaced(DocumentId::User)),
        }
        Ok(())
    }

    fn note_policies(&mut self, holder: Holder, policies: &[Policy]) {
        for policy in policies {
            for group in &policy.resource_groups {
                *self.policies_using.entry(*group).or_insert(0) += 1;
            }
            for id in policy.permission_groups.iter().filter(|id| self.watched.contains(*id)) {
                self.holders.insert((*id, holder));
            }
        }
    }

    fn forget_policies(&mut self, holder: Holder, policies: &[Policy]) {
        for policy in policies {
            for group in &policy.resource_groups {
                match self.policies_using.get_mut(group) {
                    Some(count) if *count > 1 => *count -= 1,
                    Some(_) | None => drop(self.policies_using.remove(group)),
                }
            }
            for id in &policy.permission_groups {
                self.holders.remove(&(*id, holder));
            }
        }
    }
}

/// Takes a key out of a look-up if it still leads there: another document of the same commit may have taken it over, and
/// an anonymous resource group shares its name with the account's own, which alone is looked up by it.
fn forget<K: Ord + Clone, V: PartialEq + Clone>(look_up: &mut OrdMap<K, V>, key: &K, value: &V) {
    if look_up.get(key) == Some(value) {
        look_up.remove(key);
    }
}
