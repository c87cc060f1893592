//! The one way to what is in a user's own stream, which is through permission, as [`crate::call`] is to accounts.

use std::sync::Arc;

use engine::permit::Refused;
use engine::user_permit::UserPermit;
use engine::{Account, Engine};
use model::change::Change;
use model::ids::UserId;
use model::problem::{FaultKind, Problem};
use model::rules::Environment;
use model::users::UserState;
use runtime::stream::Snapshot;

use crate::accounts;
use crate::answer::Success;
use crate::call::Call;
use crate::dry_run;
use crate::error::Error;
use crate::wire::json::Parsed;

/// Permission to one operation on the caller's own user, and the state that it was given on.
pub struct UserAccess {
    /// The permission.
    pub permit: UserPermit,
    /// The state.
    pub snapshot: Arc<Snapshot<UserState>>,
    /// The accounts that the user reaches, for a write that makes grants; else none.
    pub reached: Vec<Arc<Snapshot<Account>>>,
}

impl UserAccess {
    /// Whose.
    pub fn user(&self) -> UserId {
        self.permit.user()
    }

    /// The user at the revision that the permission was given on.
    pub fn state(&self) -> &UserState {
        &self.snapshot.state
    }
}

impl Call {
    /// Permission to this operation on the caller's own user.
    ///
    /// # Errors
    /// [`crate::error::Unauthenticated::NoUser`] for an account's token; [`Error::Forbidden`].
    pub async fn own_user(&self) -> Result<UserAccess, Error> {
        self.own_user_by(|engine, state| engine.permit_user(state, &self.caller.principal, self.operation.need)).await
    }

    /// The same by another rule than the operation's need.
    ///
    /// # Errors
    /// As for [`Call::own_user`].
    pub async fn own_user_by(
        &self,
        rule: impl FnOnce(&Engine, &UserState) -> Result<UserPermit, Refused>,
    ) -> Result<UserAccess, Error> {
        let id = self.user()?.id;
        let snapshot = self.app.runtime.user(id).await?.ok_or_else(|| self.forbidden(None))?;
        let permit = rule(&self.app.runtime.engine, &snapshot.state).map_err(|_| self.forbidden(None))?;
        Ok(UserAccess { permit, snapshot, reached: Vec::new() })
    }

    /// The same, with the accounts that the user reaches: for what a token may be given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn with_reached(&self, access: UserAccess) -> Result<UserAccess, Error> {
        Ok(UserAccess { reached: accounts::reached_by_user(self, access.user()).await?, ..access })
    }

    /// Carries out a write to the user and renders its answer. A repeated create gets the first answer again.
    ///
    /// # Errors
    /// Whatever the operation and the invariants refuse.
    pub async fn write_user<T>(
        &self,
        access: &UserAccess,
        work: impl Fn(&UserState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
        render: impl Fn(&Snapshot<UserState>, &T) -> Result<Success, Error> + Sync,
    ) -> Result<Success, Error> {
        let (runtime, origin) = (&self.app.runtime, self.origin());
        if self.is_dry_run()? {
            let rehearsed = runtime.rehearse_user(&access.permit, &access.reached, &origin, &work).await;
            let rehearsed = rehearsed.map_err(|error| self.commit_error(error))?;
            return dry_run::answer_of_user(&rehearsed, render(&rehearsed.after, &rehearsed.output)?);
        }
        self.once(async |_| {
            let committed = runtime.commit_user(&access.permit, &access.reached, &origin, &work).await;
            let committed = committed.map_err(|error| self.commit_error(error))?;
            Ok(render(&committed.snapshot, &committed.output)?.at(committed.snapshot.revision()))
        })
        .await
    }

    /// Carries out a write that a body asks for; one with faults is judged all the same (D71).
    ///
    /// # Errors
    /// As for [`Call::write_user`], and the faults of the body.
    pub async fn write_user_body<B: Sync, T>(
        &self,
        access: &UserAccess,
        body: &Parsed<B>,
        work: impl Fn(&UserState, &Environment<'_>, &B) -> Result<(Vec<Change>, T), Problem> + Sync,
        render: impl Fn(&Snapshot<UserState>, &T) -> Result<Success, Error> + Sync,
    ) -> Result<Success, Error> {
        if !body.is_valid() {
            let found = work(access.state(), &self.app.runtime.environment(), &body.value).err();
            let problem = body.judged(found);
            return Err(problem.unwrap_or_else(|| Problem::new(FaultKind::Invalid, "the body is not valid")).into());
        }
        self.write_user(access, |state, environment| work(state, environment, &body.value), render).await
    }
}
