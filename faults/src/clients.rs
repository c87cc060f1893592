//! The clients: some write, some read, one makes and deletes tokens while others use them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use testkit::{Caller, Method, Response};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Node};
use crate::history::{Deed, History, Outcome, Read, Span, Token, Use, Write};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";
const ALL: &str = "/accounts/{account}/iam/user_groups?per_page=500";
const WRITERS: usize = 6;
const READERS: usize = 4;
/// So few that all fit one page.
const PAUSE: Duration = Duration::from_millis(15);
/// No answer is waited for longer.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a token lives, and how long it is tried after that.
const LIFE: Duration = Duration::from_millis(400);
const AFTERLIFE: Duration = Duration::from_millis(1600);

/// The clients at work.
pub struct Clients {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    nodes: Vec<Arc<Node>>,
    admin: Caller,
    is_over: AtomicBool,
    /// The newest revision that anybody was told of.
    newest: AtomicU64,
    history: Mutex<History>,
}

/// Starts them; they stop after `load`.
pub fn start(cluster: &Cluster, load: Duration) -> Clients {
    let shared = Arc::new(Shared {
        nodes: cluster.nodes.clone(),
        admin: cluster.admin(),
        is_over: AtomicBool::new(false),
        newest: AtomicU64::new(1),
        history: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    (0..WRITERS).for_each(|writer| _ = tasks.spawn(write(shared.clone(), writer)));
    (0..READERS).for_each(|reader| _ = tasks.spawn(read(shared.clone(), reader)));
    (0..2).for_each(|maker| _ = tasks.spawn(make_tokens(shared.clone(), maker)));
    let clock = shared.clone();
    tasks.spawn(async move {
        tokio::time::sleep(load).await;
        clock.is_over.store(true, Ordering::SeqCst);
    });
    Clients { tasks, shared }
}

impl Clients {
    /// Waits until all have heard of their last request.
    pub async fn finish(self) -> History {
        self.tasks.join_all().await;
        std::mem::take(&mut *self.shared.history())
    }
}

impl Shared {
    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Sends a request to a node; none where there was no answer.
    async fn ask(
        &self,
        caller: &Caller,
        node: usize,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (Span, usize, Option<Response>) {
        let place = self.nodes[node].place();
        let sent = Instant::now();
        let asking = caller.clone().at(&place.origin);
        let asking = asking.try_send(method, path, body.map(|body| body.to_string()));
        let answer = tokio::time::timeout(PATIENCE, asking).await.ok().and_then(Result::ok);
        (Span { sent, heard: Instant::now() }, place.incarnation, answer)
    }

    fn note(&self, write: Write) {
        if let Outcome::Done(revision) = write.outcome {
            self.newest.fetch_max(revision, Ordering::SeqCst);
        }
        self.history().writes.push(write);
    }
}

fn revision(answer: &Response) -> Option<u64> {
    answer.header("portcullis-revision")?.parse().ok()
}

fn outcome(answer: Option<&Response>) -> Outcome {
    match answer {
        Some(answer) if answer.status == 200 => revision(answer).map_or(Outcome::Unknown, Outcome::Done),
        Some(answer) if (400..500).contains(&answer.status) => Outcome::Refused,
        Some(_) | None => Outcome::Unknown,
    }
}

/// Makes groups, renames them, and takes them away, at one node after the other.
async fn write(shared: Arc<Shared>, writer: usize) {
    let mut own: Vec<String> = Vec::new();
    for number in 0.. {
        if shared.is_over() {
            return;
        }
        let node = (writer + number) % shared.nodes.len();
        let name = format!("{writer} {number}");
        let path = |id: &str| format!("{GROUPS}/{id}");
        let (method, path, deed) = match (number % 4, own.first().cloned()) {
            (2, Some(id)) => (Method::PUT, path(&id), Deed::Name(name.clone())),
            (3, Some(id)) => (Method::DELETE, path(&id), Deed::Delete(own.remove(0))),
            _ => (Method::POST, GROUPS.to_owned(), Deed::Name(name.clone())),
        };
        let body = (method != Method::DELETE).then(|| json!({ "name": name }));
        let (span, incarnation, answer) = shared.ask(&shared.admin, node, method.clone(), &path, body).await;
        let outcome = outcome(answer.as_ref());
        if let (Outcome::Done(_), Method::POST, Some(answer)) = (outcome, method, &answer) {
            own.extend(answer.body["result"]["id"].as_str().map(str::to_owned));
        }
        shared.note(Write { span, node, incarnation, deed, outcome });
        tokio::time::sleep(PAUSE).await;
    }
}

/// Lists the groups, every second time at least at the newest revision that anybody was told of.
async fn read(shared: Arc<Shared>, reader: usize) {
    for number in 0.. {
        if shared.is_over() {
            return;
        }
        let node = (reader + number) % shared.nodes.len();
        let named = (number % 2 == 0).then(|| shared.newest.load(Ordering::SeqCst));
        let caller = match named {
            Some(revision) => shared.admin.clone().header("portcullis-revision", &revision.to_string()),
            None => shared.admin.clone(),
        };
        let (span, incarnation, answer) = shared.ask(&caller, node, Method::GET, ALL, None).await;
        if let Some(answer) = answer.filter(|answer| answer.status == 200)
            && let Some(revision) = revision(&answer)
        {
            let read = Read { span, node, incarnation, named, revision, names: names(&answer) };
            shared.history().reads.push(read);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn names(answer: &Response) -> BTreeSet<String> {
    let groups = answer.body["result"].as_array().into_iter().flatten();
    groups.filter_map(|group| group["name"].as_str().map(str::to_owned)).collect()
}

/// Makes a token, uses it at all nodes, deletes it, and goes on to use it.
async fn make_tokens(shared: Arc<Shared>, maker: usize) {
    let mut lives = JoinSet::new();
    for number in 0.. {
        if shared.is_over() {
            break;
        }
        lives.spawn(live(shared.clone(), maker + number, format!("token {maker} {number}")));
        tokio::time::sleep(LIFE).await;
    }
    lives.join_all().await;
}

async fn live(shared: Arc<Shared>, number: usize, name: String) {
    let nodes = shared.nodes.len();
    let listed = "/accounts/{account}/tokens/permission_groups?name=Account%20Settings%20Read";
    let (_, _, Some(groups)) = shared.ask(&shared.admin, number % nodes, Method::GET, listed, None).await else {
        return;
    };
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups.body["result"][0]["id"]}],
        "resources": {format!("com.cloudflare.api.account.{}", shared.admin.account()): "*"},
    });
    let body = Some(json!({"name": name, "policies": [policy]}));
    let (made, _, answer) =
        shared.ask(&shared.admin, number % nodes, Method::POST, "/accounts/{account}/tokens", body).await;
    let Some(answer) = answer.filter(|answer| answer.status == 200) else { return };
    let result = &answer.body["result"];
    let (Some(id), Some(secret)) = (result["id"].as_str(), result["value"].as_str()) else { return };
    let caller = shared.admin.clone().header("authorization", &format!("Bearer {secret}"));
    let mut token = Token { made, deleted: None, deletion_sent: None, uses: Vec::new() };
    try_for(&shared, &caller, &mut token.uses, LIFE).await;
    let path = format!("/accounts/{{account}}/tokens/{id}");
    token.deletion_sent = Some(Instant::now());
    let (span, _, answer) = shared.ask(&shared.admin, (number + 1) % nodes, Method::DELETE, &path, None).await;
    if answer.is_some_and(|answer| answer.status == 200) {
        token.deleted = Some(span);
        try_for(&shared, &caller, &mut token.uses, AFTERLIFE).await;
    }
    shared.history().tokens.push(token);
}

/// Uses a token at all nodes for some time.
async fn try_for(shared: &Arc<Shared>, caller: &Caller, uses: &mut Vec<Use>, time: Duration) {
    let until = Instant::now() + time;
    let mut trying = JoinSet::new();
    for node in 0..shared.nodes.len() {
        let (shared, caller) = (shared.clone(), caller.clone());
        trying.spawn(async move {
            let mut uses = Vec::new();
            while Instant::now() < until {
                let path = "/accounts/{account}/iam/user_groups?per_page=1";
                let (span, _, answer) = shared.ask(&caller, node, Method::GET, path, None).await;
                match answer.map(|answer| answer.status) {
                    Some(200) => uses.push(Use { span, node, allowed: true }),
                    Some(401 | 403) => uses.push(Use { span, node, allowed: false }),
                    Some(_) | None => {}
                }
                tokio::time::sleep(PAUSE).await;
            }
            uses
        });
    }
    uses.extend(trying.join_all().await.into_iter().flatten());
}

/// What each node says once everything works again and has come to rest.
pub async fn last_words(cluster: &Cluster) -> anyhow::Result<Vec<(u64, BTreeSet<String>)>> {
    let mut words = Vec::new();
    let mut newest = 0;
    for node in &cluster.nodes {
        // At least where the one before stood: they need not have heard of each other's last write yet.
        let caller = cluster.admin().at(&node.place().origin).header("portcullis-revision", &newest.to_string());
        let answer = caller.try_send(Method::GET, ALL, None).await.map_err(anyhow::Error::msg)?;
        newest = revision(&answer).with_context(|| answer.text.clone())?;
        words.push((newest, names(&answer)));
    }
    Ok(words)
}
