//! Where the next page begins. A token holds the account, the revision and the time that the first page was answered at, so
//! that all pages together are one answer; it is sealed together with the question, so that it fits no other.

use model::ids::{AccountId, Id, Revision};
use model::time::Timestamp;
use runtime::secrets::{Secrets, same_seal};

/// How much of a seal a token carries, in bytes.
const SEAL: usize = 16;
/// The bytes before the text.
const FIXED: usize = 16 + 8 + 8 + 2;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The account that is searched.
    pub account: AccountId,
    /// The revision of all pages.
    pub revision: Revision,
    /// The time of all pages, for the conditions of tokens.
    pub time: Timestamp,
    /// The most results of each page.
    pub limit: u16,
    /// The last entry before; none on a first page.
    pub after: Option<String>,
}

impl Position {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + 64);
        bytes.extend_from_slice(self.account.0.as_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&self.time.as_micros().to_be_bytes());
        bytes.extend_from_slice(&self.limit.to_be_bytes());
        if let Some(after) = &self.after {
            bytes.push(b'>');
            bytes.extend_from_slice(after.as_bytes());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Position> {
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (revision, rest) = rest.split_first_chunk::<8>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (limit, rest) = rest.split_first_chunk::<2>()?;
        let after = match rest.split_first() {
            Some((_, after)) => Some(String::from_utf8(after.to_vec()).ok()?),
            None => None,
        };
        Some(Position {
            account: AccountId(Id::from_bytes(*account)),
            revision: Revision::from_be_bytes(*revision),
            time: Timestamp::from_micros(i64::from_be_bytes(*time)),
            limit: u16::from_be_bytes(*limit),
            after,
        })
    }

    /// The token of this position, for a question.
    pub fn token(&self, secrets: &Secrets, question: &[&[u8]]) -> String {
        let bytes = self.bytes();
        let seal = seal(secrets, question, &bytes);
        seal[..SEAL].iter().chain(&bytes).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The position of a token, if this server made it for this question.
    pub fn of_token(token: &str, secrets: &Secrets, question: &[&[u8]]) -> Option<Position> {
        if !token.len().is_multiple_of(2) || !token.is_ascii() {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
        let all: Vec<u8> = (0..token.len()).step_by(2).map(byte).collect::<Option<_>>()?;
        let (given, bytes) = all.split_at_checked(SEAL)?;
        same_seal(given, &seal(secrets, question, bytes)[..SEAL]).then(|| Position::of_bytes(bytes)).flatten()
    }
}

fn seal(secrets: &Secrets, question: &[&[u8]], bytes: &[u8]) -> [u8; 32] {
    let parts: Vec<&[u8]> = question.iter().copied().chain([bytes]).collect();
    secrets.page_seal(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(after: Option<&str>) -> Position {
        Position {
            account: AccountId(Id::from_bytes([7; 16])),
            revision: 17,
            time: Timestamp::from_micros(1_737_732_696_759_979),
            limit: 100,
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn a_token_reads_back_for_its_own_question_alone() {
        let secrets = Secrets::new(&[1; 32]);
        for position in [position(None), position(Some("")), position(Some("DNS Write \u{e9}"))] {
            let token = position.token(&secrets, &[b"who", b"what"]);
            assert_eq!(Position::of_token(&token, &secrets, &[b"who", b"what"]), Some(position));
            assert_eq!(Position::of_token(&token, &secrets, &[b"who", b"else"]), None);
            assert_eq!(Position::of_token(&token, &Secrets::new(&[2; 32]), &[b"who", b"what"]), None);
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_none() {
        let secrets = Secrets::new(&[1; 32]);
        let token = position(Some("x")).token(&secrets, &[b"q"]);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(Position::of_token(&changed, &secrets, &[b"q"]), None, "at {at}");
            assert_eq!(Position::of_token(&token[..at], &secrets, &[b"q"]), None, "cut at {at}");
        }
        for none in ["", "0", "zz", "\u{e9}\u{e9}", "+1+1+1"] {
            assert_eq!(Position::of_token(none, &secrets, &[b"q"]), None);
        }
    }
}
