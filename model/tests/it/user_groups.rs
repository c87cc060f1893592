//! User groups and who is in them.

use model::user_group_members as places;
use model::user_groups;

use crate::world::*;

#[test]
fn a_name_is_taken_once_whatever_its_case_and_composition() {
    let mut world = World::new();
    world.make_group(0, "  Caf\u{e9} ", &[]).unwrap();
    assert_eq!(&*world.state.user_group(&group_id(0)).unwrap().name, "Caf\u{e9}");
    for taken in ["Caf\u{e9}", "CAFE\u{301}", "\tcafe\u{301}"] {
        assert_eq!(
            told(world.make_group(1, taken, &[])),
            format!("Name /name user group `{}` already exists", taken.trim())
        );
    }
    // Its own name, in another case, is free for itself.
    world.run(|state, environment| user_groups::update(state, environment, group_id(0), Some("CAF\u{c9}"), None));
    assert_eq!(&*world.state.user_group(&group_id(0)).unwrap().name, "CAF\u{c9}");
}

#[test]
fn a_name_has_1_to_255_characters_and_none_that_controls() {
    let mut world = World::new();
    assert_eq!(told(world.make_group(0, "   ", &[])), "Name /name name must not be empty");
    assert_eq!(
        told(world.make_group(0, &"\u{e9}".repeat(256), &[])),
        "Name /name name must have at most 255 characters"
    );
    assert_eq!(told(world.make_group(0, "a\u{7}b", &[])), "Name /name name must not have control characters");
    world.make_group(0, &"\u{e9}".repeat(255), &[]).unwrap();
}

#[test]
fn what_is_absent_stays() {
    let mut world = World::new();
    world.make_group(0, "staff", &[allow("admin", world.whole())]).unwrap();
    let before = world.state.user_group(&group_id(0)).unwrap().clone();
    world.run(|state, environment| user_groups::update(state, environment, group_id(0), Some("crew"), None));
    let renamed = world.state.user_group(&group_id(0)).unwrap().clone();
    assert_eq!((&*renamed.name, &renamed.policies), ("crew", &before.policies));
    world.set_group(0, &[]).unwrap();
    let emptied = world.state.user_group(&group_id(0)).unwrap();
    assert_eq!((&*emptied.name, emptied.policies.len()), ("crew", 0));
    assert_eq!(
        world.run(|state, environment| user_groups::update(state, environment, group_id(0), Some("crew"), Some(&[]))),
        []
    );
}

#[test]
fn adding_and_replacing_members_twice_is_as_once() {
    let mut world = World::new();
    world.make_group(0, "staff", &[]).unwrap();
    (1..4).for_each(|n| drop(world.invite(n, &[]).unwrap()));
    let ids = |members: &[u8]| members.iter().map(|n| member_id(*n).to_string()).collect::<Vec<_>>();
    let inside = |world: &World| world.state.group_members(group_id(0)).collect::<Vec<_>>();
    let add = |world: &mut World, members: &[u8]| {
        world.run(|state, environment| places::add(state, environment, group_id(0), &ids(members), ""))
    };
    let replace = |world: &mut World, members: &[u8]| {
        world.run(|state, environment| places::replace(state, environment, group_id(0), &ids(members), ""))
    };
    assert_eq!(add(&mut world, &[2, 1, 2]).len(), 2);
    assert_eq!(add(&mut world, &[1, 2]), []);
    let since = world.state.in_group_since(member_id(1), group_id(0));
    assert_eq!(replace(&mut world, &[3, 1]).len(), 2);
    assert_eq!(replace(&mut world, &[1, 3]), []);
    assert_eq!(inside(&world), [member_id(1), member_id(3)]);
    assert_eq!(world.state.in_group_since(member_id(1), group_id(0)), since, "who stays is there since then");
    let (_, returned) =
        world.with(|state, environment| places::add(state, environment, group_id(0), &ids(&[3, 2, 1]), "")).unwrap();
    assert_eq!(returned, [3, 2, 1].map(member_id), "in the order of the request");
    replace(&mut world, &[]);
    assert_eq!(inside(&world), []);
    assert!(world.state.user_group(&group_id(0)).is_some());
}

#[test]
fn one_unknown_member_and_nobody_is_added() {
    let mut world = World::new();
    world.make_group(0, "staff", &[]).unwrap();
    let (known, unknown) = (member_id(0).to_string(), member_id(9).to_string());
    let added = world.commit(|state, environment| {
        places::add(state, environment, group_id(0), &[known, unknown.clone(), "x".into()], "/members")
    });
    assert_eq!(
        told(added),
        format!(
            "Invalid /members/1/id member `{unknown}` not found in this account\nInvalid /members/2/id member `x` not found in this account"
        )
    );
    assert_eq!(world.state.group_size(group_id(0)), 0);
    assert_eq!(
        told(world.commit(|state, _| places::remove(state, group_id(0), member_id(0)))),
        format!("NotFound - user group member `{}` not found", member_id(0))
    );
}

#[test]
fn a_member_is_in_so_many_groups_and_a_request_has_so_many_members() {
    let mut world = World::new();
    world.rules.limits.groups_per_member = 1;
    world.rules.limits.members_per_request = 1;
    world.make_group(0, "staff", &[]).unwrap();
    world.make_group(1, "crew", &[]).unwrap();
    let add = |world: &mut World, group, members: Vec<String>| {
        world.commit(|state, environment| places::add(state, environment, group_id(group), &members, ""))
    };
    let zero = || member_id(0).to_string();
    assert_eq!(told(add(&mut world, 0, vec![zero(), zero()])), "Quota  at most 1 members are allowed in one request");
    add(&mut world, 0, vec![zero()]).unwrap();
    assert!(told(add(&mut world, 1, vec![zero()])).starts_with("Quota /0/id"));
}
