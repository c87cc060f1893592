//! `portcullis revert`: undoes a commit, by the server's own route over the database.

use std::io::Write as _;
use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use crate::arguments::ask::Revert;
use crate::ask::asker::Asker;
use crate::ask::text;

/// Undoes the commit, or tells what that would change.
///
/// # Errors
/// When it cannot be undone: every object in the way is told.
pub async fn run(revert: Revert) -> anyhow::Result<ExitCode> {
    let asker = Asker::open(&revert.place).await?;
    let path = asker.path(&format!("/iam/commits/{}/revert", revert.revision));
    let answered = match revert.dry_run {
        true => asker.send(Method::POST, &path, None).await,
        false => asker.write(Method::POST, &path, None).await,
    };
    asker.close().await;
    let answer = answered?;
    let shown = match (revert.place.json, revert.dry_run) {
        (true, _) => {
            serde_json::to_string_pretty(&json!({ "revision": answer.revision, "answer": answer.body }))? + "\n"
        }
        (false, true) => text::change(&answer.body),
        (false, false) => done(&answer.body["result"]),
    };
    std::io::stdout().write_all(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn done(result: &Value) -> String {
    format!("revision {} undoes revision {}\n", result["revision"], result["reverted"])
}
