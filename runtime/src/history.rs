//! Looking back: states of long ago, the commits that led to them, where a grant came from, and the proof that the log is
//! whole.

pub mod at;
pub mod commits;
pub mod fold;
pub(crate) mod past;
pub mod provenance;
pub mod replay;

use std::sync::atomic::Ordering;

use engine::Account;
use engine::offline::OpeningKey;
use model::ids::{AccountId, Revision, StreamId};
use model::users::UserState;
use store::{Foreign, Record};
use tokio::time::Instant;

use crate::stream::{Broken, Snapshot};
use crate::{CommitError, Runtime, snapshot};

/// What a check of one stream found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The stream.
    pub stream: Box<str>,
    /// How many commits it has that are not folded away.
    pub commits: u64,
    /// Who signed the base that it begins with, if older commits were folded away.
    pub signed_by: Option<OpeningKey>,
}

impl Runtime {
    /// The account as the store has it at a revision, or now, whatever is in memory: for checks. A revision beyond the newest is
    /// the newest. Questions about the past are for [`Runtime::account_as_of`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn account_at(
        &self,
        id: AccountId,
        revision: Option<Revision>,
    ) -> Result<Snapshot<Account>, CommitError> {
        snapshot::at(&self.store, StreamId::Account(id), revision, Account::new(&self.engine)).await
    }

    /// Replays a whole stream from its first commit, or from its base, checking every number, hash and change.
    ///
    /// # Errors
    /// [`CommitError::Broken`] names the first revision that does not fit.
    pub async fn verify(&self, stream: StreamId) -> Result<Verified, CommitError> {
        match stream {
            StreamId::Account(_) => self.verify_from(stream, Account::new(&self.engine)).await,
            StreamId::User(_) => self.verify_from(stream, UserState::default()).await,
        }
    }

    async fn verify_from<S: crate::state::State>(&self, stream: StreamId, empty: S) -> Result<Verified, CommitError> {
        let name = stream.to_string();
        // Read first, so that what is committed meanwhile does no harm.
        let stored = self.store.snapshot(&name, None).await?.map_or(0, |(revision, _)| revision);
        let mut snapshot = snapshot::beginning(&self.store, stream, empty).await?;
        let began = snapshot.revision();
        self.check_beginning(&name, snapshot.revision(), &snapshot.hash).await?;
        loop {
            let records: Vec<Record> = self.store.records(&name, snapshot.revision(), 1000).await?;
            for record in &records {
                snapshot = snapshot.followed_by(record)?;
            }
            if records.len() < 1000 {
                break;
            }
        }
        if stored > snapshot.revision() {
            let what = format!("the log ends there, and a snapshot of it is of revision {stored}");
            return Err(Broken::Chain { stream: name.into(), revision: snapshot.revision(), what: what.into() }.into());
        }
        let head = self.store.head(&name).await?;
        if head.revision != snapshot.revision() || head.hash != snapshot.hash {
            let what =
                format!("the log names revision {} as its newest, but ends at {}", head.revision, snapshot.revision());
            return Err(Broken::Chain { stream: name.into(), revision: snapshot.revision(), what: what.into() }.into());
        }
        let signed_by = self.store.base(&name).await?.and_then(|base| OpeningKey::from_bytes(&base.key));
        Ok(Verified { stream: name.into(), commits: snapshot.revision() - began.saturating_sub(1), signed_by })
    }

    /// A base stands at a commit that is there, and older ones may be left over from a folding that was cut short.
    pub(crate) async fn check_beginning(&self, name: &str, base: Revision, hash: &[u8; 32]) -> Result<(), CommitError> {
        if base == 0 {
            return Ok(());
        }
        match self.store.record(name, base).await? {
            Some(record) if record.hash == *hash && record.verify_hash() => Ok(()),
            Some(_) | None => Err(Broken::Base(name.into(), "it does not stand at a commit of the log").into()),
        }
    }

    /// Reads what other processes are heard to have written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow(&self) -> Result<(), CommitError> {
        let began = Instant::now();
        match self.store.foreign().await? {
            Foreign::Nothing if !self.is_behind.load(Ordering::Relaxed) => {}
            Foreign::Streams(names) if !self.is_behind.load(Ordering::Relaxed) => self.read_on(Some(&names)).await?,
            Foreign::Nothing | Foreign::Streams(_) | Foreign::Anything => self.read_on(None).await?,
        }
        if self.store.hears_all() {
            self.freshness.confirm(began);
        }
        Ok(())
    }

    /// Makes sure that everything in memory is the newest, also where news may be lost on their way.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn confirm_freshness(&self) -> Result<(), CommitError> {
        if self.store.hears_all() {
            return self.follow().await;
        }
        let began = Instant::now();
        self.read_on(None).await?;
        self.freshness.confirm(began);
        Ok(())
    }

    /// Reads what others have written to one account or user.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow_one(&self, id: StreamId) -> Result<(), CommitError> {
        let named = [id.to_string().into()];
        match id {
            StreamId::Account(_) => self.accounts.follow(Some(&named)).await,
            StreamId::User(_) => self.users.follow(Some(&named)).await,
        }
    }

    /// Of all streams, or of those named. What was heard is not forgotten when the log cannot be read.
    async fn read_on(&self, named: Option<&[Box<str>]>) -> Result<(), CommitError> {
        self.is_behind.store(true, Ordering::Relaxed);
        self.accounts.follow(named).await?;
        self.users.follow(named).await?;
        self.is_behind.store(false, Ordering::Relaxed);
        Ok(())
    }
}
