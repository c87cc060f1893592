//! A server in the process of the test.

use std::sync::Arc;

use catalog::Catalog;
use engine::Engine;
use model::accounts::NewAccount;
use model::ids::{AccountId, MemberId};
use model::rules::Rules;
use model::users::User;
use runtime::Runtime;
use runtime::secrets::Secrets;
use server::sso_verification::{TxtRecords, Verifier};
use server::{App, PublicUrl, Settings};
use store::{SqliteOptions, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{Caller, ManualClock, SequentialIds, people};

/// The super administrator's address.
pub(crate) const ADMIN: &str = "admin@example.com";

/// A real router on a free loopback port, with one account and its super administrator. It ends with the test.
pub struct TestServer {
    /// What it serves.
    pub runtime: Arc<Runtime>,
    /// Its clock, which stands still.
    pub clock: Arc<ManualClock>,
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub origin: String,
    /// The account.
    pub account: AccountId,
    /// The super administrator.
    pub user: Arc<User>,
    /// The super administrator's membership.
    pub member: MemberId,
    pub(crate) admin_key: String,
    _tasks: JoinSet<()>,
    _folder: Option<TempDir>,
}

impl TestServer {
    /// A server with the default rules and settings, in memory.
    pub async fn start() -> TestServer {
        TestServer::builder().start().await
    }

    /// A server to be described.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The super administrator, by Global API Key.
    pub fn admin(&self) -> Caller {
        self.caller_with_key(ADMIN, &self.admin_key)
    }

    /// Somebody without credentials.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(&self.origin, &self.account.to_string())
    }

    pub(crate) fn caller_with_key(&self, email: &str, key: &str) -> Caller {
        Caller::with_key(&self.origin, &self.account.to_string(), email, key)
    }
}

/// Describes a server.
#[derive(Default)]
pub struct Builder {
    rules: Rules,
    settings: Settings,
    catalogs: Vec<String>,
    folder: Option<TempDir>,
    dns: Option<Arc<dyn TxtRecords>>,
}

impl Builder {
    /// Changes the rules of the model.
    pub fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Builder {
        change(&mut self.rules);
        self
    }

    /// Changes the settings of the server.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Builder {
        change(&mut self.settings);
        self
    }

    /// Adds an operator's catalogue file, given as its text.
    pub fn catalogue(mut self, text: &str) -> Builder {
        self.catalogs.push(text.to_owned());
        self
    }

    /// Looks for the TXT records of SSO connectors there. Without it nothing is looked for.
    pub fn dns(mut self, records: Arc<dyn TxtRecords>) -> Builder {
        self.dns = Some(records);
        self
    }

    /// Keeps the data in SQLite, in a folder that ends with the server.
    pub fn sqlite(mut self) -> Builder {
        self.folder = Some(tempfile::tempdir().expect("a temporary folder"));
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestServer {
        let store = match &self.folder {
            None => Store::memory(),
            Some(folder) => {
                let path = folder.path().join("portcullis.db");
                Store::open_sqlite(&path, SqliteOptions::default()).expect("a new database")
            }
        };
        let mut catalog = Catalog::builtin();
        for text in &self.catalogs {
            catalog = catalog.with_file(text, "test.json").expect("a catalogue file that fits");
        }
        let clock = Arc::new(ManualClock::default());
        let engine = Engine::new(Arc::new(catalog));
        let ids = Arc::new(SequentialIds::default());
        let runtime = Arc::new(Runtime::new(store, engine, self.rules, Secrets::new(&[7; 32]), clock.clone(), ids));
        let (user, admin_key) = people::create_user(&runtime, ADMIN, true).await;
        let (account, member) = create_account(&runtime, &user).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the address of the port");
        let mut settings = self.settings;
        if settings.public_url == Settings::default().public_url {
            settings.public_url = PublicUrl::of_address(address);
        }
        let origin = format!("http://{}", address);
        let mut tasks = JoinSet::new();
        let verifier = self.dns.map(|records| Verifier::new(runtime.clone(), records));
        if let Some(verifier) = verifier.clone() {
            tasks.spawn(verifier.run(std::future::pending()));
        }
        let app = App::new(runtime.clone(), settings, verifier);
        tasks.spawn(async move {
            server::serve(listener, app, std::future::pending()).await.expect("the server runs until it is dropped");
        });
        TestServer { runtime, clock, origin, account, user, member, admin_key, _tasks: tasks, _folder: self.folder }
    }
}

async fn create_account(runtime: &Runtime, user: &User) -> (AccountId, MemberId) {
    let account = AccountId(runtime.environment().next_id());
    let new = NewAccount { name: "Test Account".to_owned(), kind: None };
    let created = runtime.create_account(account, &new, user, &people::test_origin(), |_, _| None).await;
    (account, created.expect("an account").output)
}
