//! Going through the log with the states on both sides of each commit: when did something start, and when did it end?

use std::ops::ControlFlow;

use engine::Account;
use model::change::Change;
use model::ids::{AccountId, Revision, StreamId};

use super::at::At;
use super::commits::CommitInfo;
use super::fold;
use crate::stream::{Broken, Snapshot};
use crate::{CommitError, Runtime, snapshot};

/// How many commits are read at once.
const PAGE: Revision = 250;

impl Runtime {
    /// Shows every commit after the revision `from`, up to and with the revision `to`, oldest first, until `visit` breaks. It sees
    /// the states before and after the commit, its changes, and who made it. `from` may be 0, the empty state; where it is not
    /// before `to`, there is nothing to show.
    ///
    /// No lock is held, and what is committed meanwhile does not show.
    ///
    /// # Errors
    /// [`CommitError::NoStream`] and [`CommitError::NoSuchRevision`], before anything is shown; [`CommitError::Broken`] names the
    /// first revision that cannot be replayed, after all before it were shown.
    pub async fn replay<B>(
        &self,
        account: AccountId,
        from: Revision,
        to: Revision,
        mut visit: impl FnMut(&Snapshot<Account>, &Snapshot<Account>, &[Change], &CommitInfo) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, CommitError> {
        let stream = StreamId::Account(account);
        self.revision_as_of(stream, At::Revision(to)).await?;
        let name = stream.to_string();
        let mut before = match from {
            from if from < self.store.folded(&name).await? => {
                // What was folded away shows as one commit, by which all began that the base has.
                let base = snapshot::beginning(&self.store, stream, Account::new(&self.engine)).await?;
                let changes: Vec<Change> = base.state.documents().map(Change::put).collect();
                let nothing = Snapshot::start(Account::new(&self.engine));
                if let ControlFlow::Break(answer) =
                    visit(&nothing, &base, &changes, &fold::info(base.revision(), base.at))
                {
                    return Ok(ControlFlow::Break(answer));
                }
                base
            }
            0 => Snapshot::start(Account::new(&self.engine)),
            from => Snapshot::clone(&*self.account_as_of(account, At::Revision(from)).await?),
        };
        while before.revision() < to {
            let page = PAGE.min(to - before.revision());
            let records = self.store.records(&name, before.revision(), page as usize).await?;
            for record in &records {
                let (after, changes) = before.step(record)?;
                let info = CommitInfo::read(record)?;
                if let ControlFlow::Break(answer) = visit(&before, &after, &changes, &info) {
                    return Ok(ControlFlow::Break(answer));
                }
                before = after;
            }
            if records.is_empty() {
                return Err(Broken::missing(stream, before.revision() + 1).into());
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
