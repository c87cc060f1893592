//! The cases of `tests/cases`, put to the engine and to the oracle.

use std::sync::Arc;

use engine::decide::{Decision, Reason};
use engine::oracle::{self, Subject};
use engine::permit::Need;
use engine::principal::Principal;
use engine::question::Circumstances;
use engine::question::action::{Action, Named};
use model::ids::{Id, UserId};
use model::tokens::{Digest, Token};

use crate::world::{CATALOG, ENGINE, ORACLE, World, account_id};

#[path = "../cases/reader.rs"]
mod reader;

use reader::{Asked, Case, cases, key, policy_id};

fn user(name: &str) -> UserId {
    UserId(Id::derived(&format!("user {name}")))
}

/// Who is asked about, as the engine and as the oracle know it.
enum Who {
    User(UserId),
    Token(Option<UserId>, Arc<Token>),
}

impl Who {
    fn of(case: &Case, who: &str) -> Who {
        let Some(name) = who.strip_prefix("token ") else { return Who::User(user(who)) };
        let token = &case.tokens[name];
        let document = token.token(&CATALOG, account_id(), name, Digest([0; 32]));
        Who::Token(token.of.as_deref().map(user), Arc::new(document))
    }

    fn principal(&self) -> Principal {
        match self {
            Who::User(user) => Principal::User(*user),
            Who::Token(owner, token) => {
                let token = Arc::new(ENGINE.compile_token(token));
                match owner {
                    Some(user) => Principal::UserToken { user: *user, token },
                    None => Principal::AccountToken { account: account_id(), token },
                }
            }
        }
    }

    fn subject(&self) -> Subject<'_> {
        match self {
            Who::User(user) => Subject::User(*user),
            Who::Token(Some(user), token) => Subject::UserToken(*user, token),
            Who::Token(None, token) => Subject::AccountToken(account_id(), token),
        }
    }
}

/// What would suffice.
fn need(asked: &Asked) -> Need {
    match Named::of(&CATALOG, &asked.what).map(|named| named.action) {
        Some(Action::AnyOf(need)) => need,
        Some(Action::AllOf(_)) | None => panic!("no permission or operation is called `{}`", asked.what),
    }
}

/// What the case says: the answer, and the policies.
fn expected(asked: &Asked) -> Decision {
    let reasons = [Reason::Allow, Reason::ExplicitDeny, Reason::ImplicitDeny];
    let reason = reasons.into_iter().find(|reason| reason.as_str() == asked.answer);
    let reason = reason.unwrap_or_else(|| panic!("`{}` is no answer", asked.answer));
    let mut policies: Vec<_> = asked.by.iter().map(|name| policy_id(name)).collect();
    policies.sort_unstable();
    Decision { allowed: reason == Reason::Allow, reason, policies }
}

/// As the API answers; it knows no other reasons.
fn engine_decides(world: &World, who: &Who, need: Need, key: &str) -> Decision {
    let (principal, target) = (who.principal(), world.state.target(key));
    let action = Action::AnyOf(need);
    let circumstances = Circumstances::default();
    let mut decision = ENGINE.answer(&world.state, Some(&principal), &action, target.as_ref(), &circumstances);
    decision.policies.sort_unstable();
    if decision.reason == Reason::UnknownResource {
        decision.reason = Reason::ImplicitDeny;
    }
    decision
}

/// The oracle leaves to its callers what an accepted member may without any policy (D14).
fn oracle_decides(world: &World, who: &Who, need: Need, key: &str) -> Decision {
    let actions: Vec<oracle::Action<'_>> =
        need.accepts.iter().map(|index| ORACLE.action(CATALOG.permission_at(index))).collect();
    let decision = ORACLE.decide(&world.state, who.subject(), &actions, key);
    if need.any_member && !decision.allowed && ORACLE.has_minimal_access(&world.state, who.subject(), &actions) {
        return Decision { allowed: true, reason: Reason::Allow, policies: vec![] };
    }
    decision
}

#[test]
fn the_engine_and_the_oracle_decide_every_case_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let mut world = World::new();
        world.apply(&case.changes(&CATALOG, account_id(), &user));
        for asked in &case.asked {
            let (who, need) = (Who::of(case, &asked.who), need(asked));
            let (expected, key) = (expected(asked), key(account_id(), &asked.on));
            let told = format!("{}: may {} do {} on {}", case.case, asked.who, asked.what, asked.on);
            let by_engine = engine_decides(&world, &who, need, &key);
            let by_oracle = oracle_decides(&world, &who, need, &key);
            if by_engine != expected || by_oracle != expected {
                wrong.push(format!("{told}: engine {by_engine:?}, oracle {by_oracle:?}, not {expected:?}"));
            }
        }
        for (member, zones) in &case.sees_zones {
            let accepts = CATALOG.operation("zones-get").unwrap().accepts.unwrap();
            let sees = |zone: &&String| {
                let target = world.state.resource(&key(account_id(), &format!("zone {zone}"))).unwrap();
                ENGINE.allows(&world.state, &Principal::User(user(member)), &accepts, &target)
            };
            let seen: Vec<&String> = case.zones.iter().filter(sees).collect();
            if seen != zones.iter().collect::<Vec<_>>() {
                wrong.push(format!("{}: {member} sees the zones {seen:?}, not {zones:?}", case.case));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cases_show_each_decision_about_deciding() {
    for decision in ["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D10", "D11", "D12", "D13", "D14"] {
        assert!(
            cases().iter().any(|case| case.shows.iter().any(|shown| shown == decision)),
            "no case shows {decision}"
        );
    }
}
