//! `/zones`: the registry of domains, so that scopes have something to point at (D90).

use ::model::account_state::AccountState;
use ::model::accounts;
use ::model::ids::{AccountId, ZoneId};
use ::model::names::NameKey;
use ::model::problem::{FaultKind, Problem};
use ::model::resource_groups::zone_key;
use ::model::resources::{self as model, Resource};
use ::model::time::Timestamp;
use serde::Serialize;

use crate::answer::{Envelope, Message, Success};
use crate::call::{Access, Call};
use crate::error::{Error, Failure};
use crate::resource_groups::Deleted;
use crate::wire::text_filter::TextFilter;

/// A domain.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ZoneView {
    #[schema(value_type = String)]
    id: ZoneId,
    name: String,
    account: ZoneAccount,
    status: &'static str,
    paused: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    development_mode: u8,
    name_servers: [&'static str; 0],
    original_name_servers: Option<[&'static str; 0]>,
    original_dnshost: Option<&'static str>,
    original_registrar: Option<&'static str>,
    meta: ZoneMeta,
    owner: ZoneOwner,
    plan: ZonePlan,
    #[schema(value_type = String)]
    activated_on: Timestamp,
    #[schema(value_type = String)]
    created_on: Timestamp,
    #[schema(value_type = String)]
    modified_on: Timestamp,
}

/// The account of a zone.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ZoneAccount {
    #[schema(value_type = String)]
    id: AccountId,
    name: String,
}

/// Fields that clients' models ask for; Portcullis serves no DNS, so they say nothing.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ZoneMeta {
    cdn_only: bool,
    dns_only: bool,
    foundation_dns: bool,
    phishing_detected: bool,
}

/// The owner of a zone is its account.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ZoneOwner {
    #[schema(value_type = String)]
    id: AccountId,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Portcullis has no plans.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ZonePlan {
    id: &'static str,
    name: &'static str,
}

fn render(state: &AccountState, id: ZoneId, zone: &Resource) -> ZoneView {
    let name = state.account().map_or_else(String::new, |account| account.name.to_string());
    let account = state.account_id();
    ZoneView {
        id,
        name: zone.name.to_string(),
        account: ZoneAccount { id: account, name: name.clone() },
        status: "active",
        paused: false,
        kind: "full",
        development_mode: 0,
        name_servers: [],
        original_name_servers: None,
        original_dnshost: None,
        original_registrar: None,
        meta: ZoneMeta { cdn_only: false, dns_only: false, foundation_dns: false, phishing_detected: false },
        owner: ZoneOwner { id: account, name, kind: "organization" },
        plan: ZonePlan { id: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", name: "Free Website" },
        activated_on: zone.created_on,
        created_on: zone.created_on,
        modified_on: zone.created_on,
    }
}

/// A zone to register.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ZoneBody {
    name: String,
    account: crate::policies::IdBody,
}

#[derive(Clone, Copy)]
enum Order {
    Name,
    Status,
    Plan,
    AccountId,
    AccountName,
}

const ORDERS: [(&str, Order); 5] = [
    ("name", Order::Name),
    ("status", Order::Status),
    ("plan.id", Order::Plan),
    ("account.id", Order::AccountId),
    ("account.name", Order::AccountName),
];

/// What a list of zones is narrowed to.
struct Filter<'a> {
    name: Option<TextFilter>,
    account_name: Option<TextFilter>,
    account_id: Option<&'a str>,
    /// Every zone is active and full.
    is_active: Option<bool>,
    is_full: Option<bool>,
    any: bool,
}

impl Filter<'_> {
    fn read(call: &Call) -> Result<Filter<'_>, Problem> {
        let query = &call.query;
        let states = [("active", true), ("initializing", false), ("pending", false), ("moved", false)];
        let kinds = ["full", "partial", "secondary", "internal"];
        let is_full = query.text("type").map(|list| {
            let mut known =
                list.split(',').map(|kind| kinds.iter().find(|known| known.eq_ignore_ascii_case(kind.trim())));
            if known.clone().any(|kind| kind.is_none()) {
                let message = format!("type `{list}` must be a list of `full`, `partial`, `secondary`, `internal`");
                return Err(Problem::at(FaultKind::Invalid, "?type", message));
            }
            Ok(known.any(|kind| kind == Some(&"full")))
        });
        Ok(Filter {
            name: query.text("name").map(TextFilter::parse),
            account_name: query.text("account.name").map(TextFilter::parse),
            account_id: query.text("account.id"),
            is_active: query.word("status", &states)?,
            is_full: is_full.transpose()?,
            any: query.word("match", &[("all", false), ("any", true)])?.unwrap_or(false),
        })
    }

    fn takes(&self, account: &accounts::Account, name: &str) -> bool {
        let told = [
            self.name.as_ref().map(|filter| filter.takes(name)),
            self.account_name.as_ref().map(|filter| filter.takes(&account.name)),
            self.account_id.map(|id| account.id.to_string() == id),
            self.is_active,
            self.is_full,
        ];
        let mut told = told.into_iter().flatten().peekable();
        match self.any && told.peek().is_some() {
            true => told.any(|told| told),
            false => told.all(|told| told),
        }
    }
}

/// Lists the zones that the caller may read, over all accounts that it reaches (D7).
#[utoipa::path(get, path = "/zones", operation_id = "zones-get", tag = "Zones",
    params(("name" = Option<String>, Query), ("account.id" = Option<String>, Query), ("account.name" = Option<String>, Query), ("status" = Option<String>, Query),
        ("type" = Option<String>, Query), ("order" = Option<String>, Query), ("match" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<ZoneView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let paging = call.query.paging(20, 50)?;
    let filter = Filter::read(&call)?;
    let order = call.query.word("order", &ORDERS)?.unwrap_or(Order::Name);
    let engine = &call.app.runtime.engine;
    let mut zones = Vec::new();
    for snapshot in crate::accounts::reached(&call).await? {
        let state = &snapshot.state;
        let account = accounts::get(state)?;
        let mut noted = false;
        for (id, zone) in state.zones() {
            let key = NameKey::of(&zone.name);
            let readable = || {
                let target = state.resource(&zone.key)?;
                engine.allows(state, &call.caller.principal, &call.operation.need.accepts, &target).then_some(target)
            };
            if filter.takes(account, &zone.name)
                && let Some(target) = readable()
            {
                // Once an account: no resource is kept with a use.
                if !std::mem::replace(&mut noted, true) {
                    call.note_use(state, &target);
                }
                let first = match order {
                    Order::Name => NameKey::of(""),
                    // Every zone has one status and one plan.
                    Order::Status | Order::Plan => NameKey::of(""),
                    Order::AccountId => NameKey::of(&account.id.to_string()),
                    Order::AccountName => NameKey::of(&account.name),
                };
                zones.push(((first, key), render(state, id, zone)));
            }
        }
    }
    zones.sort_by(|(a, first), (b, second)| a.cmp(b).then(first.id.cmp(&second.id)));
    let total = zones.len();
    let page = paging.of(call.query.direction().of(zones.iter().map(|(_, zone)| zone)));
    Success::page(&page, total, paging)
}

/// Registers a zone.
#[utoipa::path(post, path = "/zones", operation_id = "zones-post", tag = "Zones", request_body = ZoneBody,
    responses((status = 200, body = Envelope<ZoneView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let new = call.read(|body, faults| {
        let name = body.required_text("name", faults);
        let account = body.required("account", faults)?.required("id", faults)?;
        let text = account.text(faults);
        let id = text.parse::<AccountId>().ok();
        if id.is_none() && account.is_text() {
            let message = format!("`{text}` is not an id: 32 lower-case hex digits are expected");
            faults.push(FaultKind::Invalid, "/account/id", message);
        }
        Some((name, id?))
    })?;
    let access = registration(&call, new.value.1).await?;
    call.write_body(
        &access,
        &new,
        |state, environment, (name, _)| model::create_zone(state, environment, name, ZoneId(environment.next_id())),
        |snapshot, id| Success::object(&render(&snapshot.state, *id, model::get_zone(&snapshot.state, *id)?)),
    )
    .await
}

/// A zone that is not there yet is made by whoever may edit all zones of the account.
async fn registration(call: &Call, account: AccountId) -> Result<Access, Error> {
    let Some(snapshot) = call.snapshot(account).await? else { return Err(call.forbidden(None)) };
    let engine = &call.app.runtime.engine;
    let permit = engine.permit_throughout(&snapshot.state, &call.caller.principal, call.operation.need);
    let permit = permit.map_err(|_| call.forbidden(None))?;
    let runtime = &call.app.runtime;
    let held = engine.held_throughout(&snapshot.state, &call.caller.principal) & call.operation.need.accepts;
    runtime.usage.record(&snapshot.state, &call.caller.principal, &held, runtime.clock.now());
    Ok(Access { permit, snapshot })
}

/// Permission to this operation on the zone of the path. A zone that the caller does not reach is not there.
async fn zone(call: &Call) -> Result<(Access, ZoneId), Error> {
    let id: ZoneId = call.id("zone_id")?;
    let key = zone_key(id);
    let missing = || Problem::not_found("zone", id);
    let account = call.app.runtime.account_of_resource(&key).await?.ok_or_else(missing)?;
    let snapshot = call.snapshot(account).await?.ok_or_else(missing)?;
    if !call.caller.principal.is_known_to(&call.app.runtime.engine, &snapshot.state) {
        return Err(missing().into());
    }
    Ok((call.access(account, Some(&key)).await?, id))
}

/// One zone.
#[utoipa::path(get, path = "/zones/{zone_id}", operation_id = "zones-0-get", tag = "Zones",
    params(("zone_id" = String, Path)),
    responses((status = 200, body = Envelope<ZoneView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let (access, id) = zone(&call).await?;
    let state = access.state();
    Ok(Success::object(&render(state, id, model::get_zone(state, id)?))?.at(access.revision()))
}

/// Another name for a zone; what else the reference can change means nothing here.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct ZonePatchBody {
    name: Option<String>,
}

/// Gives a zone another name.
#[utoipa::path(patch, path = "/zones/{zone_id}", operation_id = "zones-0-patch", tag = "Zones",
    params(("zone_id" = String, Path)), request_body = ZonePatchBody,
    responses((status = 200, body = Envelope<ZoneView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let (access, id) = zone(&call).await?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let ignored = ["paused", "plan", "type", "vanity_name_servers"];
        let ignored: Vec<&str> = ignored.into_iter().filter(|name| body.optional(name).is_some()).collect();
        Some((body.optional("name").map(|name| name.text(faults).to_owned()), ignored))
    })?;
    let ignored = change
        .value
        .1
        .iter()
        .map(|name| Message { code: 1001, message: format!("`{name}` is ignored: Portcullis serves no DNS") });
    let messages: Vec<Message> = ignored.collect();
    call.write_body(
        &access,
        &change,
        |state, _, (name, _)| model::rename_zone(state, id, name.as_deref()),
        |snapshot, id| {
            let zone = model::get_zone(&snapshot.state, *id)?;
            Success::object(&render(&snapshot.state, *id, zone))?.with_messages(messages.clone())
        },
    )
    .await
}

/// Removes a zone from the registry; its key stays in resource groups, where it matches nothing (D26).
#[utoipa::path(delete, path = "/zones/{zone_id}", operation_id = "zones-0-delete", tag = "Zones",
    params(("zone_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let (access, id) = zone(&call).await?;
    call.write(
        &access,
        |state, _| model::delete_zone(state, id),
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}
