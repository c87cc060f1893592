//! What the states of accounts and users have in common.

use engine::Account;
use model::account_state::Malformed;
use model::change::{Change, Document, DocumentId};
use model::ids::Revision;
use model::users::UserState;

/// The state of a stream of either kind, with what answers from it need.
pub trait State: Clone + Send + Sync + 'static {
    /// The revision that this state is.
    fn revision(&self) -> Revision;
    /// The state after these changes, one revision later.
    ///
    /// # Errors
    /// [`Malformed`] where one does not fit.
    fn after(&self, changes: &[Change]) -> Result<Self, Malformed>;
    /// The state that these documents are at a revision, of a stream that this is the empty state of.
    ///
    /// # Errors
    /// [`Malformed`] where one does not fit.
    fn load(&self, revision: Revision, documents: impl Iterator<Item = Document>) -> Result<Self, Malformed>;
    /// The document of that id.
    fn document(&self, id: &DocumentId) -> Option<Document>;
    /// Every document, in an order in which they can be applied.
    fn documents(&self) -> Box<dyn Iterator<Item = Document> + '_>;
}

impl State for Account {
    fn revision(&self) -> Revision {
        self.state().revision
    }
    fn after(&self, changes: &[Change]) -> Result<Self, Malformed> {
        Account::after(self, changes)
    }
    fn load(&self, revision: Revision, documents: impl Iterator<Item = Document>) -> Result<Self, Malformed> {
        Account::load(self.engine(), revision, documents)
    }
    fn document(&self, id: &DocumentId) -> Option<Document> {
        self.state().document(id)
    }
    fn documents(&self) -> Box<dyn Iterator<Item = Document> + '_> {
        Box::new(self.state().documents())
    }
}

impl State for UserState {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn after(&self, changes: &[Change]) -> Result<Self, Malformed> {
        let mut next = self.clone();
        changes.iter().try_for_each(|change| next.apply(change))?;
        next.revision += 1;
        Ok(next)
    }
    fn load(&self, revision: Revision, mut documents: impl Iterator<Item = Document>) -> Result<Self, Malformed> {
        let mut state = self.clone();
        documents.try_for_each(|document| state.apply(&Change::Put(document)))?;
        state.revision = revision;
        Ok(state)
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
