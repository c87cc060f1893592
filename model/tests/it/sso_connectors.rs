//! SSO connectors: the table of section 7, row by row.

use model::change::{Change, Document};
use model::sso_connectors::{
    self as connectors, Finding, NewSsoConnector, SsoConnector, VERIFICATION_WINDOW_SECONDS, Verification,
};
use model::time::Timestamp;

use crate::world::*;

fn create(world: &mut World, domain: &str, begin_verification: bool) -> Result<Vec<Change>, model::problem::Problem> {
    let new = NewSsoConnector {
        email_domain: domain.to_owned(),
        begin_verification,
        use_fedramp_language: false,
        enabled: false,
    };
    world.commit(|state, environment| connectors::create(state, environment, &new, connector_id(0)))
}

/// A connector of that domain, proved.
pub fn verified(world: &mut World, n: u8, domain: &str) {
    let new = NewSsoConnector {
        email_domain: domain.to_owned(),
        begin_verification: true,
        use_fedramp_language: false,
        enabled: false,
    };
    world.run(|state, environment| connectors::create(state, environment, &new, connector_id(n)));
    world.run(|state, environment| Ok((connectors::note(state, environment, connector_id(n), Finding::Found), ())));
}

fn connector(world: &World) -> SsoConnector {
    world.state.sso_connector(&connector_id(0)).unwrap().clone()
}

fn put(world: &mut World, change: impl FnOnce(&mut SsoConnector)) {
    let mut next = connector(world);
    change(&mut next);
    world.state = world.state.after(&[Change::put(Document::SsoConnector(next.into()))]).unwrap();
}

fn at(verification: Verification) -> World {
    let mut world = World::new();
    create(&mut world, "example.com", false).unwrap();
    put(&mut world, |connector| connector.verification = verification);
    world
}

const LATER: i64 = 4_000_000_000_000_000;
fn pending() -> Verification {
    Verification::Pending { deadline: Timestamp::from_micros(LATER) }
}
fn overdue() -> Verification {
    Verification::Pending { deadline: Timestamp::from_micros(0) }
}
fn proved() -> Verification {
    Verification::Verified { since: Timestamp::from_micros(0) }
}

#[test]
fn a_new_connector_waits_or_is_looked_for_at_once() {
    let mut waiting = World::new();
    create(&mut waiting, "Example.COM.", false).unwrap();
    assert_eq!(
        (&*connector(&waiting).email_domain, connector(&waiting).verification),
        ("example.com", Verification::Awaiting)
    );
    let mut sought = World::new();
    let deadline = sought.now().plus_seconds(VERIFICATION_WINDOW_SECONDS);
    create(&mut sought, "example.com", true).unwrap();
    assert_eq!(connector(&sought).verification, Verification::Pending { deadline });
    assert_eq!(connector(&sought).record(), format!("cloudflare_dashboard_sso={}", connector(&sought).code));
}

#[test]
fn begin_verification_starts_what_waits_or_failed_and_leaves_the_rest() {
    let rows = [
        (Verification::Awaiting, "pending"),
        (Verification::Failed, "pending"),
        (pending(), "pending"),
        (proved(), "verified"),
    ];
    for (from, to) in rows {
        let mut world = at(from);
        let code = connector(&world).code;
        let deadline = world.now().plus_seconds(VERIFICATION_WINDOW_SECONDS);
        let changes =
            world.run(|state, environment| connectors::begin_verification(state, environment, connector_id(0)));
        let after = connector(&world);
        assert_eq!((after.verification.as_str(), after.code), (to, code));
        match from {
            Verification::Awaiting | Verification::Failed => {
                assert_eq!(after.verification, Verification::Pending { deadline })
            }
            Verification::Pending { .. } | Verification::Verified { .. } => assert_eq!(changes, []),
        }
    }
}

#[test]
fn what_a_look_up_finds_moves_the_state_as_the_table_says() {
    use Finding::{Found, Missing, MissingTwice};
    let rows = [
        (pending(), Found, "verified", false),
        (overdue(), Found, "verified", false),
        (pending(), Missing, "pending", false),
        (overdue(), Missing, "failed", false),
        (Verification::Awaiting, Found, "awaiting", false),
        (Verification::Failed, Found, "failed", false),
        (proved(), Missing, "verified", false),
        (proved(), MissingTwice, "verified", true),
        (proved(), Found, "verified", false),
    ];
    for (from, finding, to, lapsed) in rows {
        let mut world = at(from);
        world.run(|state, environment| Ok((connectors::note(state, environment, connector_id(0), finding), ())));
        let after = connector(&world);
        assert_eq!((after.verification.as_str(), after.lapsed), (to, lapsed), "{from:?} {finding:?}");
    }
    let gone = World::new();
    assert_eq!(gone.with(|state, environment| connectors::note(state, environment, connector_id(0), Found)), []);
}

#[test]
fn enabling_tells_all_that_is_missing() {
    let enable = |world: &mut World| {
        world.commit(|state, environment| connectors::update(state, environment, connector_id(0), Some(true), None))
    };
    let provider = "Invalid /enabled an identity provider must be bound and tested for the account before a connector is enabled, and none can be bound yet";
    assert_eq!(told(enable(&mut at(proved()))), provider);
    assert_eq!(
        told(enable(&mut at(Verification::Failed))),
        format!(
            "Invalid /enabled domain `example.com` must be verified before the connector is enabled; its verification is failed\n{provider}"
        )
    );
    let mut lapsed = at(proved());
    put(&mut lapsed, |connector| connector.lapsed = true);
    assert!(told(enable(&mut lapsed)).starts_with("Invalid /enabled domain `example.com` must be verified anew"));
    let mut academic = at(proved());
    put(&mut academic, |connector| connector.email_domain = "physics.example.edu".into());
    assert!(
        told(enable(&mut academic))
            .starts_with("Invalid /enabled connectors of `.edu` domains need the operator's approval")
    );
}

#[test]
fn an_enabled_one_is_disabled_at_once_and_only_then_deleted() {
    let mut world = at(proved());
    put(&mut world, |connector| connector.enabled = true);
    let delete = |world: &mut World| world.commit(|state, _| connectors::delete(state, connector_id(0)));
    assert!(told(delete(&mut world)).starts_with("InUse -"));
    let update = |world: &mut World, enabled| {
        world.run(|state, environment| connectors::update(state, environment, connector_id(0), enabled, None))
    };
    assert_eq!(update(&mut world, None), []);
    assert_eq!(update(&mut world, Some(true)), [], "enabled already");
    update(&mut world, Some(false));
    assert_eq!((connector(&world).enabled, connector(&world).verification), (false, proved()));
    delete(&mut world).unwrap();
    assert!(told(delete(&mut world)).starts_with("NotFound"));
}

#[test]
fn a_domain_is_refused_if_it_is_taken_blocked_or_none() {
    let mut world = World::new();
    verified(&mut world, 1, "example.com");
    assert_eq!(
        told(create(&mut world, "EXAMPLE.com", true)),
        "Name /email_domain email_domain `example.com` has a connector already"
    );
    assert!(
        told(create(&mut world, "gmail.com", true))
            .starts_with("Invalid /email_domain email_domain `gmail.com` belongs to a mail provider")
    );
    assert!(told(create(&mut world, "co.uk", true)).contains("public suffix"));
    assert!(!connectors::is_domain_verified(&world.state, "sub.example.com"), "subdomains are not implied (D60)");
    world.rules.limits.sso_connectors = 1;
    assert!(told(create(&mut world, "example.org", true)).starts_with("Quota"));
}
