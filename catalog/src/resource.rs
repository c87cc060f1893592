//! Kinds of resources, and the keys that name one resource or all of a kind (D10).

use crate::{Catalog, Id};

/// Where a resource type stands in [`Catalog::resource_types`]. Only good within this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceTypeIndex(pub u8);

impl ResourceTypeIndex {
    /// An account.
    pub const ACCOUNT: ResourceTypeIndex = ResourceTypeIndex(0);
    /// A zone of an account.
    pub const ZONE: ResourceTypeIndex = ResourceTypeIndex(1);
    /// A user.
    pub const USER: ResourceTypeIndex = ResourceTypeIndex(2);
    /// One R2 bucket.
    pub const R2_BUCKET: ResourceTypeIndex = ResourceTypeIndex(3);

    /// How many resource types a catalogue may have.
    pub const CAPACITY: usize = 64;
}

/// A kind of resource that a policy can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Its own index.
    pub index: ResourceTypeIndex,
    /// What its keys begin with: `com.cloudflare.api.account.zone`.
    pub key: Box<str>,
    /// The short word for it: `zone`. Catalogue data uses it, and so do messages.
    pub name: Box<str>,
    /// The type of what contains it; nothing contains an account or a user.
    pub parent: Option<ResourceTypeIndex>,
}

/// What stands after the type in a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyId {
    /// The literal `*`: all of this type.
    Any,
    /// One resource.
    Id(Box<str>),
}

/// A parsed resource key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The type.
    pub kind: ResourceTypeIndex,
    /// Which one of that type.
    pub id: KeyId,
}

/// Why a text is not a resource key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No registered type begins the key.
    #[error(
        "`{key}` is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`"
    )]
    UnknownType {
        /// What was given.
        key: Box<str>,
    },
    /// The key ends where the id should be.
    #[error("`{key}` has no id: a resource type must be followed by `.` and an id or `*`")]
    NoId {
        /// What was given.
        key: Box<str>,
    },
    /// Accounts, zones and users have ids of one form.
    #[error("`{key}` does not name one {kind}: its id must be 32 lower-case hexadecimal digits, or `*` for all")]
    NotHex {
        /// What was given.
        key: Box<str>,
        /// The short word for the type.
        kind: Box<str>,
    },
    /// `*` is no pattern (D10).
    #[error("`{key}` contains a `*` within its id: only a whole id can be `*`, and it then means all of that type")]
    Glob {
        /// What was given.
        key: Box<str>,
    },
    /// Other ids are free text of a small alphabet.
    #[error(
        "`{key}` does not name one {kind}: its id must be 1 to 255 characters out of letters, digits, `_`, `.`, `:` and `-`, or `*` for all"
    )]
    BadId {
        /// What was given.
        key: Box<str>,
        /// The short word for the type.
        kind: Box<str>,
    },
}

impl Catalog {
    /// Reads a resource key: the longest registered type key that begins it, a dot, and an id or `*` (D10).
    ///
    /// Keys are case-sensitive. Accounts, zones and users have 32 lower-case hexadecimal digits for an id; any other type
    /// has 1 to 255 characters out of `A-Z a-z 0-9 _ . : -`.
    pub fn parse_key(&self, text: &str) -> Result<ResourceKey, KeyError> {
        let begins = |kind: &&ResourceType| {
            text.strip_prefix(&*kind.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let Some(kind) = self.resource_types().iter().filter(begins).max_by_key(|kind| kind.key.len()) else {
            return Err(KeyError::UnknownType { key: text.into() });
        };
        let rest = text[kind.key.len()..].strip_prefix('.').unwrap_or_default();
        let id = match rest {
            "" => return Err(KeyError::NoId { key: text.into() }),
            "*" => KeyId::Any,
            _ if rest.contains('*') => return Err(KeyError::Glob { key: text.into() }),
            _ if has_hex_ids(kind.index) => {
                if rest.parse::<Id>().is_err() {
                    // `com.cloudflare.api.account.widget.1` is rather an unknown type than an account with an odd id.
                    return Err(match rest.contains('.') {
                        true => KeyError::UnknownType { key: text.into() },
                        false => KeyError::NotHex { key: text.into(), kind: kind.name.clone() },
                    });
                }
                KeyId::Id(rest.into())
            }
            _ if rest.len() <= 255 && rest.bytes().all(is_id_byte) => KeyId::Id(rest.into()),
            _ => return Err(KeyError::BadId { key: text.into(), kind: kind.name.clone() }),
        };
        Ok(ResourceKey { kind: kind.index, id })
    }

    /// Whether `kind` is `ancestor`, or lies within it: a zone lies within an account.
    pub fn is_self_or_descendant(&self, kind: ResourceTypeIndex, ancestor: ResourceTypeIndex) -> bool {
        std::iter::successors(Some(kind), |kind| self.resource_type(*kind).parent).any(|kind| kind == ancestor)
    }
}

fn has_hex_ids(kind: ResourceTypeIndex) -> bool {
    [ResourceTypeIndex::ACCOUNT, ResourceTypeIndex::ZONE, ResourceTypeIndex::USER].contains(&kind)
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-')
}
