//! Looks for the TXT records that prove the domains of SSO connectors (section 7).
//!
//! Ada makes a connector for `example.com`. The commit leaves a lease that is due at once: a note in the store that
//! somebody should look for her record. The [`Verifier`] finds the lease, asks the DNS, finds nothing, and puts the lease
//! off by a minute, then by longer. Ada publishes the record, the next look-up finds it, and a commit makes the connector
//! `verified`; from then on the lease is due once a week. The server may stop at any moment: the lease is still there.

mod claims;
mod dns;
mod schedule;
mod search;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use model::ids::{AccountId, SsoConnectorId, StreamId};
use runtime::jobs::{self, SSO_RECORD};
use runtime::{CommitError, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use dns::{DnsTxtRecords, NoDnsServers};

use claims::Claims;

/// How many look-ups go on at the same time.
const MOST_AT_ONCE: usize = 16;

/// How often the store is asked for what is due.
const POLL: Duration = Duration::from_secs(1);

/// Answers which TXT records a domain has: the DNS, or a script in tests.
pub trait TxtRecords: Send + Sync {
    /// The TXT records of exactly that domain, one string each, made of its character strings in their order (D59). A
    /// domain that does not exist has none.
    ///
    /// # Errors
    /// [`LookUpFailed`] when nobody could tell.
    fn look_up<'a>(&'a self, domain: &'a str) -> LookUp<'a>;
}

/// A look-up under way.
pub type LookUp<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, LookUpFailed>> + Send + 'a>>;

/// Nobody could tell which records a domain has; a later look-up may.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no answer from the DNS: {0}")]
pub struct LookUpFailed(pub String);

/// Looks for the records of all connectors of a store. Clones are the same one: one of them runs, by the others requests
/// hasten it.
#[derive(Clone)]
pub struct Verifier {
    runtime: Arc<Runtime>,
    records: Arc<dyn TxtRecords>,
    claims: Arc<Claims>,
    wake: Arc<Notify>,
}

impl Verifier {
    /// A verifier that does nothing until it runs.
    pub fn new(runtime: Arc<Runtime>, records: Arc<dyn TxtRecords>) -> Verifier {
        Verifier { runtime, records, claims: Arc::default(), wake: Arc::default() }
    }

    /// Looks for what is due until `shutdown` resolves. Then look-ups are given up, to be made again at the next start,
    /// while outcomes that are being written are waited for; so close the runtime after this.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut searches = JoinSet::new();
        // Tasks notice that this is dropped.
        let (running, stop) = watch::channel(());
        let mut failing = false;
        loop {
            match self.start_due(&mut searches, &stop).await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "cannot read which SSO connectors are to be verified: {error}");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = &mut shutdown => break,
                () = self.wake.notified() => {}
                // One that panicked has left its lease as it was: due.
                Some(ended) = searches.join_next() => if ended.is_err() { sleep(POLL).await },
                () = sleep(POLL) => {}
            }
        }
        drop(running);
        while searches.join_next().await.is_some() {}
    }

    /// Looks for what is due now rather than at the next poll: call it after a commit that begins a verification.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Looks for the record of a connector at once, if it is pending, or verified and lapsed; else does nothing. Makes
    /// no commit of its own, and does not wait for the outcome.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recheck_now(&self, account: AccountId, connector: SsoConnectorId) -> Result<(), CommitError> {
        let Some(snapshot) = self.runtime.account(account).await? else { return Ok(()) };
        if !snapshot.state.sso_connector(&connector).is_some_and(schedule::may_be_hastened) {
            return Ok(());
        }
        let key = connector.to_string();
        let lease = self.runtime.store.lease(SSO_RECORD, &key).await?;
        let search = lease.map(|lease| search::read(&lease)).unwrap_or_default();
        // A look-up under way may have been answered before the record was there. It must not put this one off.
        self.claims.ask_again(&key);
        let stream = StreamId::Account(account).to_string();
        self.runtime.store.put_leases(vec![jobs::search(&stream, &key, self.runtime.clock.now(), search)]).await?;
        self.wake();
        Ok(())
    }

    /// Starts as many look-ups as are due and may go on. What is under way is due too, so as many leases are read as may
    /// be under way.
    async fn start_due(&self, searches: &mut JoinSet<()>, stop: &watch::Receiver<()>) -> Result<(), store::StoreError> {
        if searches.len() >= MOST_AT_ONCE {
            return Ok(());
        }
        let now = self.runtime.clock.now().as_micros();
        for lease in self.runtime.store.leases_due(SSO_RECORD, now, MOST_AT_ONCE).await? {
            if searches.len() >= MOST_AT_ONCE {
                break;
            }
            if let Some(claim) = self.claims.take(&lease.key) {
                searches.spawn(search::carry_out(self.clone(), lease, claim, stop.clone()));
            }
        }
        Ok(())
    }
}
