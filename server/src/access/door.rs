//! A request of AuthZEN as a handler sees it, and its answer. The shapes are AuthZEN's and not the v4 envelope: a decision
//! as it is, a failure as a status and a string; `X-Request-ID` comes back as it came.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::ids::{AccountId, Revision};

use crate::answer::REVISION;
use crate::app::App;
use crate::authenticate::{Caller, authenticate};
use crate::error::Error;
use crate::middleware::Context;
use crate::operations::Operation;

/// The largest body, in bytes: more than ten thousand questions of a usual size.
pub const MOST_BODY: usize = 4 << 20;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One authenticated request.
pub struct Door {
    /// What all handlers share.
    pub app: App,
    /// Who asks.
    pub caller: Caller,
    /// What for.
    pub operation: Arc<Operation>,
    /// The account of the path, if it has one.
    pub account: Option<AccountId>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer: a JSON object, and the revision that it is a function of, if that is of one account.
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    /// The revision.
    pub revision: Option<Revision>,
}

/// Why a question is not answered: a status and what to say.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, and what would be right.
    pub message: String,
    /// When to come again, in seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    /// A fault of the question.
    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, message: message.into(), retry_after: None }
    }
}

impl Refusal {
    /// Whether it is about one question and not about the request: then the others are answered all the same.
    pub fn is_of_one_question(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST || self.status == StatusCode::FORBIDDEN
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let refusal = |status, message: String| Refusal { status, message, retry_after: None };
        match error {
            Error::Refused(problem) | Error::NoHistory(problem) => Refusal::bad(problem.to_string()),
            // AuthZEN has one status for whoever is not known, by which header and for what reason ever.
            Error::Unauthenticated(reason) => refusal(StatusCode::UNAUTHORIZED, reason.to_string()),
            Error::Forbidden { accepted, detail, .. } => {
                let names: Vec<String> = accepted.iter().map(|name| format!("`{name}`")).collect();
                let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
                let message = format!("not permitted{detail}; one of {} would suffice", names.join(", "));
                refusal(StatusCode::FORBIDDEN, message)
            }
            Error::BadId(path) => Refusal::bad(format!("{path} has an id that is none: 32 lower-case hex digits")),
            Error::NoRoute(path) => refusal(StatusCode::NOT_FOUND, format!("nothing is at {path}")),
            Error::WrongMethod => refusal(StatusCode::METHOD_NOT_ALLOWED, "the method must be POST".to_owned()),
            Error::TooLarge => refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body must have at most {} MiB; ask in several requests", MOST_BODY >> 20),
            ),
            Error::TooMany { retry_after } => Refusal {
                status: StatusCode::TOO_MANY_REQUESTS,
                message: format!("too many failed authentications from this address; wait {retry_after} seconds"),
                retry_after: Some(retry_after),
            },
            Error::RateLimited { retry_after, .. } => Refusal {
                status: StatusCode::TOO_MANY_REQUESTS,
                message: error.to_string(),
                retry_after: Some(retry_after),
            },
            Error::Unavailable(message) => {
                Refusal { status: StatusCode::SERVICE_UNAVAILABLE, message, retry_after: Some(1) }
            }
            Error::Internal(source) => {
                tracing::error!(error = source, "a question was not answered by our fault");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal error".to_owned())
            }
        }
    }
}

impl From<runtime::CommitError> for Refusal {
    fn from(error: runtime::CommitError) -> Refusal {
        Error::from(error).into()
    }
}

impl FromRequest<App> for Door {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Door, Response> {
        let id = request.headers().get(REQUEST_ID).cloned();
        Door::open(request, app).await.map_err(|error| respond(Err(error.into()), id.as_ref()))
    }
}

impl Door {
    async fn open(request: Request, app: &App) -> Result<Door, Error> {
        let (mut parts, body) = request.into_parts();
        let operation = parts.extensions.get::<Context>().and_then(|context| context.operation.clone());
        let Some(operation) = operation else { return Err(Error::NoRoute(parts.uri.path().to_owned())) };
        let caller = authenticate(app, &parts).await?;
        let account = match RawPathParams::from_request_parts(&mut parts, app).await {
            Ok(params) => match params.iter().find(|(name, _)| *name == "account_id") {
                Some((_, id)) => Some(id.parse().map_err(|_| Error::BadId(parts.uri.path().to_owned()))?),
                None => None,
            },
            Err(_) => return Err(Error::BadId(parts.uri.path().to_owned())),
        };
        let body = match Limited::new(body, MOST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Error::TooLarge),
            Err(_) => {
                return Err(Error::Refused(model::problem::Problem::new(
                    model::problem::FaultKind::Invalid,
                    "the body could not be read whole",
                )));
            }
        };
        Ok(Door { app: app.clone(), caller, operation, account, headers: parts.headers, body })
    }

    /// The refusal of this operation.
    pub fn forbidden(&self) -> Error {
        self.operation.forbidden(None)
    }

    /// The answer as it goes out.
    pub fn respond(&self, answer: Result<Answer, Refusal>) -> Response {
        respond(answer, self.headers.get(REQUEST_ID))
    }
}

fn respond(answer: Result<Answer, Refusal>, request_id: Option<&HeaderValue>) -> Response {
    // Room for these and those that surround every answer, so that none is moved.
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(id) = request_id {
        headers.insert(REQUEST_ID, id.clone());
    }
    let (status, body) = match answer {
        Ok(Answer { body, revision }) => {
            if let Some(revision) = revision {
                headers.insert(REVISION, revision.into());
            }
            (StatusCode::OK, body)
        }
        Err(refusal) => {
            if refusal.status == StatusCode::UNAUTHORIZED {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portcullis\""));
            }
            if let Some(seconds) = refusal.retry_after {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            (refusal.status, serde_json::to_vec(&refusal.message).unwrap_or_default())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
