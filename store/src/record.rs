//! A commit as it is stored, and the hash that chains it to the one before.

use sha2::{Digest, Sha256};

/// Separates these hashes from every other use of SHA-256. A new encoding gets a new name.
const DOMAIN: &[u8] = b"portcullis.commit.v1";

/// One commit as stored. The store does not look into `actor`, `request` and `changes`.
///
/// Make one with [`Record::seal`]: the store checks that a record continues its stream, and takes `hash` as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The log that it belongs to, such as `account/023e…`. Not empty.
    pub stream: Box<str>,
    /// From 1, without gaps.
    pub revision: u64,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who, as JSON text.
    pub actor: Box<str>,
    /// The request that caused it, as JSON text.
    pub request: Box<str>,
    /// What changed, as JSON text.
    pub changes: Box<str>,
    /// The `hash` of the revision before; zeros for revision 1.
    pub prev_hash: [u8; 32],
    /// SHA-256 over all the other fields.
    pub hash: [u8; 32],
}

impl Record {
    /// The commit that follows `prev`, with its revision and hash filled in.
    #[must_use]
    pub fn seal(
        prev: &Head,
        stream: impl Into<Box<str>>,
        at: i64,
        actor: impl Into<Box<str>>,
        request: impl Into<Box<str>>,
        changes: impl Into<Box<str>>,
    ) -> Record {
        let mut record = Record {
            stream: stream.into(),
            revision: prev.revision + 1,
            at,
            actor: actor.into(),
            request: request.into(),
            changes: changes.into(),
            prev_hash: prev.hash,
            hash: [0; 32],
        };
        record.hash = record.computed_hash();
        record
    }

    /// Whether `hash` is the hash of the other fields. That `prev_hash` is the hash of the record before is for the caller to compare.
    #[must_use]
    pub fn verify_hash(&self) -> bool {
        self.hash == self.computed_hash()
    }

    /// The head of the stream once this record is its last.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { revision: self.revision, hash: self.hash }
    }

    /// Every part is preceded by its length, so that no two different records have the same encoding.
    fn computed_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(DOMAIN);
        part(&self.prev_hash);
        part(self.stream.as_bytes());
        part(&self.revision.to_be_bytes());
        part(&self.at.to_be_bytes());
        part(self.actor.as_bytes());
        part(self.request.as_bytes());
        part(self.changes.as_bytes());
        hasher.finalize().into()
    }
}

/// Where a log begins whose older commits were folded away. The commit that it stands at is the oldest that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The log.
    pub stream: Box<str>,
    /// The commit that it stands at.
    pub revision: u64,
    /// The time of that commit, in microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The hash of that commit.
    pub hash: [u8; 32],
    /// The state after it; the caller's own bytes.
    pub state: Vec<u8>,
    /// By whom it was signed.
    pub key: [u8; 32],
    /// Over all of the above; the store does not look at it.
    pub signature: Vec<u8>,
}

/// Where a stream stands: its last revision and that record's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last revision; 0 for a stream without commits.
    pub revision: u64,
    /// The hash of the last record; zeros for a stream without commits.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of a stream without commits.
    pub const EMPTY: Head = Head { revision: 0, hash: [0; 32] };

    /// Whether `record` is the one that comes next.
    pub(crate) fn precedes(&self, record: &Record) -> bool {
        self.revision.checked_add(1) == Some(record.revision) && self.hash == record.prev_hash
    }
}

/// The checksum of a stored snapshot. Also over the stream and revision, so that the bytes of another row do not pass.
pub(crate) fn snapshot_checksum(stream: &str, revision: u64, state: &[u8]) -> [u8; 32] {
    let hasher = Sha256::new().chain_update((stream.len() as u64).to_be_bytes()).chain_update(stream);
    hasher.chain_update(revision.to_be_bytes()).chain_update(state).finalize().into()
}
