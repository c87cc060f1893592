//! What a commit says besides its changes: who asked for it, and by which request.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, TokenId, UserId};

/// Who made a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A user with the Global API Key, or by a token of its own.
    User {
        /// The user.
        id: UserId,
        /// The address at that time.
        email: Box<str>,
        /// The token, if it was by one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<TokenId>,
        /// The token's name at that time; none in logs of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_name: Option<Box<str>>,
    },
    /// A token of an account (D85).
    Account {
        /// The account.
        id: AccountId,
        /// The token.
        token: TokenId,
        /// The token's name at that time; none in logs of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_name: Option<Box<str>>,
    },
    /// The server itself, or its operator on the command line.
    System {
        /// What for.
        reason: Box<str>,
    },
}

/// The request that a commit came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The entry of the audit log: a version 7 UUID, answered as `cf-auditlog-id` (D80).
    pub audit_id: Box<str>,
    /// HTTP method; empty for work without a request.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub method: Box<str>,
    /// Path without the query.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub path: Box<str>,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub ip: Box<str>,
    /// The `cf-ray` of the answer.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub ray: Box<str>,
    /// What the client calls itself.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub user_agent: Box<str>,
}
