//! A large account, quickly: through the same operations as the API, but a thousand documents in a commit.
//!
//! Example: 100 zones, 20 custom resource groups of 5 zones each; members with one role each; user groups with two
//! policies each, one on the whole account and one on a custom resource group; each member in three user groups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use catalog::{Catalog, ResourceTypeIndex};
use clap::Args;
use engine::Engine;
use engine::permit::Permit;
use model::account_state::AccountState;
use model::change::Change;
use model::commit::{Actor, Request};
use model::ids::{AccountId, Id, MemberId, ResourceGroupId, StreamId, UserGroupId, UserId, ZoneId};
use model::members::{self, Grants, NewMember};
use model::names::Email;
use model::policies::{Effect, PolicyInput, ResourceGroupInput};
use model::problem::Problem;
use model::resource_groups::{self, NewResourceGroup, ScopeInput};
use model::rules::Environment;
use model::user_groups::{self, NewUserGroup};
use model::users::{Profile, User};
use model::{resources, user_group_members};
use runtime::clock::{RandomIds, SystemClock};
use runtime::secrets::Secrets;
use runtime::{Origin, Runtime, snapshot};
use serde_json::{Value, json};
use store::{SqliteOptions, Store};

/// Documents in a commit.
const BATCH: usize = 1000;
/// Zones in a custom resource group.
const ZONES_PER_GROUP: usize = 5;

/// `portcullis-bench seed`.
#[derive(Args)]
pub struct Seed {
    /// The file of the database; no server may run on it
    #[arg(long)]
    database: PathBuf,
    /// The account to fill
    #[arg(long)]
    account: AccountId,
    /// Members, each accepted and with a user id of its own; the users themselves are not made
    #[arg(long, default_value_t = 0)]
    members: usize,
    /// Roles of each member; a role is kept as one policy
    #[arg(long, default_value_t = 1)]
    roles: usize,
    /// User groups, of two policies each
    #[arg(long, default_value_t = 0)]
    groups: usize,
    /// User groups that each member is in
    #[arg(long, default_value_t = 0)]
    groups_per_member: usize,
    /// Zones
    #[arg(long, default_value_t = 100)]
    zones: usize,
    /// Custom resource groups
    #[arg(long, default_value_t = 20)]
    resource_groups: usize,
}

/// Fills the account, and stores a snapshot of it.
///
/// # Errors
/// When the account is not there, or does not take what it is given.
pub fn run(seed: &Seed) -> anyhow::Result<()> {
    if seed.zones < ZONES_PER_GROUP || seed.resource_groups == 0 {
        bail!("at least {ZONES_PER_GROUP} zones and one resource group are needed");
    }
    if seed.groups_per_member > seed.groups {
        bail!("a member cannot be in more groups than there are");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(fill(seed))?);
    Ok(())
}

/// What the script needs to know of it: what to ask for, and policies for groups to create.
async fn fill(seed: &Seed) -> anyhow::Result<Value> {
    let seeder = Seeder::open(seed)?;
    let zones = seeder.zones(seed.zones).await?;
    let places = Places::of(&seeder, zones, seed.resource_groups).await?;
    let members = seeder.members(seed.members, seed.roles).await?;
    let groups = seeder.groups(seed.groups, &places).await?;
    seeder.memberships(&groups, &members, seed.groups_per_member).await?;
    seeder.close().await?;
    let policies: Vec<Value> = places.policies(0).iter().map(wire).collect();
    let middle = |ids: &[String]| ids.get(ids.len() / 2).cloned();
    let groups: Vec<String> = groups.iter().map(UserGroupId::to_string).collect();
    Ok(json!({ "user_group": middle(&groups), "member": middle(&members), "policies": policies }))
}

/// The account and what is needed to write to it.
struct Seeder {
    runtime: Runtime,
    account: AccountId,
    origin: Origin,
}

impl Seeder {
    fn open(seed: &Seed) -> anyhow::Result<Seeder> {
        let runtime = runtime_on(&seed.database, Arc::new(Catalog::builtin()))?;
        Ok(Seeder { runtime, account: seed.account, origin: origin() })
    }

    async fn commit<T>(
        &self,
        work: impl Fn(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem> + Sync,
    ) -> anyhow::Result<T> {
        let permit = Permit::for_system(self.account);
        Ok(self.runtime.commit(&permit, &self.origin, work, |_, _| None).await?.output)
    }

    /// Carries out an operation `count` times, a thousand in a commit.
    async fn each<T>(
        &self,
        count: usize,
        work: impl Fn(&AccountState, &Environment<'_>, usize) -> Result<(Vec<Change>, T), Problem> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let mut outputs = Vec::with_capacity(count);
        for start in (0..count).step_by(BATCH) {
            let numbers = start..count.min(start + BATCH);
            let batch = |state: &AccountState, environment: &Environment<'_>| {
                let (mut changes, mut outputs) = (Vec::new(), Vec::new());
                for number in numbers.clone() {
                    let (some, output) = work(state, environment, number)?;
                    changes.extend(some);
                    outputs.push(output);
                }
                Ok((changes, outputs))
            };
            outputs.extend(self.commit(batch).await?);
        }
        Ok(outputs)
    }

    async fn zones(&self, count: usize) -> anyhow::Result<Vec<ZoneId>> {
        let create = |state: &AccountState, environment: &Environment<'_>, number: usize| {
            let name = format!("zone-{number:05}.example.com");
            resources::create_zone(state, environment, &name, ZoneId(environment.next_id()))
        };
        self.each(count, create).await
    }

    /// The ids as text, as operations on places in groups take them.
    async fn members(&self, count: usize, roles: usize) -> anyhow::Result<Vec<String>> {
        let catalog = self.runtime.engine.catalog();
        let is_all = |id: &Id| catalog.iam_group(id).is_some_and(|group| group.is_all_privileges);
        let all: Vec<String> =
            catalog.roles().iter().filter(|role| !is_all(&role.group)).map(|role| role.id.to_string()).collect();
        let create = |state: &AccountState, environment: &Environment<'_>, number: usize| {
            let email = format!("member-{number:06}@example.com");
            let user = user(environment, &email)?;
            let roles = all.iter().cycle().skip(number % all.len()).take(roles).cloned().collect();
            let new = NewMember {
                email,
                grants: Grants::Roles(roles),
                accepted: true,
                api_access: None,
                invited_by: String::new(),
            };
            let (changes, id) =
                members::create(state, environment, &new, MemberId(environment.next_id()), Some(&user))?;
            Ok((changes, id.to_string()))
        };
        self.each(count, create).await
    }

    async fn groups(&self, count: usize, places: &Places) -> anyhow::Result<Vec<UserGroupId>> {
        let create = |state: &AccountState, environment: &Environment<'_>, number: usize| {
            let new = NewUserGroup { name: format!("user group {number:06}"), policies: places.policies(number) };
            user_groups::create(state, environment, &new, UserGroupId(environment.next_id()))
        };
        self.each(count, create).await
    }

    /// Puts each member into groups, evenly: a run of them each, so that none comes twice.
    async fn memberships(&self, groups: &[UserGroupId], members: &[String], per_member: usize) -> anyhow::Result<()> {
        let mut sets: Vec<Vec<String>> = vec![Vec::new(); groups.len()];
        for (number, member) in members.iter().enumerate() {
            for place in number * per_member..(number + 1) * per_member {
                sets[place % groups.len()].push(member.clone());
            }
        }
        // The most that one request may name, in commits of about that size.
        let additions =
            groups.iter().zip(&sets).flat_map(|(group, set)| set.chunks(BATCH).map(move |some| (*group, some)));
        let additions: Vec<(UserGroupId, &[String])> = additions.collect();
        let most = additions.iter().map(|(_, some)| some.len()).max().unwrap_or(BATCH);
        for batch in additions.chunks((BATCH / most).max(1)) {
            let add = |state: &AccountState, environment: &Environment<'_>| {
                let mut changes = Vec::new();
                for (group, some) in batch {
                    changes.extend(user_group_members::add(state, environment, *group, some, "/members")?.0);
                }
                Ok((changes, ()))
            };
            self.commit(add).await?;
        }
        Ok(())
    }

    /// Stores a snapshot: the server has made some by itself once an account has come to such a size commit by commit.
    async fn close(self) -> anyhow::Result<()> {
        write_snapshot(&self.runtime, self.account).await?;
        self.runtime.store.close().await;
        Ok(())
    }
}

/// Stores a snapshot of the account as it is.
///
/// # Errors
/// When there is no such account, or the store fails.
pub async fn write_snapshot(runtime: &Runtime, account: AccountId) -> anyhow::Result<()> {
    let newest = runtime.account(account).await?.context("the account is gone")?;
    snapshot::write(&runtime.store, &StreamId::Account(account).to_string(), newest).await?;
    Ok(())
}

/// Who writes what is seeded.
pub fn origin() -> Origin {
    Origin { actor: Actor::System { reason: "portcullis-bench seed".into() }, request: Request::default() }
}

/// A runtime on a database that `portcullis init` made, under rules that let anybody be a member at once.
///
/// # Errors
/// When there is no such database.
pub fn runtime_on(database: &Path, catalog: Arc<Catalog>) -> anyhow::Result<Runtime> {
    if !database.try_exists()? {
        bail!("there is no `{}`; `portcullis init` makes it", database.display());
    }
    let store = Store::open_sqlite(database, SqliteOptions::default())?;
    let rules = workload::operations::rules();
    let engine = Engine::new(catalog);
    // No credential is written, so the server's secret key is not needed.
    let secrets = Secrets::new(&[0; 32]);
    Ok(Runtime::new(store, engine, rules, secrets, Arc::new(SystemClock), Arc::new(RandomIds)))
}

fn user(environment: &Environment<'_>, email: &str) -> Result<User, Problem> {
    Ok(User {
        id: UserId(environment.next_id()),
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

/// What policies are made of.
struct Places {
    whole_account: ResourceGroupId,
    custom: Vec<ResourceGroupId>,
    /// Permission groups for the whole account.
    account_wide: Vec<Id>,
    /// Permission groups for zones.
    of_zones: Vec<Id>,
}

impl Places {
    async fn of(seeder: &Seeder, zones: Vec<ZoneId>, count: usize) -> anyhow::Result<Places> {
        let account = seeder.account;
        let create = |state: &AccountState, environment: &Environment<'_>, number: usize| {
            let chosen = zones.iter().cycle().skip(number * ZONES_PER_GROUP % zones.len()).take(ZONES_PER_GROUP);
            let objects = chosen.map(|zone| resource_groups::zone_key(*zone)).collect();
            let scope = ScopeInput { key: resource_groups::account_key(account), objects };
            let new = NewResourceGroup { name: format!("zones {number:05}"), scope };
            resource_groups::create(state, environment, &new, ResourceGroupId(environment.next_id()))
        };
        let custom = seeder.each(count, create).await?;
        let state = seeder.runtime.account(account).await?.context("the account is gone")?;
        let whole_account =
            state.state.whole_account_group().context("the account has no resource group of its own")?;
        let catalog = seeder.runtime.engine.catalog();
        let of = |scope: ResourceTypeIndex| -> Vec<Id> {
            let groups = catalog.iam_groups().iter().filter(move |group| group.scope == scope);
            groups.filter(|group| !group.is_all_privileges && !group.is_minimal_access).map(|group| group.id).collect()
        };
        Ok(Places {
            whole_account,
            custom,
            account_wide: of(ResourceTypeIndex::ACCOUNT),
            of_zones: of(ResourceTypeIndex::ZONE),
        })
    }

    /// Two policies of two permission groups and one resource group each; neighbours have different ones.
    fn policies(&self, number: usize) -> Vec<PolicyInput> {
        let policy = |groups: &[Id], place: ResourceGroupId| PolicyInput {
            id: None,
            access: Effect::Allow,
            permission_groups: pair(groups, number),
            resource_groups: vec![ResourceGroupInput::Id(place.to_string())],
        };
        let custom = self.custom[number % self.custom.len()];
        vec![policy(&self.account_wide, self.whole_account), policy(&self.of_zones, custom)]
    }
}

/// Two different ids: all pairs come in turn.
fn pair(ids: &[Id], number: usize) -> Vec<String> {
    let count = ids.len();
    let first = number % count;
    let second = (first + 1 + number / count % (count - 1)) % count;
    vec![ids[first].to_string(), ids[second].to_string()]
}

/// A policy as the API takes it.
fn wire(policy: &PolicyInput) -> Value {
    let object = |id: &String| json!({ "id": id });
    let places = policy.resource_groups.iter().filter_map(|place| match place {
        ResourceGroupInput::Id(id) => Some(object(id)),
        ResourceGroupInput::Inline(_) => None,
    });
    json!({
        "access": "allow",
        "permission_groups": policy.permission_groups.iter().map(object).collect::<Vec<_>>(),
        "resource_groups": places.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use model::accounts::NewAccount;
    use runtime::account_creation::NewUser;

    use super::*;

    #[tokio::test]
    async fn an_account_has_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("portcullis.db");
        let account = make_account(&database).await;
        let seed = Seed {
            database,
            account,
            members: 1500,
            roles: 1,
            groups: 40,
            groups_per_member: 3,
            zones: 10,
            resource_groups: 4,
        };
        let told = fill(&seed).await.unwrap();

        let runtime = runtime_on(&seed.database, Arc::new(Catalog::builtin())).unwrap();
        assert!(runtime.store.snapshot(&StreamId::Account(account).to_string(), None).await.unwrap().is_some());
        let snapshot = runtime.account(account).await.unwrap().unwrap();
        let state = &snapshot.state;
        assert_eq!((state.member_count(), state.user_group_count()), (1501, 40));
        let group = state.user_group(&told["user_group"].as_str().unwrap().parse().unwrap()).unwrap();
        assert_eq!(group.policies.len(), 2);
        let places: usize = state.user_groups().map(|(_, group)| state.group_size(group.id)).sum();
        assert_eq!(places, 4500);
        let member = state.member(&told["member"].as_str().unwrap().parse().unwrap()).unwrap();
        assert_eq!((member.policies.len(), state.groups_of(member.id).count()), (1, 3));
    }

    async fn make_account(database: &Path) -> AccountId {
        std::fs::File::create_new(database).unwrap();
        let runtime = runtime_on(database, Arc::new(Catalog::builtin())).unwrap();
        let origin = Origin { actor: Actor::System { reason: "test".into() }, request: Request::default() };
        let email = Email::parse("admin@example.com", "/email").unwrap();
        let (id, account) = (UserId(runtime.environment().next_id()), AccountId(runtime.environment().next_id()));
        let user = runtime.create_user(id, &NewUser { email, operator: true, api_key: None }, &origin).await.unwrap();
        let new = NewAccount { name: "bench".into(), kind: None };
        runtime.create_account(account, &new, &user, &origin, |_, _| None).await.map(|_| ()).unwrap();
        runtime.close().await;
        account
    }
}
