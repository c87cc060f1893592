//! The commit log: it appends and reads commits, and knows nothing of what is in them.
//!
//! A *stream* is one log, of an account or of a user. Each append names the revision it makes and the hash of the one before, so two
//! writers who both saw revision 7 cannot both write revision 8: one of them hears [`AppendError::Conflict`], reads the tail, and tries
//! again. What must be unique beyond one stream (an e-mail address, a token's digest) is a [`Claim`] in the same transaction.
//!
//! Ada and Ben change different accounts in the same millisecond. Both transactions wait in one queue; the writer takes both, makes them
//! durable with one `fsync`, and answers both. So writers do not pay for a disk flush each.
//!
//! Ben's node may be another one than Ada's, over the same PostgreSQL: nothing of the above changes.
//!
//! Nothing above this crate knows which database is below it.

mod dump;
mod error;
mod foreign;
mod halving;
mod memory;
mod numbers;
mod pending;
mod postgres;
mod record;
mod sql;
mod sqlite;
mod transaction;
mod way;

use std::path::Path;
use std::sync::Arc;

pub use dump::{Dump, Row};
pub use error::{AppendError, Cause, StoreError};
pub use foreign::Foreign;
pub use pending::Pending;
pub use postgres::PostgresOptions;
pub use record::{Base, Head, Record};
pub use sqlite::SqliteOptions;
pub use transaction::{Claim, ClaimChange, Commit, Lease, LeaseChange, Span, Summary, Transaction, Usage};
pub use way::{Passing, Way};

use memory::Memory;
use postgres::Postgres;
use sqlite::Sqlite;
use way::Road;

/// A commit log in SQLite, in PostgreSQL or in memory. Clones share it.
///
/// The `async` methods must run within a tokio runtime. When the last clone is dropped, everything queued is still written, over
/// PostgreSQL as long as the runtime lives; call [`Store::close`] to wait for that without blocking the thread.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<Backend>,
    /// None but in simulations.
    road: Option<Arc<Road>>,
}

#[derive(Debug)]
enum Backend {
    Memory(Memory),
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Calls the same method of whichever backend it is.
macro_rules! each {
    ($store:expr, $backend:ident => $call:expr) => {
        match &*$store.backend {
            Backend::Memory($backend) => $call,
            Backend::Sqlite($backend) => $call,
            Backend::Postgres($backend) => $call,
        }
    };
}

/// Asks whichever backend it is, by the way that leads there.
macro_rules! asked {
    ($store:expr, $backend:ident => $call:expr) => {{
        $store.pass().await?;
        let answer = each!($store, $backend => $call);
        $store.pass().await?;
        answer
    }};
}

impl Store {
    /// Opens the database file, creating it (and its folder) readable by this user only. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`StoreError::NotADatabase`] and [`StoreError::NewerSchema`] leave the file as it was; [`StoreError::Io`] and the errors of
    /// SQLite otherwise.
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Store, StoreError> {
        Ok(Store { backend: Arc::new(Backend::Sqlite(Sqlite::open(path, options)?)), road: None })
    }

    /// Opens the database at an address such as `postgres://portcullis@db.example.com/portcullis`, and makes or updates its tables. The
    /// connection is encrypted and the server's certificate checked, unless every host is this machine or the address says
    /// `sslmode=disable`. Several hosts, and `target_session_attrs=read-write`, lead to the one that leads.
    ///
    /// # Errors
    /// [`StoreError::BadAddress`], [`StoreError::Unreachable`], [`StoreError::NewerSchema`], [`StoreError::Io`] for the authorities, and the
    /// errors of PostgreSQL.
    pub async fn open_postgres(address: &str, options: PostgresOptions) -> Result<Store, StoreError> {
        Ok(Store { backend: Arc::new(Backend::Postgres(Postgres::open(address, options).await?)), road: None })
    }

    /// An empty store that lives as long as the process.
    #[must_use]
    pub fn memory() -> Store {
        Store { backend: Arc::new(Backend::Memory(Memory::default())), road: None }
    }

    /// The same store at the end of a way that a simulation makes. Nobody's writes are heard of but as the way tells.
    #[must_use]
    pub fn by_way_of(&self, way: Arc<dyn Way>) -> Store {
        Store { backend: self.backend.clone(), road: Some(Arc::new(Road::new(way, self.clone()))) }
    }

    async fn pass(&self) -> Result<(), StoreError> {
        match &self.road {
            None => Ok(()),
            Some(road) => road.way.pass().await,
        }
    }

    /// Queues the transaction at once, in the order of the calls; the answer waits until it is durable. Transactions are independent:
    /// one that is refused does not harm the others, but those that build on it are refused too.
    ///
    /// The queue has no bound: a caller that does not wait for its answers must bound itself.
    pub fn enqueue(&self, transaction: Transaction) -> Pending {
        match &self.road {
            None => each!(self, backend => backend.enqueue(transaction)),
            Some(road) => road.enqueue(transaction),
        }
    }

    /// Where the stream stands; [`Head::EMPTY`] when it has no commits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn head(&self, stream: &str) -> Result<Head, StoreError> {
        asked!(self, backend => backend.head(stream).await)
    }

    /// Where these streams stand; those without commits are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heads(&self, streams: &[Box<str>]) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        asked!(self, backend => backend.heads(streams).await)
    }

    /// The commits with a revision greater than `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records(&self, stream: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        asked!(self, backend => backend.records(stream, after, limit).await)
    }

    /// The commit of that revision.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn record(&self, stream: &str, revision: u64) -> Result<Option<Record>, StoreError> {
        asked!(self, backend => backend.record(stream, revision).await)
    }

    /// The revisions whose commits touched the document (see [`Commit::touched`]), the newest first, at most `limit`; only those up to
    /// the revision `at_most`, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn touches(
        &self,
        stream: &str,
        document: &str,
        at_most: Option<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        asked!(self, backend => backend.touches(stream, document, at_most.unwrap_or(u64::MAX), limit).await)
    }

    /// As [`Store::touches`], with the commits themselves.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn touching(
        &self,
        stream: &str,
        document: &str,
        at_most: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        asked!(self, backend => backend.touching(stream, document, at_most.unwrap_or(u64::MAX), limit).await)
    }

    /// The commits of other streams that are seen at a place (see [`Commit::appears_in`]), in the order that the span asks for, at most
    /// `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn appearances(&self, place: &str, span: Span<'_>, limit: usize) -> Result<Vec<Record>, StoreError> {
        asked!(self, backend => backend.appearances(place, span, limit).await)
    }

    /// The commits of these revisions, in the order given; those that the stream does not have are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records_of(&self, stream: &str, revisions: Vec<u64>) -> Result<Vec<Record>, StoreError> {
        asked!(self, backend => backend.records_of(stream, revisions).await)
    }

    /// Keeps summaries of a stream, replacing those of the same kind and stretch. Queued at the first poll, and durable once it resolves.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_summaries(&self, stream: &str, summaries: Vec<Summary>) -> Result<(), StoreError> {
        asked!(self, backend => backend.put_summaries(stream, summaries).await)
    }

    /// The summaries of one kind whose stretches begin from the revision `from` up to and with `to`, by where they begin.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summaries(&self, stream: &str, kind: &str, from: u64, to: u64) -> Result<Vec<Summary>, StoreError> {
        asked!(self, backend => backend.summaries(stream, kind, from, to).await)
    }

    /// The newest revision whose commit is not later than `at` (microseconds since 1970-01-01 UTC); 0 when the first commit is later,
    /// or when there is none.
    ///
    /// It takes it that times never go back within a stream, and so looks at few commits. That is for whoever appends to see to, as the
    /// runtime does. Where they do go back, the answer is 0 or a revision that is not later than `at`, but maybe not the newest such.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn revision_at(&self, stream: &str, at: i64) -> Result<u64, StoreError> {
        asked!(self, backend => backend.revision_at(stream, at).await)
    }

    /// The streams whose name is greater than `after` (`""` to start) and their heads, by name, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn streams(&self, after: &str, limit: usize) -> Result<Vec<(Box<str>, Head)>, StoreError> {
        asked!(self, backend => backend.streams(after, limit).await)
    }

    /// Whether there is no commit at all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        asked!(self, backend => backend.is_empty().await)
    }

    /// Keeps the state of a stream at a revision, replacing what was kept for that revision. Of each stream the two with the highest
    /// revisions stay.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_snapshot(&self, stream: &str, revision: u64, state: Vec<u8>) -> Result<(), StoreError> {
        asked!(self, backend => backend.put_snapshot(stream, revision, state).await)
    }

    /// The newest snapshot, or the newest up to the revision `at_most`, with its revision. A damaged one is skipped, with a warning.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn snapshot(&self, stream: &str, at_most: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        asked!(self, backend => backend.snapshot(stream, at_most).await)
    }

    /// Where the log begins, if older commits were folded away.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn base(&self, stream: &str) -> Result<Option<Base>, StoreError> {
        asked!(self, backend => backend.base(stream).await)
    }

    /// The revision of the base; 0 if there is none, so that the log begins with its first commit.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn folded(&self, stream: &str) -> Result<u64, StoreError> {
        asked!(self, backend => backend.folded(stream).await)
    }

    /// Puts a base in the place of what is older; [`Store::forget_folded`] takes that away. False, and nothing is done, where the log has no such
    /// commit or a base that stands for as much.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn fold(&self, base: Base) -> Result<bool, StoreError> {
        // Commits never change, so what is there now is there then.
        match self.record(&base.stream, base.revision).await? {
            Some(record) if record.hash == base.hash => asked!(self, backend => backend.fold(base).await),
            Some(_) | None => Ok(false),
        }
    }

    /// Begins a log, which is not there, with a base and the commit that it stands at: for a copy of another store.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn found(&self, base: Base, record: Record) -> Result<(), StoreError> {
        asked!(self, backend => backend.found(base, record).await)
    }

    /// Takes away the commits that are older than the base, and what goes with them; tells how many. Some at a time, so that others write
    /// meanwhile; whoever breaks off may begin again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_folded(&self, stream: &str) -> Result<u64, StoreError> {
        asked!(self, backend => backend.forget_folded(stream).await)
    }

    /// Who holds the key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, StoreError> {
        asked!(self, backend => backend.claim(kind, key).await)
    }

    /// The claims of a kind whose key starts with `prefix` and is greater than `after` (`""` to start), by key, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn claims(&self, kind: &str, prefix: &str, after: &str, limit: usize) -> Result<Vec<Claim>, StoreError> {
        asked!(self, backend => backend.claims(kind, prefix, after, limit).await)
    }

    /// The lease, also when it has expired and was not purged yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn lease(&self, kind: &str, key: &str) -> Result<Option<Lease>, StoreError> {
        asked!(self, backend => backend.lease(kind, key).await)
    }

    /// The leases of a kind that are due at `now` (microseconds since 1970-01-01 UTC) and have not expired, the longest due first, at
    /// most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn leases_due(&self, kind: &str, now: i64, limit: usize) -> Result<Vec<Lease>, StoreError> {
        asked!(self, backend => backend.leases_due(kind, now, limit).await)
    }

    /// Applies the changes in their order, all or none. Queued at the first poll, and durable once it resolves.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_leases(&self, changes: Vec<LeaseChange>) -> Result<(), StoreError> {
        asked!(self, backend => backend.put_leases(changes).await)
    }

    /// Replaces a lease by another of the same kind and key, or ends it, if it is still what was read; says whether it was. So of
    /// several that see the same job only one takes it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn replace_lease(&self, read: &Lease, by: Option<Lease>) -> Result<bool, StoreError> {
        asked!(self, backend => backend.replace_lease(read, by).await)
    }

    /// Removes the leases that have expired at `now` (microseconds since 1970-01-01 UTC), and says how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn purge_leases(&self, now: i64) -> Result<u64, StoreError> {
        asked!(self, backend => backend.purge_leases(now).await)
    }

    /// Notes when permissions were last used; an earlier time than the one known is no news. Queued at the first poll, and
    /// durable once it resolves.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_usage(&self, usage: Vec<Usage>) -> Result<(), StoreError> {
        asked!(self, backend => backend.put_usage(usage).await)
    }

    /// What these principals have used in a stream, by principal in the order given, then by permission.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn usage(&self, stream: &str, principals: Vec<Box<str>>) -> Result<Vec<Usage>, StoreError> {
        asked!(self, backend => backend.usage(stream, principals).await)
    }

    /// Since when usage is recorded, in microseconds since 1970-01-01 UTC: `now`, the first time that this is asked.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn usage_since(&self, now: i64) -> Result<i64, StoreError> {
        asked!(self, backend => backend.usage_since(now).await)
    }

    /// Everything of this moment, for a copy of it elsewhere. Writing goes on meanwhile. It must be asked for within a tokio runtime.
    #[must_use]
    pub fn dump(&self) -> Dump {
        each!(self, backend => backend.dump())
    }

    /// For readiness: a real read, and an answer from the writer. It waits behind what is queued, so give it a time limit.
    ///
    /// # Errors
    /// When the database cannot be read, or the writer has stopped.
    pub async fn ping(&self) -> Result<(), StoreError> {
        asked!(self, backend => backend.ping().await)
    }

    /// What other processes are heard to have written since this was last asked (since opening, the first time).
    ///
    /// # Errors
    /// When the database cannot be read. What was to be told is then told by the next call that succeeds.
    pub async fn foreign(&self) -> Result<Foreign, StoreError> {
        match &self.road {
            None => each!(self, backend => backend.foreign().await),
            Some(road) => Ok(road.way.heard()),
        }
    }

    /// Whether [`Store::foreign`] misses nothing. Over a network it may: then only [`Store::heads`] is certain.
    #[must_use]
    pub fn hears_all(&self) -> bool {
        match &*self.backend {
            Backend::Memory(_) | Backend::Sqlite(_) => self.road.is_none(),
            Backend::Postgres(_) => false,
        }
    }

    /// Waits until [`Store::foreign`] has something to tell; for ever where that has to be asked.
    pub async fn hears(&self) {
        match &*self.backend {
            Backend::Memory(_) | Backend::Sqlite(_) => std::future::pending().await,
            Backend::Postgres(backend) => backend.hears().await,
        }
    }

    /// What speaks against relying on the database, a sentence each: settings under which an acknowledged commit may be lost, a clock that
    /// differs from ours (`now`, microseconds since 1970-01-01 UTC), damage that a quick look finds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn doubts(&self, now: i64) -> Result<Vec<String>, StoreError> {
        match &*self.backend {
            Backend::Memory(_) => Ok(vec!["everything is forgotten when the process ends".to_owned()]),
            Backend::Sqlite(backend) => backend.doubts().await,
            Backend::Postgres(backend) => backend.doubts(now).await,
        }
    }

    /// Accepts nothing more, writes what is queued, and closes the database. Returns when all of that is done, also when called again.
    pub async fn close(&self) {
        each!(self, backend => backend.close().await);
    }

    /// Forgets everything, for the reset of a development server. In memory only: a database is left as it is, and the answer is false.
    pub fn clear(&self) -> bool {
        match &*self.backend {
            Backend::Memory(memory) => {
                memory.clear();
                true
            }
            Backend::Sqlite(_) | Backend::Postgres(_) => false,
        }
    }
}
