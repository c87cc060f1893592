//! Everything that can go wrong with a request, and how it looks on the wire. Each status and code is decided here, once
//! (D70 to D75, section 6.1).

use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::problem::{Fault, FaultKind, Problem};
use runtime::CommitError;
use runtime::audit::event::Refusal;
use serde::Serialize;

use crate::audit::CursorInfo;
use crate::audit::attempt::Refusals;
use crate::rate_limits::Rate;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input or the state does not allow it.
    #[error("{0}")]
    Refused(#[from] Problem),
    /// Who asks is not known.
    #[error("{0}")]
    Unauthenticated(#[from] Unauthenticated),
    /// The caller may not do it.
    #[error("not allowed")]
    Forbidden {
        /// The operation that was asked for.
        operation: Box<str>,
        /// The permissions that would have sufficed (D75).
        accepted: Arc<[Box<str>]>,
        /// What else is missing, if it is not a permission.
        detail: Option<&'static str>,
    },
    /// The audit log has no entry of that id at that time: as not found, with what histories always say.
    #[error("{0}")]
    NoHistory(Problem),
    /// The path names an object by something that is no id (D57).
    #[error("could not route to {0}")]
    BadId(String),
    /// No such path.
    #[error("no route for {0}")]
    NoRoute(String),
    /// The path has other methods.
    #[error("method not allowed")]
    WrongMethod,
    /// The body is larger than 1 MiB.
    #[error("the body is too large")]
    TooLarge,
    /// Too many failed authentications from this address (D58).
    #[error("too many failed authentications")]
    TooMany {
        /// Seconds until the next try is looked at.
        retry_after: u64,
    },
    /// Too many requests of one user, token or address (D81).
    #[error("More than {} requests per {} seconds reached. Please wait and consider throttling your request speed", .rate.requests, .rate.seconds)]
    RateLimited {
        /// What was exceeded.
        rate: Rate,
        /// Seconds until the next request is taken.
        retry_after: u64,
    },
    /// There is no account yet, the store does not answer, or it is behind what the caller asked for.
    #[error("{0}")]
    Unavailable(String),
    /// Our fault: the source goes to the log, the caller hears "internal error".
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a caller is not known (section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No credentials at all.
    #[error("Missing X-Auth-Key, X-Auth-Email or Authorization headers")]
    Missing,
    /// A service key (D53).
    #[error("X-Auth-User-Service-Key is no longer accepted; use an API token")]
    ServiceKey,
    /// Headers that cannot be credentials; each with its code.
    #[error("Invalid request headers")]
    Malformed(Vec<(u16, &'static str)>),
    /// No such key or address (D54).
    #[error("Unknown X-Auth-Key or X-Auth-Email")]
    UnknownKey,
    /// No such token, or one that is not in use (D54).
    #[error("Invalid access token")]
    UnknownToken,
    /// The token may not be used from there; the address as we see it (section 14).
    #[error("Cannot use the access token from location: {0}")]
    Location(std::net::IpAddr),
    /// The same where a token asks about itself, or about a token of another family (section 6).
    #[error("Invalid API Token")]
    InvalidToken,
    /// A token is asked for, and key and address were sent.
    #[error("Missing \"Authorization\" header")]
    NoToken,
    /// An account's token where a user is asked for.
    #[error("Valid user-level authentication not found")]
    NoUser,
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Error {
        match error {
            CommitError::Refused(problem) => Error::Refused(problem),
            CommitError::Forbidden => Error::Forbidden {
                operation: "".into(),
                accepted: Arc::new([]),
                detail: Some("your permissions changed while the request was on its way"),
            },
            CommitError::Claimed(claim) => Problem::new(
                FaultKind::AlreadyExists,
                format!("{} `{}` belongs to another account or user", claim.kind, claim.key),
            )
            .into(),
            CommitError::Stale { .. } => Error::Unavailable(
                "the log could not be read for too long, so this may have changed; try again".to_owned(),
            ),
            CommitError::Busy => Error::Unavailable("too many writers at once; try again".to_owned()),
            CommitError::Store(source) => {
                tracing::error!(error = %source, "the store failed");
                Error::Unavailable("the store does not answer; try again".to_owned())
            }
            CommitError::NoSuchRevision { .. } => Problem::new(FaultKind::Invalid, error.to_string()).into(),
            CommitError::NoStream(_) | CommitError::Broken(_) => Error::Internal(Box::new(error)),
        }
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Error {
        CommitError::Store(error).into()
    }
}

/// One entry of `errors[]`.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Entry {
    code: u16,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    /// Only with code 6003: which header is malformed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_chain: Vec<Chained>,
    /// Only with code 10000: the permissions of which any one would have sufficed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted_permissions: Vec<String>,
}

/// Where in the request the fault is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Source {
    /// A JSON pointer into the body, or `?name` for a query parameter.
    pointer: String,
}

/// An error behind an error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Chained {
    code: u16,
    message: String,
}

/// The envelope of a failure.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Failure {
    success: bool,
    errors: Vec<Entry>,
    messages: Vec<Entry>,
    #[schema(value_type = Option<Object>)]
    result: (),
    /// Only of the history of an entry of the audit log that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<CursorInfo>,
}

/// The status and code of a fault (D72).
fn status_and_code(kind: FaultKind) -> (StatusCode, u16) {
    match kind {
        FaultKind::Invalid => (StatusCode::BAD_REQUEST, 1001),
        FaultKind::NotFound => (StatusCode::NOT_FOUND, 1002),
        FaultKind::Name => (StatusCode::BAD_REQUEST, 1003),
        FaultKind::AlreadyExists => (StatusCode::BAD_REQUEST, 1004),
        FaultKind::Pair => (StatusCode::BAD_REQUEST, 1006),
        FaultKind::Quota => (StatusCode::BAD_REQUEST, 1009),
        FaultKind::InUse => (StatusCode::BAD_REQUEST, 1010),
        FaultKind::BuiltIn => (StatusCode::FORBIDDEN, 1011),
        FaultKind::LastSuperAdministrator => (StatusCode::BAD_REQUEST, 1012),
        FaultKind::Escalation => (StatusCode::BAD_REQUEST, 1001),
        FaultKind::Stale => (StatusCode::PRECONDITION_FAILED, 1013),
        FaultKind::Forbidden => (StatusCode::FORBIDDEN, 1002),
    }
}

fn unauthenticated(reason: &Unauthenticated) -> (StatusCode, u16) {
    match reason {
        Unauthenticated::Missing | Unauthenticated::ServiceKey => (StatusCode::BAD_REQUEST, 9106),
        Unauthenticated::Malformed(_) => (StatusCode::BAD_REQUEST, 6003),
        Unauthenticated::NoToken => (StatusCode::BAD_REQUEST, 1001),
        Unauthenticated::UnknownKey => (StatusCode::FORBIDDEN, 9103),
        Unauthenticated::InvalidToken => (StatusCode::UNAUTHORIZED, 1000),
        Unauthenticated::UnknownToken | Unauthenticated::Location(_) | Unauthenticated::NoUser => {
            (StatusCode::FORBIDDEN, 9109)
        }
    }
}

impl Error {
    /// The status and the entries of `errors[]`.
    fn entries(&self) -> (StatusCode, Vec<Entry>) {
        let one = |status, code, message: String| (status, vec![Entry { code, message, ..Entry::default() }]);
        match self {
            Error::Refused(problem) | Error::NoHistory(problem) => {
                let (status, _) = status_and_code(problem.kind());
                (status, problem.faults().iter().map(entry_of_fault).collect())
            }
            Error::Unauthenticated(reason) => {
                let (status, code) = unauthenticated(reason);
                let error_chain = match reason {
                    Unauthenticated::Malformed(chain) => chain
                        .iter()
                        .map(|(code, message)| Chained { code: *code, message: (*message).to_owned() })
                        .collect(),
                    _ => Vec::new(),
                };
                (status, vec![Entry { code, message: reason.to_string(), error_chain, ..Entry::default() }])
            }
            Error::Forbidden { operation, accepted, detail } => {
                let message = match detail {
                    Some(detail) => format!("Forbidden: {detail}"),
                    None => "Forbidden".to_owned(),
                };
                let accepted_permissions = accepted.iter().map(|name| name.to_string()).collect();
                let documentation_url = Some(format!("/openapi.json#{operation}"));
                (
                    StatusCode::FORBIDDEN,
                    vec![Entry { code: 10000, message, documentation_url, accepted_permissions, ..Entry::default() }],
                )
            }
            Error::BadId(path) => {
                let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
                one(StatusCode::BAD_REQUEST, 7003, message)
            }
            Error::NoRoute(path) => {
                let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
                let first = Entry { code: 7003, message, ..Entry::default() };
                let second = Entry { code: 7000, message: "No route for that URI".to_owned(), ..Entry::default() };
                (StatusCode::NOT_FOUND, vec![first, second])
            }
            Error::WrongMethod => {
                one(StatusCode::METHOD_NOT_ALLOWED, 7001, "Method not allowed for this path".to_owned())
            }
            Error::TooLarge => one(StatusCode::PAYLOAD_TOO_LARGE, 1001, "the body must be at most 1 MiB".to_owned()),
            Error::TooMany { retry_after } => one(
                StatusCode::TOO_MANY_REQUESTS,
                10100,
                format!("too many failed authentications from this address; wait {retry_after} seconds"),
            ),
            Error::RateLimited { .. } => one(StatusCode::TOO_MANY_REQUESTS, 10100, self.to_string()),
            Error::Unavailable(message) => one(StatusCode::SERVICE_UNAVAILABLE, 1500, message.clone()),
            Error::Internal(_) => one(StatusCode::INTERNAL_SERVER_ERROR, 1500, "internal error".to_owned()),
        }
    }
}

fn entry_of_fault(fault: &Fault) -> Entry {
    let (_, code) = status_and_code(fault.kind);
    let source = fault.pointer.clone().map(|pointer| Source { pointer });
    Entry { code, message: fault.message.clone(), source, ..Entry::default() }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Error::Internal(source) = &self {
            tracing::error!(error = source, "a request failed by our fault");
        }
        let (status, errors) = self.entries();
        let refusal = |entry: &Entry| Refusal {
            code: entry.code,
            pointer: entry.source.as_ref().map(|source| source.pointer.as_str().into()),
        };
        let refusals = Refusals(errors.iter().map(refusal).collect());
        let result_info = matches!(self, Error::NoHistory(_)).then(CursorInfo::unavailable);
        let failure = Failure { success: false, errors, messages: Vec::new(), result: (), result_info };
        let body = serde_json::to_vec(&failure).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response();
        // For the audit log: the body is bytes by now.
        response.extensions_mut().insert(refusals);
        let retry_after = match self {
            Error::TooMany { retry_after } | Error::RateLimited { retry_after, .. } => Some(retry_after),
            Error::Unavailable(_) => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The answer where no route is.
pub async fn no_route(OriginalUri(uri): OriginalUri) -> Error {
    Error::NoRoute(uri.path().to_owned())
}

/// The answer where a route has other methods.
pub async fn wrong_method() -> Error {
    Error::WrongMethod
}
