//! What a good engineer writes in an afternoon: hash maps of the standard library, with its hasher, from 16-byte ids.
//! Two layouts, since it is not plain which is quicker.

use std::collections::{HashMap, HashSet};

use model::ids::{AccountId, Id, MemberId, UserGroupId, ZoneId};
use model::policies::Effect;
use workload::{Policy, Question, Workload};

use crate::Evaluator;

struct Asked {
    account: AccountId,
    member: MemberId,
    permission: Id,
    zone: ZoneId,
}

fn asked(workload: &Workload, questions: &[Question]) -> Vec<Asked> {
    let asked = questions.iter().map(|question| {
        let account = &workload.accounts[usize::from(question.account)];
        Asked {
            account: account.id,
            member: account.members[question.member as usize].id,
            permission: workload.permissions[usize::from(question.permission)].id,
            zone: account.zones[usize::from(question.zone)],
        }
    });
    asked.collect()
}

/// The groups of every member of every account: their ids are unique.
fn groups(workload: &Workload) -> HashMap<MemberId, Vec<UserGroupId>> {
    let members = workload.accounts.iter().flat_map(|account| {
        let groups = |member: &workload::Member| {
            member.groups.iter().map(|group| account.groups[usize::from(*group)].id).collect()
        };
        account.members.iter().map(move |member| (member.id, groups(member)))
    });
    members.collect()
}

/// Where a rule of a group applies.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Place {
    Account(AccountId),
    Zone(ZoneId),
}

/// Layout 1: each policy multiplied out to rules, which are looked up by group, permission and place.
struct Rules {
    groups: HashMap<MemberId, Vec<UserGroupId>>,
    rules: HashMap<(UserGroupId, Id, Place), Effect>,
    questions: Vec<Asked>,
}

/// Layout 1.
pub fn rules(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let mut rules = HashMap::new();
    for account in &workload.accounts {
        for (group, policy) in
            account.groups.iter().flat_map(|group| group.policies.iter().map(move |one| (group, one)))
        {
            let places: Vec<Place> = match &policy.zones {
                None => vec![Place::Account(account.id)],
                Some(zones) => zones.iter().map(|zone| Place::Zone(account.zones[usize::from(*zone)])).collect(),
            };
            for (permission, place) in
                policy.permissions.iter().flat_map(|one| places.iter().map(move |place| (one, place)))
            {
                let rule = rules.entry((group.id, workload.permissions[usize::from(*permission)].id, *place));
                let effect = rule.or_insert(policy.effect);
                if policy.effect == Effect::Deny {
                    *effect = Effect::Deny;
                }
            }
        }
    }
    Ok(Box::new(Rules { groups: groups(workload), rules, questions: asked(workload, questions) }))
}

impl Evaluator for Rules {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let asked = &self.questions[number];
        let mut allowed = false;
        for group in self.groups.get(&asked.member).into_iter().flatten() {
            for place in [Place::Account(asked.account), Place::Zone(asked.zone)] {
                match self.rules.get(&(*group, asked.permission, place)) {
                    Some(Effect::Deny) => return Ok(false),
                    Some(Effect::Allow) => allowed = true,
                    None => {}
                }
            }
        }
        Ok(allowed)
    }
}

/// Layout 2: the policies of a group are gone through, with sets in them.
struct Policies {
    groups: HashMap<MemberId, Vec<UserGroupId>>,
    policies: HashMap<UserGroupId, Vec<Sets>>,
    questions: Vec<Asked>,
}

struct Sets {
    effect: Effect,
    permissions: HashSet<Id>,
    /// `None` is the whole account.
    zones: Option<HashSet<ZoneId>>,
}

/// Layout 2.
pub fn policies(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let policies = workload.accounts.iter().flat_map(|account| {
        let sets = |policy: &Policy| Sets {
            effect: policy.effect,
            permissions: policy.permissions.iter().map(|one| workload.permissions[usize::from(*one)].id).collect(),
            zones: policy
                .zones
                .as_ref()
                .map(|zones| zones.iter().map(|zone| account.zones[usize::from(*zone)]).collect()),
        };
        account.groups.iter().map(move |group| (group.id, group.policies.iter().map(sets).collect()))
    });
    let policies = policies.collect();
    Ok(Box::new(Policies { groups: groups(workload), policies, questions: asked(workload, questions) }))
}

impl Evaluator for Policies {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let asked = &self.questions[number];
        let mut allowed = false;
        let groups = self.groups.get(&asked.member).into_iter().flatten();
        for policy in groups.filter_map(|group| self.policies.get(group)).flatten() {
            let speaks = policy.permissions.contains(&asked.permission)
                && policy.zones.as_ref().is_none_or(|zones| zones.contains(&asked.zone));
            match (speaks, policy.effect) {
                (true, Effect::Deny) => return Ok(false),
                (true, Effect::Allow) => allowed = true,
                (false, Effect::Allow | Effect::Deny) => {}
            }
        }
        Ok(allowed)
    }
}
