//! `portcullis check --oracle`: what the engine decides on the accounts of a database, decided once more by the oracle.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use catalog::PermissionSet;
use engine::Account;
use engine::decide::Decision;
use engine::oracle::Oracle;
use engine::permit::Need;
use engine::principal::Principal;
use engine::target::Target;
use model::ids::StreamId;
use model::resource_groups::account_key;
use model::rules::Rules;
use runtime::Runtime;
use runtime::secrets::Secrets;
use runtime::stream::Snapshot;
use server::self_check::{Answer, Case, Sample, subject};

use crate::arguments::Check;
use crate::wiring;

/// How many streams are listed at once.
const PAGE: usize = 1000;

/// The oracle collects what it knows of a principal slowly, so each is asked about so many times.
const QUESTIONS_EACH: usize = 100;

/// How many differing decisions of an account are told in words.
const MOST_TOLD: usize = 20;

/// What was found so far.
#[derive(Default)]
struct Tally {
    accounts: u64,
    by_reason: BTreeMap<&'static str, u64>,
    differing: u64,
}

/// Checks every account.
///
/// # Errors
/// When the database cannot be read, or a catalogue file does not fit.
pub async fn run(check: Check) -> anyhow::Result<ExitCode> {
    let store = check.data.open(None).await?;
    let catalog = wiring::catalog(&check.catalogs.catalog)?;
    let runtime = wiring::runtime(store, catalog, Rules::default(), Secrets::new(&[0; 32]));
    let seed = check.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let tally = check_all(&runtime, check.samples.get(), Dice(seed)).await;
    runtime.close().await;
    conclude(&tally?, seed)
}

fn conclude(tally: &Tally, seed: u64) -> anyhow::Result<ExitCode> {
    let Tally { accounts, by_reason, differing } = tally;
    let decisions: u64 = by_reason.values().sum();
    let reasons: Vec<String> = by_reason.iter().map(|(reason, times)| format!("{reason} {times}")).collect();
    let reasons = reasons.join(", ");
    let mut out = std::io::stdout();
    if *differing == 0 {
        writeln!(out, "all agree: accounts {accounts}, decisions {decisions} ({reasons}), seed {seed}")?;
        Ok(ExitCode::SUCCESS)
    } else {
        writeln!(out, "some differ: accounts {accounts}, decisions {decisions}, differing {differing}, seed {seed}")?;
        Ok(ExitCode::FAILURE)
    }
}

async fn check_all(runtime: &Runtime, samples: usize, mut dice: Dice) -> anyhow::Result<Tally> {
    let engine = &runtime.engine;
    let oracle = Oracle::new(engine.catalog());
    let decide = |account: &Account, principal: &Principal, accepts: &PermissionSet, target: &Target| {
        engine.decide(account, principal, accepts, target)
    };
    let mut tally = Tally::default();
    let mut after = Box::from("");
    loop {
        let streams = runtime.store.streams(&after, PAGE).await?;
        for (stream, _) in &streams {
            // Streams of events hold no decisions.
            if let Ok(StreamId::Account(id)) = stream.parse()
                && let Some(snapshot) = runtime.account(id).await?
            {
                check_account(&oracle, &snapshot, samples, &mut dice, &mut tally, &decide)?;
            }
        }
        match streams.into_iter().next_back() {
            Some((last, _)) => after = last,
            None => return Ok(tally),
        }
    }
}

/// Puts samples of who may do what where in one account to both.
fn check_account(
    oracle: &Oracle<'_>,
    snapshot: &Arc<Snapshot<Account>>,
    samples: usize,
    dice: &mut Dice,
    tally: &mut Tally,
    decide: &dyn Fn(&Account, &Principal, &PermissionSet, &Target) -> Decision,
) -> anyhow::Result<()> {
    let account = &snapshot.state;
    let (engine, catalog) = (account.engine(), account.engine().catalog());
    let principals = principals(account);
    let keys: Vec<Box<str>> = account.resources().map(|resource| resource.key.clone()).collect();
    let own = account_key(account.account_id());
    tally.accounts += 1;
    let (mut left, mut told) = (samples, 0);
    while left > 0 && !principals.is_empty() {
        let principal = &principals[dice.below(principals.len())];
        let Some(subject) = subject(principal) else { continue };
        let dossier = oracle.dossier(account, subject);
        for _ in 0..left.min(QUESTIONS_EACH) {
            left -= 1;
            // The account itself now and then, however many resources it has.
            let key = if dice.below(4) == 0 { None } else { keys.get(dice.below(keys.len())) };
            let Some(target) = key.map_or(Some(Target::ACCOUNT), |key| account.resource(key)) else { continue };
            let held = engine.held(account, principal, &target);
            let among = if dice.below(2) == 0 && !held.is_empty() { held } else { *engine.applicable(target.kind) };
            let Some(index) = among.iter().nth(dice.below(among.len())) else { continue };
            let accepts = PermissionSet::from_iter([index]);
            let answer = Answer::Decision(decide(account, principal, &accepts, &target));
            let accepted = [oracle.action(catalog.permission_at(index))];
            let decision = dossier.decide(&accepted, key.unwrap_or(&own.as_str().into()));
            *tally.by_reason.entry(decision.reason.as_str()).or_default() += 1;
            let instead = Answer::Decision(decision);
            if answer.is_same_as(&instead) {
                continue;
            }
            tally.differing += 1;
            told += 1;
            if told <= MOST_TOLD {
                let need = Need { accepts, any_member: false };
                let (snapshot, principal, resource) = (snapshot.clone(), principal.clone(), key.cloned());
                let sample = Sample { snapshot, principal, need, resource, answer };
                writeln!(std::io::stderr(), "{}", Case { catalog, sample: &sample, instead: &instead })?;
            }
        }
    }
    Ok(())
}

/// Members, groups as themselves, and tokens of the account.
fn principals(account: &Account) -> Vec<Principal> {
    let members = account.member_ids().map(Principal::Member);
    let groups = account.user_group_ids().map(Principal::UserGroup);
    let tokens = account.tokens_from(None).map(|token| Principal::AccountToken {
        account: account.account_id(),
        token: Arc::new(account.engine().compile_token(token)),
    });
    members.chain(groups).chain(tokens).collect()
}

/// Numbers that look random, and are the same for the same seed: SplitMix64.
struct Dice(u64);

impl Dice {
    /// A number below another; 0 below 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use catalog::Catalog;
    use engine::Engine;
    use engine::decide::Reason;
    use model::accounts::{self, NewAccount};
    use model::ids::{AccountId, Id, UserId};
    use model::names::Email;
    use model::rules::Environment;
    use model::time::Timestamp;
    use model::users::{Profile, User};

    use super::*;

    /// An account with its super administrator.
    fn snapshot(engine: &Engine) -> Arc<Snapshot<Account>> {
        let now = Timestamp::from_micros(0);
        let user = User {
            id: UserId(Id::derived("user")),
            email: Email::parse("ada@example.com", "").expect("an address"),
            email_verified: true,
            enabled: true,
            operator: false,
            profile: Profile::default(),
            api_key: None,
            created_on: now,
            contact: Default::default(),
        };
        let number = AtomicU32::new(0);
        let ids = || Id::derived(&number.fetch_add(1, Ordering::Relaxed).to_string());
        let rules = Rules::default();
        let environment = Environment { catalog: engine.catalog(), rules: &rules, now, ids: &ids };
        let new = NewAccount { name: "Example".to_owned(), kind: None };
        let (changes, _) =
            accounts::create(&environment, &new, AccountId(Id::derived("account")), &user).expect("an account");
        let state = Account::new(engine).after(&changes).expect("an account");
        Arc::new(Snapshot::of(state, [0; 32], now))
    }

    fn check(decide: &dyn Fn(&Account, &Principal, &PermissionSet, &Target) -> Decision) -> Tally {
        let engine = Engine::new(Arc::new(Catalog::builtin()));
        let (oracle, mut tally) = (Oracle::new(engine.catalog()), Tally::default());
        check_account(&oracle, &snapshot(&engine), 500, &mut Dice(1), &mut tally, decide).expect("a check");
        tally
    }

    #[test]
    fn an_engine_that_allows_everything_is_found_out() {
        let right =
            check(&|account, principal, accepts, target| account.engine().decide(account, principal, accepts, target));
        assert_eq!((right.accounts, right.by_reason.values().sum::<u64>(), right.differing), (1, 500, 0));
        let wrong = check(&|_, _, _, _| Decision { allowed: true, reason: Reason::Allow, policies: vec![] });
        // The super administrator may do everything, but by a policy, which was not told.
        assert_eq!((wrong.by_reason.values().sum::<u64>(), wrong.differing), (500, 500));
        assert!(conclude(&right, 1).is_ok_and(|code| code == ExitCode::SUCCESS));
        assert!(conclude(&wrong, 1).is_ok_and(|code| code == ExitCode::FAILURE));
    }
}
