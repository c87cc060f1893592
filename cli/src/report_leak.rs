//! `portcullis report-leak`: what a scanner or an operator says that found a secret.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context, bail};
use model::ids::StreamId;
use model::rules::Rules;
use runtime::token_life::Leaked;

use crate::arguments::ReportLeak;
use crate::{secret_key, wiring};

/// No secret is longer than this, in bytes.
const LONGEST: u64 = 256;

/// Reads the secret and puts out of use what it opens.
///
/// # Errors
/// When it opens nothing.
pub async fn run(report: ReportLeak) -> anyhow::Result<ExitCode> {
    let mut secret = String::new();
    std::io::stdin().take(LONGEST).read_to_string(&mut secret).context("the secret cannot be read")?;
    let store = report.data.open(None).await?;
    let secrets = secret_key::read(&secret_key::path(&report.data, &report.secret_key))?;
    let runtime = wiring::writing_runtime(&report.data, store, wiring::catalog(&[])?, Rules::default(), secrets)?;
    let found = runtime.report_leak(secret.trim(), &wiring::operator("report-leak")).await;
    runtime.close().await;
    let Some(leaked) = found? else {
        bail!("no token or key has that secret; the secret is expected on standard input")
    };
    let (kind, id, owner) = match leaked {
        Leaked::Token(owner @ StreamId::Account(_), id) => ("account token", id.to_string(), owner.to_string()),
        Leaked::Token(owner @ StreamId::User(_), id) => ("user token", id.to_string(), owner.to_string()),
        Leaked::ApiKey(user) => ("Global API Key", user.to_string(), StreamId::User(user).to_string()),
    };
    let mut out = std::io::stdout();
    if report.json {
        writeln!(out, "{}", serde_json::json!({ "kind": kind, "id": id, "owner": owner }))?;
    } else {
        writeln!(out, "The {kind} {id} of {owner} is out of use")?;
    }
    Ok(ExitCode::SUCCESS)
}
