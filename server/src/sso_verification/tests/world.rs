//! An account in memory, a script in place of the DNS, and a clock that is tokio's: paused, it leaps to the next thing
//! that is due, so that a week passes at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog::Catalog;
use engine::Engine;
use engine::permit::Permit;
use model::accounts::NewAccount;
use model::commit::{Actor, Request};
use model::ids::{AccountId, Id, SsoConnectorId, UserId};
use model::names::Email;
use model::problem::Problem;
use model::rules::{Environment, Rules};
use model::sso_connectors::{self, NewSsoConnector, SsoConnector};
use model::time::Timestamp;
use runtime::account_creation::NewUser;
use runtime::clock::{Clock, RandomIds};
use runtime::jobs::SSO_RECORD;
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime};
use store::{Lease, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::sso_verification::{LookUp, LookUpFailed, TxtRecords, Verifier};

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
pub const WEEK: u64 = 7 * DAY;

struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.0.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(1_700_000_000_000_000 + elapsed)
    }
}

#[derive(Clone)]
pub enum Reply {
    Records(Vec<String>),
    Fails,
    Hangs,
    Panics,
}

/// What the script was asked, and what it answers.
pub struct Script {
    began: Instant,
    replies: Mutex<HashMap<String, Reply>>,
    pub takes: Mutex<Duration>,
    asked: Mutex<Vec<(String, u64)>>,
    under_way: Mutex<HashSet<String>>,
    pub most_at_once: Mutex<usize>,
}

impl TxtRecords for Script {
    fn look_up<'a>(&'a self, domain: &'a str) -> LookUp<'a> {
        Box::pin(async move {
            {
                let mut asked = self.asked.lock().unwrap();
                asked.push((domain.to_owned(), self.began.elapsed().as_secs()));
                if asked.len() > 20_000 {
                    // Paused time stands still while a verifier spins.
                    std::process::exit(101);
                }
            }
            // The answer is as of the beginning, like that of a server far away.
            let reply = self.replies.lock().unwrap().get(domain).cloned().unwrap_or(Reply::Records(vec![]));
            {
                let mut under_way = self.under_way.lock().unwrap();
                assert!(under_way.insert(domain.to_owned()), "`{domain}` is looked up twice at the same time");
                let mut most = self.most_at_once.lock().unwrap();
                *most = under_way.len().max(*most);
            }
            let _finished = Finished(self, domain);
            let takes = *self.takes.lock().unwrap();
            sleep(takes).await;
            match reply {
                Reply::Records(records) => Ok(records),
                Reply::Fails => Err(LookUpFailed("SERVFAIL".to_owned())),
                Reply::Hangs => std::future::pending().await,
                Reply::Panics => panic!("a panic of a test"),
            }
        })
    }
}

struct Finished<'a>(&'a Script, &'a str);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap().remove(self.1);
    }
}

pub struct World {
    pub runtime: Arc<Runtime>,
    pub script: Arc<Script>,
    pub account: AccountId,
    running: Option<(Verifier, oneshot::Sender<()>, JoinHandle<()>)>,
}

impl World {
    /// An account without connectors, and a verifier that runs.
    pub async fn start() -> World {
        let mut world = World::without_verifier().await;
        world.start_verifier();
        world
    }

    pub async fn without_verifier() -> World {
        let began = Instant::now();
        let mut rules = Rules::default();
        rules.limits.sso_connectors = 1000;
        let engine = Engine::new(Arc::new(Catalog::builtin()));
        let clock = Arc::new(PausedClock(began));
        let runtime = Runtime::new(Store::memory(), engine, rules, Secrets::new(&[7; 32]), clock, Arc::new(RandomIds));
        let account = AccountId(Id::derived("account"));
        let new = NewUser { email: Email::parse("ada@example.org", "").unwrap(), operator: true, api_key: None };
        let ada = runtime.create_user(UserId(Id::derived("ada")), &new, &origin()).await.unwrap();
        let new = NewAccount { name: "Analytical Engines".to_owned(), kind: None };
        runtime.create_account(account, &new, &ada, &origin(), |_, _| None).await.unwrap();
        let script = Script {
            began,
            replies: Mutex::default(),
            takes: Mutex::default(),
            asked: Mutex::default(),
            under_way: Mutex::default(),
            most_at_once: Mutex::default(),
        };
        World { runtime: Arc::new(runtime), script: Arc::new(script), account, running: None }
    }

    pub fn start_verifier(&mut self) {
        let verifier = Verifier::new(self.runtime.clone(), self.script.clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(verifier.clone().run(async {
            let _ = stopped.await;
        }));
        self.running = Some((verifier, stop, task));
    }

    pub async fn stop_verifier(&mut self) {
        let (_, stop, task) = self.running.take().unwrap();
        stop.send(()).unwrap();
        task.await.unwrap();
    }

    pub fn verifier(&self) -> &Verifier {
        &self.running.as_ref().unwrap().0
    }

    /// A connector that is pending.
    pub async fn create(&self, domain: &str) -> SsoConnectorId {
        self.create_as(domain, true).await
    }

    pub async fn create_as(&self, domain: &str, begin_verification: bool) -> SsoConnectorId {
        let id = SsoConnectorId(Id::derived(domain));
        let new = NewSsoConnector {
            email_domain: domain.to_owned(),
            begin_verification,
            use_fedramp_language: false,
            enabled: false,
        };
        self.commit(|state, environment| Ok(sso_connectors::create(state, environment, &new, id)?.0)).await;
        id
    }

    pub async fn begin_verification(&self, id: SsoConnectorId) {
        self.commit(|state, environment| Ok(sso_connectors::begin_verification(state, environment, id)?.0)).await;
    }

    pub async fn delete(&self, id: SsoConnectorId) {
        self.commit(|state, _| Ok(sso_connectors::delete(state, id)?.0)).await;
    }

    pub async fn commit(
        &self,
        work: impl Fn(&model::account_state::AccountState, &Environment<'_>) -> Result<Vec<model::change::Change>, Problem>
        + Sync,
    ) {
        let permit = Permit::for_system(self.account);
        self.runtime
            .commit(&permit, &origin(), |state, environment| Ok((work(state, environment)?, ())), |_, ()| None)
            .await
            .unwrap();
    }

    pub fn reply(&self, domain: &str, reply: Reply) {
        self.script.replies.lock().unwrap().insert(domain.to_owned(), reply);
    }

    /// Puts the record of a connector into the DNS, between others.
    pub async fn publish(&self, id: SsoConnectorId) {
        let connector = self.connector(id).await;
        let records = vec!["v=spf1 -all".to_owned(), format!(" {}\t", connector.record())];
        self.reply(&connector.email_domain, Reply::Records(records));
    }

    pub async fn connector(&self, id: SsoConnectorId) -> SsoConnector {
        self.runtime.account(self.account).await.unwrap().unwrap().state.sso_connector(&id).unwrap().clone()
    }

    /// Its verification, as on the wire.
    pub async fn verification(&self, id: SsoConnectorId) -> &'static str {
        self.connector(id).await.verification.as_str()
    }

    pub async fn revision(&self) -> u64 {
        self.runtime.account(self.account).await.unwrap().unwrap().revision()
    }

    pub async fn lease(&self, id: SsoConnectorId) -> Option<Lease> {
        self.runtime.store.lease(SSO_RECORD, &id.to_string()).await.unwrap()
    }

    /// When a domain was looked up, in seconds since the beginning.
    pub fn asked(&self, domain: &str) -> Vec<u64> {
        let asked = self.script.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == domain).map(|(_, at)| *at).collect()
    }
}

fn origin() -> Origin {
    let request = Request { audit_id: "0198c0de-0000-7000-8000-000000000000".into(), ..Request::default() };
    Origin { actor: Actor::System { reason: "a test".into() }, request }
}

/// Lets that many seconds pass, a poll at each. Half a second more, so that what was due at the last one is done.
pub async fn pass(seconds: u64) {
    sleep(Duration::from_millis(seconds * 1000 + 500)).await;
}

/// Leaps over that many seconds without a poll in between.
pub async fn leap(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
    pass(2).await;
}
