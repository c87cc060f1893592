//! An account and the commits that follow, without any I/O: for whoever has a connection of their own.

use model::change::{Change, Document, DocumentId};
use model::ids::Revision;
use serde::Deserialize;

use crate::Account;

/// A commit does not continue the account: read it anew.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Commits in between are missing.
    #[error("revision {found} does not follow revision {here}")]
    Gap {
        /// The revision of the account.
        here: Revision,
        /// That of the commit.
        found: Revision,
    },
    /// It cannot be read, or its documents do not fit.
    #[error("a commit cannot be read: {0}")]
    Unreadable(Box<str>),
}

/// The data of an event of `…/iam/commits/stream`, so far as it matters here.
#[derive(Deserialize)]
struct Event {
    revision: Revision,
    documents: Vec<Changed>,
}

#[derive(Deserialize)]
struct Changed {
    document: Box<str>,
    after: Option<Document>,
}

/// An account that commits are applied to.
pub struct Replica {
    account: Account,
}

impl Replica {
    /// From an account, such as a snapshot has it.
    pub fn new(account: Account) -> Replica {
        Replica { account }
    }

    /// The account as far as it has come.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Its revision.
    pub fn revision(&self) -> Revision {
        self.account.revision
    }

    /// Applies the data of one event; false if it is known already.
    ///
    /// # Errors
    /// [`Unfit`]; the account is as it was.
    pub fn take(&mut self, data: &str) -> Result<bool, Unfit> {
        let unreadable = |error: &dyn std::fmt::Display| Unfit::Unreadable(error.to_string().into());
        let event: Event = serde_json::from_str(data).map_err(|error| unreadable(&error))?;
        if event.revision <= self.revision() {
            return Ok(false);
        }
        if event.revision != self.revision() + 1 {
            return Err(Unfit::Gap { here: self.revision(), found: event.revision });
        }
        let change = |changed: Changed| match changed.after {
            Some(document) => Ok(Change::Put(document)),
            None => changed.document.parse::<DocumentId>().map(Change::Delete).map_err(|error| unreadable(&error)),
        };
        let changes = event.documents.into_iter().map(change).collect::<Result<Vec<Change>, Unfit>>()?;
        self.account = self.account.after(&changes).map_err(|error| unreadable(&error))?;
        Ok(true)
    }
}
