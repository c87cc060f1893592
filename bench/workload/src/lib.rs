//! Workload W: what decisions are measured on.
//!
//! Ten accounts of 100 zones, 1,000 members and 50 user groups each; every member is in three groups; every group has
//! four policies, of which nine in ten allow; a policy names one to five of 300 permissions, on the whole account or on
//! one to twenty zones. The questions are "may this member do that on this zone", drawn evenly, and half are allowed.
//! More members join the same groups, so W at 100 times the members is W with a larger crowd.
//!
//! All of it follows from one seed. The plain data here is what every other engine is given; [`Workload::account`] makes
//! our accounts of it, by the same operations as the API.

mod catalogue;
pub mod operations;
mod questions;
mod random;

use std::sync::Arc;

use catalog::{Catalog, PermissionIndex};
use model::ids::{AccountId, Id, MemberId, UserGroupId, UserId, ZoneId};
use model::policies::Effect;

pub use crate::catalogue::catalogue_file;
pub use crate::questions::Question;
use crate::random::Random;

/// How much of what there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Accounts.
    pub accounts: usize,
    /// Zones of each account.
    pub zones: usize,
    /// Members of each account.
    pub members: usize,
    /// User groups of each account.
    pub groups: usize,
}

impl Size {
    /// W with this many times its members.
    pub const fn times(factor: usize) -> Size {
        Size { accounts: 10, zones: 100, members: 1000 * factor, groups: 50 }
    }
}

/// User groups that each member is in.
pub const GROUPS_OF_MEMBER: usize = 3;
/// Policies of each user group.
pub const POLICIES_OF_GROUP: usize = 4;
/// Permissions that policies draw from.
pub const PERMISSIONS: usize = 300;
/// The most permissions that one policy names.
const MOST_PERMISSIONS: usize = 5;
/// The most zones that one policy lists.
const MOST_ZONES: usize = 20;
/// The seed of the published figures.
pub const SEED: u64 = 0x506f_7274_6375_6c6c;

/// The data, by position: a member's groups are positions in the groups of its account, and so on.
pub struct Workload {
    /// The built-in catalogue and the permissions of the workload.
    pub catalog: Arc<Catalog>,
    /// What policies draw from.
    pub permissions: Vec<Permission>,
    /// The accounts.
    pub accounts: Vec<Account>,
    seed: u64,
}

/// One permission, and the IAM permission group that stands for it alone.
pub struct Permission {
    /// Its name, unique.
    pub name: String,
    /// Its id in the token catalogue.
    pub id: Id,
    /// Where it stands in the catalogue.
    pub index: PermissionIndex,
    /// The id of the group that policies name.
    pub iam_group: Id,
}

/// One account.
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its zones.
    pub zones: Vec<ZoneId>,
    /// Its members.
    pub members: Vec<Member>,
    /// Its user groups.
    pub groups: Vec<Group>,
}

/// One member, who has no policies of its own.
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// The person.
    pub user: UserId,
    /// The groups it is in.
    pub groups: [u16; GROUPS_OF_MEMBER],
}

/// One user group.
pub struct Group {
    /// Its id.
    pub id: UserGroupId,
    /// What its members may and may not do.
    pub policies: Vec<Policy>,
}

/// One policy.
pub struct Policy {
    /// Allow or deny.
    pub effect: Effect,
    /// Which permissions.
    pub permissions: Vec<u16>,
    /// On which zones; `None` is the whole account.
    pub zones: Option<Vec<u16>>,
}

/// What a sequence of random numbers is for: accounts and their parts differ, and more members change nothing else.
enum Purpose {
    Groups,
    Members,
    Questions,
    Ids,
}

impl Workload {
    /// Makes the data.
    ///
    /// # Errors
    /// When the catalogue has no room for the workload's permissions.
    pub fn new(size: Size, seed: u64) -> anyhow::Result<Workload> {
        let (catalog, permissions) = catalogue::load()?;
        let accounts = (0..size.accounts).map(|number| account(size, seed, number)).collect();
        Ok(Workload { catalog: Arc::new(catalog), permissions, accounts, seed })
    }

    /// How many members there are in all accounts.
    pub fn member_count(&self) -> usize {
        self.accounts.iter().map(|account| account.members.len()).sum()
    }

    /// What some policy allows, and what some policy denies, by the plainest reading of the data. The answer is the first
    /// without the second.
    pub fn sides(&self, account: usize, member: usize, permission: u16, zone: u16) -> (bool, bool) {
        let account = &self.accounts[account];
        let groups = account.members[member].groups.iter().map(|group| &account.groups[usize::from(*group)]);
        let speaks = |policy: &&Policy| {
            policy.permissions.contains(&permission) && policy.zones.as_ref().is_none_or(|zones| zones.contains(&zone))
        };
        let (mut allowed, mut denied) = (false, false);
        for policy in groups.flat_map(|group| &group.policies).filter(speaks) {
            match policy.effect {
                Effect::Allow => allowed = true,
                Effect::Deny => denied = true,
            }
        }
        (allowed, denied)
    }

    fn random(&self, purpose: Purpose, number: usize) -> Random {
        random(self.seed, purpose, number)
    }
}

fn random(seed: u64, purpose: Purpose, number: usize) -> Random {
    Random::new(seed, (number as u64) << 8 | purpose as u64)
}

fn account(size: Size, seed: u64, number: usize) -> Account {
    let mut random_of_groups = random(seed, Purpose::Groups, number);
    let mut random_of_members = random(seed, Purpose::Members, number);
    Account {
        id: AccountId(random_of_groups.id()),
        zones: (0..size.zones).map(|_| ZoneId(random_of_groups.id())).collect(),
        groups: (0..size.groups).map(|_| group(&mut random_of_groups, size.zones)).collect(),
        members: (0..size.members).map(|_| member(&mut random_of_members, size.groups)).collect(),
    }
}

fn group(random: &mut Random, zones: usize) -> Group {
    let id = UserGroupId(random.id());
    Group { id, policies: (0..POLICIES_OF_GROUP).map(|_| policy(random, zones)).collect() }
}

fn policy(random: &mut Random, zones: usize) -> Policy {
    let effect = if random.below(10) == 0 { Effect::Deny } else { Effect::Allow };
    let permissions = 1 + random.below(MOST_PERMISSIONS);
    let permissions = random.distinct(permissions, PERMISSIONS);
    let listed = random.below(2) == 0;
    let zones = listed.then(|| {
        let count = 1 + random.below(MOST_ZONES);
        random.distinct(count, zones)
    });
    Policy { effect, permissions, zones }
}

fn member(random: &mut Random, groups: usize) -> Member {
    let (id, user) = (MemberId(random.id()), UserId(random.id()));
    let mut chosen = [0; GROUPS_OF_MEMBER];
    let drawn = random.distinct(GROUPS_OF_MEMBER, groups);
    chosen.copy_from_slice(&drawn);
    Member { id, user, groups: chosen }
}
