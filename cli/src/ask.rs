//! `portcullis ask …`: the questions of the API, asked of the database itself. It may run beside a server on the same
//! database, and asks for no credentials: whoever can read the file may know what is in it.
//!
//! A question goes through the server's own routes ([`asker`]), so that there is one answer; [`text`] makes lines of it.

pub mod asker;
pub mod text;
pub mod words;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, bail};
use engine::call_target::CallTarget;
use engine::question::action::Named;
use engine::question::subject::SubjectKind;
use http::Method;
use model::ids::{MemberId, UserId};
use model::names::NameKey;
use model::resource_groups::account_key;
use runtime::history::at::At;
use serde_json::{Value, json};

use crate::arguments::ask::{
    Ask, Change, Circumstances, Effective, History, Least, Place, Question, Unused, What, Where, Who,
};
use asker::{Answer, Asker, text_of};
use words::{Resource, Subject};

/// Asks, and prints the answer. The exit code is 1 where `may` is answered with no, and 2 where there is no answer.
pub async fn run(ask: Ask) -> ExitCode {
    match answer(&ask).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("portcullis: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn answer(ask: &Ask) -> anyhow::Result<ExitCode> {
    let place = place(ask);
    let asker = Asker::open(place).await?;
    let answered = put(&asker, ask).await;
    asker.close().await;
    let (answer, text) = answered?;
    let shown = match place.json {
        true => serde_json::to_string_pretty(&json!({ "revision": answer.revision, "answer": answer.body }))? + "\n",
        false => text(&answer.body),
    };
    std::io::stdout().write_all(shown.as_bytes())?;
    let is_no = matches!(ask, Ask::May(_)) && answer.body["decision"] != true;
    Ok(if is_no { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn place(ask: &Ask) -> &Place {
    match ask {
        Ask::May(question) | Ask::Why(question) => &question.asking.place,
        Ask::Who(who) => &who.asking.place,
        Ask::Where(place) => &place.asking.place,
        Ask::What(what) => &what.asking.place,
        Ask::Effective(effective) => &effective.place,
        Ask::History(history) => &history.place,
        Ask::Change(change) => &change.place,
        Ask::Least(least) => &least.place,
        Ask::Unused(unused) => &unused.place,
    }
}

/// An answer, and how it reads.
type Answered = (Answer, fn(&Value) -> String);

async fn put(asker: &Asker, ask: &Ask) -> anyhow::Result<Answered> {
    Ok(match ask {
        Ask::May(question) => (may(asker, question).await?, text::decision),
        Ask::Why(question) => (why(asker, question).await?, text::explanation),
        Ask::Who(who) => (search_subjects(asker, who).await?, text::found),
        Ask::Where(place) => (search_resources(asker, place).await?, text::found),
        Ask::What(what) => (search_actions(asker, what).await?, text::found),
        Ask::Effective(asked) => (effective(asker, asked).await?, text::effective),
        Ask::History(asked) => (history(asker, asked).await?, text::history),
        Ask::Change(asked) => (change(asker, asked).await?, text::change),
        Ask::Least(asked) => (least(asker, asked).await?, text::least),
        Ask::Unused(asked) => (unused(asker, asked).await?, text::unused),
    })
}

async fn may(asker: &Asker, question: &Question) -> anyhow::Result<Answer> {
    let key = key(asker, Some(&question.deed.action), question.deed.resource.as_ref()).await?;
    let body = json!({
        "subject": subject(&question.subject),
        "action": { "name": question.deed.action },
        "resource": resource(asker, &key)?,
        "context": context(&question.asking.circumstances),
    });
    asker.post("/access/v1/evaluation", &with_moment(body, question.asking.moment.at)).await
}

async fn why(asker: &Asker, question: &Question) -> anyhow::Result<Answer> {
    let body = json!({
        "subject": { question.subject.kind.as_str(): question.subject.id },
        "action": question.deed.action,
        "resource": key(asker, Some(&question.deed.action), question.deed.resource.as_ref()).await?,
        "context": context(&question.asking.circumstances),
    });
    asker.post("/iam/explain", &with_moment(body, question.asking.moment.at)).await
}

async fn search_subjects(asker: &Asker, who: &Who) -> anyhow::Result<Answer> {
    let key = key(asker, Some(&who.deed.action), who.deed.resource.as_ref()).await?;
    let body = json!({
        "subject": { "type": who.kind },
        "action": { "name": who.deed.action },
        "resource": resource(asker, &key)?,
        "context": context(&who.asking.circumstances),
    });
    asker.search("subject", &with_moment(body, who.asking.moment.at)).await
}

async fn search_resources(asker: &Asker, place: &Where) -> anyhow::Result<Answer> {
    let body = json!({
        "subject": subject(&place.subject),
        "action": { "name": place.action },
        "resource": { "type": place.kind },
        "context": context(&place.asking.circumstances),
    });
    asker.search("resource", &with_moment(body, place.asking.moment.at)).await
}

async fn search_actions(asker: &Asker, what: &What) -> anyhow::Result<Answer> {
    let key = key(asker, None, what.resource.as_ref()).await?;
    let body = json!({
        "subject": subject(&what.subject),
        "resource": resource(asker, &key)?,
        "context": context(&what.asking.circumstances),
    });
    asker.search("action", &with_moment(body, what.asking.moment.at)).await
}

async fn effective(asker: &Asker, asked: &Effective) -> anyhow::Result<Answer> {
    let path = format!("{}/effective_policies", holder(asker, &asked.subject, asked.moment.at).await?);
    let pages = asker.pages(Method::GET, &path, |revision| {
        // A time stays what it is: it decides whether a token was in its time.
        let at = asked.moment.at.or(revision.map(At::Revision));
        let query = at.map(|at| format!("&at={}", text::encoded(&at.to_string()))).unwrap_or_default();
        (query, None)
    });
    pages.await
}

async fn history(asker: &Asker, asked: &History) -> anyhow::Result<Answer> {
    let mut body = json!({
        "action": asked.deed.action,
        "resource": key(asker, Some(&asked.deed.action), asked.deed.resource.as_ref()).await?,
    });
    if let Some(subject) = &asked.subject {
        body["subject"] = json!({ subject.kind.as_str(): subject.id });
    }
    let body = with_moment(body, asked.at);
    let pages = asker.pages(Method::POST, "/iam/access_history", |revision| {
        let mut body = body.clone();
        if let Some(revision) = revision {
            body["revision"] = json!(revision);
        }
        (String::new(), Some(body))
    });
    pages.await
}

async fn change(asker: &Asker, asked: &Change) -> anyhow::Result<Answer> {
    let Ok(method) = asked.method.to_uppercase().parse::<Method>() else { bail!("`{}` is no method", asked.method) };
    if method.is_safe() {
        bail!("a {method} changes nothing; give POST, PUT, PATCH or DELETE");
    }
    let body = asked.body.as_deref().map(text_of).transpose()?;
    let answer = asker.send(method, &asked.path, body).await?;
    if answer.body.get("dry_run").is_none() {
        bail!("`{} {}` only asks; it changes nothing", asked.method, asked.path);
    }
    Ok(answer)
}

async fn least(asker: &Asker, asked: &Least) -> anyhow::Result<Answer> {
    let mut body = json!({});
    if !asked.operation.is_empty() {
        body["operations"] = json!(asked.operation);
    }
    if let Some(calls) = &asked.calls {
        body["calls"] = json!(text_of(calls)?);
    }
    if let Some(har) = &asked.har {
        body["har"] = serde_json::from_str(&text_of(har)?).context("the HAR file is no JSON")?;
    }
    if let Some(base_url) = &asked.base_url {
        body["base_url"] = json!(base_url);
    }
    asker.post("/iam/least_privilege", &body).await
}

async fn unused(asker: &Asker, asked: &Unused) -> anyhow::Result<Answer> {
    let path = format!("{}/unused_grants?days={}", holder(asker, &asked.subject, None).await?, asked.days);
    let answer = asker.send(Method::GET, &asker.path(&path), None).await?;
    Ok(Answer { body: answer.body["result"].clone(), ..answer })
}

fn subject(subject: &Subject) -> Value {
    json!({ "type": subject.kind.as_str(), "id": subject.id })
}

fn resource(asker: &Asker, key: &str) -> anyhow::Result<Value> {
    let catalog = asker.catalog();
    let kind = catalog.resource_type(catalog.parse_key(key)?.kind);
    Ok(json!({ "type": kind.key, "id": key }))
}

fn context(circumstances: &Circumstances) -> Value {
    let mut context = json!({});
    if let Some(ip) = circumstances.ip {
        context["ip"] = json!(ip);
    }
    if let Some(time) = circumstances.time {
        context["time"] = json!(time);
    }
    context
}

fn with_moment(mut body: Value, at: Option<At>) -> Value {
    if let Some(at) = at {
        body["at"] = json!(at.to_string());
    }
    body
}

/// The key of what is asked about: what is given, what the path of the action names, or the account.
async fn key(asker: &Asker, action: Option<&str>, resource: Option<&Resource>) -> anyhow::Result<String> {
    let catalog = asker.catalog();
    if let Some(resource) = resource {
        let key = resource.key(catalog)?;
        catalog.parse_key(&key)?;
        return Ok(key);
    }
    let call = action.and_then(|action| Named::of(catalog, action)?.call);
    let own = account_key(asker.account);
    let Some(call) = call else { return Ok(own) };
    let snapshot = asker.account_at(At::NEWEST).await?;
    match snapshot.state.engine().call_target(&snapshot.state, &call) {
        CallTarget::Account | CallTarget::Caller => Ok(own),
        CallTarget::Resource(key) | CallTarget::Unregistered(key) => Ok(key.into()),
        CallTarget::All(_) => bail!("the path names no single resource; say which one is meant, as in zone:ID"),
        CallTarget::OtherAccount(account) => {
            bail!("the path is about account `{account}`; ask with `--account {account}`")
        }
    }
}

/// The path below the account of a member, a token or a user group. A user is the member that it is.
async fn holder(asker: &Asker, subject: &Subject, at: Option<At>) -> anyhow::Result<String> {
    let id = &subject.id;
    match subject.kind {
        SubjectKind::Member => Ok(format!("/members/{id}")),
        SubjectKind::Token => Ok(format!("/tokens/{id}")),
        SubjectKind::UserGroup => Ok(format!("/iam/user_groups/{id}")),
        SubjectKind::User => {
            let snapshot = asker.account_at(at.unwrap_or(At::NEWEST)).await?;
            let account = &snapshot.state;
            let member: Option<MemberId> = match id.parse::<UserId>() {
                Ok(user) => account.member_of_user(&user).map(|member| member.id),
                Err(_) => account.member_by_email(&NameKey::of(id)).map(|member| member.id),
            };
            let member = member.with_context(|| format!("user `{id}` is no member of the account"))?;
            Ok(format!("/members/{member}"))
        }
    }
}
