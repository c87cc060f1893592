//! API tokens: credentials with policies of their own, of a user or of an account (section 6).
//!
//! A token names permissions of the token catalogue and resources by their keys. Only a digest of its secret is kept
//! (D45).

mod condition;
mod input;
mod resolve;
mod write;

use crate::commit::Actor;
use crate::ids::{Id, PolicyId, TokenId};
use crate::keyed::Keyed;
use crate::policies::Effect;
use crate::time::Timestamp;

pub use self::condition::{Condition, Network};
pub use self::input::{ConditionInput, Given, ResourceInput, TokenInput, TokenPolicyInput};
pub use self::resolve::Owner;
pub use self::write::{Updated, create, delete, get, reveal_leak, roll, sweep, update};

/// HMAC-SHA-256 of a secret under the server's pepper (D45).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(serde::de::Error::custom("a digest has 64 hex digits"));
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = &text[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(serde::de::Error::custom)?;
        }
        Ok(Digest(bytes))
    }
}

/// A credential with policies of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// At most 120 characters; not unique (D50).
    pub name: Box<str>,
    /// What the holder set.
    pub status: TokenStatus,
    /// The digest of the secret; erased some time after the token has expired (D51).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What it may do, in the client's order.
    pub policies: Box<[TokenPolicy]>,
    /// From where it may be used.
    #[serde(default)]
    pub condition: Condition,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Not from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Timestamp>,
    /// When it was made.
    pub issued_on: Timestamp,
    /// When it last changed.
    pub modified_on: Timestamp,
    /// Who made it, where it is an account's: the token outlives its maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Box<Actor>>,
}

/// Whether the holder has switched a token off. `expired` is computed, never stored (D46).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStatus {
    /// In use.
    Active,
    /// Switched off.
    Disabled,
    /// Its secret was found where it should not be: only to be rolled or deleted (D51).
    Revoked,
}

/// One grant or denial of a token.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TokenPolicy {
    /// Its id.
    pub id: PolicyId,
    /// Allow or deny.
    pub effect: Effect,
    /// Ids of the token catalogue, in the client's order.
    pub permission_groups: Box<[Id]>,
    /// Where, by resource key.
    pub resources: Keyed<TokenResource>,
}

/// What a resource key of a token policy maps to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum TokenResource {
    /// `"*"`: the key itself and everything in it.
    Everything(Star),
    /// The keys inside the outer key, each with `"*"`; not the outer key itself.
    Within(Keyed<Star>),
}

/// The literal `"*"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Star {
    /// `"*"`.
    #[serde(rename = "*")]
    Star,
}

impl Token {
    /// Whether the token may be used at that time at all (D46).
    pub fn is_usable_at(&self, now: Timestamp) -> bool {
        self.status == TokenStatus::Active && self.is_in_time(now)
    }

    /// Whether that time is neither before its first nor after its last, whatever its status.
    pub fn is_in_time(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.expires_on.is_none_or(|end| now < end)
    }

    /// The word on the wire for its status at that time: `expired` is computed (D46), and wins over what was set, since
    /// nothing that can be set brings an expired token back.
    pub fn shown_status(&self, now: Timestamp) -> &'static str {
        match self.status {
            TokenStatus::Revoked => "revoked (exposed)",
            _ if self.has_expired_at(now) => "expired",
            TokenStatus::Active => "active",
            TokenStatus::Disabled => "disabled",
        }
    }

    /// Whether its last moment is past.
    pub fn has_expired_at(&self, now: Timestamp) -> bool {
        self.expires_on.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_and_does_not_print_itself() {
        let digest = Digest([0xab; 32]);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert_eq!(format!("{digest:?}"), "Digest(…)");
    }
}
