//! What may be sent as policies, and what is kept of it.

use model::ids::{Id, PolicyId};
use model::policies::{Effect, PolicyInput, ResourceGroupInput};
use model::resource_groups::{Kind, ScopeInput};
use model::rules::Limits;

use crate::world::*;

#[test]
fn policies_and_what_is_in_them_keep_the_order_of_the_client() {
    let mut world = World::new();
    world.make_resource_group(0, "b", &["*"]).unwrap();
    let groups = ["waf_admin", "admin", "dns_admin"];
    let places = vec![ResourceGroupInput::Id(resource_group_id(0).to_string()), ResourceGroupInput::Id(world.whole())];
    let policy = |labels: &[&str]| PolicyInput {
        permission_groups: labels.iter().map(|label| iam(label).to_string()).collect(),
        resource_groups: places.clone(),
        ..allow("admin", "")
    };
    world.make_group(0, "staff", &[policy(&groups), policy(&["billing"]), policy(&["admin"])]).unwrap();
    let stored = &world.state.user_group(&group_id(0)).unwrap().policies;
    assert_eq!(*stored[0].permission_groups, groups.map(iam));
    assert_eq!(*stored[0].resource_groups, [resource_group_id(0), world.state.whole_account_group().unwrap()]);
    assert_eq!(*stored[1].permission_groups, [iam("billing")]);
}

#[test]
fn a_policy_that_is_sent_back_keeps_its_id_and_when_it_was_made() {
    let mut world = World::new();
    let whole = world.whole();
    world.make_group(0, "staff", &[allow("admin", &whole), allow("billing", &whole)]).unwrap();
    let before = world.state.user_group(&group_id(0)).unwrap().policies.clone();
    let with_id = |policy: PolicyInput, id: PolicyId| PolicyInput { id: Some(id.to_string()), ..policy };
    let turned = [with_id(allow("dns_admin", &whole), before[1].id), with_id(allow("admin", &whole), before[0].id)];
    world.set_group(0, &turned).unwrap();
    let after = world.state.user_group(&group_id(0)).unwrap().policies.clone();
    assert_eq!(after[1], before[0]);
    assert_eq!((after[0].id, after[0].created_on), (before[1].id, before[1].created_on));
    assert!(after[0].modified_on > before[1].modified_on);
    // The same without ids: new policies, with new ids (D41).
    world.set_group(0, &[allow("admin", &whole)]).unwrap();
    assert_ne!(world.state.user_group(&group_id(0)).unwrap().policies[0].id, before[0].id);
}

#[test]
fn a_policy_id_must_be_one_of_the_holder_and_come_once() {
    let mut world = World::new();
    let whole = world.whole();
    world.make_group(0, "staff", &[allow("admin", &whole)]).unwrap();
    world.make_group(1, "other", &[allow("admin", &whole)]).unwrap();
    let own = world.state.user_group(&group_id(0)).unwrap().policies[0].id;
    let foreign = world.state.user_group(&group_id(1)).unwrap().policies[0].id;
    let with = |id: &str| PolicyInput { id: Some(id.to_owned()), ..allow("admin", &whole) };
    let unknown = id(0x77, 0).to_string();
    assert_eq!(
        told(world.set_group(
            0,
            &[with(&own.to_string()), with(&own.to_string()), with(&foreign.to_string()), with(&unknown), with("x")]
        )),
        format!(
            "Invalid /policies/1/id policy `{own}` is given twice\n\
             Invalid /policies/2/id policy `{foreign}` is not one of this holder; leave `id` out for a new policy\n\
             Invalid /policies/3/id policy `{unknown}` is not one of this holder; leave `id` out for a new policy\n\
             Invalid /policies/4/id policy `x` is not one of this holder; leave `id` out for a new policy"
        )
    );
}

#[test]
fn an_id_of_the_wrong_catalogue_is_told_where_to_look() {
    let mut world = World::new();
    let token_group = CATALOG.permissions_named("DNS Write").next().unwrap().id.to_string();
    let unknown = id(0x77, 0).to_string();
    let policy = PolicyInput {
        permission_groups: vec![token_group.clone(), unknown.clone(), "x".into()],
        ..allow("admin", world.whole())
    };
    assert_eq!(
        told(world.make_group(0, "staff", &[policy])),
        format!(
            "Invalid /policies/0/permission_groups/0/id `{token_group}` (\"DNS Write\") is a token permission group, which policies of tokens use; for members and user groups take one of GET /accounts/{{account_id}}/iam/permission_groups\n\
             Invalid /policies/0/permission_groups/1/id permission group `{unknown}` not found; GET /accounts/{{account_id}}/iam/permission_groups lists them\n\
             Invalid /policies/0/permission_groups/2/id `x` is not an id: 32 lower-case hex digits are expected"
        )
    );
}

#[test]
fn a_policy_needs_groups_and_places_that_are_here() {
    let mut world = World::new();
    world.set_member(0, &[allow("all_privileges", world.whole()), inline("domain_dns", &[&zone_key(0)])]).unwrap();
    let foreign_anonymous = world.state.member(&member_id(0)).unwrap().policies[1].resource_groups[0];
    let empty = PolicyInput { permission_groups: vec![], resource_groups: vec![], ..allow("admin", "") };
    let unknown = id(0x77, 0);
    assert_eq!(
        told(world.make_group(0, "staff", &[empty, allow("admin", unknown), allow("domain_dns", foreign_anonymous)])),
        format!(
            "Invalid /policies/0/permission_groups permission_groups must not be empty\n\
             Invalid /policies/0/resource_groups resource_groups must not be empty\n\
             Invalid /policies/1/resource_groups/0/id resource group `{unknown}` not found in this account\n\
             Invalid /policies/2/resource_groups/0/id resource group `{foreign_anonymous}` not found in this account"
        )
    );
}

/// Section 2.2, row by row (D13).
#[test]
fn which_permission_group_may_meet_which_scope() {
    let worker = "com.cloudflare.api.account.worker.*";
    let application = "com.cloudflare.edge.access.application.*";
    let (zone, zones) = (zone_key(0), "com.cloudflare.api.account.zone.*");
    let rows: [(&str, &[&str], bool); 14] = [
        ("admin", &["*"], true),
        ("admin", &[&zone], false),
        ("admin", &[zones], false),
        ("admin", &[worker], false),
        ("domain_dns", &["*"], true),
        ("domain_dns", &[&zone], true),
        ("domain_dns", &[zones], true),
        ("domain_dns", &[worker], false),
        ("domain_dns", &[&zone, worker], false),
        ("worker_edit", &["*"], true),
        ("worker_edit", &[&zone], false),
        ("worker_edit", &[worker], true),
        ("worker_edit", &[application], false),
        ("granular_access_app_admin", &[application], true),
    ];
    for (label, objects, fits) in rows {
        let result = World::new().make_group(0, "staff", &[inline(label, objects)]);
        assert_eq!(result.is_ok(), fits, "{label} on {objects:?}");
        if !fits {
            let told = told(result);
            assert!(
                told.starts_with("Pair /policies/0 invalid permission group and resource group combination"),
                "{told}"
            );
        }
    }
}

#[test]
fn there_is_a_limit_to_everything() {
    let mut world = World::new();
    world.rules.limits = Limits {
        policies: 1,
        permission_groups: 1,
        policy_resource_groups: 1,
        objects: 1,
        user_groups: 1,
        resource_groups: 1,
        ..Limits::default()
    };
    let whole = world.whole();
    let one = allow("admin", &whole);
    let two_groups =
        PolicyInput { permission_groups: vec![iam("admin").to_string(), iam("billing").to_string()], ..one.clone() };
    let two_places = PolicyInput {
        resource_groups: vec![ResourceGroupInput::Id(whole.clone()), ResourceGroupInput::Id(whole.clone())],
        ..one.clone()
    };
    assert_eq!(
        told(world.make_group(0, "staff", &[one.clone(), one.clone()])),
        "Quota /policies at most 1 policies are allowed"
    );
    assert_eq!(
        told(world.make_group(0, "staff", &[two_groups])),
        "Quota /policies/0/permission_groups at most 1 permission groups are allowed"
    );
    assert_eq!(
        told(world.make_group(0, "staff", &[two_places])),
        "Quota /policies/0/resource_groups at most 1 resource groups are allowed"
    );
    assert_eq!(
        told(world.make_resource_group(0, "two", &[&zone_key(0), &zone_key(1)])),
        "Quota /scope/objects at most 1 objects are allowed"
    );
    world.make_group(0, "staff", &[]).unwrap();
    assert_eq!(told(world.make_group(1, "more", &[])), "Quota - an account has at most 1 user groups");
    world.make_resource_group(0, "one", &["*"]).unwrap();
    assert_eq!(told(world.make_resource_group(1, "more", &["*"])), "Quota - an account has at most 1 resource groups");
}

#[test]
fn a_scope_in_a_policy_lives_and_dies_with_it() {
    let mut world = World::new();
    world.make_group(0, "staff", &[inline("domain_dns", &[&zone_key(0)])]).unwrap();
    let policy = world.state.user_group(&group_id(0)).unwrap().policies[0].clone();
    let anonymous = policy.resource_groups[0];
    assert_eq!(world.state.resource_group(&anonymous).unwrap().kind, Kind::Anonymous { policy: policy.id });
    assert!(world.state.resource_groups().all(|group| group.id != anonymous), "hidden from the list (D23)");
    // Sent back as a scope or by its id, it stays the same.
    let same = PolicyInput { id: Some(policy.id.to_string()), ..inline("domain_dns", &[&zone_key(0)]) };
    assert_eq!(world.set_group(0, &[same]).unwrap(), []);
    let same = PolicyInput { id: Some(policy.id.to_string()), ..allow("domain_dns", anonymous) };
    assert_eq!(world.set_group(0, &[same]).unwrap(), []);
    world.set_group(0, &[]).unwrap();
    assert!(world.state.resource_group(&anonymous).is_none());
    world.set_group(0, &[inline("domain_dns", &[&zone_key(0)])]).unwrap();
    world.run(|state, _| model::user_groups::delete(state, group_id(0)));
    let left = world.state.documents().filter(|document| matches!(document, model::change::Document::ResourceGroup(group) if matches!(group.kind, Kind::Anonymous { .. })));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_scope_that_a_policy_has_twice_is_one_anonymous_group() {
    let mut world = World::new();
    let once = inline("domain_dns", &[&zone_key(0)]);
    let places = [once.resource_groups.clone(), once.resource_groups.clone()].concat();
    let twice = PolicyInput { resource_groups: places, ..once };
    world.make_group(0, "staff", std::slice::from_ref(&twice)).unwrap();
    let policy = world.state.user_group(&group_id(0)).unwrap().policies[0].clone();
    assert_eq!(policy.resource_groups.len(), 1);
    // Sent again, it is the same group, and nothing has changed.
    let again = PolicyInput { id: Some(policy.id.to_string()), ..twice };
    assert_eq!(world.set_group(0, &[again]).unwrap(), []);
}

#[test]
fn a_scope_names_this_account_and_what_is_registered_in_it() {
    let mut world = World::new();
    let foreign = "com.cloudflare.api.account.a0a0a0a0a0a0a0a0a0a0a0a0a0a0a001";
    let with = |key: &str, objects: &[&str]| PolicyInput {
        resource_groups: vec![ResourceGroupInput::Inline(ScopeInput { key: key.to_owned(), ..scope(objects) })],
        ..allow("domain_dns", "")
    };
    let refused = [
        (with(&account_key(), &[]), "/objects"),
        (with(foreign, &["*"]), "/key"),
        (with("com.cloudflare.api.account.*", &["*"]), "/key"),
        (with("nonsense", &["*"]), "/key"),
        (with(&account_key(), &[&zone_key(9)]), "/objects/0/key"),
        (with(&account_key(), &[&account_key()]), "/objects/0/key"),
        (with(&account_key(), &["com.cloudflare.api.user.*"]), "/objects/0/key"),
        (with(&account_key(), &[&zone_key(0).to_uppercase()]), "/objects/0/key"),
        (with(&account_key(), &["com.cloudflare.api.account.zone.f0*"]), "/objects/0/key"),
        (with(&account_key(), &["*", &zone_key(0)]), "/objects/0/key"),
        (with(&zone_key(9), &["*"]), "/key"),
    ];
    for (policy, at) in refused {
        let told = told(world.make_group(0, "staff", std::slice::from_ref(&policy)));
        assert!(told.starts_with(&format!("Invalid /policies/0/resource_groups/0/scope{at} ")), "{policy:?}: {told}");
    }
    // Repeated objects are one (D12), and the form for one zone becomes the usual one.
    world
        .make_group(0, "staff", &[with(&account_key(), &[&zone_key(0), &zone_key(0)]), with(&zone_key(0), &["*"])])
        .unwrap();
    for policy in &world.state.user_group(&group_id(0)).unwrap().policies {
        let scope = &world.state.resource_group(&policy.resource_groups[0]).unwrap().scope;
        assert_eq!((&*scope.key, scope.shown_objects()), (&*account_key(), &[zone_key(0).into()][..]));
    }
}

#[test]
fn an_answer_lists_at_most_twenty_faults() {
    let policies: Vec<PolicyInput> =
        (0..50).map(|_| PolicyInput { access: Effect::Deny, ..allow("admin", Id::from_bytes([7; 16])) }).collect();
    assert_eq!(World::new().make_group(0, "", &policies).unwrap_err().faults().len(), 20);
}
