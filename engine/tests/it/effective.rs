//! All that somebody may do is what may be done at each place.

use std::collections::BTreeMap;

use catalog::PermissionSet;
use engine::decide::{Source, Spoken};
use engine::explain::effective::Row;
use engine::principal::Principal;
use engine::target::Target;
use model::policies::Effect;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use crate::runs::{Tally, oracle_config};
use crate::world::*;

fn row_of<'a>(rows: &'a [Row], key: &str, target: &Target) -> Option<&'a Row> {
    let mut here = rows.iter().filter(|row| {
        let resources = &row.resources;
        if target.is_account() {
            return resources.account;
        }
        let of_kind = resources.all_of.iter().find(|(kind, _)| *kind == target.kind);
        let by_type = of_kind.is_some_and(|(_, except)| !except.iter().any(|one| **one == *key));
        let by_key = resources.keys.iter().any(|one| **one == *key);
        assert!(!(of_kind.is_some() && by_key), "a key beside its type");
        by_type || by_key
    });
    let row = here.next();
    assert!(here.next().is_none(), "{key} is in two rows");
    row
}

/// Policy by policy, what it allows that is held, or denies that is allowed.
fn evidence(chain: &[Spoken], held: &PermissionSet) -> BTreeMap<(Source, usize), PermissionSet> {
    let allows = chain.iter().filter(|one| one.effect == Effect::Allow);
    let allowed = allows.fold(PermissionSet::EMPTY, |set, one| set | one.permissions);
    let cut = chain.iter().map(|one| {
        let counts = if one.effect == Effect::Allow { *held } else { allowed };
        ((one.source, one.position), one.permissions & counts)
    });
    cut.filter(|(_, permissions)| !permissions.is_empty()).collect()
}

#[test]
fn effective_permissions_are_what_is_held_everywhere() {
    let tally = Tally::default();
    let strategy = (world(60), vec((caller(), 0..8u8), 8));
    let outcome = TestRunner::new(oracle_config(2_000)).run(&strategy, |(world, callers)| {
        let account = &world.state;
        let mut targets = vec![(account_key(), Target::ACCOUNT)];
        let resources = account.resources();
        targets.extend(resources.filter_map(|one| Some((one.key.to_string(), account.resource(&one.key)?))));
        for (caller, n) in &callers {
            let principal = match n {
                0 => Principal::Member(member_id(n % 6)),
                1 => Principal::UserGroup(group_id(n % 4)),
                _ => caller.principal(),
            };
            let rows = ENGINE.effective(account, &principal);
            for (key, target) in &targets {
                let held = ENGINE.held(account, &principal, target);
                let row = row_of(&rows, key, target);
                prop_assert_eq!(row.map(|row| row.permissions).unwrap_or_default(), held, "{} {:?}", key, rows);
                if let Some(row) = row {
                    let mut chain = ENGINE.explain(account, &principal, &held, target).chain;
                    let denied = CATALOG.permissions().iter().map(|one| one.index).filter(|one| !held.contains(*one));
                    let rest = ENGINE.explain(account, &principal, &denied.collect(), target).chain;
                    for one in rest {
                        if !chain.iter().any(|known| (known.source, known.position) == (one.source, one.position)) {
                            chain.push(one);
                        }
                    }
                    let told: BTreeMap<_, _> =
                        row.policies.iter().map(|one| ((one.source, one.position), one.permissions)).collect();
                    prop_assert_eq!(told, evidence(&chain, &held));
                }
                tally.note("compared");
            }
            let mut values: Vec<_> = rows.iter().map(|row| (row.permissions, row.policies.clone())).collect();
            values.dedup();
            prop_assert_eq!(values.len(), rows.len());
            tally.note_many("singled out", rows.iter().map(|row| row.resources.keys.len()).sum::<usize>());
        }
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, (world, ..))) => panic!("{reason}\n{world:?}"),
        other => other.unwrap_or_else(|error| panic!("{error}")),
    }
    tally.print("effective permissions");
    assert!(tally.count("compared") >= 100_000 && tally.count("singled out") >= 3_000);
}
