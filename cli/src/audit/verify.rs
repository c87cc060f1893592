//! `portcullis audit verify`: both kinds of log, each chain computed anew.

use std::io::Write as _;
use std::process::ExitCode;

use model::ids::StreamId;
use runtime::audit::{events_of, is_events};
use runtime::{CommitError, Runtime};

use crate::arguments::audit::AuditVerify;
use crate::wiring;

/// How many streams are listed at once.
const PAGE: usize = 1000;

/// What was found so far.
#[derive(Default)]
struct Tally {
    streams: u64,
    commits: u64,
    events: u64,
    damaged: u64,
}

/// Checks one account or everything. A damaged log does not keep the others from being checked.
///
/// # Errors
/// When the database cannot be read, or has no such account.
pub async fn run(verify: AuditVerify) -> anyhow::Result<ExitCode> {
    let runtime = wiring::reading_runtime(verify.data.open(None).await?);
    let mut tally = Tally::default();
    match verify.account {
        Some(account) => {
            let stream = StreamId::Account(account);
            let name = stream.to_string();
            anyhow::ensure!(runtime.store.head(&name).await?.revision > 0, "there is no account `{account}`");
            check(&runtime, &name, &mut tally).await?;
            check(&runtime, &events_of(stream), &mut tally).await?;
        }
        None => check_all(&runtime, &mut tally).await?,
    }
    runtime.close().await;
    let Tally { streams, commits, events, damaged } = tally;
    match damaged {
        0 => writeln!(
            std::io::stdout(),
            "the audit log is intact: commits {commits}, other entries {events}, streams {streams}"
        )?,
        _ => writeln!(std::io::stdout(), "the audit log is damaged: streams {streams}, damaged {damaged}")?,
    }
    Ok(if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_all(runtime: &Runtime, tally: &mut Tally) -> anyhow::Result<()> {
    let mut after = Box::from("");
    loop {
        let streams = runtime.store.streams(&after, PAGE).await?;
        for (stream, _) in &streams {
            check(runtime, stream, tally).await?;
        }
        match streams.into_iter().next_back() {
            Some((last, _)) => after = last,
            None => return Ok(()),
        }
    }
}

async fn check(runtime: &Runtime, stream: &str, tally: &mut Tally) -> anyhow::Result<()> {
    let verified = match is_events(stream) {
        true => runtime.verify_events(stream).await.map(|verified| tally.events += verified.commits),
        false => runtime.verify(stream.parse()?).await.map(|verified| tally.commits += verified.commits),
    };
    tally.streams += 1;
    match verified {
        Ok(()) => Ok(()),
        Err(CommitError::Broken(broken)) => {
            tally.damaged += 1;
            writeln!(std::io::stderr(), "{broken}")?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
