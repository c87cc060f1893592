//! D16 and D19 for every account and every sequence of operations.

use std::collections::BTreeSet;

use engine::invariants::Latitude;
use engine::principal::Principal;
use model::change::{Change, Document};
use model::ids::MemberId;
use model::members::{Member, Standing};
use model::policies::Effect;
use model::tokens::{Star, TokenPolicy, TokenResource};
use proptest::collection::vec;
use proptest::prelude::*;

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
            Some(Change::put(Document::Member(Member { standing: Standing::Accepted { user, since: NOW() }, ..Member::clone(&member) }.into())))
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
        id: model::ids::PolicyId(id(0x60, 0)),
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
            if ENGINE.check(&world.state, &after, &changes, &principal, Latitude { scim_may_manage_policies }).is_ok() {
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
