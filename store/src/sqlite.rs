//! The log in SQLite: one writer thread with a queue, and a few connections that only read.

mod append;
mod dump;
mod fold;
mod queue;
mod read;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{AppendError, StoreError};
use crate::foreign::Foreign;
use crate::numbers::to_i64;
use crate::pending::Pending;
use crate::record::snapshot_checksum;
use crate::transaction::{Lease, LeaseChange, Summary, Transaction, Usage};
use queue::{Job, Queue, Upkeep};
use read::Readers;
use writer::Writer;

/// How to use the database file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The most transactions that share one commit of the database (and so one `fsync`). 1 writes each by itself. Default 512.
    pub batch: usize,
    /// How long to wait for a lock that another process holds. Default 5 seconds.
    pub busy_timeout: Duration,
    /// The largest size of the file, in pages of 4096 bytes; beyond it, writes fail with [`StoreError::Full`]. Default none.
    pub max_pages: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions { batch: 512, busy_timeout: Duration::from_secs(5), max_pages: None }
    }
}

#[derive(Debug)]
pub struct Sqlite {
    queue: Arc<Queue>,
    /// Ends with the writer's connection, so that closing it can be the last thing done to the file. None once closed.
    writer: Arc<Mutex<Option<JoinHandle<Connection>>>>,
    readers: Arc<Readers>,
    path: PathBuf,
    options: SqliteOptions,
}

impl Sqlite {
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Sqlite, StoreError> {
        // Absolute, because SQLite gives names such as `:memory:` a meaning of their own.
        let path = std::path::absolute(path).map_err(|error| StoreError::io(path, error))?;
        let connection = schema::open(&path, &options)?;
        let readers = Arc::new(Readers::open(&path, &options)?);
        let queue = Arc::new(Queue::default());
        let thread = Writer::new(connection)?.start(Arc::clone(&queue), options.batch.max(1));
        let writer = thread.map_err(|error| StoreError::io(&path, error))?;
        Ok(Sqlite { queue, writer: Arc::new(Mutex::new(Some(writer))), readers, path, options })
    }

    pub fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    pub fn enqueue(&self, transaction: Transaction) -> Pending {
        let (answer, waiting) = oneshot::channel();
        match self.queue.push(Job::Append { transaction, answer }) {
            Ok(()) => Pending::waiting(waiting),
            Err(_) => Pending::ready(Err(AppendError::Closed)),
        }
    }

    pub async fn put_snapshot(&self, stream: &str, revision: u64, state: Vec<u8>) -> Result<(), StoreError> {
        let stream = Box::from(stream);
        let upkeep = read::blocking(move || {
            let checksum = snapshot_checksum(&stream, revision, &state);
            Ok(Upkeep::PutSnapshot { stream, revision, state, checksum })
        });
        self.upkeep(upkeep.await?).await.map(drop)
    }

    pub async fn put_leases(&self, changes: Vec<LeaseChange>) -> Result<(), StoreError> {
        self.upkeep(Upkeep::PutLeases(changes)).await.map(drop)
    }

    pub async fn replace_lease(&self, read: &Lease, by: Option<Lease>) -> Result<bool, StoreError> {
        Ok(self.upkeep(Upkeep::ReplaceLease { read: read.clone(), by }).await? > 0)
    }

    pub async fn purge_leases(&self, now: i64) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.upkeep(Upkeep::PurgeLeases { now }).await?;
            total += removed;
            if removed < append::PURGED_AT_ONCE {
                return Ok(total);
            }
        }
    }

    pub async fn put_usage(&self, usage: Vec<Usage>) -> Result<(), StoreError> {
        self.upkeep(Upkeep::PutUsage(usage)).await.map(drop)
    }

    pub async fn put_summaries(&self, stream: &str, summaries: Vec<Summary>) -> Result<(), StoreError> {
        self.upkeep(Upkeep::PutSummaries { stream: stream.into(), summaries }).await.map(drop)
    }

    pub async fn usage_since(&self, now: i64) -> Result<i64, StoreError> {
        self.upkeep(Upkeep::UsageSince { now }).await.map(to_i64)
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.is_empty().await?;
        self.upkeep(Upkeep::Ping).await.map(drop)
    }

    pub async fn foreign(&self) -> Result<Foreign, StoreError> {
        let has_changed = self.upkeep(Upkeep::ForeignChange).await? > 0;
        Ok(if has_changed { Foreign::Anything } else { Foreign::Nothing })
    }

    pub async fn close(&self) {
        self.queue.close();
        let (writer, readers) = (Arc::clone(&self.writer), Arc::clone(&self.readers));
        // Fails only when the runtime shuts down first; then dropping the store does the same.
        let _ = read::blocking(move || {
            finish(&writer, &readers);
            Ok(())
        })
        .await;
    }

    pub(super) async fn upkeep(&self, upkeep: Upkeep) -> Result<u64, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.queue.push(Job::Upkeep { upkeep, answer }).map_err(|_| StoreError::Closed)?;
        waiting.await.unwrap_or(Err(StoreError::WriterStopped))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queue.close();
        finish(&self.writer, &self.readers);
    }
}

/// Waits until the queue is drained, and closes the file: the readers first, so that the writer's connection finds nobody in its way
/// when it moves what is in the write-ahead log into the database. Whoever comes second waits for the first.
fn finish(writer: &Mutex<Option<JoinHandle<Connection>>>, readers: &Readers) {
    let mut writer = lock(writer);
    let Some(thread) = writer.take() else { return };
    let connection = thread.join();
    readers.close();
    let Ok(connection) = connection else { return };
    // Nothing is lost when this fails: the next to open the database does it.
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be emptied on closing");
    }
}

/// A panic elsewhere leaves a connection or a queue in order: both change in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
