//! Named attempts to hold more, or to make others hold more, than one may (D15 to D18, D42), and what is rightly allowed.

use engine::invariants::Latitude;
use engine::principal::Principal;
use model::account_state::AccountState;
use model::change::{Change, Document};
use model::ids::{Id, MemberId, PolicyId, UserGroupId};
use model::members::{self, Grants, Member, NewMember, Standing};
use model::policies::{Effect, PolicyInput, ResourceGroupInput};
use model::problem::{FaultKind, Problem};
use model::resource_groups::{self, Kind, NewResourceGroup, ResourceGroup, Scope, ScopeInput};
use model::tokens::{Star, TokenPolicy, TokenResource};
use model::user_group_members;
use model::user_groups::{self, NewUserGroup};

use crate::super_administrators::{account_token, scim_token, settings_token};
use crate::world::*;

// Members, by number.
/// A super administrator by a policy of her own.
const ADA: u8 = 0;
/// A super administrator by the group ADMINS.
const EVE: u8 = 1;
/// All privileges of her own, taken back by a deny of her own.
const BEA: u8 = 2;
/// All privileges of his own, taken back by the group BANNED.
const BOB: u8 = 3;
/// All privileges by the group ADMINS, taken back by the group BANNED.
const FAY: u8 = 4;
/// Accepted, without policies.
const CLEO: u8 = 5;
/// Invited.
const DORA: u8 = 6;
/// Declined an invitation to be a super administrator.
const REX: u8 = 7;
/// Accepted, with the role Administrator.
const GUS: u8 = 8;

// User groups.
const ADMINS: u8 = 0;
const BANNED: u8 = 1;
/// Domain DNS on SHOPS; Cleo is in it.
const DNS: u8 = 2;
const EMPTY: u8 = 3;
/// Denies Domain DNS on SHOPS; nobody is in it.
const NO_DNS: u8 = 4;

// Resource groups.
/// Zone 0.
const SHOPS: u8 = 0;
/// Used by no policy.
const UNUSED: u8 = 1;
/// The whole account, which the deny of BANNED is on.
const ALL: u8 = 2;

type Operation = Result<Vec<Change>, Problem>;

fn company() -> World {
    let mut world = World::new();
    world.run(|state, environment| model::resources::create_zone(state, environment, "zone0.example.com", zone_id(0)));
    world.run(|state, environment| model::resources::create_zone(state, environment, "zone1.example.com", zone_id(1)));
    for (n, objects) in [(SHOPS, zone_key(0)), (UNUSED, zone_key(0)), (ALL, "*".to_owned())] {
        let new = NewResourceGroup {
            name: format!("resources {n}"),
            scope: ScopeInput { key: account_key(), objects: vec![objects] },
        };
        world.run(|state, environment| resource_groups::create(state, environment, &new, resource_group_id(n)));
    }
    let whole = world.whole().0;
    let shops = resource_group_id(SHOPS).0;
    let groups = [
        (ADMINS, vec![allow("all_privileges", whole)]),
        (BANNED, vec![deny("admin_readonly", resource_group_id(ALL).0)]),
        (DNS, vec![allow("domain_dns", shops)]),
        (EMPTY, vec![]),
        (NO_DNS, vec![deny("domain_dns", shops)]),
    ];
    for (n, policies) in groups {
        let new = NewUserGroup { name: format!("group {n}"), policies };
        world.run(|state, environment| user_groups::create(state, environment, &new, group_id(n)));
    }
    let all = || allow("all_privileges", whole);
    let members = [
        (EVE, vec![]),
        (BEA, vec![all(), deny("admin_readonly", whole)]),
        (BOB, vec![all()]),
        (FAY, vec![]),
        (CLEO, vec![]),
        (DORA, vec![]),
        (REX, vec![all()]),
        (GUS, vec![allow("admin", whole)]),
    ];
    for (n, policies) in members {
        let new = NewMember {
            email: email(n),
            grants: Grants::Policies(policies),
            accepted: n != DORA,
            api_access: None,
            invited_by: String::new(),
        };
        world.run(|state, environment| members::create(state, environment, &new, member_id(n), Some(&user(n))));
    }
    world.apply(&[
        place_in_group(ADMINS, EVE),
        place_in_group(ADMINS, FAY),
        place_in_group(BANNED, FAY),
        place_in_group(BANNED, BOB),
        place_in_group(DNS, CLEO),
    ]);
    let rex = world.state.member(&member_id(REX)).unwrap().clone();
    world.apply(&[Change::put(Document::Member(
        Member { standing: Standing::Rejected { since: NOW() }, ..rex }.into(),
    ))]);
    assert_eq!(ORACLE.super_administrators(&world.state), [member_id(ADA), member_id(EVE)]);
    world
}

/// The company after somebody broke it: nobody is a super administrator any more.
fn headless() -> World {
    let mut world = company();
    let ada = world.state.member(&member_id(ADA)).unwrap().clone();
    world.apply(&[Change::put(Document::Member(Member { policies: Box::new([]), ..ada }.into()))]);
    world.run(|state, _| user_group_members::remove(state, group_id(ADMINS), member_id(EVE)));
    assert!(ORACLE.super_administrators(&world.state).is_empty());
    world
}

fn policy(access: Effect, label: &str, place: Id) -> PolicyInput {
    PolicyInput {
        id: None,
        access,
        permission_groups: vec![iam(label).to_string()],
        resource_groups: vec![ResourceGroupInput::Id(place.to_string())],
    }
}
fn allow(label: &str, place: Id) -> PolicyInput {
    policy(Effect::Allow, label, place)
}
fn deny(label: &str, place: Id) -> PolicyInput {
    policy(Effect::Deny, label, place)
}

// What they try.
fn set_member(world: &World, n: u8, policies: &[PolicyInput]) -> Operation {
    let grants = Grants::Policies(policies.to_vec());
    world.changes(|state, environment| {
        members::update(state, environment, member_id(n), &model::members::MemberUpdate::of(grants.clone()))
    })
}
fn set_roles(world: &World, n: u8, labels: &[&str]) -> Operation {
    let roles = labels.iter().map(|label| CATALOG.iam_group_by_label(label).unwrap().role.unwrap().to_string());
    let grants = Grants::Roles(roles.collect());
    world.changes(|state, environment| {
        members::update(state, environment, member_id(n), &model::members::MemberUpdate::of(grants.clone()))
    })
}
fn invite(world: &World, n: u8, policies: &[PolicyInput], accepted: bool) -> Operation {
    let new = NewMember {
        email: email(n),
        grants: Grants::Policies(policies.to_vec()),
        accepted,
        api_access: None,
        invited_by: String::new(),
    };
    world.changes(|state, environment| members::create(state, environment, &new, member_id(n), Some(&user(n))))
}
fn remove_member(world: &World, n: u8) -> Operation {
    world.changes(|state, _| members::delete(state, member_id(n)))
}
fn new_group(world: &World, policies: &[PolicyInput]) -> Operation {
    let new = NewUserGroup { name: "new".into(), policies: policies.to_vec() };
    world.changes(|state, environment| user_groups::create(state, environment, &new, group_id(9)))
}
fn set_group(world: &World, n: u8, policies: &[PolicyInput]) -> Operation {
    world.changes(|state, environment| user_groups::update(state, environment, group_id(n), None, Some(policies)))
}
fn delete_group(world: &World, n: u8) -> Operation {
    world.changes(|state, _| user_groups::delete(state, group_id(n)))
}
fn join(world: &World, group: u8, member: u8) -> Operation {
    let members = [member_id(member).to_string()];
    world.changes(|state, environment| user_group_members::add(state, environment, group_id(group), &members, ""))
}
fn leave(world: &World, group: u8, member: u8) -> Operation {
    world.changes(|state, _| user_group_members::remove(state, group_id(group), member_id(member)))
}
fn set_resources(world: &World, n: u8, object: &str) -> Operation {
    let scope = ScopeInput { key: account_key(), objects: vec![object.to_owned()] };
    world.changes(|state, environment| {
        resource_groups::update(state, environment, resource_group_id(n), None, Some(&scope))
    })
}

fn check(world: &World, principal: &Principal, operation: Operation) -> Result<(), FaultKind> {
    check_with(world, principal, operation, Latitude::default())
}

fn check_with(world: &World, principal: &Principal, operation: Operation, latitude: Latitude) -> Result<(), FaultKind> {
    let changes = operation.expect("the operation itself is in order");
    assert!(!changes.is_empty(), "nothing was tried");
    let after = world.state.after(&changes).unwrap();
    ENGINE.check(&world.state, &after, &changes, principal, latitude).map_err(|problem| problem.kind())
}

type Row = (&'static str, fn(&World, Id) -> Operation);

/// Checks each row of a table by itself, and tells of all that fail at once.
fn all(rows: &[Row], world: fn() -> World, principal: &Principal, expected: Result<(), FaultKind>) {
    let failed = rows.iter().filter_map(|(name, attempt)| {
        let world = world();
        let found = check(&world, principal, attempt(&world, world.whole().0));
        (found != expected).then(|| format!("{name}: {found:?}"))
    });
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "expected {expected:?}, but\n{}", failed.join("\n"));
}

const ESCALATION: Result<(), FaultKind> = Err(FaultKind::Escalation);
const LAST: Result<(), FaultKind> = Err(FaultKind::LastSuperAdministrator);

#[test]
fn account_settings_write_does_not_make_super_administrators() {
    let rows: &[Row] = &[
        ("by a policy of a member", |world, whole| set_member(world, CLEO, &[allow("all_privileges", whole)])),
        ("by a role of a member", |world, _| set_roles(world, CLEO, &["all_privileges"])),
        ("beside another role", |world, _| set_roles(world, GUS, &["admin", "all_privileges"])),
        ("by a scope in the policy", |world, _| {
            let inline = ResourceGroupInput::Inline(ScopeInput { key: account_key(), objects: vec!["*".to_owned()] });
            set_member(
                world,
                CLEO,
                &[PolicyInput { resource_groups: vec![inline], ..allow("all_privileges", id(0, 0)) }],
            )
        }),
        ("by a policy of an invited member", |world, whole| set_member(world, DORA, &[allow("all_privileges", whole)])),
        ("by inviting", |world, whole| invite(world, 9, &[allow("all_privileges", whole)], false)),
        ("by adding at once", |world, whole| invite(world, 9, &[allow("all_privileges", whole)], true)),
        ("by inviting an invited member again", |world, whole| {
            invite(world, DORA, &[allow("all_privileges", whole)], false)
        }),
        ("by inviting again one who declined", |world, whole| {
            invite(world, REX, &[allow("all_privileges", whole)], false)
        }),
        ("by adding at once one who declined", |world, whole| {
            invite(world, REX, &[allow("all_privileges", whole)], true)
        }),
        ("by a policy of a group", |world, whole| set_group(world, DNS, &[allow("all_privileges", whole)])),
        ("by a policy of an empty group", |world, whole| set_group(world, EMPTY, &[allow("all_privileges", whole)])),
        ("by a new group", |world, whole| new_group(world, &[allow("all_privileges", whole)])),
        ("by adding a member to a group that holds it", |world, _| join(world, ADMINS, CLEO)),
        ("by adding an invited member to a group that holds it", |world, _| join(world, ADMINS, DORA)),
        ("by removing a deny from a member", |world, whole| set_member(world, BEA, &[allow("all_privileges", whole)])),
        ("by taking a member out of a group that denies", |world, _| leave(world, BANNED, BOB)),
        ("by emptying the policies of a group that denies", |world, _| set_group(world, BANNED, &[])),
        ("by deleting a group that denies", |world, _| delete_group(world, BANNED)),
        ("by taking one out of a group that denies, who holds it by another", |world, _| leave(world, BANNED, FAY)),
    ];
    all(rows, company, &settings_token(), ESCALATION);
}

#[test]
fn account_settings_write_does_not_unmake_super_administrators() {
    let rows: &[Row] = &[
        ("by taking the policy away", |world, _| set_member(world, ADA, &[])),
        ("by taking the role away", |world, _| set_roles(world, ADA, &["admin"])),
        ("by removing the member", |world, _| remove_member(world, ADA)),
        ("by adding a deny", |world, whole| {
            set_member(
                world,
                ADA,
                &[
                    allow("all_privileges", whole),
                    deny("billing", whole),
                    deny("admin", whole),
                    deny("all_privileges", whole),
                ],
            )
        }),
        ("by adding the member to a group that denies", |world, _| join(world, BANNED, ADA)),
        ("by taking the member out of the group", |world, _| leave(world, ADMINS, EVE)),
        ("by deleting the group", |world, _| delete_group(world, ADMINS)),
        ("by taking the policy of the group away", |world, _| set_group(world, ADMINS, &[])),
        ("by adding a deny to the group", |world, whole| {
            set_group(world, ADMINS, &[allow("all_privileges", whole), deny("admin_readonly", whole)])
        }),
    ];
    all(rows, company, &settings_token(), ESCALATION);
}

/// Fay holds all privileges by one group, and another group takes them back.
#[test]
fn lifting_the_deny_of_a_group_makes_super_administrators_of_those_who_hold_it_by_another_group() {
    let mut world = company();
    world.run(|state, _| members::delete(state, member_id(BOB)));
    let emptied = set_group(&world, BANNED, &[]);
    assert_eq!(check(&world, &settings_token(), emptied), ESCALATION);
    assert_eq!(check(&world, &Principal::User(user_id(ADA)), set_group(&world, BANNED, &[])), Ok(()));
}

#[test]
fn a_new_deny_of_a_group_cannot_cancel_those_who_hold_it_by_another_group() {
    let mut world = company();
    world.apply(&[place_in_group(EMPTY, EVE)]);
    let denied = set_group(&world, EMPTY, &[deny("admin_readonly", world.whole().0)]);
    assert_eq!(check(&world, &settings_token(), denied), ESCALATION);
}

/// A deny on listed zones that is widened, and a grant that was on listed zones (of an older, laxer store).
#[test]
fn widening_a_resource_group_neither_makes_nor_unmakes_super_administrators() {
    let stored = |access, holder: u8| {
        let mut world = company();
        let scope = Scope::listed(account_id(), [zone_key(0).into()]);
        let group = ResourceGroup {
            id: resource_group_id(9),
            name: "nine".into(),
            kind: Kind::Custom,
            scope,
            created_on: NOW(),
            modified_on: NOW(),
            shown: Default::default(),
        };
        let policy = model::policies::Policy {
            id: PolicyId(id(0x50, 0)),
            access,
            permission_groups: Box::new([iam("all_privileges")]),
            resource_groups: Box::new([resource_group_id(9)]),
            created_on: NOW(),
            modified_on: NOW(),
        };
        let group_document = world.state.user_group(&group_id(holder)).unwrap().clone();
        let policies = group_document.policies.iter().cloned().chain([policy]).collect();
        world.apply(&[
            Change::put(Document::ResourceGroup(group.into())),
            Change::put(Document::UserGroup(user_groups::UserGroup { policies, ..group_document }.into())),
        ]);
        let changes = set_resources(&world, 9, "*");
        (world, changes)
    };
    let (world, widened) = stored(Effect::Allow, DNS);
    assert_eq!(check(&world, &settings_token(), widened), ESCALATION);
    let (world, widened) = stored(Effect::Deny, ADMINS);
    assert_eq!(check(&world, &settings_token(), widened), ESCALATION);
}

#[test]
fn account_settings_write_grants_any_other_role() {
    let rows: &[Row] = &[
        ("to a member", |world, _| set_roles(world, CLEO, &["admin", "billing"])),
        ("to a new member", |world, whole| invite(world, 9, &[allow("admin", whole)], false)),
        ("to a group", |world, whole| set_group(world, EMPTY, &[allow("admin", whole)])),
        ("by widening a resource group", |world, _| set_resources(world, SHOPS, "*")),
        ("by lifting a deny", |world, _| set_group(world, NO_DNS, &[])),
        ("and removes members", |world, _| remove_member(world, CLEO)),
        ("and one whose invitation to be a super administrator was declined", |world, _| remove_member(world, REX)),
        ("and invites again with less", |world, whole| invite(world, REX, &[allow("billing", whole)], false)),
        ("and takes away what a deny cancels", |world, _| set_member(world, BEA, &[])),
    ];
    all(rows, company, &settings_token(), Ok(()));
}

#[test]
fn scim_provisioning_changes_no_policies() {
    let rows: &[Row] = &[
        ("a new member's", |world, _| invite(world, 9, &[allow("domain_dns", resource_group_id(SHOPS).0)], false)),
        ("a member's", |world, _| set_roles(world, CLEO, &["billing"])),
        ("a group's", |world, _| set_group(world, EMPTY, &[allow("domain_dns", resource_group_id(SHOPS).0)])),
        ("a new group's", |world, whole| new_group(world, &[allow("billing", whole)])),
        ("by editing a resource group in use", |world, _| set_resources(world, SHOPS, &zone_key(1))),
        ("by widening a resource group in use", |world, _| set_resources(world, SHOPS, "*")),
        ("by taking a member out of a group that denies", |world, _| leave(world, BANNED, BOB)),
        ("by deleting a group that denies somebody something", |world, _| delete_group(world, BANNED)),
        ("by emptying a group that denies", |world, _| {
            world.changes(|state, environment| {
                user_group_members::replace(state, environment, group_id(BANNED), &[], "")
            })
        }),
        ("by joining the group of super administrators", |world, _| join(world, ADMINS, CLEO)),
        ("by making a super administrator", |world, whole| set_member(world, CLEO, &[allow("all_privileges", whole)])),
        ("by lifting a super administrator's deny", |world, whole| {
            set_member(world, BEA, &[allow("all_privileges", whole)])
        }),
    ];
    all(rows, company, &scim_token(), ESCALATION);
}

/// D42: what a group denies comes back to whoever leaves it, be it no more than DNS.
#[test]
fn scim_provisioning_does_not_lift_a_small_deny_either() {
    let mut world = company();
    world.apply(&[place_in_group(NO_DNS, CLEO)]);
    assert_eq!(check(&world, &scim_token(), leave(&world, NO_DNS, CLEO)), ESCALATION);
    assert_eq!(check(&world, &scim_token(), delete_group(&world, NO_DNS)), ESCALATION);
    assert_eq!(check(&world, &settings_token(), leave(&world, NO_DNS, CLEO)), Ok(()));
    assert_eq!(check(&world, &settings_token(), delete_group(&world, NO_DNS)), Ok(()));
}

#[test]
fn scim_provisioning_manages_users_and_groups() {
    let rows: &[Row] = &[
        ("adds a member without policies", |world, _| invite(world, 9, &[], false)),
        ("removes a member", |world, _| remove_member(world, CLEO)),
        ("makes a group", |world, _| new_group(world, &[])),
        ("adds a member to a group", |world, _| join(world, DNS, GUS)),
        ("adds a member to a group that denies", |world, _| join(world, NO_DNS, CLEO)),
        ("takes a member out of a group", |world, _| leave(world, DNS, CLEO)),
        ("deletes a group", |world, _| delete_group(world, DNS)),
        ("deletes a group that denies nobody anything", |world, _| delete_group(world, NO_DNS)),
        ("edits a resource group that is not in use", |world, _| set_resources(world, UNUSED, &zone_key(1))),
    ];
    all(rows, company, &scim_token(), Ok(()));
}

#[test]
fn with_the_setting_scim_provisioning_grants_what_it_holds_and_no_more() {
    let world = company();
    let latitude = Latitude { scim_may_manage_policies: true, ..Latitude::default() };
    let domain_dns = CATALOG.iam_group_by_label("domain_dns").unwrap();
    let held = domain_dns.allows.iter().map(|index| CATALOG.permission_at(index).id);
    let held: Vec<Id> = held.chain([permission("SCIM Provisioning@account").id]).collect();
    let policy = |key: String| TokenPolicy {
        id: PolicyId(id(0x60, 0)),
        effect: Effect::Allow,
        permission_groups: held.as_slice().into(),
        resources: [(key.into(), TokenResource::Everything(Star::Star))].into(),
    };
    let on_zone = Caller::AccountToken(account_id(), make_token([policy(zone_key(0))]).into()).principal();
    let everywhere = Caller::AccountToken(account_id(), make_token([policy(account_key())]).into()).principal();
    let grant = |label, place| set_group(&world, EMPTY, &[allow(label, place)]);
    let try_it = |principal, operation| check_with(&world, principal, operation, latitude);
    let (shops, whole) = (resource_group_id(SHOPS).0, world.whole().0);
    assert_eq!(try_it(&on_zone, grant("domain_dns", shops)), Ok(()));
    assert_eq!(try_it(&on_zone, grant("domain_admin", shops)), ESCALATION);
    assert_eq!(try_it(&on_zone, grant("domain_dns", whole)), ESCALATION);
    assert_eq!(try_it(&on_zone, set_resources(&world, SHOPS, "*")), ESCALATION);
    assert_eq!(try_it(&on_zone, set_resources(&world, SHOPS, &zone_key(1))), ESCALATION);
    assert_eq!(try_it(&everywhere, grant("domain_dns", whole)), Ok(()));
    assert_eq!(try_it(&everywhere, grant("all_privileges", whole)), ESCALATION);
    assert_eq!(check(&world, &everywhere, grant("domain_dns", shops)), ESCALATION);
}

#[test]
fn what_is_denied_within_a_zone_is_not_granted_on_the_zone() {
    let mut world = company();
    world.apply(&[registered(widget_key(0), 0)]);
    let policy = |effect, key: String| TokenPolicy {
        id: PolicyId(id(0x60, 0)),
        effect,
        permission_groups: CATALOG
            .iam_group_by_label("domain_dns")
            .unwrap()
            .allows
            .iter()
            .map(|index| CATALOG.permission_at(index).id)
            .collect(),
        resources: [(key.into(), TokenResource::Everything(Star::Star))].into(),
    };
    let token = make_token([policy(Effect::Allow, zone_key(0)), policy(Effect::Deny, widget_key(0))]);
    let principal = Caller::AccountToken(account_id(), token.into()).principal();
    let grant = set_group(&world, EMPTY, &[allow("domain_dns", resource_group_id(SHOPS).0)]);
    assert_eq!(
        check_with(&world, &principal, grant, Latitude { scim_may_manage_policies: true, ..Latitude::default() }),
        ESCALATION
    );
}

#[test]
fn an_account_that_lost_them_all_is_restored_by_an_account_token_that_writes_members() {
    let rows: &[Row] = &[
        ("to a member", |world, whole| set_member(world, CLEO, &[allow("all_privileges", whole)])),
        ("to a new member", |world, whole| invite(world, 9, &[allow("all_privileges", whole)], true)),
        ("by joining", |world, _| join(world, ADMINS, CLEO)),
        ("by lifting a deny", |world, _| leave(world, BANNED, BOB)),
    ];
    all(rows, headless, &settings_token(), Ok(()));
    all(rows, headless, &scim_token(), ESCALATION);
    all(rows, headless, &Principal::User(user_id(GUS)), ESCALATION);
    let user_token = |n| match account_token(&["Account Settings Write@account"]) {
        Caller::AccountToken(_, token) => Caller::UserToken(n, token).principal(),
        Caller::User(_) | Caller::UserToken(..) => unreachable!(),
    };
    all(rows, headless, &user_token(GUS), ESCALATION);
}

#[test]
fn a_super_administrator_grants_and_revokes_at_will() {
    let rows: &[Row] = &[
        ("makes another", |world, whole| set_member(world, CLEO, &[allow("all_privileges", whole)])),
        ("unmakes another", |world, _| leave(world, ADMINS, EVE)),
        ("removes another", |world, _| remove_member(world, EVE)),
        ("deletes the group", |world, _| delete_group(world, ADMINS)),
        ("lifts a deny", |world, _| delete_group(world, BANNED)),
        ("reduces herself while another remains", |world, _| set_member(world, ADA, &[])),
        ("leaves while another remains", |world, _| remove_member(world, ADA)),
    ];
    all(rows, company, &Principal::User(user_id(ADA)), Ok(()));
}

#[test]
fn the_last_super_administrator_stays() {
    fn alone() -> World {
        let mut world = company();
        world.run(|state, _| user_group_members::remove(state, group_id(ADMINS), member_id(EVE)));
        world
    }
    let rows: &[Row] = &[
        ("reducing herself", |world, _| set_member(world, ADA, &[])),
        ("taking a smaller role", |world, _| set_roles(world, ADA, &["admin"])),
        ("leaving", |world, _| remove_member(world, ADA)),
        ("denying herself", |world, whole| {
            set_member(world, ADA, &[allow("all_privileges", whole), deny("admin_readonly", whole)])
        }),
        ("joining a group that denies", |world, _| join(world, BANNED, ADA)),
        ("handing over to an invited member", |world, _| {
            // One commit, as no operation does it, but a batch might.
            let ada = set_member(world, ADA, &[])?;
            Ok(ada.into_iter().chain(set_roles(world, DORA, &["all_privileges"])?).collect())
        }),
    ];
    for principal in [Principal::User(user_id(ADA)), settings_token(), Principal::System] {
        all(rows, alone, &principal, LAST);
    }
    let hand_over = set_member(&alone(), CLEO, &[allow("all_privileges", alone().whole().0)]);
    assert_eq!(check(&alone(), &Principal::User(user_id(ADA)), hand_over), Ok(()));
}

#[test]
fn the_last_super_administrator_by_a_group_keeps_the_group() {
    fn alone() -> World {
        let mut world = company();
        let ada = world.state.member(&member_id(ADA)).unwrap().clone();
        world.apply(&[Change::put(Document::Member(Member { policies: Box::new([]), ..ada }.into()))]);
        world
    }
    let rows: &[Row] = &[
        ("leaving the group", |world, _| leave(world, ADMINS, EVE)),
        ("deleting the group", |world, _| delete_group(world, ADMINS)),
        ("emptying its policies", |world, _| set_group(world, ADMINS, &[])),
        ("denying in it", |world, whole| {
            set_group(world, ADMINS, &[allow("all_privileges", whole), deny("all_privileges", whole)])
        }),
        ("leaving the account", |world, _| remove_member(world, EVE)),
    ];
    all(rows, alone, &Principal::User(user_id(EVE)), LAST);
}

#[test]
fn whoever_is_no_super_administrator_may_reduce_itself_and_no_more() {
    let bea = Principal::User(user_id(BEA));
    let allowed: &[Row] = &[
        ("gives up a grant that a deny cancels", |world, whole| {
            set_member(world, BEA, &[deny("admin_readonly", whole)])
        }),
        ("leaves", |world, _| remove_member(world, BEA)),
    ];
    let refused: &[Row] = &[
        ("lifts her own deny", |world, whole| set_member(world, BEA, &[allow("all_privileges", whole)])),
        ("gives herself a role", |world, _| set_roles(world, BEA, &["billing"])),
        ("joins the group of super administrators and leaves her deny", |world, _| {
            let policies = set_member(world, BEA, &[])?;
            Ok(policies.into_iter().chain(join(world, ADMINS, BEA)?).collect())
        }),
    ];
    let keep = |world: &World, whole| {
        let prior = &world.state.member(&member_id(BEA)).unwrap().policies[1];
        set_member(world, BEA, &[PolicyInput { id: Some(prior.id.to_string()), ..deny("admin_readonly", whole) }])
    };
    let world = company();
    assert_eq!(check(&world, &bea, keep(&world, world.whole().0)), Ok(()));
    all(allowed, company, &bea, Ok(()));
    all(refused, company, &bea, ESCALATION);
    let world = company();
    assert_eq!(check(&world, &Principal::User(user_id(BOB)), leave(&world, BANNED, BOB)), ESCALATION);
    assert_eq!(check(&world, &Principal::User(user_id(GUS)), set_roles(&world, GUS, &[])), Ok(()));
    assert_eq!(
        check(&world, &Principal::User(user_id(GUS)), set_roles(&world, CLEO, &["audit_logs_viewer"])),
        ESCALATION
    );
}

#[test]
fn a_user_token_grants_all_privileges_only_if_it_may_do_all_that_its_owner_may() {
    let world = company();
    let token =
        |owner: u8, policies: Vec<TokenPolicy>| Caller::UserToken(owner, make_token(policies).into()).principal();
    let policy = |effect, except: &str, key: &str| TokenPolicy {
        id: PolicyId(id(0x60, 0)),
        effect,
        permission_groups: CATALOG
            .all_privileges()
            .iter()
            .map(|index| CATALOG.permission_at(index))
            .filter(|one| *one.name != *except)
            .map(|one| one.id)
            .collect(),
        resources: [(key.into(), TokenResource::Everything(Star::Star))].into(),
    };
    let any = "com.cloudflare.api.account.*";
    let grant = || set_member(&world, CLEO, &[allow("all_privileges", world.whole().0)]);
    let full = || policy(Effect::Allow, "", any);
    assert_eq!(check(&world, &token(ADA, vec![full()]), grant()), Ok(()));
    assert_eq!(check(&world, &token(ADA, vec![policy(Effect::Allow, "", &account_key())]), grant()), Ok(()));
    assert_eq!(check(&world, &token(EVE, vec![full()]), grant()), Ok(()));
    assert_eq!(check(&world, &token(ADA, vec![policy(Effect::Allow, "DNS Write", any)]), grant()), ESCALATION);
    assert_eq!(check(&world, &token(ADA, vec![policy(Effect::Allow, "", &zone_key(0))]), grant()), ESCALATION);
    assert_eq!(check(&world, &token(ADA, vec![full(), policy(Effect::Deny, "", &zone_key(0))]), grant()), ESCALATION);
    assert_eq!(check(&world, &token(GUS, vec![full()]), grant()), ESCALATION);
    assert_eq!(check(&world, &token(BEA, vec![full()]), grant()), ESCALATION);
    // An account's token is nobody's hand, whatever it may do.
    let account =
        Caller::AccountToken(account_id(), make_token([policy(Effect::Allow, "", &account_key())]).into()).principal();
    assert_eq!(check(&world, &account, grant()), ESCALATION);
}

#[test]
fn what_does_not_touch_permissions_is_not_asked_about() {
    let world = company();
    let zone = world
        .changes(|state, environment| model::resources::create_zone(state, environment, "new.example.com", zone_id(7)));
    let only_zone =
        zone.unwrap().into_iter().filter(|change| matches!(change, Change::Put(Document::Resource(_)))).collect();
    assert_eq!(check(&world, &Principal::User(user_id(CLEO)), Ok(only_zone)), Ok(()));
}

/// So that the tables above try what they say.
#[test]
fn the_company_is_as_it_is_told() {
    let world = company();
    let holds = |state: &AccountState, n: u8| state.member(&member_id(n)).is_some();
    assert!((ADA..=GUS).all(|n| holds(&world.state, n)));
    let of = |group: u8| world.state.group_members(UserGroupId(id(0xd0, group))).collect::<Vec<MemberId>>();
    assert_eq!(of(BANNED), [member_id(BOB), member_id(FAY)]);
    assert_eq!(of(ADMINS), [member_id(EVE), member_id(FAY)]);
}
