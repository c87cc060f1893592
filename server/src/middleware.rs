//! What surrounds every request: a ray and an audit id for its answer, the fixed headers (D80), its place in the metrics.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use rand::RngCore;
use runtime::to_its_end::to_its_end;
use uuid::Uuid;

use crate::BASE_PATH;
use crate::app::App;
use crate::audit::attempt::Attempt;
use crate::operations::Operation;
use crate::rate_limits::StandingCell;

/// What is known of a request before it is authenticated.
#[derive(Clone)]
pub struct Context {
    /// The `cf-ray` of the answer.
    pub ray: Ray,
    /// The `cf-auditlog-id` of the answer, and of the commit that the request makes.
    pub audit_id: Uuid,
    /// What it asks for; none for an unknown route.
    pub operation: Option<Arc<Operation>>,
    /// How much the caller may ask for yet, once that is known.
    pub standing: StandingCell,
    /// What is known of a write, in case it comes to nothing.
    pub attempt: Option<Arc<Attempt>>,
}

/// The number of a request: shown as 16 hex digits and where it was answered.
#[derive(Clone, Copy)]
pub struct Ray(u64);

impl fmt::Display for Ray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-PRT", self.0)
    }
}

const RAY: HeaderName = HeaderName::from_static("cf-ray");
const AUDIT_ID: HeaderName = HeaderName::from_static("cf-auditlog-id");
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// The published schema that we answer by.
const VERSION: HeaderValue = HeaderValue::from_static("2026-08-01.epoch");

/// Surrounds a request.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let operation = request.extensions().get::<MatchedPath>().and_then(|path| {
        let path = path.as_str();
        app.operations.find(request.method(), path.strip_prefix(BASE_PATH).unwrap_or(path)).cloned()
    });
    let ray = Ray(rand::rng().next_u64());
    let audit_id = runtime::clock::audit_id(app.runtime.clock.now());
    let standing = StandingCell::default();
    let attempt = operation.as_ref().filter(|operation| operation.is_write).map(|_| Arc::<Attempt>::default());
    request.extensions_mut().insert(Context {
        ray,
        audit_id,
        operation: operation.clone(),
        standing: standing.clone(),
        attempt: attempt.clone(),
    });
    let only_asks = operation.as_ref().is_some_and(|operation| operation.is_question);
    let mut response = if only_asks || request.method().is_safe() {
        next.run(request).await
    } else {
        // A client that hangs up because it waited too long tries again, and then wants the answer (`repeats`).
        let (app, operation) = (app.clone(), operation.clone());
        to_its_end(async move {
            let response = next.run(request).await;
            if let (true, Some(attempt), Some(operation)) = (is_failure(&response), attempt, operation) {
                attempt.refused(&app, &operation, &response);
            }
            response
        })
        .await
    };
    let headers = response.headers_mut();
    for (name, text) in [(RAY, ray.to_string()), (AUDIT_ID, audit_id.to_string())] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    if let Some(standing) = standing.get() {
        standing.tell(headers);
    }
    headers.insert(API_VERSION, VERSION);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let metrics = operation.as_ref().map_or(&app.operations.other, |operation| &operation.metrics);
    metrics.count(response.status().as_u16(), started.elapsed().as_secs_f64());
    response
}

fn is_failure(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}
