//! For the machines that watch this one: is it alive, is it ready, what does it count.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok"
}

/// `GET /readyz`: the store can be read and written, and what is in memory is fresh enough to answer from.
pub async fn ready(State(app): State<App>) -> Response {
    if let Err(error) = app.runtime.freshness.check() {
        return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
    }
    match tokio::time::timeout(Duration::from_secs(2), app.runtime.store.ping()).await {
        Ok(Ok(())) => "ready".into_response(),
        Ok(Err(error)) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the store does not answer: {error}")).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer in time").into_response(),
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    app.staleness.set(app.runtime.freshness.age().as_secs_f64());
    app.state_bytes.set(i64::try_from(app.runtime.budget.used()).unwrap_or(i64::MAX));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &app.metrics) {
        Ok(()) => {
            let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written").into_response(),
    }
}
