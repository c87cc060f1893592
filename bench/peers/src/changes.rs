//! Changes of our accounts: from an operation to the first decision that sees it, and what a rehearsal tells of it.

use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use engine::invariants::Latitude;
use engine::principal::Principal;
use engine::question::Circumstances;
use engine::question::action::Named;
use engine::question::subject::SubjectKind;
use engine::{Account, Engine, search};
use model::account_state::AccountState;
use model::change::Change;
use model::ids::{MemberId, UserGroupId, ZoneId};
use model::members::{self, Grants};
use model::policies::{Effect, PolicyInput};
use model::problem::Problem;
use model::rules::Environment;
use model::user_group_members;
use model::user_groups::{self, NewUserGroup};
use workload::operations::BATCH;
use workload::{PERMISSIONS, Policy, Workload};

/// The most members of the group whose policy changes.
pub const CROWD: usize = 10_000;

/// The largest page of a search.
pub const PAGE: usize = 1000;

/// The first account of a workload, with one more group, of 10,000 of its members or of all but one.
pub struct Scene<'a> {
    workload: &'a Workload,
    engine: Engine,
    account: Account,
    /// What decisions read.
    shown: Mutex<Account>,
    group: UserGroupId,
    /// One who is in the group.
    insider: MemberId,
    /// One who is not.
    outsider: MemberId,
    zone: ZoneId,
    /// What the group gives, and what changes give: neither of the two has them otherwise.
    given: u16,
    new: u16,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A member gets a policy of its own.
    Member,
    /// A member joins the large group.
    Membership,
    /// One of the four policies of the large group names another permission.
    Group,
}

impl<'a> Scene<'a> {
    /// Sets the scene.
    ///
    /// # Errors
    /// When an operation is refused, or a change would show nothing.
    pub fn new(workload: &'a Workload) -> anyhow::Result<Scene<'a>> {
        let engine = Engine::new(workload.catalog.clone());
        let plain = &workload.accounts[0];
        let [outsider, insider, ..] = &plain.members[..] else { anyhow::bail!("the account has too few members") };
        let unknown = |permission: &u16| {
            let silent = |member| workload.sides(0, member, *permission, 0) == (false, false);
            silent(0) && silent(1)
        };
        let mut unknown = (0..PERMISSIONS as u16).filter(unknown);
        let (given, new) = unknown.next().zip(unknown.next()).context("the first members have every permission")?;
        let account = workload.account(&engine, 0)?;
        let mut scene = Scene {
            workload,
            shown: Mutex::new(account.clone()),
            account,
            engine,
            group: UserGroupId(insider.id.0),
            insider: insider.id,
            outsider: outsider.id,
            zone: *plain.zones.first().context("the account has no zones")?,
            given,
            new,
        };
        let crowd: Vec<String> = plain.members[1..].iter().take(CROWD).map(|member| member.id.to_string()).collect();
        let group = NewUserGroup { name: "crowd".into(), policies: scene.policies(&scene.account, given)? };
        let id = scene.group;
        scene.step(|state, environment| user_groups::create(state, environment, &group, id).map(|done| done.0))?;
        for some in crowd.chunks(BATCH) {
            scene.step(|state, environment| {
                user_group_members::add(state, environment, id, some, "/members").map(|done| done.0)
            })?;
        }
        for kind in [Kind::Member, Kind::Membership, Kind::Group] {
            anyhow::ensure!(!scene.shows(&scene.account, kind), "{kind:?} would show nothing");
        }
        Ok(scene)
    }

    fn step(
        &mut self,
        work: impl FnOnce(&AccountState, &Environment<'_>) -> Result<Vec<Change>, Problem>,
    ) -> anyhow::Result<()> {
        let changes = self.workload.with_environment(1, |environment| work(&self.account, environment))?;
        self.account = self.account.after(&changes)?;
        Ok(())
    }

    /// Carries out an operation, checks its invariants, publishes what comes of it, and decides on it: all that a write
    /// does but the log. Each call starts from the same account.
    ///
    /// # Errors
    /// When an operation is refused, or the decision does not see the change.
    pub fn change(&self, kind: Kind) -> anyhow::Result<()> {
        let (changes, after) = self.rehearse(kind)?;
        let latitude = Latitude::default();
        self.engine.check(&self.account, &after, &changes, &Principal::System, latitude)?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = after;
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        anyhow::ensure!(self.shows(&shown, kind), "the decision does not see the change");
        Ok(())
    }

    /// Rehearses an operation and tells exactly who gains and who loses what: how many rows, and principals in them.
    ///
    /// # Errors
    /// When an operation is refused.
    pub fn dry_run(&self, kind: Kind) -> anyhow::Result<(usize, usize)> {
        let (changes, after) = self.rehearse(kind)?;
        let rows = engine::diff::diff(&self.account, &after, &changes);
        Ok((rows.len(), rows.iter().map(|row| row.principals.len()).sum()))
    }

    /// Searches for the members who may do something on a zone, the first thousand of them: how many are found. `by_many` is
    /// what the large group gives; otherwise nobody may, and every member has to be looked at.
    pub fn search(&self, by_many: bool) -> anyhow::Result<usize> {
        let permission = if by_many { self.given } else { self.new };
        let permission = &self.workload.permissions[usize::from(permission)];
        let action = Named::of(self.engine.catalog(), &permission.id.to_string()).context("no such action")?.action;
        let target = self.account.zone(self.zone).context("the zone is gone")?;
        let circumstances = |_| Circumstances::default();
        let found = search::subjects(&self.account, SubjectKind::Member, None, &action, target, circumstances);
        Ok(found.flatten().take(PAGE).count())
    }

    fn rehearse(&self, kind: Kind) -> anyhow::Result<(Vec<Change>, Account)> {
        let changes = self.workload.with_environment(2, |environment| self.operate(kind, environment))?;
        let after = self.account.after(&changes)?;
        Ok((changes, after))
    }

    fn operate(&self, kind: Kind, environment: &Environment<'_>) -> Result<Vec<Change>, Problem> {
        let state = self.account.state();
        Ok(match kind {
            Kind::Member => {
                let grants = Grants::Policies(vec![self.policy(state, self.new)?]);
                members::update(state, environment, self.outsider, &model::members::MemberUpdate::of(grants.clone()))?.0
            }
            Kind::Membership => {
                let member = [self.outsider.to_string()];
                user_group_members::add(state, environment, self.group, &member, "/members")?.0
            }
            Kind::Group => {
                let mut policies = self.policies(state, self.new)?;
                let stored = state.user_group(&self.group).map_or(&[][..], |group| &group.policies);
                for (policy, stored) in policies.iter_mut().zip(stored) {
                    policy.id = Some(stored.id.to_string());
                }
                user_groups::update(state, environment, self.group, None, Some(&policies))?.0
            }
        })
    }

    /// The policies of the large group: three as other groups have them, and one of a permission on the whole account.
    fn policies(&self, state: &AccountState, permission: u16) -> Result<Vec<PolicyInput>, Problem> {
        let account = &self.workload.accounts[0];
        let others = account.groups.iter().flat_map(|group| &group.policies).take(3);
        let others = others.map(|policy| self.workload.policy(state, account, policy));
        others.chain([self.policy(state, permission)]).collect()
    }

    fn policy(&self, state: &AccountState, permission: u16) -> Result<PolicyInput, Problem> {
        let policy = Policy { effect: Effect::Allow, permissions: vec![permission], zones: None };
        self.workload.policy(state, &self.workload.accounts[0], &policy)
    }

    /// Whether what the change gives is there.
    fn shows(&self, account: &Account, kind: Kind) -> bool {
        let (member, permission) = match kind {
            Kind::Member => (self.outsider, self.new),
            Kind::Membership => (self.outsider, self.given),
            Kind::Group => (self.insider, self.new),
        };
        let accepted = [self.workload.permissions[usize::from(permission)].index].into_iter().collect();
        let target = account.zone(self.zone);
        target.is_some_and(|target| self.engine.allows(account, &Principal::Member(member), &accepted, &target))
    }
}
