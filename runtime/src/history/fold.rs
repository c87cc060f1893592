//! Folding a long log: the state at one of its commits, signed, takes the place of all commits before it.
//!
//! The chain stays verifiable: the base says the hash of the commit that it stands at, which is the oldest one left and is not changed, and is
//! signed with the server's key. What happened before can no longer be asked; what was so then is told as having begun there.

use engine::Account;
use engine::offline::OpeningKey;
use model::change::{Document, DocumentId};
use model::commit::{Actor, Request};
use model::ids::{Revision, StreamId};
use model::time::Timestamp;
use model::users::UserState;
use sha2::{Digest as _, Sha256};
use store::{Base, Head};

use super::commits::CommitInfo;
use crate::state::State;
use crate::stream::{Broken, Snapshot};
use crate::{CommitError, Runtime, snapshot};

/// Separates these signatures from all others of the key.
const DOMAIN: &[u8] = b"portcullis base v1";
/// How many streams are listed at once.
const PAGE: usize = 1000;

impl Runtime {
    /// Folds away the commits of all logs that are older than that. Tells how many are gone.
    ///
    /// # Errors
    /// When the database cannot be read or written; what was folded until then is.
    pub async fn fold_all(&self, before: Timestamp) -> Result<u64, CommitError> {
        let (mut after, mut gone) = (Box::from(""), 0);
        loop {
            let streams = self.store.streams(&after, PAGE).await?;
            let Some((last, _)) = streams.last() else { return Ok(gone) };
            after = last.clone();
            for (stream, _) in streams {
                gone += self.fold(&stream, before).await?;
            }
        }
    }

    /// Folds away the commits of one log that are older than that, but for the newest of them. Tells how many are gone.
    ///
    /// # Errors
    /// As for [`Runtime::fold_all`].
    pub async fn fold(&self, stream: &str, before: Timestamp) -> Result<u64, CommitError> {
        let revision = self.store.revision_at(stream, before.as_micros().saturating_sub(1)).await?;
        let folded = self.store.folded(stream).await?;
        if revision > folded.max(1) {
            let base = match stream.parse::<StreamId>() {
                Ok(id @ StreamId::Account(_)) => self.base_of(id, revision, Account::new(&self.engine)).await?,
                Ok(id @ StreamId::User(_)) => self.base_of(id, revision, UserState::default()).await?,
                Err(_) => self.base_of_events(stream, revision).await?,
            };
            self.store.fold(base).await?;
        } else if folded == 0 {
            return Ok(0);
        }
        Ok(self.store.forget_folded(stream).await?)
    }

    async fn base_of<S: State>(&self, id: StreamId, revision: Revision, empty: S) -> Result<Base, CommitError> {
        let snapshot = snapshot::at(&self.store, id, Some(revision), empty).await?;
        if snapshot.revision() != revision {
            return Err(Broken::missing(id, snapshot.revision() + 1).into());
        }
        let (at, hash) = (snapshot.at, snapshot.hash);
        let encoded = tokio::task::spawn_blocking(move || snapshot::encode(&snapshot)).await;
        let state = encoded.map_err(|_| store::StoreError::Closed)?.map_err(Broken::from)?;
        Ok(self.sign(Head { revision, hash }, id.to_string().into(), at, state))
    }

    /// Events have no state: nothing but their place is kept.
    async fn base_of_events(&self, stream: &str, revision: Revision) -> Result<Base, CommitError> {
        let record = self.store.record(stream, revision).await?;
        let record = record.ok_or_else(|| Broken::Base(stream.into(), "its commit is missing"))?;
        Ok(self.sign(record.head(), stream.into(), Timestamp::from_micros(record.at), Vec::new()))
    }

    fn sign(&self, head: Head, stream: Box<str>, at: Timestamp, state: Vec<u8>) -> Base {
        let key = self.secrets.sealing_key();
        let (at, key_bytes) = (at.as_micros(), key.opening_key().to_bytes());
        let mut base =
            Base { stream, revision: head.revision, at, hash: head.hash, state, key: key_bytes, signature: Vec::new() };
        base.signature = key.sign(&signed(&base)).to_vec();
        base
    }

    /// A document as the base has it, and what is known of how it came to be; none where there is no base up to that revision, or the
    /// document is not in it.
    pub(super) async fn folded_document(
        &self,
        stream: StreamId,
        document: &DocumentId,
        at_most: Revision,
    ) -> Result<Option<(Document, CommitInfo)>, CommitError> {
        let folded = self.store.folded(&stream.to_string()).await?;
        if folded == 0 || folded > at_most {
            return Ok(None);
        }
        let at = super::at::At::Revision(folded);
        let (document, at) = match stream {
            StreamId::Account(id) => {
                let base = self.account_as_of(id, at).await?;
                (base.state.document(document), base.at)
            }
            StreamId::User(id) => {
                let base = self.user_as_of(id, at).await?;
                (State::document(&base.state, document), base.at)
            }
        };
        Ok(document.map(|document| (document, info(folded, at))))
    }
}

/// What is known of what was folded away: that it was so by then.
pub(crate) fn info(revision: Revision, at: Timestamp) -> CommitInfo {
    let actor = Actor::System { reason: "commits up to this one were folded away".into() };
    CommitInfo { revision, at, actor, request: Request::default() }
}

/// The state of a base.
///
/// # Errors
/// [`Broken::Base`] for one that was not signed, or cannot be read.
pub(crate) fn open<S: State>(base: Base, empty: &S) -> Result<Snapshot<S>, Broken> {
    check(&base)?;
    let unreadable = || Broken::Base(base.stream.clone(), "it cannot be read");
    let snapshot = snapshot::decode(&base.state, empty).ok_or_else(unreadable)?;
    if snapshot.revision() == base.revision && snapshot.hash == base.hash { Ok(snapshot) } else { Err(unreadable()) }
}

/// Where the rest of a log of events begins.
///
/// # Errors
/// [`Broken::Base`] for a base that was not signed.
pub(crate) fn open_events(base: Base) -> Result<Head, Broken> {
    check(&base)?;
    Ok(Head { revision: base.revision, hash: base.hash })
}

fn check(base: &Base) -> Result<(), Broken> {
    let forged = || Broken::Base(base.stream.clone(), "its signature is not right");
    let key = OpeningKey::from_bytes(&base.key).ok_or_else(forged)?;
    let signature = <&[u8; 64]>::try_from(&base.signature[..]).map_err(|_| forged())?;
    if key.has_signed(&signed(base), signature) { Ok(()) } else { Err(forged()) }
}

/// What is signed: every part is preceded by its length, so that no two bases read the same.
fn signed(base: &Base) -> Vec<u8> {
    let state = Sha256::digest(&base.state);
    let (revision, at) = (base.revision.to_be_bytes(), base.at.to_be_bytes());
    let parts: [&[u8]; 6] = [DOMAIN, base.stream.as_bytes(), &revision, &at, &base.hash, &state];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
