//! Writing transactions within one transaction of the database, whole columns at a time, and saying why one was refused.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::listen;
use super::read::{claim_of, head_of, record_of};
use super::statements::Statements;
use crate::error::AppendError;
use crate::numbers::to_i64;
use crate::record::{Head, Record};
use crate::transaction::{Claim, ClaimChange, LeaseChange, Transaction};

/// A session that writes, within a transaction of the database.
pub struct Session<'a> {
    pub client: &'a Client,
    pub statements: &'a Statements,
}

/// Why a transaction cannot be written.
pub enum Refusal {
    Because(AppendError),
    /// It is in the log already: an earlier try, of which nothing was heard, has written it.
    Written,
    /// Whatever was in the way is gone.
    Gone,
}

impl Session<'_> {
    /// Writes all of them, or is not to be committed: then the answer is false. No key of a claim may be in two of them.
    pub async fn write(&self, transactions: &[&Transaction]) -> Result<bool, Error> {
        let Some(commits) = Commits::of(transactions) else { return Ok(false) };
        let claims = Claims::of(transactions);
        if claims.takes_twice() {
            return Ok(false);
        }
        let leases = Leases::of(transactions);
        let statements = self.statements;
        let (before, new) = (commits.before.columns(), commits.new.columns());
        let (touched, seen) = (commits.touched.columns(), commits.seen.columns());
        let (released, taken) = (claims.released.columns(), claims.taken.columns());
        let (put, gone) = (leases.put.columns(), leases.gone.columns());
        // All are sent at once, and answered in this order: one round trip.
        let (before, appended, _, _, _, held, taken, ..) = tokio::try_join!(
            self.count(&statements.predecessors, &before),
            self.execute(&statements.append, &new),
            self.execute(&statements.touch, &touched),
            self.execute(&statements.appear, &seen),
            self.execute(&statements.release, &released),
            self.count(&statements.held, &released[..2.min(released.len())]),
            self.execute(&statements.take, &taken),
            self.execute(&statements.put_leases, &put),
            self.execute(&statements.delete_leases, &gone),
        )?;
        let expected = [commits.before.stream.len(), commits.new.stream.len(), claims.taken.stream.len(), 0];
        Ok([before, appended, taken, held] == expected.map(|count| count as u64))
    }

    /// Tells other nodes, once this is committed.
    pub async fn notify(&self, own: &str, transactions: &[&Transaction]) -> Result<(), Error> {
        let Some(statement) = &self.statements.notify else { return Ok(()) };
        let commits = transactions.iter().flat_map(|transaction| &transaction.commits);
        let mut streams: Vec<&str> = commits.map(|commit| &*commit.record.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        if !streams.is_empty() {
            self.client.execute(statement, &[&listen::saying(own, &streams)]).await?;
        }
        Ok(())
    }

    /// Why a transaction was refused. `is_doubtful`: an earlier try may have written it.
    pub async fn refusal(&self, transaction: &Transaction, is_doubtful: bool) -> Result<Refusal, Error> {
        if is_doubtful
            && let Some(first) = transaction.commits.first()
            && self.record(&first.record).await?.is_some_and(|written| written == first.record)
        {
            return Ok(Refusal::Written);
        }
        let mut heads: HashMap<&str, Head> = HashMap::new();
        for commit in &transaction.commits {
            let record = &commit.record;
            let head = match heads.get(&*record.stream) {
                Some(head) => *head,
                None => self.head(&record.stream).await?,
            };
            if !head.precedes(record) {
                let (stream, revision) = (record.stream.clone(), record.revision);
                return Ok(Refusal::Because(AppendError::Conflict { stream, revision }));
            }
            heads.insert(&record.stream, record.head());
        }
        let holder = self.holder(&transaction.claims).await?;
        Ok(holder.map_or(Refusal::Gone, |claim| Refusal::Because(AppendError::Claimed(claim))))
    }

    /// Who is in the way of these changes, the releases before the takes.
    async fn holder(&self, changes: &[ClaimChange]) -> Result<Option<Claim>, Error> {
        let mut holders: HashMap<(&str, &str), Option<Claim>> = HashMap::new();
        for change in changes {
            let ClaimChange::Release { kind, key, stream } = change else { continue };
            match self.claim(kind, key).await? {
                Some(holder) if holder.stream != *stream => return Ok(Some(holder)),
                Some(_) | None => holders.insert((kind, key), None),
            };
        }
        for change in changes {
            let ClaimChange::Take(claim) = change else { continue };
            let present = match holders.get(&(&*claim.kind, &*claim.key)) {
                Some(known) => known.clone(),
                None => self.claim(&claim.kind, &claim.key).await?,
            };
            match present {
                Some(holder) if holder != *claim => return Ok(Some(holder)),
                Some(_) | None => holders.insert((&claim.kind, &claim.key), Some(claim.clone())),
            };
        }
        Ok(None)
    }

    async fn head(&self, stream: &str) -> Result<Head, Error> {
        let row = self.client.query_opt(&self.statements.head, &[&stream]).await?;
        row.map_or(Ok(Head::EMPTY), |row| head_of(&row, 0))
    }

    async fn record(&self, record: &Record) -> Result<Option<Record>, Error> {
        let values: [&(dyn ToSql + Sync); 2] = [&&*record.stream, &to_i64(record.revision)];
        let row = self.client.query_opt(&self.statements.record, &values).await?;
        row.as_ref().map(record_of).transpose()
    }

    async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, Error> {
        let row = self.client.query_opt(&self.statements.claim, &[&kind, &key]).await?;
        row.as_ref().map(claim_of).transpose()
    }

    async fn execute(&self, statement: &Statement, columns: Columns<'_>) -> Result<u64, Error> {
        if columns.is_empty() { Ok(0) } else { self.client.execute(statement, columns).await }
    }

    async fn count(&self, statement: &Statement, columns: Columns<'_>) -> Result<u64, Error> {
        if columns.is_empty() {
            return Ok(0);
        }
        let count: i64 = self.client.query_one(statement, columns).await?.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// The values of a statement, each a whole column. None for no rows: then there is nothing to execute.
type Columns<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Columns of equal length.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $first:ident: $first_kind:ty, $($column:ident: $kind:ty),* }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<$life> { $first: Vec<$first_kind>, $($column: Vec<$kind>),* }

        impl<$life> $name<$life> {
            fn push(&mut self, ($first, $($column),*): ($first_kind, $($kind),*)) {
                self.$first.push($first);
                $(self.$column.push($column);)*
            }

            fn columns(&self) -> Vec<&(dyn ToSql + Sync)> {
                if self.$first.is_empty() { Vec::new() } else { vec![&self.$first, $(&self.$column),*] }
            }
        }
    };
}

columns! {
    /// The commits that must be there already.
    Before<'a> { stream: &'a str, revision: i64, hash: &'a [u8] }
}
columns! {
    New<'a> {
        stream: &'a str, revision: i64, at: i64, actor: &'a str, request: &'a str, changes: &'a str,
        prev_hash: &'a [u8], hash: &'a [u8]
    }
}
columns! { Touched<'a> { stream: &'a str, document: &'a str, revision: i64 } }
columns! { Seen<'a> { place: &'a str, at: i64, stream: &'a str, revision: i64 } }
columns! { Released<'a> { kind: &'a str, key: &'a str, stream: &'a str } }
columns! { Taken<'a> { kind: &'a str, key: &'a str, stream: &'a str, id: &'a str } }
columns! {
    Put<'a> { kind: &'a str, key: &'a str, stream: &'a str, due_at: i64, expires_at: i64, payload: &'a [u8] }
}
columns! { Gone<'a> { kind: &'a str, key: &'a str } }

#[derive(Default)]
struct Commits<'a> {
    before: Before<'a>,
    new: New<'a>,
    touched: Touched<'a>,
    seen: Seen<'a>,
}

impl<'a> Commits<'a> {
    /// None where one does not follow the one before it, as far as that can be seen here.
    fn of(transactions: &[&'a Transaction]) -> Option<Commits<'a>> {
        let mut heads: HashMap<&str, Head> = HashMap::new();
        let mut all: Vec<_> = transactions.iter().flat_map(|transaction| &transaction.commits).collect();
        let mut columns = Commits::default();
        for commit in &all {
            let record = &commit.record;
            match heads.insert(&record.stream, record.head()) {
                Some(head) if !head.precedes(record) => return None,
                Some(_) => {}
                None if Head::EMPTY.precedes(record) => {}
                None if record.revision < 2 => return None,
                None => columns.before.push((&record.stream, to_i64(record.revision - 1), &record.prev_hash)),
            }
        }
        // Nodes that write to the same streams lock them in the same order, and so never wait for each other in a circle.
        all.sort_by_key(|commit| (&*commit.record.stream, commit.record.revision));
        for commit in all {
            let Record { stream, revision, at, actor, request, changes, prev_hash, hash } = &commit.record;
            let revision = to_i64(*revision);
            columns.new.push((stream, revision, *at, actor, request, changes, prev_hash, hash));
            for document in &commit.touched {
                columns.touched.push((stream, document, revision));
            }
            for place in &commit.appears_in {
                columns.seen.push((place, *at, stream, revision));
            }
        }
        Some(columns)
    }
}

#[derive(Default)]
struct Claims<'a> {
    released: Released<'a>,
    taken: Taken<'a>,
}

impl<'a> Claims<'a> {
    /// In the order of their keys, each different one once: of two that take one key, the database lets only one through.
    fn of(transactions: &[&'a Transaction]) -> Claims<'a> {
        let (mut released, mut taken) = (Vec::new(), Vec::new());
        for change in transactions.iter().flat_map(|transaction| &transaction.claims) {
            match change {
                ClaimChange::Release { kind, key, stream } => released.push((&**kind, &**key, &**stream)),
                ClaimChange::Take(claim) => taken.push((&*claim.kind, &*claim.key, &*claim.stream, &*claim.id)),
            }
        }
        released.sort_unstable();
        released.dedup();
        taken.sort_unstable();
        taken.dedup();
        let mut claims = Claims::default();
        released.into_iter().for_each(|row| claims.released.push(row));
        taken.into_iter().for_each(|row| claims.taken.push(row));
        claims
    }

    /// Whether a key is taken twice, which one statement cannot say.
    fn takes_twice(&self) -> bool {
        let keys: Vec<_> = self.taken.kind.iter().zip(&self.taken.key).collect();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

#[derive(Default)]
struct Leases<'a> {
    put: Put<'a>,
    gone: Gone<'a>,
}

impl<'a> Leases<'a> {
    /// Of several changes of a lease only the last one counts.
    fn of(transactions: &[&'a Transaction]) -> Leases<'a> {
        let changes = transactions.iter().flat_map(|transaction| &transaction.leases);
        let last: BTreeMap<(&str, &str), &LeaseChange> = changes
            .map(|change| match change {
                LeaseChange::Put(lease) => ((&*lease.kind, &*lease.key), change),
                LeaseChange::Delete { kind, key } => ((&**kind, &**key), change),
            })
            .collect();
        let mut leases = Leases::default();
        for ((kind, key), change) in last {
            match change {
                LeaseChange::Put(lease) => {
                    leases.put.push((kind, key, &lease.stream, lease.due_at, lease.expires_at, &lease.payload));
                }
                LeaseChange::Delete { .. } => leases.gone.push((kind, key)),
            }
        }
        leases
    }
}
