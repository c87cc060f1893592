//! Secrets of credentials: how they look, and the digest that is kept of them (D44, D45).

use engine::offline::{OpeningKey, SealingKey};
use hmac::{Hmac, KeyInit, Mac};
use model::ids::{AccountId, Id, MemberId};
use model::tokens::Digest;
use rand::Rng;
use sha2::Sha256;
use subtle::ConstantTimeEq;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 40;
const CHECKSUM: usize = 8;

/// What a credential is for; each has its own prefix, which scanners for leaked secrets know (D44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// A user's API token.
    UserToken,
    /// An account's API token.
    AccountToken,
    /// A Global API Key.
    ApiKey,
}

impl SecretKind {
    /// The prefix of the secret.
    pub fn prefix(self) -> &'static str {
        match self {
            SecretKind::UserToken => "cfut_",
            SecretKind::AccountToken => "cfat_",
            SecretKind::ApiKey => "cfk_",
        }
    }
}

/// A secret as its holder knows it: shown once, never stored, never logged.
pub struct PlainSecret(String);

impl PlainSecret {
    /// A fresh secret: prefix, 40 characters from a CSPRNG, checksum (D44).
    pub fn generate(kind: SecretKind) -> PlainSecret {
        let mut random = rand::rng();
        let mut secret = String::from(kind.prefix());
        secret.extend((0..BODY).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])));
        let sum = crc32fast::hash(secret.as_bytes());
        secret.push_str(&format!("{sum:08x}"));
        PlainSecret(secret)
    }

    /// A secret that is given from outside, as the documented ones of a development server.
    pub fn given(secret: &str) -> PlainSecret {
        PlainSecret(secret.to_owned())
    }

    /// The text, for the one time that it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

/// Whether a text can be an API token: prefix, length, alphabet and checksum, or the older 40 characters. Others are
/// refused before any look-up (D44).
pub fn is_token_shaped(text: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    match text.strip_prefix("cfut_").or_else(|| text.strip_prefix("cfat_")) {
        Some(rest) => has_checksum(text, rest),
        None => text.len() == BODY && plain(text),
    }
}

/// Whether a text can be a Global API Key: prefix and checksum, or the older lower-case hex.
pub fn is_key_shaped(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.strip_prefix("cfk_") {
        Some(rest) => has_checksum(text, rest),
        None => (32..=45).contains(&text.len()) && text.bytes().all(hex),
    }
}

fn has_checksum(whole: &str, rest: &str) -> bool {
    if rest.len() != BODY + CHECKSUM || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (secret, sum) = whole.split_at(whole.len() - CHECKSUM);
    let is_lower_case = !sum.bytes().any(|byte| byte.is_ascii_uppercase());
    is_lower_case && u32::from_str_radix(sum, 16).is_ok_and(|sum| sum == crc32fast::hash(secret.as_bytes()))
}

/// Makes digests of secrets under the server's pepper.
#[derive(Clone)]
pub struct Secrets {
    keyed: Hmac<Sha256>,
    pages: Hmac<Sha256>,
    invitations: Hmac<Sha256>,
    sealing: [u8; 32],
}

impl Secrets {
    /// From the server's secret key, 32 bytes or more. The pepper is derived, so that the key can serve other uses too.
    pub fn new(key: &[u8]) -> Secrets {
        let derived = keyed(key, b"portcullis credential pepper v1");
        let pages = keyed(key, b"portcullis page token v1");
        let invitations = keyed(key, b"portcullis invitation v1");
        let sealing = keyed(key, b"portcullis snapshot signing v1");
        Secrets { keyed: hmac_of(&derived), pages: hmac_of(&pages), invitations: hmac_of(&invitations), sealing }
    }

    /// The digest that is stored (D45).
    pub fn digest(&self, secret: &str) -> Digest {
        let mut mac = self.keyed.clone();
        mac.update(secret.as_bytes());
        Digest(mac.finalize().into_bytes().into())
    }
}

impl Secrets {
    /// What signs accounts in files.
    pub(crate) fn sealing_key(&self) -> SealingKey {
        SealingKey::new(&self.sealing)
    }

    /// What opens those files.
    pub fn opening_key(&self) -> OpeningKey {
        self.sealing_key().opening_key()
    }

    /// The seal of a page token: only this server, or one with the same secret key, can have made it of these parts.
    pub fn page_seal(&self, parts: &[&[u8]]) -> [u8; 32] {
        seal(&self.pages, parts)
    }

    /// The secret of an invitation: what its link carries besides who is invited where. It is a function of the number of the
    /// invitation, which alone is stored.
    pub fn invitation_seal(&self, account: AccountId, member: MemberId, number: Id) -> [u8; 32] {
        seal(&self.invitations, &[account.0.as_bytes(), member.0.as_bytes(), number.as_bytes()])
    }
}

fn seal(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = mac.clone();
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

fn keyed(key: &[u8], purpose: &[u8]) -> [u8; 32] {
    let mut mac = hmac_of(key);
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac_of(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Compares seals in constant time.
pub fn same_seal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// Compares digests in constant time.
pub fn same_digest(a: &Digest, b: &Digest) -> bool {
    a.0.ct_eq(&b.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_secret_has_its_shape_and_checksum() {
        for kind in [SecretKind::UserToken, SecretKind::AccountToken] {
            let secret = PlainSecret::generate(kind);
            assert!(is_token_shaped(secret.reveal()));
            assert!(!is_key_shaped(secret.reveal()));
            assert_eq!(secret.reveal().len(), kind.prefix().len() + BODY + CHECKSUM);
            assert_eq!(format!("{secret:?}"), "PlainSecret(…)");
        }
        assert!(is_key_shaped(PlainSecret::generate(SecretKind::ApiKey).reveal()));
    }

    #[test]
    fn a_page_seal_is_of_its_parts_and_of_the_key() {
        let (one, two) = (Secrets::new(&[1; 32]), Secrets::new(&[2; 32]));
        let seal = one.page_seal(&[b"a", b"b"]);
        assert!(same_seal(&seal, &one.page_seal(&[b"a", b"b"])));
        assert!(!same_seal(&seal, &two.page_seal(&[b"a", b"b"])));
        assert!(!same_seal(&seal, &one.page_seal(&[b"ab"])));
        assert!(!same_seal(&seal, &one.page_seal(&[b"ab", b""])));
        assert_ne!(seal, one.digest("ab").0);
    }

    #[test]
    fn one_changed_character_spoils_the_checksum() {
        let secret = PlainSecret::generate(SecretKind::UserToken).reveal().to_owned();
        for index in 5..secret.len() {
            let mut bytes = secret.clone().into_bytes();
            bytes[index] = if bytes[index] == b'0' { b'1' } else { b'0' };
            assert!(!is_token_shaped(std::str::from_utf8(&bytes).unwrap()), "at {index}");
        }
    }

    #[test]
    fn older_shapes_are_still_taken() {
        assert!(is_token_shaped("Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY"));
        assert!(is_key_shaped("144c9defac04969c7bfad8efaa8ea194"));
        for bad in ["", "short", "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFY!", "cfut_"] {
            assert!(!is_token_shaped(bad), "{bad}");
        }
    }

    #[test]
    fn another_key_gives_other_digests() {
        let (one, two) = (Secrets::new(&[1; 32]), Secrets::new(&[2; 32]));
        assert_eq!(one.digest("secret"), one.digest("secret"));
        assert_ne!(one.digest("secret"), two.digest("secret"));
        assert_ne!(one.digest("secret"), one.digest("Secret"));
    }
}
