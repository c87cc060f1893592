//! Policies as evidence: whose they are, and the commits that made them so.

use engine::Account;
use engine::decide::Source;
use engine::explain::link::Origin;
use engine::principal::Principal;
use model::account_state::Holder;
use model::change::DocumentId;
use model::commit::Actor;
use model::ids::{Id, MemberId, PolicyId, Revision, StreamId, UserGroupId};
use model::time::Timestamp;
use runtime::Runtime;
use runtime::history::commits::CommitInfo;
use runtime::history::provenance::Fact;
use serde::Serialize;

use crate::error::Error;

/// Where a policy comes from.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct OriginView {
    /// `direct`: the member's own. `role`: the same, and what a legacy role is. `group`: of a user group that the member is
    /// in. `token`: the token's own. `owner`: of the user whose token it is, by `via`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Of the member, role, user group or token; for `owner`, of the member that the user is.
    #[schema(value_type = String)]
    id: Id,
    /// The address of a member, the name of anything else.
    name: Box<str>,
    /// How the owner comes by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    via: Option<Box<OriginView>>,
}

/// The commit that made something so.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct GrantedView {
    #[schema(value_type = u64)]
    revision: Revision,
    #[schema(value_type = String)]
    at: Timestamp,
    /// `{"type": "user", "id", "email", "token"?}`, `{"type": "account", "id", "token"}` or `{"type": "system", "reason"}`.
    #[schema(value_type = Object)]
    by: Actor,
}

impl From<CommitInfo> for GrantedView {
    fn from(commit: CommitInfo) -> GrantedView {
        GrantedView { revision: commit.revision, at: commit.at, by: commit.actor }
    }
}

/// Since when a policy reaches somebody.
#[derive(Clone, Default, Serialize, utoipa::ToSchema)]
pub struct Since {
    /// The commit since which the policy is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<GrantedView>,
    /// The commit by which the member came into the user group.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<GrantedView>,
}

/// A policy, and how it comes to somebody.
#[derive(Clone, Copy)]
pub struct Evidence {
    /// How.
    pub origin: Origin,
    /// Which.
    pub policy: PolicyId,
}

/// Whose policies they are, in words.
pub fn origin(account: &Account, principal: &Principal, origin: &Origin) -> OriginView {
    let plain = match (origin.source, origin.role) {
        (Source::Holder(Holder::Member(_)), Some(role)) => {
            let known = account.engine().catalog().role(&role);
            view("role", role, known.map_or("", |role| &role.name))
        }
        (Source::Holder(Holder::Member(id)), None) => view("direct", id.0, address(account, id)),
        (Source::Holder(Holder::Group(id)), _) => {
            view("group", id.0, account.user_group(&id).map_or("", |group| &group.name))
        }
        (Source::Token, _) => {
            let token = principal.token().map(|token| &token.token);
            view(
                "token",
                token.map_or(Id::from_bytes([0; 16]), |token| token.id.0),
                token.map_or("", |token| &token.name),
            )
        }
    };
    match origin.member.filter(|_| origin.is_owner) {
        Some(member) => OriginView { via: Some(Box::new(plain)), ..view("owner", member.0, address(account, member)) },
        None => plain,
    }
}

fn view(kind: &'static str, id: Id, name: &str) -> OriginView {
    OriginView { kind, id, name: name.into(), via: None }
}

fn address(account: &Account, member: MemberId) -> &str {
    account.member(&member).map_or("", |member| member.email.as_str())
}

/// Since when each of these is so, as of a revision of the account.
///
/// # Errors
/// When the log cannot be read.
pub async fn since(
    runtime: &Runtime,
    account: &Account,
    principal: &Principal,
    evidence: &[Evidence],
) -> Result<Vec<Since>, Error> {
    let mut facts = Facts::default();
    let places: Vec<(Option<Place>, Option<Place>)> = evidence
        .iter()
        .map(|Evidence { origin, policy }| match origin.source {
            Source::Holder(Holder::Member(id)) => {
                (facts.in_account(Fact::Policy(DocumentId::Member(id), *policy)), None)
            }
            Source::Holder(Holder::Group(id)) => {
                let joined = origin.member.and_then(|member| facts.in_account(joining(id, member)));
                (facts.in_account(Fact::Policy(DocumentId::UserGroup(id), *policy)), joined)
            }
            Source::Token => (facts.of_token(principal, *policy), None),
        })
        .collect();
    let stream = StreamId::Account(account.account_id());
    let of_account = runtime.granted(stream, &facts.of_account, account.revision).await?;
    let of_user = match principal.user() {
        Some(user) => runtime.granted(StreamId::User(user), &facts.of_user, Revision::MAX).await?,
        None => Vec::new(),
    };
    let found = |place: Option<Place>| {
        let commit = match place? {
            Place::Account(at) => of_account.get(at),
            Place::User(at) => of_user.get(at),
        };
        commit?.clone().map(GrantedView::from)
    };
    Ok(places.into_iter().map(|(granted, joined)| Since { granted: found(granted), joined: found(joined) }).collect())
}

fn joining(group: UserGroupId, member: MemberId) -> Fact {
    Fact::Place(group, member)
}

/// What is looked up, in the log of the account and in that of the user whose token it is.
#[derive(Default)]
struct Facts {
    of_account: Vec<Fact>,
    of_user: Vec<Fact>,
}

/// Where among them one is.
#[derive(Clone, Copy)]
enum Place {
    Account(usize),
    User(usize),
}

impl Facts {
    fn in_account(&mut self, fact: Fact) -> Option<Place> {
        Some(Place::Account(push(&mut self.of_account, fact)))
    }

    fn of_token(&mut self, principal: &Principal, policy: PolicyId) -> Option<Place> {
        let fact = Fact::Policy(DocumentId::Token(principal.token()?.id()), policy);
        match principal {
            Principal::UserToken { .. } => Some(Place::User(push(&mut self.of_user, fact))),
            _ => self.in_account(fact),
        }
    }
}

fn push(facts: &mut Vec<Fact>, fact: Fact) -> usize {
    facts.push(fact);
    facts.len() - 1
}
