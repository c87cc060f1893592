//! `portcullis log show`: an account at a revision, and the commits that led there.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use engine::Account;
use model::account_state::AccountState;
use model::change::{Change, Document};
use model::commit::Actor;
use model::ids::{Revision, StreamId};
use model::undo::words;
use runtime::history::at::At;
use runtime::history::commits::{Commit, CommitInfo};
use runtime::stream::Snapshot;
use runtime::{CommitError, Runtime};
use serde_json::{Value, json};
use server::commits::shown;

use crate::arguments::LogShow;
use crate::wiring;

/// Prints the account and its commits.
///
/// # Errors
/// When the database cannot be read, or has no such account or revision.
pub async fn run(show: LogShow) -> anyhow::Result<ExitCode> {
    let runtime = wiring::reading_runtime(show.data.open(None).await?);
    let shown = read(&runtime, &show).await;
    runtime.close().await;
    let (snapshot, commits) = shown?;
    let text = if show.json { as_json(&snapshot, &commits)? } else { as_text(&snapshot, &commits) };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn read(runtime: &Runtime, show: &LogShow) -> anyhow::Result<(Arc<Snapshot<Account>>, Vec<Commit>)> {
    let snapshot = match runtime.account_as_of(show.account, show.at.unwrap_or(At::NEWEST)).await {
        Err(CommitError::NoStream(_)) => bail!("there is no account `{}`", show.account),
        snapshot => snapshot?,
    };
    let mut commits: Vec<Commit> = Vec::new();
    // What is older was folded away.
    let begins = runtime.store.folded(&StreamId::Account(show.account).to_string()).await?.saturating_sub(1);
    loop {
        let shown = begins + commits.len() as Revision;
        let left = usize::try_from(snapshot.revision() - shown)?;
        if left == 0 {
            return Ok((snapshot, commits));
        }
        let page = runtime.commits_after(StreamId::Account(show.account), shown, left.min(1000)).await?;
        let is_whole = !page.is_empty() && (shown + 1..).zip(&page).all(|(next, commit)| commit.info.revision == next);
        if !is_whole {
            bail!("a revision after {shown} is missing; run `portcullis log verify`");
        }
        commits.extend(page);
    }
}

fn as_json(snapshot: &Snapshot<Account>, commits: &[Commit]) -> serde_json::Result<String> {
    let documents =
        snapshot.state.documents().map(|document| shown(&document)).collect::<serde_json::Result<Vec<Value>>>()?;
    let commits: Vec<Value> = commits
        .iter()
        .map(|commit| {
            let changes: Vec<Value> =
                commit.changes.iter().map(|change| json!({ verb(change): change.id() })).collect();
            json!({
                "revision": commit.info.revision,
                "at": commit.info.at,
                "actor": commit.info.actor,
                "request": commit.info.request,
                "changes": changes,
            })
        })
        .collect();
    let shown = json!({
        "account_id": snapshot.state.account_id(),
        "revision": snapshot.revision(),
        "at": snapshot.at,
        "documents": documents,
        "commits": commits,
    });
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

fn as_text(snapshot: &Snapshot<Account>, commits: &[Commit]) -> String {
    let mut text =
        format!("account {} at revision {}, {}\n\n", snapshot.state.account_id(), snapshot.revision(), snapshot.at);
    text.extend(snapshot.state.documents().map(|document| format!("  {}\n", line(&snapshot.state, &document))));
    text.push_str("\ncommits\n");
    for commit in commits {
        text.push_str(&format!("  {}  {}  {}\n", commit.info.revision, commit.info.at, actor(&commit.info)));
        text.extend(commit.changes.iter().map(|change| format!("      {} {}\n", verb(change), words(&change.id()))));
    }
    text
}

fn actor(commit: &CommitInfo) -> String {
    let actor = match &commit.actor {
        Actor::User { email, token: None, .. } => format!("user {email}"),
        Actor::User { email, token: Some(token), .. } => format!("user {email} by token {token}"),
        Actor::Account { token, .. } => format!("account token {token}"),
        Actor::System { reason } => format!("system: {reason}"),
    };
    match &*commit.request.method {
        "" => actor,
        method => format!("{actor}, {method} {}", commit.request.path),
    }
}

fn verb(change: &Change) -> &'static str {
    match change {
        Change::Put(_) => "put",
        Change::Delete(_) => "delete",
    }
}

/// One document on one line.
fn line(state: &AccountState, document: &Document) -> String {
    let what = match document {
        Document::Account(account) => format!("\"{}\", {}", account.name, account.kind),
        Document::Member(member) => {
            format!("{}, {}, {} policies", member.email.as_str(), member.standing.as_str(), member.policies.len())
        }
        Document::UserGroup(group) => {
            format!("\"{}\", {} policies, {} members", group.name, group.policies.len(), state.group_size(group.id))
        }
        Document::GroupMember(place) => format!("since {}", place.created_on),
        Document::ResourceGroup(group) => format!("\"{}\", {}", group.name, group.scope.shown_objects().join(" ")),
        Document::Resource(resource) => format!("\"{}\"", resource.name),
        Document::RemovedResource(removed) => format!("since {}", removed.removed_on),
        Document::Token(token) => format!("\"{}\", {} policies", token.name, token.policies.len()),
        Document::SsoConnector(connector) => format!("{}, {}", connector.email_domain, connector.verification.as_str()),
        Document::User(user) => user.email.as_str().to_owned(),
    };
    format!("{}  {what}", words(&document.id()))
}
