//! Members: who may be one, how far a membership has come, and what its roles are.

use model::change::{Change, Document, DocumentId};
use model::members::{self, Grants, Member, NewMember, Standing};
use model::user_group_members;
use model::users::User;

use crate::world::*;

fn new(email: &str, accepted: bool) -> NewMember {
    NewMember {
        email: email.to_owned(),
        grants: Grants::Policies(vec![]),
        accepted,
        api_access: None,
        invited_by: String::new(),
    }
}

fn role(label: &str) -> String {
    CATALOG.iam_group_by_label(label).unwrap().role.unwrap().to_string()
}

fn standing(world: &World, n: u8) -> &'static str {
    world.state.member(&member_id(n)).unwrap().standing.as_str()
}

fn put(world: &mut World, n: u8, standing: Standing) {
    let member = world.state.member(&member_id(n)).unwrap().clone();
    world.state = world.state.after(&[Change::put(Document::Member(Member { standing, ..member }.into()))]).unwrap();
}

#[test]
fn an_address_is_checked_and_kept_as_given() {
    let mut world = World::new();
    let mut create = |email: &str| {
        world.commit(|state, environment| members::create(state, environment, &new(email, false), member_id(1), None))
    };
    for bad in ["", "user", "@example.com", "a b@example.com", &format!("{}@example.com", "x".repeat(80))] {
        assert!(told(create(bad)).starts_with("Invalid /email email must"), "{bad}");
    }
    create(" Bea@Example.COM ").unwrap();
    assert_eq!(world.state.member(&member_id(1)).unwrap().email.as_str(), "Bea@Example.COM");
}

#[test]
fn posting_an_address_again_invites_again_unless_it_is_a_member() {
    let mut world = World::new();
    let whole = world.whole();
    world.invite(1, &[allow("admin", &whole)]).unwrap();
    let first = world.state.member(&member_id(1)).unwrap().clone();
    let again = NewMember {
        email: email(1).to_uppercase(),
        grants: Grants::Policies(vec![allow("billing", &whole)]),
        accepted: false,
        api_access: None,
        invited_by: String::new(),
    };
    // Pending: the policies are replaced and the invitation is made anew, for the same member.
    world.run(|state, environment| members::create(state, environment, &again, member_id(9), None));
    let second = world.state.member(&member_id(1)).unwrap().clone();
    assert_eq!(world.state.member_count(), 2);
    assert_eq!(*second.policies[0].permission_groups, [iam("billing")]);
    assert_eq!((second.created_on, second.email.clone()), (first.created_on, first.email));
    assert_ne!(second.standing, first.standing);
    // Rejected: back to pending.
    let now = world.now();
    put(&mut world, 1, Standing::Rejected { since: now });
    world.run(|state, environment| members::create(state, environment, &again, member_id(9), None));
    assert_eq!(standing(&world, 1), "pending");
    // Accepted: refused.
    put(&mut world, 1, Standing::Accepted { user: user_id(1), since: now });
    let refused = world.commit(|state, environment| members::create(state, environment, &again, member_id(9), None));
    assert_eq!(told(refused), "AlreadyExists /email `USER1@EXAMPLE.COM` is already a member of this account");
}

#[test]
fn accepted_at_once_asks_for_a_verified_user_and_a_reason_to_trust() {
    let verified = user(1);
    let unverified = User { email_verified: false, ..user(1) };
    let create = |world: &mut World, user: Option<&User>| {
        world
            .commit(|state, environment| members::create(state, environment, &new(&email(1), true), member_id(1), user))
    };
    let refusal = "Invalid /status Invalid request: automatic verification of new members is not allowed";
    assert_eq!(told(create(&mut World::new(), Some(&verified))), refusal);
    let mut direct = World::new();
    direct.rules.allow_direct_add = true;
    assert_eq!(told(create(&mut direct, None)), refusal);
    assert_eq!(told(create(&mut direct, Some(&unverified))), refusal);
    create(&mut direct, Some(&verified)).unwrap();
    assert_eq!(standing(&direct, 1), "accepted");
    assert_eq!(direct.state.member_of_user(&user_id(1)).unwrap().id, member_id(1));
    // The other reason: the account has proved that the domain is its own.
    let mut proved = World::new();
    crate::sso_connectors::verified(&mut proved, 0, "example.com");
    create(&mut proved, Some(&verified)).unwrap();
    assert_eq!(standing(&proved, 1), "accepted");
}

#[test]
fn a_status_that_is_sent_back_changes_nothing_and_another_is_refused() {
    let mut world = World::new();
    world.invite(1, &[]).unwrap();
    let whole = world.whole();
    let update = |world: &mut World, status: &str| {
        let grants = Grants::Policies(vec![allow("billing", &whole)]);
        world.commit(|state, environment| {
            members::update(
                state,
                environment,
                member_id(1),
                &model::members::MemberUpdate {
                    status: Some(status.to_owned()),
                    ..model::members::MemberUpdate::of(grants.clone())
                },
            )
        })
    };
    for other in ["accepted", "rejected", "nonsense"] {
        assert_eq!(
            told(update(&mut world, other)),
            format!(
                "Invalid /status status cannot be set to `{other}`: it is `pending`, and changes only by invitation"
            )
        );
    }
    update(&mut world, "Pending").unwrap();
    assert_eq!(standing(&world, 1), "pending");
    assert_eq!(world.state.member(&member_id(1)).unwrap().policies.len(), 1);
}

#[test]
fn a_role_is_one_policy_on_the_whole_account_and_is_read_back_from_it() {
    let mut world = World::new();
    world.invite(1, &[]).unwrap();
    let set = |world: &mut World, roles: &[String]| {
        let grants = Grants::Roles(roles.to_vec());
        world.commit(|state, environment| {
            members::update(state, environment, member_id(1), &model::members::MemberUpdate::of(grants.clone()))
        })
    };
    set(&mut world, &[role("admin"), role("billing"), role("admin")]).unwrap();
    let policies = world.state.member(&member_id(1)).unwrap().policies.clone();
    assert_eq!(policies.len(), 2, "one that is repeated is one");
    assert_eq!(*policies[0].permission_groups, [iam("admin")]);
    assert_eq!(*policies[0].resource_groups, [world.state.whole_account_group().unwrap()]);
    assert_eq!(members::role_groups(&world.state, &policies), [iam("admin"), iam("billing")]);
    assert_eq!(set(&mut world, &[role("admin"), role("billing")]).unwrap(), [], "the same roles change nothing");
    set(&mut world, &[role("billing")]).unwrap();
    assert_eq!(*world.state.member(&member_id(1)).unwrap().policies, policies[1..]);
    let unknown = id(0x77, 0).to_string();
    assert_eq!(
        told(set(&mut world, &[role("admin"), unknown.clone()])),
        format!("Invalid /roles/1 role `{unknown}` not found; GET /accounts/{{account_id}}/roles lists them")
    );
}

#[test]
fn only_allows_on_the_whole_account_are_shown_as_roles() {
    let mut world = World::new();
    let whole = world.whole();
    let deny = model::policies::PolicyInput { access: model::policies::Effect::Deny, ..allow("billing", &whole) };
    world.invite(1, &[deny, inline("domain_dns", &[&zone_key(0)]), inline("admin", &["*"])]).unwrap();
    assert_eq!(
        members::role_groups(&world.state, &world.state.member(&member_id(1)).unwrap().policies),
        [iam("admin")]
    );
}

#[test]
fn a_member_takes_its_policies_scopes_and_places_along() {
    let mut world = World::new();
    let before: Vec<_> = world.state.documents().collect();
    world.invite(1, &[inline("domain_dns", &[&zone_key(0)])]).unwrap();
    world.make_group(0, "staff", &[]).unwrap();
    world.run(|state, environment| {
        user_group_members::add(state, environment, group_id(0), &[member_id(1).to_string()], "")
    });
    let changes = world.run(|state, _| members::delete(state, member_id(1)));
    assert!(changes.contains(&Change::Delete(DocumentId::GroupMember(group_id(0), member_id(1)))));
    world.run(|state, _| model::user_groups::delete(state, group_id(0)));
    assert_eq!(world.state.documents().collect::<Vec<_>>(), before);
    assert!(members::delete(&world.state, member_id(1)).is_err());
}

#[test]
fn a_write_that_changes_nothing_makes_no_change() {
    let mut world = World::new();
    let whole = world.whole();
    world.invite(1, &[allow("admin", &whole)]).unwrap();
    let id = world.state.member(&member_id(1)).unwrap().policies[0].id.to_string();
    let same = model::policies::PolicyInput { id: Some(id), ..allow("admin", &whole) };
    assert_eq!(world.set_member(1, &[same]).unwrap(), []);
}
