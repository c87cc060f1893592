//! `/accounts/{account_id}/audit_logs` and `/user/audit_logs`: the older form of the audit log, by page number.

use ::model::ids::{StreamId, UserId};
use ::model::problem::{FaultKind, Faults, Problem};
use ::model::time::Timestamp;
use engine::principal::Principal;
use ipnet::IpNet;
use runtime::audit::merged::{Order, Whose, Window};
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::{Entry, Level};
use super::filters::{Field, Filter, Filters};
use super::question::{Found, Question};
use super::view::{AccountView, EntryView};
use super::{account_of, summaries, view, window};
use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::wire::paging::{Paging, Query};

/// The default size of a page, and the largest.
const PER_PAGE: (usize, usize) = (100, 1000);

/// An entry in the older form.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyEntry {
    id: String,
    action: LegacyAction,
    actor: LegacyActor,
    /// `API`; absent for what the server itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'static str>,
    /// What was done in words, and the status of the answer.
    #[schema(value_type = Object)]
    metadata: Value,
    /// The object after it, as JSON text.
    #[serde(rename = "newValue", skip_serializing_if = "Option::is_none")]
    new_value: Option<String>,
    /// The object before it, as JSON text.
    #[serde(rename = "oldValue", skip_serializing_if = "Option::is_none")]
    old_value: Option<String>,
    owner: LegacyOwner,
    resource: LegacyResource,
    #[schema(value_type = String)]
    when: Timestamp,
}

/// What was done.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyAction {
    /// Whether it was carried out.
    result: bool,
    /// `add`, `update`, `delete` or `view`.
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Who did it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyActor {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ip: Box<str>,
    /// `user`, or `Cloudflare` for the server itself; absent for a token of an account, for which this form has no word.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// Whose log it is in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyOwner {
    id: String,
}

/// What it was done to.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyResource {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// What is said of a page. How many there are in all is not known without reading all.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LegacyInfo {
    page: usize,
    per_page: usize,
    count: usize,
}

/// What is asked in the older form.
struct Asked {
    /// None where nothing can be found.
    window: Option<Window>,
    order: Order,
    filters: Filters,
    addresses: Option<IpNet>,
    hide_user_logs: bool,
    paging: Paging,
}

fn asked(call: &Call) -> Result<Asked, Problem> {
    let query = &call.query;
    let mut faults = Faults::new();
    let since = window::optional(query, "since", &mut faults).unwrap_or(Timestamp::from_micros(0));
    let before = window::optional(query, "before", &mut faults).unwrap_or(Timestamp::MAX);
    if since > before {
        let message = format!("since {since} must not be later than before {before}");
        faults.push(FaultKind::Invalid, "?since", message);
    }
    let order = window::order(query, &mut faults);
    flag(query, "export", &mut faults);
    let hide_user_logs = flag(query, "hide_user_logs", &mut faults);
    let addresses = query.text("actor.ip").and_then(|text| faults.take(network(text)));
    let paging = faults.take(query.paging(PER_PAGE.0, PER_PAGE.1));
    faults.finish()?;
    Ok(Asked {
        window: (since < before).then_some(Window { since, before }),
        order,
        filters: filters(query),
        addresses,
        hide_user_logs,
        paging: paging.unwrap_or(Paging { page: 1, per_page: PER_PAGE.0 }),
    })
}

fn flag(query: &Query, name: &str, faults: &mut Faults) -> bool {
    faults.take(query.word(name, &[("true", true), ("false", false)])).flatten().unwrap_or(false)
}

/// An address or a network.
fn network(text: &str) -> Result<IpNet, Problem> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    text.parse::<IpNet>().ok().or_else(address).ok_or_else(|| {
        let message = format!("actor.ip must be an IP address or a network such as `192.0.2.0/24`, not `{text}`");
        Problem::at(FaultKind::Invalid, "?actor.ip", message)
    })
}

fn filters(query: &Query) -> Filters {
    let filter = |name: &str, field: Field, word: fn(&str) -> String| {
        query.text(name).map(|text| Filter { field, values: vec![word(text)], not: false })
    };
    let all = [
        filter("id", Field::Id, str::to_owned),
        filter("action.type", Field::ActionType, |text| match text.to_ascii_lowercase().as_str() {
            "add" => "create".to_owned(),
            other => other.to_owned(),
        }),
        filter("actor.email", Field::ActorEmail, str::to_ascii_lowercase),
        filter("zone.name", Field::ZoneName, str::to_ascii_lowercase),
    ];
    Filters { all: all.into_iter().flatten().collect() }
}

async fn answer(call: &Call, whose: Whose, account: Option<&AccountView>) -> Result<Success, Error> {
    let asked = asked(call)?;
    let Paging { page, per_page } = asked.paging;
    let mut entries = Vec::new();
    if let Some(window) = asked.window {
        let question = Question {
            whose,
            window,
            order: asked.order,
            filters: asked.filters,
            about: None,
            limit: per_page,
            after: None,
        };
        let stream = match whose {
            Whose::Account(id) => Some(StreamId::Account(id)),
            Whose::User(id) => Some(StreamId::User(id)),
            Whose::Server => None,
        };
        if let Some(stream) = stream {
            summaries::keep_up_of(&call.app.summaries, &call.app.runtime, stream).await?;
        }
        let mut found = Found::start(&call.app.runtime, &question).await?;
        let mut skipped = 0;
        while entries.len() < per_page {
            let Some(entry) = found.next().await? else { break };
            let is_hidden = asked.hide_user_logs && entry.level == Level::User;
            let is_elsewhere = asked.addresses.is_some_and(|network| !came_from(&entry, network));
            if is_hidden || is_elsewhere {
                continue;
            }
            if skipped < asked.paging.skip() {
                skipped += 1;
                continue;
            }
            entries.push(shown(&entry, view::view(&call.app.runtime, &entry, account).await?));
        }
    }
    let info = LegacyInfo { page, per_page, count: entries.len() };
    Success::cursor_page(&entries, &info)
}

fn came_from(entry: &Entry, network: IpNet) -> bool {
    entry.request.ip.parse::<std::net::IpAddr>().is_ok_and(|address| network.contains(&address))
}

fn shown(entry: &Entry, view: EntryView) -> LegacyEntry {
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    let mut metadata = json!({ "description": view.action.description });
    if let Some(status) = view.raw.status_code {
        metadata["status_code"] = status.into();
    }
    if let Some(zone) = view.zone {
        metadata["zone_name"] = zone.name.map_or(Value::Null, |name| Value::from(&*name));
    }
    LegacyEntry {
        id: view.id,
        action: LegacyAction {
            result: entry.succeeded(),
            kind: if view.action.kind == "create" { "add" } else { view.action.kind },
        },
        actor: LegacyActor {
            email: view.actor.email,
            id: view.actor.id,
            ip: view.actor.ip_address,
            kind: match view.actor.kind {
                "user" => Some("user"),
                "system" => Some("Cloudflare"),
                _ => None,
            },
        },
        interface: (!view.raw.method.is_empty()).then_some("API"),
        metadata,
        new_value: text(view.resource.after),
        old_value: text(view.resource.before),
        owner: LegacyOwner { id: entry.owner().to_owned() },
        resource: LegacyResource { id: view.resource.id, kind: view.resource.kind },
        when: view.action.time,
    }
}

/// Lists the audit log of an account, in the older form.
#[utoipa::path(get, path = "/accounts/{account_id}/audit_logs", operation_id = "audit-logs-get-account-audit-logs", tag = "Audit logs",
    params(("account_id" = String, Path), ("id" = Option<String>, Query), ("export" = Option<bool>, Query), ("action.type" = Option<String>, Query),
        ("actor.ip" = Option<String>, Query), ("actor.email" = Option<String>, Query), ("since" = Option<String>, Query), ("before" = Option<String>, Query),
        ("zone.name" = Option<String>, Query), ("direction" = Option<String>, Query), ("per_page" = Option<u32>, Query), ("page" = Option<u32>, Query),
        ("hide_user_logs" = Option<bool>, Query)),
    responses((status = 200, body = Envelope<Vec<LegacyEntry>>), (status = "4XX", body = Failure)))]
pub async fn of_account(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let account = account_of(&access);
    Ok(answer(&call, Whose::Account(account.id), Some(&account)).await?.at(access.revision()))
}

/// Lists the audit log of the user who asks: what happened to the user's own things.
#[utoipa::path(get, path = "/user/audit_logs", operation_id = "audit-logs-get-user-audit-logs", tag = "Audit logs",
    params(("id" = Option<String>, Query), ("export" = Option<bool>, Query), ("action.type" = Option<String>, Query),
        ("actor.ip" = Option<String>, Query), ("actor.email" = Option<String>, Query), ("since" = Option<String>, Query), ("before" = Option<String>, Query),
        ("zone.name" = Option<String>, Query), ("direction" = Option<String>, Query), ("per_page" = Option<u32>, Query), ("page" = Option<u32>, Query),
        ("hide_user_logs" = Option<bool>, Query)),
    responses((status = 200, body = Envelope<Vec<LegacyEntry>>), (status = "4XX", body = Failure)))]
pub async fn of_user(call: Call) -> Result<Success, Error> {
    let user = call.user()?.id;
    if !may_read_own(&call, user).await? {
        return Err(call.forbidden(None));
    }
    answer(&call, Whose::User(user), None).await
}

/// A user may; a token of a user may if it may read the settings of an account that the user is in, which is what the operation
/// accepts: there is no permission on users for it.
async fn may_read_own(call: &Call, user: UserId) -> Result<bool, Error> {
    let principal = &call.caller.principal;
    match principal {
        Principal::User(id) => Ok(*id == user),
        Principal::UserToken { .. } => {
            let engine = &call.app.runtime.engine;
            let reached = crate::accounts::reached(call).await?;
            Ok(reached.iter().any(|one| engine.permit(&one.state, principal, call.operation.need, None).is_ok()))
        }
        Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_) | Principal::System => {
            Ok(false)
        }
    }
}
