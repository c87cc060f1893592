//! Our accounts of the workload, made by the operations of the API, a thousand documents at a time.

use std::sync::{Mutex, PoisonError};

use engine::Engine;
use model::account_state::AccountState;
use model::accounts::{self, NewAccount};
use model::change::Change;
use model::ids::{MemberId, UserGroupId, UserId, ZoneId};
use model::members::{self, Grants, NewMember};
use model::names::Email;
use model::policies::{PolicyInput, ResourceGroupInput};
use model::problem::{FaultKind, Problem};
use model::resource_groups::ScopeInput;
use model::resource_groups::{account_key, zone_key};
use model::resources;
use model::rules::{Environment, Limits, Rules};
use model::time::Timestamp;
use model::user_group_members;
use model::user_groups::{self, NewUserGroup};
use model::users::{Profile, User};

use crate::{Account, Group, Policy, Purpose, Workload};

/// Documents in a step, and members in one request at most.
pub const BATCH: usize = 1000;

/// What an operation answers.
type Changes = Result<Vec<Change>, Problem>;

/// One step of making an account: a thousand documents at most.
pub enum Step<'a> {
    /// These zones.
    Zones(&'a [ZoneId]),
    /// These groups of the account, from the first number on.
    Groups(usize, &'a [Group]),
    /// These members of the account, from the first number on.
    Members(usize, &'a [crate::Member]),
    /// These members join the group.
    Join(UserGroupId, Vec<String>),
}

impl Account {
    /// The steps that fill the account, once it is there.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> = self.zones.chunks(BATCH).map(Step::Zones).collect();
        steps.extend(self.groups.chunks(BATCH).enumerate().map(|(at, some)| Step::Groups(at * BATCH, some)));
        steps.extend(self.members.chunks(BATCH).enumerate().map(|(at, some)| Step::Members(at * BATCH, some)));
        let mut joining: Vec<Vec<String>> = vec![Vec::new(); self.groups.len()];
        for member in &self.members {
            for group in member.groups {
                joining[usize::from(group)].push(member.id.to_string());
            }
        }
        for (group, members) in self.groups.iter().zip(joining) {
            steps.extend(members.chunks(BATCH).map(|some| Step::Join(group.id, some.to_vec())));
        }
        steps
    }
}

impl Workload {
    /// The account of that number, compiled.
    ///
    /// # Errors
    /// When an operation refuses what the workload asks for.
    pub fn account(&self, engine: &Engine, number: usize) -> anyhow::Result<engine::Account> {
        let account = &self.accounts[number];
        let state = self.with_environment(number, |environment| {
            let maker = person(environment, UserId(environment.next_id()), "admin@example.com")?;
            let new = NewAccount { name: format!("Account {number}"), kind: None };
            let (changes, _) = accounts::create(environment, &new, account.id, &maker)?;
            let mut state = AccountState::new(engine.watched()).after(&changes)?;
            for step in account.steps() {
                state = state.after(&self.changes(&state, environment, account, &step)?)?;
            }
            anyhow::Ok(state)
        })?;
        Ok(engine::Account::compile(engine, state))
    }

    /// Runs operations outside of a server: at the epoch, with ids that follow from the seed and the number.
    pub fn with_environment<T>(&self, number: usize, work: impl FnOnce(&Environment<'_>) -> T) -> T {
        let random = Mutex::new(self.random(Purpose::Ids, number));
        let ids = || random.lock().unwrap_or_else(PoisonError::into_inner).id();
        let rules = rules();
        work(&Environment { catalog: &self.catalog, rules: &rules, now: Timestamp::from_micros(0), ids: &ids })
    }

    /// What a step changes.
    ///
    /// # Errors
    /// When an operation refuses what the workload asks for.
    pub fn changes(
        &self,
        state: &AccountState,
        environment: &Environment<'_>,
        account: &Account,
        step: &Step<'_>,
    ) -> Changes {
        match step {
            Step::Zones(zones) => flatten(zones.iter().map(|zone| {
                resources::create_zone(state, environment, &format!("{zone}.example.com"), *zone).map(|(some, _)| some)
            })),
            Step::Groups(first, groups) => flatten(groups.iter().enumerate().map(|(at, group)| {
                let policies = group.policies.iter().map(|policy| self.policy(state, account, policy));
                let new = NewUserGroup {
                    name: format!("group {:03}", first + at),
                    policies: policies.collect::<Result<_, _>>()?,
                };
                user_groups::create(state, environment, &new, group.id).map(|(some, _)| some)
            })),
            Step::Members(first, members) => flatten(members.iter().enumerate().map(|(at, member)| {
                let email = format!("member-{:06}@example.com", first + at);
                let user = person(environment, member.user, &email)?;
                let new = NewMember {
                    email,
                    grants: Grants::Policies(Vec::new()),
                    accepted: true,
                    api_access: None,
                    invited_by: String::new(),
                };
                members::create(state, environment, &new, MemberId(member.id.0), Some(&user)).map(|(some, _)| some)
            })),
            Step::Join(group, members) => {
                user_group_members::add(state, environment, *group, members, "/members").map(|(some, _)| some)
            }
        }
    }

    /// A policy as the API takes it: zones are a scope written in place.
    pub fn policy(&self, state: &AccountState, account: &Account, policy: &Policy) -> Result<PolicyInput, Problem> {
        let place = match &policy.zones {
            None => {
                let whole = state.whole_account_group();
                let whole = whole.ok_or_else(|| Problem::new(FaultKind::NotFound, "the account has no group"))?;
                ResourceGroupInput::Id(whole.to_string())
            }
            Some(zones) => ResourceGroupInput::Inline(ScopeInput {
                key: account_key(account.id),
                objects: zones.iter().map(|zone| zone_key(account.zones[usize::from(*zone)])).collect(),
            }),
        };
        let groups = policy.permissions.iter().map(|number| &self.permissions[usize::from(*number)].iam_group);
        Ok(PolicyInput {
            id: None,
            access: policy.effect,
            permission_groups: groups.map(ToString::to_string).collect(),
            resource_groups: vec![place],
        })
    }
}

/// Rules under which members may be accepted at once, and groups may be as many as a size asks for.
pub fn rules() -> Rules {
    let limits = Limits { user_groups: usize::MAX, ..Limits::default() };
    Rules { accept_anybody: true, limits, ..Rules::default() }
}

fn flatten(changes: impl Iterator<Item = Changes>) -> Changes {
    changes.collect::<Result<Vec<_>, _>>().map(|lists| lists.into_iter().flatten().collect())
}

fn person(environment: &Environment<'_>, id: UserId, email: &str) -> Result<User, Problem> {
    Ok(User {
        id,
        email: Email::parse(email, "/email")?,
        email_verified: true,
        enabled: true,
        operator: false,
        profile: Profile::default(),
        api_key: None,
        created_on: environment.now,
        contact: Default::default(),
    })
}
