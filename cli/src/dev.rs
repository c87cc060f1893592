//! `portcullis dev`: a server in memory, with public credentials.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use runtime::secrets::Secrets;
use server::{PublicUrl, Settings};
use store::Store;

use crate::arguments::Dev;
use crate::background::Upkeep;
use crate::duration::History;
use crate::{log_lines, serve, wiring};

/// Nothing outlives the process, so the key need not be secret.
const KEY: &[u8; 32] = b"portcullis development server...";

/// Runs the development server until it is told to end.
///
/// # Errors
/// When the address is not on loopback, or the server cannot start.
pub async fn run(dev: Dev) -> anyhow::Result<ExitCode> {
    if !dev.listen.ip().is_loopback() {
        bail!(
            "`dev` listens on loopback only, since its credentials are public, and {} is not; \
             use an address such as 127.0.0.1:8787, or set up a server with `portcullis init`",
            dev.listen
        );
    }
    log_lines::start(&dev.log_lines)?;
    let catalog =
        wiring::catalog(&dev.catalogs.catalog)?.with_file(server::dev::catalogue(), "the development server's own")?;
    let runtime = Arc::new(wiring::runtime(Store::memory(), catalog, server::dev::rules(), Secrets::new(KEY)));
    server::dev::seed(&runtime).await.context("the seed cannot be written")?;
    let listener = serve::listen(dev.listen).await?;
    let settings = Settings {
        wire_shapes: dev.answers.wire_shapes,
        failure_limit: None,
        dev: true,
        public_url: PublicUrl::of_address(listener.local_addr()?),
        ..Settings::default()
    };
    eprintln!("{}", banner());
    serve::listen_and_serve(
        listener,
        runtime,
        settings,
        dev.dns.dns_server,
        Upkeep { max_staleness: serve::MAX_STALENESS, history: History::FOR_EVER },
    )
    .await
}

fn banner() -> String {
    let lines = [
        "PORTCULLIS DEVELOPMENT SERVER",
        "",
        "For development only: everybody knows its credentials,",
        "and everything is forgotten when it ends.",
        "",
        &format!("account   {}", server::dev::ACCOUNT_ID),
        &format!("token     {}", server::dev::API_TOKEN),
        &format!("e-mail    {}", server::dev::EMAIL),
        &format!("API key   {}", server::dev::API_KEY),
        "reset     POST /__dev/reset",
    ];
    let edge = "#".repeat(64);
    let lines: String = lines.iter().map(|line| format!("#  {line:<58}  #\n")).collect();
    format!("{edge}\n{lines}{edge}")
}
