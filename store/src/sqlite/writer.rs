//! The one thread that writes: it takes everything that waits, and makes it durable with one commit of the database.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot::Sender;

use super::append::{self, Heads};
use super::fold;
use super::queue::{Job, Queue, Upkeep};
use crate::error::{AppendError, StoreError};

/// Whatever ends the thread: nobody waits for it forever.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the writer of the commit log has stopped; restart the server");
        }
        self.0.abandon();
    }
}

pub struct Writer {
    connection: Connection,
    heads: Heads,
    /// What `PRAGMA data_version` last said. It moves when another connection has written.
    data_version: i64,
    /// Another process has written, and nobody was told yet.
    foreign: bool,
}

/// A job that has run, and what to answer once it is durable.
enum Done {
    Append { result: Result<(), AppendError>, answer: Sender<Result<(), AppendError>> },
    Upkeep { result: Result<u64, StoreError>, answer: Sender<Result<u64, StoreError>> },
}

impl Writer {
    pub fn new(connection: Connection) -> Result<Writer, StoreError> {
        let data_version = read_data_version(&connection)?;
        Ok(Writer { connection, heads: Heads::default(), data_version, foreign: false })
    }

    /// Starts the thread. It ends, with its connection, once the queue is closed and drained.
    pub fn start(mut self, queue: Arc<Queue>, batch: usize) -> io::Result<JoinHandle<Connection>> {
        Builder::new().name("commit-log".to_owned()).spawn(move || {
            let guard = Abandon(queue);
            loop {
                let jobs = guard.0.take(batch);
                if jobs.is_empty() {
                    return self.connection;
                }
                self.run(jobs);
            }
        })
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let writes = jobs.iter().any(Job::writes);
        let mut jobs = jobs.into_iter();
        let mut done = Vec::with_capacity(jobs.len());
        match self.run_batch(writes, &mut jobs, &mut done) {
            Ok(()) => done.into_iter().for_each(Done::deliver),
            Err(error) => {
                // The heads that this batch has cached are not in the database.
                self.heads.clear();
                if !self.connection.is_autocommit()
                    && let Err(error) = execute(&self.connection, "ROLLBACK")
                {
                    tracing::error!(%error, "a failed batch could not be rolled back");
                }
                done.into_iter().for_each(|done| done.fail(&error));
                jobs.for_each(|job| job.fail(&error));
            }
        }
    }

    fn run_batch(
        &mut self,
        writes: bool,
        jobs: &mut impl Iterator<Item = Job>,
        done: &mut Vec<Done>,
    ) -> Result<(), StoreError> {
        if writes {
            execute(&self.connection, "BEGIN IMMEDIATE")?;
        }
        // After BEGIN: from here on nobody else can write.
        self.watch_data_version()?;
        for job in jobs {
            done.push(self.run_job(job));
            // A full disk makes SQLite roll back the whole transaction by itself. Nothing may run outside of one.
            if writes && self.connection.is_autocommit() {
                return Err(done.last().and_then(Done::failure).unwrap_or(StoreError::WriterStopped));
            }
        }
        if writes {
            execute(&self.connection, "COMMIT")?;
        }
        Ok(())
    }

    fn run_job(&mut self, job: Job) -> Done {
        match job {
            Job::Append { transaction, answer } => {
                let (connection, heads) = (&self.connection, &mut self.heads);
                let result = append::under_savepoint(connection, || append::append(connection, heads, &transaction));
                if result.is_err() {
                    // Some of its heads may be in the cache already.
                    transaction.commits.iter().for_each(|commit| heads.forget(&commit.record.stream));
                }
                Done::Append { result, answer }
            }
            Job::Upkeep { upkeep, answer } => Done::Upkeep { result: self.run_upkeep(upkeep), answer },
        }
    }

    fn run_upkeep(&mut self, upkeep: Upkeep) -> Result<u64, StoreError> {
        let connection = &self.connection;
        match upkeep {
            Upkeep::PutSnapshot { stream, revision, state, checksum } => append::under_savepoint(connection, || {
                append::put_snapshot(connection, &stream, revision, &state, &checksum)?;
                Ok(0)
            }),
            Upkeep::PutLeases(changes) => append::under_savepoint(connection, || {
                append::change_leases(connection, &changes)?;
                Ok(0)
            }),
            Upkeep::ReplaceLease { read, by } => {
                append::under_savepoint(connection, || Ok(append::replace_lease(connection, &read, by.as_ref())?))
            }
            Upkeep::PurgeLeases { now } => {
                append::under_savepoint(connection, || Ok(append::purge_leases(connection, now)?))
            }
            Upkeep::PutUsage(usage) => append::under_savepoint(connection, || {
                append::put_usage(connection, &usage)?;
                Ok(0)
            }),
            Upkeep::PutSummaries { stream, summaries } => append::under_savepoint(connection, || {
                append::put_summaries(connection, &stream, &summaries)?;
                Ok(0)
            }),
            Upkeep::UsageSince { now } => {
                append::under_savepoint(connection, || Ok(append::usage_since(connection, now)?))
            }
            Upkeep::Fold(both) => {
                let (base, record) = *both;
                let folded =
                    append::under_savepoint(connection, || Ok(fold::fold(connection, &base, record.as_ref())?));
                self.heads.forget(&base.stream);
                folded
            }
            Upkeep::ForgetFolded { stream } => {
                append::under_savepoint(connection, || Ok(fold::forget(connection, &stream)?))
            }
            Upkeep::ForeignChange => Ok(u64::from(std::mem::take(&mut self.foreign))),
            Upkeep::Ping => Ok(0),
        }
    }

    fn watch_data_version(&mut self) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.data_version, read_data_version(&self.connection)?);
        if self.data_version != before {
            self.foreign = true;
            self.heads.clear();
        }
        Ok(())
    }
}

impl Done {
    fn deliver(self) {
        match self {
            Done::Append { result, answer } => drop(answer.send(result)),
            Done::Upkeep { result, answer } => drop(answer.send(result)),
        }
    }

    /// What it would have answered does not count, also when it was a refusal: that may have come from another job of the batch.
    fn fail(self, error: &StoreError) {
        match self {
            Done::Append { answer, .. } => drop(answer.send(Err(AppendError::Backend(error.clone())))),
            Done::Upkeep { answer, .. } => drop(answer.send(Err(error.clone()))),
        }
    }

    fn failure(&self) -> Option<StoreError> {
        match self {
            Done::Append { result: Err(AppendError::Backend(error)), .. } | Done::Upkeep { result: Err(error), .. } => {
                Some(error.clone())
            }
            Done::Append { .. } | Done::Upkeep { .. } => None,
        }
    }
}

fn read_data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
