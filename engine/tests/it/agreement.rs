//! Sentences that hold for every account, every caller and every question.

use catalog::PermissionSet;
use engine::Account;
use engine::decide::{Decision, Reason};
use engine::target::Target;
use model::change::{Change, Document};
use model::ids::PolicyId;
use model::members::Member;
use model::policies::Effect;
use model::resource_groups::{Kind, ResourceGroup, Scope};
use model::tokens::{Star, TokenPolicy, TokenResource};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use crate::runs::{QUESTIONS, Tally, config, oracle_config};
use crate::world::*;

fn oracle_decides(world: &World, question: &Question) -> Decision {
    ORACLE.decide(&world.state, question.caller.subject(), &actions(&question.accepted), &question.key)
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    let tally = Tally::default();
    let strategy = (world(60), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(2_000)).run(&strategy, |(world, questions)| {
        for question in &questions {
            let decision = engine_decides(&world, question);
            prop_assert_eq!(&decision, &oracle_decides(&world, question), "{:?}", question);
            tally.note(decision.reason.as_str());
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, (world, _))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    tally.print_reasons("decisions", QUESTIONS);
}

#[test]
fn an_index_that_followed_every_change_is_that_of_the_state() {
    let strategy = (world(60), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(300)).run(&strategy, |(world, questions)| {
        let mut fresh = world.clone();
        fresh.state = Account::compile(&ENGINE, world.state.state().clone());
        for question in &questions {
            prop_assert_eq!(engine_decides(&world, question), engine_decides(&fresh, question), "{:?}", question);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A policy of member `n`'s own, on top of what it has.
fn with_policy(world: &World, n: u8, policy: model::policies::Policy) -> World {
    let mut world = world.clone();
    let Some(member) = world.state.member(&member_id(n)).cloned() else { return world };
    let policies = member.policies.iter().cloned().chain([policy]).collect();
    world.apply(&[Change::put(Document::Member(Member { policies, ..member }.into()))]);
    world
}

fn stored(effect: Effect, label: &str, scope: model::ids::ResourceGroupId) -> model::policies::Policy {
    model::policies::Policy {
        id: PolicyId(id(0x51, 0)),
        access: effect,
        permission_groups: Box::new([iam(label)]),
        resource_groups: Box::new([scope]),
        created_on: NOW(),
        modified_on: NOW(),
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn one_more_deny_never_opens_a_door_and_one_more_allow_never_closes_one(
        world in world(50),
        questions in vec(question(), 20),
        n in 0..6u8,
        group in 0..8u8,
        label in prop::sample::select(vec!["all_privileges", "domain_dns", "widgets_admin", "admin_readonly", "unknown"]),
    ) {
        let denied = with_policy(&world, n, stored(Effect::Deny, label, resource_group_id(group)));
        let allowed = with_policy(&world, n, stored(Effect::Allow, label, resource_group_id(group)));
        for question in &questions {
            let now = engine_decides(&world, question).allowed;
            prop_assert!(now || !engine_decides(&denied, question).allowed);
            prop_assert!(!now || engine_decides(&allowed, question).allowed);
        }
    }

    #[test]
    fn the_order_of_policies_does_not_matter(world in world(50), questions in vec(question(), 20)) {
        let mut turned = world.clone();
        let members: Vec<_> = world.state.documents().filter_map(|document| match document {
            Document::Member(member) => {
                let policies = member.policies.iter().rev().cloned().collect();
                Some(Change::put(Document::Member(Member { policies, ..Member::clone(&member) }.into())))
            }
            _ => None,
        }).collect();
        turned.apply(&members);
        for question in &questions {
            prop_assert_eq!(engine_decides(&world, question), engine_decides(&turned, question));
        }
    }

    #[test]
    fn allows_says_the_same_as_decide_and_held_has_what_is_allowed(world in world(50), questions in vec(question(), 20)) {
        for question in &questions {
            let Some(target) = target(&world, &question.key) else { continue };
            let (principal, accepted) = (question.caller.principal(), accepted_set(&question.accepted));
            let allowed = ENGINE.decide(&world.state, &principal, &accepted, &target).allowed;
            prop_assert_eq!(ENGINE.allows(&world.state, &principal, &accepted, &target), allowed);
            prop_assert_eq!(ENGINE.held(&world.state, &principal, &target).intersects(&accepted), allowed);
        }
    }

    #[test]
    fn a_user_token_never_does_more_than_its_owner_nor_more_than_itself(
        world in world(50), owner in 0..6u8, token in token(), questions in vec(question(), 20),
    ) {
        for mut question in questions {
            let mut asked = |caller| {
                question.caller = caller;
                engine_decides(&world, &question).allowed
            };
            let by_token = asked(Caller::UserToken(owner, token.clone()));
            let by_owner = asked(Caller::User(owner));
            let by_itself = asked(Caller::AccountToken(account_id(), token.clone()));
            prop_assert!(!by_token || by_owner && by_itself);
        }
    }

    #[test]
    fn an_account_token_does_nothing_in_another_account(world in world(50), token in token(), questions in vec(question(), 20)) {
        for mut question in questions {
            question.caller = Caller::AccountToken(foreign_account(), token.clone());
            prop_assert_eq!(engine_decides(&world, &question).reason, Reason::ImplicitDeny);
        }
    }

    #[test]
    fn a_pending_or_rejected_member_exercises_nothing(world in world(50), questions in vec(question(), 40)) {
        for question in &questions {
            let Caller::User(n) = question.caller else { continue };
            let accepted = world.state.member(&member_id(n)).is_some_and(|member| member.user().is_some());
            prop_assert!(accepted || engine_decides(&world, question).reason == Reason::ImplicitDeny);
        }
    }

    #[test]
    fn the_key_of_a_removed_zone_matches_nothing(world in world(50), questions in vec(question(), 20), n in 0..2u8) {
        let mut without = world.clone();
        without.step(&Step::DeleteZone(n));
        prop_assume!(without.state.find_resource(&zone_key(n)).is_none());
        for mut question in questions {
            question.key = zone_key(n);
            prop_assert_eq!(engine_decides(&without, &question).reason, Reason::ImplicitDeny);
        }
    }

    #[test]
    fn who_may_write_may_read_and_who_may_not_read_may_not_write(world in world(50), questions in vec(question(), 20)) {
        for mut question in questions {
            for pair in PERMISSIONS.chunks(2) {
                let mut asked = |permission| {
                    question.accepted = vec![permission];
                    engine_decides(&world, &question)
                };
                let (read, write) = (asked(pair[0]), asked(pair[1]));
                // A deny of writing leaves reading, so only this direction holds (D6).
                prop_assert!(!write.allowed || read.allowed, "{:?}", question);
                prop_assert!(read.reason != Reason::ExplicitDeny || write.reason == Reason::ExplicitDeny, "{:?}", question);
            }
        }
    }
}

fn everything_token(effect: Effect, permissions: &[&str]) -> TokenPolicy {
    TokenPolicy {
        id: PolicyId(id(0x60, 9)),
        effect,
        permission_groups: permissions.iter().map(|text| permission(text).id).collect(),
        resources: [(account_key().into(), TokenResource::Everything(Star::Star))].into(),
    }
}

#[test]
fn a_deny_of_writing_leaves_reading() {
    let world = World::new();
    let token = make_token([
        everything_token(Effect::Allow, &["DNS Write@zone"]),
        everything_token(Effect::Deny, &["DNS Write@zone"]),
    ]);
    let mut world = world;
    world.step(&Step::CreateZone(0));
    let caller = Caller::AccountToken(account_id(), token.into());
    let ask = |permission| {
        engine_decides(&world, &Question { caller: caller.clone(), accepted: vec![permission], key: zone_key(0) })
    };
    assert_eq!(ask("DNS Read@zone").reason, Reason::Allow);
    assert_eq!(ask("DNS Write@zone").reason, Reason::ExplicitDeny);
}

/// Stored by a hand that did not know D12: what cannot be read closes, and never opens (D8).
#[test]
fn what_cannot_be_read_in_a_policy_grants_nothing_and_denies_everything() {
    for object in ["nonsense", "", "com.cloudflare.api.account.*", "com.cloudflare.api.user.*", &account_key()] {
        for effect in [Effect::Allow, Effect::Deny] {
            let mut world = World::new();
            let scope = Scope::listed(account_id(), [object.into()]);
            let group = ResourceGroup {
                id: resource_group_id(0),
                name: "odd".into(),
                kind: Kind::Custom,
                scope,
                created_on: NOW(),
                modified_on: NOW(),
                shown: Default::default(),
            };
            world.apply(&[Change::put(Document::ResourceGroup(group.into()))]);
            let member = if effect == Effect::Allow { 1 } else { 0 };
            world.step(&Step::Invite { n: 1, rules: vec![], accepted: true });
            let world = with_policy(&world, member, stored(effect, "all_privileges", resource_group_id(0)));
            let question =
                Question { caller: Caller::User(member), accepted: vec!["Billing Read@account"], key: account_key() };
            assert!(!engine_decides(&world, &question).allowed, "{effect:?} {object}");
        }
    }
}

#[test]
fn what_cannot_be_read_inside_an_account_key_of_a_token_denies_everything() {
    let inner = TokenResource::Within([("nonsense".into(), Star::Star)].into());
    let deny = TokenPolicy {
        resources: [(account_key().into(), inner)].into(),
        ..everything_token(Effect::Deny, &["Billing Read@account"])
    };
    let token = make_token([everything_token(Effect::Allow, &["Billing Write@account"]), deny]);
    let caller = Caller::AccountToken(account_id(), token.into());
    let question = Question { caller, accepted: vec!["Billing Read@account"], key: account_key() };
    assert_eq!(engine_decides(&World::new(), &question).reason, Reason::ExplicitDeny);
}

/// The catalogue gives the oracle its groups; this keeps it honest about what D6 makes of them.
#[test]
fn the_oracle_closes_groups_as_the_catalogue_does() {
    for group in CATALOG.iam_groups() {
        let mut world = World::new();
        world.step(&Step::Invite { n: 1, rules: vec![], accepted: true });
        let whole = world.whole();
        let world = with_policy(&world, 1, stored(Effect::Allow, &group.label, whole));
        let account = &Target::ACCOUNT;
        let held = ENGINE.held(&world.state, &Caller::User(1).principal(), account);
        let asked = CATALOG.permissions().iter().filter(|permission| {
            ORACLE.decide(&world.state, Caller::User(1).subject(), &[ORACLE.action(permission)], &account_key()).allowed
        });
        let asked: PermissionSet = asked.map(|permission| permission.index).collect();
        assert_eq!(held, asked, "{}", group.label);
    }
}
