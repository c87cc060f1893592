//! Repeated creates. The SDKs repeat a create whose answer got lost, with no key, only `x-stainless-retry-count` above 0:
//! within a minute the same caller, path and body get the first answer again. An `Idempotency-Key` is honoured likewise,
//! for a day and across restarts: its answer is written in the same transaction as the commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use engine::principal::Principal;
use model::ids::Revision;
use model::problem::{FaultKind, Problem};
use model::time::Timestamp;
use moka::sync::Cache;
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Lease, LeaseChange};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::answer::Success;
use crate::authenticate::Caller;
use crate::error::Error;

/// How long an answer without a key is given again, in seconds.
const MINUTE_SECONDS: i64 = 60;
/// How long the memory of it is kept by the cache, which has a clock of its own.
const KEPT: Duration = Duration::from_secs(120);
/// How long an answer with a key is remembered, in seconds.
const DAY_SECONDS: i64 = 24 * 3600;
/// How much is remembered at most, in bytes; the oldest answers are forgotten first.
const MOST_BYTES: u64 = 16 << 20;
/// The kind of lease.
const LEASE: &str = "idempotency";

type Key = [u8; 32];

/// Answers of creates.
pub struct Repeats {
    answers: Cache<Key, Arc<(Timestamp, Success)>>,
    running: Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>,
}

impl Default for Repeats {
    fn default() -> Self {
        let weigh = |_: &Key, answer: &Arc<(Timestamp, Success)>| {
            u32::try_from(answer.1.parts().0.len() + 200).unwrap_or(u32::MAX)
        };
        let answers = Cache::builder().max_capacity(MOST_BYTES).weigher(weigh).time_to_live(KEPT).build();
        Repeats { answers, running: Mutex::new(HashMap::new()) }
    }
}

/// What tells one create from another.
pub struct Request {
    /// Same caller, path and body; with an idempotency key, same caller and key. None for what is no create.
    key: Option<Key>,
    /// Same path and body: an idempotency key must not be used for another request.
    content: Key,
    has_key: bool,
    is_retry: bool,
}

/// The first of its kind; others wait until it is answered.
pub struct First {
    pub(crate) request: Request,
    _turn: Option<OwnedMutexGuard<()>>,
}

/// Whether a create is new.
pub enum Entered {
    /// It is to be carried out.
    First(First),
    /// It was, and this was the answer.
    Again(Success),
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    content: Key,
    body: String,
    revision: Option<Revision>,
    etag: Option<String>,
}

impl Request {
    /// Reads what tells this request from others.
    ///
    /// # Errors
    /// An idempotency key that is empty, longer than 255 characters or not text.
    pub fn of(
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        caller: &Caller,
        body: &[u8],
    ) -> Result<Request, Error> {
        let content = digest(&[path.as_bytes(), body]);
        let is_create = *method == Method::POST;
        let idempotency_key = headers.get("idempotency-key").filter(|_| is_create);
        let key = match idempotency_key {
            None if is_create => Some(digest(&[b"content", &identity(caller), &content])),
            None => None,
            Some(value) => {
                let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && text.len() <= 255);
                let text = text.ok_or_else(|| {
                    Problem::new(
                        FaultKind::Invalid,
                        "the header `Idempotency-Key` must have 1 to 255 printable characters",
                    )
                })?;
                Some(digest(&[b"key", &identity(caller), text.as_bytes()]))
            }
        };
        let count = headers.get("x-stainless-retry-count").and_then(|value| value.to_str().ok());
        let is_retry = count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0);
        Ok(Request { key, content, has_key: idempotency_key.is_some(), is_retry })
    }

    /// Where an answer is kept in memory. With an idempotency key that is only one that shows a secret, and only for the
    /// very same request: what is stored for longer tells whether another one came with the key.
    fn in_memory(&self, key: Key) -> Key {
        if self.has_key { digest(&[b"secret", &key, &self.content]) } else { key }
    }

    /// The lease that remembers the answer of a request with a key, to be written with its commit.
    pub fn lease(&self, now: Timestamp, answer: impl FnOnce() -> Option<Success>) -> Option<LeaseChange> {
        let key = self.key.filter(|_| self.has_key)?;
        let answer = answer().filter(|answer| !answer.is_secret())?;
        let (body, revision, etag) = answer.parts();
        let body = String::from_utf8(body.to_vec()).ok()?;
        let stored = Stored { content: self.content, body, revision, etag: etag.map(str::to_owned) };
        let expires = now.plus_seconds(DAY_SECONDS).as_micros();
        Some(LeaseChange::Put(Lease {
            kind: LEASE.into(),
            key: hex(&key).into(),
            stream: "".into(),
            due_at: expires,
            expires_at: expires,
            payload: serde_json::to_vec(&stored).ok()?,
        }))
    }
}

/// Who repeats: a token is not its owner.
fn identity(caller: &Caller) -> Vec<u8> {
    let user = caller.principal.user().map(|user| *user.0.as_bytes());
    let token = caller.principal.token().map(|token| *token.id().0.as_bytes());
    let account = match &caller.principal {
        Principal::AccountToken { account, .. } => Some(*account.0.as_bytes()),
        Principal::User(_) | Principal::UserToken { .. } | Principal::System => None,
        Principal::Member(_) | Principal::UserGroup(_) => None,
    };
    [user, token, account].into_iter().flat_map(|part| part.unwrap_or([0; 16])).collect()
}

impl Repeats {
    /// Waits for a like request that is under way, and finds its answer.
    ///
    /// # Errors
    /// A key that was used for another request; a store that does not answer.
    pub async fn enter(&self, runtime: &Runtime, request: Request) -> Result<Entered, Error> {
        let Some(key) = request.key else { return Ok(Entered::First(First { request, _turn: None })) };
        let turn = self.turn(key).lock_owned().await;
        if request.has_key
            && let Some(success) = stored(runtime, &key, &request.content).await?
        {
            return Ok(Entered::Again(success));
        }
        if (request.is_retry || request.has_key)
            && let Some(answer) = self.answers.get(&request.in_memory(key))
            && runtime.clock.now() < answer.0.plus_seconds(MINUTE_SECONDS)
        {
            return Ok(Entered::Again(answer.1.clone()));
        }
        Ok(Entered::First(First { request, _turn: Some(turn) }))
    }

    /// Keeps the answer of a create.
    pub fn remember(&self, first: First, success: &Success, now: Timestamp) {
        let request = &first.request;
        if let Some(key) = request.key.filter(|_| !request.has_key || success.is_secret()) {
            self.answers.insert(request.in_memory(key), Arc::new((now, success.clone())));
        }
    }

    /// Forgets all answers, as when a development server is reset.
    pub fn clear(&self) {
        self.answers.invalidate_all();
    }

    fn turn(&self, key: Key) -> Arc<AsyncMutex<()>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.len() >= 1024 {
            running.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        running.entry(key).or_default().clone()
    }
}

async fn stored(runtime: &Runtime, key: &Key, content: &Key) -> Result<Option<Success>, Error> {
    let Some(lease) = runtime.store.lease(LEASE, &hex(key)).await? else { return Ok(None) };
    if lease.expires_at <= runtime.clock.now().as_micros() {
        return Ok(None);
    }
    let Ok(stored) = serde_json::from_slice::<Stored>(&lease.payload) else { return Ok(None) };
    if stored.content != *content {
        return Err(Problem::new(
            FaultKind::Invalid,
            "this `Idempotency-Key` was used for another request; use a new one",
        )
        .into());
    }
    Ok(Some(Success::again(stored.body.into_bytes(), stored.revision, stored.etag)))
}

fn digest(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(key: &Key) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
