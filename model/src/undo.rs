//! Undoing a commit: every document that it touched becomes what it was before, in one new commit. Nothing else is guessed at:
//! where a document is no longer as the commit left it, or what was before does not fit what is there now, it is refused,
//! with every object that stands in the way.

use std::collections::BTreeSet;

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{MemberId, ResourceGroupId, UserGroupId};
use crate::names::NameKey;
use crate::policies::Policy;
use crate::problem::{FaultKind, Faults, Problem};
use crate::resource_groups::{Kind, zone_key, zone_of};
use crate::tokens::TokenStatus;

/// A document that a commit touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Touched {
    /// Which.
    pub id: DocumentId,
    /// As it was before the commit, if it was there.
    pub before: Option<Document>,
    /// As the commit left it, if it left it.
    pub after: Option<Document>,
}

impl Touched {
    /// What a commit touched, each document once. `before` and `after` are the states on its two sides.
    pub fn by(before: &AccountState, after: &AccountState, changes: &[Change]) -> Vec<Touched> {
        let ids: BTreeSet<DocumentId> = changes.iter().map(Change::id).collect();
        let touched = ids.into_iter().map(|id| {
            let (before, after) = (before.document(&id), after.document(&id));
            Touched { id, before, after }
        });
        touched.collect()
    }
}

/// The changes that undo a commit.
///
/// # Errors
/// [`FaultKind::InUse`] for each object that was changed since or that something new rests on, that would have the name
/// of another, or that rests on what is gone; [`FaultKind::Invalid`] where it would unmake the account or bring a secret
/// back; nothing to undo.
pub fn undo(state: &AccountState, touched: &[Touched]) -> Result<(Vec<Change>, ()), Problem> {
    let mut faults = Faults::new();
    for one in touched {
        if state.document(&one.id) != one.after {
            conflict(&mut faults, &one.id, "was changed since");
        }
        refuse_revival(&mut faults, one);
    }
    faults.finish()?;
    let changes = inverse(touched);
    if changes.is_empty() {
        return Err(Problem::new(FaultKind::Invalid, "the commit changed nothing that could be undone"));
    }
    let mut faults = Faults::new();
    find_dependents(state, touched, &mut faults);
    let back: Vec<&Document> = touched.iter().filter_map(|one| one.before.as_ref()).collect();
    let is_touched = |id: DocumentId| touched.iter().any(|one| one.id == id);
    back.iter().for_each(|document| find_name(state, document, is_touched, &mut faults));
    faults.finish()?;
    // INVARIANT: places are deleted before what they are in and put after it, so the changes fit the state.
    let undone = state.after(&changes).map_err(|error| Problem::new(FaultKind::InUse, error.to_string()))?;
    let mut faults = Faults::new();
    back.iter().for_each(|document| find_references(&undone, document, &mut faults));
    for one in touched.iter().filter(|one| one.before.is_none()) {
        let DocumentId::ResourceGroup(group) = one.id else { continue };
        let policies = undone.policies_using(&group);
        if policies > 0 {
            conflict(&mut faults, &one.id, &format!("{policies} policies name it"));
        }
    }
    faults.finish()?;
    Ok((changes, ()))
}

fn conflict(faults: &mut Faults, id: &DocumentId, what: &str) {
    faults.push(FaultKind::InUse, "", format!("{}: {what}", words(id)));
}

/// Which document, in words: `user group 0123…`.
pub fn words(id: &DocumentId) -> String {
    match id {
        DocumentId::Account => "the account".to_owned(),
        DocumentId::Member(id) => format!("member {id}"),
        DocumentId::UserGroup(id) => format!("user group {id}"),
        DocumentId::GroupMember(group, member) => format!("member {member} of user group {group}"),
        DocumentId::ResourceGroup(id) => format!("resource group {id}"),
        DocumentId::Resource(key) => format!("resource {key}"),
        DocumentId::RemovedResource(key) => format!("removed resource {key}"),
        DocumentId::Token(id) => format!("token {id}"),
        DocumentId::SsoConnector(id) => format!("SSO connector {id}"),
        DocumentId::User => "user".to_owned(),
    }
}

/// A secret that is gone stays gone: whoever took it away had a reason, and may have told nobody. An account that was
/// made cannot be unmade.
fn refuse_revival(faults: &mut Faults, touched: &Touched) {
    let digest = |document: &Option<Document>| match document {
        Some(Document::Token(token)) => token.digest,
        _ => None,
    };
    let is_exposed = |document: &Option<Document>| matches!(document, Some(Document::Token(token)) if token.status == TokenStatus::Revoked);
    let (before, after) = (digest(&touched.before), digest(&touched.after));
    if before.is_some() && (before != after || is_exposed(&touched.after)) {
        let message = format!("{}: its secret is no longer valid and stays so; make a new token", words(&touched.id));
        faults.push(FaultKind::Invalid, "", message);
    }
    let deleted_on = |document: &Option<Document>| match document {
        Some(Document::Account(account)) => account.deleted_on,
        _ => None,
    };
    if deleted_on(&touched.before) != deleted_on(&touched.after) {
        let message =
            "an account is not deleted or restored by undoing; DELETE and `portcullis account restore` do that";
        faults.push(FaultKind::Invalid, "", message);
    }
    if touched.id == DocumentId::Account && touched.before.is_none() {
        faults.push(FaultKind::Invalid, "", "the commit that made the account cannot be undone");
    }
}

/// Places go before what they are in, and come after it.
fn rank(id: &DocumentId) -> u8 {
    match id {
        DocumentId::Account | DocumentId::User => 0,
        DocumentId::Resource(_) | DocumentId::RemovedResource(_) => 1,
        DocumentId::ResourceGroup(_) => 2,
        DocumentId::Member(_) | DocumentId::Token(_) | DocumentId::SsoConnector(_) => 3,
        DocumentId::UserGroup(_) => 4,
        DocumentId::GroupMember(..) => 5,
    }
}

fn inverse(touched: &[Touched]) -> Vec<Change> {
    in_order(touched, |one| &one.before)
}

/// The changes that lead from one side to the other, each document once.
pub(crate) fn forward(touched: &[Touched]) -> Vec<Change> {
    in_order(touched, |one| &one.after)
}

/// The changes that bring every document to one side, in an order in which they can be applied.
fn in_order(touched: &[Touched], side: impl Fn(&Touched) -> &Option<Document>) -> Vec<Change> {
    let mut differing: Vec<&Touched> = touched.iter().filter(|one| one.before != one.after).collect();
    differing.sort_by_key(|one| rank(&one.id));
    let deletes = differing.iter().rev().filter(|one| side(one).is_none()).map(|one| Change::Delete(one.id.clone()));
    let puts = differing.iter().filter_map(|one| side(one).clone()).map(Change::put);
    deletes.chain(puts).collect()
}

/// A document in words that people know it by.
pub(crate) fn named(document: &Document, before: &AccountState, after: &AccountState) -> String {
    match document {
        Document::Account(account) => format!("account \"{}\"", account.name),
        Document::Member(member) => format!("member {}", member.email.as_str()),
        Document::UserGroup(group) => format!("user group \"{}\"", group.name),
        Document::ResourceGroup(group) => match group.kind {
            Kind::Anonymous { .. } => "scope of a policy".to_owned(),
            Kind::BuiltIn | Kind::Custom => format!("resource group \"{}\"", group.name),
        },
        Document::GroupMember(place) => {
            let member = after.member(&place.member).or_else(|| before.member(&place.member));
            let group = after.user_group(&place.group).or_else(|| before.user_group(&place.group));
            let email = member.map_or_else(|| place.member.to_string(), |member| member.email.as_str().to_owned());
            let name = group.map_or_else(|| place.group.to_string(), |group| group.name.to_string());
            format!("place of {email} in \"{name}\"")
        }
        Document::Resource(_) | Document::RemovedResource(_) => words(&document.id()),
        Document::Token(_) | Document::SsoConnector(_) | Document::User(_) => words(&document.id()),
    }
}

/// What rests on documents that would go: it came after them.
fn find_dependents(state: &AccountState, touched: &[Touched], faults: &mut Faults) {
    let going: BTreeSet<&DocumentId> =
        touched.iter().filter(|one| one.before.is_none() && one.after.is_some()).map(|one| &one.id).collect();
    let mut place = |group: UserGroupId, member: MemberId| {
        let place = DocumentId::GroupMember(group, member);
        if !going.contains(&place) {
            conflict(faults, &place, "came after the commit");
        }
    };
    for id in &going {
        match id {
            DocumentId::Member(member) => state.groups_of(*member).for_each(|group| place(group, *member)),
            DocumentId::UserGroup(group) => state.group_members(*group).for_each(|member| place(*group, member)),
            _ => {}
        }
    }
}

/// Whether something else has come to have the name of a document that comes back.
fn find_name(state: &AccountState, document: &Document, is_touched: impl Fn(DocumentId) -> bool, faults: &mut Faults) {
    let holders: Vec<DocumentId> = match document {
        Document::Member(member) => {
            let by_email = state.member_by_email(&member.email.key());
            let by_user = member.user().and_then(|user| state.member_of_user(&user));
            by_email.into_iter().chain(by_user).map(|member| DocumentId::Member(member.id)).collect()
        }
        Document::UserGroup(group) => {
            state.user_group_named(&NameKey::of(&group.name)).map(DocumentId::UserGroup).into_iter().collect()
        }
        Document::ResourceGroup(group) if !matches!(group.kind, Kind::Anonymous { .. }) => {
            state.resource_group_named(&NameKey::of(&group.name)).map(DocumentId::ResourceGroup).into_iter().collect()
        }
        Document::Resource(resource) if zone_of(&resource.key).is_some() => {
            let zone = state.zone_named(&NameKey::of(&resource.name));
            zone.map(|zone| DocumentId::Resource(zone_key(zone).into())).into_iter().collect()
        }
        _ => Vec::new(),
    };
    for holder in holders.into_iter().filter(|holder| *holder != document.id() && !is_touched(holder.clone())) {
        conflict(faults, &holder, &format!("has the name that {} had", words(&document.id())));
    }
}

/// Whether what a document names that comes back is there.
fn find_references(undone: &AccountState, document: &Document, faults: &mut Faults) {
    let id = document.id();
    match document {
        Document::Member(member) => check_policies(undone, &id, &member.policies, faults),
        Document::UserGroup(group) => check_policies(undone, &id, &group.policies, faults),
        // A scope may name what is gone, as after every delete of a zone (D26): it grants nothing there.
        Document::ResourceGroup(_) => {}
        Document::Account(_) | Document::GroupMember(_) => {}
        Document::Resource(_) | Document::RemovedResource(_) => {}
        Document::Token(_) | Document::SsoConnector(_) | Document::User(_) => {}
    }
}

fn check_policies(undone: &AccountState, id: &DocumentId, policies: &[Policy], faults: &mut Faults) {
    let groups: BTreeSet<ResourceGroupId> =
        policies.iter().flat_map(|policy| policy.resource_groups.iter().copied()).collect();
    for group in groups.into_iter().filter(|group| undone.resource_group(group).is_none()) {
        conflict(faults, id, &format!("its policies name resource group {group}, which is gone"));
    }
}
