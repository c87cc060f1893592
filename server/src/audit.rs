//! `…/logs/audit`: who did what, and who tried (section 10).
//!
//! Ada asks what happened to the group "DNS" in March. The commits of her account, the attempts that came to nothing beside them, and
//! what her members did to their own things are read as one row, the newest first, and each is made an [`entry::Entry`] of its record
//! alone. Those that fit the [`filters`] fill the page; for these, and no others, it is looked up what the object was before. Nothing
//! is stored for this but what the logs hold anyway.

pub mod attempt;
pub mod cursor;
pub mod entry;
pub mod filters;
pub mod legacy;
pub mod products;
pub mod question;
pub mod redact;
pub mod summaries;
pub mod view;
pub mod window;

use ::model::ids::StreamId;
use ::model::problem::{FaultKind, Faults, Problem};
use ::model::time::Timestamp;
use runtime::audit::merged::{Order, Whose, Window};
use serde::Serialize;

use self::filters::{Field, Filter, Filters};
use self::question::{About, Page, Question};
use self::view::{AccountView, EntryView};
use crate::answer::{Envelope, Success};
use crate::call::{Access, Call};
use crate::error::{Error, Failure};

/// What is said of a page.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct CursorInfo {
    /// How many entries this page has (D78).
    count: usize,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// The same, where SDKs look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursors: Option<Cursors>,
    /// Of a history: how the object was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    history_status: Option<&'static str>,
}

/// Where pages begin.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Cursors {
    /// The next one.
    after: String,
}

impl CursorInfo {
    /// Of an object that is not known.
    pub(crate) fn unavailable() -> CursorInfo {
        CursorInfo { history_status: Some("unavailable"), ..CursorInfo::default() }
    }

    fn of(count: usize, cursor: Option<String>) -> CursorInfo {
        let cursors = cursor.clone().map(|after| Cursors { after });
        CursorInfo { count, cursor, cursors, history_status: None }
    }
}

/// The parts of a question that every audit has.
struct Asked {
    window: Window,
    order: Order,
    limit: usize,
}

fn asked(call: &Call, faults: &mut Faults) -> Option<Asked> {
    let window = window::window(&call.query, call.app.settings.audit_retention, faults);
    let (order, limit) = (window::order(&call.query, faults), window::limit(&call.query, faults));
    Some(Asked { window: window?, order, limit })
}

fn account_of(access: &Access) -> AccountView {
    let state = access.state();
    let name = state.account().map(|account| account.name.clone()).unwrap_or_default();
    AccountView { id: state.account_id(), name }
}

/// Reads the cursor of a question and answers a page of it.
async fn page(call: &Call, access: &Access, question: Question, seal: &[&[u8]]) -> Result<(Page, CursorInfo), Error> {
    let secrets = &call.app.runtime.secrets;
    let account = access.state().account_id().0.as_bytes().to_vec();
    let (order, span) = (order_byte(question.order), span_bytes(question.window));
    let seal: Vec<&[u8]> = [&*account, &order, &span].into_iter().chain(seal.iter().copied()).collect();
    let after = match call.query.text("cursor") {
        Some(text) if call.app.settings.dev && text == crate::dev::EXAMPLE_CURSOR => None,
        Some(text) => Some(cursor::read(secrets, &seal, text).ok_or_else(|| {
            let message = "cursor is not one that this server gave for this question: take `result_info.cursors.after` of the \
                           page before, and leave all other parameters as they were";
            Problem::at(FaultKind::Invalid, "?cursor", message)
        })?),
        None => None,
    };
    let (stream, runtime) = (StreamId::Account(access.state().account_id()), &call.app.runtime);
    summaries::keep_up_of(&call.app.summaries, runtime, stream).await?;
    let page = question::ask(&call.app.runtime, &Question { after, ..question }).await?;
    let next = page.next.as_ref().map(|next| cursor::write(secrets, &seal, next));
    let info = CursorInfo::of(page.entries.len(), next);
    Ok((page, info))
}

fn order_byte(order: Order) -> [u8; 1] {
    match order {
        Order::NewestFirst => [0],
        Order::OldestFirst => [1],
    }
}

fn span_bytes(window: Window) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&window.since.as_micros().to_be_bytes());
    bytes[8..].copy_from_slice(&window.before.as_micros().to_be_bytes());
    bytes
}

async fn views(call: &Call, page: &Page, account: &AccountView) -> Result<Vec<EntryView>, Error> {
    let mut views = Vec::with_capacity(page.entries.len());
    for entry in &page.entries {
        views.push(view::view(&call.app.runtime, entry, Some(account)).await?);
    }
    Ok(views)
}

/// Lists the audit log of an account.
///
/// Besides the parameters below, each filter can be given several times, and each but `product_category` also as `….not`.
#[utoipa::path(get, path = "/accounts/{account_id}/logs/audit", operation_id = "audit-logs-v2-get-account-audit-logs", tag = "Audit logs",
    params(("account_id" = String, Path), ("since" = String, Query), ("before" = String, Query), ("direction" = Option<String>, Query),
        ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("account_name" = Option<Vec<String>>, Query),
        ("action_result" = Option<Vec<String>>, Query), ("action_type" = Option<Vec<String>>, Query), ("actor_context" = Option<Vec<String>>, Query),
        ("actor_email" = Option<Vec<String>>, Query), ("actor_id" = Option<Vec<String>>, Query), ("actor_ip_address" = Option<Vec<String>>, Query),
        ("actor_token_id" = Option<Vec<String>>, Query), ("actor_token_name" = Option<Vec<String>>, Query), ("actor_type" = Option<Vec<String>>, Query),
        ("audit_log_id" = Option<Vec<String>>, Query), ("id" = Option<Vec<String>>, Query), ("raw_cf_ray_id" = Option<Vec<String>>, Query),
        ("raw_method" = Option<Vec<String>>, Query), ("raw_status_code" = Option<Vec<u16>>, Query), ("raw_uri" = Option<Vec<String>>, Query),
        ("resource_id" = Option<Vec<String>>, Query), ("resource_product" = Option<Vec<String>>, Query), ("resource_type" = Option<Vec<String>>, Query),
        ("resource_scope" = Option<Vec<String>>, Query), ("product_category" = Option<Vec<String>>, Query), ("zone_id" = Option<Vec<String>>, Query),
        ("zone_name" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Envelope<Vec<EntryView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let mut faults = Faults::new();
    let asked = asked(&call, &mut faults);
    let mut filters = Filters::of(&call.query, &mut faults);
    faults.finish()?;
    let Some(Asked { window, order, limit }) = asked else { return Err(unasked()) };
    let account = account_of(&access);
    let seal = filters.bytes();
    if !filters.split_account_name(&account.name) {
        return Ok(Success::cursor_page::<EntryView>(&[], &CursorInfo::default())?.at(access.revision()));
    }
    let whose = Whose::Account(account.id);
    let question = Question { whose, window, order, filters, about: None, limit, after: None };
    let (page, info) = page(&call, &access, question, &[b"list", &seal]).await?;
    Ok(Success::cursor_page(&views(&call, &page, &account).await?, &info)?.at(access.revision()))
}

/// No window without a fault is our own mistake.
fn unasked() -> Error {
    Problem::at(FaultKind::Invalid, "?since", "since and before are required").into()
}

/// How far from its time an entry is looked for: clients round times to seconds, and clocks of processes differ.
const NEARBY_SECONDS: i64 = 300;

/// Lists what happened to the object of an entry.
#[utoipa::path(get, path = "/accounts/{account_id}/logs/audit/{id}/history", operation_id = "audit-logs-v2-get-account-audit-log-history", tag = "Audit logs",
    params(("account_id" = String, Path), ("id" = String, Path), ("action_time" = String, Query), ("since" = String, Query), ("before" = String, Query),
        ("direction" = Option<String>, Query), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<EntryView>>), (status = "4XX", body = Failure)))]
pub async fn history(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let mut faults = Faults::new();
    let time = window::required(&call.query, "action_time", &mut faults);
    let asked = asked(&call, &mut faults);
    faults.finish()?;
    let (Some(time), Some(Asked { window, order, limit })) = (time, asked) else { return Err(unasked()) };
    let account = account_of(&access);
    let whose = Whose::Account(account.id);
    let id = call.param("id");
    let source = source(&call, whose, id, time).await?;
    let Some(about) = About::of(&source) else {
        return Ok(Success::cursor_page::<EntryView>(&[], &CursorInfo::unavailable())?.at(access.revision()));
    };
    let status = if about.is_exact() { "exact" } else { "approximate" };
    let filters = Filters::default();
    let question = Question { whose, window, order, filters, about: Some(about), limit, after: None };
    let (page, info) = page(&call, &access, question, &[b"history", id.as_bytes()]).await?;
    let info = CursorInfo { history_status: Some(status), ..info };
    Ok(Success::cursor_page(&views(&call, &page, &account).await?, &info)?.at(access.revision()))
}

/// The entry whose object is asked about.
async fn source(call: &Call, whose: Whose, id: &str, time: Timestamp) -> Result<entry::Entry, Error> {
    let window = Window { since: time.plus_seconds(-NEARBY_SECONDS), before: time.plus_seconds(NEARBY_SECONDS) };
    let filter = Filter { field: Field::Id, values: vec![id.to_owned()], not: false };
    let question = Question {
        whose,
        window,
        order: Order::NewestFirst,
        filters: Filters { all: vec![filter] },
        about: None,
        limit: 1,
        after: None,
    };
    let found = question::Found::start(&call.app.runtime, &question).await?.next().await?;
    found.ok_or_else(|| Error::NoHistory(Problem::not_found("audit log entry", id)))
}

/// Lists the categories of products, for the filter `product_category`.
#[utoipa::path(get, path = "/accounts/{account_id}/logs/audit/product_categories", operation_id = "audit-logs-v2-list-account-product-categories", tag = "Audit logs",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<Vec<products::Category>>), (status = "4XX", body = Failure)))]
pub async fn product_categories(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(Success::list(products::CATEGORIES)?.at(access.revision()))
}
