//! The development server: everything in memory, and a seed of the ids and credentials that the examples of the API
//! reference use, so that each example runs as it stands.
//!
//! Examples delete what others read. `POST /__dev/reset` brings the seed back.

pub mod full_access;
mod seed;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::rules::Rules;
use runtime::{CommitError, Runtime};
use tokio::sync::Mutex;

use crate::App;

/// The account of the examples. Most other things of the examples have the same id.
pub const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
/// The address of the user that the examples sign in as.
pub const EMAIL: &str = "user@example.com";
/// The user's Global API Key.
pub const API_KEY: &str = "144c9defac04969c7bfad8efaa8ea194";
/// A token of the user that holds every permission.
pub const API_TOKEN: &str = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY";

/// The cursor of the reference's examples: it stands for the first page, so that they run unmodified.
pub const EXAMPLE_CURSOR: &str =
    "Q1buH-__DQqqig7SVYXT-SsMOTGY2Z3Y80W-fGgva7yaDdmPKveucH5ddOcHsJRhNb-xUK8agZQqkJSMAENGO8NU6g==";

/// One reset at a time: two at once would mix their seeds.
static RESETTING: Mutex<()> = Mutex::const_new(());

/// The catalogue file that a development server adds: a permission group with the id of the examples.
pub fn catalogue() -> &'static str {
    include_str!("dev/catalogue.json")
}

/// The rules of a development server: examples name resources and people that nobody registered.
pub fn rules() -> Rules {
    Rules {
        accept_unknown_resources: true,
        accept_anybody: true,
        allow_direct_add: true,
        open_account_creation: true,
        ..Rules::default()
    }
}

/// Puts the seed into an empty runtime.
///
/// # Errors
/// When it is not empty, or the catalogue lacks [`catalogue`].
pub async fn seed(runtime: &Runtime) -> Result<(), CommitError> {
    seed::run(runtime).await
}

/// The routes that only a development server has.
pub fn routes() -> Router<App> {
    Router::new().route("/__dev/reset", post(reset))
}

/// `POST /__dev/reset`: forgets everything, and seeds again.
async fn reset(State(app): State<App>) -> Response {
    let _one_at_a_time = RESETTING.lock().await;
    if !app.runtime.clear() {
        return answer(StatusCode::BAD_REQUEST, "only a server whose data is in memory can be reset");
    }
    app.repeats.clear();
    app.summaries.clear();
    match seed(&app.runtime).await {
        Ok(()) => answer(StatusCode::OK, ""),
        Err(error) => {
            tracing::error!(%error, "the reset failed");
            answer(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        }
    }
}

/// The envelope without a result; a failure has a message.
fn answer(status: StatusCode, message: &str) -> Response {
    let errors = match message {
        "" => serde_json::json!([]),
        message => serde_json::json!([{"code": 1000, "message": message}]),
    };
    let body = serde_json::json!({"success": status.is_success(), "errors": errors, "messages": [], "result": null});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
