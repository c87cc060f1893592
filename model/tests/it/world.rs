//! One account with a catalogue, fixed ids and a fixed clock.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use catalog::Catalog;
use model::account_state::AccountState;
use model::accounts::{self, NewAccount};
use model::change::{Change, Document};
use model::ids::{AccountId, Id, MemberId, ResourceGroupId, SsoConnectorId, UserGroupId, UserId, ZoneId};
use model::members::{self, Grants, Member, NewMember};
use model::names::Email;
use model::policies::{Effect, PolicyInput, ResourceGroupInput};
use model::problem::Problem;
use model::resource_groups::{self, NewResourceGroup, ScopeInput};
use model::resources;
use model::rules::{Environment, Rules};
use model::time::Timestamp;
use model::user_groups::{self, NewUserGroup};
use model::users::{Profile, User};

pub static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

pub fn id(sort: u8, n: u8) -> Id {
    let mut bytes = [sort; 16];
    bytes[15] = n;
    Id::from_bytes(bytes)
}
pub fn account_id() -> AccountId {
    AccountId(id(0xa0, 0))
}
pub fn user_id(n: u8) -> UserId {
    UserId(id(0xb0, n))
}
pub fn member_id(n: u8) -> MemberId {
    MemberId(id(0xc0, n))
}
pub fn group_id(n: u8) -> UserGroupId {
    UserGroupId(id(0xd0, n))
}
pub fn resource_group_id(n: u8) -> ResourceGroupId {
    ResourceGroupId(id(0xe0, n))
}
pub fn zone_id(n: u8) -> ZoneId {
    ZoneId(id(0xf0, n))
}
pub fn connector_id(n: u8) -> SsoConnectorId {
    SsoConnectorId(id(0x90, n))
}
pub fn account_key() -> String {
    resource_groups::account_key(account_id())
}
pub fn zone_key(n: u8) -> String {
    resource_groups::zone_key(zone_id(n))
}
pub fn email(n: u8) -> String {
    format!("user{n}@example.com")
}
pub fn iam(label: &str) -> Id {
    CATALOG.iam_group_by_label(label).expect(label).id
}
pub fn user(n: u8) -> User {
    User {
        id: user_id(n),
        email: Email::parse(&email(n), "").unwrap(),
        email_verified: true,
        enabled: true,
        operator: false,
        profile: Profile::default(),
        api_key: None,
        created_on: Timestamp::from_micros(0),
        contact: Default::default(),
    }
}

/// An account with member and user number 0, and zones 0 and 1. Each commit is one second after the last.
pub struct World {
    pub state: AccountState,
    pub rules: Rules,
    ids: AtomicU64,
}

impl World {
    pub fn new() -> World {
        let mut world = World {
            state: AccountState::new([iam("all_privileges")]),
            rules: Rules::default(),
            ids: AtomicU64::new(0),
        };
        let new = NewAccount { name: "Example".into(), kind: None };
        let (mut changes, _) =
            world.with(|_, environment| accounts::create(environment, &new, account_id(), &user(0))).unwrap();
        for change in &mut changes {
            if let Change::Put(Document::Member(member)) = change {
                *member = Member { id: member_id(0), ..Member::clone(member) }.into();
            }
        }
        world.state = world.state.after(&changes).unwrap();
        for n in 0..2 {
            world.run(|state, environment| {
                resources::create_zone(state, environment, &format!("zone{n}.example.com"), zone_id(n))
            });
        }
        world
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000).plus_seconds(self.state.revision as i64)
    }

    pub fn with<T>(&self, f: impl FnOnce(&AccountState, &Environment<'_>) -> T) -> T {
        let ids = || {
            let mut bytes = [0x11; 16];
            bytes[8..].copy_from_slice(&self.ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            Id::from_bytes(bytes)
        };
        f(&self.state, &Environment { catalog: &CATALOG, rules: &self.rules, now: self.now(), ids: &ids })
    }

    /// Commits an operation; tells what changed.
    pub fn commit<T>(
        &mut self,
        operation: impl FnOnce(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem>,
    ) -> Result<Vec<Change>, Problem> {
        let (changes, _) = self.with(operation)?;
        self.state = self.state.after(&changes).unwrap();
        Ok(changes)
    }

    pub fn run<T>(
        &mut self,
        operation: impl FnOnce(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem>,
    ) -> Vec<Change> {
        self.commit(operation).unwrap()
    }

    pub fn whole(&self) -> String {
        self.state.whole_account_group().unwrap().to_string()
    }

    pub fn invite(&mut self, n: u8, policies: &[PolicyInput]) -> Result<Vec<Change>, Problem> {
        let new = NewMember {
            email: email(n),
            grants: Grants::Policies(policies.to_vec()),
            accepted: false,
            api_access: None,
            invited_by: String::new(),
        };
        self.commit(|state, environment| members::create(state, environment, &new, member_id(n), None))
    }

    pub fn set_member(&mut self, n: u8, policies: &[PolicyInput]) -> Result<Vec<Change>, Problem> {
        let grants = Grants::Policies(policies.to_vec());
        self.commit(|state, environment| {
            members::update(state, environment, member_id(n), &model::members::MemberUpdate::of(grants.clone()))
        })
    }

    pub fn make_group(&mut self, n: u8, name: &str, policies: &[PolicyInput]) -> Result<Vec<Change>, Problem> {
        let new = NewUserGroup { name: name.to_owned(), policies: policies.to_vec() };
        self.commit(|state, environment| user_groups::create(state, environment, &new, group_id(n)))
    }

    pub fn set_group(&mut self, n: u8, policies: &[PolicyInput]) -> Result<Vec<Change>, Problem> {
        self.commit(|state, environment| user_groups::update(state, environment, group_id(n), None, Some(policies)))
    }

    pub fn make_resource_group(&mut self, n: u8, name: &str, objects: &[&str]) -> Result<Vec<Change>, Problem> {
        let new = NewResourceGroup { name: name.to_owned(), scope: scope(objects) };
        self.commit(|state, environment| resource_groups::create(state, environment, &new, resource_group_id(n)))
    }
}

pub fn scope(objects: &[&str]) -> ScopeInput {
    ScopeInput { key: account_key(), objects: objects.iter().map(|object| (*object).to_owned()).collect() }
}

pub fn allow(label: &str, place: impl ToString) -> PolicyInput {
    PolicyInput {
        id: None,
        access: Effect::Allow,
        permission_groups: vec![iam(label).to_string()],
        resource_groups: vec![ResourceGroupInput::Id(place.to_string())],
    }
}

pub fn inline(label: &str, objects: &[&str]) -> PolicyInput {
    PolicyInput { resource_groups: vec![ResourceGroupInput::Inline(scope(objects))], ..allow(label, "") }
}

/// Kind, place and message of each fault, one a line.
pub fn told<T: std::fmt::Debug>(result: Result<T, Problem>) -> String {
    let problem = result.unwrap_err();
    let lines = problem
        .faults()
        .iter()
        .map(|fault| format!("{:?} {} {}", fault.kind, fault.pointer.as_deref().unwrap_or("-"), fault.message));
    lines.collect::<Vec<_>>().join("\n")
}
