//! D16 and D19 for every account and every sequence of operations.

use std::collections::BTreeSet;

use engine::invariants::Latitude;
use engine::principal::Principal;
use model::change::{Change, Document};
use model::ids::{MemberId, PolicyId};
use model::members::{Member, Standing};
use model::policies::{Effect, Policy};
use model::tokens::{Star, TokenPolicy, TokenResource};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::world::*;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn by_engine(world: &World) -> BTreeSet<MemberId> {
    ENGINE.super_administrators(&world.state).collect()
}

fn by_oracle(world: &World) -> BTreeSet<MemberId> {
    ORACLE.super_administrators(&world.state).into_iter().collect()
}

/// Who holds all privileges, counting those who need only accept their invitation: that may happen without a super
/// administrator (D31), and grants nothing that was not granted.
fn once_accepted(world: &World) -> BTreeSet<MemberId> {
    let mut later = world.clone();
    let accept = world.state.documents().filter_map(|document| match document {
        Document::Member(member) if matches!(member.standing, Standing::Pending { .. }) => {
            let user = user_id(member.id.0.as_bytes()[15]);
            Some(Change::put(Document::Member(
                Member { standing: Standing::Accepted { user, since: NOW() }, ..Member::clone(&member) }.into(),
            )))
        }
        _ => None,
    });
    let accept: Vec<_> = accept.collect();
    later.apply(&accept);
    by_oracle(&later)
}

/// A token of the account, with these permissions on all of it.
pub fn account_token(permissions: &[&str]) -> Caller {
    let policy = TokenPolicy {
        id: PolicyId(id(0x60, 0)),
        effect: Effect::Allow,
        permission_groups: permissions.iter().map(|text| permission(text).id).collect(),
        resources: [(account_key().into(), TokenResource::Everything(Star::Star))].into(),
    };
    Caller::AccountToken(account_id(), make_token([policy]).into())
}

pub fn settings_token() -> Principal {
    account_token(&["Account Settings Write@account"]).principal()
}

pub fn scim_token() -> Principal {
    account_token(&["SCIM Provisioning@account"]).principal()
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn the_engine_and_the_oracle_know_the_same_super_administrators(world in world(60)) {
        prop_assert_eq!(by_engine(&world), by_oracle(&world));
        prop_assert_eq!(ENGINE.has_super_administrator(&world.state), !by_oracle(&world).is_empty());
    }

    #[test]
    fn no_accepted_commit_takes_the_last_super_administrator(
        mut world in proper_world(30),
        steps in vec((proper_step(), 0..6u8), 30),
        scim_may_manage_policies in any::<bool>(),
    ) {
        for (step, n) in &steps {
            let changes = world.changes_of(step);
            let after = world.state.after(&changes).unwrap();
            let principal = if *n == 5 { Principal::System } else { Principal::User(user_id(*n)) };
            let had = !by_oracle(&world).is_empty();
            if ENGINE.check(&world.state, &after, &changes, &principal, Latitude { scim_may_manage_policies, ..Latitude::default() }).is_ok() {
                world.state = after;
                prop_assert!(!had || !by_oracle(&world).is_empty(), "{:?}", step);
            }
        }
    }

    #[test]
    fn who_is_no_super_administrator_never_changes_who_is(
        mut world in proper_world(40),
        steps in vec((proper_step(), 0..6u8, any::<bool>()), 40),
    ) {
        for (step, n, member) in &steps {
            prop_assume!(!by_oracle(&world).is_empty());
            let principal = match (member, n % 2) {
                (true, _) if by_oracle(&world).contains(&member_id(*n)) => continue,
                (true, _) => Principal::User(user_id(*n)),
                (false, 0) => settings_token(),
                (false, _) => scim_token(),
            };
            let before = once_accepted(&world);
            let changes = world.changes_of(step);
            let after = world.state.after(&changes).unwrap();
            if ENGINE.check(&world.state, &after, &changes, &principal, Latitude::default()).is_ok() {
                world.state = after;
                prop_assert_eq!(before, once_accepted(&world), "{:?}", step);
            }
        }
    }
}

/// D15 with the one setting under which it is asked: whoever only provisions may grant what it holds itself.
#[test]
fn what_scim_provisioning_is_let_grant_it_holds_itself() {
    let counts = std::cell::RefCell::new((0, 0));
    let strategy = (proper_world(30), bundle_token(), 0..2u8, vec(rule(), 1..2));
    let outcome = TestRunner::new(Config { cases: 6_000, failure_persistence: None, ..Config::default() }).run(
        &strategy,
        |(world, caller, n, rules)| {
            let principal = caller.principal();
            if ENGINE.manages_members(&world.state, &principal) {
                return Ok(());
            }
            let changes = world.changes_of(&Step::UpdateGroup { n, rules });
            let after = world.state.after(&changes).unwrap();
            let latitude = Latitude { scim_may_manage_policies: true, ..Latitude::default() };
            let accepted = ENGINE.check(&world.state, &after, &changes, &principal, latitude).is_ok();
            let old = world.state.user_group(&group_id(n)).map(|group| group.policies.to_vec()).unwrap_or_default();
            let new = after.user_group(&group_id(n)).map(|group| group.policies.to_vec()).unwrap_or_default();
            let added = new.iter().filter(|policy| is_new_allow(policy, &old));
            let mut granted = 0;
            for policy in added {
                for group in policy.permission_groups.iter().filter_map(|id| CATALOG.iam_group(id)) {
                    let actions: Vec<_> =
                        group.allows.iter().map(|index| ORACLE.action(CATALOG.permission_at(index))).collect();
                    for scope in policy.resource_groups.iter().filter_map(|id| after.resource_group(id)) {
                        granted += 1;
                        let holds = ORACLE.holds_on_scope(&world.state, caller.subject(), &actions, &scope.scope);
                        prop_assert!(!accepted || holds, "{:?} {} {:?}", caller, group.label, scope.scope);
                    }
                }
            }
            if granted > 0 {
                let mut counts = counts.borrow_mut();
                if accepted { counts.0 += 1 } else { counts.1 += 1 }
            }
            Ok(())
        },
    );
    if let Err(TestError::Fail(reason, (world, ..))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    println!("granted, refused: {counts:?}");
    let (granted, refused) = counts.into_inner();
    assert!(granted >= 10 && refused >= 100, "{granted} {refused}");
}

fn is_new_allow(policy: &Policy, old: &[Policy]) -> bool {
    let same = |one: &Policy| {
        one.permission_groups == policy.permission_groups && one.resource_groups == policy.resource_groups
    };
    policy.access == Effect::Allow && !old.iter().any(|one| one.access == Effect::Allow && same(one))
}

/// A token with all that some IAM permission groups give, somewhere, and perhaps with a deny.
fn bundle_token() -> impl Strategy<Value = Caller> {
    let labels = vec(
        prop::sample::select(vec![
            "domain_dns",
            "domain_admin",
            "domain_admin_readonly",
            "widget_operator",
            "part_reader",
            "billing",
        ]),
        1..4,
    );
    let key = prop_oneof![2 => Just(account_key()), 3 => (0..2u8).prop_map(zone_key)];
    (labels, key, prop::option::weighted(0.3, token_policy())).prop_map(|(labels, key, other)| {
        let permissions = labels.iter().flat_map(|label| CATALOG.iam_group_by_label(label).unwrap().allows.iter());
        let bundle = TokenPolicy {
            id: PolicyId(id(0x60, 1)),
            effect: Effect::Allow,
            permission_groups: permissions.map(|index| CATALOG.permission_at(index).id).collect(),
            resources: [(key.into(), TokenResource::Everything(Star::Star))].into(),
        };
        Caller::AccountToken(account_id(), make_token([bundle].into_iter().chain(other)).into())
    })
}
