//! The lines of a backup: JSON, one row of the store each, between a first and a last one that say what it is and that it is whole.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Base, Claim, Head, Lease, Record, Row, Usage};

/// The version of the format.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first.
    Backup { version: u32, made_at: Timestamp },
    /// That a commit is seen at a place besides its own stream.
    Appearance { place: Box<str>, stream: Box<str>, revision: u64 },
    /// Where a log begins whose older commits were folded away.
    Base { stream: Box<str>, revision: u64, at: i64, hash: String, state: String, key: String, signature: String },
    /// A commit. The hash of the one before is that of the line before; it is named for the one that a base stands at, which has none before.
    Commit {
        stream: Box<str>,
        revision: u64,
        at: i64,
        actor: Box<str>,
        request: Box<str>,
        changes: Box<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev_hash: Option<String>,
        hash: String,
    },
    /// Who holds a key.
    Claim { kind: Box<str>, key: Box<str>, stream: Box<str>, id: Box<str> },
    /// A lease.
    Lease { kind: Box<str>, key: Box<str>, stream: Box<str>, due_at: i64, expires_at: i64, payload: String },
    /// When a permission was last used.
    Usage { stream: Box<str>, principal: Box<str>, permission: Box<str>, last_used: i64 },
    /// Since when that is recorded.
    UsageSince(i64),
    /// The last: how many rows there are, and the digest of all lines before this one.
    End { rows: u64, sha256: String },
}

impl Line {
    /// The line of a commit, which names the hash of the one before if it is given.
    pub fn of_commit(record: Record, prev_hash: Option<[u8; 32]>) -> Line {
        let Record { stream, revision, at, actor, request, changes, prev_hash: _, hash } = record;
        let (prev_hash, hash) = (prev_hash.map(|hash| HEXLOWER.encode(&hash)), HEXLOWER.encode(&hash));
        Line::Commit { stream, revision, at, actor, request, changes, prev_hash, hash }
    }
}

impl From<Row> for Line {
    fn from(row: Row) -> Line {
        match row {
            Row::Appearance { place, stream, revision } => Line::Appearance { place, stream, revision },
            Row::Base(Base { stream, revision, at, hash, state, key, signature }) => {
                let (hash, state) = (HEXLOWER.encode(&hash), HEXLOWER.encode(&state));
                let (key, signature) = (HEXLOWER.encode(&key), HEXLOWER.encode(&signature));
                Line::Base { stream, revision, at, hash, state, key, signature }
            }
            Row::Commit(record) => Line::of_commit(record, None),
            Row::Claim(Claim { kind, key, stream, id }) => Line::Claim { kind, key, stream, id },
            Row::Lease(Lease { kind, key, stream, due_at, expires_at, payload }) => {
                let payload = HEXLOWER.encode(&payload);
                Line::Lease { kind, key, stream, due_at, expires_at, payload }
            }
            Row::Usage(Usage { stream, principal, permission, last_used }) => {
                Line::Usage { stream, principal, permission, last_used }
            }
            Row::UsageSince(at) => Line::UsageSince(at),
        }
    }
}

/// Where each stream stands, so far as it was read, and where those begin that have a base.
#[derive(Default)]
pub struct Heads {
    heads: HashMap<Box<str>, Head>,
    bases: HashMap<Box<str>, u64>,
}

fn hash_of(text: &str) -> Result<[u8; 32], &'static str> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or("a hash is not 64 hex digits")
}

impl Heads {
    /// The row of a line; none for the first and the last. Checks that a commit continues its stream and has the hash of its content.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn row_of(&mut self, line: Line) -> Result<Option<Row>, String> {
        Ok(Some(match line {
            Line::Backup { .. } | Line::End { .. } => return Ok(None),
            Line::Appearance { place, stream, revision } => Row::Appearance { place, stream, revision },
            Line::Base { stream, revision, at, hash, state, key, signature } => {
                let bytes = |text: &str| HEXLOWER.decode(text.as_bytes()).map_err(|_| "a base is not in hex digits");
                let (hash, key) = (hash_of(&hash)?, hash_of(&key)?);
                let (state, signature) = (bytes(&state)?, bytes(&signature)?);
                self.bases.insert(stream.clone(), revision);
                Row::Base(Base { stream, revision, at, hash, state, key, signature })
            }
            Line::Commit { stream, revision, at, actor, request, changes, prev_hash, hash } => {
                let mut head = self.heads.get(&stream).copied().unwrap_or(Head::EMPTY);
                if let Some(prev_hash) = prev_hash
                    && head == Head::EMPTY
                    && self.bases.remove(&stream) == Some(revision)
                {
                    head = Head { revision: revision.saturating_sub(1), hash: hash_of(&prev_hash)? };
                }
                let hash = hash_of(&hash)?;
                let record = Record { stream, revision, at, actor, request, changes, prev_hash: head.hash, hash };
                if record.revision != head.revision + 1 || !record.verify_hash() {
                    return Err(format!("revision {revision} of `{}` does not continue its log", record.stream));
                }
                self.heads.insert(record.stream.clone(), record.head());
                Row::Commit(record)
            }
            Line::Claim { kind, key, stream, id } => Row::Claim(Claim { kind, key, stream, id }),
            Line::Lease { kind, key, stream, due_at, expires_at, payload } => {
                let payload = HEXLOWER.decode(payload.as_bytes()).map_err(|_| "a payload is not in hex digits")?;
                Row::Lease(Lease { kind, key, stream, due_at, expires_at, payload })
            }
            Line::Usage { stream, principal, permission, last_used } => {
                Row::Usage(Usage { stream, principal, permission, last_used })
            }
            Line::UsageSince(at) => Row::UsageSince(at),
        }))
    }
}
