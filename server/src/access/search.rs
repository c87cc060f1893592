//! `POST /access/v1/search/{subject,resource,action}`: a question with one of its parts left out. Every page is exact, and
//! all pages together are complete and of one revision.

use engine::principal::Principal;
use engine::search::{self as candidates, Candidates, Entry};
use model::ids::Id;

use crate::access::asking::{self, Asking, InAccount};
use crate::access::body::{self, Context, Given, Moment, Page, Search, Text};
use crate::access::door::{Answer, Door, Refusal};
use crate::access::page_token::Position;
use crate::access::words::{About, Field, Place, Words, bad, expect_object, subject_kind};

/// Results of a page, where the question does not say.
const USUAL: u16 = 100;
/// The most results of a page; a larger limit is as this one.
const MOST: u16 = 1000;
/// After this many candidates others get their turn.
const STRIDE: usize = 4096;

/// A search at work.
struct Searching<'q> {
    door: &'q Door,
    asking: Asking<'q>,
    /// What the page tokens are sealed with.
    question: Vec<Vec<u8>>,
    /// Where this page begins, if a token says so.
    from: Option<Position>,
    limit: u16,
}

/// Who may do that?
///
/// # Errors
/// A question that cannot be understood, or that the caller may not ask; a page token of another question.
pub async fn subjects(door: &Door) -> Result<Answer, Refusal> {
    let search: Search<'_> = body::read(&door.body).map_err(Refusal::bad)?;
    let mut words = Words::new(door.app.runtime.engine.catalog());
    let kind = subject_kind(&search.subject, Field::of(Place::Top, "subject"))?;
    let action = words.action(&search.action, Field::of(Place::Top, "action"))?;
    let about = words.about(&search.resource, Field::of(Place::Top, "resource"), &action)?;
    let context = expect_object(&search.context, Field::of(Place::Top, "context"))?;
    let mut searching = Searching::new(door, "subject", &search).await?;
    let Some(at) = searching.account_of(&about).await? else { return Ok(nothing()) };
    let place = searching.asking.account(at);
    if !place.about_others {
        return Err(door.forbidden().into());
    }
    let account = &place.snapshot.state;
    let target = asking::target(account, &about);
    let after = searching.after().and_then(|after| after.parse::<Id>().ok());
    let candidates: Candidates<'_> = match target {
        Some(target) => candidates::subjects(account, kind, after, &action.action, target, |token| {
            let own = door.caller.principal.token().is_some_and(|own| own.id() == token);
            searching.asking.circumstances(place, context, own)
        }),
        None => Box::new(std::iter::empty()),
    };
    searching.page(place, candidates, &Shape::Entity(kind.as_str())).await
}

/// On what may they do that?
///
/// # Errors
/// As for [`subjects`].
pub async fn resources(door: &Door) -> Result<Answer, Refusal> {
    let search: Search<'_> = body::read(&door.body).map_err(Refusal::bad)?;
    let mut words = Words::new(door.app.runtime.engine.catalog());
    let subject = words.subject(&search.subject, Field::of(Place::Top, "subject"))?;
    let action = words.action(&search.action, Field::of(Place::Top, "action"))?;
    let kind = words.resource_type(&search.resource, Field::of(Place::Top, "resource"))?;
    let context = expect_object(&search.context, Field::of(Place::Top, "context"))?;
    let mut searching = Searching::new(door, "resource", &search).await?;
    let at = searching.account_of_caller().await?;
    let subject = searching.asking.find(at, subject)?;
    let place = searching.asking.account(at);
    let account = &place.snapshot.state;
    let candidates: Candidates<'_> = match searching.able(place, subject, context) {
        Some(principal) => candidates::resources(account, kind, searching.after(), principal, &action.action),
        None => Box::new(std::iter::empty()),
    };
    searching.page(place, candidates, &Shape::Entity(&kind.name)).await
}

/// What may they do to that?
///
/// # Errors
/// As for [`subjects`].
pub async fn actions(door: &Door) -> Result<Answer, Refusal> {
    let search: Search<'_> = body::read(&door.body).map_err(Refusal::bad)?;
    let words = Words::new(door.app.runtime.engine.catalog());
    let subject = words.subject(&search.subject, Field::of(Place::Top, "subject"))?;
    let about = words.resource(&search.resource, Field::of(Place::Top, "resource"))?;
    let context = expect_object(&search.context, Field::of(Place::Top, "context"))?;
    let mut searching = Searching::new(door, "action", &search).await?;
    let Some(at) = searching.account_of(&about).await? else { return Ok(nothing()) };
    let subject = searching.asking.find(at, subject)?;
    let place = searching.asking.account(at);
    let account = &place.snapshot.state;
    let target = asking::target(account, &about);
    let candidates: Candidates<'_> = match (searching.able(place, subject, context), target) {
        (Some(principal), Some(target)) => candidates::actions(account, searching.after(), principal, &target),
        (None, _) | (_, None) => Box::new(std::iter::empty()),
    };
    searching.page(place, candidates, &Shape::Action).await
}
/// How an entry is shown.
enum Shape<'a> {
    /// With this type.
    Entity(&'a str),
    Action,
}

impl<'q> Searching<'q> {
    async fn new(door: &'q Door, what: &'static str, search: &'q Search<'q>) -> Result<Searching<'q>, Refusal> {
        let question = question(door, what, search);
        let field = Field::of(Place::Top, "page");
        let nothing = Page::default();
        let page = expect_object(&search.page, field)?.unwrap_or(&nothing);
        let limit = match page.limit {
            Given::Absent => None,
            Given::Value(limit) => Some(u16::try_from(limit).unwrap_or(MOST).min(MOST)),
            Given::Wrong(kind) => {
                return Err(bad(field.below("limit"), format_args!("must be a whole number, 0 or more, not {kind}")));
            }
        };
        let from = match &page.token {
            Given::Absent => None,
            Given::Value(token) if token.is_empty() => None,
            Given::Value(token) => {
                let parts: Vec<&[u8]> = question.iter().map(Vec::as_slice).collect();
                let position = Position::of_token(token, &door.app.runtime.secrets, &parts);
                let fits = position.filter(|position| limit.is_none_or(|limit| limit == position.limit));
                Some(fits.ok_or_else(|| {
                    let what =
                        "must be the `next_token` of the page before, and the rest of the question as it was there";
                    bad(field.below("token"), what)
                })?)
            }
            Given::Wrong(kind) => {
                return Err(bad(field.below("token"), format_args!("must be a string, not {kind}")));
            }
        };
        let asking = match &from {
            Some(from) => Asking::again(door, &search.at, from.revision, from.time).await?,
            None => Asking::new(door, &search.at).await?,
        };
        let limit = from.as_ref().map(|from| from.limit).or(limit).unwrap_or(USUAL);
        Ok(Searching { door, asking, question, from, limit })
    }

    fn after(&self) -> Option<&str> {
        self.from.as_ref()?.after.as_deref()
    }

    /// The account that the resource is in; of a later page, that of the first.
    async fn account_of(&mut self, about: &About<'q>) -> Result<Option<usize>, Refusal> {
        match &self.from {
            Some(from) => {
                let at = self.asking.enter(from.account).await?;
                Ok(Some(at.ok_or_else(|| self.door.forbidden())?))
            }
            None => self.asking.account_of(about).await,
        }
    }

    /// The account of the path, of the caller's token, or the only one of the caller.
    async fn account_of_caller(&mut self) -> Result<usize, Refusal> {
        let account = match (&self.from, self.asking.only_account(), self.door.caller.principal.user()) {
            (Some(from), ..) => Some(from.account),
            (None, Some(account), _) => Some(account),
            (None, None, Some(user)) => match *self.door.app.runtime.accounts_of(user).await? {
                [only] => Some(only),
                _ => None,
            },
            (None, None, None) => None,
        };
        let Some(account) = account else {
            let message = "a search for resources is about one account, and you are not in exactly one; ask below it, at \
                           `/accounts/{account_id}/access/v1/search/resource`";
            return Err(Refusal::bad(message));
        };
        Ok(self.asking.enter(account).await?.ok_or_else(|| self.door.forbidden())?)
    }

    /// The subject, if it is there and may act under the circumstances.
    fn able<'p>(
        &self,
        place: &'p InAccount<'q>,
        subject: usize,
        context: Option<&Context<'_>>,
    ) -> Option<&'p Principal> {
        let found = place.found(subject)?;
        let able = match found.principal.token() {
            Some(token) => self.asking.circumstances(place, context, found.is_oneself).admit(&token.token),
            None => true,
        };
        able.then_some(&found.principal)
    }

    async fn page(
        &self,
        place: &InAccount<'q>,
        candidates: Candidates<'_>,
        shape: &Shape<'_>,
    ) -> Result<Answer, Refusal> {
        let (mut results, mut count, mut last, mut more) = (Vec::with_capacity(4096), 0_u16, None, false);
        for (index, candidate) in candidates.enumerate() {
            if index % STRIDE == STRIDE - 1 {
                tokio::task::yield_now().await;
            }
            let Some(entry) = candidate else { continue };
            if count == self.limit {
                more = true;
                break;
            }
            if count > 0 {
                results.push(b',');
            }
            shape.write(&entry, &mut results);
            (count, last) = (count + 1, Some(entry));
        }
        let next = more.then(|| {
            let after = last.map(|entry| entry.to_string()).or_else(|| self.after().map(str::to_owned));
            let time = self.asking.time(place);
            let (account, revision) = (place.id, place.snapshot.revision());
            let parts: Vec<&[u8]> = self.question.iter().map(Vec::as_slice).collect();
            let position = Position { account, revision, time, limit: self.limit, after };
            position.token(&self.door.app.runtime.secrets, &parts)
        });
        let mut body =
            format!(r#"{{"page":{{"next_token":"{}","count":{count}}},"results":["#, next.unwrap_or_default());
        body.reserve(results.len() + 2);
        let mut body = body.into_bytes();
        body.append(&mut results);
        body.extend_from_slice(b"]}");
        Ok(Answer { body, revision: Some(place.snapshot.revision()) })
    }
}

/// The answer where the resource is not there.
fn nothing() -> Answer {
    Answer { body: br#"{"page":{"next_token":"","count":0},"results":[]}"#.to_vec(), revision: None }
}

impl Shape<'_> {
    fn write(&self, entry: &Entry<'_>, body: &mut Vec<u8>) {
        let text = |body: &mut Vec<u8>, text: &str| {
            let text = serde_json::to_vec(text).unwrap_or_else(|_| b"\"\"".to_vec());
            body.extend_from_slice(&text);
        };
        match self {
            Shape::Entity(kind) => {
                body.extend_from_slice(br#"{"type":"#);
                text(body, kind);
                body.extend_from_slice(br#","id":"#);
            }
            Shape::Action => body.extend_from_slice(br#"{"name":"#),
        }
        match entry {
            Entry::Id(id) => {
                body.push(b'"');
                body.extend_from_slice(&id.write_hex());
                body.push(b'"');
            }
            Entry::Text(entry) => text(body, entry),
        }
        body.push(b'}');
    }
}

/// All that the answer depends on besides the state: a page token fits this alone. What is sought is left out of it, since
/// it is ignored.
fn question(door: &Door, what: &'static str, search: &Search<'_>) -> Vec<Vec<u8>> {
    fn part(given: Option<&Text<'_>>) -> Vec<u8> {
        match given {
            Some(Given::Value(text)) => [b"=", text.as_bytes()].concat(),
            Some(Given::Wrong(kind)) => [b"!", kind.as_bytes()].concat(),
            Some(Given::Absent) | None => Vec::new(),
        }
    }
    let (subject, resource) = (search.subject.value(), search.resource.value());
    let context = search.context.value();
    let at = match &search.at {
        Given::Value(Moment::Revision(revision)) => revision.to_string().into_bytes(),
        Given::Value(Moment::Text(text)) => text.as_bytes().to_vec(),
        Given::Absent | Given::Wrong(_) => Vec::new(),
    };
    vec![
        what.as_bytes().to_vec(),
        door.account.map(|account| account.to_string().into_bytes()).unwrap_or_default(),
        part(subject.map(|subject| &subject.kind)),
        part(subject.filter(|_| what != "subject").map(|subject| &subject.id)),
        part(search.action.value().filter(|_| what != "action").map(|action| &action.name)),
        part(resource.map(|resource| &resource.kind)),
        part(resource.filter(|_| what != "resource").map(|resource| &resource.id)),
        part(context.map(|context| &context.ip)),
        part(context.map(|context| &context.time)),
        at,
    ]
}
