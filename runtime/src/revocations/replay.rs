//! Reading journals, and carrying out once more what they say on a database that was restored.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use engine::permit::Permit;
use engine::user_permit::UserPermit;
use model::account_state::AccountState;
use model::claims::{API_KEY_ID, CREDENTIAL};
use model::ids::{AccountId, MemberId, StreamId, UserId};
use model::rules::Environment;
use model::time::Timestamp;
use model::{accounts, members, users};

use super::{Entry, Revocation, Subject, head_of};
use crate::{CommitError, Origin, Runtime};

/// How many claims are read at once.
const PAGE: usize = 1000;

/// What is out of use, by one journal or several.
#[derive(Debug, Default)]
pub struct Revocations {
    entries: Vec<Entry>,
}

/// What [`Runtime::revoke_again`] came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// How many credentials were put out of use.
    pub credentials: usize,
    /// How many members were removed.
    pub members: usize,
    /// How many users were switched off.
    pub users: usize,
    /// How many accounts were deleted.
    pub accounts: usize,
    /// What could not be done, a sentence each: somebody has to see to it.
    pub left: Vec<String>,
}

impl Revocations {
    /// Adds what a journal says; tells since when nothing is missing in it.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged anywhere but in a last line that was cut short.
    pub fn read(&mut self, path: &Path) -> io::Result<Timestamp> {
        let text = std::fs::read_to_string(path)?;
        let head = head_of(&text)?;
        // What follows the last line's end was never acknowledged.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate().skip(1) {
            let entry = serde_json::from_str(line);
            let damaged = |error| io::Error::other(format!("line {} is damaged: {error}", number + 1));
            self.entries.push(entry.map_err(damaged)?);
        }
        // Stable: what one journal tells of one moment stays in its order.
        self.entries.sort_by_key(|entry| entry.at);
        Ok(head.since)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is out of use in the end.
    fn out_of_use(&self) -> BTreeSet<Subject> {
        let mut out = BTreeSet::new();
        for entry in &self.entries {
            match entry.what {
                Revocation::Revoked(subject) => out.insert(subject),
                Revocation::InUseAgain(subject) => out.remove(&subject),
            };
        }
        out
    }
}

impl Runtime {
    /// Revokes once more, in a database that may be older, what was revoked before.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn revoke_again(&self, revocations: &Revocations, origin: &Origin) -> Result<Revoked, CommitError> {
        let mut revoked = Revoked::default();
        for subject in revocations.out_of_use() {
            let done = match subject {
                Subject::Credential(digest) => self.revoke_digest(&digest.to_string(), origin).await,
                Subject::User(user) => self.disable_user(user, origin).await,
                Subject::Member(account, member) => self.remove_member(account, member, origin).await,
                Subject::Account(account) => self.delete_account(account, origin).await,
            };
            match (done, subject) {
                (Ok(false), _) => {}
                (Ok(true), Subject::Credential(_)) => revoked.credentials += 1,
                (Ok(true), Subject::User(_)) => revoked.users += 1,
                (Ok(true), Subject::Member(..)) => revoked.members += 1,
                (Ok(true), Subject::Account(_)) => revoked.accounts += 1,
                (Err(CommitError::Refused(problem)), Subject::Member(account, member)) => {
                    revoked.left.push(format!("member `{member}` of account `{account}` stays: {problem}"));
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(revoked)
    }

    async fn disable_user(&self, user: UserId, origin: &Origin) -> Result<bool, CommitError> {
        if self.user(user).await?.is_none() {
            return Ok(false);
        }
        let permit = UserPermit::for_system(user);
        Ok(self.commit_user(&permit, &[], origin, |state, _| users::disable(state)).await?.changed)
    }

    async fn remove_member(&self, account: AccountId, member: MemberId, origin: &Origin) -> Result<bool, CommitError> {
        let snapshot = self.account_even_deleted(account).await?;
        if snapshot.is_none_or(|snapshot| snapshot.state.member(&member).is_none()) {
            return Ok(false);
        }
        let work = |state: &AccountState, _: &Environment<'_>| members::delete(state, member);
        Ok(self.commit(&Permit::for_system(account), origin, work, |_, _| None).await?.changed)
    }

    async fn delete_account(&self, account: AccountId, origin: &Origin) -> Result<bool, CommitError> {
        if self.account(account).await?.is_none() {
            return Ok(false);
        }
        Ok(self.commit(&Permit::for_system(account), origin, accounts::delete, |_, _| None).await?.changed)
    }

    /// Revokes every token and key there is.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn revoke_all_credentials(&self, origin: &Origin) -> Result<Revoked, CommitError> {
        let (mut revoked, mut after) = (Revoked::default(), Box::from(""));
        loop {
            let claims = self.store.claims(CREDENTIAL, "", &after, PAGE).await?;
            let Some(last) = claims.last() else { return Ok(revoked) };
            after = last.key.clone();
            for claim in &claims {
                revoked.credentials += usize::from(self.revoke_digest(&claim.key, origin).await?);
            }
        }
    }

    /// Tells whether there was such a credential, and in use.
    async fn revoke_digest(&self, digest: &str, origin: &Origin) -> Result<bool, CommitError> {
        let Some(claim) = self.store.claim(CREDENTIAL, digest).await? else { return Ok(false) };
        let Ok(stream) = claim.stream.parse::<StreamId>() else { return Ok(false) };
        if let (StreamId::User(user), API_KEY_ID) = (stream, &*claim.id) {
            let permit = UserPermit::for_system(user);
            let without_key = self.commit_user(&permit, &[], origin, |state, _| users::set_api_key(state, None));
            return Ok(without_key.await?.changed);
        }
        match claim.id.parse() {
            Ok(token) => self.revoke_token(stream, token, origin).await,
            Err(_) => Ok(false),
        }
    }
}
