//! The smallest token against every token there is, on small random catalogues, and against the decisions themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use catalog::{Access, Catalog, Method, PermissionIndex, PermissionSet, ResourceTypeIndex};
use engine::call_target::CallTarget;
use engine::least_privilege::{LeastPolicy, LeastPrivilege, Place, Unserved, Wanted};
use engine::principal::Principal;
use engine::target::Target;
use engine::{Account, Engine};
use model::ids::{PolicyId, TokenId};
use model::policies::Effect;
use model::resources;
use model::tokens::{Condition, Digest, Token, TokenPolicy, TokenStatus};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{CATALOG, ENGINE, NOW, World, account_id, id, user_id, zone_id, zone_key};

/// An account with three zones; no call names the third, which stands for those to come.
static STATE: LazyLock<Account> = LazyLock::new(|| {
    let mut world = World::new();
    for n in [1, 2, 3] {
        world.run(|state, environment| {
            resources::create_zone(state, environment, &format!("zone{n}.example"), zone_id(n))
        });
    }
    world.state
});

/// The same account, as decisions over another catalogue see it.
fn compiled(engine: &Engine) -> Account {
    Account::compile(engine, STATE.state().clone())
}

fn zone(n: u8) -> CallTarget {
    CallTarget::Resource(zone_key(n).into())
}

fn wanted(path: &str, method: Method) -> Wanted {
    let found = CATALOG.match_operation(method, path).unwrap_or_else(|| panic!("{path}"));
    Wanted { accepts: found.operation.accepts, target: ENGINE.call_target(&STATE, &CATALOG.resource_of(&found)) }
}

/// The policies as a reader sees them: places, then names.
fn shown(engine: &Engine, policies: &[LeastPolicy]) -> Vec<(String, Vec<String>)> {
    let shown = policies.iter().map(|policy| {
        let resources = serde_json::to_string(&engine.token_resources(&STATE, &policy.places)).unwrap();
        let names =
            policy.permission_groups.iter().map(|index| engine.catalog().permission_at(*index).name.to_string());
        (resources.replace(&account_id().to_string(), "A").replace("com.cloudflare.api.", ""), names.collect())
    });
    shown.collect()
}

fn least(calls: &[(Method, &str)]) -> LeastPrivilege {
    let calls: Vec<_> = calls.iter().map(|(method, path)| wanted(path, *method)).collect();
    let least = ENGINE.least_privilege(&STATE, None, &calls);
    assert!(least.is_smallest);
    assert_serves_and_needs_all(&ENGINE, &calls, &least);
    least
}

#[test]
fn permissions_of_zones_land_on_zones_and_those_of_accounts_on_the_account() {
    let (z1, z2) = (zone_id(1), zone_id(2));
    let least = least(&[
        (Method::Get, &format!("/zones/{z1}/dns_records")),
        (Method::Get, &format!("/zones/{z2}/dns_records?page=2")),
        (Method::Post, &format!("/zones/{z2}/purge_cache")),
        (Method::Get, &format!("/accounts/{}/members", account_id())),
    ]);
    let one = |key: String| format!(r#"{{"account{}":"*"}}"#, key.trim_start_matches("com.cloudflare.api.account"));
    let expected = [
        (one(".A".to_owned()), vec!["Account Settings Read".to_owned()]),
        (one(zone_key(1)), vec!["DNS Read".to_owned()]),
        (one(zone_key(2)), vec!["Cache Purge".to_owned(), "DNS Read".to_owned()]),
    ];
    assert_eq!(shown(&ENGINE, &least.policies), expected);
}

#[test]
fn writing_brings_reading_along_and_zones_asked_alike_share_a_policy() {
    let (z1, z2) = (zone_id(1), zone_id(2));
    let least = least(&[
        (Method::Get, &format!("/zones/{z1}/dns_records")),
        (Method::Post, &format!("/zones/{z1}/dns_records")),
        (Method::Get, &format!("/zones/{z2}/dns_records")),
        (Method::Post, &format!("/zones/{z2}/dns_records")),
    ]);
    assert_eq!(least.policies.len(), 1);
    assert_eq!(least.policies[0].places.len(), 2);
    assert_eq!(shown(&ENGINE, &least.policies)[0].1, ["DNS Write"]);
    // What an operation is named by is served too: by all zones, the account itself left out.
    let all = Wanted {
        target: CallTarget::All(ResourceTypeIndex::ZONE),
        ..wanted("/zones/{zone_id}/dns_records", Method::Get)
    };
    let least = ENGINE.least_privilege(&STATE, None, &[all]);
    let expected = (r#"{"account.A":{"account.zone.*":"*"}}"#.to_owned(), vec!["DNS Read".to_owned()]);
    assert_eq!(shown(&ENGINE, &least.policies), [expected]);
}

#[test]
fn what_cannot_be_served_is_told() {
    let other = CallTarget::OtherAccount("x".into());
    let nothing = |target: CallTarget| Wanted { accepts: None, target };
    let dns_read: PermissionSet = CATALOG.permissions_named("DNS Read").map(|one| one.index).collect();
    let calls = [
        nothing(CallTarget::Account),
        Wanted { accepts: Some(dns_read), target: other },
        Wanted { accepts: Some(dns_read), target: CallTarget::Unregistered(zone_key(9).into()) },
        Wanted { accepts: Some(dns_read), target: CallTarget::Account },
        wanted("/user", Method::Get),
    ];
    let least = ENGINE.least_privilege(&STATE, None, &calls);
    let expected = [
        Unserved::NothingKnown,
        Unserved::OtherAccount("x".into()),
        Unserved::Unregistered(zone_key(9).into()),
        Unserved::NothingApplies,
        Unserved::NoUser,
    ];
    assert_eq!(least.calls, expected.map(Err));
    assert_eq!(least.policies, []);
    let least = ENGINE.least_privilege(&STATE, Some(user_id(0)), &calls[4..]);
    let expected = (format!(r#"{{"user.{}":"*"}}"#, user_id(0)), vec!["User Details Read".to_owned()]);
    assert_eq!(shown(&ENGINE, &least.policies), [expected]);
}

#[test]
fn every_operation_of_the_catalogue_at_once_is_served() {
    let calls: Vec<_> = CATALOG
        .operations()
        .iter()
        .filter(|operation| operation.accepts.is_some())
        .map(|operation| wanted(&operation.path, operation.method))
        .filter(|wanted| wanted.target != CallTarget::Caller)
        .collect();
    let least = ENGINE.least_privilege(&STATE, None, &calls);
    assert!(least.is_smallest);
    assert!(least.calls.iter().all(Result::is_ok));
    assert_serves_and_needs_all(&ENGINE, &calls, &least);
}

#[test]
fn a_search_without_end_is_given_up_with_an_answer() {
    // Three hundred permissions that imply nothing, and needs of three each that chain everything together.
    let kinds: Kinds = (0..300).map(|_| (false, 0, 2)).collect();
    let (engine, own) = small_catalog(&kinds);
    let mut seed = 7_usize;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        own[(seed >> 33) % own.len()]
    };
    let accepts = |_| Some([next(), next(), next()].into_iter().collect());
    let calls: Vec<_> = (0..400).map(accepts).map(|accepts| Wanted { accepts, target: CallTarget::Account }).collect();
    let start = std::time::Instant::now();
    let least = engine.least_privilege(&STATE, None, &calls);
    assert!(!least.is_smallest);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    let token = Arc::new(engine.compile_token(&Arc::new(token(&engine, &least.policies))));
    let principal = Principal::AccountToken { account: account_id(), token };
    let account = compiled(&engine);
    assert!(calls.iter().all(|call| allows(&account, &principal, call)));
}

/// The token with these grants allows exactly those of the calls that are served; without any one of its permission
/// groups it does not.
fn assert_serves_and_needs_all(engine: &Engine, calls: &[Wanted], least: &LeastPrivilege) {
    let account = compiled(engine);
    let allowed = |policies: &[LeastPolicy]| -> Vec<bool> {
        let token = Arc::new(engine.compile_token(&Arc::new(token(engine, policies))));
        let principal = Principal::AccountToken { account: account_id(), token };
        calls.iter().map(|call| allows(&account, &principal, call)).collect()
    };
    let served: Vec<bool> = least.calls.iter().map(Result::is_ok).collect();
    assert_eq!(allowed(&least.policies), served);
    for (at, policy) in least.policies.iter().enumerate() {
        for group in &policy.permission_groups {
            for place in &policy.places {
                // Without this group at this place.
                let mut fewer = least.policies.clone();
                fewer[at].places.retain(|other| other != place);
                let others = policy.permission_groups.iter().copied().filter(|other| other != group).collect();
                fewer.push(LeastPolicy { permission_groups: others, places: vec![place.clone()] });
                assert_ne!(allowed(&fewer), served, "{group:?} on {place:?} is idle");
            }
        }
    }
}

fn token(engine: &Engine, policies: &[LeastPolicy]) -> Token {
    let policies = policies.iter().map(|policy| TokenPolicy {
        id: PolicyId(id(0x60, 0)),
        effect: Effect::Allow,
        permission_groups: policy
            .permission_groups
            .iter()
            .map(|index| engine.catalog().permission_at(*index).id)
            .collect(),
        resources: engine.token_resources(&STATE, &policy.places),
    });
    Token {
        id: TokenId(id(0x61, 0)),
        name: "least".into(),
        status: TokenStatus::Active,
        digest: Some(Digest([0; 32])),
        created_by: None,
        policies: policies.collect(),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: NOW(),
        modified_on: NOW(),
    }
}

/// Asks the engine; about all zones, on each that there is.
fn allows(account: &Account, principal: &Principal, call: &Wanted) -> bool {
    let engine = account.engine();
    let Some(accepts) = call.accepts else { return false };
    let on = |key: &str| {
        let target = account.resource(key);
        target.is_some_and(|target| engine.decide(account, principal, &accepts, &target).allowed)
    };
    match &call.target {
        CallTarget::Account => engine.decide(account, principal, &accepts, &Target::ACCOUNT).allowed,
        CallTarget::Resource(key) => on(key),
        CallTarget::All(_) => [1, 2, 3].into_iter().all(|n| on(&zone_key(n))),
        CallTarget::Caller | CallTarget::OtherAccount(_) | CallTarget::Unregistered(_) => false,
    }
}

/// A few permissions: scope, family, access.
type Kinds = Vec<(bool, u8, u8)>;

/// A catalogue with some permissions of its own, whose names do not sort by power.
fn small_catalog(kinds: &Kinds) -> (Engine, Vec<PermissionIndex>) {
    let entries: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(at, (of_zone, family, access))| {
            let (scope, access) =
                (if *of_zone { "zone" } else { "account" }, ["read", "write", "other"][usize::from(*access)]);
            let name = format!("T{} {at}", (at * 7 + usize::from(*family)) % 5);
            format!(r#"{{"name": "{name}", "scope": "{scope}", "family": "F{family}", "access": "{access}"}}"#)
        })
        .collect();
    static BUILTIN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    let text = format!(r#"{{"token_permission_groups": [{}]}}"#, entries.join(","));
    let before = BUILTIN.permissions().len();
    let catalog = BUILTIN.clone().with_file(&text, "small").unwrap();
    let own = catalog.permissions()[before..].iter().map(|one| one.index).collect();
    (Engine::new(Arc::new(catalog)), own)
}

type Grant = (Place, PermissionIndex);

fn places() -> [Place; 4] {
    let zone = |n| Place::Resource(2, zone_key(n).into());
    [Place::Account, Place::All(ResourceTypeIndex::ZONE), zone(1), zone(2)]
}

/// What is gained by a grant (D6), from the fields alone.
fn gained(catalog: &Catalog, grants: &BTreeSet<Grant>) -> BTreeSet<Grant> {
    let mut gained = grants.clone();
    for (place, index) in grants {
        let permission = catalog.permission_at(*index);
        let reads = catalog.permissions().iter().filter(|other| {
            permission.access == Access::Write
                && other.access == Access::Read
                && (other.scope, &other.family) == (permission.scope, &permission.family)
        });
        gained.extend(reads.map(|read| (place.clone(), read.index)));
    }
    gained
}

/// Whether grants let a call through: by a permission that it accepts, where it reaches.
fn lets_through(call: &Wanted, gained: &BTreeSet<Grant>) -> bool {
    gained.iter().any(|(place, index)| {
        let reaches = match (&call.target, place) {
            (_, Place::Account) => true,
            (CallTarget::All(_) | CallTarget::Resource(_), Place::All(_)) => true,
            (CallTarget::Resource(key), Place::Resource(_, other)) => key == other,
            _ => false,
        };
        reaches && call.accepts.is_some_and(|accepts| accepts.contains(*index))
    })
}

/// Of all grants there are, the smallest, as the module defines it: place by place from wide to narrow.
fn brute_force(engine: &Engine, own: &[PermissionIndex], calls: &[Wanted]) -> BTreeSet<Grant> {
    let catalog = engine.catalog();
    let of_scope = |place: &Place, index: &PermissionIndex| {
        (catalog.permission_at(*index).scope == ResourceTypeIndex::ACCOUNT) == (*place == Place::Account)
    };
    let grants: Vec<Grant> = places()
        .into_iter()
        .flat_map(|place| {
            own.iter().filter(|index| of_scope(&place, index)).map(|index| (place.clone(), *index)).collect::<Vec<_>>()
        })
        .collect();
    assert!(grants.len() <= 16);
    let size = |chosen: &BTreeSet<Grant>| {
        let gained = gained(catalog, chosen);
        let of = |place: &Place, grants: &BTreeSet<Grant>| grants.iter().filter(|(other, _)| other == place).count();
        let ranks = |place: &Place| {
            let mut ranks: Vec<_> = chosen
                .iter()
                .filter(|(other, _)| other == place)
                .map(|grant| {
                    let power = self::gained(catalog, &BTreeSet::from([grant.clone()])).len();
                    (power, catalog.permission_at(grant.1).name.clone())
                })
                .collect();
            ranks.sort();
            ranks
        };
        places().map(|place| (of(&place, &gained), of(&place, chosen), ranks(&place)))
    };
    let all = (0..1u32 << grants.len()).map(|bits| -> BTreeSet<Grant> {
        grants.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, grant)| grant.clone()).collect()
    });
    let enough = all.filter(|chosen| {
        let gained = gained(catalog, chosen);
        calls.iter().all(|call| lets_through(call, &gained))
    });
    enough.min_by_key(size).unwrap()
}

fn kinds() -> impl Strategy<Value = Kinds> {
    // Three of accounts and three of zones give 3 + 3 × 3 grants.
    let of = |of_zone: bool| vec((Just(of_zone), 0..2u8, 0..3u8), 1..4);
    (of(false), of(true)).prop_map(|(account, zone)| account.into_iter().chain(zone).collect())
}

/// What is accepted, as bits, and where.
fn questions() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((1..64u8, 0..4u8), 1..7)
}

fn calls(own: &[PermissionIndex], questions: &[(u8, u8)]) -> Vec<Wanted> {
    let call = |(bits, place): &(u8, u8)| {
        let accepted = own.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, index)| *index);
        let target = match place {
            0 => CallTarget::Account,
            1 => CallTarget::All(ResourceTypeIndex::ZONE),
            n => zone(n - 1),
        };
        Wanted { accepts: Some(accepted.collect()), target }
    };
    questions.iter().map(call).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_token_is_smaller(kinds in kinds(), questions in questions()) {
        let (engine, own) = small_catalog(&kinds);
        let calls = calls(&own, &questions);
        let least = engine.least_privilege(&STATE, None, &calls);
        prop_assert!(least.is_smallest);
        assert_serves_and_needs_all(&engine, &calls, &least);
        // What cannot be served is what nothing accepted applies to.
        let servable: Vec<Wanted> = calls
            .iter()
            .filter(|call| {
                let on_account = call.target == CallTarget::Account;
                call.accepts.unwrap().iter().any(|index| {
                    !on_account || engine.catalog().permission_at(index).scope == ResourceTypeIndex::ACCOUNT
                })
            })
            .cloned()
            .collect();
        prop_assert_eq!(servable.len(), least.calls.iter().filter(|served| served.is_ok()).count());
        let expected = brute_force(&engine, &own, &servable);
        let mut grants = BTreeMap::<Place, BTreeSet<PermissionIndex>>::new();
        for policy in &least.policies {
            for place in &policy.places {
                prop_assert!(grants.insert(place.clone(), policy.permission_groups.iter().copied().collect()).is_none());
            }
        }
        let found: BTreeSet<Grant> =
            grants.into_iter().flat_map(|(place, set)| set.into_iter().map(move |index| (place.clone(), index))).collect();
        prop_assert_eq!(found, expected);
    }
}

// Larger needs on one place: too many tokens to try all, but not too many choices of permissions.
proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_choice_on_one_place_is_smaller(
        kinds in vec((Just(false), 0..5u8, 0..3u8), 8..13),
        questions in vec(1..4096u16, 1..12),
    ) {
        let (engine, own) = small_catalog(&kinds);
        let sets: Vec<PermissionSet> = questions
            .iter()
            .map(|bits| own.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, index)| *index).collect())
            .filter(|set: &PermissionSet| !set.is_empty())
            .collect();
        let calls: Vec<_> = sets.iter().map(|set| Wanted { accepts: Some(*set), target: CallTarget::Account }).collect();
        let least = engine.least_privilege(&STATE, None, &calls);
        prop_assert!(least.is_smallest);
        let found: PermissionSet = least.policies.iter().flat_map(|policy| policy.permission_groups.iter().copied()).collect();

        let closure = |set: &PermissionSet| engine.catalog().allow_closure(*set);
        let size = |set: &PermissionSet| {
            let rank = |index| {
                let permission = engine.catalog().permission_at(index);
                (closure(&[index].into_iter().collect()).len(), permission.name.clone())
            };
            let mut ranks: Vec<_> = set.iter().map(rank).collect();
            ranks.sort();
            (closure(set).len(), set.len(), ranks)
        };
        let all = (0..1u32 << own.len()).map(|bits| -> PermissionSet {
            own.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, index)| *index).collect()
        });
        let enough = all.filter(|set| sets.iter().all(|need| need.intersects(&closure(set))));
        let expected = enough.min_by_key(size).unwrap();
        prop_assert_eq!(found, expected);
    }
}
