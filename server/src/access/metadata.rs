//! `GET /.well-known/authzen-configuration…`: where the endpoints are. It says nothing about who or what is here, so anybody
//! may read it, and an account is not looked up for it.
//!
//! The URLs begin with the one that the operator has set, or with the address that the server listens on. Never with the
//! `Host` that a request names: whoever can choose that could send the questions of others, with their tokens, elsewhere.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::ids::AccountId;
use serde::Serialize;

use crate::BASE_PATH;
use crate::app::App;
use crate::error::Error;

/// Where it stands. What follows is the path of the decision point (RFC 8615, as AuthZEN uses it).
pub const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

/// The document.
#[derive(Serialize)]
struct Metadata {
    policy_decision_point: String,
    access_evaluation_endpoint: String,
    access_evaluations_endpoint: String,
    search_subject_endpoint: String,
    search_resource_endpoint: String,
    search_action_endpoint: String,
}

/// The document of the decision point at the root.
pub async fn root(State(app): State<App>) -> Result<Response, Error> {
    document(&app, "")
}

/// The document of a decision point with a path: the base path of the v4 API, or an account, with or without it.
pub async fn below(State(app): State<App>, Path(path): Path<String>) -> Result<Response, Error> {
    document(&app, &format!("/{path}"))
}

fn document(app: &App, path: &str) -> Result<Response, Error> {
    let url = &app.settings.public_url;
    let rest = path.strip_prefix(url.path());
    let Some(point) = rest.filter(|rest| is_decision_point(rest)) else {
        return Err(Error::NoRoute(format!("{WELL_KNOWN}{path}")));
    };
    let point = format!("{url}{point}");
    let metadata = Metadata {
        access_evaluation_endpoint: format!("{point}/access/v1/evaluation"),
        access_evaluations_endpoint: format!("{point}/access/v1/evaluations"),
        search_subject_endpoint: format!("{point}/access/v1/search/subject"),
        search_resource_endpoint: format!("{point}/access/v1/search/resource"),
        search_action_endpoint: format!("{point}/access/v1/search/action"),
        policy_decision_point: point,
    };
    let body = serde_json::to_vec(&metadata).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// Whether something answers below that path.
fn is_decision_point(path: &str) -> bool {
    let rest = path.strip_prefix(BASE_PATH).unwrap_or(path);
    rest.is_empty() || rest.strip_prefix("/accounts/").is_some_and(|id| id.parse::<AccountId>().is_ok())
}
