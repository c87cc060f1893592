//! An account at one revision: its documents and the orders and look-ups that answers need.
//!
//! Maps are persistent: a copy of a state is a handful of pointers, and the next revision shares all that did not
//! change. Look-ups are kept by [`AccountState::apply`] alone, so they cannot disagree with the documents.

mod apply;
mod load;

use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::accounts::Account;
use crate::change::{Document, DocumentId};
use crate::ids::{
    AccountId, Id, MemberId, ResourceGroupId, Revision, SsoConnectorId, TokenId, UserGroupId, UserId, ZoneId,
};
use crate::members::Member;
use crate::names::NameKey;
use crate::policies::Policy;
use crate::resource_groups::{self, Kind, ResourceGroup};
use crate::resources::{RemovedResource, Resource};
use crate::sso_connectors::SsoConnector;
use crate::time::Timestamp;
use crate::tokens::Token;
use crate::user_group_members::GroupMember;
use crate::user_groups::UserGroup;

/// A change that does not fit the state: the log is damaged, or an operation is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// A document of the other kind of stream.
    #[error("{0:?} does not belong to this kind of stream")]
    Misplaced(DocumentId),
    /// A place in a group, of a group or member that is not there.
    #[error("{0:?} refers to a document that is not here")]
    Dangling(DocumentId),
    /// A delete of something that is not there.
    #[error("{0:?} is not here and cannot be deleted")]
    Missing(DocumentId),
}

/// Who holds policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A member, directly.
    Member(MemberId),
    /// A user group.
    Group(UserGroupId),
}

/// An account at one revision.
#[derive(Clone, Default)]
pub struct AccountState {
    /// The revision that this state is.
    pub revision: Revision,
    account: Option<Arc<Account>>,
    members: OrdMap<MemberId, Arc<Member>>,
    members_by_email: OrdMap<NameKey, MemberId>,
    members_by_user: OrdMap<UserId, MemberId>,
    user_groups: OrdMap<UserGroupId, Arc<UserGroup>>,
    /// The groups themselves, so that a page needs no further look-up.
    user_groups_by_name: OrdMap<NameKey, Arc<UserGroup>>,
    group_members: OrdMap<UserGroupId, OrdMap<NameKey, MemberId>>,
    groups_of_member: OrdMap<(MemberId, UserGroupId), Timestamp>,
    resource_groups: OrdMap<ResourceGroupId, Arc<ResourceGroup>>,
    resource_groups_by_name: OrdMap<NameKey, ResourceGroupId>,
    /// How many policies point at each resource group.
    policies_using: HashMap<ResourceGroupId, u32>,
    /// Who has a policy that names a permission group; kept for the few groups that [`Self::watch`] names.
    watched: OrdSet<Id>,
    holders: OrdSet<(Id, Holder)>,
    resources: OrdMap<Box<str>, Arc<Resource>>,
    removed_resources: OrdMap<Box<str>, Arc<RemovedResource>>,
    zones_by_name: OrdMap<NameKey, ZoneId>,
    tokens: OrdMap<TokenId, Arc<Token>>,
    sso_connectors: OrdMap<SsoConnectorId, Arc<SsoConnector>>,
}

impl AccountState {
    /// An account before its first commit, which keeps track of who holds the permission groups in `watched`
    /// (`all_privileges`, for D16 and D19).
    pub fn new(watched: impl IntoIterator<Item = Id>) -> AccountState {
        AccountState { watched: watched.into_iter().collect(), ..AccountState::default() }
    }

    /// The account document; absent before the first commit.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_deref()
    }

    /// The id of the account; zero before the first commit.
    pub fn account_id(&self) -> AccountId {
        self.account.as_ref().map_or(AccountId(Id::from_bytes([0; 16])), |account| account.id)
    }

    /// The member of that id.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id).map(Arc::as_ref)
    }

    /// The member with that address.
    pub fn member_by_email(&self, email: &NameKey) -> Option<&Member> {
        self.member(self.members_by_email.get(email)?)
    }

    /// The accepted member that is that user.
    pub fn member_of_user(&self, user: &UserId) -> Option<&Member> {
        self.member(self.members_by_user.get(user)?)
    }

    /// Members in the order of their addresses (D77).
    pub fn members(&self) -> impl DoubleEndedIterator<Item = &Member> {
        self.members_by_email.values().filter_map(|id| self.member(id))
    }

    /// The ids of members in the order of their addresses.
    pub fn member_ids(&self) -> impl DoubleEndedIterator<Item = MemberId> + '_ {
        self.members_by_email.values().copied()
    }

    /// How many members there are, of any standing.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// The user group of that id.
    pub fn user_group(&self, id: &UserGroupId) -> Option<&UserGroup> {
        self.user_groups.get(id).map(Arc::as_ref)
    }

    /// The user group of that name.
    pub fn user_group_named(&self, name: &NameKey) -> Option<UserGroupId> {
        self.user_groups_by_name.get(name).map(|group| group.id)
    }

    /// User groups in the order of their names (D77), with the key that they are ordered by.
    pub fn user_groups(&self) -> impl DoubleEndedIterator<Item = (&NameKey, &UserGroup)> {
        self.user_groups_by_name.iter().map(|(name, group)| (name, group.as_ref()))
    }

    /// The ids of user groups in the order of their names.
    pub fn user_group_ids(&self) -> impl DoubleEndedIterator<Item = UserGroupId> + '_ {
        self.user_groups_by_name.values().map(|group| group.id)
    }

    /// How many user groups there are.
    pub fn user_group_count(&self) -> usize {
        self.user_groups.len()
    }

    /// Members of a group in the order of their addresses.
    pub fn group_members(&self, group: UserGroupId) -> impl DoubleEndedIterator<Item = MemberId> + '_ {
        self.group_members.get(&group).into_iter().flat_map(|members| members.values().copied())
    }

    /// How many members a group has.
    pub fn group_size(&self, group: UserGroupId) -> usize {
        self.group_members.get(&group).map_or(0, OrdMap::len)
    }

    /// The groups that a member is in.
    pub fn groups_of(&self, member: MemberId) -> impl Iterator<Item = UserGroupId> + '_ {
        let first = (member, UserGroupId(Id::from_bytes([0; 16])));
        let last = (member, UserGroupId(Id::from_bytes([0xff; 16])));
        self.groups_of_member.range(first..=last).map(|((_, group), _)| *group)
    }

    /// Since when the member is in the group.
    pub fn in_group_since(&self, member: MemberId, group: UserGroupId) -> Option<Timestamp> {
        self.groups_of_member.get(&(member, group)).copied()
    }

    /// The resource group of that id, anonymous ones included.
    pub fn resource_group(&self, id: &ResourceGroupId) -> Option<&ResourceGroup> {
        self.resource_groups.get(id).map(Arc::as_ref)
    }

    /// The resource group of that name; anonymous ones have none.
    pub fn resource_group_named(&self, name: &NameKey) -> Option<ResourceGroupId> {
        self.resource_groups_by_name.get(name).copied()
    }

    /// Resource groups in the order of their names, without the anonymous ones (D23).
    pub fn resource_groups(&self) -> impl Iterator<Item = &ResourceGroup> {
        self.resource_groups_by_name.values().filter_map(|id| self.resource_group(id))
    }

    /// How many resource groups people have made.
    pub fn custom_resource_group_count(&self) -> usize {
        self.resource_groups().filter(|group| group.kind == Kind::Custom).count()
    }

    /// The built-in group of the account itself.
    pub fn whole_account_group(&self) -> Option<ResourceGroupId> {
        self.resource_group_named(&NameKey::of(&resource_groups::account_key(self.account_id())))
    }

    /// How many policies point at the group.
    pub fn policies_using(&self, group: &ResourceGroupId) -> u32 {
        self.policies_using.get(group).copied().unwrap_or(0)
    }

    /// Who has a policy that names the permission group, which must be one that is watched.
    pub fn holders(&self, permission_group: Id) -> impl Iterator<Item = Holder> + '_ {
        let first = (permission_group, Holder::Member(MemberId(Id::from_bytes([0; 16]))));
        let watched = self.holders.range(first..);
        watched.take_while(move |(id, _)| *id == permission_group).map(|(_, holder)| *holder)
    }

    /// The policies of a holder, none if it is gone.
    pub fn policies_of(&self, holder: Holder) -> &[Policy] {
        match holder {
            Holder::Member(id) => self.member(&id).map_or(&[], |member| &member.policies),
            Holder::Group(id) => self.user_group(&id).map_or(&[], |group| &group.policies),
        }
    }

    /// Every policy of every member and group.
    pub fn all_policies(&self) -> impl Iterator<Item = &Policy> {
        let members = self.members.values().flat_map(|member| member.policies.iter());
        members.chain(self.user_groups.values().flat_map(|group| group.policies.iter()))
    }

    /// The registered resource of that key.
    pub fn find_resource(&self, key: &str) -> Option<&Resource> {
        self.resources.get(key).map(Arc::as_ref)
    }

    /// Whether a resource of that key was there once.
    pub fn is_removed(&self, key: &str) -> bool {
        self.removed_resources.contains_key(key)
    }

    /// Every registered resource, by key.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values().map(Arc::as_ref)
    }

    /// Zones in the order of their names.
    pub fn zones(&self) -> impl DoubleEndedIterator<Item = (ZoneId, &Resource)> {
        self.zones_by_name.values().filter_map(|id| Some((*id, self.find_resource(&resource_groups::zone_key(*id))?)))
    }

    /// The zone of that name.
    pub fn zone_named(&self, name: &NameKey) -> Option<ZoneId> {
        self.zones_by_name.get(name).copied()
    }

    /// The account's token of that id.
    pub fn token(&self, id: &TokenId) -> Option<&Arc<Token>> {
        self.tokens.get(id)
    }

    /// The connector of that id.
    pub fn sso_connector(&self, id: &SsoConnectorId) -> Option<&SsoConnector> {
        self.sso_connectors.get(id).map(Arc::as_ref)
    }

    /// Connectors, by id.
    pub fn sso_connectors(&self) -> impl Iterator<Item = &SsoConnector> {
        self.sso_connectors.values().map(Arc::as_ref)
    }

    /// The document of that id.
    pub fn document(&self, id: &DocumentId) -> Option<Document> {
        match id {
            DocumentId::Account => self.account.clone().map(Document::Account),
            DocumentId::Member(id) => self.members.get(id).cloned().map(Document::Member),
            DocumentId::UserGroup(id) => self.user_groups.get(id).cloned().map(Document::UserGroup),
            DocumentId::GroupMember(group, member) => self
                .in_group_since(*member, *group)
                .map(|created_on| Document::GroupMember(GroupMember { group: *group, member: *member, created_on })),
            DocumentId::ResourceGroup(id) => self.resource_groups.get(id).cloned().map(Document::ResourceGroup),
            DocumentId::Resource(key) => self.resources.get(key).cloned().map(Document::Resource),
            DocumentId::RemovedResource(key) => self.removed_resources.get(key).cloned().map(Document::RemovedResource),
            DocumentId::Token(id) => self.tokens.get(id).cloned().map(Document::Token),
            DocumentId::SsoConnector(id) => self.sso_connectors.get(id).cloned().map(Document::SsoConnector),
            DocumentId::User => None,
        }
    }

    /// Members in the order of their ids, from after one of them.
    pub fn members_from(&self, after: Option<MemberId>) -> impl Iterator<Item = &Member> {
        self.members.range((beyond(after), Bound::Unbounded)).map(|(_, member)| member.as_ref())
    }

    /// The ids of members in their order, from after one of them.
    pub fn member_ids_from(&self, after: Option<MemberId>) -> impl Iterator<Item = MemberId> + '_ {
        self.members.range((beyond(after), Bound::Unbounded)).map(|(id, _)| *id)
    }

    /// The users that are accepted members, in the order of their ids, from after one of them.
    pub fn users_from(&self, after: Option<UserId>) -> impl Iterator<Item = (UserId, MemberId)> + '_ {
        self.members_by_user.range((beyond(after), Bound::Unbounded)).map(|(user, member)| (*user, *member))
    }

    /// User groups in the order of their ids, from after one of them.
    pub fn user_groups_from(&self, after: Option<UserGroupId>) -> impl Iterator<Item = &UserGroup> {
        self.user_groups.range((beyond(after), Bound::Unbounded)).map(|(_, group)| group.as_ref())
    }

    /// The account's tokens in the order of their ids, from after one of them.
    pub fn tokens_from(&self, after: Option<TokenId>) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.range((beyond(after), Bound::Unbounded)).map(|(_, token)| token)
    }

    /// Registered resources in the order of their keys, from after one of them.
    pub fn resources_from<'a>(&'a self, after: Option<&str>) -> impl Iterator<Item = &'a Resource> + use<'a> {
        let after = after.map_or(Bound::Unbounded, |key| Bound::Excluded(Box::from(key)));
        self.resources.range::<_, Box<str>>((after, Bound::Unbounded)).map(|(_, resource)| resource.as_ref())
    }

    /// Every document, in an order in which they can be applied to an empty state.
    pub fn documents(&self) -> impl Iterator<Item = Document> + '_ {
        let account = self.account.iter().cloned().map(Document::Account);
        let resources = self.resources.values().cloned().map(Document::Resource);
        let removed = self.removed_resources.values().cloned().map(Document::RemovedResource);
        let resource_groups = self.resource_groups.values().cloned().map(Document::ResourceGroup);
        let members = self.members.values().cloned().map(Document::Member);
        let user_groups = self.user_groups.values().cloned().map(Document::UserGroup);
        let places = self.groups_of_member.iter().map(|((member, group), created_on)| {
            Document::GroupMember(GroupMember { group: *group, member: *member, created_on: *created_on })
        });
        let tokens = self.tokens.values().cloned().map(Document::Token);
        let connectors = self.sso_connectors.values().cloned().map(Document::SsoConnector);
        account
            .chain(resources)
            .chain(removed)
            .chain(resource_groups)
            .chain(members)
            .chain(user_groups)
            .chain(places)
            .chain(tokens)
            .chain(connectors)
    }
}

/// Where a range starts that goes on after a key.
fn beyond<K>(after: Option<K>) -> Bound<K> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}
