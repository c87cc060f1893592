//! Our own engine. A question is the ids of account and member, the permission as a set, and the id of the zone.

use catalog::PermissionSet;
use engine::principal::Principal;
use engine::{Account, Engine};
use model::ids::{AccountId, MemberId, ZoneId};
use rustc_hash::FxHashMap;
use workload::{Question, Workload};

use crate::Evaluator;

/// Our engine over the accounts of a workload.
pub struct Ours {
    engine: Engine,
    /// Ids are random, so no hasher is needed that withstands chosen ones.
    accounts: FxHashMap<AccountId, Account>,
    /// By number of the permission.
    accepted: Vec<PermissionSet>,
    questions: Vec<Asked>,
}

#[derive(Clone, Copy)]
struct Asked {
    account: AccountId,
    member: MemberId,
    permission: u16,
    zone: ZoneId,
}

/// What a question is to our engine.
pub struct Prepared<'a> {
    /// The account.
    pub account: &'a Account,
    /// Who.
    pub principal: Principal,
    /// What.
    pub accepted: &'a PermissionSet,
    /// Where.
    pub zone: ZoneId,
}

/// Our engine.
///
/// # Errors
/// When an account cannot be made.
pub fn make(workload: &Workload, questions: &[Question]) -> anyhow::Result<Box<dyn Evaluator>> {
    Ok(Box::new(Ours::new(workload, questions)?))
}

impl Ours {
    /// Makes the accounts.
    ///
    /// # Errors
    /// When an operation refuses something of the workload.
    pub fn new(workload: &Workload, questions: &[Question]) -> anyhow::Result<Ours> {
        let engine = Engine::new(workload.catalog.clone());
        let numbers = 0..workload.accounts.len();
        let accounts = numbers.map(|number| Ok((workload.accounts[number].id, workload.account(&engine, number)?)));
        let accounts = accounts.collect::<anyhow::Result<_>>()?;
        let questions = questions.iter().map(|question| {
            let account = &workload.accounts[usize::from(question.account)];
            Asked {
                account: account.id,
                member: account.members[question.member as usize].id,
                permission: question.permission,
                zone: account.zones[usize::from(question.zone)],
            }
        });
        Ok(Ours {
            engine,
            accounts,
            accepted: workload.permissions.iter().map(|one| [one.index].into_iter().collect()).collect(),
            questions: questions.collect(),
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The account of that id.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// The question of that number; `None` if its account is not here.
    #[inline]
    pub fn prepared(&self, number: usize) -> Option<Prepared<'_>> {
        let asked = &self.questions[number];
        Some(Prepared {
            account: self.accounts.get(&asked.account)?,
            principal: Principal::Member(asked.member),
            accepted: &self.accepted[usize::from(asked.permission)],
            zone: asked.zone,
        })
    }
}

impl Ours {
    /// Explains the decision of that number, and takes every policy of the evidence apart: how many there are.
    pub fn explain(&self, number: usize) -> usize {
        let Some(asked) = self.prepared(number) else { return 0 };
        let Some(target) = asked.account.zone(asked.zone) else { return 0 };
        let told = self.engine.explain(asked.account, &asked.principal, asked.accepted, &target);
        let links = told.chain.iter();
        let links = links.filter_map(|spoken| asked.account.link(&asked.principal, spoken, &told.asked, &target));
        links.map(|link| std::hint::black_box(link).permission_groups.len()).sum()
    }
}

impl Evaluator for Ours {
    fn allows(&mut self, number: usize) -> anyhow::Result<bool> {
        let Some(asked) = self.prepared(number) else { return Ok(false) };
        let Some(target) = asked.account.zone(asked.zone) else { return Ok(false) };
        Ok(self.engine.allows(asked.account, &asked.principal, asked.accepted, &target))
    }
}
