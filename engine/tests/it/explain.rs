//! What is told of a decision is so: without the policies that it rests on it would be another, and with the changes that
//! would help it is; with fewer it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::PermissionSet;
use engine::decide::{Reason, Source, Spoken};
use engine::explain::link::Reach;
use engine::explain::remedies::{Asker, Grant, Granted, Lift, Needed, Recipient, Remedy, Requirement};
use engine::principal::Principal;
use engine::question::Circumstances;
use engine::question::action::Named;
use engine::question::subject::SubjectKind;
use model::account_state::Holder;
use model::policies::Effect;
use model::tokens::{Network, Token, TokenStatus};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestError, TestRunner};

use crate::explain_changes::{Asks, Scene};
use crate::runs::{Tally, oracle_config};
use crate::world::*;

/// A question, and which of its remedies are tried.
#[derive(Clone, Debug)]
struct Case {
    asks: Asks,
    accepted: Vec<&'static str>,
    /// Whether all of the permissions are needed.
    all: bool,
    key: String,
    pick: prop::sample::Index,
}

fn case() -> impl Strategy<Value = Case> {
    let asks = prop_oneof![1 => (0..6u8).prop_map(Asks::Member), 1 => (0..4u8).prop_map(Asks::Group)];
    (question(), prop_oneof![3 => Just(None), 1 => asks.prop_map(Some)], 0..4u8, any::<prop::sample::Index>()).prop_map(
        |(question, asks, all, pick)| {
            let Question { caller, accepted, key } = question;
            Case { asks: asks.unwrap_or(Asks::Caller(caller)), accepted, all: all == 0, key, pick }
        },
    )
}

/// Runs questions on many worlds, and counts what came up.
fn run(
    test: &str,
    worlds: u32,
    questions: usize,
    check: impl Fn(&World, &Case, &mut dyn FnMut(&'static str)) -> Result<(), TestCaseError>,
) -> Tally {
    let tally = Tally::default();
    let strategy = (world(50), vec(case(), questions));
    let outcome = TestRunner::new(oracle_config(worlds)).run(&strategy, |(world, cases)| {
        for case in &cases {
            check(&world, case, &mut |what| tally.note(what))?;
            tally.note("questions");
        }
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, (world, ..))) => panic!("{reason}\n{world:?}"),
        other => other.unwrap_or_else(|error| panic!("{error}")),
    }
    tally.print(test);
    tally
}

fn lift(scene: &Scene, spoken: &Spoken) -> Lift {
    let policy = scene.account.policy_id(&scene.asks.principal(), spoken).expect("a policy");
    Lift { source: spoken.source, position: spoken.position, policy }
}

fn is_two_sided(asks: &Asks) -> bool {
    matches!(asks, Asks::Caller(Caller::UserToken(..)))
}

#[test]
fn without_the_policies_that_an_answer_names_it_is_another() {
    let counts = run("answers without the policies they name", 1_700, 60, |world, case, count| {
        let scene = Scene::new(&world.state, &case.asks, &case.key);
        let Some(target) = scene.target() else { return Ok(()) };
        let (principal, accepted) = (case.asks.principal(), accepted_set(&case.accepted));
        let decision = ENGINE.decide(&scene.account, &principal, &accepted, &target);
        let explanation = ENGINE.explain(&scene.account, &principal, &accepted, &target);
        prop_assert_eq!((explanation.allowed, explanation.reason), (decision.allowed, decision.reason));
        let effect = if decision.allowed { Effect::Allow } else { Effect::Deny };
        let decided: Vec<&Spoken> = explanation.chain.iter().filter(|spoken| spoken.effect == effect).collect();
        let named: Vec<_> = decided.iter().filter_map(|one| scene.account.policy_id(&principal, one)).collect();
        prop_assert_eq!(&named, &decision.policies);
        check_links(&scene, &principal, &explanation.chain, &explanation.asked)?;
        count(decision.reason.as_str());
        match decision.reason {
            Reason::Allow => {
                prop_assert_eq!(decided.len(), explanation.chain.len());
                let lifts: Vec<Lift> = decided.iter().map(|spoken| lift(&scene, spoken)).collect();
                let mut without = scene.clone();
                without.lift(&lifts);
                prop_assert!(!without.allows(&accepted, false), "still allowed: {:?}", case);
                // Of one side, each policy alone would do.
                if !is_two_sided(&case.asks) && lifts.len() > 1 {
                    let kept = case.pick.index(lifts.len());
                    let others: Vec<Lift> =
                        lifts.iter().enumerate().filter(|(at, _)| *at != kept).map(|(_, l)| *l).collect();
                    let mut one = scene.clone();
                    one.lift(&others);
                    prop_assert!(one.allows(&accepted, false), "one was not enough: {:?}", case);
                    count("several allow");
                }
            }
            Reason::ExplicitDeny => {
                let lifts: Vec<Lift> = decided.iter().map(|spoken| lift(&scene, spoken)).collect();
                prop_assert!(!lifts.is_empty());
                let mut without = scene.clone();
                without.lift(&lifts);
                let after = ENGINE.decide(&without.account, &without.asks.principal(), &accepted, &target);
                prop_assert_ne!(after.reason, Reason::ExplicitDeny);
            }
            _ => prop_assert!(decided.is_empty()),
        }
        Ok(())
    });
    assert!(counts.count("questions") >= 100_000, "{counts:?}");
    for what in ["allow", "explicit_deny", "implicit_deny", "several allow"] {
        assert!(counts.count(what) >= 1_000, "too few of {what}: {counts:?}");
    }
}

/// Each part that is said to matter speaks of the target alone, and together they say all that the policy says.
fn check_links(
    scene: &Scene,
    principal: &Principal,
    chain: &[Spoken],
    asked: &PermissionSet,
) -> Result<(), TestCaseError> {
    let target = scene.target().expect("a target");
    for spoken in chain {
        let link = scene.account.link(principal, spoken, asked, &target).expect("a link");
        prop_assert_eq!(link.permissions, spoken.permissions & *asked);
        prop_assert!(!link.permission_groups.is_empty());
        let places = match &link.reach {
            Reach::ResourceGroups(groups) => groups.len(),
            Reach::Keys(keys) => keys.len(),
        };
        prop_assert!(places > 0, "{:?}", link);
        let known = link.permission_groups.iter().filter_map(|id| CATALOG.iam_group(id));
        let said = known.fold(PermissionSet::EMPTY, |set, group| match link.effect {
            Effect::Allow => set | group.allows,
            Effect::Deny => set | group.denies,
        });
        if matches!(spoken.source, Source::Holder(_)) && link.effect == Effect::Allow {
            prop_assert!(link.permissions.is_subset(&said));
        }
        let owner = matches!(principal, Principal::UserToken { .. }) && spoken.source != Source::Token;
        prop_assert_eq!(link.origin.is_owner, owner);
        if let Some(role) = link.origin.role {
            prop_assert!(matches!(spoken.source, Source::Holder(Holder::Member(_))));
            prop_assert_eq!(vec![CATALOG.role(&role).expect("a role").group], link.permission_groups);
        }
    }
    Ok(())
}

fn remedies(scene: &Scene, case: &Case) -> Vec<Remedy> {
    let accepted = accepted_set(&case.accepted);
    let needed = if case.all { Needed::AllOf(accepted) } else { Needed::AnyOf(accepted) };
    ENGINE.remedies(&scene.account, &Asker::Known(case.asks.principal()), &needed, &case.key)
}

#[test]
fn every_remedy_helps_and_no_smaller_one_does() {
    let counts = run("remedies", 1_700, 60, |world, case, count| {
        let scene = Scene::new(&world.state, &case.asks, &case.key);
        let accepted = accepted_set(&case.accepted);
        let remedies = remedies(&scene, case);
        if scene.allows(&accepted, case.all) {
            prop_assert!(remedies.is_empty(), "allowed, and yet {:?}", remedies);
            return Ok(());
        }
        let Some(first) = remedies.first() else {
            count("no help");
            return nothing_helps(&scene, case);
        };
        let distinct: BTreeSet<_> = remedies.iter().map(|one| (one.lifts.clone(), one.grants.clone())).collect();
        prop_assert_eq!(distinct.len(), remedies.len());
        prop_assert!(remedies.iter().all(|one| one.size() == first.size() && one.requires == first.requires));
        count(["size 0", "size 1", "size 2", "size 3", "size 4", "larger"][first.size().min(5)]);
        for remedy in [first, &remedies[case.pick.index(remedies.len())]] {
            let mut after = scene.clone();
            after.remedy(remedy, None);
            prop_assert!(after.allows(&accepted, case.all), "{:?} does not help {:?}", remedy, case);
            for requirement in &remedy.requires {
                count("requirement");
                let mut after = scene.clone();
                after.remedy(remedy, Some(requirement));
                prop_assert!(!after.allows(&accepted, case.all), "{:?} not needed by {:?}", requirement, case);
            }
        }
        nothing_smaller_helps(&scene, case, first)
    });
    assert!(counts.count("questions") >= 100_000, "{counts:?}");
    for what in ["size 1", "size 2", "size 3", "requirement", "no help"] {
        assert!(counts.count(what) >= 1_000, "too few of {what}: {counts:?}");
    }
}

/// Every single change of a policy, or one that does at least as much: a deny lifted, everything granted to one side.
fn single_changes(scene: &Scene) -> Vec<Result<Lift, Recipient>> {
    let principal = scene.asks.principal();
    let Some(target) = scene.target() else { return Vec::new() };
    let all = PermissionSet::ALL;
    let chain = ENGINE.explain(&scene.account, &principal, &all, &target).chain;
    let everything: BTreeSet<(Source, usize)> = chain.iter().map(|spoken| (spoken.source, spoken.position)).collect();
    // `explain` over everything names only what allows where something is held; so ask one permission after another too.
    let one_by_one = PERMISSIONS
        .iter()
        .flat_map(|name| ENGINE.explain(&scene.account, &principal, &accepted_set(&[*name]), &target).chain);
    let spoken: BTreeMap<(Source, usize), Spoken> =
        chain.iter().copied().chain(one_by_one).map(|one| ((one.source, one.position), one)).collect();
    assert!(spoken.len() >= everything.len());
    let denies = spoken.values().filter(|one| one.effect == Effect::Deny).map(|one| Ok(lift(scene, one)));
    let recipients: Vec<Recipient> = match &scene.asks {
        Asks::Caller(Caller::User(n)) => member_of(scene, *n),
        Asks::Caller(Caller::UserToken(n, _)) => [vec![Recipient::Token], member_of(scene, *n)].concat(),
        Asks::Caller(Caller::AccountToken(..)) => vec![Recipient::Token],
        Asks::Member(n) => {
            scene.account.member(&member_id(*n)).map(|one| Recipient::Member(one.id)).into_iter().collect()
        }
        Asks::Group(n) => {
            scene.account.user_group(&group_id(*n)).map(|one| Recipient::UserGroup(one.id)).into_iter().collect()
        }
    };
    denies.chain(recipients.into_iter().map(Err)).collect()
}

fn member_of(scene: &Scene, n: u8) -> Vec<Recipient> {
    scene.account.member_of_user(&user_id(n)).map(|member| Recipient::Member(member.id)).into_iter().collect()
}

fn change(scene: &mut Scene, changes: &[Result<Lift, Recipient>]) {
    let lifts: Vec<Lift> = changes.iter().filter_map(|change| change.as_ref().ok().copied()).collect();
    scene.lift(&lifts);
    changes.iter().filter_map(|change| change.as_ref().err()).for_each(|to| scene.grant_everything(*to));
}

/// More allows never close a door, so it is enough to look at sets that are one smaller.
fn nothing_smaller_helps(scene: &Scene, case: &Case, remedy: &Remedy) -> Result<(), TestCaseError> {
    let mut scene = scene.clone();
    remedy.requires.iter().for_each(|requirement| scene.require(requirement));
    let accepted = accepted_set(&case.accepted);
    let Some(fewer) = remedy.size().checked_sub(1) else { return Ok(()) };
    // To a token each permission of several is a grant of its own, so that sets of them are not compared.
    if case.all && remedy.grants.iter().filter(|grant| grant.to == Recipient::Token).count() > 1 {
        return Ok(());
    }
    for chosen in subsets(&single_changes(&scene), fewer) {
        let mut after = scene.clone();
        change(&mut after, &chosen);
        prop_assert!(!after.allows(&accepted, case.all), "{:?} is enough for {:?}", chosen, case);
    }
    Ok(())
}

fn subsets<T: Clone>(of: &[T], size: usize) -> Vec<Vec<T>> {
    match (size, of) {
        (0, _) => vec![vec![]],
        (_, []) => vec![],
        (_, [first, rest @ ..]) => {
            let with = subsets(rest, size - 1).into_iter().map(|others| [vec![first.clone()], others].concat());
            with.chain(subsets(rest, size)).collect()
        }
    }
}

/// Not even with everything lifted and granted.
fn nothing_helps(scene: &Scene, case: &Case) -> Result<(), TestCaseError> {
    let mut scene = scene.clone();
    let everything = single_changes(&scene);
    change(&mut scene, &everything);
    prop_assert!(!scene.allows(&accepted_set(&case.accepted), case.all), "something would help {:?}", case);
    Ok(())
}

/// Every IAM permission group and every token permission, each where it is narrowest, one after another.
#[test]
fn the_single_grants_that_help_are_all_told_and_no_others() {
    let counts = run("smallest remedies", 200, 60, |world, case, count| {
        let scene = Scene::new(&world.state, &case.asks, &case.key);
        let accepted = accepted_set(&case.accepted);
        let remedies = remedies(&scene, case);
        let single = remedies.iter().all(|one| one.size() == 1 && one.lifts.is_empty() && one.requires.is_empty());
        if remedies.is_empty() || !single || is_two_sided(&case.asks) || case.pick.index(8) != 0 {
            return Ok(());
        }
        let told: BTreeSet<Granted> = remedies.iter().map(|one| one.grants[0].what).collect();
        let to = remedies[0].grants[0].to;
        // What a token is granted is needed itself: writing that is denied, and only brings reading along, is not told.
        let counts = |after: &Scene, what| match what {
            Granted::IamGroup(_) => after.allows(&accepted, case.all),
            Granted::Permission(one) => after.allows(&[one].into_iter().collect(), true),
        };
        let mut helping = BTreeSet::new();
        let candidates: Vec<(Granted, &str)> = match to {
            Recipient::Token => {
                let permissions = CATALOG.permissions().iter().filter(|one| accepted.contains(one.index));
                permissions
                    .map(|one| (Granted::Permission(one.index), &*CATALOG.resource_type(one.scope).key))
                    .collect()
            }
            _ => CATALOG
                .iam_groups()
                .iter()
                .map(|one| (Granted::IamGroup(one.id), &*CATALOG.resource_type(one.scope).key))
                .collect(),
        };
        for (what, scope) in candidates {
            let on = place(&scene, scope);
            let mut after = scene.clone();
            after.grant(&Grant { to, what, on: on.as_str().into() });
            if after.allows(&accepted, case.all) && counts(&after, what) {
                helping.insert(what);
            }
        }
        count("tried");
        prop_assert_eq!(told, helping, "{:?}", case);
        Ok(())
    });
    assert!(counts.count("tried") >= 200, "{counts:?}");
}

/// The key of the resource of that type that the target is or lies in; otherwise that of the account.
fn place(scene: &Scene, kind: &str) -> String {
    let mut next = scene.account.find_resource(&scene.key);
    while let Some(here) = next {
        if here.key.rsplit_once('.').is_some_and(|(of, _)| of == kind) {
            return here.key.to_string();
        }
        next = here.parent.as_deref().and_then(|parent| scene.account.find_resource(parent));
    }
    account_key()
}

#[test]
fn a_newcomer_is_to_become_a_member_and_to_be_granted_what_is_asked() {
    let world = World::new();
    let needed = Needed::AnyOf(accepted_set(&["Billing Read@account"]));
    let remedies = ENGINE.remedies(&world.state, &Asker::Newcomer, &needed, &account_key());
    assert!(remedies.iter().all(|one| one.requires == [Requirement::Membership] && one.size() == 1));
    let billing = CATALOG.iam_group_by_label("billing").unwrap().id;
    assert_eq!(remedies[0].grants[0].what, Granted::IamGroup(billing));
}

/// Who a question is about, by the words for it or by a token in hand; and what is asked, by name.
#[derive(Clone, Debug)]
struct Worded {
    subject: Result<(SubjectKind, String), (Caller, Damage)>,
    /// Who that is, for changes.
    asks: Asks,
    action: &'static str,
    key: String,
    pick: prop::sample::Index,
}

/// What keeps a token from being used.
#[derive(Clone, Copy, Debug)]
enum Damage {
    None,
    Status,
    Time,
    Address,
}

const ACTIONS: [&str; 12] = [
    "Account Settings Read",
    "Billing Write",
    "DNS Write",
    "Widgets Write",
    "accounts-account-details",
    "account-permission-group-list",
    "zones-0-get",
    "domain_dns",
    "widgets_admin",
    "billing",
    "minimal_account_access",
    "admin_readonly",
];

fn worded() -> impl Strategy<Value = Worded> {
    let member = (0..7u8).prop_map(|n| (Ok((SubjectKind::Member, member_id(n).to_string())), Asks::Member(n)));
    let user = (0..7u8, any::<bool>()).prop_map(|(n, by_id)| {
        let id = if by_id { user_id(n).to_string() } else { email(n) };
        (Ok((SubjectKind::User, id)), Asks::Caller(Caller::User(n)))
    });
    let group = (0..4u8).prop_map(|n| (Ok((SubjectKind::UserGroup, group_id(n).to_string())), Asks::Group(n)));
    let damage = prop_oneof![
        4 => Just(Damage::None),
        1 => prop::sample::select(vec![Damage::Status, Damage::Time, Damage::Address]),
    ];
    let token = (0..6u8, any::<bool>(), token(), damage).prop_map(|(n, of_user, token, damage)| {
        let mut token = Token::clone(&token);
        match damage {
            Damage::None => {}
            Damage::Status => token.status = TokenStatus::Disabled,
            Damage::Time => token.expires_on = Some(NOW()),
            Damage::Address => token.condition.within = Box::new([Network("192.0.2.0/24".into())]),
        }
        let token = Arc::new(token);
        let caller = if of_user { Caller::UserToken(n, token) } else { Caller::AccountToken(account_id(), token) };
        (Err((caller.clone(), damage)), Asks::Caller(caller))
    });
    let who = prop_oneof![2 => member, 2 => user, 1 => group, 3 => token];
    let what = prop::sample::select(ACTIONS.to_vec());
    (who, what, question(), any::<prop::sample::Index>()).prop_map(|((subject, asks), action, question, pick)| Worded {
        subject,
        asks,
        action,
        key: question.key,
        pick,
    })
}

#[test]
fn explanations_of_questions_agree_with_their_answers_and_their_remedies_help() {
    let tally = Tally::default();
    let count = |what| tally.note(what);
    let circumstances = Circumstances { address: "198.51.100.7".parse().ok(), time: Some(NOW()) };
    let outcome = TestRunner::new(oracle_config(200)).run(&(world(50), vec(worded(), 60)), |(world, cases)| {
        for case in &cases {
            let scene = Scene::new(&world.state, &case.asks, &case.key);
            let action = Named::of(&CATALOG, case.action).expect(case.action).action;
            let answer = |scene: &Scene, subject: Option<&Principal>| {
                ENGINE.answer(&scene.account, subject, &action, scene.target().as_ref(), &circumstances)
            };
            let (subject, asker) = match &case.subject {
                Ok((kind, id)) => {
                    (ENGINE.find_subject(&scene.account, *kind, id), ENGINE.find_asker(&scene.account, *kind, id))
                }
                Err((caller, _)) => (Some(caller.principal()), Some(Asker::Known(caller.principal()))),
            };
            let decision = answer(&scene, subject.as_ref());
            let target = scene.target();
            let explanation =
                ENGINE.explain_answer(&scene.account, subject.as_ref(), &action, target.as_ref(), &circumstances);
            prop_assert_eq!((explanation.allowed, explanation.reason), (decision.allowed, decision.reason));
            count(decision.reason.as_str());
            if explanation.by_membership {
                count("by membership");
            } else if let Some(subject) = &subject {
                let effect = if decision.allowed { Effect::Allow } else { Effect::Deny };
                let named = explanation.chain.iter().filter(|one| one.effect == effect);
                let named: Vec<_> = named.filter_map(|one| scene.account.policy_id(subject, one)).collect();
                prop_assert_eq!(named, decision.policies);
            }
            let Some(asker) = asker else { continue };
            let remedies = ENGINE.remedies_of_answer(&scene.account, &asker, &action, &case.key, &circumstances);
            prop_assert!(remedies.is_empty() || !decision.allowed);
            // A member that has not accepted is asked about as the member that it is.
            let asks = match asker {
                Asker::Known(Principal::Member(id)) => Asks::Member(*id.0.as_bytes().last().expect("a number")),
                Asker::Known(_) | Asker::Newcomer => case.asks.clone(),
            };
            let tried = if remedies.is_empty() { vec![] } else { vec![0, case.pick.index(remedies.len())] };
            for remedy in tried.into_iter().map(|at| &remedies[at]) {
                count(if remedy.size() == 0 { "requirements alone" } else { "changes" });
                let mut after = Scene::new(&world.state, &asks, &case.key);
                after.remedy(remedy, None);
                let principal = after.asks.principal();
                prop_assert!(answer(&after, Some(&principal)).allowed, "{:?} does not help {:?}", remedy, case);
                for requirement in &remedy.requires {
                    let mut after = Scene::new(&world.state, &asks, &case.key);
                    after.remedy(remedy, Some(requirement));
                    let principal = after.asks.principal();
                    prop_assert!(!answer(&after, Some(&principal)).allowed, "{:?} is not needed", requirement);
                }
            }
        }
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, (world, ..))) => panic!("{reason}\n{world:?}"),
        other => other.unwrap_or_else(|error| panic!("{error}")),
    }
    tally.print("the_engine_explains_questions");
    for what in [
        "allow",
        "explicit_deny",
        "implicit_deny",
        "condition",
        "unknown_subject",
        "unknown_resource",
        "by membership",
        "requirements alone",
        "changes",
    ] {
        assert!(tally.count(what) >= 100, "too few of {what}: {tally:?}");
    }
}
