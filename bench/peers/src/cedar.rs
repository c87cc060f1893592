//! Cedar, modelled as its guides say: groups are parents of members; what a policy lists is a parent of zones, so that
//! `in` is one look-up; and of all policies only those are evaluated that can match (policy slicing). All entities of
//! an account lie in one store, which requests share.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request,
};
use model::policies::Effect;
use workload::{Account, GROUPS_OF_MEMBER, Question, Workload};

use crate::Evaluator;

/// Which policies a question is put to.
enum Slices {
    /// Those of each of the member's groups in turn: denied if any slice denies, allowed if any allows.
    OfGroup(Vec<Vec<PolicySet>>),
    /// Those of all the member's groups together; a set is made for each combination that is asked about.
    OfMember(Vec<HashMap<[u16; GROUPS_OF_MEMBER], PolicySet>>),
    /// All of the account.
    OfAccount(Vec<PolicySet>),
    /// All there are.
    All(Box<PolicySet>),
}

struct Cedar {
    authorizer: Authorizer,
    /// By account.
    entities: Vec<Entities>,
    slices: Slices,
    questions: Vec<Asked>,
}

struct Asked {
    account: usize,
    groups: [u16; GROUPS_OF_MEMBER],
    request: Request,
}

/// With the policies of one group of the member at a time.
pub fn sliced(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let of_account = |account| groups(workload, account).map(|some| Ok(PolicySet::from_policies(some?)?)).collect();
    make(workload, questions, Slices::OfGroup(workload.accounts.iter().map(of_account).collect::<anyhow::Result<_>>()?))
}

/// With the policies of the member's groups together.
pub fn merged(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let policies = workload.accounts.iter().map(|account| groups(workload, account).collect());
    let policies: Vec<Vec<Vec<Policy>>> = policies.collect::<anyhow::Result<_>>()?;
    let mut slices: Vec<HashMap<_, PolicySet>> = workload.accounts.iter().map(|_| HashMap::new()).collect();
    for question in questions {
        let number = usize::from(question.account);
        let groups = workload.accounts[number].members[question.member as usize].groups;
        if !slices[number].contains_key(&groups) {
            let together = groups.iter().flat_map(|group| policies[number][usize::from(*group)].iter().cloned());
            slices[number].insert(groups, PolicySet::from_policies(together)?);
        }
    }
    make(workload, questions, Slices::OfMember(slices))
}

/// With all policies of the account.
pub fn account(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let of_account = |account| Ok(PolicySet::from_policies(of_accounts(workload, [account])?)?);
    make(
        workload,
        questions,
        Slices::OfAccount(workload.accounts.iter().map(of_account).collect::<anyhow::Result<_>>()?),
    )
}

/// With all policies of all accounts.
pub fn all(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let policies = of_accounts(workload, &workload.accounts)?;
    make(workload, questions, Slices::All(PolicySet::from_policies(policies)?.into()))
}

fn make(workload: &Workload, questions: &[Question], slices: Slices) -> anyhow::Result<Box<dyn Evaluator>> {
    let names = Names::new()?;
    let entities = workload.accounts.iter().map(|account| names.entities(account));
    let asked = questions.iter().map(|question| {
        let account = &workload.accounts[usize::from(question.account)];
        let member = &account.members[question.member as usize];
        let request = Request::new(
            Names::uid(&names.member, member.id),
            Names::uid(&names.action, &workload.permissions[usize::from(question.permission)].name),
            Names::uid(&names.zone, account.zones[usize::from(question.zone)]),
            Context::empty(),
            None,
        );
        Ok(Asked { account: usize::from(question.account), groups: member.groups, request: request? })
    });
    Ok(Box::new(Cedar {
        authorizer: Authorizer::new(),
        entities: entities.collect::<anyhow::Result<_>>()?,
        slices,
        questions: asked.collect::<anyhow::Result<_>>()?,
    }))
}

impl Evaluator for Cedar {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let asked = &self.questions[number];
        let authorize = |policies: &PolicySet| {
            self.authorizer.is_authorized(&asked.request, policies, &self.entities[asked.account])
        };
        let whole = |policies: &PolicySet| authorize(policies).decision() == Decision::Allow;
        Ok(match &self.slices {
            Slices::OfGroup(slices) => {
                let mut allowed = false;
                for group in asked.groups {
                    let response = authorize(&slices[asked.account][usize::from(group)]);
                    match response.decision() {
                        Decision::Allow => allowed = true,
                        // A deny for a reason is that of a `forbid`.
                        Decision::Deny if response.diagnostics().reason().next().is_some() => return Ok(false),
                        Decision::Deny => {}
                    }
                }
                allowed
            }
            Slices::OfMember(slices) => whole(slices[asked.account].get(&asked.groups).context("no such slice")?),
            Slices::OfAccount(slices) => whole(&slices[asked.account]),
            Slices::All(policies) => whole(policies),
        })
    }
}

/// The types of entities.
struct Names {
    member: EntityTypeName,
    group: EntityTypeName,
    account: EntityTypeName,
    scope: EntityTypeName,
    zone: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    fn new() -> anyhow::Result<Names> {
        let name = |name: &str| name.parse().with_context(|| format!("`{name}` is not a type"));
        Ok(Names {
            member: name("Member")?,
            group: name("UserGroup")?,
            account: name("Account")?,
            scope: name("Scope")?,
            zone: name("Zone")?,
            action: name("Action")?,
        })
    }

    fn uid(kind: &EntityTypeName, id: impl ToString) -> EntityUid {
        EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id.to_string()))
    }

    /// The members with their groups, and the zones with the account and the scopes that list them.
    fn entities(&self, account: &Account) -> anyhow::Result<Entities> {
        let mut parents: Vec<HashSet<EntityUid>> =
            account.zones.iter().map(|_| HashSet::from([Names::uid(&self.account, account.id)])).collect();
        for (scope, policy) in account.groups.iter().flat_map(scopes) {
            for zone in policy.zones.iter().flatten() {
                parents[usize::from(*zone)].insert(Names::uid(&self.scope, &scope));
            }
        }
        let zones = account.zones.iter().zip(parents);
        let zones = zones.map(|(zone, parents)| Entity::new_no_attrs(Names::uid(&self.zone, zone), parents));
        let members = account.members.iter().map(|member| {
            let groups = member.groups.iter().map(|group| account.groups[usize::from(*group)].id);
            let groups = groups.map(|group| Names::uid(&self.group, group)).collect();
            Entity::new_no_attrs(Names::uid(&self.member, member.id), groups)
        });
        Ok(Entities::from_entities(zones.chain(members), None)?)
    }
}

/// The policies of a group, each with an id.
fn scopes(group: &workload::Group) -> impl Iterator<Item = (String, &workload::Policy)> {
    group.policies.iter().enumerate().map(move |(number, policy)| (format!("{}-{number}", group.id), policy))
}

fn of_accounts<'a>(
    workload: &Workload,
    accounts: impl IntoIterator<Item = &'a Account>,
) -> anyhow::Result<Vec<Policy>> {
    let groups = accounts.into_iter().flat_map(|account| groups(workload, account));
    let groups: Vec<Vec<Policy>> = groups.collect::<anyhow::Result<_>>()?;
    Ok(groups.into_iter().flatten().collect())
}

/// The policies of each group of the account.
fn groups(workload: &Workload, account: &Account) -> impl Iterator<Item = anyhow::Result<Vec<Policy>>> {
    account.groups.iter().map(move |group| {
        let policies = scopes(group).map(|(id, policy)| {
            let text = text(workload, account, group, &id, policy);
            Policy::parse(Some(PolicyId::new(&id)), &text).with_context(|| format!("`{text}` is not a policy"))
        });
        policies.collect()
    })
}

fn text(
    workload: &Workload,
    account: &Account,
    group: &workload::Group,
    id: &str,
    policy: &workload::Policy,
) -> String {
    let effect = match policy.effect {
        Effect::Allow => "permit",
        Effect::Deny => "forbid",
    };
    let actions =
        policy.permissions.iter().map(|one| format!("Action::\"{}\"", workload.permissions[usize::from(*one)].name));
    let actions = actions.collect::<Vec<_>>().join(", ");
    let place = match policy.zones {
        None => format!("Account::\"{}\"", account.id),
        Some(_) => format!("Scope::\"{id}\""),
    };
    format!("{effect} (principal in UserGroup::\"{}\", action in [{actions}], resource in {place});", group.id)
}
