//! The journal of revocations: a file beside the database, and not in it, of every credential, member, user and account that was put out of
//! use. A backup is older than what was revoked after it; the journal is what keeps a restore from bringing that back
//! (section 13 of the contract: revocations are kept outside the snapshot and replayed).
//!
//! A revocation is in the journal before it is acknowledged. It may be in it although the process died before it answered, and then it was
//! made: the journal is written after the commit.

pub mod replay;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use model::accounts::Account;
use model::change::{Change, Document, DocumentId};
use model::ids::{AccountId, MemberId, StreamId, UserId};
use model::time::Timestamp;
use model::tokens::{Digest, Token, TokenStatus};
use serde::{Deserialize, Serialize};

/// The first line of a journal.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The version of the format.
    portcullis_revocations: u32,
    /// Nothing that was revoked from then on is missing.
    since: Timestamp,
}

const VERSION: u32 = 1;

/// What may be out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A token or a Global API Key, by the digest of its secret.
    Credential(Digest),
    /// A user, who may use nothing.
    User(UserId),
    /// A member, who was removed from an account.
    Member(AccountId, MemberId),
    /// An account that was deleted, with all that is in it.
    Account(AccountId),
}

/// A turn of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// It is out of use.
    Revoked(Subject),
    /// It was only switched off, and is in use again.
    InUseAgain(Subject),
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    at: Timestamp,
    #[serde(flatten)]
    what: Revocation,
}

/// What changes put out of use, or bring back into use. `before` gives a document as it was.
pub(crate) fn of_changes(
    stream: StreamId,
    changes: &[Change],
    before: impl Fn(&DocumentId) -> Option<Document>,
) -> Vec<Revocation> {
    let mut found = Vec::new();
    for change in changes {
        match (before(&change.id()), change) {
            (Some(Document::Token(before)), Change::Put(Document::Token(after))) => {
                found.extend(of_token(&before, after));
            }
            (Some(Document::Token(before)), Change::Delete(_)) => {
                found.extend(before.digest.map(Subject::Credential).map(Revocation::Revoked));
            }
            (Some(Document::User(before)), Change::Put(Document::User(after))) => {
                let former = before.api_key.filter(|key| after.api_key != Some(*key));
                found.extend(former.map(Subject::Credential).map(Revocation::Revoked));
                found.extend(turn(before.enabled, after.enabled, Subject::User(after.id)));
            }
            (Some(Document::Account(before)), Change::Put(Document::Account(after))) => {
                let is_there = |account: &Account| account.deleted_on.is_none();
                found.extend(turn(is_there(&before), is_there(after), Subject::Account(after.id)));
            }
            (Some(Document::Member(member)), Change::Delete(_)) => {
                if let StreamId::Account(account) = stream {
                    found.push(Revocation::Revoked(Subject::Member(account, member.id)));
                }
            }
            _ => {}
        }
    }
    found
}

fn of_token(before: &Token, after: &Token) -> Option<Revocation> {
    let is_on = |token: &Token| token.status == TokenStatus::Active;
    let credential = Subject::Credential(before.digest?);
    if after.digest != before.digest {
        return Some(Revocation::Revoked(credential));
    }
    turn(is_on(before), is_on(after), credential)
}

fn turn(before: bool, after: bool, subject: Subject) -> Option<Revocation> {
    match (before, after) {
        (true, false) => Some(Revocation::Revoked(subject)),
        (false, true) => Some(Revocation::InUseAgain(subject)),
        (true, true) | (false, false) => None,
    }
}

/// The journal that this process writes; none until it is told where.
#[derive(Debug, Default)]
pub struct Journal {
    file: OnceLock<Arc<File>>,
}

impl Journal {
    /// Keeps the journal in that file from now on, which is made if it is not there. Several processes may share it.
    ///
    /// # Errors
    /// When it cannot be opened or written, or is no journal.
    pub fn keep_in(&self, path: &Path, now: Timestamp) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        if let Some(parent) = path.parent() {
            folder.create(parent)?;
        }
        let mut file = options.open(path)?;
        file.lock()?;
        let begun = begin(&mut file, now);
        file.unlock()?;
        begun?;
        // A second time is no news: it is set once, at the start.
        let _ = self.file.set(Arc::new(file));
        Ok(())
    }

    /// Takes over what other journals say.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take_over(&self, revocations: &replay::Revocations) -> io::Result<()> {
        let Some(file) = self.file.get() else { return Ok(()) };
        write(file, revocations.entries())
    }

    /// Writes to the journal, and to the disk, what was revoked. A journal that cannot be written does not undo what was revoked, so
    /// that is logged.
    pub(crate) async fn note(&self, at: Timestamp, revoked: Vec<Revocation>) {
        let Some(file) = self.file.get().filter(|_| !revoked.is_empty()).cloned() else { return };
        let written = tokio::task::spawn_blocking(move || {
            let entries: Vec<Entry> = revoked.into_iter().map(|what| Entry { at, what }).collect();
            write(&file, &entries)
        });
        let written = written.await;
        if let Err(error) = written.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            tracing::error!(%error, "a revocation is not in the journal: a restored backup would bring the credential back");
        }
    }
}

/// Writes the first line, or checks it and takes away what a crash left of the last one.
fn begin(file: &mut File, now: Timestamp) -> io::Result<()> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut text)?;
    if text.is_empty() {
        let mut line = serde_json::to_vec(&Head { portcullis_revocations: VERSION, since: now })?;
        line.push(b'\n');
        file.write_all(&line)?;
        return file.sync_all();
    }
    head_of(&text)?;
    match text.rfind('\n') {
        Some(end) if end + 1 < text.len() => file.set_len(end as u64 + 1),
        Some(_) | None => Ok(()),
    }
}

fn head_of(text: &str) -> io::Result<Head> {
    let head: Head = serde_json::from_str(text.lines().next().unwrap_or_default())
        .map_err(|error| io::Error::other(format!("it is no journal of revocations: {error}")))?;
    match head.portcullis_revocations {
        VERSION => Ok(head),
        other => Err(io::Error::other(format!("it has version {other}, this program knows {VERSION}"))),
    }
}

fn write(mut file: &File, entries: &[Entry]) -> io::Result<()> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    file.lock()?;
    let written = file.write_all(&lines).and_then(|()| file.sync_data());
    file.unlock()?;
    written
}
