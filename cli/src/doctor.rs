//! `portcullis doctor`: is everything there that a server needs, and can it be relied on?

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use runtime::clock::{Clock as _, SystemClock};
use server::sso_verification::{DnsTxtRecords, TxtRecords as _};
use store::Store;
use tokio::time::timeout;

use crate::arguments::{Dns, Doctor};
use crate::log::verify;
use crate::{secret_key, wiring};

/// Which domain's records the DNS is asked for: what it says does not count, only that it answers.
const ASKED_FOR: &str = "example.com";
const PATIENCE: Duration = Duration::from_secs(10);
/// A newest commit that much later than the clock says that the clock was set back, in microseconds.
const MOST_AHEAD: i64 = 1_000_000;

/// How a part is.
enum Finding {
    Well(String),
    /// A server runs, but not all of it works or is safe.
    Doubtful(String),
    /// A server would not run.
    Bad(String),
}

use Finding::{Bad, Doubtful, Well};

/// Looks at each part, a line each, and goes on where one is not well.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(doctor: Doctor) -> anyhow::Result<ExitCode> {
    let mut is_well = true;
    let mut tell = |part: &str, finding: Finding| {
        let (word, text) = match finding {
            Well(text) => ("ok", text),
            Doubtful(text) => ("doubt", text),
            Bad(text) => ("bad", text),
        };
        is_well &= word == "ok";
        writeln!(std::io::stdout(), "{word:<5} {part}: {text}")
    };
    tell("secret key", key(&doctor))?;
    tell("catalogue", catalogue(&doctor))?;
    tell("DNS", dns(&doctor.dns).await)?;
    match doctor.data.open(None).await {
        Err(error) => tell("database", Bad(format!("{error:#}")))?,
        Ok(store) => {
            tell("database", database(&doctor, &store).await)?;
            tell("clock", clock(&store).await)?;
            tell("log", log(store).await)?;
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn key(doctor: &Doctor) -> Finding {
    let path = secret_key::path(&doctor.data, &doctor.secret_key);
    match secret_key::read(&path) {
        Ok(_) => Well(format!("`{}` can be read, by its owner only", path.display())),
        Err(error) => Bad(format!("{error:#}")),
    }
}

fn catalogue(doctor: &Doctor) -> Finding {
    match wiring::catalog(&doctor.catalogs.catalog) {
        Ok(catalog) => {
            Well(format!("{} permissions, {} operations", catalog.permissions().len(), catalog.operations().len()))
        }
        Err(error) => Bad(format!("{error:#}")),
    }
}

async fn dns(dns: &Dns) -> Finding {
    let records = match DnsTxtRecords::new(dns.dns_server) {
        Ok(records) => records,
        Err(error) => return Doubtful(format!("{error}; domains of SSO connectors cannot be verified")),
    };
    match timeout(PATIENCE, records.look_up(ASKED_FOR)).await {
        Ok(Ok(_)) => Well("it answers".to_owned()),
        Ok(Err(error)) => Doubtful(format!("{error}; domains of SSO connectors cannot be verified")),
        Err(_) => Doubtful("no answer from the DNS in time; domains of SSO connectors cannot be verified".to_owned()),
    }
}

async fn database(doctor: &Doctor, store: &Store) -> Finding {
    let name = &doctor.data.database;
    match timeout(PATIENCE, store.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Bad(format!("`{name}`: {error}")),
        Err(_) => return Bad(format!("`{name}` does not answer in time")),
    }
    match store.doubts(SystemClock.now().as_micros()).await {
        Ok(doubts) if doubts.is_empty() => Well(format!("`{name}` is read and written")),
        Ok(doubts) => Doubtful(format!("`{name}`: {}", doubts.join("; "))),
        Err(error) => Bad(format!("`{name}`: {error}")),
    }
}

/// Times never go back within a log, so a clock that was set back would stand still for a while.
async fn clock(store: &Store) -> Finding {
    let now = SystemClock.now();
    match verify::newest_commit(store).await {
        Ok(Some(newest)) if newest - now.as_micros() > MOST_AHEAD => {
            let seconds = (newest - now.as_micros()) as f64 / 1e6;
            Doubtful(format!(
                "the newest commit is {seconds:.1} s in the future: it was set back; let it follow a time server"
            ))
        }
        Ok(_) => Well(format!("it is {now}")),
        Err(error) => Bad(format!("{error:#}")),
    }
}

async fn log(store: Store) -> Finding {
    let runtime = wiring::reading_runtime(store);
    let checked = verify::all(&runtime).await;
    runtime.close().await;
    match checked {
        Ok(tally) if tally.damaged == 0 => {
            Well(format!("{} commits in {} streams, each chain whole", tally.commits, tally.streams))
        }
        Ok(tally) => Bad(format!(
            "{} of {} streams are damaged; `portcullis log verify` tells where",
            tally.damaged, tally.streams
        )),
        Err(error) => Bad(format!("{error:#}")),
    }
}
