//! What of an index no longer fits its state, while changes are applied.

use std::collections::BTreeSet;

use model::account_state::{AccountState, Holder};
use model::change::{Change, Document, DocumentId};
use model::ids::{AccountId, MemberId, ResourceGroupId, UserGroupId, UserId};
use model::policies::Policy;
use model::resource_groups::Kind;

/// What has changed.
#[derive(Default)]
pub(crate) struct Stale {
    pub(super) members: BTreeSet<MemberId>,
    pub(super) users: BTreeSet<UserId>,
    pub(super) groups: BTreeSet<UserGroupId>,
    /// Those that were deleted, even if they came back: nobody is in them any more but for who has joined since.
    pub(super) deleted_groups: BTreeSet<UserGroupId>,
    pub(super) resources: BTreeSet<Box<str>>,
    pub(super) resource_groups: Vec<ChangedGroup>,
    /// Uses of resource groups that may be no more.
    pub(super) former_uses: Vec<(ResourceGroupId, Holder)>,
    /// The account's id before the first change of the account itself, on which every scope depends.
    account: Option<AccountId>,
}

/// A resource group that changed, came or went.
pub(super) struct ChangedGroup {
    pub(super) id: ResourceGroupId,
    pub(super) was_built_in: bool,
}

impl Stale {
    /// Notes a change that is about to be applied to `before`.
    pub(crate) fn note(&mut self, before: &AccountState, change: &Change) {
        match change.id() {
            DocumentId::Account => _ = self.account.get_or_insert(before.account_id()),
            DocumentId::Member(id) => {
                self.members.insert(id);
                if let Some(former) = before.member(&id) {
                    self.users.extend(former.user());
                    self.note_former(Holder::Member(id), &former.policies);
                }
                if let Change::Put(Document::Member(member)) = change {
                    self.users.extend(member.user());
                }
            }
            DocumentId::UserGroup(id) => {
                self.groups.insert(id);
                if let Change::Delete(_) = change {
                    self.deleted_groups.insert(id);
                }
                if let Some(former) = before.user_group(&id) {
                    self.note_former(Holder::Group(id), &former.policies);
                }
            }
            DocumentId::GroupMember(_, member) => _ = self.members.insert(member),
            DocumentId::ResourceGroup(id) => {
                let was_built_in = before.resource_group(&id).is_some_and(|group| group.kind == Kind::BuiltIn);
                self.resource_groups.push(ChangedGroup { id, was_built_in });
            }
            DocumentId::Resource(key) => _ = self.resources.insert(key),
            // Tokens are compiled where they are used; connectors and what is gone grant nothing.
            DocumentId::RemovedResource(_) => {}
            DocumentId::Token(_) | DocumentId::SsoConnector(_) | DocumentId::User => {}
        }
    }

    fn note_former(&mut self, holder: Holder, policies: &[Policy]) {
        let groups = policies.iter().flat_map(|policy| &policy.resource_groups);
        self.former_uses.extend(groups.map(|group| (*group, holder)));
    }

    /// Whether the account has become another one, as with its first commit.
    pub(super) fn is_everything(&self, state: &AccountState) -> bool {
        self.account.is_some_and(|before| before != state.account_id())
    }
}
