//! From a call of the API to what a decision about it is asked on.

use catalog::{Method, ResourceTypeIndex};
use engine::call_target::CallTarget;
use model::change::{Change, Document};
use model::resources::{self, Resource};

use crate::world::{CATALOG, ENGINE, NOW, World, account_id, foreign_account, zone_id, zone_key};

fn target(world: &World, path: &str) -> CallTarget {
    let found = CATALOG.match_operation(Method::Get, path).unwrap_or_else(|| panic!("{path}"));
    ENGINE.call_target(&world.state, &CATALOG.resource_of(&found))
}

#[test]
fn a_call_lands_on_what_its_path_names() {
    let mut world = World::new();
    world.run(|state, environment| resources::create_zone(state, environment, "example.com", zone_id(1)));
    let worker = "com.cloudflare.api.account.worker.0123";
    for (key, name) in [("com.cloudflare.edge.access.policy.0124", "api"), (worker, "api")] {
        let resource = Resource { key: key.into(), name: name.into(), parent: None, created_on: NOW() };
        world.apply(&[Change::Put(Document::Resource(resource.into()))]);
    }
    let (own, other) = (account_id(), foreign_account());
    let resource = |key: &str| CallTarget::Resource(key.into());
    let cases = [
        (format!("/accounts/{own}/members"), CallTarget::Account),
        ("/accounts/{account_id}/members".to_owned(), CallTarget::Account),
        (format!("/accounts/{other}/members"), CallTarget::OtherAccount(other.to_string().into())),
        (format!("/accounts/{other}/workers/scripts/api/settings"), CallTarget::OtherAccount(other.to_string().into())),
        (format!("/zones/{}/dns_records", zone_id(1)), resource(&zone_key(1))),
        (format!("/zones/{}/rulesets", zone_id(1)), resource(&zone_key(1))),
        (format!("/zones/{}/dns_records", zone_id(2)), CallTarget::Unregistered(zone_key(2).into())),
        ("/zones".to_owned(), CallTarget::All(ResourceTypeIndex::ZONE)),
        ("/zones/{zone_id}/dns_records".to_owned(), CallTarget::All(ResourceTypeIndex::ZONE)),
        ("/user".to_owned(), CallTarget::Caller),
        // By id, by name, and not registered at all.
        (format!("/accounts/{own}/workers/scripts/0123/settings"), resource(worker)),
        (format!("/accounts/{own}/workers/scripts/api/settings"), resource(worker)),
        (format!("/accounts/{own}/workers/scripts/web/settings"), CallTarget::Account),
    ];
    for (path, expected) in cases {
        assert_eq!(target(&world, &path), expected, "{path}");
    }
}
