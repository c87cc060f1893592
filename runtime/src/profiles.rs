//! What a user says of itself is copied onto its memberships, so that an account answers from its own state. The copies are
//! made after the user's commit; a lease in that commit remembers what is still to do.

use engine::permit::Permit;
use model::ids::UserId;
use model::members;

use crate::jobs::PROFILE_COPY;
use crate::{CommitError, Origin, Runtime};

/// How many users one round looks at.
const PER_ROUND: usize = 100;

impl Runtime {
    /// Copies the profile of a user onto its memberships.
    ///
    /// # Errors
    /// When the store cannot be read or written; then the copy is made later.
    pub async fn copy_profile(&self, user: UserId, origin: &Origin) -> Result<(), CommitError> {
        let Some(user) = self.user(user).await?.and_then(|snapshot| snapshot.state.user.clone()) else { return Ok(()) };
        for account in self.accounts_of(user.id).await? {
            let (permit, origin) = (Permit::for_system(account), origin.further());
            let copied = self.commit(
                &permit,
                &origin,
                |state, environment| Ok((members::set_profile(state, environment, &user), ())),
                |_, ()| None,
            );
            copied.await?;
        }
        let done = store::LeaseChange::Delete { kind: PROFILE_COPY.into(), key: user.id.to_string().into() };
        Ok(self.store.put_leases(vec![done]).await?)
    }

    /// Makes the copies that are due, as after a crash. Tells how many users it looked at.
    ///
    /// # Errors
    /// As for [`Runtime::copy_profile`].
    pub async fn copy_profiles(&self, origin: &Origin) -> Result<usize, CommitError> {
        let due = self.store.leases_due(PROFILE_COPY, self.clock.now().as_micros(), PER_ROUND).await?;
        for lease in &due {
            if let Ok(user) = lease.key.parse() {
                self.copy_profile(user, origin).await?;
            }
        }
        Ok(due.len())
    }
}
