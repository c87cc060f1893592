//! `…/iam/snapshot`: the account as a signed file, from which the engine's crate decides without this server.

use ::model::ids::AccountId;
use ::model::problem::{FaultKind, Problem};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::answer::REVISION;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, Failure};

/// How old what an answer was made of may be, in seconds: for how long other servers were not heard of.
pub const STALENESS: HeaderName = HeaderName::from_static("portcullis-staleness");

/// For how many seconds a file is good unless it is asked otherwise, and at most.
const VALID_SECONDS: i64 = 86_400;
const MOST_VALID_SECONDS: i64 = 366 * 86_400;

/// Answers with the file.
#[utoipa::path(get, path = "/accounts/{account_id}/iam/snapshot", operation_id = "portcullis-account-snapshot", tag = "History",
    params(("account_id" = String, Path), ("valid_seconds" = Option<i64>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Response, Error> {
    // Before the state is read: that is then no older.
    let staleness = staleness(&call.app);
    let access = call.account().await?;
    let valid_seconds = match call.query.text("valid_seconds").map(str::parse) {
        None => VALID_SECONDS,
        Some(Ok(seconds @ 1..=MOST_VALID_SECONDS)) => seconds,
        Some(_) => {
            let message = format!("valid_seconds must be a number of seconds from 1 to {MOST_VALID_SECONDS}");
            return Err(Problem::at(FaultKind::Invalid, "?valid_seconds", message).into());
        }
    };
    let (revision, account): (_, AccountId) = (access.revision(), access.state().account_id());
    let runtime = call.app.runtime.clone();
    // A large account takes a while.
    let sealing = tokio::task::spawn_blocking(move || runtime.seal(&access.snapshot, valid_seconds));
    let bytes = sealing.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
    let bytes = bytes.map_err(|error| Error::Internal(Box::new(error)))?;
    let name = format!("attachment; filename=\"{account}-{revision}.snapshot\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(|error| Error::Internal(Box::new(error)))?),
        (REVISION, revision.into()),
        (STALENESS, staleness),
    ];
    Ok((headers, bytes).into_response())
}

/// The value of [`STALENESS`] for an answer that is begun now.
pub fn staleness(app: &App) -> HeaderValue {
    let seconds = app.runtime.freshness.staleness().as_secs_f64();
    HeaderValue::try_from(format!("{seconds:.6}")).unwrap_or(HeaderValue::from_static("inf"))
}
