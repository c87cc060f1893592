//! The engine checked against the oracle while it serves: a share of live decisions is decided once more, by the naive
//! evaluator that was written from the specification alone, off the request path.
//!
//! A request only puts its question in a queue, and only if the dice fall so. One thread takes them out and works at most
//! half of the time. What does not fit into the queue is not checked, and counted as such. Where the two differ, one of
//! them is wrong, and somebody has to look: the case is logged as an error.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use catalog::Catalog;
use engine::Account;
use engine::decide::{Decision, Reason};
use engine::oracle::{self, Oracle, Subject};
use engine::permit::Need;
use engine::principal::{CompiledToken, Principal};
use engine::question::action::Action;
use model::resource_groups::account_key;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use rand::RngCore;
use runtime::stream::Snapshot;

/// How many decisions wait to be checked. Each keeps the account's revision that it was made on.
const QUEUE: usize = 256;

/// The share of decisions to check, from 0 (none) to 1 (all).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// None.
    pub const NONE: Rate = Rate(0.0);
    /// All of them.
    pub const ALL: Rate = Rate(1.0);
}

/// The text is no share.
#[derive(Debug, thiserror::Error)]
#[error("must be a number from 0 to 1, such as 0.01 for every hundredth decision")]
pub struct NotARate;

impl FromStr for Rate {
    type Err = NotARate;
    fn from_str(text: &str) -> Result<Rate, NotARate> {
        let rate = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        rate.map(Rate).ok_or(NotARate)
    }
}

/// A live decision.
pub struct Sample {
    /// The account at the revision that was decided on.
    pub snapshot: Arc<Snapshot<Account>>,
    /// Who asked, or was asked about.
    pub principal: Principal,
    /// What would have sufficed.
    pub need: Need,
    /// The key of what it was about; the account where there is none.
    pub resource: Option<Box<str>>,
    /// What was answered.
    pub answer: Answer,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At the door of an operation: come in, or not.
    Permit(bool),
    /// To whoever asked, with a reason.
    Decision(Decision),
}

impl Answer {
    /// Whether both say the same; policies may be told in any order.
    pub fn is_same_as(&self, other: &Answer) -> bool {
        let sorted = |decision: &Decision| {
            let mut policies = decision.policies.clone();
            policies.sort_unstable();
            policies.dedup();
            policies
        };
        match (self, other) {
            (Answer::Permit(one), Answer::Permit(other)) => one == other,
            (Answer::Decision(one), Answer::Decision(other)) => {
                (one.allowed, one.reason, sorted(one)) == (other.allowed, other.reason, sorted(other))
            }
            (Answer::Permit(_), Answer::Decision(_)) | (Answer::Decision(_), Answer::Permit(_)) => false,
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both say the same.
    Agreed,
    /// The oracle says this instead.
    Diverged(Answer),
    /// There was nothing to compare: the server's own work is not decided.
    Skipped,
}

/// Puts decisions in the queue. Clones share it.
#[derive(Clone)]
pub struct SelfCheck {
    /// Of 2⁶⁴ equally likely numbers, those below this one are checked; none at all without a queue.
    threshold: u64,
    queue: Option<SyncSender<Sample>>,
    outcomes: Outcomes,
}

impl SelfCheck {
    /// Starts the thread that checks, unless nothing is to be checked. It ends with the last clone.
    pub fn start(rate: Rate, catalog: &Arc<Catalog>, metrics: &mut Registry) -> SelfCheck {
        let (self_check, samples) = SelfCheck::queue(rate, QUEUE, metrics);
        let Some(samples) = samples else { return self_check };
        let (catalog, outcomes) = (catalog.clone(), self_check.outcomes.clone());
        let work = move || work(&catalog, &samples, &outcomes);
        if let Err(error) = thread::Builder::new().name("self-check".to_owned()).spawn(work) {
            tracing::error!(%error, "decisions are not checked, since the thread for it does not start");
        }
        self_check
    }

    /// A queue of some length, and the end of it where samples come out, if any go in.
    pub fn queue(rate: Rate, length: usize, metrics: &mut Registry) -> (SelfCheck, Option<Receiver<Sample>>) {
        let outcomes = Outcomes::register(metrics);
        if rate == Rate::NONE {
            return (SelfCheck { threshold: 0, queue: None, outcomes }, None);
        }
        let (queue, samples) = sync_channel(length);
        // A float of 2⁶⁴ and more becomes the largest number.
        let threshold = (rate.0 * 2_f64.powi(64)) as u64;
        (SelfCheck { threshold, queue: Some(queue), outcomes }, Some(samples))
    }

    /// Lets the dice fall, and puts the decision in the queue if it is to be checked.
    #[inline]
    pub fn consider(&self, sample: impl FnOnce() -> Sample) {
        if let Some(queue) = &self.queue
            && (self.threshold == u64::MAX || throw() < self.threshold)
            && queue.try_send(sample()).is_err()
        {
            self.outcomes.skipped.inc();
        }
    }

    /// As [`SelfCheck::consider`], for an answer to whoever asked. `key` tells what it was about, unless it was the account.
    #[inline]
    pub fn consider_answer(
        &self,
        snapshot: &Arc<Snapshot<Account>>,
        subject: Option<&Principal>,
        action: &Action,
        decision: &Decision,
        key: impl FnOnce() -> Option<Box<str>>,
    ) {
        // Where somebody or something is not there, or a token may not be used, nothing was decided by policies.
        let is_decided = match decision.reason {
            Reason::Allow | Reason::ExplicitDeny | Reason::ImplicitDeny => true,
            Reason::Condition | Reason::UnknownSubject | Reason::UnknownResource => false,
        };
        // A question about a whole bundle is many decisions, and the oracle knows no bundles.
        if let (Some(principal), Action::AnyOf(need), true) = (subject, action, is_decided) {
            self.consider(|| Sample {
                snapshot: snapshot.clone(),
                principal: principal.clone(),
                need: *need,
                resource: key(),
                answer: Answer::Decision(decision.clone()),
            });
        }
    }
}

thread_local! {
    static DICE: Cell<u64> = Cell::new(rand::rng().next_u64());
}

/// A number that nobody needs to be unable to guess: a step of SplitMix64.
fn throw() -> u64 {
    DICE.with(|dice| {
        let state = dice.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        dice.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// Counts of checks by outcome.
#[derive(Clone)]
struct Outcomes {
    agreed: Counter,
    diverged: Counter,
    skipped: Counter,
}

impl Outcomes {
    fn register(metrics: &mut Registry) -> Outcomes {
        let family = Family::<[(&'static str, &'static str); 1], Counter>::default();
        metrics.register("portcullis_self_checks", "decisions put to the oracle, by outcome", family.clone());
        let of = |outcome| family.get_or_create_owned(&[("outcome", outcome)]);
        Outcomes { agreed: of("agreed"), diverged: of("diverged"), skipped: of("skipped") }
    }
}

/// Checks what comes, until nobody can send any more.
fn work(catalog: &Catalog, samples: &Receiver<Sample>, outcomes: &Outcomes) {
    let oracle = Oracle::new(catalog);
    for sample in samples {
        let begin = Instant::now();
        match check(catalog, &oracle, &sample) {
            Outcome::Agreed => outcomes.agreed.inc(),
            Outcome::Skipped => outcomes.skipped.inc(),
            Outcome::Diverged(instead) => {
                report(catalog, &sample, &instead);
                outcomes.diverged.inc()
            }
        };
        thread::sleep(begin.elapsed());
    }
}

/// Decides once more, the naive way.
pub fn check<'a>(catalog: &'a Catalog, oracle: &Oracle<'a>, sample: &Sample) -> Outcome {
    let state = &sample.snapshot.state;
    let Some(subject) = subject(&sample.principal) else { return Outcome::Skipped };
    // At the door, a token that was deleted since the request came in is nobody any more.
    let is_gone = |token: &CompiledToken| state.token(&token.id()).is_none();
    let subject = match (&sample.answer, &sample.principal) {
        (Answer::Permit(_), Principal::AccountToken { token, .. }) if is_gone(token) => Subject::Nobody,
        _ => subject,
    };
    let own = account_key(state.account_id());
    let key = sample.resource.as_deref().unwrap_or(&own);
    let accepted = sample.need.accepts.iter().map(|index| oracle.action(catalog.permission_at(index)));
    let accepted: Vec<oracle::Action<'_>> = accepted.collect();
    let mut decision = oracle.decide(state, subject, &accepted, key);
    let suffices_membership = sample.need.any_member && key == own;
    if suffices_membership && !decision.allowed && oracle.has_minimal_access(state, subject, &accepted) {
        decision = Decision { allowed: true, reason: Reason::Allow, policies: vec![] };
    }
    let instead = match &sample.answer {
        Answer::Permit(_) => Answer::Permit(decision.allowed),
        Answer::Decision(_) => Answer::Decision(decision),
    };
    if sample.answer.is_same_as(&instead) { Outcome::Agreed } else { Outcome::Diverged(instead) }
}

/// The principal as the oracle knows it; none for the server itself.
pub fn subject(principal: &Principal) -> Option<Subject<'_>> {
    Some(match principal {
        Principal::User(user) => Subject::User(*user),
        Principal::UserToken { user, token } => Subject::UserToken(*user, &token.token),
        Principal::AccountToken { account, token } => Subject::AccountToken(*account, &token.token),
        Principal::Member(member) => Subject::Member(*member),
        Principal::UserGroup(group) => Subject::UserGroup(*group),
        Principal::System => return None,
    })
}

fn report(catalog: &Catalog, sample: &Sample, instead: &Answer) {
    let state = &sample.snapshot.state;
    let (account, revision) = (state.account_id(), state.revision);
    let case = Case { catalog, sample, instead };
    tracing::error!(account.id = %account, account.revision = revision, "the engine and the oracle differ: {case}");
}

/// A decision that two evaluators differ about, in words. It has ids and names of permissions, no addresses or secrets.
pub struct Case<'a> {
    /// What there is to grant.
    pub catalog: &'a Catalog,
    /// The decision.
    pub sample: &'a Sample,
    /// What the oracle says instead.
    pub instead: &'a Answer,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { snapshot, principal, need, resource, answer } = self.sample;
        match principal {
            Principal::User(user) => write!(f, "user `{user}`")?,
            Principal::UserToken { user, token } => write!(f, "token `{}` of user `{user}`", token.id())?,
            Principal::AccountToken { account, token } => write!(f, "token `{}` of account `{account}`", token.id())?,
            Principal::Member(member) => write!(f, "member `{member}`")?,
            Principal::UserGroup(group) => write!(f, "user group `{group}`")?,
            Principal::System => f.write_str("the server")?,
        }
        f.write_str(", any of ")?;
        for (at, index) in need.accepts.iter().enumerate() {
            let permission = self.catalog.permission_at(index);
            let scope = &self.catalog.resource_type(permission.scope).name;
            write!(f, "{}`{}` ({scope})", if at == 0 { "" } else { ", " }, permission.name)?;
        }
        if need.any_member {
            f.write_str(", or membership")?;
        }
        match resource {
            Some(key) => write!(f, ", on `{key}`")?,
            None => f.write_str(", on the account")?,
        }
        let state = &snapshot.state;
        write!(f, " in account `{}` at revision {}: the engine says ", state.account_id(), state.revision)?;
        write!(f, "{answer}, the oracle {}", self.instead)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Permit(true) => f.write_str("yes"),
            Answer::Permit(false) => f.write_str("no"),
            Answer::Decision(decision) => {
                f.write_str(decision.reason.as_str())?;
                for (at, policy) in decision.policies.iter().enumerate() {
                    write!(f, "{}`{policy}`", if at == 0 { " by " } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}
