//! `portcullis export` and `portcullis apply`: an account as a file.

mod terraform;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use http::Method;
use serde_json::{Value, json};

use crate::arguments::ask::{Apply, Export, Format};
use crate::ask::asker::{self, Asker};
use crate::ask::text;
use crate::secret_key;

/// Writes an account to standard output.
///
/// # Errors
/// When there is no such account, or it cannot be read.
pub async fn export(export: Export) -> anyhow::Result<ExitCode> {
    let (format, place) = (export.format, export.place());
    let asker = Asker::open(&place).await?;
    let written = match format {
        Format::Json => state(&asker).await,
        Format::Terraform => match asker.account_now().await {
            Ok(account) => terraform::write(&account.state, asker.catalog()),
            Err(error) => Err(error),
        },
    };
    asker.close().await;
    std::io::stdout().write_all(written?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn state(asker: &Asker) -> anyhow::Result<String> {
    let answer = asker.send(Method::GET, &asker.path("/iam/state"), None).await?;
    Ok(serde_json::to_string_pretty(&answer.body["result"])? + "\n")
}

/// Makes an account what a file says, and tells the difference first.
///
/// # Errors
/// Every fault of the file; what the account does not allow.
pub async fn apply(apply: Apply) -> anyhow::Result<ExitCode> {
    let body = asker::text_of(&apply.file)?;
    let key = secret_key::read(&secret_key::path(&apply.place.data, &apply.secret_key))?;
    let asker = Asker::open_with(&apply.place, key).await?;
    let done = difference_and_write(&asker, &apply, body).await;
    asker.close().await;
    done
}

async fn difference_and_write(asker: &Asker, apply: &Apply, body: String) -> anyhow::Result<ExitCode> {
    let path = asker.path("/iam/state");
    let foretold =
        asker.send(Method::PUT, &path, Some(body.clone())).await.context(apply.file.display().to_string())?;
    let changes = foretold.body["dry_run"]["changes"] == true;
    let mut out = std::io::stdout();
    if apply.place.json && (apply.dry_run || !changes) {
        let told =
            json!({ "changes": changes, "difference": foretold.body["result"], "dry_run": foretold.body["dry_run"] });
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
    } else if !apply.place.json {
        out.write_all(difference(&foretold.body).as_bytes())?;
    }
    if apply.dry_run || !changes {
        return Ok(if changes { ExitCode::from(2) } else { ExitCode::SUCCESS });
    }
    let written = asker.write(Method::PUT, &path, Some(body)).await?;
    if apply.place.json {
        let told = json!({ "revision": written.revision, "difference": written.body["result"], "messages": written.body["messages"] });
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for message in written.body["messages"].as_array().into_iter().flatten() {
        writeln!(out, "{}", message["message"].as_str().unwrap_or_default())?;
    }
    writeln!(out, "revision {}", written.revision.unwrap_or_default())?;
    Ok(ExitCode::SUCCESS)
}

/// What would come, change and go, and who would gain and lose by it.
fn difference(answer: &Value) -> String {
    let mut told = String::new();
    for (sign, list) in [("+", "created"), ("~", "changed"), ("-", "deleted")] {
        for name in answer["result"][list].as_array().into_iter().flatten().filter_map(Value::as_str) {
            told.push_str(&format!("{sign} {name}\n"));
        }
    }
    told + &text::change(answer)
}
