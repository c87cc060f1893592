//! Identifiers: 32 lower-case hex digits, random, never reused (D2). Each kind has its own type, so that a member is
//! never looked up as a group.

pub use catalog::Id;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Id);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = <Id as std::str::FromStr>::Err;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(/// One tenant; everything else belongs to exactly one account.
    AccountId);
id!(/// A person, known by one e-mail address, who may be a member of many accounts.
    UserId);
id!(/// The membership of one e-mail address in one account.
    MemberId);
id!(/// A named set of members with policies of its own.
    UserGroupId);
id!(/// A named set of resources that policies point at.
    ResourceGroupId);
id!(/// One grant or denial: permission groups on resource groups.
    PolicyId);
id!(/// An API token, of a user or of an account.
    TokenId);
id!(/// A domain in the registry of resources.
    ZoneId);
id!(/// The connection of an e-mail domain to single sign-on.
    SsoConnectorId);

/// A place in one stream's log: 0 is before the first commit.
pub type Revision = u64;

/// One log of commits: an account or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// The log of an account.
    Account(AccountId),
    /// The log of a user.
    User(UserId),
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StreamId::Account(id) => write!(f, "account/{id}"),
            StreamId::User(id) => write!(f, "user/{id}"),
        }
    }
}

/// The text does not name a stream: `account/` or `user/` and an id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a stream: `account/` or `user/` and 32 hex digits")]
pub struct NotAStream(String);

impl std::str::FromStr for StreamId {
    type Err = NotAStream;
    fn from_str(text: &str) -> Result<Self, NotAStream> {
        let stream = match text.split_once('/') {
            Some(("account", id)) => id.parse().ok().map(StreamId::Account),
            Some(("user", id)) => id.parse().ok().map(StreamId::User),
            _ => None,
        };
        stream.ok_or_else(|| NotAStream(text.to_owned()))
    }
}
