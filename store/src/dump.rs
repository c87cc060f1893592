//! Everything that a store holds at one moment, for a copy of it elsewhere.

use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::record::{Base, Record};
use crate::transaction::{Claim, Lease, Usage};

/// How many rows are handed over at once.
pub(crate) const ROWS_AT_ONCE: usize = 500;
/// How many such batches the reading may be ahead of whoever takes them.
const AHEAD: usize = 4;

/// One thing that the store holds. What can be made again of the others is left out: snapshots, summaries, and which documents a commit
/// touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// That a commit is seen at a place besides its own stream (see [`Commit::appears_in`](crate::Commit::appears_in)).
    Appearance {
        /// The place.
        place: Box<str>,
        /// The stream of the commit.
        stream: Box<str>,
        /// Its revision.
        revision: u64,
    },
    /// Where a log begins whose older commits were folded away.
    Base(Base),
    /// A commit.
    Commit(Record),
    /// Who holds a key.
    Claim(Claim),
    /// A lease, expired or not.
    Lease(Lease),
    /// When a permission was last used.
    Usage(Usage),
    /// Since when usage is recorded, in microseconds since 1970-01-01 UTC.
    UsageSince(i64),
}

/// The rows of one moment, whatever is written meanwhile: all appearances, then the bases, then the commits by stream and revision, then the rest.
#[derive(Debug)]
pub struct Dump {
    rows: mpsc::Receiver<Result<Vec<Row>, StoreError>>,
}

/// The other end of a [`Dump`].
#[derive(Debug)]
pub(crate) struct Dumping {
    rows: mpsc::Sender<Result<Vec<Row>, StoreError>>,
    waiting: Vec<Row>,
}

impl Dump {
    pub(crate) fn channel() -> (Dumping, Dump) {
        let (sender, rows) = mpsc::channel(AHEAD);
        (Dumping { rows: sender, waiting: Vec::with_capacity(ROWS_AT_ONCE) }, Dump { rows })
    }

    /// Some more rows; `None` once that was all.
    ///
    /// # Errors
    /// When the database cannot be read. What came until then is not everything.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        match self.rows.recv().await {
            // The end is told by an empty batch, so that a reader that broke off is not taken for it.
            Some(Ok(rows)) if rows.is_empty() => Ok(None),
            Some(rows) => rows.map(Some),
            None => Err(StoreError::Closed),
        }
    }
}

impl Dumping {
    /// Hands one row over. Blocks while the other end is behind, so it is for a thread of its own.
    pub(crate) fn push_blocking(&mut self, row: Row) -> Result<(), StoreError> {
        self.waiting.push(row);
        if self.waiting.len() < ROWS_AT_ONCE {
            return Ok(());
        }
        self.rows.blocking_send(Ok(std::mem::take(&mut self.waiting))).map_err(|_| StoreError::Closed)
    }

    /// Hands one row over.
    pub(crate) async fn push(&mut self, row: Row) -> Result<(), StoreError> {
        self.waiting.push(row);
        if self.waiting.len() < ROWS_AT_ONCE {
            return Ok(());
        }
        self.rows.send(Ok(std::mem::take(&mut self.waiting))).await.map_err(|_| StoreError::Closed)
    }

    /// Tells that this was all, or why it was not. Whoever no longer listens need not know.
    pub(crate) async fn end(mut self, result: Result<(), StoreError>) {
        let rest = std::mem::take(&mut self.waiting);
        if result.is_ok() && !rest.is_empty() {
            drop(self.rows.send(Ok(rest)).await);
        }
        drop(self.rows.send(result.map(|()| Vec::new())).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_broke_off_is_not_taken_for_the_end() {
        let (mut dumping, mut dump) = Dump::channel();
        dumping.push(Row::UsageSince(1)).await.unwrap();
        drop(dumping);
        assert!(dump.next().await.is_err());

        let (mut dumping, mut dump) = Dump::channel();
        dumping.push(Row::UsageSince(1)).await.unwrap();
        dumping.end(Err(StoreError::Closed)).await;
        assert!(dump.next().await.is_err());

        let (mut dumping, mut dump) = Dump::channel();
        dumping.push(Row::UsageSince(1)).await.unwrap();
        dumping.end(Ok(())).await;
        assert_eq!(dump.next().await.unwrap(), Some(vec![Row::UsageSince(1)]));
        assert_eq!(dump.next().await.unwrap(), None);
    }
}
