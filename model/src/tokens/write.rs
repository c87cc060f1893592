//! Operations on tokens (section 6).

use std::sync::Arc;

use super::input::{Given, TokenInput};
use super::resolve::{self, Owner};
use super::{Condition, Digest, Token, TokenPolicy, TokenStatus};
use crate::change::{Change, Document, DocumentId};
use crate::commit::Actor;
use crate::ids::{Id, TokenId};
use crate::policies::Effect;
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;

/// How long an expired token is listed, in seconds: 90 days (D51).
const KEPT_SECONDS: i64 = 90 * 24 * 3600;
/// How long after its end the secret of a token still answers `verify`, in seconds: a day.
const VERIFIABLE_SECONDS: i64 = 24 * 3600;
/// How many times its quota of usable tokens an owner may have of all tokens, the expired ones too.
const EXPIRED_PER_QUOTA: usize = 20;

/// What came of a change to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// Which token.
    pub id: TokenId,
    /// What it lost by the change that its holder may not have meant, in words (D49).
    pub loosened: Vec<String>,
}

/// Makes a token of that secret.
///
/// # Errors
/// Every fault of the input; the quota (D87).
pub fn create(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    input: &TokenInput,
    id: TokenId,
    digest: Digest,
    created_by: Option<Actor>,
) -> Result<(Vec<Change>, TokenId), Problem> {
    let mut faults = Faults::new();
    let new = read(owner, environment, input, None, &mut faults);
    check_quota(owner, environment, &mut faults);
    faults.finish()?;
    let now = environment.now;
    let token =
        Token { id, digest: Some(digest), issued_on: now, created_by: created_by.map(Box::new), ..new.token(id, now) };
    Ok((vec![Change::put(Document::Token(token.into()))], id))
}

/// Replaces all of a token but its secret and, where it is absent, its status (D49). `strict` refuses what would clear
/// something by leaving it out.
///
/// # Errors
/// Unknown token; a token that may only be rolled or deleted; every fault of the input.
pub fn update(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    id: TokenId,
    input: &TokenInput,
    strict: bool,
) -> Result<(Vec<Change>, Updated), Problem> {
    let former = get(owner, id)?;
    if former.status == TokenStatus::Revoked {
        return Err(exposed(id));
    }
    let mut faults = Faults::new();
    let new = read(owner, environment, input, Some(former), &mut faults);
    if strict {
        refuse_silence(input, former, &mut faults);
    }
    faults.finish()?;
    let next = Token {
        digest: former.digest,
        issued_on: former.issued_on,
        modified_on: former.modified_on,
        created_by: former.created_by.clone(),
        ..new.token(id, environment.now)
    };
    let loosened = loosened(environment, former, &next);
    if next == **former {
        return Ok((vec![], Updated { id, loosened }));
    }
    let next = Token { modified_on: environment.now, ..next };
    Ok((vec![Change::put(Document::Token(next.into()))], Updated { id, loosened }))
}

/// Gives a token another secret; the old one is void at once. A token that was exposed is in use again.
///
/// # Errors
/// Unknown token.
pub fn roll(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    id: TokenId,
    digest: Digest,
) -> Result<(Vec<Change>, TokenId), Problem> {
    let former = get(owner, id)?;
    let status = match former.status {
        TokenStatus::Revoked => TokenStatus::Active,
        status @ (TokenStatus::Active | TokenStatus::Disabled) => status,
    };
    let next = Token { digest: Some(digest), status, modified_on: environment.now, ..Token::clone(former) };
    Ok((vec![Change::put(Document::Token(next.into()))], id))
}

/// Removes a token.
///
/// # Errors
/// Unknown token.
pub fn delete(owner: &Owner<'_>, id: TokenId) -> Result<(Vec<Change>, TokenId), Problem> {
    get(owner, id)?;
    Ok((vec![Change::Delete(DocumentId::Token(id))], id))
}

/// Marks a token whose secret was found where it should not be (D51).
///
/// # Errors
/// Unknown token.
pub fn reveal_leak(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    id: TokenId,
) -> Result<(Vec<Change>, TokenId), Problem> {
    let former = get(owner, id)?;
    if former.status == TokenStatus::Revoked {
        return Ok((vec![], id));
    }
    let next = Token { status: TokenStatus::Revoked, modified_on: environment.now, ..Token::clone(former) };
    Ok((vec![Change::put(Document::Token(next.into()))], id))
}

/// What time does to an expired token: a day after its end its digest is erased, after 90 days it is gone (D51).
pub fn sweep(owner: &Owner<'_>, id: TokenId, now: Timestamp) -> Vec<Change> {
    let Some(token) = owner.token(id) else { return vec![] };
    match token.next_sweep() {
        Some(due) if due > now => vec![],
        Some(_) if token.digest.is_some() => {
            vec![Change::put(Document::Token(Token { digest: None, ..Token::clone(token) }.into()))]
        }
        Some(_) => vec![Change::Delete(DocumentId::Token(id))],
        None => vec![],
    }
}

/// The token of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get<'a>(owner: &Owner<'a>, id: TokenId) -> Result<&'a Arc<Token>, Problem> {
    owner.token(id).ok_or_else(|| Problem::not_found("token", id))
}

impl Token {
    /// When time does something to it: see [`sweep`].
    pub fn next_sweep(&self) -> Option<Timestamp> {
        let after = if self.digest.is_some() { VERIFIABLE_SECONDS } else { KEPT_SECONDS };
        self.expires_on.map(|end| end.plus_seconds(after))
    }
}

fn exposed(id: TokenId) -> Problem {
    let message = format!("token `{id}` is revoked since its secret was exposed; it can only be rolled or deleted");
    Problem::new(FaultKind::Invalid, message)
}

/// What of a token a client decides.
struct New {
    name: Box<str>,
    status: TokenStatus,
    policies: Box<[TokenPolicy]>,
    condition: Condition,
    not_before: Option<Timestamp>,
    expires_on: Option<Timestamp>,
}

impl New {
    fn token(self, id: TokenId, now: Timestamp) -> Token {
        let New { name, status, policies, condition, not_before, expires_on } = self;
        Token {
            id,
            name,
            status,
            digest: None,
            policies,
            condition,
            not_before,
            expires_on,
            issued_on: now,
            modified_on: now,
            created_by: None,
        }
    }
}

fn read(
    owner: &Owner<'_>,
    environment: &Environment<'_>,
    input: &TokenInput,
    former: Option<&Arc<Token>>,
    faults: &mut Faults,
) -> New {
    let prior = former.map_or(&[][..], |token| &token.policies);
    let name = name(&input.name, faults);
    let status = status(environment, input, former, faults);
    let policies = resolve::policies(owner, environment, prior, &input.policies, faults);
    let most = environment.rules.limits.cidrs;
    let condition =
        input.condition.value().map(|condition| Condition::read(condition, most, faults)).unwrap_or_default();
    let not_before = time(&input.not_before, "/not_before", faults);
    let expires_on = time(&input.expires_on, "/expires_on", faults);
    if let (Some(start), Some(end)) = (not_before, expires_on)
        && end <= start
    {
        let message = format!("expires_on must be later than not_before, which is {start}");
        faults.push(FaultKind::Invalid, "/expires_on", message);
    }
    New { name, status, policies, condition, not_before, expires_on }
}

fn name(text: &str, faults: &mut Faults) -> Box<str> {
    let name = text.trim();
    let count = name.chars().count();
    if count == 0 || count > 120 {
        faults.push(FaultKind::Invalid, "/name", "name must have a length of 1 to 120 characters");
    } else if name.chars().any(char::is_control) {
        faults.push(FaultKind::Invalid, "/name", "name must not have control characters");
    }
    name.into()
}

fn status(
    environment: &Environment<'_>,
    input: &TokenInput,
    former: Option<&Arc<Token>>,
    faults: &mut Faults,
) -> TokenStatus {
    let present = former.map_or(TokenStatus::Active, |token| token.status);
    let Some(text) = &input.status else { return present };
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("active") {
        return TokenStatus::Active;
    }
    if is("disabled") {
        return TokenStatus::Disabled;
    }
    if !former.is_some_and(|token| is(token.shown_status(environment.now))) {
        let message = format!("status `{text}` must be `active` or `disabled`; `expired` comes of expires_on alone");
        faults.push(FaultKind::Invalid, "/status", message);
    }
    present
}

fn time(given: &Given<String>, pointer: &str, faults: &mut Faults) -> Option<Timestamp> {
    let text = given.value()?;
    let time = text.parse().ok();
    if time.is_none() {
        let message = format!("`{text}` is not a time; RFC 3339 is expected, such as `2026-01-31T00:00:00Z`");
        faults.push(FaultKind::Invalid, pointer, message);
    }
    time
}

fn check_quota(owner: &Owner<'_>, environment: &Environment<'_>, faults: &mut Faults) {
    let limits = &environment.rules.limits;
    let (most, whose) = match owner {
        Owner::Account(_) => (limits.account_tokens, "account"),
        Owner::User { .. } => (limits.user_tokens, "user"),
    };
    let (mut all, mut live) = (0, 0);
    for token in owner.tokens() {
        all += 1;
        live += usize::from(!token.has_expired_at(environment.now));
    }
    if live >= most {
        faults.push(
            FaultKind::Quota,
            "",
            format!("at most {most} tokens are allowed for one {whose}; delete one first"),
        );
    } else if all >= most.saturating_mul(EXPIRED_PER_QUOTA) {
        let message = format!("this {whose} has {all} tokens that have expired; delete some first");
        faults.push(FaultKind::Quota, "", message);
    }
}

/// D49, `token_put_strict`: what is there must be repeated or set to null.
fn refuse_silence(input: &TokenInput, former: &Token, faults: &mut Faults) {
    let left_out = [
        ("condition", input.condition == Given::Absent && !former.condition.is_empty()),
        ("not_before", input.not_before == Given::Absent && former.not_before.is_some()),
        ("expires_on", input.expires_on == Given::Absent && former.expires_on.is_some()),
    ];
    for (name, _) in left_out.iter().filter(|(_, is_left_out)| *is_left_out) {
        let message = format!("{name} is left out, which would clear it; send it again, or null to clear it");
        faults.push(FaultKind::Invalid, format!("/{name}"), message);
    }
}

/// What the token can no longer do, or is no longer kept from (D49).
fn loosened(environment: &Environment<'_>, former: &Token, next: &Token) -> Vec<String> {
    let granted = |token: &Token| -> Vec<Id> {
        let allows = token.policies.iter().filter(|policy| policy.effect == Effect::Allow);
        allows.flat_map(|policy| policy.permission_groups.iter().copied()).collect()
    };
    let (was, is) = (granted(former), granted(next));
    let mut dropped: Vec<Id> = was.into_iter().filter(|id| !is.contains(id)).collect();
    dropped.sort_unstable();
    dropped.dedup();
    let name = |id: &Id| {
        environment
            .catalog
            .permission(id)
            .map_or_else(|| id.to_string(), |permission| format!("\"{}\"", permission.name))
    };
    let mut told = Vec::new();
    if !dropped.is_empty() {
        let names: Vec<String> = dropped.iter().map(name).collect();
        told.push(format!("the token no longer has the permission groups {}", names.join(", ")));
    }
    if !former.condition.within.is_empty() && next.condition.within.is_empty() {
        told.push("the token is no longer confined to client addresses in `request_ip.in`".to_owned());
    }
    if !former.condition.not_in.is_empty() && next.condition.not_in.is_empty() {
        told.push("the token is no longer refused for client addresses in `request_ip.not_in`".to_owned());
    }
    if former.not_before.is_some() && next.not_before.is_none() {
        told.push("the token no longer has a first moment (`not_before`)".to_owned());
    }
    if former.expires_on.is_some() && next.expires_on.is_none() {
        told.push("the token no longer expires (`expires_on`)".to_owned());
    }
    told
}
