//! `…/iam/commits/stream`: each commit as it is made, as server-sent events, for caches, collectors of security events and sidecars.
//!
//! The id of an event is its revision, so whoever comes back with `Last-Event-ID` misses nothing. The caller's rights are looked at before
//! each commit and once a second: the stream ends with them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use ::model::change::Change;
use ::model::ids::{AccountId, Revision, StreamId};
use ::model::problem::{FaultKind, Problem};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use runtime::history::commits::Commit;
use serde::Serialize;
use serde_json::Value;

use super::{CommitView, shown, view};
use crate::account_snapshot::{self, STALENESS};
use crate::call::Call;
use crate::error::{Error, Failure};

/// How many commits are read at once.
const AT_ONCE: usize = 100;
/// How long rights may be gone before the stream ends, where nothing is committed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A comment in between keeps proxies from cutting the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

/// A commit, and what each document is since.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CommitEvent {
    #[serde(flatten)]
    commit: CommitView,
    /// Each document that it changed, without digests of secrets; null where it is gone.
    documents: Vec<ChangedDocument>,
}

/// A document after a commit.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ChangedDocument {
    document: String,
    #[schema(value_type = Object)]
    after: Value,
}

/// Streams commits, from the next one on, or from the one after a revision.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/commits/stream", operation_id = "portcullis-account-commits-stream", tag = "History",
    params(("account_id" = String, Path), ("after" = Option<u64>, Query), ("follow" = Option<bool>, Query)),
    responses((status = 200, body = CommitEvent, content_type = "text/event-stream"), (status = "4XX", body = Failure)))]
pub async fn stream(call: Call) -> Result<Response, Error> {
    // Before the state is read: that is then no older.
    let staleness = account_snapshot::staleness(&call.app);
    let access = call.account().await?;
    let newest = access.revision();
    let after = after(&call)?.unwrap_or(newest);
    if after > newest {
        let message = format!("after must be a revision up to {newest}, not {after}");
        return Err(Problem::at(FaultKind::Invalid, "?after", message).into());
    }
    let is_followed = match call.query.text("follow") {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => {
            let message = format!("follow must be true or false, not `{other}`");
            return Err(Problem::at(FaultKind::Invalid, "?follow", message).into());
        }
    };
    let reader = Reader { account: access.state().account_id(), call, after, is_followed, read: VecDeque::new() };
    let events = stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([(STALENESS, staleness)], events).into_response())
}

/// Where to begin: a browser's way to say it counts more than the query of its first request.
fn after(call: &Call) -> Result<Option<Revision>, Error> {
    let (text, pointer) = match call.header(LAST_EVENT_ID) {
        Some(text) => (Some(text), LAST_EVENT_ID),
        None => (call.query.text("after"), "?after"),
    };
    let wrong = |text: &str| Problem::at(FaultKind::Invalid, pointer, format!("must be a revision, not `{text}`"));
    Ok(text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()?)
}

struct Reader {
    call: Call,
    account: AccountId,
    after: Revision,
    is_followed: bool,
    read: VecDeque<Commit>,
}

impl Reader {
    /// The next event; none when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            // What is revoked is not told a commit more.
            self.call.authenticate_again().await.ok()?;
            let access = self.call.account().await.ok()?;
            if let Some(commit) = self.read.pop_front() {
                self.after = commit.info.revision;
                return event(commit).map_err(|error| tracing::error!(%error, "a commit cannot be streamed")).ok();
            }
            let runtime = &self.call.app.runtime;
            if access.revision() > self.after {
                let stream = StreamId::Account(self.account);
                self.read = runtime.commits_after(stream, self.after, AT_ONCE).await.ok()?.into();
                // Those that are not published yet come once they are.
                self.read.retain(|commit| commit.info.revision <= access.revision());
                continue;
            }
            if !self.is_followed {
                return None;
            }
            tokio::select! {
                () = self.call.app.closing() => return None,
                // Looks again after a second in any case.
                _ = tokio::time::timeout(LOOK_EVERY, runtime.later_than(self.account, self.after)) => {}
            }
        }
    }
}

fn event(commit: Commit) -> serde_json::Result<Event> {
    let after = |change: &Change| match change {
        Change::Put(document) => shown(document),
        Change::Delete(_) => Ok(Value::Null),
    };
    let document = |change: &Change| Ok(ChangedDocument { document: change.id().to_string(), after: after(change)? });
    let documents = commit.changes.iter().map(document).collect::<serde_json::Result<_>>()?;
    let revision = commit.info.revision.to_string();
    let data = serde_json::to_string(&CommitEvent { commit: view(commit), documents })?;
    Ok(Event::default().event("commit").id(revision).data(data))
}
