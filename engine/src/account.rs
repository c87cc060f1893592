//! An account at one revision, with the index that decisions read.

use std::ops::Deref;

use model::account_state::{AccountState, Malformed};
use model::change::{Change, Document};
use model::ids::{Revision, ZoneId};

use crate::Engine;
use crate::index::place::Place;
use crate::index::{Index, Stale};
use crate::target::Target;

/// An account at one revision, compiled. The state shows through; the index always fits it, since both change here alone.
///
/// A clone is a handful of pointers, and the next revision shares all that did not change, in the index too: a change
/// costs what it touches, whatever the size of the account.
#[derive(Clone)]
pub struct Account {
    // INVARIANT: `index` is compiled from `state` by `engine`.
    engine: Engine,
    state: AccountState,
    index: Index,
}

impl Deref for Account {
    type Target = AccountState;

    fn deref(&self) -> &AccountState {
        &self.state
    }
}

impl Account {
    /// An account before its first commit.
    pub fn new(engine: &Engine) -> Account {
        Account::compile(engine, AccountState::new(engine.watched()))
    }

    /// Compiles a state.
    pub fn compile(engine: &Engine, state: AccountState) -> Account {
        Account { index: Index::of(engine, &state), engine: engine.clone(), state }
    }

    /// An account at a revision, from all its documents.
    ///
    /// # Errors
    /// [`Malformed`] where one does not fit.
    pub fn load(
        engine: &Engine,
        revision: Revision,
        documents: impl IntoIterator<Item = Document>,
    ) -> Result<Account, Malformed> {
        let mut state = AccountState::new(engine.watched()).load(documents)?;
        state.revision = revision;
        Ok(Account::compile(engine, state))
    }

    /// The account after these changes, one revision later.
    ///
    /// # Errors
    /// [`Malformed`] where a change does not fit.
    pub fn after(&self, changes: &[Change]) -> Result<Account, Malformed> {
        let mut next = self.clone();
        let mut stale = Stale::default();
        for change in changes {
            stale.note(&next.state, change);
            next.state.apply(change)?;
        }
        next.state.revision += 1;
        next.index.refresh(&self.engine, &next.state, stale);
        Ok(next)
    }

    /// The state by itself.
    pub fn state(&self) -> &AccountState {
        &self.state
    }

    /// What decides on it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The registered resource of that key; `None` if the account has none, so that nothing is granted on it (D26), nor on
    /// one that lies in itself or too deep, since a deny further up would not be seen (D8).
    pub fn resource(&self, key: &str) -> Option<Target> {
        self.index.resource(Place::of(key))
    }

    /// The registered zone of that id: the same as [`Account::resource`] of its key, without the text.
    pub fn zone(&self, id: ZoneId) -> Option<Target> {
        self.index.resource(Place::of_zone(id))
    }
}
