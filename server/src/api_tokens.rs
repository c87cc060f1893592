//! API tokens (section 6): `/accounts/{account_id}/tokens` and `/user/tokens`. They differ in whose stream they are in and who
//! may touch them; what is sent and shown is the same.

mod body;
pub mod of_account;
pub mod of_user;
pub mod verify;
mod view;

use model::ids::{StreamId, TokenId};
use model::problem::{FaultKind, Problem};
use model::time::Timestamp;
use model::tokens::{Token, TokenStatus};

pub use self::body::TokenBody;
pub use self::view::TokenView;
use self::view::{Extra, view};

use crate::answer::{Message, Success};
use crate::call::Call;
use crate::error::Error;

/// The page of a list, and how many there are: by name, the expired ones only where they are asked for, the oldest first
/// (D77).
async fn page<'a>(
    call: &Call,
    owner: StreamId,
    tokens: impl Iterator<Item = &'a std::sync::Arc<Token>>,
) -> Result<Success, Error> {
    let paging = call.query.paging(20, 50)?;
    let include_expired = call.query.word("include_expired", &[("true", true), ("false", false)])?.unwrap_or(false);
    let (name, now) = (call.query.text("name"), call.app.runtime.clock.now());
    let mut tokens: Vec<&Token> = tokens
        .map(|token| &**token)
        .filter(|token| include_expired || !token.has_expired_at(now))
        .filter(|token| name.is_none_or(|name| *token.name == *name))
        .collect();
    tokens.sort_by_key(|token| (token.issued_on, token.id));
    let page = paging.of(call.query.direction().of(tokens.iter().copied()));
    let mut shown = Vec::with_capacity(page.len());
    for token in page {
        let extra = Extra { last_used_on: last_used(call, owner, token.id).await?, value: None };
        shown.push(view(call, token, extra));
    }
    Success::page(&shown, tokens.len(), paging)
}

async fn last_used(call: &Call, owner: StreamId, id: TokenId) -> Result<Option<Timestamp>, Error> {
    Ok(call.app.runtime.usage.last_used(owner, id).await?)
}

/// One token. Its tag is that of what people can change: a token that was used in between is still the same.
fn shown(call: &Call, token: &Token, extra: Extra<'_>) -> Result<Success, Error> {
    let shows_secret = extra.value.is_some();
    let success = Success::object(&view(call, token, extra))?.tagged_as(&view(call, token, Extra::default()))?;
    Ok(if shows_secret { success.secret() } else { success })
}

fn check_match(call: &Call, token: Option<&std::sync::Arc<Token>>) -> Result<(), Problem> {
    call.check_match(token.map(|token| view(call, token, Extra::default())).as_ref())
}

/// A new secret, shown this once.
fn rolled(token: &Token, now: Timestamp, secret: &str) -> Result<Success, Error> {
    let told = match token.shown_status(now) {
        "disabled" => Some("the token is disabled: the new value is of use once it is enabled"),
        "expired" => Some("the token has expired: the new value is of use once `expires_on` is later"),
        _ => None,
    };
    let messages: Vec<Message> = told.map(note).into_iter().collect();
    Ok(Success::object(&secret)?.with_messages(messages)?.secret())
}

fn note(message: impl Into<String>) -> Message {
    Message { code: 1001, message: message.into() }
}

/// D50: without the permission to write tokens, a token may put itself out of use, and nothing else.
fn only_disables(former: Option<&std::sync::Arc<Token>>, changes: &[model::change::Change]) -> Result<(), Problem> {
    use model::change::{Change, Document};
    let disables = |change: &Change| match (change, former) {
        (Change::Put(Document::Token(next)), Some(former)) => {
            let expected =
                Token { status: TokenStatus::Disabled, modified_on: next.modified_on, ..Token::clone(former) };
            **next == expected
        }
        _ => false,
    };
    if changes.iter().all(disables) {
        return Ok(());
    }
    let message = "without the permission to write tokens, a token may only disable or delete itself";
    Err(Problem::new(FaultKind::Forbidden, message))
}
