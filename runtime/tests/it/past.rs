//! Questions about the past: the index of documents, states as of a revision or a time, and where grants came from, all held
//! against what the log alone says.

use std::ops::ControlFlow;
use std::sync::Arc;

use engine::permit::Permit;
use model::change::{self, Change, Document, DocumentId};
use model::commit::Actor;
use model::ids::{AccountId, Id, PolicyId, Revision, StreamId, TokenId, UserId};
use model::time::Timestamp;
use model::tokens::{Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use runtime::CommitError;
use runtime::history::at::At;
use runtime::history::provenance::Fact;
use runtime::stream::Broken;

use crate::random_log::*;
use crate::world::*;

fn run(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(Config { cases: 128, ..Config::default() })]

    #[test]
    fn the_past_in_memory_is_what_the_log_says(plans in plans(20)) {
        run(async {
            let world = World::in_memory();
            let account = world.account().await;
            carry_out(&world, account, &plans).await;
            the_past_is_what_the_log_says(&world, account).await
        })?;
    }
}

proptest! {
    #![proptest_config(Config { cases: 12, ..Config::default() })]

    #[test]
    fn the_past_in_sqlite_is_what_the_log_says(plans in plans(15)) {
        run(async {
            let database = Database::new();
            let world = database.open();
            let account = world.account().await;
            carry_out(&world, account, &plans).await;
            the_past_is_what_the_log_says(&world, account).await?;
            world.runtime.close().await;
            // As the first release would have left it: the index is made anew, and is the same.
            let index = database.index();
            database.forget_index();
            let world = database.open();
            prop_assert_eq!(database.index(), index);
            the_past_is_what_the_log_says(&world, account).await
        })?;
    }
}

async fn the_past_is_what_the_log_says(world: &World, account: AccountId) -> Result<(), TestCaseError> {
    let told = Told::by(world, account).await;
    touches_are_told(world, account, &told).await?;
    states_are_told(world, account, &told).await?;
    times_are_told(world, account).await?;
    grants_are_told(world, account, &told).await?;
    replay_is_told(world, account, &told).await
}

async fn touches_are_told(world: &World, account: AccountId, told: &Told) -> Result<(), TestCaseError> {
    let (runtime, stream) = (&world.runtime, StreamId::Account(account));
    let documents: Vec<DocumentId> = told.documents().into_iter().collect();
    for document in &documents {
        let touches =
            runtime.store.touches(&stream.to_string(), &document.to_string(), None, usize::MAX).await.unwrap();
        prop_assert_eq!(touches, told.touches(document), "{}", document);
    }
    for at in [1, told.newest() / 2, told.newest(), Revision::MAX] {
        let commits = runtime.provenance(stream, &documents, at).await.unwrap();
        let revisions = commits.iter().map(|commit| commit.as_ref().map(|commit| commit.revision));
        let expected = documents.iter().map(|document| told.touches(document).into_iter().find(|touch| *touch <= at));
        prop_assert_eq!(revisions.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
    Ok(())
}

async fn states_are_told(world: &World, account: AccountId, told: &Told) -> Result<(), TestCaseError> {
    // To and fro, so that some are folded from others.
    let newest = told.newest();
    for revision in (1..=newest).rev().step_by(3).chain(1..=newest) {
        let then = world.runtime.account_as_of(account, At::Revision(revision)).await.unwrap();
        prop_assert_eq!(then.revision(), revision);
        prop_assert_eq!(documents(&then.state), documents(&told.states[revision as usize]));
    }
    for (revision, newest_told) in [(0, newest), (newest + 1, newest), (Revision::MAX, newest)] {
        match world.runtime.account_as_of(account, At::Revision(revision)).await {
            Err(CommitError::NoSuchRevision { newest, .. }) => prop_assert_eq!(newest, newest_told),
            other => prop_assert!(false, "{:?}", other.err()),
        }
    }
    Ok(())
}

async fn times_are_told(world: &World, account: AccountId) -> Result<(), TestCaseError> {
    let times: Vec<i64> = world.records(account).await.iter().map(|record| record.at).collect();
    for time in times.iter().flat_map(|time| [time - 1, *time, time + 1]).chain([i64::MIN, i64::MAX]) {
        let expected = times.iter().filter(|at| **at <= time).count() as Revision;
        let then = world.runtime.account_as_of(account, At::Time(Timestamp::from_micros(time))).await;
        match expected {
            0 => {
                let refused = matches!(then, Err(CommitError::NoSuchRevision { .. }));
                prop_assert!(refused);
            }
            expected => prop_assert_eq!(then.unwrap().revision(), expected),
        }
    }
    Ok(())
}

async fn grants_are_told(world: &World, account: AccountId, told: &Told) -> Result<(), TestCaseError> {
    let facts = facts();
    for at in 1..=told.newest() {
        let commits = world.runtime.granted(StreamId::Account(account), &facts, at).await.unwrap();
        for (fact, commit) in facts.iter().zip(commits) {
            prop_assert_eq!(commit.map(|commit| commit.revision), told.since(fact, at), "{:?} at {}", fact, at);
        }
    }
    Ok(())
}

async fn replay_is_told(world: &World, account: AccountId, told: &Told) -> Result<(), TestCaseError> {
    for (from, to) in [(0, told.newest()), (1, told.newest()), (told.newest() / 2, told.newest() / 2 + 1)] {
        let mut seen = from;
        let ended = world.runtime.replay(account, from, to.min(told.newest()), |before, after, changes, info| {
            let revision = info.revision as usize;
            assert_eq!((info.revision, before.revision(), after.revision()), (seen + 1, seen, seen + 1));
            assert_eq!(changes, told.changes[revision - 1]);
            assert_eq!(documents(&before.state), documents(&told.states[revision - 1]));
            assert_eq!(documents(&after.state), documents(&told.states[revision]));
            assert_eq!(info.at, after.at);
            seen = info.revision;
            ControlFlow::<()>::Continue(())
        });
        prop_assert_eq!(ended.await.unwrap(), ControlFlow::Continue(()));
        prop_assert_eq!(seen, to.min(told.newest()).max(from));
    }
    Ok(())
}

/// A log of which every commit says who made it.
async fn by_many(world: &World) -> AccountId {
    let account = world.account().await;
    for name in ["one", "two", "three", "four"] {
        make_group(&world.runtime, account, name, &origin_of(name)).await.unwrap();
    }
    account
}

#[tokio::test]
async fn commits_say_who_made_them_and_are_listed_both_ways() {
    let world = World::in_memory();
    let account = by_many(&world).await;
    let (runtime, stream) = (&world.runtime, StreamId::Account(account));
    let names = |commits: Vec<runtime::history::commits::Commit>| {
        let name = |commit: &runtime::history::commits::Commit| match &commit.info.actor {
            Actor::System { reason } => (commit.info.revision, reason.to_string(), commit.changes.len()),
            other => panic!("{other:?}"),
        };
        commits.iter().map(name).collect::<Vec<_>>()
    };
    let commit = |revision, name: &str| (revision, name.to_owned(), 1);
    assert_eq!(names(runtime.commits_after(stream, 1, 2).await.unwrap()), [commit(2, "one"), commit(3, "two")]);
    assert_eq!(names(runtime.commits_after(stream, 5, 2).await.unwrap()), []);
    let newest = runtime.commits_before(stream, Revision::MAX, 2).await.unwrap();
    assert_eq!(names(newest), [commit(5, "four"), commit(4, "three")]);
    assert_eq!(names(runtime.commits_before(stream, 4, 2).await.unwrap()), [commit(3, "two"), commit(2, "one")]);
    assert_eq!(runtime.commits_before(stream, 3, 9).await.unwrap().len(), 2);
    assert_eq!(runtime.commits_before(stream, 1, 9).await.unwrap().len(), 0);
    assert_eq!(runtime.commits_before(stream, 0, 9).await.unwrap().len(), 0);
    assert_eq!(runtime.commits_before(StreamId::Account(AccountId(fresh())), 9, 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_an_error_that_says_what_is() {
    let world = World::in_memory();
    let account = by_many(&world).await;
    let ask = async |at: At| world.runtime.account_as_of(account, at).await.err().unwrap().to_string();
    assert_eq!(ask(At::Revision(6)).await, format!("account `{account}` has the revisions 1 to 5, not 6"));
    assert_eq!(
        ask(At::Time(Timestamp::from_micros(START - 1))).await,
        format!("account `{account}` has the revisions 1 to 5, all of them later than 2026-01-02T03:04:04.999999Z")
    );
    let nobody = AccountId(fresh());
    for at in [At::Revision(1), At::NEWEST] {
        let error = world.runtime.account_as_of(nobody, at).await.err().unwrap();
        assert!(matches!(error, CommitError::NoStream(StreamId::Account(id)) if id == nobody), "{error}");
    }
    let replayed = world.runtime.replay(account, 2, 6, |_, _, _, _| -> ControlFlow<()> { panic!("nothing is shown") });
    assert!(matches!(replayed.await, Err(CommitError::NoSuchRevision { newest: 5, .. })));
    let replayed = world.runtime.replay(account, 5, 3, |_, _, _, _| -> ControlFlow<()> { panic!("nothing is shown") });
    assert_eq!(replayed.await.unwrap(), ControlFlow::Continue(()));
}

#[tokio::test]
async fn a_replay_ends_where_its_visitor_ends_it() {
    let world = World::in_memory();
    let account = by_many(&world).await;
    let mut shown = 0;
    let found = world.runtime.replay(account, 1, 5, |before, after, _, info| {
        shown += 1;
        assert_eq!(after.state.user_group_count(), before.state.user_group_count() + 1);
        if after.state.user_group_count() == 2 { ControlFlow::Break(info.clone()) } else { ControlFlow::Continue(()) }
    });
    let ControlFlow::Break(info) = found.await.unwrap() else { panic!("it breaks") };
    assert_eq!((info.revision, shown), (3, 2));
}

#[test]
fn a_revision_or_a_time_reads_from_text() {
    assert_eq!("17".parse::<At>().unwrap(), At::Revision(17));
    assert_eq!("2026-01-02T03:04:05Z".parse::<At>().unwrap(), At::Time(Timestamp::from_micros(START)));
    assert_eq!("2026-01-02T04:04:05+01:00".parse::<At>().unwrap(), At::Time(Timestamp::from_micros(START)));
    for at in [At::Revision(17), At::Time(Timestamp::from_micros(START)), At::NEWEST] {
        assert_eq!(at.to_string().parse::<At>().unwrap(), at);
    }
    for text in ["", "-1", "+1", "1.5", "99999999999999999999", "yesterday", "2026-01-02"] {
        let error = text.parse::<At>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is neither a revision")), "{error}");
    }
}

#[tokio::test]
async fn many_who_ask_for_one_past_state_share_it() {
    let world = World::in_memory();
    let account = by_many(&world).await;
    let asked = (0..8).map(|_| {
        let runtime = world.runtime.clone();
        tokio::spawn(async move { runtime.account_as_of(account, At::Revision(3)).await.unwrap() })
    });
    let mut states = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        states.push(asked.await.unwrap());
    }
    assert!(states.iter().all(|state| Arc::ptr_eq(state, &states[0])));
    let live = world.snapshot(account).await;
    assert!(Arc::ptr_eq(&world.runtime.account_as_of(account, At::NEWEST).await.unwrap(), &live));
    // Seventeen others push it out, and it can be had again.
    for number in 0..17 {
        world.make_group(account, &number.to_string()).await.unwrap();
    }
    for revision in 4..=20 {
        world.runtime.account_as_of(account, At::Revision(revision)).await.unwrap();
    }
    let again = world.runtime.account_as_of(account, At::Revision(3)).await.unwrap();
    assert!(!Arc::ptr_eq(&again, &states[0]));
    assert_eq!(documents(&again.state), documents(&states[0].state));
}

#[tokio::test]
async fn the_tokens_of_users_have_a_past_too() {
    let world = World::in_memory();
    world.account().await;
    let user = UserId(fresh());
    let email = model::names::Email::parse("ada@example.com", "").unwrap();
    let new = runtime::account_creation::NewUser { email, operator: false, api_key: None };
    world.runtime.create_user(user, &new, &origin_of("sign up")).await.unwrap();
    let (token, policy) = (TokenId(fresh()), PolicyId(fresh()));
    for (reason, name, groups) in
        [("issued", "one", 1), ("renamed", "two", 1), ("widened", "two", 2), ("again", "3", 2)]
    {
        let document = |environment: &model::rules::Environment<'_>| Token {
            id: token,
            name: name.into(),
            status: TokenStatus::Active,
            digest: Some(Digest([7; 32])),
            policies: Box::new([TokenPolicy {
                id: policy,
                effect: model::policies::Effect::Allow,
                permission_groups: (0..groups).map(|number| Id::from_bytes([number; 16])).collect(),
                resources: [("com.example.all".into(), TokenResource::Everything(Star::Star))].into(),
            }]),
            condition: Default::default(),
            not_before: None,
            expires_on: None,
            issued_on: environment.now,
            modified_on: environment.now,
            created_by: None,
        };
        let work = |_: &model::users::UserState, environment: &model::rules::Environment<'_>| {
            Ok((vec![Change::put(Document::Token(document(environment).into()))], ()))
        };
        world
            .runtime
            .commit_user(&engine::user_permit::UserPermit::for_system(user), &[], &origin_of(reason), work)
            .await
            .unwrap();
    }
    let facts =
        [Fact::Policy(DocumentId::Token(token), policy), Fact::Policy(DocumentId::Token(token), PolicyId(fresh()))];
    let reasons = async |at: Revision| {
        let granted = world.runtime.granted(StreamId::User(user), &facts, at).await.unwrap();
        let reason = |actor: &Actor| match actor {
            Actor::System { reason } => reason.to_string(),
            other => panic!("{other:?}"),
        };
        granted.iter().map(|commit| commit.as_ref().map(|commit| reason(&commit.actor))).collect::<Vec<_>>()
    };
    assert_eq!(reasons(Revision::MAX).await, [Some("widened".to_owned()), None]);
    assert_eq!(reasons(3).await, [Some("issued".to_owned()), None]);
    assert_eq!(reasons(1).await, [None, None]);
    let name = async |at: Revision| {
        let then = world.runtime.user_as_of(user, At::Revision(at)).await.unwrap();
        then.state.tokens.get(&token).map(|token| token.name.to_string())
    };
    assert_eq!([name(1).await, name(2).await, name(5).await], [None, Some("one".to_owned()), Some("3".to_owned())]);
    let error = world.runtime.user_as_of(user, At::Revision(6)).await.err().unwrap().to_string();
    assert_eq!(error, format!("user `{user}` has the revisions 1 to 5, not 6"));
}

/// The revision that the error names.
fn broken_at<T>(result: Result<T, CommitError>) -> Revision {
    match result {
        Err(CommitError::Broken(
            Broken::Chain { revision, .. }
            | Broken::Changes { revision, .. }
            | Broken::Origin { revision, .. }
            | Broken::Unfit { revision, .. },
        )) => revision,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("nothing is said to be broken"),
    }
}

#[tokio::test]
async fn a_commit_that_was_tampered_with_is_named() {
    let database = Database::new();
    let account = by_many(&database.open()).await;
    let stream = StreamId::Account(account);
    database.tamper(
        "UPDATE commits SET actor = replace(actor, 'two', 'Two') WHERE stream = ?1 AND revision = 3",
        [stream.to_string()],
    );
    let world = database.open();
    let runtime = &world.runtime;
    let records = world.records(account).await;
    let touched = |revision: usize| change::read(&records[revision - 1].changes).unwrap()[0].id();
    assert_eq!(broken_at(runtime.account_as_of(account, At::Revision(3)).await), 3);
    assert_eq!(broken_at(runtime.account_as_of(account, At::Revision(4)).await), 3);
    assert_eq!(broken_at(runtime.provenance(stream, &[touched(2), touched(3)], Revision::MAX).await), 3);
    let fact = |revision| Fact::Policy(touched(revision), PolicyId(fresh()));
    assert_eq!(broken_at(runtime.granted(stream, &[fact(2), fact(3)], Revision::MAX).await), 3);
    assert_eq!(broken_at(runtime.commits_after(stream, 0, 9).await), 3);
    assert_eq!(broken_at(runtime.commits_before(stream, 9, 9).await), 3);
    let mut shown = 0;
    let replayed = runtime.replay(account, 0, 5, |_, _, _, info| {
        shown = info.revision;
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(broken_at(replayed.await), 3);
    assert_eq!(shown, 2, "what comes before is shown");
    // What does not need it is answered.
    runtime.provenance(stream, &[touched(4), DocumentId::Account], Revision::MAX).await.unwrap();
    assert_eq!(
        broken_at(runtime.account_as_of(account, At::Revision(2)).await),
        3,
        "the newest state cannot be loaded"
    );
}

#[tokio::test]
async fn a_commit_that_is_missing_or_misplaced_is_named() {
    let database = Database::new();
    let account = by_many(&database.open()).await;
    let stream = StreamId::Account(account);
    database.tamper("UPDATE touches SET revision = 4 WHERE stream = ?1 AND revision = 3", [stream.to_string()]);
    let world = database.open();
    let id = change::read(&world.records(account).await[2].changes).unwrap()[0].id();
    let fact = Fact::Policy(id, PolicyId(fresh()));
    assert_eq!(broken_at(world.runtime.granted(stream, &[fact], Revision::MAX).await), 4);

    database.tamper("DELETE FROM commits WHERE stream = ?1 AND revision = 3", [stream.to_string()]);
    let found = world.runtime.replay(account, 0, 5, |_, _, _, _| ControlFlow::<()>::Continue(()));
    assert_eq!(broken_at(found.await), 4);
}

/// One that somebody wrote with the right hashes, but that cannot be applied.
#[tokio::test]
async fn a_commit_that_does_not_fit_is_named() {
    let world = World::in_memory();
    let account = by_many(&world).await;
    let stream = StreamId::Account(account);
    let head = world.runtime.store.head(&stream.to_string()).await.unwrap();
    let place = DocumentId::GroupMember(model::ids::UserGroupId(fresh()), model::ids::MemberId(fresh()));
    let changes = change::write(&[Change::Delete(place)]).unwrap();
    let actor = serde_json::to_string(&origin().actor).unwrap();
    let request = serde_json::to_string(&origin().request).unwrap();
    let unfit = store::Record::seal(&head, stream.to_string(), START, actor, request, changes);
    let unreadable = store::Record::seal(&unfit.head(), stream.to_string(), START, "{}", "{}", "[]");
    let commits = [unfit, unreadable].map(|record| store::Commit {
        record,
        touched: vec!["account".into()],
        appears_in: Vec::new(),
    });
    world.runtime.store.enqueue(store::Transaction { commits: commits.into(), ..Default::default() }).await.unwrap();
    let again = World::over(world.runtime.store.clone());
    assert_eq!(broken_at(again.runtime.account_as_of(account, At::Revision(6)).await), 6);
    assert_eq!(broken_at(again.runtime.verify(stream).await), 6);
    assert_eq!(broken_at(again.runtime.provenance(stream, &[DocumentId::Account], Revision::MAX).await), 7);
}

#[tokio::test]
async fn a_policy_is_of_the_commit_that_made_it_what_it_is() {
    let world = World::in_memory();
    let account = world.account().await;
    let state = world.snapshot(account).await.state.clone();
    let owner = state.members().next().unwrap().clone();
    let fact = Fact::Policy(DocumentId::Member(owner.id), owner.policies[0].id);
    let rename = |state: &model::account_state::AccountState, _: &model::rules::Environment<'_>| {
        let mut member = state.members().next().unwrap().clone();
        member.profile.first_name = Some("Ada".into());
        Ok((vec![Change::put(Document::Member(member.into()))], ()))
    };
    let permit = Permit::for_system(account);
    for _ in 0..100 {
        world.runtime.commit(&permit, &origin_of("renamed"), rename, |_, _| None).await.unwrap();
    }
    let stream = StreamId::Account(account);
    let granted = world.runtime.granted(stream, &[fact.clone(), fact], Revision::MAX).await.unwrap();
    assert_eq!(granted.iter().map(|commit| commit.as_ref().unwrap().revision).collect::<Vec<_>>(), [1, 1]);
    let touched = world.runtime.provenance(stream, &[DocumentId::Member(owner.id)], Revision::MAX).await.unwrap();
    assert_eq!(touched[0].as_ref().unwrap().revision, 101);
}
