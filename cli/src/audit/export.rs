//! `portcullis audit export`.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use model::ids::StreamId;
use model::time::Timestamp;
use runtime::Runtime;
use runtime::audit::merged::{Order, Whose, Window};
use runtime::audit::{Place, events_of};
use serde_json::Value;
use server::audit::filters::Filters;
use server::audit::question::{Found, Question};
use server::audit::view::{self, AccountView};

use super::columns::{COLUMNS, cells, harmless};
use crate::arguments::audit::{AuditExport, ExportFormat};
use crate::wiring;

/// Writes the log. What was written so far is left where something fails.
///
/// # Errors
/// When there is no such account, the log cannot be read, or the file cannot be written.
pub async fn run(export: AuditExport) -> anyhow::Result<ExitCode> {
    check(&export)?;
    let runtime = Arc::new(wiring::reading_runtime(export.data.open(None).await?));
    let written = write(&runtime, &export).await;
    runtime.close().await;
    let count = written?;
    // Standard output may be the export itself.
    eprintln!("exported {count} entries");
    Ok(ExitCode::SUCCESS)
}

fn check(export: &AuditExport) -> anyhow::Result<()> {
    if export.format == ExportFormat::Parquet {
        if cfg!(not(feature = "parquet")) {
            bail!(
                "this portcullis was built without Parquet; build it with `--features parquet`, or take `--format jsonl`"
            );
        }
        if export.output.is_none() && std::io::stdout().is_terminal() {
            bail!("Parquet is not for the terminal; name a file with `--output FILE`");
        }
    }
    let (since, before) = (export.since.unwrap_or(beginning()), export.before.unwrap_or(Timestamp::MAX));
    anyhow::ensure!(since < before, "--since {since} must be earlier than --before {before}");
    Ok(())
}

fn beginning() -> Timestamp {
    Timestamp::from_micros(i64::MIN)
}

async fn write(runtime: &Arc<Runtime>, export: &AuditExport) -> anyhow::Result<u64> {
    let whose = export.owner.0;
    let account = match whose {
        Whose::Account(id) => {
            let snapshot = runtime.account(id).await?.with_context(|| format!("there is no account `{id}`"))?;
            let name = snapshot.state.account().map(|account| account.name.clone()).unwrap_or_default();
            Some(AccountView { id, name })
        }
        Whose::User(_) | Whose::Server => None,
    };
    let question = Question {
        whose,
        window: Window { since: export.since.unwrap_or(beginning()), before: export.before.unwrap_or(Timestamp::MAX) },
        order: Order::OldestFirst,
        filters: Filters::default(),
        about: None,
        limit: usize::MAX,
        after: None,
    };
    let out: Box<dyn Write + Send> = match &export.output {
        None => Box::new(std::io::stdout()),
        Some(path) => Box::new(File::create_new(path).with_context(|| format!("cannot make `{}`", path.display()))?),
    };
    let mut sink = Sink::new(export.format, BufWriter::new(out))?;
    let bar = bar(entries_at_most(runtime, whose).await?);
    let mut found = Found::start(runtime, &question).await?;
    let mut count = 0;
    while let Some(entry) = found.next().await? {
        let entry = serde_json::to_value(view::view(runtime, &entry, account.as_ref()).await?)?;
        sink.push(&entry)?;
        count += 1;
        bar.set_position(count);
    }
    sink.finish()?;
    bar.finish_and_clear();
    Ok(count)
}

/// About how many entries there are: those of its own logs.
async fn entries_at_most(runtime: &Runtime, whose: Whose) -> anyhow::Result<u64> {
    let streams = match whose {
        Whose::Account(id) => vec![StreamId::Account(id).to_string().into(), events_of(StreamId::Account(id))],
        Whose::User(id) => vec![StreamId::User(id).to_string().into(), events_of(StreamId::User(id))],
        Whose::Server => vec![Place::Server.stream()],
    };
    let mut count = 0;
    for stream in streams {
        count += runtime.store.head(&stream).await?.revision;
    }
    Ok(count)
}

/// Shows itself on standard error, and only if that is a terminal.
fn bar(length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos} of about {human_len} entries, {per_sec}, {eta} left");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Where entries go.
enum Sink<W: Write + Send> {
    Lines(W),
    Csv(Box<csv::Writer<W>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet_file::Rows<W>>),
}

impl<W: Write + Send> Sink<W> {
    fn new(format: ExportFormat, out: W) -> anyhow::Result<Sink<W>> {
        match format {
            ExportFormat::Jsonl => Ok(Sink::Lines(out)),
            ExportFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(COLUMNS.iter().map(|(name, _)| name))?;
                Ok(Sink::Csv(Box::new(writer)))
            }
            #[cfg(feature = "parquet")]
            ExportFormat::Parquet => Ok(Sink::Parquet(Box::new(super::parquet_file::Rows::new(out)?))),
            #[cfg(not(feature = "parquet"))]
            ExportFormat::Parquet => bail!("this portcullis was built without Parquet"),
        }
    }

    fn push(&mut self, entry: &Value) -> anyhow::Result<()> {
        match self {
            Sink::Lines(out) => {
                serde_json::to_writer(&mut *out, entry)?;
                out.write_all(b"\n")?;
            }
            Sink::Csv(writer) => writer.write_record(cells(entry).map(|cell| harmless(cell.unwrap_or_default())))?,
            #[cfg(feature = "parquet")]
            Sink::Parquet(rows) => rows.push(cells(entry))?,
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Sink::Lines(mut out) => out.flush()?,
            Sink::Csv(mut writer) => writer.flush()?,
            #[cfg(feature = "parquet")]
            Sink::Parquet(rows) => rows.finish()?,
        }
        Ok(())
    }
}
