//! A way to a store that a test makes: it may be slow, lose what is sent, and bring news late or not at all, as a network does between a
//! node and its database. So several nodes can share a store in memory, and meet all that happens to them over a database.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::Store;
use crate::error::{AppendError, StoreError};
use crate::foreign::Foreign;
use crate::pending::Pending;
use crate::transaction::Transaction;

/// What takes its time, and may fail.
pub type Passing<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// What is between a node and the store.
pub trait Way: Debug + Send + Sync {
    /// Each question and each answer passes once. Where it fails on the way there, nothing was asked; on the way back, the answer is lost.
    fn pass(&self) -> Passing<'_>;

    /// What others are heard to have written; not all of it need be.
    fn heard(&self) -> Foreign;
}

/// A way, and what waits to be written at its end.
#[derive(Debug)]
pub(crate) struct Road {
    pub(crate) way: Arc<dyn Way>,
    queue: mpsc::UnboundedSender<Job>,
}

type Job = (Transaction, oneshot::Sender<Result<(), AppendError>>);

impl Road {
    /// Writes in the order of the queue, one after the other, until it is dropped.
    pub(crate) fn new(way: Arc<dyn Way>, store: Store) -> Road {
        let (queue, mut jobs) = mpsc::unbounded_channel::<Job>();
        let road = way.clone();
        tokio::spawn(async move {
            while let Some((transaction, answer)) = jobs.recv().await {
                // Whoever no longer waits does not matter.
                drop(answer.send(write(&*road, &store, transaction).await));
            }
        });
        Road { way, queue }
    }

    pub(crate) fn enqueue(&self, transaction: Transaction) -> Pending {
        let (answer, waiting) = oneshot::channel();
        match self.queue.send((transaction, answer)) {
            Ok(()) => Pending::waiting(waiting),
            Err(_) => Pending::ready(Err(AppendError::Closed)),
        }
    }
}

async fn write(way: &dyn Way, store: &Store, transaction: Transaction) -> Result<(), AppendError> {
    way.pass().await.map_err(AppendError::Backend)?;
    let written = store.enqueue(transaction).await;
    way.pass().await.map_err(AppendError::Backend)?;
    written
}
