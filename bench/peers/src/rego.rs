//! Regorus, compiled for its virtual machine. The data is laid out so that every step of the rules is a look-up: groups
//! by member, then permissions by group, then places by permission. One machine for each account, with its data.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use model::policies::Effect;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Rc, Value};
use workload::{Account, Question, Workload};

use crate::Evaluator;

const POLICY: &str = r#"
package w

default allow := false

allow if {
    some group in data.members[input.member]
    covers(data.allow[group][input.permission])
    not denied
}

denied if {
    some group in data.members[input.member]
    covers(data.deny[group][input.permission])
}

covers(places) if places["*"]

covers(places) if places[input.zone]
"#;
const ENTRY: &str = "data.w.allow";

struct Rego {
    /// By account.
    machines: Vec<RegoVM>,
    questions: Vec<(usize, Value)>,
}

/// A machine for each account.
pub fn make(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    let mut engine = Engine::new();
    engine.add_policy("w.rego".to_owned(), POLICY.to_owned())?;
    let policy = engine.compile_with_entrypoint(&Rc::from(ENTRY))?;
    let program = Compiler::compile_from_policy(&policy, &[ENTRY])?;
    let machines = workload.accounts.iter().map(|account| machine(&program, data(workload, account)));
    let machines = machines.collect::<anyhow::Result<_>>()?;
    let questions = questions.iter().map(|question| {
        let account = &workload.accounts[usize::from(question.account)];
        let input = object([
            ("member", text(account.members[question.member as usize].id)),
            ("permission", text(&workload.permissions[usize::from(question.permission)].name)),
            ("zone", text(account.zones[usize::from(question.zone)])),
        ]);
        (usize::from(question.account), input)
    });
    Ok(Box::new(Rego { machines, questions: questions.collect() }))
}

impl Evaluator for Rego {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let (account, input) = &self.questions[number];
        let machine = &mut self.machines[*account];
        machine.set_input(input.clone());
        Ok(*machine.execute_entry_point_by_index(0)?.as_bool()?)
    }
}

fn machine(program: &Arc<Program>, data: Value) -> anyhow::Result<RegoVM> {
    let mut machine = RegoVM::new();
    machine.load_program(program.clone());
    machine.set_data(data).context("the data does not fit the program")?;
    Ok(machine)
}

fn data(workload: &Workload, account: &Account) -> Value {
    let group_ids: Vec<Value> = account.groups.iter().map(|group| text(group.id)).collect();
    let members = account.members.iter().map(|member| {
        let groups: Vec<Value> = member.groups.iter().map(|group| group_ids[usize::from(*group)].clone()).collect();
        (text(member.id), Value::from(groups))
    });
    let members: BTreeMap<Value, Value> = members.collect();
    let side = |effect: Effect| {
        let groups = account.groups.iter().map(|group| {
            let mut permissions: BTreeMap<&str, BTreeMap<Value, Value>> = BTreeMap::new();
            for policy in group.policies.iter().filter(|policy| policy.effect == effect) {
                for permission in &policy.permissions {
                    let name = &workload.permissions[usize::from(*permission)].name;
                    let places = permissions.entry(name).or_default();
                    match &policy.zones {
                        None => drop(places.insert(text("*"), Value::Bool(true))),
                        Some(zones) => places.extend(
                            zones.iter().map(|zone| (text(account.zones[usize::from(*zone)]), Value::Bool(true))),
                        ),
                    }
                }
            }
            let permissions: BTreeMap<Value, Value> =
                permissions.into_iter().map(|(name, places)| (text(name), Value::from(places))).collect();
            (text(group.id), Value::from(permissions))
        });
        Value::from(groups.collect::<BTreeMap<Value, Value>>())
    };
    object([("members", Value::from(members)), ("allow", side(Effect::Allow)), ("deny", side(Effect::Deny))])
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::from(fields.into_iter().map(|(name, value)| (text(name), value)).collect::<BTreeMap<Value, Value>>())
}

fn text(text: impl ToString) -> Value {
    Value::from(text.to_string())
}
