//! The operations of the API, and the permissions that each accepts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PermissionSet;

/// One call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name; a few published operations have none.
    pub id: Option<Box<str>>,
    /// The HTTP method.
    pub method: Method,
    /// The path below the base path, with its parameters in braces.
    pub path: Box<str>,
    /// The chapter of the API reference it stands in; empty if it stands in none.
    pub tag: Box<str>,
    /// Whether new callers should look for another one.
    pub deprecated: bool,
    /// Any one of these suffices. `None`: the source names none, which is not the same as "everybody may".
    pub accepts: Option<PermissionSet>,
}

/// An HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of HTTP")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// The text is no HTTP method of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
pub struct MethodError(pub Box<str>);

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        }
    }

    const ALL: [Method; 7] =
        [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Options];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Method, MethodError> {
        Method::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| MethodError(text.into()))
    }
}
