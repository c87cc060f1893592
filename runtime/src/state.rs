//! What the states of accounts and users have in common.

use model::account_state::{AccountState, Malformed};
use model::change::{Change, Document, DocumentId};
use model::ids::Revision;
use model::users::UserState;

/// The state of a stream of either kind.
pub trait State: Clone + Send + Sync + 'static {
    /// The revision that this state is.
    fn revision(&self) -> Revision;
    /// Sets it, after loading a snapshot.
    fn set_revision(&mut self, revision: Revision);
    /// Applies one change.
    ///
    /// # Errors
    /// [`Malformed`] where it does not fit.
    fn apply(&mut self, change: &Change) -> Result<(), Malformed>;
    /// The document of that id.
    fn document(&self, id: &DocumentId) -> Option<Document>;
    /// Every document, in an order in which they can be applied.
    fn documents(&self) -> Box<dyn Iterator<Item = Document> + '_>;

    /// The state after these changes, one revision later.
    ///
    /// # Errors
    /// [`Malformed`] where one does not fit.
    fn after(&self, changes: &[Change]) -> Result<Self, Malformed> {
        let mut next = self.clone();
        changes.iter().try_for_each(|change| next.apply(change))?;
        next.set_revision(self.revision() + 1);
        Ok(next)
    }
}

impl State for AccountState {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }
    fn apply(&mut self, change: &Change) -> Result<(), Malformed> {
        AccountState::apply(self, change)
    }
    fn document(&self, id: &DocumentId) -> Option<Document> {
        AccountState::document(self, id)
    }
    fn documents(&self) -> Box<dyn Iterator<Item = Document> + '_> {
        Box::new(AccountState::documents(self))
    }
}

impl State for UserState {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }
    fn apply(&mut self, change: &Change) -> Result<(), Malformed> {
        UserState::apply(self, change)
    }
    fn document(&self, id: &DocumentId) -> Option<Document> {
        match id {
            DocumentId::User => self.user.clone().map(Document::User),
            DocumentId::Token(id) => self.tokens.get(id).cloned().map(Document::Token),
            _ => None,
        }
    }
    fn documents(&self) -> Box<dyn Iterator<Item = Document> + '_> {
        Box::new(UserState::documents(self))
    }
}
