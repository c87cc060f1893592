//! `…/effective_policies` of a member, a token and a user group: every policy that reaches it, direct or inherited, with its
//! origin (D34), and what may be done where by which of them.
//!
//! Both lists are paged alike: a page has the items of its number of either list, and pages end when both are empty.

use std::sync::Arc;

use ::model::account_state::Holder;
use ::model::ids::{Id, MemberId, PolicyId, TokenId, UserGroupId};
use ::model::keyed::Keyed;
use ::model::names::NameKey;
use ::model::policies::{Effect, Policy};
use ::model::problem::Problem;
use ::model::time::Timestamp;
use ::model::tokens::{TokenPolicy, TokenResource};
use ::model::{members, user_groups};
use engine::Account;
use engine::decide::{Source, Spoken};
use engine::explain::effective::Row;
use engine::principal::Principal;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::evidence::{self, Evidence, OriginView, Since};
use crate::moment;
use crate::policies::{self, PolicyView};
use crate::wire::paging::Paging;
use crate::wire::permitted::{self, PermissionView, ResourceView};

/// The default size of a page, and the largest.
const PER_PAGE: (usize, usize) = (100, 500);

/// What reaches somebody, and what it comes to.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Effective<'a> {
    /// Whether any of it may be exercised now: a member has accepted (D4), a token is active and in its time (D46).
    in_effect: bool,
    /// Every policy: the direct ones as they are stored, then those of user groups by the name of the group.
    policies: Vec<EffectivePolicy<'a>>,
    /// How many policies there are on all pages.
    policy_count: usize,
    /// What may be exercised where; no resource is in two rows. Empty where nothing is in effect.
    resources: Vec<EffectiveRow<'a>>,
    /// How many rows there are on all pages.
    resource_count: usize,
}

/// A policy, and where it comes from.
#[derive(Serialize, utoipa::ToSchema)]
struct EffectivePolicy<'a> {
    #[serde(flatten)]
    policy: Shown<'a>,
    origin: OriginView,
    #[serde(flatten)]
    since: Since,
}

/// A policy as its holder shows it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum Shown<'a> {
    /// Of a member or a user group.
    Policy(PolicyView<'a>),
    /// Of a token.
    Token(TokenPolicyView<'a>),
}

/// A policy of a token.
#[derive(Serialize, utoipa::ToSchema)]
struct TokenPolicyView<'a> {
    #[schema(value_type = String)]
    id: PolicyId,
    #[schema(value_type = String)]
    effect: Effect,
    permission_groups: Vec<TokenPermissionGroup<'a>>,
    #[schema(value_type = Object)]
    resources: &'a Keyed<TokenResource>,
}

/// A permission group of the token catalogue; by its id alone if the catalogue does not have it.
#[derive(Serialize, utoipa::ToSchema)]
struct TokenPermissionGroup<'a> {
    #[schema(value_type = String)]
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Each of these permissions may be exercised on each of these resources.
#[derive(Serialize, utoipa::ToSchema)]
struct EffectiveRow<'a> {
    resources: Vec<ResourceView<'a>>,
    permissions: Vec<PermissionView<'a>>,
    policies: Vec<RowPolicy>,
}

/// A policy that makes a row what it is.
#[derive(Serialize, utoipa::ToSchema)]
struct RowPolicy {
    #[schema(value_type = String)]
    policy_id: PolicyId,
    /// A policy that denies is here if it takes something away that another one allows.
    #[schema(value_type = String)]
    effect: Effect,
    origin: OriginView,
    /// Which of the permissions it allows, or which it takes away.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Id>,
}

/// What reaches a member.
#[utoipa::path(get, path = "/accounts/{account_id}/members/{member_id}/effective_policies", operation_id = "portcullis-member-effective-policies", tag = "Decisions",
    params(("account_id" = String, Path), ("member_id" = String, Path), ("at" = Option<String>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Effective>), (status = "4XX", body = Failure)))]
pub async fn of_member(call: Call) -> Result<Success, Error> {
    let id: MemberId = call.id("member_id")?;
    let oneself = |account: &Account| {
        let user = account.member(&id).and_then(|member| member.user());
        matches!(call.caller.principal, Principal::User(caller) if Some(caller) == user)
    };
    answer(&call, oneself, |account, _| {
        let member = members::get(account, id)?;
        let mut groups: Vec<UserGroupId> = account.groups_of(id).collect();
        groups.sort_by_cached_key(|id| {
            let name = account.user_group(id).map_or("", |group| &group.name);
            (NameKey::of(name), *id)
        });
        let holders = std::iter::once(Holder::Member(id)).chain(groups.into_iter().map(Holder::Group)).collect();
        Ok(Subject { principal: Principal::Member(id), in_effect: member.user().is_some(), holders })
    })
    .await
}

/// What reaches a user group: its own policies.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/user_groups/{user_group_id}/effective_policies", operation_id = "portcullis-user-group-effective-policies", tag = "Decisions",
    params(("account_id" = String, Path), ("user_group_id" = String, Path), ("at" = Option<String>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Effective>), (status = "4XX", body = Failure)))]
pub async fn of_user_group(call: Call) -> Result<Success, Error> {
    let id: UserGroupId = call.id("user_group_id")?;
    answer(
        &call,
        |_| false,
        |account, _| {
            user_groups::get(account, id)?;
            let principal = Principal::UserGroup(id);
            Ok(Subject { principal, in_effect: true, holders: vec![Holder::Group(id)] })
        },
    )
    .await
}

/// What reaches a token of the account: its own policies.
#[utoipa::path(get, path = "/accounts/{account_id}/tokens/{token_id}/effective_policies", operation_id = "portcullis-token-effective-policies", tag = "Decisions",
    params(("account_id" = String, Path), ("token_id" = String, Path), ("at" = Option<String>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Effective>), (status = "4XX", body = Failure)))]
pub async fn of_token(call: Call) -> Result<Success, Error> {
    let id: TokenId = call.id("token_id")?;
    let oneself = |account: &Account| {
        matches!(&call.caller.principal, Principal::AccountToken { account: of, token }
            if *of == account.account_id() && token.id() == id)
    };
    answer(&call, oneself, |account, now| {
        let token = account.token(&id).ok_or_else(|| Problem::not_found("token", id))?;
        let compiled = Arc::new(account.engine().compile_token(token));
        let principal = Principal::AccountToken { account: account.account_id(), token: compiled };
        Ok(Subject { principal, in_effect: token.is_usable_at(now), holders: vec![] })
    })
    .await
}

/// Whose policies are shown.
struct Subject {
    principal: Principal,
    in_effect: bool,
    /// Whose policies reach it; of a token its own do, besides.
    holders: Vec<Holder>,
}

/// A policy that reaches a subject.
#[derive(Clone, Copy)]
enum Reaching<'a> {
    Policy(Holder, usize, &'a Policy),
    Token(usize, &'a TokenPolicy),
}

impl Subject {
    fn reaching<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = Reaching<'a>> {
        let token = self.principal.token().into_iter().flat_map(|token| token.token.policies.iter().enumerate());
        let held = self.holders.iter().flat_map(|holder| {
            let policies = account.policies_of(*holder).iter().enumerate();
            policies.map(|(position, policy)| Reaching::Policy(*holder, position, policy))
        });
        token.map(|(position, policy)| Reaching::Token(position, policy)).chain(held)
    }
}

impl Reaching<'_> {
    fn evidence(&self, account: &Account, principal: &Principal) -> Evidence {
        let (source, position, policy) = match self {
            Reaching::Policy(holder, position, policy) => (Source::Holder(*holder), *position, policy.id),
            Reaching::Token(position, policy) => (Source::Token, *position, policy.id),
        };
        Evidence { origin: account.origin(principal, source, position), policy }
    }
}

async fn answer(
    call: &Call,
    is_oneself: impl Fn(&Account) -> bool,
    subject: impl Fn(&Account, Timestamp) -> Result<Subject, Problem>,
) -> Result<Success, Error> {
    let Some(newest) = call.snapshot(call.id("account_id")?).await? else { return Err(call.forbidden(None)) };
    if !is_oneself(&newest.state) {
        call.account().await?;
    }
    let at = moment::of_query(call)?;
    let snapshot = moment::snapshot(call, newest, at, "?at").await?;
    let account = &snapshot.state;
    let paging = call.query.paging(PER_PAGE.0, PER_PAGE.1)?;
    let subject = subject(account, moment::time(call, &snapshot, at))?;
    let principal = &subject.principal;
    let reaching: Vec<Reaching<'_>> = subject.reaching(account).collect();
    let page = paging.of(reaching.iter().copied());
    let evidence: Vec<Evidence> = page.iter().map(|one| one.evidence(account, principal)).collect();
    let since = evidence::since(&call.app.runtime, account, principal, &evidence).await?;
    let policies = page.iter().zip(&evidence).zip(since).map(|((reaching, evidence), since)| EffectivePolicy {
        policy: shown(call, account, reaching),
        origin: evidence::origin(account, principal, &evidence.origin),
        since,
    });
    let policies: Vec<EffectivePolicy<'_>> = policies.collect();
    let rows = if subject.in_effect { account.engine().effective(account, principal) } else { Vec::new() };
    let view = Effective {
        in_effect: subject.in_effect,
        policies,
        policy_count: reaching.len(),
        resources: paging.of(rows.iter()).into_iter().map(|row| row_view(account, principal, row)).collect(),
        resource_count: rows.len(),
    };
    Ok(written(&view, paging)?.at(snapshot.revision()))
}

fn written(view: &Effective<'_>, paging: Paging) -> Result<Success, Error> {
    let count = view.policies.len().max(view.resources.len());
    Success::page_of(view, count, view.policy_count.max(view.resource_count), paging)
}

fn shown<'a>(call: &'a Call, account: &'a Account, reaching: &Reaching<'a>) -> Shown<'a> {
    match reaching {
        Reaching::Policy(_, _, policy) => {
            Shown::Policy(policies::view(account, policy, &call.app.rendered, call.shapes))
        }
        Reaching::Token(_, policy) => {
            let catalog = account.engine().catalog();
            let group = |id: &Id| TokenPermissionGroup { id: *id, name: catalog.permission(id).map(|one| &*one.name) };
            Shown::Token(TokenPolicyView {
                id: policy.id,
                effect: policy.effect,
                permission_groups: policy.permission_groups.iter().map(group).collect(),
                resources: &policy.resources,
            })
        }
    }
}

fn row_view<'a>(account: &'a Account, principal: &Principal, row: &'a Row) -> EffectiveRow<'a> {
    let catalog = account.engine().catalog();
    let policy = |spoken: &Spoken| {
        let origin = account.origin(principal, spoken.source, spoken.position);
        Some(RowPolicy {
            policy_id: account.policy_id(principal, spoken)?,
            effect: spoken.effect,
            origin: evidence::origin(account, principal, &origin),
            permissions: spoken.permissions.iter().map(|one| catalog.permission_at(one).id).collect(),
        })
    };
    EffectiveRow {
        resources: permitted::resources(account, &row.resources),
        permissions: permitted::permissions(catalog, &row.permissions),
        policies: row.policies.iter().filter_map(policy).collect(),
    }
}
