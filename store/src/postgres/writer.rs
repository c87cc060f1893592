//! The one task that writes: it takes everything that waits, and makes it durable with one commit of the database.
//!
//! Where the connection is lost, it comes back and tries again. Whether a commit took place of which nothing was heard is not guessed:
//! the log tells, since a transaction that is in it is there as a whole.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::PostgresOptions;
use super::append::{Refusal, Session};
use super::connect::Access;
use super::failure;
use super::statements::Statements;
use crate::error::{AppendError, StoreError};
use crate::transaction::{ClaimChange, Transaction};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often a transaction is tried whose obstacles are gone each time that they are looked for.
const MOST_TRIES: usize = 8;

/// A transaction that waits, and whom to answer once it is durable.
#[derive(Debug)]
pub struct Job {
    pub transaction: Transaction,
    pub answer: Sender<Result<(), AppendError>>,
}

pub struct Writer {
    access: Arc<Access>,
    /// None after a failure.
    session: Option<(Client, Statements)>,
    /// This node's name; none where the database has no notifications.
    name: Option<Box<str>>,
    batch: usize,
    patience: Duration,
    /// A commit is on its way: if nothing is heard of it, it may or may not have taken place.
    is_committing: bool,
}

impl Writer {
    pub async fn new(
        access: Arc<Access>,
        client: Client,
        name: Option<&str>,
        options: &PostgresOptions,
    ) -> Result<Writer, StoreError> {
        let statements = Statements::prepare(&client, name.is_some()).await?;
        Ok(Writer {
            access,
            session: Some((client, statements)),
            name: name.map(Box::from),
            batch: options.batch.max(1),
            patience: options.patience,
            is_committing: false,
        })
    }

    /// Writes until the queue is closed and drained.
    pub async fn run(mut self, mut queue: UnboundedReceiver<Job>) {
        let mut jobs = Vec::new();
        while queue.recv_many(&mut jobs, self.batch).await > 0 {
            while !jobs.is_empty() {
                let run = independent(&jobs);
                let rest = jobs.split_off(run);
                self.write(std::mem::replace(&mut jobs, rest)).await;
            }
        }
    }

    /// Writes a run, tries again where that can help, and answers.
    async fn write(&mut self, jobs: Vec<Job>) {
        let transactions: Vec<&Transaction> = jobs.iter().map(|job| &job.transaction).collect();
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut is_doubtful = false;
        let failure = loop {
            self.is_committing = false;
            let error = match tokio::time::timeout_at(deadline, self.attempt(&transactions, is_doubtful)).await {
                Ok(Ok(results)) => {
                    jobs.into_iter().zip(results).for_each(|(job, result)| drop(job.answer.send(result)));
                    return;
                }
                Ok(Err(Failure::RolledBack(error))) => {
                    self.session = None;
                    error
                }
                Ok(Err(Failure::Lost(error))) => {
                    self.session = None;
                    is_doubtful |= self.is_committing;
                    error
                }
                Ok(Err(Failure::Final(error))) => {
                    self.session = None;
                    break error;
                }
                Err(elapsed) => {
                    self.session = None;
                    break StoreError::Unreachable(Arc::new(elapsed));
                }
            };
            if Instant::now() + pause >= deadline {
                break error;
            }
            tracing::warn!(%error, "the commit log could not be written; trying again");
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        };
        for job in jobs {
            drop(job.answer.send(Err(AppendError::Backend(failure.clone()))));
        }
    }

    /// One transaction of the database: all of ours at once, or one by one where that does not work.
    async fn attempt(
        &mut self,
        transactions: &[&Transaction],
        is_doubtful: bool,
    ) -> Result<Vec<Result<(), AppendError>>, Failure> {
        if self.session.as_ref().is_none_or(|(client, _)| client.is_closed()) {
            let client = self.access.connect().await.map_err(Failure::Lost)?;
            let statements = Statements::prepare(&client, self.name.is_some()).await?;
            self.session = Some((client, statements));
        }
        let Some((client, statements)) = &self.session else { return Err(Failure::Final(StoreError::WriterStopped)) };
        let session = Session { client, statements };
        let name = self.name.as_deref().unwrap_or_default();
        client.batch_execute("BEGIN").await?;
        match session.write(transactions).await.map_err(Failure::from) {
            Ok(true) => {
                session.notify(name, transactions).await?;
                self.is_committing = true;
                client.batch_execute("COMMIT").await?;
                return Ok(vec![Ok(()); transactions.len()]);
            }
            // What one of them has against it is not held against the others.
            Ok(false) | Err(Failure::Final(_)) => client.batch_execute("ROLLBACK; BEGIN").await?,
            Err(failure) => return Err(failure),
        }
        let mut results = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            results.push(write_alone(&session, transaction, is_doubtful).await?);
        }
        let written = transactions.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let written: Vec<&Transaction> = written.map(|(transaction, _)| *transaction).collect();
        session.notify(name, &written).await?;
        self.is_committing = true;
        client.batch_execute("COMMIT").await?;
        Ok(results)
    }
}

/// Writes one transaction, whatever becomes of those before and after it.
async fn write_alone(
    session: &Session<'_>,
    transaction: &Transaction,
    is_doubtful: bool,
) -> Result<Result<(), AppendError>, Failure> {
    for _ in 0..MOST_TRIES {
        session.client.batch_execute("SAVEPOINT job").await?;
        let written = session.write(&[transaction]).await.map_err(Failure::from);
        if let Ok(true) = written {
            session.client.batch_execute("RELEASE SAVEPOINT job").await?;
            return Ok(Ok(()));
        }
        if let Err(failure @ (Failure::Lost(_) | Failure::RolledBack(_))) = written {
            return Err(failure);
        }
        session.client.batch_execute("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job").await?;
        if let Err(Failure::Final(error)) = written {
            return Ok(Err(AppendError::Backend(error)));
        }
        match session.refusal(transaction, is_doubtful).await? {
            Refusal::Because(refusal) => return Ok(Err(refusal)),
            Refusal::Written => return Ok(Ok(())),
            Refusal::Gone => {}
        }
    }
    Err(Failure::RolledBack(StoreError::Busy(Arc::new(std::io::Error::other("other writers were faster")))))
}

/// How many of the jobs, from the front, can be written at once: no key of a claim is in two of them, so their order does not count.
fn independent(jobs: &[Job]) -> usize {
    let mut seen = HashSet::new();
    for (index, job) in jobs.iter().enumerate() {
        let keys: HashSet<(&str, &str)> = job.transaction.claims.iter().map(key_of).collect();
        if keys.iter().any(|key| seen.contains(key)) {
            return index;
        }
        seen.extend(keys);
    }
    jobs.len()
}

fn key_of(change: &ClaimChange) -> (&str, &str) {
    match change {
        ClaimChange::Take(claim) => (&claim.kind, &claim.key),
        ClaimChange::Release { kind, key, .. } => (kind, key),
    }
}

/// Why an attempt did not come to its end.
enum Failure {
    /// The database took it back because of others: again.
    RolledBack(StoreError),
    /// The session is of no more use: again, on another one.
    Lost(StoreError),
    /// Trying again is no help.
    Final(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        if failure::is_rolled_back_for_others(&error) {
            Failure::RolledBack(error.into())
        } else if failure::is_lost(&error) {
            Failure::Lost(error.into())
        } else {
            Failure::Final(error.into())
        }
    }
}
