//! The same for Cerbos. It stores no people: a request names the member's groups as roles. Each account is a scope with a
//! policy of its own, whose rules are the policies of its groups; what a policy lists is a condition on the resource.

use std::fs;
use std::path::Path;

use model::policies::Effect;
use serde_json::{Value, json};
use workload::{Account, Policy, Question, Workload};

/// A request of one question.
pub fn request(workload: &Workload, question: &Question) -> Value {
    let account = &workload.accounts[usize::from(question.account)];
    let member = &account.members[question.member as usize];
    let groups = member.groups.iter().map(|group| account.groups[usize::from(*group)].id);
    json!({
        "principal": { "id": member.id, "roles": groups.collect::<Vec<_>>() },
        "resources": [{
            "actions": [workload.permissions[usize::from(question.permission)].name],
            "resource": { "kind": "zone", "id": account.zones[usize::from(question.zone)], "scope": account.id },
        }],
    })
}

/// A policy for each account, and the one that scopes need above them, which says nothing.
pub fn write_policies(workload: &Workload, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("zone.json"), policy(None, Vec::new()).to_string())?;
    for account in &workload.accounts {
        let groups = account.groups.iter().flat_map(|group| group.policies.iter().map(move |policy| (group, policy)));
        let rules = groups.map(|(group, policy)| rule(workload, account, group, policy)).collect();
        fs::write(folder.join(format!("zone.{}.json", account.id)), policy_of(account, rules).to_string())?;
    }
    Ok(())
}

fn policy_of(account: &Account, rules: Vec<Value>) -> Value {
    policy(Some(account.id.to_string()), rules)
}

fn policy(scope: Option<String>, rules: Vec<Value>) -> Value {
    let mut policy = json!({ "resource": "zone", "version": "default", "rules": rules });
    if let Some(scope) = scope {
        policy["scope"] = scope.into();
    }
    json!({ "apiVersion": "api.cerbos.dev/v1", "resourcePolicy": policy })
}

fn rule(workload: &Workload, account: &Account, group: &workload::Group, policy: &Policy) -> Value {
    let actions = policy.permissions.iter().map(|one| &workload.permissions[usize::from(*one)].name);
    let effect = match policy.effect {
        Effect::Allow => "EFFECT_ALLOW",
        Effect::Deny => "EFFECT_DENY",
    };
    let mut rule = json!({ "actions": actions.collect::<Vec<_>>(), "effect": effect, "roles": [group.id] });
    if let Some(zones) = &policy.zones {
        let zones: Vec<_> = zones.iter().map(|zone| account.zones[usize::from(*zone)]).collect();
        rule["condition"] = json!({ "match": { "expr": format!("R.id in {}", json!(zones)) } });
    }
    rule
}
