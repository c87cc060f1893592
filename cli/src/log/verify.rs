//! `portcullis log verify`: the whole chain, computed anew.

use std::io::Write as _;
use std::process::ExitCode;

use engine::offline::OpeningKey;
use model::ids::StreamId;
use runtime::audit::is_events;
use runtime::history::Verified;
use runtime::{CommitError, Runtime};
use store::Store;

use crate::arguments::LogVerify;
use crate::{secret_key, wiring};

/// How many streams are listed at once.
const PAGE: usize = 1000;

/// What was found so far.
#[derive(Default)]
pub struct Tally {
    /// How many streams were checked.
    pub streams: u64,
    /// How many commits are in those that are whole.
    pub commits: u64,
    /// How many are not.
    pub damaged: u64,
    /// The key that bases have to be signed with, where it is known.
    pub key: Option<OpeningKey>,
}

/// Checks one stream or all. A damaged one does not keep the others from being checked.
///
/// # Errors
/// When the database cannot be read, or has no such account.
pub async fn run(verify: LogVerify) -> anyhow::Result<ExitCode> {
    let runtime = wiring::reading_runtime(verify.data.open(None).await?);
    // Whoever has no secret key, as of a copy elsewhere, checks all but whose the signatures are.
    let key = secret_key::read(&secret_key::path(&verify.data, &verify.secret_key)).ok();
    let mut tally = Tally { key: key.map(|secrets| secrets.opening_key()), ..Tally::default() };
    match verify.account {
        Some(account) => {
            let stream = StreamId::Account(account).to_string();
            anyhow::ensure!(runtime.store.head(&stream).await?.revision > 0, "there is no account `{account}`");
            check(&runtime, &stream, &mut tally).await?;
        }
        None => check_all(&runtime, &mut tally).await?,
    }
    runtime.close().await;
    let Tally { streams, commits, damaged, .. } = tally;
    match damaged {
        0 => writeln!(std::io::stdout(), "the log is intact: commits {commits}, streams {streams}")?,
        _ => writeln!(std::io::stdout(), "the log is damaged: streams {streams}, damaged {damaged}")?,
    }
    Ok(if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks every stream.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(runtime: &Runtime) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    check_all(runtime, &mut tally).await?;
    Ok(tally)
}

/// The time of the newest commit of all streams, in microseconds since 1970-01-01 UTC.
///
/// # Errors
/// When the database cannot be read.
pub async fn newest_commit(store: &Store) -> anyhow::Result<Option<i64>> {
    let (mut after, mut newest) = (Box::from(""), None);
    loop {
        let streams = store.streams(&after, PAGE).await?;
        for (stream, head) in &streams {
            newest = newest.max(store.record(stream, head.revision).await?.map(|record| record.at));
        }
        match streams.into_iter().next_back() {
            Some((last, _)) => after = last,
            None => return Ok(newest),
        }
    }
}

async fn check_all(runtime: &Runtime, tally: &mut Tally) -> anyhow::Result<()> {
    let mut after = Box::from("");
    loop {
        let streams = runtime.store.streams(&after, PAGE).await?;
        // Events beside the commits are for `audit verify`.
        for (stream, _) in streams.iter().filter(|(stream, _)| !is_events(stream)) {
            check(runtime, stream, tally).await?;
        }
        match streams.into_iter().next_back() {
            Some((last, _)) => after = last,
            None => return Ok(()),
        }
    }
}

async fn check(runtime: &Runtime, stream: &str, tally: &mut Tally) -> anyhow::Result<()> {
    tally.streams += 1;
    match runtime.verify(stream.parse()?).await {
        Ok(Verified { signed_by: Some(signer), .. }) if tally.key.is_some_and(|key| key != signer) => {
            tally.damaged += 1;
            writeln!(
                std::io::stderr(),
                "the base of `{stream}` was not signed by this server, but with the key {signer}"
            )?;
        }
        Ok(verified) => tally.commits += verified.commits,
        Err(CommitError::Broken(broken)) => {
            tally.damaged += 1;
            writeln!(std::io::stderr(), "{broken}")?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
