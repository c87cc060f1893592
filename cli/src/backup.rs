//! `portcullis backup`: everything that the database holds at one moment, as one file, while servers go on.

pub mod line;
pub mod reader;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use indicatif::{ProgressBar, ProgressStyle};
use model::time::Timestamp;
use runtime::clock::{Clock, SystemClock};
use sha2::{Digest, Sha256};
use store::{Row, Store};
use zstd::stream::write::Encoder;

use self::line::Line;
use crate::arguments::Backup;

/// Small enough to be quick, and about a tenth of the size.
const COMPRESSION: i32 = 3;

/// Writes the file. It has its name only once it is whole.
///
/// # Errors
/// When the database cannot be read, or the file is there already or cannot be written.
pub async fn run(backup: Backup) -> anyhow::Result<ExitCode> {
    if backup.file.try_exists().with_context(|| format!("cannot look for `{}`", backup.file.display()))? {
        bail!("`{}` is there already; name another file", backup.file.display());
    }
    let store = backup.data.open(None).await?;
    let written = write(&store, &backup.file).await;
    store.close().await;
    let commits = written?;
    let name = backup.file.display();
    writeln!(io::stdout(), "{commits} commits are in `{name}`")?;
    writeln!(
        io::stdout(),
        "The secret key is not, and neither is the journal of revocations: keep both, apart from it"
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn write(store: &Store, path: &Path) -> anyhow::Result<u64> {
    let unfinished = Unfinished::of(path);
    let file = unfinished.create().with_context(|| format!("cannot write `{}`", path.display()))?;
    let bar = bar("commits copied");
    let commits = copy(store, file, SystemClock.now(), &bar).await?;
    bar.finish_and_clear();
    unfinished.finish(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(commits)
}

/// Copies everything of this moment. Tells how many commits it was.
async fn copy(store: &Store, file: File, now: Timestamp, bar: &ProgressBar) -> anyhow::Result<u64> {
    let mut lines = Lines::begin(file, now)?;
    let (mut dump, mut commits) = (store.dump(), 0);
    while let Some(rows) = dump.next().await? {
        commits += rows.iter().filter(|row| matches!(row, Row::Commit(_))).count() as u64;
        lines = tokio::task::spawn_blocking(move || lines.push(rows)).await??;
        bar.set_position(commits);
    }
    tokio::task::spawn_blocking(move || lines.end()).await??;
    Ok(commits)
}

/// Shows itself on standard error, and only if that is a terminal.
pub fn bar(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{spinner}} {{human_pos}} {what}, {{per_sec}}"));
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// The lines of a backup, and the digest of those written so far.
struct Lines {
    out: Encoder<'static, BufWriter<File>>,
    digest: Sha256,
    rows: u64,
    /// The commits that bases stand at, by stream: what came before them is not in the file.
    bases: HashMap<Box<str>, u64>,
}

impl Lines {
    fn begin(file: File, made_at: Timestamp) -> io::Result<Lines> {
        let out = Encoder::new(BufWriter::new(file), COMPRESSION)?;
        let mut lines = Lines { out, digest: Sha256::new(), rows: 0, bases: HashMap::new() };
        lines.write(&Line::Backup { version: line::VERSION, made_at })?;
        Ok(lines)
    }

    fn push(mut self, rows: Vec<Row>) -> io::Result<Lines> {
        for row in rows {
            let line = self.line(row);
            self.write(&line)?;
            self.rows += 1;
        }
        Ok(self)
    }

    fn line(&mut self, row: Row) -> Line {
        match row {
            Row::Base(base) => {
                self.bases.insert(base.stream.clone(), base.revision);
                Line::from(Row::Base(base))
            }
            Row::Commit(record) if self.bases.get(&record.stream) == Some(&record.revision) => {
                let before = record.prev_hash;
                Line::of_commit(record, Some(before))
            }
            other => Line::from(other),
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.digest.update(&bytes);
        self.out.write_all(&bytes)
    }

    /// The last line says what came before it, so that no file that was cut short is taken for a whole one.
    fn end(mut self) -> io::Result<()> {
        let sha256 = HEXLOWER.encode(&self.digest.clone().finalize());
        self.write(&Line::End { rows: self.rows, sha256 })?;
        self.out.finish()?.into_inner()?.sync_all()
    }
}

/// A file under another name until it is whole; removed if it never is.
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// Of the file that will have that name.
    pub fn of(path: &Path) -> Unfinished {
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        Unfinished(name.into())
    }

    /// Makes it, readable by this user only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.0)
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be renamed.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        // Unlike a renaming, this does not replace what came there meanwhile.
        fs::hard_link(&self.0, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nobody takes it for a backup, so one that stays is only litter.
        let _ = fs::remove_file(&self.0);
    }
}
