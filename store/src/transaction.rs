//! What is written together or not at all.

use crate::record::Record;

/// All or nothing. May hold commits of several streams, and several of one stream in their order.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// The commits. Each must continue its stream.
    pub commits: Vec<Commit>,
    /// Applied with all releases before all takes, so that a key can pass from one holder to another in one transaction.
    pub claims: Vec<ClaimChange>,
    /// Applied in their order.
    pub leases: Vec<LeaseChange>,
}

/// A commit to append, and what it touches.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The commit.
    pub record: Record,
    /// The names of the documents that it changes, by which [`Store::touches`](crate::Store::touches) and
    /// [`Store::touching`](crate::Store::touching) find it. The store does not look into them; a repeated one counts once.
    pub touched: Vec<Box<str>>,
    /// Where it is seen besides its own stream, by which [`Store::appearances`](crate::Store::appearances) finds it. The store does not
    /// look into these names; a repeated one counts once.
    pub appears_in: Vec<Box<str>>,
}

/// A key that is unique in the whole store, and its holder: an e-mail address and its user, a token's digest and the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The kind of key; keys of two kinds never collide.
    pub kind: Box<str>,
    /// The key itself, not empty. Compared and ordered by its bytes.
    pub key: Box<str>,
    /// The stream that holds it.
    pub stream: Box<str>,
    /// The thing in that stream that it leads to.
    pub id: Box<str>,
}

/// A change of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimChange {
    /// Refused with [`AppendError::Claimed`](crate::AppendError::Claimed) when another stream or another id has the key.
    /// Taking what the same stream already holds for the same id is fine.
    Take(Claim),
    /// Refused with [`AppendError::Claimed`](crate::AppendError::Claimed) when another stream has the key. Releasing what nobody holds
    /// is fine.
    Release {
        /// As in [`Claim`].
        kind: Box<str>,
        /// As in [`Claim`].
        key: Box<str>,
        /// The stream that gives it up.
        stream: Box<str>,
    },
}

/// A short-lived row: a session, the state of a sign-in, a job to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The kind of lease; keys of two kinds never collide.
    pub kind: Box<str>,
    /// Unique within its kind.
    pub key: Box<str>,
    /// The stream that it is about.
    pub stream: Box<str>,
    /// From when on [`Store::leases_due`](crate::Store::leases_due) lists it, in microseconds since 1970-01-01 UTC.
    pub due_at: i64,
    /// From when on it counts as gone and may be purged, in microseconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// The caller's own bytes.
    pub payload: Vec<u8>,
}

/// A change of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseChange {
    /// Creates it, or replaces the one with the same kind and key.
    Put(Lease),
    /// Deletes it; deleting what does not exist is fine.
    Delete {
        /// As in [`Lease`].
        kind: Box<str>,
        /// As in [`Lease`].
        key: Box<str>,
    },
}

/// When a permission was last used by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The stream in which it was used.
    pub stream: Box<str>,
    /// Who used it.
    pub principal: Box<str>,
    /// The permission; empty for the principal itself.
    pub permission: Box<str>,
    /// When, in microseconds since 1970-01-01 UTC.
    pub last_used: i64,
}

/// What was worked out of a stretch of a stream, so that the stretch need not be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What it is about; the caller's own word.
    pub kind: Box<str>,
    /// The first revision of the stretch. How long stretches are is for the caller to know.
    pub first: u64,
    /// The caller's own bytes.
    pub bytes: Vec<u8>,
}

/// A part of a place's time, and from which end it is read. Commits are ordered by time, then stream, then revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// The first time that belongs to it, in microseconds since 1970-01-01 UTC.
    pub since: i64,
    /// The first time that no longer belongs to it.
    pub before: i64,
    /// Whether the newest comes first.
    pub newest_first: bool,
    /// The commit after which, in this order, it begins: its time, stream and revision.
    pub after: Option<(i64, &'a str, u64)>,
}

impl Span<'_> {
    /// Whether a commit belongs to it.
    pub(crate) fn holds(&self, key: (i64, &str, u64)) -> bool {
        let in_time = key.0 >= self.since && key.0 < self.before;
        in_time && self.after.is_none_or(|after| if self.newest_first { key < after } else { key > after })
    }
}
