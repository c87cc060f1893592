//! One look-up, from its lease to its outcome.

use std::time::Duration;

use engine::permit::Permit;
use model::ids::{AccountId, StreamId};
use model::sso_connectors::{self, Finding, SsoConnector, Verification};
use model::time::Timestamp;
use runtime::jobs::{self, RecordSearch, SSO_RECORD};
use runtime::{CommitError, Origin};
use store::{Lease, LeaseChange};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::sso_verification::Verifier;
use crate::sso_verification::claims::Claim;
use crate::sso_verification::schedule::{self, Answer, Step};

/// The longest that one look-up may take, whatever the resolver's own limits.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(20);

/// How soon a search goes on that could not be, or that found the connector changed meanwhile, in seconds.
const RETRY_SECONDS: i64 = 60;

/// How long to leave a store alone that cannot be written.
const STORE_REST: Duration = Duration::from_secs(10);

/// How far a search has come; at its beginning if the lease does not say.
pub fn read(lease: &Lease) -> RecordSearch {
    serde_json::from_slice(&lease.payload).unwrap_or_default()
}

/// What becomes of the lease of a search.
enum Fate {
    /// Look again then.
    Again(Timestamp, RecordSearch),
    /// There is nothing left to look for.
    Gone,
    /// As a commit wrote it, or as it was.
    Settled,
}

/// Makes the look-up of a lease, unless it is no longer due, and writes what came of it. Given up once `stop` closes.
pub async fn carry_out(verifier: Verifier, listed: Lease, claim: Claim, mut stop: watch::Receiver<()>) {
    let fate = match look(&verifier, &listed, &mut stop).await {
        Ok(fate) => fate,
        Err(error) => {
            tracing::error!(sso_connector.id = %listed.key, %error, "could not verify SSO connector `{}`, trying again in a minute: {error}", listed.key);
            Fate::Again(verifier.runtime.clock.now().plus_seconds(RETRY_SECONDS), read(&listed))
        }
    };
    let put = |due, search| jobs::search(&listed.stream, &listed.key, due, search);
    let (change, search) = match fate {
        Fate::Again(due, search) => (put(due, search), Some(search)),
        Fate::Gone => (LeaseChange::Delete { kind: SSO_RECORD.into(), key: listed.key.clone() }, None),
        Fate::Settled => return,
    };
    write(&verifier, change, &mut stop).await;
    // The claim ends only after the lease is written: who asks for another look-up sees one of the two.
    if claim.give_back()
        && let Some(search) = search
    {
        write(&verifier, put(verifier.runtime.clock.now(), search), &mut stop).await;
        verifier.wake();
    }
}

async fn write(verifier: &Verifier, change: LeaseChange, stop: &mut watch::Receiver<()>) {
    if let Err(error) = verifier.runtime.store.put_leases(vec![change]).await {
        tracing::error!(%error, "could not write when to look for a TXT record: {error}");
        // The lease is still due, and would be taken again at once.
        tokio::select! {
            () = sleep(STORE_REST) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn look(verifier: &Verifier, listed: &Lease, stop: &mut watch::Receiver<()>) -> Result<Fate, CommitError> {
    let runtime = &verifier.runtime;
    let asked = runtime.clock.now();
    // The list may be older than the claim: an earlier look-up may have put the lease off in between.
    let lease = match runtime.store.lease(SSO_RECORD, &listed.key).await? {
        Some(lease) if lease.due_at <= asked.as_micros() => lease,
        Some(_) | None => return Ok(Fate::Settled),
    };
    let (Ok(StreamId::Account(account)), Ok(id)) = (lease.stream.parse(), lease.key.parse()) else {
        tracing::warn!(
            "dropped the search for a TXT record `{}` of `{}`: it names no connector",
            lease.key,
            lease.stream
        );
        return Ok(Fate::Gone);
    };
    let snapshot = runtime.account(account).await?;
    let connector = snapshot.as_ref().and_then(|snapshot| snapshot.state.sso_connector(&id));
    let Some(connector) = connector.filter(|connector| schedule::is_sought(connector)) else { return Ok(Fate::Gone) };
    let answer = tokio::select! {
        _ = stop.changed() => return Ok(Fate::Settled),
        answer = ask(verifier, connector) => answer,
    };
    let search = read(&lease);
    match schedule::step(connector, search, answer, asked) {
        Step::Stop => Ok(Fate::Gone),
        Step::Again { due, search } => {
            tracing::debug!(sso_connector.id = %id, %due, "looked for the TXT record of SSO connector `{id}`: {answer:?}, again at {due}");
            Ok(Fate::Again(due, search))
        }
        Step::Note(finding) if note(verifier, account, connector, finding).await? => Ok(Fate::Settled),
        Step::Note(_) => Ok(Fate::Again(asked.plus_seconds(RETRY_SECONDS), search)),
    }
}

async fn ask(verifier: &Verifier, connector: &SsoConnector) -> Answer {
    let (domain, records) = (connector.email_domain.clone(), verifier.records.clone());
    // In a task of its own, so that a panic in a resolver is no answer, and not a look-up that is begun again at once.
    let mut task = JoinSet::new();
    task.spawn(async move { records.look_up(&domain).await });
    let sought = connector.record();
    let error = match timeout(LOOK_UP_LIMIT, task.join_next()).await {
        Ok(Some(Ok(Ok(records)))) if records.iter().any(|record| record.trim() == sought) => return Answer::Found,
        Ok(Some(Ok(Ok(_)))) => return Answer::Missing,
        Ok(Some(Ok(Err(error)))) => error.to_string(),
        Ok(Some(Err(panicked))) => panicked.to_string(),
        Ok(None) | Err(_) => "it took too long".to_owned(),
    };
    let domain = &connector.email_domain;
    tracing::debug!(sso_connector.id = %connector.id, error, "could not look for the TXT record of `{domain}`: {error}");
    Answer::Unanswered
}

/// Commits a finding. False if that changed nothing, since the connector is not what it was before the look-up.
async fn note(
    verifier: &Verifier,
    account: AccountId,
    connector: &SsoConnector,
    finding: Finding,
) -> Result<bool, CommitError> {
    let runtime = &verifier.runtime;
    let reason = match finding {
        Finding::Found => "TXT record found",
        Finding::Missing => "TXT record not found in time",
        Finding::MissingTwice => "TXT record missing at two weekly checks",
    };
    let origin = Origin::system(reason);
    let id = connector.id;
    let committed = runtime
        .commit(
            &Permit::for_system(account),
            &origin,
            |state, environment| Ok((sso_connectors::note(state, environment, id, finding), ())),
            |_, ()| None,
        )
        .await;
    let committed = match committed {
        Err(CommitError::NoStream(_)) => return Ok(false),
        committed => committed?,
    };
    if let Some(connector) = committed.snapshot.state.sso_connector(&id).filter(|_| committed.changed) {
        report(account, connector);
    }
    Ok(committed.changed)
}

fn report(account: AccountId, connector: &SsoConnector) {
    let (id, domain) = (connector.id, &connector.email_domain);
    match connector.verification {
        Verification::Verified { .. } if connector.lapsed => tracing::warn!(
            account.id = %account, sso_connector.id = %id,
            "SSO connector `{id}` lapsed: the TXT record of `{domain}` was missing at two weekly checks"
        ),
        Verification::Verified { .. } => {
            tracing::info!(account.id = %account, sso_connector.id = %id, "verified SSO connector `{id}` for `{domain}`");
        }
        Verification::Failed => tracing::info!(
            account.id = %account, sso_connector.id = %id,
            "the verification of SSO connector `{id}` failed: no TXT record at `{domain}` within 48 hours"
        ),
        Verification::Awaiting | Verification::Pending { .. } => {}
    }
}
