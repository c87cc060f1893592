//! `POST /accounts/{account_id}/iam/access_history`: who could do that on this, since when and until when, and who let them
//! or stopped them? Answered from the log, from its first commit on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ::model::ids::{AccountId, Revision, StreamId};
use ::model::problem::{FaultKind, Faults, Problem};
use ::model::resource_groups::account_key;
use ::model::tokens::TokenStatus;
use engine::Account;
use engine::diff::Affected;
use engine::principal::Principal;
use engine::question::action::Action;
use engine::question::subject::SubjectKind;
use engine::spans::{Periods, Spans};
use runtime::history::at::At;
use runtime::history::commits::CommitInfo;
use runtime::{CommitError, Runtime};
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::authorize::{self, Subject};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::evidence::GrantedView;
use crate::moment;
use crate::wire::json::Input;

/// The default size of a page, and the largest.
const PER_PAGE: (usize, usize) = (100, 500);

/// Somebody could do what was asked, from one commit to before another.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SpanView<'a> {
    subject: SubjectView<'a>,
    /// The commit that let them.
    from: GrantedView,
    /// The commit that stopped them; null while they still can.
    until: Option<GrantedView>,
}

/// Who.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct SubjectView<'a> {
    /// `user`, `member`, `token` or `user_group`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// As it was asked for, or the id.
    id: &'a str,
    /// The address of a member or the name of a token, as it was when it last could or could no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// A question.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct HistoryQuestion {
    /// `{"member": id}`, `{"user": id or e-mail}`, `{"token": id}` or `{"user_group": id}`; every member and every token of
    /// the account where it is left out.
    subject: Option<BTreeMap<String, String>>,
    /// The name or id of a permission group, the label of an IAM permission group, an operation id, or `METHOD /path`.
    action: String,
    /// The key of a resource; the account where it is left out.
    resource: Option<String>,
    /// A revision, or a time: only who could then.
    at: Option<String>,
    /// The log is followed up to this revision; to the newest where it is left out. The header `portcullis-revision` of the
    /// first page is what to ask the other pages with.
    revision: Option<u64>,
}

/// What was asked.
struct Asked {
    subject: Option<(SubjectKind, String)>,
    action: Action,
    resource: Option<String>,
    at: Option<At>,
    revision: Option<Revision>,
}

fn read(body: &Input<'_>, call: &Call, faults: &mut Faults) -> Option<Asked> {
    body.object(faults)?;
    let catalog = call.app.runtime.engine.catalog();
    let subject = body.optional("subject").map(|subject| authorize::read_subject(&subject, faults));
    let action = authorize::read_action(body, catalog, faults);
    let resource = authorize::read_resource(body, catalog, faults);
    let at = moment::read(body, faults);
    let revision = body.optional("revision").and_then(|input| {
        let revision = input.whole_number();
        if revision.is_none() {
            faults.push(FaultKind::Invalid, input.pointer(), "revision must be a whole number, such as `7`");
        }
        revision
    });
    let subject = match subject {
        Some(Some(Subject::Named(kind, id))) => Some((kind, id)),
        Some(_) => return None,
        None => None,
    };
    Some(Asked { subject, action: action?, resource, at, revision })
}

/// Tells since when and until when.
#[utoipa::path(post, path = "/accounts/{account_id}/iam/access_history", operation_id = "portcullis-account-access-history", tag = "Decisions",
    params(("account_id" = String, Path), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query)),
    request_body = HistoryQuestion,
    responses((status = 200, body = Envelope<Vec<SpanView>>), (status = "4XX", body = Failure)))]
pub async fn ask(call: Call) -> Result<Success, Error> {
    let runtime = &call.app.runtime;
    let Some(newest) = call.snapshot(call.id("account_id")?).await? else { return Err(call.forbidden(None)) };
    let (account, newest) = (newest.state.account_id(), &newest.state);
    if !call.caller.principal.is_known_to(&runtime.engine, newest) {
        return Err(call.forbidden(None));
    }
    let asked = call.read(|body, faults| read(body, &call, faults))?.into_valid()?;
    let is_oneself = match &asked.subject {
        Some((kind, id)) => authorize::subject(&call, newest, &Subject::Named(*kind, id.clone())).await?.1,
        None => false,
    };
    if !is_oneself {
        call.account().await?;
    }
    let paging = call.query.paging(PER_PAGE.0, PER_PAGE.1)?;
    let revision = revision(runtime, account, asked.revision.unwrap_or(newest.revision)).await?;
    let mut history = History::of(runtime, account, &asked, revision).await?;
    if let Some(at) = asked.at {
        history.only_at(runtime, account, at, revision).await?;
    }
    let page: Vec<SpanView<'_>> = paging.of(history.spans.iter().filter_map(|span| history.view(span)));
    Ok(Success::page(&page, history.spans.len(), paging)?.at(revision))
}

/// The revision up to which the log is followed.
async fn revision(runtime: &Runtime, account: AccountId, revision: Revision) -> Result<Revision, Error> {
    match runtime.revision_as_of(StreamId::Account(account), At::Revision(revision)).await {
        Err(error @ CommitError::NoSuchRevision { .. }) => {
            Err(Problem::at(FaultKind::Invalid, "/revision", error.to_string()).into())
        }
        found => Ok(found?),
    }
}

/// A span, before the commits at its ends are told.
struct Found {
    kind: SubjectKind,
    id: String,
    name: Option<Box<str>>,
    from: Revision,
    until: Option<Revision>,
}

/// All spans, and the commits that began or ended one.
struct History<'a> {
    asked: &'a Asked,
    spans: Vec<Found>,
    commits: BTreeMap<Revision, CommitInfo>,
}

impl<'a> History<'a> {
    async fn of(
        runtime: &Runtime,
        account: AccountId,
        asked: &'a Asked,
        to: Revision,
    ) -> Result<History<'a>, CommitError> {
        let mut history = History { asked, spans: Vec::new(), commits: BTreeMap::new() };
        match &asked.subject {
            Some((kind, id)) => history.follow_one(runtime, account, (*kind, id), to).await?,
            None => history.follow_all(runtime, account, to).await?,
        }
        Ok(history)
    }

    async fn follow_one(
        &mut self,
        runtime: &Runtime,
        account: AccountId,
        (kind, id): (SubjectKind, &str),
        to: Revision,
    ) -> Result<(), CommitError> {
        let mut periods = Periods::default();
        let followed = runtime.replay(account, 0, to, |_, after, _, info| {
            let principal = runtime.engine.find_subject(&after.state, kind, id);
            let can = principal.is_some_and(|principal| may(&after.state, &principal, self.asked));
            if periods.note(after.revision(), can) {
                self.commits.insert(info.revision, info.clone());
            }
            ControlFlow::<()>::Continue(())
        });
        _ = followed.await?;
        let found = periods.iter().map(|(from, until)| Found { kind, id: id.to_owned(), name: None, from, until });
        self.spans = found.collect();
        Ok(())
    }

    async fn follow_all(&mut self, runtime: &Runtime, account: AccountId, to: Revision) -> Result<(), CommitError> {
        let asked = self.asked;
        let mut names: BTreeMap<Affected, Box<str>> = BTreeMap::new();
        let mut spans = Spans::new(|account: &Account, one: Affected| {
            one.principal(account).is_some_and(|principal| may(account, &principal, asked))
        });
        let followed = runtime.replay(account, 0, to, |before, after, changes, info| {
            let changed = spans.follow(&before.state, &after.state, changes);
            if !changed.is_empty() {
                self.commits.insert(info.revision, info.clone());
            }
            for one in changed {
                if let Some(name) = name(&after.state, one).or_else(|| name(&before.state, one)) {
                    names.insert(one, name.into());
                }
            }
            ControlFlow::<()>::Continue(())
        });
        _ = followed.await?;
        let found = spans.finish().into_iter().map(|span| {
            let (kind, id) = match span.principal {
                Affected::Member(id) => (SubjectKind::Member, id.to_string()),
                Affected::Token(id) => (SubjectKind::Token, id.to_string()),
            };
            Found { kind, id, name: names.get(&span.principal).cloned(), from: span.from, until: span.until }
        });
        self.spans = found.collect();
        Ok(())
    }

    /// Leaves those who could at that moment, as a question with the same `at` answers.
    async fn only_at(&mut self, runtime: &Runtime, account: AccountId, at: At, newest: Revision) -> Result<(), Error> {
        let then = match runtime.account_as_of(account, at).await {
            Err(error @ CommitError::NoSuchRevision { .. }) => {
                return Err(Problem::at(FaultKind::Invalid, "/at", error.to_string()).into());
            }
            then => then?,
        };
        if then.revision() > newest {
            let message = format!(
                "at must not be later than revision {newest}, up to which the log is followed; it is revision {}",
                then.revision()
            );
            return Err(Problem::at(FaultKind::Invalid, "/at", message).into());
        }
        let time = match at {
            At::Time(time) => time,
            At::Revision(_) => then.at,
        };
        self.spans.retain(|span| {
            let token = if span.kind == SubjectKind::Token { span.id.parse().ok() } else { None };
            let is_in_time = token.and_then(|id| then.state.token(&id)).is_none_or(|token| token.is_in_time(time));
            span.from <= then.revision() && span.until.is_none_or(|until| then.revision() < until) && is_in_time
        });
        Ok(())
    }

    /// The span with its commits, which were noted when it began and ended.
    fn view<'s>(&self, span: &'s Found) -> Option<SpanView<'s>> {
        let commit = |revision: Revision| self.commits.get(&revision).cloned().map(GrantedView::from);
        let subject = SubjectView { kind: span.kind.as_str(), id: &span.id, name: span.name.as_deref() };
        Some(SpanView { subject, from: commit(span.from)?, until: span.until.and_then(commit) })
    }
}

/// Whether the principal may do it, wherever a token is used from and whenever, as long as it is active.
fn may(account: &Account, principal: &Principal, asked: &Asked) -> bool {
    let is_active = principal.token().is_none_or(|token| token.token.status == TokenStatus::Active);
    let own_key;
    let key = match &asked.resource {
        Some(key) => key,
        None => {
            own_key = account_key(account.account_id());
            &own_key
        }
    };
    let target = account.target(key);
    is_active && target.is_some_and(|target| account.engine().may(account, principal, &asked.action, &target))
}

fn name(account: &Account, one: Affected) -> Option<&str> {
    match one {
        Affected::Member(id) => account.member(&id).map(|member| member.email.as_str()),
        Affected::Token(id) => account.token(&id).map(|token| &*token.name),
    }
}
