//! `POST /accounts/{account_id}/iam/explain`: why may this one do that, or why not, and what would change it? The question
//! is that of `authorize`, and so is who may ask it.

use ::model::ids::{Id, PolicyId, ResourceGroupId};
use ::model::policies::Effect;
use ::model::problem::{FaultKind, Faults};
use ::model::resource_groups::account_key;
use ::model::time::Timestamp;
use engine::Account;
use engine::explain::Explanation;
use engine::explain::link::{Link, Reach};
use engine::explain::remedies::{Asker, Remedy};
use engine::principal::Principal;
use engine::question::Circumstances;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::authorize::{self, Asked};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::evidence::{self, Evidence, OriginView, Since};
use crate::moment;
use crate::remedies::{self, RemedyView};
use crate::wire::json::Input;
use crate::wire::permitted::{self, PermissionView};

/// A decision with its reasons.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ExplanationView<'a> {
    allowed: bool,
    /// `allow`, `explicit_deny`, `implicit_deny`, `condition`, `unknown_subject` or `unknown_resource`.
    reason: &'static str,
    /// Being an accepted member suffices for it, whatever policies say (D14).
    by_membership: bool,
    /// The permissions that it turns on: of those asked for what is held, or where nothing is, all of them; of a
    /// permission group asked for as a whole what is missing, or where nothing is, all of it.
    permissions: Vec<PermissionView<'a>>,
    /// Every policy that says something of those. Where it is allowed, all of them allow, and without them all it would
    /// not be. Where it is denied, those that deny, and those that would allow.
    chain: Vec<LinkView<'a>>,
    /// The smallest sets of changes that would allow it: all of the smallest size, first those by which the fewest
    /// permissions are given.
    remedies: Vec<RemedyView<'a>>,
}

/// A policy that says something of what was asked.
#[derive(Serialize, utoipa::ToSchema)]
struct LinkView<'a> {
    #[schema(value_type = String)]
    effect: Effect,
    origin: OriginView,
    #[schema(value_type = String)]
    policy_id: PolicyId,
    /// Those of its permission groups that say it.
    permission_groups: Vec<PermissionGroupView<'a>>,
    /// Those of its resource groups that reach the resource. Of a policy of a member or user group.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_groups: Option<Vec<ResourceGroupView<'a>>>,
    /// Those of its resource keys that reach the resource. Of a policy of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<KeyView>>,
    /// What it says of what was asked.
    permissions: Vec<PermissionView<'a>>,
    #[serde(flatten)]
    since: Since,
}

/// A permission group, of the catalogue that its policy uses; by its id alone if that does not have it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PermissionGroupView<'a> {
    #[schema(value_type = String)]
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Of the IAM catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ResourceGroupView<'a> {
    #[schema(value_type = String)]
    id: ResourceGroupId,
    /// Left out of a group that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct KeyView {
    key: Box<str>,
    /// The key that it stands in, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Box<str>>,
}

/// A question.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ExplainQuestion {
    /// An API token, as its holder sends it; instead of `subject`.
    credential: Option<String>,
    /// `{"member": id}`, `{"user": id or e-mail}`, `{"token": id}` or `{"user_group": id}`; oneself where it is left out.
    subject: Option<std::collections::BTreeMap<String, String>>,
    /// The name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`.
    action: String,
    /// The key of a resource; the account where it is left out.
    resource: Option<String>,
    /// From where and when a token would be used; from where and when the question comes, where it is left out.
    context: Option<ExplainContext>,
    /// A revision, or a time: what was so then.
    at: Option<String>,
}

/// From where and when a token would be used.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct ExplainContext {
    ip: Option<String>,
    time: Option<String>,
}

/// Under what circumstances, besides the question of `authorize`.
struct Given {
    address: Option<std::net::IpAddr>,
    time: Option<Timestamp>,
}

fn read(call: &Call, body: &Input<'_>, faults: &mut Faults) -> Option<(Asked, Given)> {
    let asked = authorize::read(body, call.app.runtime.engine.catalog(), faults);
    let context = body.optional("context").filter(|context| context.object(faults).is_some());
    let of_context = |name| context.as_ref().and_then(|context| context.optional(name));
    let given = Given {
        address: parsed(of_context("ip"), "an IP address, such as `192.0.2.1`", faults),
        time: parsed(of_context("time"), "an RFC 3339 time, such as `2026-11-21T08:00:00Z`", faults),
    };
    Some((asked?, given))
}

fn parsed<T: std::str::FromStr>(input: Option<Input<'_>>, right: &str, faults: &mut Faults) -> Option<T> {
    let input = input?;
    let text = input.text(faults);
    let value = text.parse().ok();
    if value.is_none() && input.is_text() {
        faults.push(FaultKind::Invalid, input.pointer(), format!("`{text}` must be {right}"));
    }
    value
}

/// Explains a decision.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/explain", operation_id = "portcullis-account-explain", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = ExplainQuestion,
    responses((status = 200, body = Envelope<ExplanationView>), (status = "4XX", body = Failure)))]
pub async fn explain(call: Call) -> Result<Success, Error> {
    let runtime = &call.app.runtime;
    let engine = &runtime.engine;
    let Some(newest) = call.snapshot(call.id("account_id")?).await? else { return Err(call.forbidden(None)) };
    if !call.caller.principal.is_known_to(engine, &newest.state) {
        return Err(call.forbidden(None));
    }
    let (asked, given) = call.read(|body, faults| read(&call, body, faults))?.into_valid()?;
    let snapshot = moment::snapshot(&call, newest, asked.at, "/at").await?;
    let account = &snapshot.state;
    let (found, is_oneself) = authorize::subject(&call, account, &asked.subject).await?;
    if !is_oneself {
        call.account().await?;
    }
    let now = moment::time(&call, &snapshot, asked.at);
    let circumstances =
        Circumstances { address: given.address.or(Some(call.caller.address)), time: given.time.or(Some(now)) };
    let own_key = account_key(account.account_id());
    let resource = asked.resource.as_deref().unwrap_or(&own_key);
    let target = account.target(resource);
    let explanation = engine.explain_answer(account, found.as_ref(), &asked.action, target.as_ref(), &circumstances);
    let asker = match (&found, &asked.subject) {
        (Some(principal), _) => Some(Asker::Known(principal.clone())),
        (None, authorize::Subject::Named(kind, id)) => engine.find_asker(account, *kind, id),
        (None, authorize::Subject::Oneself | authorize::Subject::Credential(_)) => None,
    };
    let remedies: Vec<Remedy> = asker.as_ref().map_or_else(Vec::new, |asker| {
        engine.remedies_of_answer(account, asker, &asked.action, resource, &circumstances)
    });
    let remedies = asker.as_ref().map(|asker| remedies::views(account, asker, &remedies));
    let view = ExplanationView {
        allowed: explanation.allowed,
        reason: explanation.reason.as_str(),
        by_membership: explanation.by_membership,
        permissions: permitted::permissions(engine.catalog(), &explanation.asked),
        chain: chain(&call, account, found.as_ref(), &explanation, resource).await?,
        remedies: remedies.unwrap_or_default(),
    };
    Ok(Success::object(&view)?.at(snapshot.revision()))
}

async fn chain<'a>(
    call: &Call,
    account: &'a Account,
    principal: Option<&Principal>,
    explanation: &Explanation,
    resource: &str,
) -> Result<Vec<LinkView<'a>>, Error> {
    let (Some(principal), Some(target)) = (principal, account.target(resource)) else { return Ok(Vec::new()) };
    let links = explanation.chain.iter();
    let links: Vec<Link> =
        links.filter_map(|spoken| account.link(principal, spoken, &explanation.asked, &target)).collect();
    let evidence: Vec<Evidence> =
        links.iter().map(|link| Evidence { origin: link.origin, policy: link.policy }).collect();
    let since = evidence::since(&call.app.runtime, account, principal, &evidence).await?;
    Ok(links.iter().zip(since).map(|(link, since)| link_view(account, principal, link, since)).collect())
}

fn link_view<'a>(account: &'a Account, principal: &Principal, link: &Link, since: Since) -> LinkView<'a> {
    let (resource_groups, resources) = match &link.reach {
        Reach::ResourceGroups(groups) => {
            let view = |id: &ResourceGroupId| ResourceGroupView {
                id: *id,
                name: account.resource_group(id).map(|group| &*group.name),
            };
            (Some(groups.iter().map(view).collect()), None)
        }
        Reach::Keys(keys) => {
            let view = |(outer, inner): &(Box<str>, Option<Box<str>>)| match inner {
                None => KeyView { key: outer.clone(), within: None },
                Some(inner) => KeyView { key: inner.clone(), within: Some(outer.clone()) },
            };
            (None, Some(keys.iter().map(view).collect()))
        }
    };
    LinkView {
        effect: link.effect,
        origin: evidence::origin(account, principal, &link.origin),
        policy_id: link.policy,
        permission_groups: link.permission_groups.iter().map(|id| permission_group(account, id)).collect(),
        resource_groups,
        resources,
        permissions: permitted::permissions(account.engine().catalog(), &link.permissions),
        since,
    }
}

/// A permission group of either catalogue.
pub fn permission_group<'a>(account: &'a Account, id: &Id) -> PermissionGroupView<'a> {
    let catalog = account.engine().catalog();
    match (catalog.iam_group(id), catalog.permission(id)) {
        (Some(group), _) => PermissionGroupView { id: *id, name: Some(&group.name), label: Some(&group.label) },
        (None, Some(permission)) => PermissionGroupView { id: *id, name: Some(&permission.name), label: None },
        (None, None) => PermissionGroupView { id: *id, name: None, label: None },
    }
}
