//! Work that is due later: looking for the TXT records of connectors, clearing up after tokens that expire. A job is a lease, a function of the documents like
//! a claim, written in the same transaction as the commit; so it survives a restart.

use model::change::{Change, Document, DocumentId};
use model::sso_connectors::{SsoConnector, Verification};
use model::time::Timestamp;
use model::tokens::Token;
use serde::{Deserialize, Serialize};
use store::{Lease, LeaseChange};

/// The kind of lease for a connector's record, pending or verified.
pub const SSO_RECORD: &str = "sso_record";

/// The kind of lease for what time does to a token that expires (D51).
pub const TOKEN_EXPIRY: &str = "token_expiry";

/// A week, in seconds: how often a verified domain is checked again (D64).
pub const RECHECK_SECONDS: i64 = 7 * 24 * 3600;

/// How far the search for a record has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSearch {
    /// Look-ups so far in this phase.
    pub attempts: u32,
    /// Look-ups in a row that missed the record of a verified domain.
    pub misses: u32,
}

/// The leases that changes bring or end.
pub fn leases_of(stream: &str, changes: &[Change], now: Timestamp) -> Vec<LeaseChange> {
    let leases = changes.iter().filter_map(|change| match change {
        Change::Put(Document::SsoConnector(connector)) => Some(lease_of(stream, connector, now)),
        Change::Delete(DocumentId::SsoConnector(id)) => {
            Some(LeaseChange::Delete { kind: SSO_RECORD.into(), key: id.to_string().into() })
        }
        Change::Put(Document::Token(token)) => Some(expiry_of(stream, token)),
        Change::Delete(DocumentId::Token(id)) => Some(no_expiry(&id.to_string())),
        Change::Put(_) | Change::Delete(_) => None,
    });
    leases.collect()
}

fn expiry_of(stream: &str, token: &Token) -> LeaseChange {
    let key = token.id.to_string();
    match token.next_sweep() {
        Some(due) => LeaseChange::Put(Lease {
            kind: TOKEN_EXPIRY.into(),
            key: key.into(),
            stream: stream.into(),
            due_at: due.as_micros(),
            expires_at: i64::MAX,
            payload: Vec::new(),
        }),
        None => no_expiry(&key),
    }
}

fn no_expiry(key: &str) -> LeaseChange {
    LeaseChange::Delete { kind: TOKEN_EXPIRY.into(), key: key.into() }
}

fn lease_of(stream: &str, connector: &SsoConnector, now: Timestamp) -> LeaseChange {
    let due = match connector.verification {
        Verification::Pending { .. } => now,
        Verification::Verified { .. } => now.plus_seconds(RECHECK_SECONDS),
        Verification::Awaiting | Verification::Failed => {
            return LeaseChange::Delete { kind: SSO_RECORD.into(), key: connector.id.to_string().into() };
        }
    };
    search(stream, &connector.id.to_string(), due, RecordSearch::default())
}

/// The lease of a search that is due at a time.
pub fn search(stream: &str, key: &str, due: Timestamp, search: RecordSearch) -> LeaseChange {
    LeaseChange::Put(Lease {
        kind: SSO_RECORD.into(),
        key: key.into(),
        stream: stream.into(),
        due_at: due.as_micros(),
        expires_at: i64::MAX,
        payload: serde_json::to_vec(&search).unwrap_or_default(),
    })
}
