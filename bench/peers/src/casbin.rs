//! Casbin, an enforcer for each account: role-based for members (`g`) and for what policies list (`g2`), a row for each
//! policy and permission. The matcher compares the permission first, which leaves few rows to the role graphs.

use anyhow::Context as _;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use model::policies::Effect;
use workload::{Account, Question, Workload};

use crate::Evaluator;

const MODEL: &str = r#"
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act, eft

[role_definition]
g = _, _
g2 = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.act == p.act && g(r.sub, p.sub) && g2(r.obj, p.obj)
"#;

struct Casbin {
    /// By account.
    enforcers: Vec<Enforcer>,
    questions: Vec<(usize, [String; 3])>,
}

/// An enforcer for each account.
pub fn make(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let enforcers = workload.accounts.iter().map(|account| runtime.block_on(enforcer(workload, account)));
    let questions = questions.iter().map(|question| {
        let account = &workload.accounts[usize::from(question.account)];
        let request = [
            account.members[question.member as usize].id.to_string(),
            account.zones[usize::from(question.zone)].to_string(),
            workload.permissions[usize::from(question.permission)].name.clone(),
        ];
        (usize::from(question.account), request)
    });
    Ok(Box::new(Casbin { enforcers: enforcers.collect::<anyhow::Result<_>>()?, questions: questions.collect() }))
}

impl Evaluator for Casbin {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let (account, [member, zone, permission]) = &self.questions[number];
        Ok(self.enforcers[*account].enforce((member, zone, permission))?)
    }
}

async fn enforcer(workload: &Workload, account: &Account) -> anyhow::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.enable_auto_save(false);
    let (mut rows, mut places) = (Vec::new(), Vec::new());
    for group in &account.groups {
        for (number, policy) in group.policies.iter().enumerate() {
            let scope = match &policy.zones {
                None => account.id.to_string(),
                Some(zones) => {
                    let scope = format!("{}-{number}", group.id);
                    places.extend(
                        zones.iter().map(|zone| vec![account.zones[usize::from(*zone)].to_string(), scope.clone()]),
                    );
                    scope
                }
            };
            let effect = match policy.effect {
                Effect::Allow => "allow",
                Effect::Deny => "deny",
            };
            let row = |permission: &u16| {
                let permission = workload.permissions[usize::from(*permission)].name.clone();
                vec![group.id.to_string(), scope.clone(), permission, effect.to_owned()]
            };
            rows.extend(policy.permissions.iter().map(row));
        }
    }
    places.extend(account.zones.iter().map(|zone| vec![zone.to_string(), account.id.to_string()]));
    let members = account.members.iter().flat_map(|member| {
        member
            .groups
            .iter()
            .map(|group| vec![member.id.to_string(), account.groups[usize::from(*group)].id.to_string()])
    });
    rows.sort();
    rows.dedup();
    let added = enforcer.add_policies(rows).await?
        && enforcer.add_grouping_policies(members.collect()).await?
        && enforcer.add_named_grouping_policies("g2", places).await?;
    added.then_some(enforcer).context("casbin has some rows already")
}
