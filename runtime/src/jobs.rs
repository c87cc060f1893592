//! Work that is due later: looking for the TXT records of connectors, clearing up after tokens that expire. A job is a lease, a function of the documents like
//! a claim, written in the same transaction as the commit; so it survives a restart.

use model::accounts::Account;
use model::change::{Change, Document, DocumentId};
use model::members::{Member, Standing};
use model::sso_connectors::{SsoConnector, Verification};
use model::time::Timestamp;
use model::tokens::Token;
use serde::{Deserialize, Serialize};
use store::{Lease, LeaseChange};

/// The kind of lease for a connector's record, pending or verified.
pub const SSO_RECORD: &str = "sso_record";

/// The kind of lease for what time does to a token that expires (D51).
pub const TOKEN_EXPIRY: &str = "token_expiry";

/// The kind of lease for an invitation that is to be mailed.
pub const INVITATION_MAIL: &str = "invitation_mail";

/// The kind of lease for a user whose profile its memberships do not show yet.
pub const PROFILE_COPY: &str = "profile_copy";

/// The kind of lease for a deleted account of which nothing is to be left.
pub const ACCOUNT_PURGE: &str = "account_purge";

/// How far the sending of a mail has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Tries so far.
    pub attempts: u32,
    /// Why it will not be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

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
        Change::Put(Document::Account(account)) => Some(purge_of(stream, account)),
        Change::Put(Document::Member(member)) => mail_of(stream, member),
        Change::Delete(DocumentId::Member(id)) => Some(no_mail(&id.to_string())),
        Change::Put(Document::User(user)) => Some(copy_of(stream, &user.id.to_string(), now)),
        Change::Put(Document::Token(token)) => Some(expiry_of(stream, token)),
        Change::Delete(DocumentId::Token(id)) => Some(no_expiry(&id.to_string())),
        Change::Put(_) | Change::Delete(_) => None,
    });
    leases.collect()
}

fn purge_of(stream: &str, account: &Account) -> LeaseChange {
    let key: Box<str> = account.id.to_string().into();
    match account.purged_on() {
        Some(due) => LeaseChange::Put(Lease {
            kind: ACCOUNT_PURGE.into(),
            key,
            stream: stream.into(),
            due_at: due.as_micros(),
            expires_at: i64::MAX,
            payload: Vec::new(),
        }),
        None => LeaseChange::Delete { kind: ACCOUNT_PURGE.into(), key },
    }
}

/// A fresh invitation is to be sent; one that was answered needs no mail any more.
fn mail_of(stream: &str, member: &Member) -> Option<LeaseChange> {
    let key = member.id.to_string();
    let (Standing::Pending { invited_on }, Some(invitation)) = (member.standing, &member.invitation) else {
        return Some(no_mail(&key));
    };
    (invited_on == member.modified_on)
        .then(|| LeaseChange::Put(mail(stream, &key, Some(invited_on), invitation.expires_on, &Delivery::default())))
}

fn no_mail(key: &str) -> LeaseChange {
    LeaseChange::Delete { kind: INVITATION_MAIL.into(), key: key.into() }
}

/// The lease of a mail that is due at a time, or that will not be sent.
pub fn mail(stream: &str, key: &str, due: Option<Timestamp>, expires: Timestamp, delivery: &Delivery) -> Lease {
    Lease {
        kind: INVITATION_MAIL.into(),
        key: key.into(),
        stream: stream.into(),
        due_at: due.map_or(i64::MAX, Timestamp::as_micros),
        expires_at: expires.as_micros(),
        payload: serde_json::to_vec(delivery).unwrap_or_default(),
    }
}

fn copy_of(stream: &str, key: &str, now: Timestamp) -> LeaseChange {
    LeaseChange::Put(Lease {
        kind: PROFILE_COPY.into(),
        key: key.into(),
        stream: stream.into(),
        due_at: now.as_micros(),
        expires_at: i64::MAX,
        payload: Vec::new(),
    })
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
