//! Resource groups and zones.

use model::names::NameKey;
use model::resource_groups as groups;
use model::resources;

use crate::world::*;

#[test]
fn a_name_is_free_well_formed_and_not_reserved() {
    let mut world = World::new();
    world.make_resource_group(0, "Shops", &["*"]).unwrap();
    assert_eq!(
        told(world.make_resource_group(1, " sHOPS", &["*"])),
        "Name /name resource group `sHOPS` already exists"
    );
    assert_eq!(
        told(world.make_resource_group(1, "Com.Cloudflare.x", &["*"])),
        "Name /name names that begin with `com.cloudflare.` are reserved"
    );
    assert_eq!(
        told(world.make_resource_group(1, " ", &[])),
        "Name /name name must not be empty\nInvalid /scope/objects objects must not be empty; use `[{\"key\": \"*\"}]` for everything"
    );
    world.make_resource_group(1, "com.cloudflare", &["*"]).unwrap();
}

#[test]
fn one_that_is_in_use_is_not_deleted() {
    let mut world = World::new();
    world.make_resource_group(0, "shops", &[&zone_key(0)]).unwrap();
    let delete = |world: &mut World| world.commit(|state, _| groups::delete(state, resource_group_id(0)));
    let refusal = |told: &str| format!("InUse - resource group `{}` cannot be deleted: {told}", resource_group_id(0));
    world.make_group(0, "staff", &[allow("domain_dns", resource_group_id(0))]).unwrap();
    assert_eq!(told(delete(&mut world)), refusal("1 policy uses it"));
    world.invite(1, &[allow("domain_dns", resource_group_id(0))]).unwrap();
    assert_eq!(told(delete(&mut world)), refusal("2 policies use it"));
    world.set_group(0, &[]).unwrap();
    world.run(|state, _| model::members::delete(state, member_id(1)));
    delete(&mut world).unwrap();
    assert_eq!(told(delete(&mut world)), format!("NotFound - resource group `{}` not found", resource_group_id(0)));
}

#[test]
fn what_the_server_made_is_not_edited() {
    let mut world = World::new();
    world.make_group(0, "staff", &[inline("domain_dns", &[&zone_key(0)])]).unwrap();
    let anonymous = world.state.user_group(&group_id(0)).unwrap().policies[0].resource_groups[0];
    let built_in = [
        world.state.whole_account_group(),
        world.state.resource_group_named(&NameKey::of(&zone_key(0))),
        Some(anonymous),
    ];
    for id in built_in.map(Option::unwrap) {
        let update = world.commit(|state, environment| groups::update(state, environment, id, Some("mine"), None));
        assert!(told(update).starts_with("BuiltIn -"));
        let delete = world.commit(|state, _| groups::delete(state, id));
        assert!(told(delete).starts_with("BuiltIn -"));
    }
}

#[test]
fn a_scope_is_replaced_as_a_whole_if_its_policies_still_fit() {
    let mut world = World::new();
    world.make_resource_group(0, "shops", &["*"]).unwrap();
    world.make_group(0, "staff", &[allow("admin", resource_group_id(0))]).unwrap();
    let update = |world: &mut World, name: Option<&str>, objects: Option<&[&str]>| {
        let scope = objects.map(scope);
        world
            .commit(|state, environment| groups::update(state, environment, resource_group_id(0), name, scope.as_ref()))
    };
    assert!(
        told(update(&mut world, None, Some(&[&zone_key(0)])))
            .starts_with("Pair /scope invalid permission group and resource group combination")
    );
    assert_eq!(update(&mut world, Some("shops"), Some(&["*"])).unwrap(), []);
    assert_eq!(update(&mut world, None, None).unwrap(), []);
    world.set_group(0, &[]).unwrap();
    update(&mut world, None, Some(&[&zone_key(1)])).unwrap();
    let group = world.state.resource_group(&resource_group_id(0)).unwrap();
    assert_eq!((&*group.name, group.scope.shown_objects()), ("shops", &[zone_key(1).into()][..]));
    assert!(group.modified_on > group.created_on);
}

#[test]
fn a_zone_has_a_group_of_its_own_until_it_goes() {
    let mut world = World::new();
    let own = NameKey::of(&zone_key(0));
    assert!(world.state.resource_group_named(&own).is_some());
    assert_eq!(
        told(world.commit(|state, environment| resources::create_zone(
            state,
            environment,
            "ZONE0.example.com.",
            zone_id(7)
        ))),
        "AlreadyExists /name zone `zone0.example.com` already exists"
    );
    world.run(|state, _| resources::delete_zone(state, zone_id(0)));
    assert!(world.state.resource_group_named(&own).is_none());
    assert!(told(world.commit(|state, _| resources::delete_zone(state, zone_id(0)))).starts_with("NotFound"));
}

#[test]
fn the_key_of_a_removed_zone_stays_in_groups_and_never_becomes_everything() {
    let mut world = World::new();
    let own = world.state.resource_group_named(&NameKey::of(&zone_key(0))).unwrap();
    world.make_resource_group(0, "shops", &[&zone_key(0)]).unwrap();
    world.make_group(0, "staff", &[allow("domain_dns", own)]).unwrap();
    world.run(|state, _| resources::delete_zone(state, zone_id(0)));
    for id in [own, resource_group_id(0)] {
        let scope = &world.state.resource_group(&id).unwrap().scope;
        assert_eq!(scope.objects().unwrap(), [zone_key(0).into()]);
    }
    // The group that is left over of the zone is not one that people made.
    assert_eq!(world.state.custom_resource_group_count(), 1);
}
