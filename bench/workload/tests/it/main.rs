//! The workload is what it says, and our engine answers its questions as the plain data does.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeSet;

use engine::Engine;
use engine::principal::Principal;
use model::policies::Effect;
use model::resource_groups::zone_key;
use workload::{SEED, Size, Workload};

fn w() -> Workload {
    Workload::new(Size::times(1), SEED).unwrap()
}

#[test]
fn it_has_the_sizes_and_shares_that_it_says() {
    let workload = w();
    assert_eq!((workload.accounts.len(), workload.member_count()), (10, 10_000));
    let members = workload.accounts.iter().flat_map(|account| &account.members);
    assert!(members.clone().all(|member| BTreeSet::from(member.groups).len() == 3));
    assert!(members.flat_map(|member| member.groups).all(|group| group < 50));
    let policies: Vec<_> =
        workload.accounts.iter().flat_map(|account| &account.groups).flat_map(|group| &group.policies).collect();
    assert_eq!(policies.len(), 10 * 50 * 4);
    let denies = policies.iter().filter(|policy| policy.effect == Effect::Deny).count();
    assert!((150..250).contains(&denies), "{denies} of 2000 deny");
    let whole = policies.iter().filter(|policy| policy.zones.is_none()).count();
    assert!((900..1100).contains(&whole), "{whole} of 2000 are on the whole account");
    for policy in policies {
        assert!((1..=5).contains(&policy.permissions.len()));
        assert!(policy.zones.as_ref().is_none_or(|zones| (1..=20).contains(&zones.len())));
    }
}

#[test]
fn half_of_the_questions_are_allowed() {
    let workload = w();
    let questions = workload.questions(100_001);
    assert_eq!(questions.iter().filter(|question| question.allowed).count(), 50_000);
    assert!(questions.iter().any(|question| question.overruled));
    let overruled = workload.overruled(100);
    assert!(overruled.iter().all(|question| question.overruled && !question.allowed));
}

#[test]
fn it_is_the_same_for_ever() {
    let workload = w();
    let account = &workload.accounts[3];
    let question = workload.questions(1000)[999];
    let told = format!(
        "{} {} {:?} {question:?}",
        account.id, account.members[7].id, account.groups[11].policies[2].permissions
    );
    assert_eq!(
        told,
        "ac219d5e958ad3b4cc3f4a779d1808f7 afa7a9bfc71d62b13f389c19730d1d38 [119, 287, 124, 290] Question { account: 1, member: 275, permission: 0, zone: 59, allowed: false, overruled: false }"
    );
}

#[test]
fn more_members_change_nothing_else() {
    let (one, ten) = (w(), Workload::new(Size::times(10), SEED).unwrap());
    for (one, ten) in one.accounts.iter().zip(&ten.accounts) {
        assert_eq!((one.id, &one.zones, one.members[999].id), (ten.id, &ten.zones, ten.members[999].id));
        let policies = |account: &workload::Account| {
            let policies = account.groups.iter().flat_map(|group| &group.policies);
            policies.map(|policy| (policy.effect, policy.permissions.clone(), policy.zones.clone())).collect::<Vec<_>>()
        };
        assert_eq!(policies(one), policies(ten));
    }
}

#[test]
fn our_engine_gives_the_same_answers() {
    let size = Size { accounts: 2, zones: 30, members: 1500, groups: 12 };
    let workload = Workload::new(size, SEED).unwrap();
    let engine = Engine::new(workload.catalog.clone());
    let accounts: Vec<_> = (0..2).map(|number| workload.account(&engine, number).unwrap()).collect();
    assert_eq!(accounts[0].member_count(), 1501, "the members and the one who made the account");
    for question in workload.questions(5000).into_iter().chain(workload.overruled(500)) {
        let (account, compiled) =
            (&workload.accounts[usize::from(question.account)], &accounts[usize::from(question.account)]);
        let member = &account.members[question.member as usize];
        let zone = zone_key(account.zones[usize::from(question.zone)]);
        let target = compiled.resource(&zone).unwrap();
        let accepted = [workload.permissions[usize::from(question.permission)].index].into_iter().collect();
        let allowed = engine.allows(compiled, &Principal::Member(member.id), &accepted, &target);
        assert_eq!(allowed, question.allowed, "{question:?}");
    }
}
