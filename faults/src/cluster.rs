//! Several nodes over one database, each by a way of its own that can fail.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;
use test_parts::postgres::Postgres;
use test_parts::proxy::Proxy;
use testkit::binary::{self, Program};
use testkit::{Caller, Method};

use crate::history::Logged;

/// Within it, everything has to work again once nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node, which may be killed and started again.
pub struct Node {
    pub proxy: Proxy,
    program: Mutex<Program>,
    place: RwLock<Place>,
    start: Arc<dyn Fn() -> Program + Send + Sync>,
}

/// Where a node listens, and how often it was started before.
#[derive(Clone)]
pub struct Place {
    pub origin: String,
    pub incarnation: usize,
}

/// The nodes and their account.
pub struct Cluster {
    pub nodes: Vec<Arc<Node>>,
    pub database: String,
    pub account: String,
    token: String,
    _folder: TempDir,
}

impl Node {
    pub fn place(&self) -> Place {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn kill(&self) {
        self.program().kill();
    }

    pub fn id(&self) -> u32 {
        self.program().id()
    }

    pub fn restart(&self) {
        let started = (self.start)();
        let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
        *place = Place { origin: started.origin.clone(), incarnation: place.incarnation + 1 };
        *self.program() = started;
    }

    fn program(&self) -> std::sync::MutexGuard<'_, Program> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    pub async fn start(program: &Path, database: &Postgres, nodes: usize, bound: Duration) -> anyhow::Result<Cluster> {
        let folder = tempfile::tempdir()?;
        let address = database.database();
        let init = ["init", "--email", "ada@example.com", "--json", "--database", &address];
        let made = binary::run(&program.to_string_lossy(), folder.path(), &init);
        let made: Value =
            serde_json::from_slice(&made.stdout).with_context(|| String::from_utf8_lossy(&made.stderr).into_owned())?;
        let text = |field: &str| made[field].as_str().map(str::to_owned).context("`init` did not say it all");
        let mut started = Vec::new();
        for _ in 0..nodes {
            let proxy = Proxy::start(database.port()).await;
            let start = start_of(program.to_owned(), folder.path().to_owned(), proxy.instead_of(&address), bound);
            let first = start();
            let place = RwLock::new(Place { origin: first.origin.clone(), incarnation: 0 });
            started.push(Arc::new(Node { proxy, program: Mutex::new(first), place, start }));
        }
        Ok(Cluster {
            nodes: started,
            database: address,
            account: text("account_id")?,
            token: text("api_token")?,
            _folder: folder,
        })
    }

    /// Somebody who may do everything, at whatever node.
    pub fn admin(&self) -> Caller {
        Caller::with_token("http://127.0.0.1:1", &self.account, &self.token)
    }

    /// Lets everything work again, waits until it does, and reads the log.
    pub async fn settle(&self, database: &mut Postgres) -> anyhow::Result<Vec<Logged>> {
        if database.sql_tried("postgres", "SELECT 1").is_none() {
            database.restart();
        }
        for node in &self.nodes {
            node.proxy.hold(false);
            node.proxy.cut_no_more();
            node.proxy.delay(Duration::ZERO);
        }
        let started = Instant::now();
        for node in &self.nodes {
            let caller = self.admin();
            loop {
                // Starting again where it was killed last.
                let origin = node.place().origin;
                let ready = caller.clone().at(&origin).try_send(Method::GET, "/accounts/{account}", None).await;
                let said = match ready {
                    Ok(answer) if answer.status == 200 => break,
                    Ok(answer) => answer.status_and_error(),
                    Err(error) => error,
                };
                if started.elapsed() > PATIENCE {
                    bail!("a node does not work again after {PATIENCE:?}: {said}");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.log().await
    }

    async fn log(&self) -> anyhow::Result<Vec<Logged>> {
        let caller = self.admin().at(&self.nodes[0].place().origin);
        let path = "/accounts/{account}/iam/commits/stream?follow=false&after=0";
        let answer = caller.try_send(Method::GET, path, None).await.map_err(anyhow::Error::msg)?;
        let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| logged(&serde_json::from_str(data)?)).collect()
    }
}

fn logged(event: &Value) -> anyhow::Result<Logged> {
    let revision = event["revision"].as_u64().context("a commit without a revision")?;
    let mut logged = Logged { revision, put: Vec::new(), deleted: Vec::new() };
    for changed in event["documents"].as_array().into_iter().flatten() {
        let Some(id) = changed["document"].as_str().and_then(|name| name.strip_prefix("user_group/")) else { continue };
        match changed["after"]["user_group"]["name"].as_str() {
            Some(name) => logged.put.push((id.to_owned(), name.to_owned())),
            None => logged.deleted.push(id.to_owned()),
        }
    }
    Ok(logged)
}

fn start_of(
    program: PathBuf,
    folder: PathBuf,
    database: String,
    bound: Duration,
) -> Arc<dyn Fn() -> Program + Send + Sync> {
    Arc::new(move || {
        let bound = bound.as_secs().to_string();
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--rate-limit",
            "off",
            "--rate-limit-per-address",
            "off",
            "--auth-failure-limit",
            "off",
            "--max-staleness",
            &bound,
            "--database",
            &database,
        ];
        Program::start(&program.to_string_lossy(), &folder, &arguments)
    })
}
