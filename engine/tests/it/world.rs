//! Small random accounts. Ids come from small pools, so that documents meet, clash and dangle.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use catalog::{Catalog, Permission, PermissionSet};
use engine::decide::{Decision, Reason};
use engine::oracle::{Action, Oracle, Subject};
use engine::principal::Principal;
use engine::target::Target;
use engine::{Account, Engine};
use model::account_state::AccountState;
use model::accounts::{self, NewAccount};
use model::change::{Change, Document, DocumentId};
use model::ids::{AccountId, Id, MemberId, PolicyId, ResourceGroupId, TokenId, UserGroupId, UserId, ZoneId};
use model::members::{self, Grants, Member, NewMember, Standing};
use model::names::Email;
use model::policies::{Effect, Policy, PolicyInput, ResourceGroupInput};
use model::problem::Problem;
use model::resource_groups::{self, Kind, NewResourceGroup, ResourceGroup, Scope, ScopeInput};
use model::resources::{self, Resource};
use model::rules::{Environment, Rules};
use model::time::Timestamp;
use model::tokens::{Condition, Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_group_members::{self, GroupMember};
use model::user_groups::{self, NewUserGroup, UserGroup};
use model::users::{Profile, User};
use proptest::collection::vec;
use proptest::prelude::*;

/// The built-in catalogue and an operator's types, which lie in each other: part → widget → zone → account.
pub static CATALOG: LazyLock<Arc<Catalog>> =
    LazyLock::new(|| Arc::new(Catalog::builtin().with_file(include_str!("widgets.json"), "widgets.json").unwrap()));
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(CATALOG.clone()));
pub static ORACLE: LazyLock<Oracle<'static>> = LazyLock::new(|| Oracle::new(&CATALOG));

/// Id number `n` of one sort of thing.
pub fn id(sort: u8, n: u8) -> Id {
    let mut bytes = [sort; 16];
    bytes[15] = n;
    Id::from_bytes(bytes)
}

pub fn account_id() -> AccountId {
    AccountId(id(0xa0, 0))
}
pub fn foreign_account() -> AccountId {
    AccountId(id(0xa0, 1))
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

pub fn account_key() -> String {
    resource_groups::account_key(account_id())
}
pub fn zone_key(n: u8) -> String {
    resource_groups::zone_key(zone_id(n))
}
pub fn widget_key(n: u8) -> String {
    format!("com.example.api.account.widget.w{n}")
}
pub fn part_key(n: u8) -> String {
    format!("com.example.api.account.widget.part.p{n}")
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
        created_on: NOW(),
        contact: Default::default(),
    }
}

pub fn email(n: u8) -> String {
    format!("user{n}@example.com")
}

#[expect(non_snake_case, reason = "a constant, were the constructor const")]
pub fn NOW() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// The permission group of that label, and one that no catalogue knows.
pub fn iam(label: &str) -> Id {
    if label == "unknown" { id(0x99, 0) } else { CATALOG.iam_group_by_label(label).expect(label).id }
}

/// The one permission of that name and scope, as `DNS Write@zone`.
pub fn permission(text: &str) -> &'static Permission {
    let (name, scope) = text.split_once('@').unwrap();
    let mut named = CATALOG.permissions_named(name);
    named.find(|one| *CATALOG.resource_type(one.scope).name == *scope).expect(text)
}

/// An account with its first super administrator: member and user number 0.
#[derive(Clone)]
pub struct World {
    pub state: Account,
    pub rules: Rules,
    ids: Arc<AtomicU64>,
}

impl World {
    pub fn new() -> World {
        let rules = Rules { accept_anybody: true, ..Rules::default() };
        let mut world = World { state: Account::new(&ENGINE), rules, ids: Arc::default() };
        let new = NewAccount { name: "Example".into(), kind: None };
        let (mut changes, _) =
            world.with(|environment, _| accounts::create(environment, &new, account_id(), &user(0))).unwrap();
        for change in &mut changes {
            if let Change::Put(Document::Member(member)) = change {
                *member = Arc::new(Member { id: member_id(0), ..Member::clone(member) });
            }
        }
        world.apply(&changes);
        world
    }

    pub fn with<T>(&self, f: impl FnOnce(&Environment<'_>, &AccountState) -> T) -> T {
        let ids = || {
            let mut bytes = [0x11; 16];
            bytes[8..].copy_from_slice(&self.ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            Id::from_bytes(bytes)
        };
        let environment = Environment { catalog: &CATALOG, rules: &self.rules, now: NOW(), ids: &ids };
        f(&environment, &self.state)
    }

    /// The changes of an operation, without applying them.
    pub fn changes<T>(
        &self,
        operation: impl FnOnce(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem>,
    ) -> Result<Vec<Change>, Problem> {
        self.with(|environment, state| operation(state, environment)).map(|(changes, _)| changes)
    }

    pub fn apply(&mut self, changes: &[Change]) {
        self.state = self.state.after(changes).unwrap();
    }

    /// Applies what fits: raw changes may not.
    pub fn try_apply(&mut self, changes: &[Change]) {
        if let Ok(next) = self.state.after(changes) {
            self.state = next;
        }
    }

    /// An operation that must succeed.
    pub fn run<T>(
        &mut self,
        operation: impl FnOnce(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem>,
    ) {
        let changes = self.changes(operation).unwrap();
        self.apply(&changes);
    }

    pub fn whole(&self) -> ResourceGroupId {
        self.state.whole_account_group().unwrap()
    }
}

/// A policy as random numbers say it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub effect: Effect,
    pub groups: Vec<&'static str>,
    pub places: Vec<Where>,
}

#[derive(Clone, Debug)]
pub enum Where {
    Whole,
    Group(u8),
    Zone(u8),
    Inline(Objects),
}

/// The objects of a scope.
pub type Objects = Vec<String>;

pub fn effect() -> impl Strategy<Value = Effect> + Clone {
    prop_oneof![5 => Just(Effect::Allow), 2 => Just(Effect::Deny)]
}

/// Labels that operations accept, and one that they refuse.
fn label() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => prop::sample::select(vec!["domain_dns", "domain_admin", "domain_admin_readonly", "widget_operator", "part_reader"]),
        4 => prop::sample::select(vec!["admin", "admin_readonly", "dns_admin", "billing", "widgets_admin", "worker_edit"]),
        2 => Just("all_privileges"),
        1 => Just("unknown"),
    ]
}

/// Keys of things, of all things of a type, and of nothing.
fn object() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..3u8).prop_map(zone_key),
        4 => (0..3u8).prop_map(widget_key),
        2 => (0..3u8).prop_map(part_key),
        2 => prop::sample::select(vec![
            "com.cloudflare.api.account.zone.*",
            "com.example.api.account.widget.*",
            "com.example.api.account.widget.part.*",
        ])
        .prop_map(str::to_owned),
    ]
}

/// As above, or damaged: stored by nobody we know.
fn stored_object() -> impl Strategy<Value = String> {
    let damaged = vec![
        "*".to_owned(),
        "".to_owned(),
        "nonsense".to_owned(),
        "com.cloudflare.api.account.*".to_owned(),
        "com.cloudflare.api.account.zone.abc*".to_owned(),
        "com.cloudflare.api.account.zone".to_owned(),
        "com.cloudflare.api.user.*".to_owned(),
        account_key(),
        zone_key(0).to_uppercase(),
    ];
    prop_oneof![12 => object(), 1 => prop::sample::select(damaged)]
}

fn place() -> impl Strategy<Value = Where> {
    prop_oneof![
        4 => Just(Where::Whole),
        5 => (0..6u8).prop_map(Where::Group),
        2 => (0..3u8).prop_map(Where::Zone),
        2 => vec(object(), 1..3).prop_map(Where::Inline),
    ]
}

pub fn rule() -> impl Strategy<Value = Rule> + Clone {
    (effect(), vec(label(), 1..3).boxed(), vec(place(), 1..3).boxed()).prop_map(|(effect, groups, places)| Rule {
        effect,
        groups,
        places,
    })
}

impl World {
    fn input(&self, rule: &Rule) -> PolicyInput {
        let places = rule.places.iter().map(|place| match place {
            Where::Whole => ResourceGroupInput::Id(self.whole().to_string()),
            Where::Group(n) => ResourceGroupInput::Id(resource_group_id(*n).to_string()),
            Where::Zone(n) => ResourceGroupInput::Id(self.zone_group(*n).to_string()),
            Where::Inline(objects) => {
                ResourceGroupInput::Inline(ScopeInput { key: account_key(), objects: objects.clone() })
            }
        });
        PolicyInput {
            id: None,
            access: rule.effect,
            permission_groups: rule.groups.iter().map(|label| iam(label).to_string()).collect(),
            resource_groups: places.collect(),
        }
    }

    pub fn inputs(&self, rules: &[Rule]) -> Vec<PolicyInput> {
        rules.iter().map(|rule| self.input(rule)).collect()
    }

    /// As stored, whether or not it makes sense.
    fn policy(&self, rule: &Rule, n: u8) -> Policy {
        let places = rule.places.iter().map(|place| match place {
            Where::Whole => self.whole(),
            Where::Group(n) => resource_group_id(*n),
            Where::Zone(n) => self.zone_group(*n),
            Where::Inline(_) => resource_group_id(7),
        });
        Policy {
            id: PolicyId(id(0x50, n)),
            access: rule.effect,
            permission_groups: rule.groups.iter().map(|label| iam(label)).collect(),
            resource_groups: places.collect(),
            created_on: NOW(),
            modified_on: NOW(),
        }
    }

    fn policies(&self, rules: &[Rule], first: u8) -> Box<[Policy]> {
        rules.iter().enumerate().map(|(at, rule)| self.policy(rule, first * 8 + at as u8)).collect()
    }

    /// The built-in group of a zone, or a dangling id.
    fn zone_group(&self, n: u8) -> ResourceGroupId {
        let key = model::names::NameKey::of(&zone_key(n));
        self.state.resource_group_named(&key).unwrap_or(ResourceGroupId(id(0xe1, n)))
    }
}

/// One step in the life of an account.
#[derive(Clone, Debug)]
pub enum Step {
    // By the model's operations:
    Invite { n: u8, rules: Vec<Rule>, accepted: bool },
    UpdateMember { n: u8, rules: Vec<Rule> },
    DeleteMember(u8),
    CreateGroup { n: u8, rules: Vec<Rule> },
    UpdateGroup { n: u8, rules: Vec<Rule> },
    DeleteGroup(u8),
    Join { group: u8, member: u8 },
    Leave { group: u8, member: u8 },
    CreateResourceGroup { n: u8, objects: Objects },
    UpdateResourceGroup { n: u8, objects: Objects },
    DeleteResourceGroup(u8),
    CreateZone(u8),
    DeleteZone(u8),
    // As somebody else may have stored it:
    PutMember { n: u8, standing: u8, rules: Vec<Rule> },
    PutGroup { n: u8, rules: Vec<Rule> },
    PutResourceGroup { n: u8, key: Option<&'static str>, objects: Objects, anonymous: bool },
    PutWidget { n: u8, parent: u8 },
    PutPart { n: u8, parent: u8 },
    Forget(u8, u8),
}

/// A step that goes through the model's operations.
pub fn proper_step() -> impl Strategy<Value = Step> {
    let rules = vec(rule(), 0..3).boxed();
    let objects = || prop_oneof![1 => Just(vec!["*".to_owned()]), 3 => vec(object(), 1..3)].boxed();
    prop_oneof![
        5 => (0..6u8, rules.clone(), any::<bool>()).prop_map(|(n, rules, accepted)| Step::Invite { n, rules, accepted }),
        4 => (0..6u8, rules.clone()).prop_map(|(n, rules)| Step::UpdateMember { n, rules }),
        1 => (0..6u8).prop_map(Step::DeleteMember),
        4 => (0..4u8, rules.clone()).prop_map(|(n, rules)| Step::CreateGroup { n, rules }),
        3 => (0..4u8, rules).prop_map(|(n, rules)| Step::UpdateGroup { n, rules }),
        1 => (0..4u8).prop_map(Step::DeleteGroup),
        6 => (0..4u8, 0..6u8).prop_map(|(group, member)| Step::Join { group, member }),
        2 => (0..4u8, 0..6u8).prop_map(|(group, member)| Step::Leave { group, member }),
        5 => (0..6u8, objects()).prop_map(|(n, objects)| Step::CreateResourceGroup { n, objects }),
        3 => (0..6u8, objects()).prop_map(|(n, objects)| Step::UpdateResourceGroup { n, objects }),
        1 => (0..6u8).prop_map(Step::DeleteResourceGroup),
        5 => (0..3u8).prop_map(Step::CreateZone),
        1 => (0..3u8).prop_map(Step::DeleteZone),
    ]
}

/// A step that writes documents as they are.
fn raw_step() -> impl Strategy<Value = Step> {
    let rules = vec(rule(), 1..4).boxed();
    let key = prop_oneof![
        8 => Just(None),
        1 => prop::sample::select(vec![
            "com.cloudflare.api.account.*",
            "com.cloudflare.api.account.zone.f0f0f0f0f0f0f0f0f0f0f0f0f0f0f000",
            "com.cloudflare.api.account.a0a0a0a0a0a0a0a0a0a0a0a0a0a0a001",
            "nonsense",
        ])
        .prop_map(Some),
    ];
    let objects = prop_oneof![1 => Just(vec!["*".to_owned()]), 4 => vec(stored_object(), 0..4)];
    prop_oneof![
        5 => (0..6u8, 0..6u8, rules.clone()).prop_map(|(n, standing, rules)| Step::PutMember { n, standing, rules }),
        5 => (0..4u8, rules).prop_map(|(n, rules)| Step::PutGroup { n, rules }),
        6 => (0..8u8, key, objects, any::<bool>())
            .prop_map(|(n, key, objects, anonymous)| Step::PutResourceGroup { n, key, objects, anonymous }),
        5 => (0..3u8, 0..8u8).prop_map(|(n, parent)| Step::PutWidget { n, parent }),
        3 => (0..3u8, 0..8u8).prop_map(|(n, parent)| Step::PutPart { n, parent }),
        1 => (0..4u8, 0..6u8).prop_map(|(sort, n)| Step::Forget(sort, n)),
    ]
}

pub fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![2 => proper_step(), 1 => raw_step()]
}

impl World {
    /// The changes of a step; none if it is refused.
    pub fn changes_of(&self, step: &Step) -> Vec<Change> {
        let scope = |objects: &Objects| ScopeInput { key: account_key(), objects: objects.clone() };
        let changes = match step {
            Step::Invite { n, rules, accepted } => {
                let new = NewMember {
                    email: email(*n),
                    grants: Grants::Policies(self.inputs(rules)),
                    accepted: *accepted,
                    api_access: None,
                    invited_by: String::new(),
                };
                self.changes(|state, environment| {
                    members::create(state, environment, &new, member_id(*n), Some(&user(*n)))
                })
            }
            Step::UpdateMember { n, rules } => {
                let grants = Grants::Policies(self.inputs(rules));
                self.changes(|state, environment| {
                    members::update(
                        state,
                        environment,
                        member_id(*n),
                        &model::members::MemberUpdate::of(grants.clone()),
                    )
                })
            }
            Step::DeleteMember(n) => self.changes(|state, _| members::delete(state, member_id(*n))),
            Step::CreateGroup { n, rules } if self.state.user_group(&group_id(*n)).is_none() => {
                let new = NewUserGroup { name: format!("group {n}"), policies: self.inputs(rules) };
                self.changes(|state, environment| user_groups::create(state, environment, &new, group_id(*n)))
            }
            Step::CreateGroup { n, rules } | Step::UpdateGroup { n, rules } => {
                let inputs = self.inputs(rules);
                self.changes(|state, environment| {
                    user_groups::update(state, environment, group_id(*n), None, Some(&inputs))
                })
            }
            Step::DeleteGroup(n) => self.changes(|state, _| user_groups::delete(state, group_id(*n))),
            Step::Join { group, member } => {
                let members = [member_id(*member).to_string()];
                self.changes(|state, environment| {
                    user_group_members::add(state, environment, group_id(*group), &members, "")
                })
            }
            Step::Leave { group, member } => {
                self.changes(|state, _| user_group_members::remove(state, group_id(*group), member_id(*member)))
            }
            Step::CreateResourceGroup { n, objects } if self.state.resource_group(&resource_group_id(*n)).is_none() => {
                let new = NewResourceGroup { name: format!("resources {n}"), scope: scope(objects) };
                self.changes(|state, environment| {
                    resource_groups::create(state, environment, &new, resource_group_id(*n))
                })
            }
            Step::CreateResourceGroup { n, objects } | Step::UpdateResourceGroup { n, objects } => {
                let scope = scope(objects);
                self.changes(|state, environment| {
                    resource_groups::update(state, environment, resource_group_id(*n), None, Some(&scope))
                })
            }
            Step::DeleteResourceGroup(n) => {
                self.changes(|state, _| resource_groups::delete(state, resource_group_id(*n)))
            }
            Step::CreateZone(n) => self.changes(|state, environment| {
                resources::create_zone(state, environment, &format!("zone{n}.example.com"), zone_id(*n))
            }),
            Step::DeleteZone(n) => self.changes(|state, _| resources::delete_zone(state, zone_id(*n))),
            Step::PutMember { n, standing, rules } => {
                Ok(vec![Change::put(Document::Member(self.raw_member(*n, *standing, rules).into()))])
            }
            Step::PutGroup { n, rules } => Ok(vec![Change::put(Document::UserGroup(
                UserGroup {
                    id: group_id(*n),
                    name: format!("group {n}").into(),
                    policies: self.policies(rules, 10 + n),
                    created_on: NOW(),
                    modified_on: NOW(),
                }
                .into(),
            ))]),
            Step::PutResourceGroup { n, key, objects, anonymous } => {
                Ok(vec![Change::put(Document::ResourceGroup(raw_resource_group(*n, *key, objects, *anonymous).into()))])
            }
            Step::PutWidget { n, parent } => Ok(vec![registered(widget_key(*n), *parent)]),
            Step::PutPart { n, parent } => Ok(vec![registered(part_key(*n), *parent)]),
            Step::Forget(sort, n) => Ok(vec![Change::Delete(match sort {
                0 => DocumentId::ResourceGroup(resource_group_id(*n)),
                1 => DocumentId::Resource(widget_key(*n).into()),
                2 => DocumentId::Resource(zone_key(*n).into()),
                _ => DocumentId::UserGroup(group_id(*n)),
            })]),
        };
        changes.unwrap_or_default()
    }

    fn raw_member(&self, n: u8, standing: u8, rules: &[Rule]) -> Member {
        let standing = match standing {
            0 => Standing::Pending { invited_on: NOW() },
            1 => Standing::Rejected { since: NOW() },
            _ => Standing::Accepted { user: user_id(n), since: NOW() },
        };
        Member {
            id: member_id(n),
            email: Email::parse(&email(n), "").unwrap(),
            standing,
            profile: Profile::default(),
            policies: self.policies(rules, n),
            created_on: NOW(),
            modified_on: NOW(),
            invitation: None,
            api_access: None,
        }
    }

    pub fn step(&mut self, step: &Step) {
        let changes = self.changes_of(step);
        self.try_apply(&changes);
    }
}

fn raw_resource_group(n: u8, key: Option<&str>, objects: &Objects, anonymous: bool) -> ResourceGroup {
    let mut scope = Scope::listed(account_id(), objects.iter().map(|object| object.as_str().into()));
    if let Some(key) = key {
        scope.key = key.into();
    }
    let kind = if anonymous { Kind::Anonymous { policy: PolicyId(id(0x50, n)) } } else { Kind::Custom };
    let name = format!("resources {n}").into();
    ResourceGroup {
        id: resource_group_id(n),
        name,
        kind,
        scope,
        created_on: NOW(),
        modified_on: NOW(),
        shown: Default::default(),
    }
}

/// A resource of an operator's type, in one of the places that it may be in, or lost, or in a ring.
pub fn registered(key: String, parent: u8) -> Change {
    let parent = match parent {
        0..=2 => Some(zone_key(parent)),
        3..=4 => Some(widget_key(parent - 3)),
        5 => Some(part_key(0)),
        6 => Some("nonsense".to_owned()),
        _ => None,
    };
    let resource =
        Resource { name: key.as_str().into(), key: key.into(), parent: parent.map(Into::into), created_on: NOW() };
    Change::put(Document::Resource(resource.into()))
}

/// An account with some zones and widgets, then up to `most` random steps of any sort.
pub fn world(most: usize) -> impl Strategy<Value = World> {
    world_of(any_step(), most)
}

/// The same by proper steps alone.
pub fn proper_world(most: usize) -> impl Strategy<Value = World> {
    world_of(proper_step(), most)
}

pub fn world_of(step: impl Strategy<Value = Step>, most: usize) -> impl Strategy<Value = World> {
    vec(step, 0..most).prop_map(|steps| {
        let mut world = World::new();
        let mut start = vec![Step::CreateZone(0), Step::CreateZone(1)];
        start.extend([0, 1].map(|n| Step::PutWidget { n, parent: n }));
        start.extend([0, 1].map(|n| Step::PutPart { n, parent: 3 + n }));
        start.extend([
            Step::CreateGroup { n: 0, rules: vec![] },
            Step::CreateResourceGroup { n: 0, objects: vec!["*".to_owned()] },
        ]);
        start.extend((1..5).map(|n| Step::Invite { n, rules: vec![], accepted: n < 4 }));
        for step in start.iter().chain(&steps) {
            world.step(step);
        }
        world
    })
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.state.documents()).finish()
    }
}

/// A question, but for the account it is asked of.
#[derive(Clone, Debug)]
pub struct Question {
    pub caller: Caller,
    pub accepted: Vec<&'static str>,
    pub key: String,
}

#[derive(Clone, Debug)]
pub enum Caller {
    User(u8),
    UserToken(u8, Arc<Token>),
    AccountToken(AccountId, Arc<Token>),
}

impl Caller {
    pub fn principal(&self) -> Principal {
        let compiled = |token: &Arc<Token>| Arc::new(ENGINE.compile_token(token));
        match self {
            Caller::User(n) => Principal::User(user_id(*n)),
            Caller::UserToken(n, token) => Principal::UserToken { user: user_id(*n), token: compiled(token) },
            Caller::AccountToken(account, token) => {
                Principal::AccountToken { account: *account, token: compiled(token) }
            }
        }
    }

    pub fn subject(&self) -> Subject<'_> {
        match self {
            Caller::User(n) => Subject::User(user_id(*n)),
            Caller::UserToken(n, token) => Subject::UserToken(user_id(*n), token),
            Caller::AccountToken(account, token) => Subject::AccountToken(*account, token),
        }
    }
}

pub const PERMISSIONS: [&str; 12] = [
    "Account Settings Read@account",
    "Account Settings Write@account",
    "Billing Read@account",
    "Billing Write@account",
    "DNS Read@zone",
    "DNS Write@zone",
    "Zone Read@zone",
    "Zone Write@zone",
    "Widgets Read@widget",
    "Widgets Write@widget",
    "Parts Read@part",
    "Parts Write@part",
];

pub fn question() -> impl Strategy<Value = Question> {
    let any = (vec(prop::sample::select(PERMISSIONS.to_vec()), 1..6), key());
    // Mostly about something that the permission can be about.
    let apt = prop_oneof![
        (vec(prop::sample::select(PERMISSIONS[..4].to_vec()), 1..4), Just(account_key())),
        (vec(prop::sample::select(PERMISSIONS[..8].to_vec()), 1..5), (0..2u8).prop_map(zone_key)),
        (vec(prop::sample::select(PERMISSIONS[2..10].to_vec()), 1..5), (0..2u8).prop_map(widget_key)),
        (vec(prop::sample::select(PERMISSIONS[4..].to_vec()), 1..5), (0..2u8).prop_map(part_key)),
    ];
    (caller(), prop_oneof![1 => any, 4 => apt]).prop_map(|(caller, (accepted, key))| Question { caller, accepted, key })
}

pub fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        4 => (0..6u8).prop_map(Caller::User),
        2 => (0..6u8, token()).prop_map(|(n, token)| Caller::UserToken(n, token)),
        2 => (prop_oneof![9 => Just(account_id()), 1 => Just(foreign_account())], token())
            .prop_map(|(account, token)| Caller::AccountToken(account, token)),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(account_key()),
        4 => (0..2u8).prop_map(zone_key),
        1 => Just(zone_key(2)),
        3 => (0..3u8).prop_map(widget_key),
        2 => (0..3u8).prop_map(part_key),
        1 => prop::sample::select(vec![resource_groups::account_key(foreign_account()), "nonsense".to_owned(), "com.cloudflare.api.account.zone.*".to_owned()]),
    ]
}

pub fn token() -> impl Strategy<Value = Arc<Token>> {
    vec(token_policy(), 1..4).prop_map(|policies| {
        Arc::new(make_token(
            policies
                .into_iter()
                .enumerate()
                .map(|(at, policy)| TokenPolicy { id: PolicyId(id(0x60, at as u8)), ..policy }),
        ))
    })
}

pub fn make_token(policies: impl IntoIterator<Item = TokenPolicy>) -> Token {
    Token {
        id: TokenId(id(0x70, 0)),
        name: "token".into(),
        status: TokenStatus::Active,
        digest: Some(Digest([0; 32])),
        created_by: None,
        policies: policies.into_iter().collect(),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: NOW(),
        modified_on: NOW(),
    }
}

pub fn token_policy() -> impl Strategy<Value = TokenPolicy> {
    let permission_id = prop_oneof![
        20 => prop::sample::select(PERMISSIONS.to_vec()).prop_map(|text| permission(text).id),
        1 => Just(id(0x99, 1)),
    ];
    let outer = prop_oneof![
        6 => Just(account_key()),
        3 => Just("com.cloudflare.api.account.*".to_owned()),
        6 => object(),
        1 => prop::sample::select(vec![
            resource_groups::account_key(foreign_account()),
            "com.cloudflare.api.user.*".to_owned(),
            format!("com.cloudflare.api.user.{}", user_id(1)),
            "nonsense".to_owned(),
        ]),
    ];
    let resource = prop_oneof![
        5 => Just(None),
        2 => vec(stored_object(), 0..3).prop_map(Some),
    ];
    (effect(), vec(permission_id, 2..8), vec((outer, resource), 1..3)).prop_map(
        |(effect, permission_groups, resources)| {
            let resources = resources.into_iter().map(|(key, inner)| {
                let resource = match inner {
                    None => TokenResource::Everything(Star::Star),
                    Some(keys) => TokenResource::Within(keys.into_iter().map(|key| (key.into(), Star::Star)).collect()),
                };
                (key.into(), resource)
            });
            let resources: BTreeMap<Box<str>, TokenResource> = resources.collect();
            TokenPolicy {
                id: PolicyId(id(0x60, 0)),
                effect,
                permission_groups: permission_groups.into(),
                resources: resources.into(),
            }
        },
    )
}

pub fn accepted_set(accepted: &[&'static str]) -> PermissionSet {
    accepted.iter().map(|text| permission(text).index).collect()
}

pub fn actions(accepted: &[&'static str]) -> Vec<Action<'static>> {
    accepted.iter().map(|text| ORACLE.action(permission(text))).collect()
}

/// A place in a group, as a change.
pub fn place_in_group(group: u8, member: u8) -> Change {
    Change::put(Document::GroupMember(GroupMember {
        group: group_id(group),
        member: member_id(member),
        created_on: NOW(),
    }))
}

/// What the engine answers; on a key that is no target, nothing is granted.
pub fn engine_decides(world: &World, question: &Question) -> Decision {
    let state = &world.state;
    let Some(target) = target(world, &question.key) else {
        return Decision { allowed: false, reason: Reason::ImplicitDeny, policies: vec![] };
    };
    let mut decision = ENGINE.decide(state, &question.caller.principal(), &accepted_set(&question.accepted), &target);
    decision.policies.sort_unstable();
    decision.policies.dedup();
    decision
}

pub fn target(world: &World, key: &str) -> Option<Target> {
    if key == account_key() { Some(Target::ACCOUNT) } else { world.state.resource(key) }
}
