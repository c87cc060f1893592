//! Where things come from: the commits that made a grant what it is.
//!
//! Bea may edit DNS because the group "DNS" has a policy that says so, and because she is in the group. On Monday Ada wrote the
//! policy, on Tuesday Cem renamed the group, on Wednesday Ada put Bea in. The group's document was last touched by Cem; the policy
//! in it is Ada's of Monday, since Cem's commit left it as it was.

use std::collections::{BTreeMap, BTreeSet};

use model::change::{Change, Document, DocumentId};
use model::ids::{Id, MemberId, PolicyId, ResourceGroupId, Revision, StreamId, UserGroupId};
use model::keyed::Keyed;
use model::members::Standing;
use model::policies::{Effect, Policy};
use model::resource_groups::Scope;
use model::tokens::{TokenPolicy, TokenResource};

use super::commits::{Commit, CommitInfo};
use crate::stream::Broken;
use crate::{CommitError, Runtime};

/// How many commits are read at once: the present content is often that of the first one, or of one soon after.
const FIRST_PAGE: usize = 4;
const PAGE: usize = 64;

/// What a decision rests on, and some commit made so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// A policy of a member, a user group or a token: its effect, permission groups and resources, in whatever order.
    Policy(DocumentId, PolicyId),
    /// That a member is in a user group.
    Place(UserGroupId, MemberId),
    /// What a resource group covers.
    Scope(ResourceGroupId),
    /// That a member is pending, accepted or rejected.
    Standing(MemberId),
}

/// What is compared from commit to commit.
#[derive(PartialEq)]
enum Content {
    Policy { access: Effect, permission_groups: BTreeSet<Id>, resource_groups: BTreeSet<ResourceGroupId> },
    TokenPolicy { effect: Effect, permission_groups: BTreeSet<Id>, resources: Keyed<TokenResource> },
    Place,
    Scope(Scope),
    Standing(Standing),
}

impl Fact {
    /// The document that says so.
    pub fn document(&self) -> DocumentId {
        match self {
            Fact::Policy(holder, _) => holder.clone(),
            Fact::Place(group, member) => DocumentId::GroupMember(*group, *member),
            Fact::Scope(group) => DocumentId::ResourceGroup(*group),
            Fact::Standing(member) => DocumentId::Member(*member),
        }
    }

    /// What the document says of it; `None` if nothing.
    fn content(&self, document: &Document) -> Option<Content> {
        match (self, document) {
            (Fact::Policy(_, id), Document::Member(member)) => policy(&member.policies, *id),
            (Fact::Policy(_, id), Document::UserGroup(group)) => policy(&group.policies, *id),
            (Fact::Policy(_, id), Document::Token(token)) => token_policy(&token.policies, *id),
            (Fact::Place(..), Document::GroupMember(_)) => Some(Content::Place),
            (Fact::Scope(_), Document::ResourceGroup(group)) => Some(Content::Scope(group.scope.clone())),
            (Fact::Standing(_), Document::Member(member)) => Some(Content::Standing(member.standing)),
            _ => None,
        }
    }
}

fn policy(policies: &[Policy], id: PolicyId) -> Option<Content> {
    policies.iter().find(|policy| policy.id == id).map(|policy| Content::Policy {
        access: policy.access,
        permission_groups: policy.permission_groups.iter().copied().collect(),
        resource_groups: policy.resource_groups.iter().copied().collect(),
    })
}

fn token_policy(policies: &[TokenPolicy], id: PolicyId) -> Option<Content> {
    policies.iter().find(|policy| policy.id == id).map(|policy| Content::TokenPolicy {
        effect: policy.effect,
        permission_groups: policy.permission_groups.iter().copied().collect(),
        resources: policy.resources.clone(),
    })
}

/// One fact on the way back through the commits of its document.
struct Walk<'a> {
    fact: &'a Fact,
    /// As of the newest commit, once that was seen.
    present: Option<Content>,
    /// The oldest commit so far since which it is as it is.
    since: Option<CommitInfo>,
    ended: bool,
}

impl Walk<'_> {
    /// Takes the next older commit into account, which left the document like this.
    fn see(&mut self, document: Option<&Document>, info: &CommitInfo) {
        let content = document.and_then(|document| self.fact.content(document));
        if self.ended
            || content.is_none()
            || self.present.as_ref().is_some_and(|present| content.as_ref() != Some(present))
        {
            self.ended = true;
            return;
        }
        self.present = content;
        self.since = Some(info.clone());
    }
}

impl Runtime {
    /// For each document the newest commit that touched it, up to the revision `at_most` ([`Revision::MAX`] for all); `None` if none
    /// did. It may be the one that deleted it.
    ///
    /// # Errors
    /// [`CommitError::Broken`] names the revision of a commit that was tampered with or cannot be read.
    pub async fn provenance(
        &self,
        stream: StreamId,
        documents: &[DocumentId],
        at_most: Revision,
    ) -> Result<Vec<Option<CommitInfo>>, CommitError> {
        let name = stream.to_string();
        let mut commits = Vec::with_capacity(documents.len());
        for document in documents {
            let newest = self.store.touching(&name, &document.to_string(), Some(at_most), 1).await?;
            commits.push(match newest.first() {
                Some(newest) => Some(CommitInfo::read(newest)?),
                None => self.folded_document(stream, document, at_most).await?.map(|(_, info)| info),
            });
        }
        Ok(commits)
    }

    /// A document as it was at a revision, by the newest commit up to it that touched the document; `None` if it was not there.
    ///
    /// # Errors
    /// As for [`Runtime::provenance`].
    pub async fn document_at(
        &self,
        stream: &str,
        document: &DocumentId,
        revision: Revision,
    ) -> Result<Option<Document>, CommitError> {
        let newest = self.store.touching(stream, &document.to_string(), Some(revision), 1).await?;
        let Some(record) = newest.first() else {
            let Ok(stream) = stream.parse() else { return Ok(None) };
            return Ok(self.folded_document(stream, document, revision).await?.map(|(document, _)| document));
        };
        let commit = Commit::read(record)?;
        Ok(left_as(&commit.changes, document).flatten().cloned())
    }

    /// For each fact the commit since which it is without a break as it is at the revision `at_most` ([`Revision::MAX`] for the
    /// newest); `None` if it is not so then.
    ///
    /// # Errors
    /// [`CommitError::Broken`] names the revision of a commit that was tampered with or cannot be read.
    pub async fn granted(
        &self,
        stream: StreamId,
        facts: &[Fact],
        at_most: Revision,
    ) -> Result<Vec<Option<CommitInfo>>, CommitError> {
        let mut walks: BTreeMap<DocumentId, Vec<(usize, Walk<'_>)>> = BTreeMap::new();
        for (index, fact) in facts.iter().enumerate() {
            let walk = Walk { fact, present: None, since: None, ended: false };
            walks.entry(fact.document()).or_default().push((index, walk));
        }
        let name = stream.to_string();
        let mut commits = vec![None; facts.len()];
        for (document, mut walks) in walks {
            self.walk_back(&name, &document, &mut walks, at_most).await?;
            if walks.iter().any(|(_, walk)| !walk.ended)
                && let Some((then, info)) = self.folded_document(stream, &document, at_most).await?
            {
                // As it was when what is older was folded away; where it is still so, it is not known who made it so.
                walks.iter_mut().for_each(|(_, walk)| walk.see(Some(&then), &info));
            }
            for (index, walk) in walks {
                commits[index] = walk.since;
            }
        }
        Ok(commits)
    }

    /// Follows all facts of one document back to where each began.
    async fn walk_back(
        &self,
        stream: &str,
        document: &DocumentId,
        walks: &mut [(usize, Walk<'_>)],
        mut at_most: Revision,
    ) -> Result<(), CommitError> {
        let name = document.to_string();
        let mut page = FIRST_PAGE;
        loop {
            let records = self.store.touching(stream, &name, Some(at_most), page).await?;
            for record in &records {
                let commit = Commit::read(record)?;
                let then = left_as(&commit.changes, document)
                    .ok_or_else(|| Broken::chain(record, &format!("the index says that it touched `{name}`")))?;
                walks.iter_mut().for_each(|(_, walk)| walk.see(then, &commit.info));
                if walks.iter().all(|(_, walk)| walk.ended) {
                    return Ok(());
                }
            }
            match records.last() {
                Some(oldest) if records.len() == page => at_most = oldest.revision - 1,
                Some(_) | None => return Ok(()),
            }
            page = PAGE;
        }
    }
}

/// How changes left a document: gone, or like that. `None` if they did not touch it.
fn left_as<'a>(changes: &'a [Change], id: &DocumentId) -> Option<Option<&'a Document>> {
    changes.iter().rev().find_map(|change| match change {
        Change::Put(document) if document.id() == *id => Some(Some(document)),
        Change::Delete(gone) if gone == id => Some(None),
        Change::Put(_) | Change::Delete(_) => None,
    })
}
