//! Answers questions, one or a thousand: what many of them have in common (the account, a subject) is looked up once, and all
//! that are about one account are answered from one revision of it.

use std::sync::Arc;

use catalog::{ResourceType, ResourceTypeIndex};
use engine::Account;
use engine::call_target::CallTarget;
use engine::decide::{Decision, Reason};
use engine::principal::Principal;
use engine::question::action::Action;
use engine::question::subject::SubjectKind;
use engine::question::{Circumstances, resource};
use engine::target::Target;
use model::ids::{AccountId, Revision};
use model::time::Timestamp;
use runtime::CommitError;
use runtime::history::at::At;
use runtime::stream::Snapshot;

use crate::access::body::{Context, Given, Moment};
use crate::access::door::{Door, Refusal};
use crate::access::memo::Memo;
use crate::access::words::{About, Asked, Field, Place, bad};
use crate::call;
use crate::error::Error;

/// Answers the questions of one request.
pub struct Asking<'q> {
    door: &'q Door,
    at: Option<At>,
    /// Whether the question is about now, whatever page of its answer this is.
    is_now: bool,
    /// The time that is asked about; none for that of the revision.
    time: Option<Timestamp>,
    accounts: Vec<InAccount<'q>>,
    /// The key of the resource at hand, so that no question allocates one.
    key: String,
}

/// What was looked up in one account.
pub struct InAccount<'q> {
    /// The state that is asked about.
    pub snapshot: Arc<Snapshot<Account>>,
    /// The account.
    pub id: AccountId,
    /// Whether the caller may ask about others.
    pub about_others: bool,
    /// Who was found.
    subjects: Memo<(SubjectKind, &'q str), Option<Found>>,
}

/// A subject that was found.
pub struct Found {
    /// The subject.
    pub principal: Principal,
    /// Whether it is the caller.
    pub is_oneself: bool,
}

impl<'q> Asking<'q> {
    /// Nothing was asked yet. Where the path names an account, the caller must be known there. `at` is the moment that is
    /// asked about, if not now.
    ///
    /// # Errors
    /// [`Error::Forbidden`], alike for an account that is not there (D55); a moment that is none.
    pub async fn new(door: &'q Door, at: &Given<Moment<'_>>) -> Result<Asking<'q>, Refusal> {
        let at = moment(at)?;
        let time = match at {
            None => Some(door.app.runtime.clock.now()),
            Some(At::Time(time)) => Some(time),
            Some(At::Revision(_)) => None,
        };
        Asking::at(door, at, at.is_none(), time).await
    }

    /// The same again: a later page of an answer at that revision and time.
    ///
    /// # Errors
    /// As for [`Asking::new`].
    pub async fn again(
        door: &'q Door,
        at: &Given<Moment<'_>>,
        revision: Revision,
        time: Timestamp,
    ) -> Result<Asking<'q>, Refusal> {
        Asking::at(door, Some(At::Revision(revision)), moment(at)?.is_none(), Some(time)).await
    }

    async fn at(door: &'q Door, at: Option<At>, is_now: bool, time: Option<Timestamp>) -> Result<Asking<'q>, Refusal> {
        let mut asking = Asking { door, at, is_now, time, accounts: Vec::new(), key: String::new() };
        if let Some(account) = door.account {
            asking.enter(account).await?.ok_or_else(|| door.forbidden())?;
        }
        Ok(asking)
    }

    /// The revision that the answers are a function of, if all are of one account.
    pub fn revision(&self) -> Option<Revision> {
        match &*self.accounts {
            [only] => Some(only.snapshot.revision()),
            _ => None,
        }
    }

    /// An account that was entered.
    pub fn account(&self, at: usize) -> &InAccount<'q> {
        &self.accounts[at]
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Forbidden`] about others, without permission to read the account's settings; faults of ours.
    pub async fn answer(&mut self, asked: &Asked<'q>) -> Result<Decision, Refusal> {
        let Some(at) = self.account_of(&asked.resource).await? else {
            return Ok(Decision::refused(Reason::UnknownResource));
        };
        let subject = self.find(at, asked.subject)?;
        let place = &self.accounts[at];
        let found = place.found(subject);
        let circumstances = match found {
            Some(found) if found.principal.token().is_some() => {
                self.circumstances(place, asked.context, found.is_oneself)
            }
            Some(_) | None => Circumstances::default(),
        };
        let account = &place.snapshot.state;
        let target = target(account, &asked.resource);
        let subject = found.map(|found| &found.principal);
        let (engine, action) = (&self.door.app.runtime.engine, &asked.action.action);
        let decision = engine.answer(account, subject, action, target.as_ref(), &circumstances);
        let key = || key(account, &asked.resource);
        self.door.app.self_check.consider_answer(&place.snapshot, subject, action, &decision, key);
        // The operator only wants to know; others let the subject do it.
        let is_use = self.at.is_none() && !matches!(self.door.caller.principal, Principal::System);
        if let (Some(principal), Some(target), true) = (subject, &target, decision.allowed && is_use) {
            self.note_use(account, principal, action, target);
        }
        Ok(decision)
    }

    /// An enforcement point that hears yes lets the subject do it, so it is a use, for `unused_grants`. A whole bundle is
    /// asked for by people.
    fn note_use(&self, account: &Account, principal: &Principal, action: &Action, target: &Target) {
        let Action::AnyOf(need) = action else { return };
        let runtime = &self.door.app.runtime;
        let held = runtime.engine.held_of(account, principal, &need.accepts, target);
        runtime.usage.record(account, principal, &held, runtime.clock.now());
    }

    /// Looks a subject up in an account, once; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Forbidden`] about others, without permission, whether they are there or not.
    pub fn find(&mut self, at: usize, subject: (SubjectKind, &'q str)) -> Result<usize, Error> {
        let (door, is_now) = (self.door, self.is_now);
        let InAccount { snapshot, subjects, about_others, .. } = &mut self.accounts[at];
        let place = subjects.place(subject, || {
            // A token of a user is part of no account: it is known as it is now, and not as it was.
            let (kind, id) = subject;
            let oneself = door.caller.own_token(kind, id).filter(|_| is_now).cloned();
            let found = oneself.or_else(|| door.app.runtime.engine.find_subject(&snapshot.state, kind, id));
            let found = found.map(|principal| (principal.is_same_as(&door.caller.principal), principal));
            found.map(|(is_oneself, principal)| Found { principal, is_oneself })
        });
        let is_oneself = subjects.at(place).as_ref().is_some_and(|found| found.is_oneself);
        if is_oneself || *about_others { Ok(place) } else { Err(door.forbidden()) }
    }

    /// From where and when a token would be used: what the context says; where it says nothing, at the moment that is
    /// asked about, and for the caller itself from where it calls. What cannot be read meets no condition.
    pub fn circumstances(
        &self,
        place: &InAccount<'_>,
        context: Option<&Context<'_>>,
        is_oneself: bool,
    ) -> Circumstances {
        let absent = (&Given::Absent, &Given::Absent);
        let (ip, time) = context.map_or(absent, |context| (&context.ip, &context.time));
        Circumstances {
            address: match ip {
                Given::Absent => is_oneself.then_some(self.door.caller.address),
                Given::Value(ip) => ip.parse().ok(),
                Given::Wrong(_) => None,
            },
            time: match time {
                Given::Absent => Some(self.time(place)),
                Given::Value(time) => time.parse().ok(),
                Given::Wrong(_) => None,
            },
        }
    }

    /// The time that is asked about: now, or the moment in the past. Of a later page it is that of the first.
    pub fn time(&self, place: &InAccount<'_>) -> Timestamp {
        self.time.unwrap_or(place.snapshot.at)
    }

    /// Where the question is to be answered: in the account of the path or of the caller's token, or in that of the
    /// resource. `None` for a resource that is nowhere, or in an account where nobody knows the caller: the two answer
    /// alike.
    ///
    /// # Errors
    /// Faults of ours.
    pub async fn account_of(&mut self, about: &About<'q>) -> Result<Option<usize>, Refusal> {
        if let Some(account) = self.only_account() {
            return self.enter(account).await;
        }
        // A resource is registered once, so whatever account has it is the one.
        if let Some(at) = self.accounts.iter().position(|place| target(&place.snapshot.state, about).is_some()) {
            return Ok(Some(at));
        }
        match about {
            About::Resource(kind, id) if kind.index == ResourceTypeIndex::ACCOUNT => {
                resource::write_key(kind, id, &mut self.key);
                match resource::account_of_key(&self.key) {
                    Some(account) => self.enter(account).await,
                    None => Ok(None),
                }
            }
            About::Resource(kind, id) => self.account_with(kind, id).await,
            About::Call(call) => match (&call.account, &call.id) {
                (Some(account), _) => match account.parse() {
                    Ok(account) => self.enter(account).await,
                    Err(_) => Ok(None),
                },
                (None, Some(id)) => {
                    let kind = self.door.app.runtime.engine.catalog().resource_type(call.kind);
                    self.account_with(kind, id).await
                }
                (None, None) => Ok(None),
            },
        }
    }

    /// The account of the path, or of the caller's token: nothing else is asked about then.
    pub fn only_account(&self) -> Option<AccountId> {
        match (&self.door.account, &self.door.caller.principal) {
            (Some(account), _) | (None, Principal::AccountToken { account, .. }) => Some(*account),
            (None, _) => None,
        }
    }

    /// The account that the resource is registered in, if the caller is known there.
    async fn account_with(&mut self, kind: &ResourceType, id: &str) -> Result<Option<usize>, Refusal> {
        resource::write_key(kind, id, &mut self.key);
        match self.door.app.runtime.account_of_resource(&self.key).await? {
            Some(account) => self.enter(account).await,
            None => Ok(None),
        }
    }

    /// The account, if the caller is known there, now.
    ///
    /// # Errors
    /// A moment that the account has not.
    pub async fn enter(&mut self, account: AccountId) -> Result<Option<usize>, Refusal> {
        if let Some(at) = self.accounts.iter().position(|place| place.id == account) {
            return Ok(Some(at));
        }
        let Door { app, caller, operation, headers, .. } = self.door;
        let engine = &app.runtime.engine;
        let Some(newest) = call::newest(app, headers, account).await? else { return Ok(None) };
        if !caller.principal.is_known_to(engine, &newest.state) {
            return Ok(None);
        }
        let about_others = engine.allows(&newest.state, &caller.principal, &operation.need.accepts, &Target::ACCOUNT);
        let snapshot = match self.at {
            None => newest,
            Some(at) => match app.runtime.account_as_of(account, at).await {
                Err(error @ CommitError::NoSuchRevision { .. }) => return Err(bad(Field::of(Place::Top, "at"), error)),
                past => past?,
            },
        };
        self.accounts.push(InAccount { snapshot, id: account, about_others, subjects: Memo::default() });
        Ok(Some(self.accounts.len() - 1))
    }
}

impl InAccount<'_> {
    /// A subject that was looked up.
    pub fn found(&self, subject: usize) -> Option<&Found> {
        self.subjects.at(subject).as_ref()
    }
}

/// What is asked about, in the account; `None` where it has no such resource.
pub fn target(account: &Account, about: &About<'_>) -> Option<Target> {
    match about {
        About::Resource(kind, id) => account.target_of(kind, id),
        About::Call(call) => match account.engine().call_target(account, call) {
            CallTarget::Account => Some(Target::ACCOUNT),
            CallTarget::Resource(key) => account.resource(&key),
            // What names no single resource was refused with the words of the question.
            CallTarget::All(_) | CallTarget::Caller => None,
            CallTarget::OtherAccount(_) | CallTarget::Unregistered(_) => None,
        },
    }
}

/// The key of what is asked about, if it is a resource that the account has.
fn key(account: &Account, about: &About<'_>) -> Option<Box<str>> {
    match about {
        About::Resource(kind, _) if kind.index == ResourceTypeIndex::ACCOUNT => None,
        About::Resource(kind, id) => {
            let mut key = String::new();
            resource::write_key(kind, id, &mut key);
            Some(key.into())
        }
        About::Call(call) => match account.engine().call_target(account, call) {
            CallTarget::Resource(key) => Some(key),
            CallTarget::Account | CallTarget::All(_) | CallTarget::Caller => None,
            CallTarget::OtherAccount(_) | CallTarget::Unregistered(_) => None,
        },
    }
}

/// The moment that is asked about: a revision, or a time.
fn moment(given: &Given<Moment<'_>>) -> Result<Option<At>, Refusal> {
    let field = Field::of(Place::Top, "at");
    let right = "must be a revision, such as `7`, or an RFC 3339 time, such as `\"2026-11-21T08:00:00Z\"`";
    match given {
        Given::Absent => Ok(None),
        Given::Value(Moment::Revision(revision)) => Ok(Some(At::Revision(*revision))),
        Given::Value(Moment::Text(text)) => match text.parse() {
            Ok(at) => Ok(Some(at)),
            Err(_) => Err(bad(field, format_args!("{right}, not `{text}`"))),
        },
        Given::Wrong(kind) => Err(bad(field, format_args!("{right}, not {kind}"))),
    }
}
