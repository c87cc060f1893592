//! One request as a handler sees it: its operation, its caller, its body; and the one way to the state of an account,
//! which is through permission.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use engine::Account;
use engine::permit::{Need, Permit};
use engine::principal::Principal;
use engine::target::Target;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::account_state::AccountState;
use model::change::Change;
use model::ids::{AccountId, Revision, StreamId};
use model::problem::{FaultKind, Faults, Problem};
use model::rules::Environment;
use runtime::Origin;
use runtime::stream::Snapshot;

use crate::answer::{self, REVISION, Success};
use crate::app::App;
use crate::audit::attempt;
use crate::authenticate::{Caller, authenticate, by_headers, client_address};
use crate::dry_run;
use crate::error::{Error, Unauthenticated};
use crate::local::Operator;
use crate::middleware::Context;
use crate::operations::Operation;
use crate::rate_limits::StandingCell;
use crate::repeats::{Entered, Request as Repeated};
use crate::self_check::{Answer, Sample};
use crate::wire::json::{self, Input, Parsed};
use crate::wire::paging::Query;
use crate::wire::shapes::Shapes;
use crate::wire::show::Show;

/// The largest body that is read, in bytes.
const MOST_BODY: usize = 1 << 20;

/// One authenticated request.
pub struct Call {
    /// What all handlers share.
    pub app: App,
    /// Who asks.
    pub caller: Caller,
    /// What for.
    pub operation: Arc<Operation>,
    /// The query.
    pub query: Query,
    /// How to shape the answers that differ by client.
    pub shapes: Shapes,
    context: Context,
    method: Method,
    path: String,
    /// As it was sent, with the base path that routing takes off.
    uri: Uri,
    params: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

/// Permission to one operation in an account, and the state that it was given on.
pub struct Access {
    /// The permission.
    pub permit: Permit,
    /// The state.
    pub snapshot: Arc<Snapshot<Account>>,
}

impl Access {
    /// The account at the revision that the permission was given on.
    pub fn state(&self) -> &Account {
        &self.snapshot.state
    }

    /// The revision.
    pub fn revision(&self) -> Revision {
        self.snapshot.revision()
    }
}

impl FromRequest<App> for Call {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Call, Error> {
        let (mut parts, body) = request.into_parts();
        let context = parts.extensions.get::<Context>().cloned();
        let Some((context, operation)) = context.and_then(|context| Some((context.clone(), context.operation?))) else {
            return Err(Error::NoRoute(parts.uri.path().to_owned()));
        };
        let caller = admitted(app, &parts, &context.standing, authenticate(app, &parts)).await?;
        app.rate_limits.of(&caller.principal, &context.standing)?;
        note_token(app, &caller.principal);
        let params = params(&mut parts, app).await;
        attempt::begin(&context, &parts, &caller, params.as_deref().unwrap_or_default());
        let params = params?;
        let body = match Limited::new(body, MOST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Error::TooLarge),
            Err(_) => return Err(Problem::at(FaultKind::Invalid, "", "the body could not be read whole").into()),
        };
        if let Some(attempt) = &context.attempt {
            // Cheap: bytes are shared. Each is set once, here.
            _ = attempt.body.set(body.clone());
        }
        Ok(Call {
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            shapes: Shapes::of(app.settings.wire_shapes, &parts.headers),
            uri: sent(&parts).clone(),
            path: parts.uri.path().to_owned(),
            method: parts.method,
            headers: parts.headers,
            app: app.clone(),
            caller,
            operation,
            context,
            params,
            body,
        })
    }
}

/// Counts a request against the limits of its address, and lets it be authenticated; one that is not counts as a stranger's.
pub(crate) async fn admitted<T>(
    app: &App,
    parts: &Parts,
    standing: &StandingCell,
    authenticated: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if parts.extensions.get::<Operator>().is_some() {
        return authenticated.await;
    }
    let address = client_address(app, parts);
    app.rate_limits.from_address(address)?;
    let authenticated = authenticated.await;
    if let Err(Error::Unauthenticated(_)) = &authenticated {
        app.rate_limits.of_stranger(address, standing)?;
    }
    authenticated
}

fn sent(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri)
}

async fn params(parts: &mut Parts, app: &App) -> Result<Vec<(String, String)>, Error> {
    let raw = RawPathParams::from_request_parts(parts, app).await;
    let raw = raw.map_err(|_| Error::BadId(sent(parts).path().to_owned()))?;
    Ok(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn note_token(app: &App, principal: &Principal) {
    let (usage, now) = (&app.runtime.usage, app.runtime.clock.now());
    match principal {
        Principal::UserToken { user, token } => usage.record_token(StreamId::User(*user), token.id(), now),
        Principal::AccountToken { account, token } => usage.record_token(StreamId::Account(*account), token.id(), now),
        Principal::User(_) | Principal::Member(_) | Principal::UserGroup(_) | Principal::System => {}
    }
}

impl Call {
    /// An id in the path.
    ///
    /// # Errors
    /// [`Error::BadId`] for anything but 32 lower-case hex digits (D57).
    pub fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let text = match self.param(name) {
            // One example of the reference deletes the account of this name.
            "account_id" if self.app.settings.dev => crate::dev::ACCOUNT_ID,
            text => text,
        };
        text.parse().map_err(|_| Error::BadId(self.uri.path().to_owned()))
    }

    /// A part of the path, by its name.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Looks again at who asks, for what goes on after the request was read: the credentials may be gone or changed.
    ///
    /// # Errors
    /// As for the authentication of a request.
    pub async fn authenticate_again(&mut self) -> Result<(), Error> {
        if !matches!(self.caller.principal, Principal::System) {
            self.caller = by_headers(&self.app, &self.headers, self.caller.address).await?;
        }
        Ok(())
    }

    /// Reads the body, as far as it goes.
    ///
    /// # Errors
    /// A body of which nothing can be made.
    pub fn read<T>(&self, read: impl FnOnce(&Input<'_>, &mut Faults) -> Option<T>) -> Result<Parsed<T>, Error> {
        Ok(json::read(&self.body, read)?)
    }

    /// Permission to this operation in the account of the path.
    ///
    /// # Errors
    /// [`Error::Forbidden`], alike for an account that is not there (D55).
    pub async fn account(&self) -> Result<Access, Error> {
        self.access(self.id("account_id")?, None).await
    }

    /// Permission to this operation in an account, on the account itself or on a registered resource.
    ///
    /// # Errors
    /// As for [`Call::account`].
    pub async fn access(&self, account: AccountId, resource: Option<&str>) -> Result<Access, Error> {
        self.access_by(self.operation.need, account, resource).await
    }

    /// Permission to this operation by another need than the catalogue's, in an account.
    ///
    /// # Errors
    /// As for [`Call::account`].
    pub async fn access_by(&self, need: Need, account: AccountId, resource: Option<&str>) -> Result<Access, Error> {
        let Some(snapshot) = self.snapshot(account).await? else { return Err(self.forbidden(None)) };
        if let Some(attempt) = &self.context.attempt {
            _ = attempt.account.set(account);
        }
        let permit = self.app.runtime.engine.permit(&snapshot.state, &self.caller.principal, need, resource);
        self.app.self_check.consider(|| Sample {
            snapshot: snapshot.clone(),
            principal: self.caller.principal.clone(),
            need,
            resource: resource.map(Box::from),
            answer: Answer::Permit(permit.is_ok()),
        });
        let permit = permit.map_err(|_| self.forbidden(None))?;
        let unverified = self.caller.user.as_ref().is_some_and(|user| !user.email_verified);
        if self.operation.is_administration && unverified {
            return Err(self.forbidden(Some("verify your e-mail address before you manage members")));
        }
        let target = resource.map_or(Some(Target::ACCOUNT), |key| snapshot.state.resource(key));
        if let Some(target) = target {
            self.note_use_of(&need, &snapshot.state, &target);
        }
        Ok(Access { permit, snapshot })
    }

    /// Notes with which of its permissions the caller does this, for `unused_grants`. A member who is let in for being one
    /// uses none.
    pub fn note_use(&self, account: &Account, target: &Target) {
        self.note_use_of(&self.operation.need, account, target);
    }

    fn note_use_of(&self, need: &Need, account: &Account, target: &Target) {
        let (runtime, principal) = (&self.app.runtime, &self.caller.principal);
        if need.any_member && matches!(principal, Principal::User(_)) {
            return;
        }
        let held = runtime.engine.held_of(account, principal, &need.accepts, target);
        runtime.usage.record(account, principal, &held, runtime.clock.now());
    }

    /// The newest state of an account, or one that is at least as new as the caller asked for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while we are behind that.
    pub async fn snapshot(&self, account: AccountId) -> Result<Option<Arc<Snapshot<Account>>>, Error> {
        newest(&self.app, &self.headers, account).await
    }

    /// The refusal of this operation, with what would have sufficed (D75).
    pub fn forbidden(&self, detail: Option<&'static str>) -> Error {
        self.operation.forbidden(detail)
    }

    /// The user behind the caller.
    ///
    /// # Errors
    /// [`Unauthenticated::NoUser`] for an account's token.
    pub fn user(&self) -> Result<&Arc<model::users::User>, Error> {
        self.caller.user.as_ref().ok_or(Error::Unauthenticated(Unauthenticated::NoUser))
    }

    /// Whether the caller only wants to know what the request would do.
    ///
    /// # Errors
    /// The header says neither `true` nor `false`.
    pub fn is_dry_run(&self) -> Result<bool, Problem> {
        dry_run::is_asked(&self.headers)
    }

    /// Who and by what, for the log.
    pub fn origin(&self) -> Origin {
        attempt::origin(&self.context, &self.caller, self.method.as_str(), &self.path, &self.headers)
    }

    /// Refuses a write whose `If-Match` names another state of the object than the present one (D79).
    ///
    /// # Errors
    /// [`FaultKind::Stale`].
    pub fn check_match(&self, present: Option<&impl Show>) -> Result<(), Problem> {
        let Some(wanted) = self.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else {
            return Ok(());
        };
        let present = present.and_then(|present| answer::etag(present).ok());
        let matches =
            |tag: &str| present.as_deref().is_some_and(|present| tag == "*" || tag.trim_start_matches("W/") == present);
        if wanted.split(',').any(|tag| matches(tag.trim())) {
            return Ok(());
        }
        let message = match present {
            Some(present) => format!("`If-Match` names {wanted}, but the object is now {present}; read it again"),
            None => format!("`If-Match` names {wanted}, but the object is not there"),
        };
        Err(Problem::new(FaultKind::Stale, message))
    }

    /// Carries out a write and renders its answer. A repeated create gets the first answer again.
    ///
    /// # Errors
    /// Whatever the operation and the invariants refuse.
    pub async fn write<T>(
        &self,
        access: &Access,
        work: impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
        render: impl Fn(&Snapshot<Account>, &T) -> Result<Success, Error> + Sync,
    ) -> Result<Success, Error> {
        if self.is_dry_run()? {
            let rehearsed = self.app.runtime.rehearse(&access.permit, &self.origin(), &work).await;
            let rehearsed = rehearsed.map_err(|error| self.commit_error(error))?;
            return dry_run::answer(&rehearsed, render(&rehearsed.after, &rehearsed.output)?);
        }
        self.once(async |first| {
            let origin = self.origin();
            let now = self.app.runtime.clock.now();
            let remember = |snapshot: &Snapshot<Account>, output: &T| {
                first.lease(now, || render(snapshot, output).ok().map(|success| success.at(snapshot.revision())))
            };
            let committed = self.app.runtime.commit(&access.permit, &origin, &work, remember).await;
            let committed = committed.map_err(|error| self.commit_error(error))?;
            Ok(render(&committed.snapshot, &committed.output)?.at(committed.snapshot.revision()))
        })
        .await
    }

    /// Carries out a write that a body asks for. A body with faults is judged against the state all the same, so that
    /// the caller hears of everything at once (D71), and nothing is written.
    ///
    /// # Errors
    /// As for [`Call::write`], and the faults of the body.
    pub async fn write_body<B: Sync, T>(
        &self,
        access: &Access,
        body: &Parsed<B>,
        work: impl Fn(&AccountState, &Environment<'_>, &B) -> Result<(Vec<Change>, T), Problem> + Sync,
        render: impl Fn(&Snapshot<Account>, &T) -> Result<Success, Error> + Sync,
    ) -> Result<Success, Error> {
        if !body.is_valid() {
            let found = work(access.state(), &self.app.runtime.environment(), &body.value).err();
            let problem = body.judged(found);
            return Err(problem.unwrap_or_else(|| Problem::new(FaultKind::Invalid, "the body is not valid")).into());
        }
        self.write(access, |state, environment| work(state, environment, &body.value), render).await
    }

    /// Runs a create once, however often the client repeats it.
    ///
    /// # Errors
    /// Whatever the create refuses.
    pub async fn once(&self, run: impl AsyncFnOnce(&Repeated) -> Result<Success, Error>) -> Result<Success, Error> {
        let repeated = Repeated::of(&self.method, &self.path, &self.headers, &self.caller, &self.body)?;
        match self.app.repeats.enter(&self.app.runtime, repeated).await? {
            Entered::Again(success) => Ok(success),
            Entered::First(first) => {
                let success = run(&first.request).await?;
                self.app.repeats.remember(first, &success, self.app.runtime.clock.now());
                Ok(success)
            }
        }
    }

    /// A failed commit as an error of this operation.
    pub fn commit_error(&self, error: runtime::CommitError) -> Error {
        match error {
            runtime::CommitError::Forbidden => self.forbidden(None),
            other => other.into(),
        }
    }
}

/// The newest state of an account, or one that is at least as new as the headers ask for; `None` if there is no such
/// account.
///
/// # Errors
/// [`Error::Unavailable`] while we are behind that.
pub async fn newest(
    app: &App,
    headers: &HeaderMap,
    account: AccountId,
) -> Result<Option<Arc<Snapshot<Account>>>, Error> {
    let snapshot = app.runtime.account(account).await?;
    let Some(at_least) = headers.get(REVISION) else { return Ok(snapshot) };
    let at_least = at_least.to_str().ok().and_then(|text| text.parse::<Revision>().ok());
    let at_least = at_least.ok_or_else(|| {
        Problem::new(FaultKind::Invalid, "the header `portcullis-revision` must be a revision, such as `17`")
    })?;
    if snapshot.as_ref().is_none_or(|snapshot| snapshot.revision() >= at_least) {
        return Ok(snapshot);
    }
    app.runtime.follow_one(StreamId::Account(account)).await?;
    let snapshot = app.runtime.account(account).await?;
    match snapshot {
        Some(behind) if behind.revision() < at_least => Err(Error::Unavailable(format!(
            "revision {at_least} is not here yet; this is revision {}",
            behind.revision()
        ))),
        snapshot => Ok(snapshot),
    }
}
