//! One process that asks itself: the routes of the server over the database, without a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use catalog::Catalog;
use engine::Account;
use http::{Method, Request};
use model::ids::{AccountId, StreamId};
use model::rules::Rules;
use runtime::Runtime;
use runtime::history::at::At;
use runtime::secrets::Secrets;
use runtime::stream::Snapshot;
use serde_json::{Value, json};
use server::{App, Settings};

use crate::arguments::ask::Place;
use crate::wiring;

/// The largest page of a search and of a list.
const SEARCHED: usize = 1000;
const LISTED: usize = 500;

/// Asks about one account.
pub struct Asker {
    app: App,
    runtime: Arc<Runtime>,
    /// The account.
    pub account: AccountId,
    /// Where it is kept what a write revokes.
    journal: PathBuf,
}

/// An answer: of all pages, if it has several.
pub struct Answer {
    /// The revision that it is a function of; none where the answer does not depend on the account.
    pub revision: Option<u64>,
    /// What was answered.
    pub body: Value,
}

impl Asker {
    /// Opens the database, and finds the account.
    ///
    /// # Errors
    /// When it cannot be opened, or it is not clear which account is meant.
    pub async fn open(place: &Place) -> anyhow::Result<Asker> {
        // Nothing is authenticated, so the secret key is not needed.
        Asker::open_with(place, Secrets::new(&[0; 32])).await
    }

    /// The same with the secret key, for what makes secrets.
    ///
    /// # Errors
    /// As for [`Asker::open`].
    pub async fn open_with(place: &Place, secrets: Secrets) -> anyhow::Result<Asker> {
        let catalog = wiring::catalog(&place.catalogs.catalog)?;
        let store = place.data.open(None).await?;
        let runtime = Arc::new(wiring::runtime(store, catalog, Rules::default(), secrets));
        let account = match account(&runtime, place.account).await {
            Ok(account) => account,
            Err(error) => {
                runtime.close().await;
                return Err(error);
            }
        };
        let app = App::new(runtime.clone(), Settings::default(), None);
        Ok(Asker { app, runtime, account, journal: place.data.journal_path() })
    }

    /// The catalogue.
    pub fn catalog(&self) -> &Catalog {
        self.runtime.engine.catalog()
    }

    /// The account as it is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn account_now(&self) -> anyhow::Result<Arc<Snapshot<Account>>> {
        self.runtime.account(self.account).await?.with_context(|| format!("there is no account `{}`", self.account))
    }

    /// The account at a moment.
    ///
    /// # Errors
    /// A moment that it does not have; a log that cannot be read.
    pub async fn account_at(&self, at: At) -> anyhow::Result<Arc<Snapshot<Account>>> {
        Ok(self.runtime.account_as_of(self.account, at).await?)
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.runtime.close().await;
    }

    /// The path below the account.
    pub fn path(&self, rest: &str) -> String {
        format!("/accounts/{}{rest}", self.account)
    }

    /// Sends one request. A write is only rehearsed.
    ///
    /// # Errors
    /// What the server refuses, in its words.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> anyhow::Result<Answer> {
        self.request(method, path, body, true).await
    }

    /// Carries out a write.
    ///
    /// # Errors
    /// What the server refuses, in its words; then nothing was written.
    pub async fn write(&self, method: Method, path: &str, body: Option<String>) -> anyhow::Result<Answer> {
        wiring::keep_journal(&self.runtime, &self.journal)?;
        self.request(method, path, body, false).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        is_dry_run: bool,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("portcullis-dry-run", if is_dry_run { "true" } else { "false" })
            .body(body.unwrap_or_default())
            .with_context(|| format!("`{path}` is no path"))?;
        let (head, body) = server::local::answer(&self.app, request).await?.into_parts();
        let body: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
        if !head.status.is_success() {
            bail!("{}", refusal(&body, head.status.as_u16()));
        }
        let revision =
            head.headers.get("portcullis-revision").and_then(|revision| revision.to_str().ok()?.parse().ok());
        Ok(Answer { revision, body })
    }

    /// Asks with a body, and takes the result out of the envelope, if it is in one.
    ///
    /// # Errors
    /// As for [`Asker::send`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let answer = self.send(Method::POST, &self.path(path), Some(body.to_string())).await?;
        Ok(without_envelope(answer))
    }

    /// All results of a search.
    ///
    /// # Errors
    /// As for [`Asker::send`].
    pub async fn search(&self, what: &str, question: &Value) -> anyhow::Result<Answer> {
        let mut found = Vec::new();
        let mut page = json!({ "limit": SEARCHED });
        loop {
            let mut question = question.clone();
            question["page"] = page;
            let mut answer = self.post(&format!("/access/v1/search/{what}"), &question).await?;
            if let Some(results) = answer.body["results"].as_array_mut() {
                found.append(results);
            }
            match answer.body["page"]["next_token"].as_str() {
                None | Some("") => return Ok(Answer { revision: answer.revision, body: Value::Array(found) }),
                Some(token) => page = json!({ "token": token }),
            }
        }
    }

    /// All pages of a list, or of an object with several lists. `ask` makes the query and the body, for the later pages with
    /// the revision that the first was answered at.
    ///
    /// # Errors
    /// As for [`Asker::send`].
    pub async fn pages(
        &self,
        method: Method,
        path: &str,
        ask: impl Fn(Option<u64>) -> (String, Option<Value>),
    ) -> anyhow::Result<Answer> {
        let mut whole: Option<Answer> = None;
        for page in 1.. {
            let (query, body) = ask(whole.as_ref().and_then(|whole| whole.revision));
            let path = format!("{}?per_page={LISTED}&page={page}{query}", self.path(path));
            let answer = self.send(method.clone(), &path, body.map(|body| body.to_string())).await?;
            let pages = answer.body["result_info"]["total_pages"].as_u64().unwrap_or_default();
            let answer = without_envelope(answer);
            match &mut whole {
                None => whole = Some(answer),
                Some(whole) => append(&mut whole.body, answer.body),
            }
            if page >= pages {
                break;
            }
        }
        whole.context("no page was answered")
    }
}

/// The account that is meant.
async fn account(runtime: &Runtime, named: Option<AccountId>) -> anyhow::Result<AccountId> {
    if let Some(account) = named {
        return match runtime.account(account).await? {
            Some(_) => Ok(account),
            None => bail!("there is no account `{account}`"),
        };
    }
    let first = runtime.store.streams("account/", 2).await?;
    let ids: Vec<StreamId> = first.iter().filter_map(|(name, _)| name.parse().ok()).collect();
    match *ids {
        [StreamId::Account(only)] | [StreamId::Account(only), StreamId::User(_)] => Ok(only),
        _ => bail!("the database has several accounts; say which with `--account ID`"),
    }
}

fn without_envelope(mut answer: Answer) -> Answer {
    if answer.body.get("success").is_some() {
        answer.body = answer.body["result"].take();
    }
    answer
}

/// Puts a later page below what is there: lists below lists.
fn append(whole: &mut Value, page: Value) {
    match (whole, page) {
        (Value::Array(whole), Value::Array(mut page)) => whole.append(&mut page),
        (Value::Object(whole), Value::Object(page)) => {
            for (name, value) in page {
                if let (Some(Value::Array(whole)), Value::Array(mut page)) = (whole.get_mut(&name), value) {
                    whole.append(&mut page);
                }
            }
        }
        _ => {}
    }
}

/// What the server said, on a line each.
fn refusal(body: &Value, status: u16) -> String {
    if let Some(message) = body.as_str() {
        return message.to_owned();
    }
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines: Vec<String> = errors
        .iter()
        .map(|error| {
            let message = error["message"].as_str().unwrap_or_default();
            match error["source"]["pointer"].as_str().filter(|pointer| !pointer.is_empty()) {
                Some(pointer) => format!("{pointer}: {message}"),
                None => message.to_owned(),
            }
        })
        .collect();
    if lines.is_empty() { format!("answered with status {status}") } else { lines.join("\n") }
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// When it cannot be read.
pub fn text_of(path: &Path) -> anyhow::Result<String> {
    if path.as_os_str() == "-" {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
