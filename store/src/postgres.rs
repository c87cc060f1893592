//! The log in PostgreSQL, which any number of processes share: one connection that writes, one that listens, some that read.
//!
//! Two nodes may write to one account at the same time. Nobody leads: the primary key `(stream, revision)` lets one of them through, and
//! the other hears of a conflict, as it would from a writer of its own process.

mod append;
mod connect;
mod doubts;
mod dump;
mod failure;
mod fold;
mod listen;
mod read;
mod schema;
mod statements;
mod upkeep;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::{AppendError, StoreError};
use crate::foreign::Foreign;
use crate::pending::Pending;
use crate::transaction::Transaction;
use connect::Access;
use listen::{Heard, Listener};
use writer::{Job, Writer};

/// How to use a database of PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The most transactions that share one commit of the database. 1 writes each by itself. Default 512.
    pub batch: usize,
    /// The most connections that read; there are two more, one that writes and one that listens. Default 8.
    pub readers: usize,
    /// A file of PEM certificates: the authorities that may vouch for the server. None: those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// How long to wait for the database, lost connections and all, before a read or a write fails. Default 10 seconds.
    pub patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> PostgresOptions {
        PostgresOptions { batch: 512, readers: 8, authorities: None, patience: Duration::from_secs(10) }
    }
}

#[derive(Debug)]
pub struct Postgres {
    /// None once closed.
    queue: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    /// Ends when the queue is closed and drained. None once it has been waited for.
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    access: Arc<Access>,
    pool: Pool,
    heard: Arc<Heard>,
    /// Ends when it is dropped.
    _listener: Listener,
    patience: Duration,
}

impl Postgres {
    pub async fn open(address: &str, options: PostgresOptions) -> Result<Postgres, StoreError> {
        let access = Arc::new(Access::new(address, &options)?);
        let mut client = access.connect().await?;
        schema::migrate(&mut client).await?;
        let heard = Arc::new(Heard::default());
        let listener = Listener::start(access.clone(), heard.clone()).await?;
        let pool = access.pool(options.readers)?;
        let (queue, jobs) = mpsc::unbounded_channel();
        let writer = Writer::new(access.clone(), client, listener.name(), &options).await?;
        let writer = tokio::spawn(writer.run(jobs));
        Ok(Postgres {
            queue: Mutex::new(Some(queue)),
            writer: tokio::sync::Mutex::new(Some(writer)),
            access,
            pool,
            heard,
            _listener: listener,
            patience: options.patience,
        })
    }

    pub fn enqueue(&self, transaction: Transaction) -> Pending {
        let (answer, waiting) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has stopped by itself drops the job, and with it the answer: `Pending` tells.
        match &*queue {
            Some(queue) => drop(queue.send(Job { transaction, answer })),
            None => return Pending::ready(Err(AppendError::Closed)),
        }
        Pending::waiting(waiting)
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.is_empty().await?;
        self.written(Transaction::default()).await
    }

    /// Writes what cannot be refused.
    async fn written(&self, transaction: Transaction) -> Result<(), StoreError> {
        match self.enqueue(transaction).await {
            Ok(()) | Err(AppendError::Conflict { .. } | AppendError::Claimed(_)) => Ok(()),
            Err(AppendError::Backend(error)) => Err(error),
            Err(AppendError::Closed) => Err(StoreError::Closed),
        }
    }

    pub async fn foreign(&self) -> Result<Foreign, StoreError> {
        if self.pool.is_closed() { Err(StoreError::Closed) } else { Ok(self.heard.take()) }
    }

    pub async fn hears(&self) {
        self.heard.wait().await;
    }

    pub async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Whoever comes second waits here for the first.
        let mut writer = self.writer.lock().await;
        if let Some(task) = writer.take() {
            // Fails only when the runtime shuts down first, or when the writer panicked and has said so.
            drop(task.await);
        }
        self.pool.close();
    }
}
