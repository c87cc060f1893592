//! `portcullis restore`: a backup into a new database, of either engine. What was revoked since the backup was made stays revoked.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use indicatif::ProgressBar;
use model::change;
use model::ids::StreamId;
use model::time::Timestamp;
use runtime::Runtime;
use runtime::clock::{Clock, SystemClock};
use runtime::revocations::replay::{Revocations, Revoked};
use store::{Base, ClaimChange, Commit, Lease, LeaseChange, Record, Row, Store, Transaction, Usage};

use crate::arguments::Restore;
use crate::backup::bar;
use crate::backup::reader::Reader;
use crate::database::{self, UNFINISHED};
use crate::wiring;

/// How many rows are written together, and how many such transactions are on their way at once.
const ROWS_AT_ONCE: usize = 500;
const AT_ONCE: usize = 8;

/// Restores the backup.
///
/// # Errors
/// When the backup is damaged, the database is not empty, or it is not known what was revoked since. Then nothing is written. One that is
/// cut short leaves a database that no server opens.
pub async fn run(restore: Restore) -> anyhow::Result<ExitCode> {
    let file = restore.file.clone();
    let (made_at, rows) = tokio::task::spawn_blocking(move || Reader::check(&file)).await??;
    let revocations = revocations(&restore, made_at)?;
    let store = restore.data.open_or_create(None).await?;
    let restored = into_empty(&store, &restore, rows).await;
    let runtime = wiring::reading_runtime(store);
    let revoked = match restored {
        Ok(()) => revoke(&runtime, &restore, made_at, revocations.as_ref()).await,
        Err(error) => Err(error),
    };
    let finished = match revoked {
        Ok(revoked) => runtime.store.put_leases(vec![mark_done()]).await.map(|()| revoked).map_err(Into::into),
        Err(error) => Err(error),
    };
    runtime.close().await;
    tell(&restore, rows, made_at, &finished?)
}

fn tell(restore: &Restore, rows: u64, made_at: Timestamp, revoked: &Revoked) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    writeln!(out, "`{}` is as it was at {made_at}: {rows} rows", restore.data.database)?;
    let Revoked { credentials, members, users, accounts, left } = revoked;
    writeln!(out, "revoked again: credentials {credentials}, members {members}, users {users}, accounts {accounts}")?;
    for sentence in left {
        writeln!(out, "{sentence}")?;
    }
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the journals say; none where everything is to be revoked.
fn revocations(restore: &Restore, made_at: Timestamp) -> anyhow::Result<Option<Revocations>> {
    if restore.revoke_all_credentials {
        return Ok(None);
    }
    let own = restore.data.journal_path();
    let mut paths: Vec<PathBuf> = restore.journal.clone();
    if !paths.contains(&own) && own.try_exists()? {
        paths.push(own);
    }
    let advice =
        "give the journals of all servers with `--journal FILE`, or revoke everything with `--revoke-all-credentials`";
    ensure!(
        !paths.is_empty(),
        "it is not known which credentials were revoked since {made_at}, and none shall come back: {advice}"
    );
    let mut revocations = Revocations::default();
    for path in paths {
        let since = revocations.read(&path).with_context(|| format!("the journal `{}`", path.display()))?;
        if since > made_at {
            let path = path.display();
            bail!(
                "the journal `{path}` begins at {since}, and the backup is of {made_at}: what was revoked in between is not known; {advice}"
            );
        }
    }
    Ok(Some(revocations))
}

async fn revoke(
    runtime: &Runtime,
    restore: &Restore,
    made_at: Timestamp,
    revocations: Option<&Revocations>,
) -> anyhow::Result<Revoked> {
    let origin = wiring::operator("restore");
    let journal = restore.data.journal_path();
    let is_new = !journal.try_exists()?;
    runtime.journal.keep_in(&journal, made_at).with_context(|| format!("the journal `{}`", journal.display()))?;
    match revocations {
        Some(revocations) => {
            if is_new {
                // So that the next restore of the same backup needs no other journal.
                runtime.journal.take_over(revocations)?;
            }
            Ok(runtime.revoke_again(revocations, &origin).await?)
        }
        None => Ok(runtime.revoke_all_credentials(&origin).await?),
    }
}

/// While it is there, the database is not whole.
fn mark_unfinished() -> LeaseChange {
    let (kind, key) = UNFINISHED;
    let now = SystemClock.now().as_micros();
    LeaseChange::Put(Lease {
        kind: kind.into(),
        key: key.into(),
        stream: "database".into(),
        due_at: now,
        expires_at: i64::MAX,
        payload: Vec::new(),
    })
}

fn mark_done() -> LeaseChange {
    let (kind, key) = UNFINISHED;
    LeaseChange::Delete { kind: kind.into(), key: key.into() }
}

async fn into_empty(store: &Store, restore: &Restore, rows: u64) -> anyhow::Result<()> {
    if !store.is_empty().await? || database::is_unfinished(store).await? {
        bail!("there is something in `{}` already; restore into a new database", restore.data.database);
    }
    store.put_leases(vec![mark_unfinished()]).await?;
    let bar = bar("rows restored");
    bar.set_length(rows);
    copy(store, &restore.file, &bar).await?;
    bar.finish_and_clear();
    Ok(())
}

async fn copy(store: &Store, path: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut reader = Reader::open(path)?;
    let mut writer = Writer::new(store);
    loop {
        let (again, rows) = tokio::task::spawn_blocking(move || {
            let rows = some(&mut reader);
            (reader, rows)
        })
        .await?;
        reader = again;
        let rows = rows?;
        if rows.is_empty() {
            return writer.finish().await;
        }
        bar.inc(rows.len() as u64);
        writer.write(rows).await?;
    }
}

fn some(reader: &mut Reader) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
    while rows.len() < ROWS_AT_ONCE
        && let Some(row) = reader.next()?
    {
        rows.push(row);
    }
    Ok(rows)
}

/// Writes rows as if they were made now, so that each engine keeps what it needs beside them.
struct Writer<'a> {
    store: &'a Store,
    /// Where commits are seen besides their own streams; they come before the commits.
    places: HashMap<(Box<str>, u64), Vec<Box<str>>>,
    /// Bases whose commit has not come yet, by stream.
    bases: HashMap<Box<str>, Base>,
    waiting: Vec<store::Pending>,
}

impl Writer<'_> {
    fn new(store: &Store) -> Writer<'_> {
        Writer { store, places: HashMap::new(), bases: HashMap::new(), waiting: Vec::new() }
    }

    async fn write(&mut self, rows: Vec<Row>) -> anyhow::Result<()> {
        let mut transaction = Transaction::default();
        let mut usage: Vec<Usage> = Vec::new();
        for row in rows {
            match row {
                Row::Appearance { place, stream, revision } => {
                    self.places.entry((stream, revision)).or_default().push(place);
                }
                Row::Base(base) => _ = self.bases.insert(base.stream.clone(), base),
                // Older ones that a folding which was cut short has left are not needed.
                Row::Commit(record)
                    if self.bases.get(&record.stream).is_some_and(|base| base.revision > record.revision) => {}
                Row::Commit(record)
                    if self.bases.get(&record.stream).is_some_and(|base| base.revision == record.revision) =>
                {
                    if let Some(base) = self.bases.remove(&record.stream) {
                        self.store.found(base, record).await?;
                    }
                }
                Row::Commit(record) => transaction.commits.push(self.commit(record)?),
                Row::Claim(claim) => transaction.claims.push(ClaimChange::Take(claim)),
                Row::Lease(lease) if (&*lease.kind, &*lease.key) == UNFINISHED => {}
                Row::Lease(lease) => transaction.leases.push(LeaseChange::Put(lease)),
                Row::Usage(one) => usage.push(one),
                Row::UsageSince(at) => _ = self.store.usage_since(at).await?,
            }
        }
        if !usage.is_empty() {
            self.store.put_usage(usage).await?;
        }
        self.waiting.push(self.store.enqueue(transaction));
        if self.waiting.len() >= AT_ONCE { self.settle().await } else { Ok(()) }
    }

    fn commit(&mut self, record: Record) -> anyhow::Result<Commit> {
        let appears_in = self.places.remove(&(record.stream.clone(), record.revision)).unwrap_or_default();
        // Only accounts and users have documents.
        let touched = match record.stream.parse::<StreamId>() {
            Ok(_) => {
                let place = || format!("revision {} of `{}`", record.revision, record.stream);
                let changes = change::read(&record.changes).with_context(place)?;
                changes.iter().map(|change| change.id().to_string().into()).collect()
            }
            Err(_) => Vec::new(),
        };
        Ok(Commit { record, touched, appears_in })
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        for pending in self.waiting.drain(..) {
            pending.await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> anyhow::Result<()> {
        self.settle().await
    }
}
