//! `…/iam/commits`: the log of an account: who did what when, what one commit changed, and undoing it.

pub mod stream;

use ::model::change::{Change, Document, DocumentId};
use ::model::ids::{Revision, StreamId};
use ::model::problem::{FaultKind, Problem};
use ::model::undo::{self, Touched};
use engine::Account;
use engine::permit::Need;
use runtime::history::at::At;
use runtime::history::commits::Commit;
use serde::Serialize;
use serde_json::Value;

use crate::answer::{Envelope, Success};
use crate::call::{Access, Call};
use crate::dry_run::Shifts;
use crate::error::{Error, Failure};
use crate::evidence::GrantedView;

/// The default size of a page, and the largest.
const PER_PAGE: (usize, usize) = (20, 500);

/// A commit: who, when, by what, and which documents.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CommitView {
    #[serde(flatten)]
    made: GrantedView,
    request: RequestView,
    /// What was done, in words: at most three documents are named.
    summary: String,
    changes: Vec<ChangeView>,
}

/// The request that made a commit; empty texts for one that no request made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RequestView {
    method: Box<str>,
    path: Box<str>,
    /// The `cf-auditlog-id` of its answer.
    audit_id: Box<str>,
    /// The `cf-ray` of its answer.
    ray: Box<str>,
    /// The client's address.
    ip: Box<str>,
    user_agent: Box<str>,
}

/// One document that a commit changed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    /// `put` or `delete`.
    action: &'static str,
    /// Its kind and id, such as `user_group/<id>`.
    document: String,
}

/// A commit and what it changed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CommitDetails<'a> {
    #[serde(flatten)]
    commit: CommitView,
    /// Each document on both sides, without digests of secrets; null where it was not there.
    documents: Vec<DocumentView>,
    /// Who gained and who lost what by it.
    #[serde(flatten)]
    shifts: Shifts<'a>,
}

/// A document on both sides of a commit.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DocumentView {
    document: String,
    #[schema(value_type = Object)]
    before: Value,
    #[schema(value_type = Object)]
    after: Value,
}

/// A document as people may see it: digests of secrets stay in the database (D45).
///
/// # Errors
/// Only if it cannot be written as JSON, which is our fault.
pub fn shown(document: &Document) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(document)?;
    for (kind, secret) in [("token", "digest"), ("user", "api_key")] {
        if let Some(fields) = value.get_mut(kind).and_then(Value::as_object_mut) {
            fields.remove(secret);
        }
    }
    Ok(value)
}

fn view(commit: Commit) -> CommitView {
    let summary = summary(&commit.changes);
    let changes =
        commit.changes.iter().map(|change| ChangeView { action: verb(change), document: change.id().to_string() });
    let changes = changes.collect();
    let request = commit.info.request.clone();
    let request = RequestView {
        method: request.method,
        path: request.path,
        audit_id: request.audit_id,
        ray: request.ray,
        ip: request.ip,
        user_agent: request.user_agent,
    };
    CommitView { made: commit.info.into(), request, summary, changes }
}

fn verb(change: &Change) -> &'static str {
    match change {
        Change::Put(_) => "put",
        Change::Delete(_) => "delete",
    }
}

/// Documents that are named in a summary.
const NAMED: usize = 3;

fn summary(changes: &[Change]) -> String {
    let named = changes.iter().take(NAMED).map(|change| match change {
        Change::Put(document) => format!("put {}", named(document)),
        Change::Delete(id) => format!("deleted {}", undo::words(id)),
    });
    let more = changes.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("and {more} more"));
    named.chain(more).collect::<Vec<_>>().join(", ")
}

fn named(document: &Document) -> String {
    match document {
        Document::Account(account) => format!("account \"{}\"", account.name),
        Document::Member(member) => format!("member {}", member.email.as_str()),
        Document::UserGroup(group) => format!("user group \"{}\"", group.name),
        Document::ResourceGroup(group) => format!("resource group \"{}\"", group.name),
        Document::Resource(resource) => format!("resource \"{}\"", resource.name),
        Document::RemovedResource(_) => undo::words(&document.id()),
        Document::Token(token) => format!("token \"{}\"", token.name),
        Document::SsoConnector(connector) => format!("SSO connector {}", connector.email_domain),
        Document::GroupMember(_) | Document::User(_) => undo::words(&document.id()),
    }
}

/// Lists commits, the newest first.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/commits", operation_id = "portcullis-account-commits-list", tag = "History",
    params(("account_id" = String, Path), ("before" = Option<u64>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    responses((status = 200, body = Envelope<Vec<CommitView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let paging = call.query.paging(PER_PAGE.0, PER_PAGE.1)?;
    let total = match call.query.text("before") {
        None => access.revision(),
        Some(text) => {
            let wrong =
                || Problem::at(FaultKind::Invalid, "?before", format!("before must be a revision, not `{text}`"));
            let before: Revision = text.parse().ok().filter(|before| *before > 0).ok_or_else(wrong)?;
            access.revision().min(before - 1)
        }
    };
    // The newest has the highest revision, and there are no gaps.
    let newest = total.saturating_sub(paging.skip() as Revision);
    let commits = match newest {
        0 => Vec::new(),
        newest => call.app.runtime.commits_before(log_of(&access), newest + 1, paging.per_page).await?,
    };
    let page: Vec<CommitView> = commits.into_iter().map(view).collect();
    Ok(Success::page(&page, total as usize, paging)?.at(access.revision()))
}

fn log_of(access: &Access) -> StreamId {
    StreamId::Account(access.state().account_id())
}

/// Shows a commit, and what it changed.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/commits/{revision}", operation_id = "portcullis-account-commits-get", tag = "History",
    params(("account_id" = String, Path), ("revision" = u64, Path)),
    responses((status = 200, body = Envelope<CommitDetails>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let made = Made::find(&call, &access).await?;
    let document = |touched: &Touched| -> serde_json::Result<DocumentView> {
        let side = |side: &Option<Document>| side.as_ref().map_or(Ok(Value::Null), shown);
        Ok(DocumentView {
            document: touched.id.to_string(),
            before: side(&touched.before)?,
            after: side(&touched.after)?,
        })
    };
    let documents = made.touched().iter().map(document).collect::<serde_json::Result<_>>();
    let documents = documents.map_err(|error| Error::Internal(error.into()))?;
    let rows = engine::diff::diff(&made.before, &made.after, &made.commit.changes);
    let shifts = Shifts::of(&made.before, &made.after, &rows);
    let details = CommitDetails { commit: view(made.commit.clone()), documents, shifts };
    Ok(Success::object(&details)?.at(access.revision()))
}

/// Undoes a commit, by a new one.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/commits/{revision}/revert", operation_id = "portcullis-account-commits-revert", tag = "History",
    params(("account_id" = String, Path), ("revision" = u64, Path)),
    responses((status = 200, body = Envelope<RevertedView>), (status = "4XX", body = Failure)))]
pub async fn revert(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let made = Made::find(&call, &access).await?;
    let touched = made.touched();
    for one in &touched {
        if !may_write(&call, access.state(), &one.id) {
            return Err(call.forbidden(Some("you may not write everything that the commit wrote")));
        }
    }
    let reverted = made.commit.info.revision;
    call.write(
        &access,
        |state, _| undo::undo(state, &touched),
        |snapshot, ()| Success::object(&RevertedView { reverted, revision: snapshot.revision() }),
    )
    .await
}

/// What came of it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RevertedView {
    /// The commit that was undone.
    #[schema(value_type = u64)]
    reverted: Revision,
    /// The commit that undoes it.
    #[schema(value_type = u64)]
    revision: Revision,
}

/// Whether the caller might have changed such a document by itself.
fn may_write(call: &Call, account: &Account, id: &DocumentId) -> bool {
    let operation = match id {
        DocumentId::Account => "accounts-update-account",
        DocumentId::Member(_) => "account-members-update-member",
        DocumentId::UserGroup(_) => "account-user-group-update",
        DocumentId::GroupMember(..) => "account-user-group-member-create",
        DocumentId::ResourceGroup(_) => "account-resource-group-update",
        DocumentId::Resource(key) if model::resource_groups::zone_of(key).is_some() => "zones-post",
        DocumentId::Resource(_) | DocumentId::RemovedResource(_) => "portcullis-account-resources-create",
        DocumentId::Token(_) => "account-api-tokens-update-token",
        DocumentId::SsoConnector(_) => "update-sso-connector-state",
        DocumentId::User => return false,
    };
    let engine = &call.app.runtime.engine;
    let principal = &call.caller.principal;
    engine.catalog().operation(operation).map(Need::of).is_some_and(|need| match id {
        // Of zones there is no permission on the account itself.
        DocumentId::Resource(key) if model::resource_groups::zone_of(key).is_some() => {
            engine.permit_throughout(account, principal, need).is_ok()
        }
        _ => engine.permit(account, principal, need, None).is_ok(),
    })
}

/// A commit and the states on its two sides.
struct Made {
    commit: Commit,
    before: Account,
    after: Account,
}

impl Made {
    /// The commit of the path.
    async fn find(call: &Call, access: &Access) -> Result<Made, Error> {
        let text = call.param("revision");
        let unknown = || Problem::not_found("commit", text);
        let revision: Revision = text.parse().map_err(|_| unknown())?;
        if !(1..=access.revision()).contains(&revision) {
            return Err(unknown().into());
        }
        let runtime = &call.app.runtime;
        let account = access.state().account_id();
        let folded = runtime.store.folded(&log_of(access).to_string()).await?;
        if revision <= folded {
            let message = format!("commit not found: what was up to revision {folded} is folded away");
            return Err(Problem::new(FaultKind::NotFound, message).into());
        }
        let commit = runtime.commits_after(log_of(access), revision - 1, 1).await?;
        let commit = commit.into_iter().next().ok_or_else(unknown)?;
        let before = match revision - 1 {
            0 => Account::new(&runtime.engine),
            before => runtime.account_as_of(account, At::Revision(before)).await?.state.clone(),
        };
        let after = before.after(&commit.changes).map_err(|error| Error::Internal(error.into()))?;
        Ok(Made { commit, before, after })
    }

    fn touched(&self) -> Vec<Touched> {
        Touched::by(&self.before, &self.after, &self.commit.changes)
    }
}
