//! The identifier of everything: 16 bytes, written as 32 lower-case hexadecimal digits (D2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// 16 bytes that identify one thing. Reads and writes as exactly 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

/// The text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: an id is 32 lower-case hexadecimal digits")]
pub struct IdError(pub Box<str>);

impl Id {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Id {
        Id(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first 16 bytes of the SHA-256 digest of `text`: the id of an entry whose published id nobody knows. It is the
    /// same in every installation and in every release.
    pub fn derived(text: &str) -> Id {
        let digest = Sha256::digest(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Id(bytes)
    }

    /// The 32 digits, as ASCII, without allocating.
    pub const fn write_hex(&self) -> [u8; 32] {
        let mut hex = [0; 32];
        let mut at = 0;
        while at < 16 {
            hex[2 * at] = DIGITS[(self.0[at] >> 4) as usize];
            hex[2 * at + 1] = DIGITS[(self.0[at] & 15) as usize];
            at += 1;
        }
        hex
    }

    fn parse(text: &str) -> Option<Id> {
        let hex: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 16];
        let mut seen = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.as_chunks::<2>().0) {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            *byte = high << 4 | low;
            seen |= high | low;
        }
        // Looked at once for all digits, since an account has millions.
        (seen < NO_DIGIT).then_some(Id(bytes))
    }
}

/// More than any digit is worth, in a bit that no digit has.
const NO_DIGIT: u8 = 16;

/// What each character is worth. Upper case is refused: one id has one spelling, so equal text is equal id everywhere.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Id, IdError> {
        Id::parse(text).ok_or_else(|| IdError(text.into()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.write_hex()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.write_hex()).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        deserializer.deserialize_str(IdVisitor)
    }
}

/// Reads the digits in place, so loading a large document allocates nothing per id.
struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 lower-case hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        text.parse().map_err(E::custom)
    }
}
