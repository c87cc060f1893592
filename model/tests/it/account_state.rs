//! Whatever happens to an account, its look-ups say what its documents say.

use std::collections::{BTreeMap, BTreeSet};

use model::account_state::{AccountState, Holder};
use model::change::{self, Change, Document, DocumentId};
use model::ids::Id;
use model::members::{self, Grants, Member, NewMember, Standing};
use model::names::{Email, NameKey};
use model::policies::PolicyInput;
use model::resource_groups::{self, Kind, ResourceGroup};
use model::resources::{self, Resource};
use model::sso_connectors::{self, NewSsoConnector};
use model::user_group_members;
use model::user_groups;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::*;

#[derive(Clone, Debug)]
enum Step {
    Invite(u8, Vec<u8>, bool),
    SetMember(u8, Vec<u8>),
    DeleteMember(u8),
    MakeGroup(u8, u8, Vec<u8>),
    SetGroup(u8, Option<u8>, Vec<u8>),
    DeleteGroup(u8),
    Add(u8, Vec<u8>),
    Replace(u8, Vec<u8>),
    MakeResources(u8, u8, u8),
    SetResources(u8, Option<u8>, u8),
    DeleteResources(u8),
    MakeZone(u8, u8),
    DeleteZone(u8),
    Connect(u8),
    Disconnect(u8),
    // As an undo may put them back:
    MoveMember(u8, u8),
    RenameZone(u8, u8),
    RewriteScope(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let small = || 0..5u8;
    let policies = || vec(0..8u8, 0..3);
    let name = || prop::option::of(0..5u8);
    prop_oneof![
        (small(), policies(), any::<bool>()).prop_map(|(n, policies, accepted)| Step::Invite(n, policies, accepted)),
        (small(), policies()).prop_map(|(n, policies)| Step::SetMember(n, policies)),
        small().prop_map(Step::DeleteMember),
        (small(), small(), policies()).prop_map(|(n, name, policies)| Step::MakeGroup(n, name, policies)),
        (small(), name(), policies()).prop_map(|(n, name, policies)| Step::SetGroup(n, name, policies)),
        small().prop_map(Step::DeleteGroup),
        (small(), vec(small(), 0..4)).prop_map(|(n, members)| Step::Add(n, members)),
        (small(), vec(small(), 0..4)).prop_map(|(n, members)| Step::Replace(n, members)),
        (small(), small(), small()).prop_map(|(n, name, scope)| Step::MakeResources(n, name, scope)),
        (small(), name(), small()).prop_map(|(n, name, scope)| Step::SetResources(n, name, scope)),
        small().prop_map(Step::DeleteResources),
        (small(), small()).prop_map(|(n, name)| Step::MakeZone(n, name)),
        small().prop_map(Step::DeleteZone),
        small().prop_map(Step::Connect),
        small().prop_map(Step::Disconnect),
        (small(), 10..12u8).prop_map(|(n, address)| Step::MoveMember(n, address)),
        (small(), 10..15u8).prop_map(|(n, name)| Step::RenameZone(n, name)),
        (small(), small()).prop_map(|(n, scope)| Step::RewriteScope(n, scope)),
    ]
}

fn objects(n: u8) -> Vec<String> {
    match n {
        0 | 1 => vec![zone_key(n)],
        2 => vec![zone_key(0), zone_key(1)],
        3 => vec!["com.cloudflare.api.account.zone.*".to_owned()],
        _ => vec!["*".to_owned()],
    }
}

fn inputs(world: &World, numbers: &[u8]) -> Vec<PolicyInput> {
    let strs = |n: u8| objects(n);
    let input = |n: &u8| match n {
        0 => allow("all_privileges", world.whole()),
        1..=3 => allow("domain_dns", resource_group_id(*n)),
        4..=6 => inline("domain_dns", &strs(n - 4).iter().map(String::as_str).collect::<Vec<_>>()),
        _ => inline("all_privileges", &["*"]),
    };
    numbers.iter().map(input).collect()
}

fn take(world: &mut World, step: &Step) {
    let names = |ns: &[u8]| ns.iter().map(|n| member_id(*n).to_string()).collect::<Vec<_>>();
    let group_name = |n: u8| format!("group {n}");
    let _ = match step {
        Step::Invite(n, policies, accepted) => {
            let new = NewMember {
                email: email(*n),
                grants: Grants::Policies(inputs(world, policies)),
                accepted: *accepted,
                api_access: None,
                invited_by: String::new(),
            };
            world.commit(|state, environment| members::create(state, environment, &new, member_id(*n), Some(&user(*n))))
        }
        Step::SetMember(n, policies) => world.set_member(*n, &inputs(world, policies)),
        Step::DeleteMember(n) => world.commit(|state, _| members::delete(state, member_id(*n))),
        Step::MakeGroup(n, ..) if world.state.user_group(&group_id(*n)).is_some() => Ok(vec![]),
        Step::MakeGroup(n, name, policies) => world.make_group(*n, &group_name(*name), &inputs(world, policies)),
        Step::SetGroup(n, name, policies) => {
            let (name, policies) = (name.map(group_name), inputs(world, policies));
            world.commit(|state, environment| {
                user_groups::update(state, environment, group_id(*n), name.as_deref(), Some(&policies))
            })
        }
        Step::DeleteGroup(n) => world.commit(|state, _| user_groups::delete(state, group_id(*n))),
        Step::Add(n, members) => world.commit(|state, environment| {
            user_group_members::add(state, environment, group_id(*n), &names(members), "")
        }),
        Step::Replace(n, members) => world.commit(|state, environment| {
            user_group_members::replace(state, environment, group_id(*n), &names(members), "")
        }),
        Step::MakeResources(n, ..) if world.state.resource_group(&resource_group_id(*n)).is_some() => Ok(vec![]),
        Step::MakeResources(n, name, scope) => {
            let objects = objects(*scope);
            world.make_resource_group(
                *n,
                &format!("resources {name}"),
                &objects.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        }
        Step::SetResources(n, name, number) => {
            let name = name.map(|name| format!("resources {name}"));
            let objects = objects(*number);
            let scope = scope(&objects.iter().map(String::as_str).collect::<Vec<_>>());
            world.commit(|state, environment| {
                resource_groups::update(state, environment, resource_group_id(*n), name.as_deref(), Some(&scope))
            })
        }
        Step::DeleteResources(n) => world.commit(|state, _| resource_groups::delete(state, resource_group_id(*n))),
        Step::MakeZone(n, _) if world.state.find_resource(&zone_key(*n)).is_some() => Ok(vec![]),
        Step::MakeZone(n, name) => world.commit(|state, environment| {
            resources::create_zone(state, environment, &format!("zone{name}.example.com"), zone_id(*n))
        }),
        Step::DeleteZone(n) => world.commit(|state, _| resources::delete_zone(state, zone_id(*n))),
        Step::Connect(n) => {
            let new = NewSsoConnector {
                email_domain: format!("d{n}.example.com"),
                begin_verification: true,
                use_fedramp_language: false,
                enabled: false,
            };
            world.commit(|state, environment| sso_connectors::create(state, environment, &new, connector_id(*n)))
        }
        Step::Disconnect(n) => world.commit(|state, _| sso_connectors::delete(state, connector_id(*n))),
        Step::MoveMember(n, address) => Ok(put(world, |state| {
            let member = state
                .member(&member_id(*n))
                .filter(|_| state.member_by_email(&NameKey::of(&email(*address))).is_none())?;
            Some(Document::Member(
                Member { email: Email::parse(&email(*address), "").unwrap(), ..member.clone() }.into(),
            ))
        })),
        Step::RenameZone(n, name) => Ok(put(world, |state| {
            let name = format!("zone{name}.example.com");
            let zone =
                state.find_resource(&zone_key(*n)).filter(|_| state.zone_named(&NameKey::of(&name)).is_none())?;
            Some(Document::Resource(Resource { name: name.into(), ..zone.clone() }.into()))
        })),
        Step::RewriteScope(n, number) => Ok(put(world, |state| {
            let holder = state.member(&member_id(*n))?;
            let mut groups = holder
                .policies
                .iter()
                .flat_map(|policy| &policy.resource_groups)
                .filter_map(|id| state.resource_group(id));
            let group = groups.find(|group| matches!(group.kind, Kind::Anonymous { .. }))?;
            let scope =
                model::resource_groups::Scope::listed(account_id(), objects(*number).into_iter().map(Into::into));
            Some(Document::ResourceGroup(ResourceGroup { scope, ..group.clone() }.into()))
        })),
    };
}

fn put(world: &mut World, document: impl FnOnce(&AccountState) -> Option<Document>) -> Vec<Change> {
    let changes: Vec<Change> = document(&world.state).map(Change::Put).into_iter().collect();
    world.state = world.state.after(&changes).unwrap();
    changes
}

fn world() -> impl Strategy<Value = World> {
    vec(step(), 0..60).prop_map(|steps| {
        let mut world = World::new();
        world.rules.allow_direct_add = true;
        steps.iter().for_each(|step| take(&mut world, step));
        world
    })
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.state.documents()).finish()
    }
}

/// What each look-up answers, as text.
type LookUps = BTreeMap<String, String>;

fn answered(state: &AccountState) -> LookUps {
    let mut told = LookUps::new();
    let mut tell = |what: &str, answer: String| drop(told.insert(what.to_owned(), answer));
    let members: Vec<_> = state.members().map(|member| member.id).collect();
    tell("members", format!("{members:?}"));
    tell("member_count", state.member_count().to_string());
    for member in state.members() {
        tell(
            &format!("member_by_email {}", member.email.as_str()),
            format!("{:?}", state.member_by_email(&member.email.key()).map(|found| found.id)),
        );
        tell(&format!("groups_of {}", member.id), format!("{:?}", state.groups_of(member.id).collect::<Vec<_>>()));
    }
    for n in 0..12 {
        tell(
            &format!("member_of_user {n}"),
            format!("{:?}", state.member_of_user(&user_id(n)).map(|member| member.id)),
        );
        tell(&format!("policies_using {n}"), state.policies_using(&resource_group_id(n)).to_string());
    }
    tell(
        "user_groups",
        format!("{:?}", state.user_groups().map(|(key, group)| (key.clone(), group.id)).collect::<Vec<_>>()),
    );
    tell("user_group_count", state.user_group_count().to_string());
    for (key, group) in state.user_groups() {
        tell(&format!("user_group_named {}", key.as_str()), format!("{:?}", state.user_group_named(key)));
        tell(
            &format!("group_members {}", group.id),
            format!("{:?}", state.group_members(group.id).collect::<Vec<_>>()),
        );
        tell(&format!("group_size {}", group.id), state.group_size(group.id).to_string());
    }
    tell("resource_groups", format!("{:?}", state.resource_groups().map(|group| group.id).collect::<Vec<_>>()));
    tell("custom_resource_group_count", state.custom_resource_group_count().to_string());
    tell("whole_account_group", format!("{:?}", state.whole_account_group()));
    tell("policies_using whole", state.policies_using(&state.whole_account_group().unwrap()).to_string());
    tell("holders", format!("{:?}", state.holders(iam("all_privileges")).collect::<Vec<_>>()));
    tell("zones", format!("{:?}", state.zones().map(|(id, zone)| (NameKey::of(&zone.name), id)).collect::<Vec<_>>()));
    told
}

fn recomputed(state: &AccountState) -> LookUps {
    let documents: Vec<Document> = state.documents().collect();
    let mut told = LookUps::new();
    let mut tell = |what: &str, answer: String| drop(told.insert(what.to_owned(), answer));
    let (mut by_email, mut groups, mut named, mut zones) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (mut users, mut using, mut holders) = (BTreeMap::new(), BTreeMap::<Id, usize>::new(), BTreeSet::new());
    let (mut custom, mut places) = (0, BTreeSet::new());
    let mut policies = |holder: Holder, policies: &[model::policies::Policy]| {
        for policy in policies {
            policy.resource_groups.iter().for_each(|group| *using.entry(group.0).or_default() += 1);
            if policy.permission_groups.contains(&iam("all_privileges")) {
                holders.insert(holder);
            }
        }
    };
    for document in &documents {
        match document {
            Document::Member(member) => {
                by_email.insert(member.email.key(), (member.id, member.email.clone()));
                if let Standing::Accepted { user, .. } = member.standing {
                    users.insert(user, member.id);
                }
                policies(Holder::Member(member.id), &member.policies);
            }
            Document::UserGroup(group) => {
                groups.insert(NameKey::of(&group.name), group.id);
                policies(Holder::Group(group.id), &group.policies);
            }
            Document::GroupMember(place) => drop(places.insert((place.group, place.member))),
            Document::ResourceGroup(group) => match group.kind {
                Kind::Anonymous { .. } => {}
                Kind::BuiltIn | Kind::Custom => {
                    custom += usize::from(group.kind == Kind::Custom);
                    named.insert(NameKey::of(&group.name), group.id);
                }
            },
            Document::Resource(zone) => {
                zones.insert(NameKey::of(&zone.name), resource_groups::zone_of(&zone.key).unwrap());
            }
            Document::RemovedResource(_) | Document::Account(_) | Document::Token(_) => {}
            Document::SsoConnector(_) | Document::User(_) => {}
        }
    }
    tell("members", format!("{:?}", by_email.values().map(|(id, _)| *id).collect::<Vec<_>>()));
    tell("member_count", by_email.len().to_string());
    for (member, email) in by_email.values() {
        tell(&format!("member_by_email {}", email.as_str()), format!("{:?}", Some(member)));
        tell(
            &format!("groups_of {member}"),
            format!("{:?}", places.iter().filter(|place| place.1 == *member).map(|place| place.0).collect::<Vec<_>>()),
        );
    }
    for n in 0..12 {
        tell(&format!("member_of_user {n}"), format!("{:?}", users.get(&user_id(n)).copied()));
        tell(&format!("policies_using {n}"), using.get(&resource_group_id(n).0).copied().unwrap_or(0).to_string());
    }
    tell("user_groups", format!("{:?}", groups.iter().collect::<Vec<_>>()));
    tell("user_group_count", groups.len().to_string());
    for (key, group) in &groups {
        tell(&format!("user_group_named {}", key.as_str()), format!("{:?}", Some(group)));
        let inside = by_email.values().map(|(id, _)| *id).filter(|member| places.contains(&(*group, *member)));
        let inside: Vec<_> = inside.collect();
        tell(&format!("group_members {group}"), format!("{inside:?}"));
        tell(&format!("group_size {group}"), inside.len().to_string());
    }
    let whole = named[&NameKey::of(&account_key())];
    tell("resource_groups", format!("{:?}", named.values().collect::<Vec<_>>()));
    tell("custom_resource_group_count", custom.to_string());
    tell("whole_account_group", format!("{:?}", Some(whole)));
    tell("policies_using whole", using.get(&whole.0).copied().unwrap_or(0).to_string());
    tell("holders", format!("{:?}", holders.iter().collect::<Vec<_>>()));
    tell("zones", format!("{:?}", zones.iter().collect::<Vec<_>>()));
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn look_ups_say_what_the_documents_say(world in world()) {
        prop_assert_eq!(answered(&world.state), recomputed(&world.state));
    }

    #[test]
    fn the_documents_make_the_same_state_again(world in world()) {
        let documents: Vec<Document> = world.state.documents().collect();
        let changes: Vec<Change> = documents.iter().cloned().map(Change::Put).collect();
        let again = AccountState::new([iam("all_privileges")]).after(&changes).unwrap();
        prop_assert_eq!(answered(&again), answered(&world.state));
        prop_assert_eq!(again.documents().collect::<Vec<_>>(), documents.clone());
        let loaded = AccountState::new([iam("all_privileges")]).load(documents.iter().rev().cloned()).unwrap();
        prop_assert_eq!(answered(&loaded), answered(&world.state));
        prop_assert_eq!(loaded.documents().collect::<Vec<_>>(), documents.clone());
        for document in documents {
            prop_assert_eq!(again.document(&document.id()), Some(document));
        }
    }

    #[test]
    fn changes_read_back_as_they_were_written(world in world()) {
        let puts = world.state.documents().map(Change::Put);
        let deletes = world.state.documents().map(|document| Change::Delete(document.id()));
        let changes: Vec<Change> = puts.chain(deletes).collect();
        let text = change::write(&changes).unwrap();
        prop_assert_eq!(&change::read(&text).unwrap(), &changes);
    }

    #[test]
    fn deleting_every_document_in_turn_leaves_an_empty_account(world in world()) {
        let mut ids: Vec<DocumentId> = world.state.documents().map(|document| document.id()).collect();
        ids.sort_by_key(|id| !matches!(id, DocumentId::GroupMember(..)));
        let deletes: Vec<Change> = ids.into_iter().map(Change::Delete).collect();
        let empty = world.state.after(&deletes).unwrap();
        prop_assert_eq!(empty.documents().count(), 0);
        prop_assert_eq!((empty.members().count(), empty.user_groups().count(), empty.resource_groups().count()), (0, 0, 0));
        prop_assert_eq!((empty.zones().count(), empty.holders(iam("all_privileges")).count()), (0, 0));
    }
}

#[test]
fn a_change_that_does_not_fit_is_refused_and_the_state_stays() {
    let world = World::new();
    let place =
        model::user_group_members::GroupMember { group: group_id(9), member: member_id(0), created_on: world.now() };
    let user_document = Document::User(user(0).into());
    for change in [
        Change::put(Document::GroupMember(place)),
        Change::put(user_document),
        Change::Delete(DocumentId::User),
        Change::Delete(DocumentId::Member(member_id(9))),
        Change::Delete(DocumentId::GroupMember(group_id(9), member_id(0))),
        Change::Delete(DocumentId::Resource("nonsense".into())),
    ] {
        assert!(world.state.after(std::slice::from_ref(&change)).is_err(), "{change:?}");
        let Change::Put(document) = change else { continue };
        let documents = world.state.documents().chain([document.clone()]);
        assert!(AccountState::new([]).load(documents).is_err(), "{document:?}");
    }
}

#[test]
fn no_place_outlives_its_group_or_its_member() {
    let mut world = World::new();
    world.invite(1, &[]).unwrap();
    world.make_group(1, "staff", &[]).unwrap();
    let place = user_group_members::GroupMember { group: group_id(1), member: member_id(1), created_on: world.now() };
    let state = world.state.after(&[Change::Put(Document::GroupMember(place))]).unwrap();
    for gone in [DocumentId::UserGroup(group_id(1)), DocumentId::Member(member_id(1))] {
        let document = state.document(&gone).unwrap();
        let after = state.after(&[Change::Delete(gone), Change::Put(document)]).unwrap();
        assert_eq!(after.in_group_since(member_id(1), group_id(1)), None);
        assert_eq!(after.groups_of(member_id(1)).count(), 0);
        assert_eq!(after.group_size(group_id(1)), 0);
    }
}
