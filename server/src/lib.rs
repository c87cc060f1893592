//! The HTTP server: one module per API resource, each only a door: it parses, asks permission, commits, and renders.
//!
//! Follow one request: the [`middleware`] gives it a ray and an audit id; [`call::Call`] finds its operation,
//! authenticates its caller and reads its body; the handler asks for [`call::Access`] to the account, which is the
//! permission and the state in one; and answers with [`answer::Success`] or [`error::Error`].

pub mod access;
pub mod access_history;
mod account_snapshot;
pub mod accounts;
pub mod answer;
pub mod api_tokens;
pub mod app;
pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod call;
pub mod commits;
pub mod declared;
pub mod dev;
pub mod dry_run;
pub mod effective_policies;
pub mod error;
pub mod evidence;
pub mod explain;
pub mod health;
pub mod iam_permission_groups;
pub mod invitations;
pub mod least_privilege;
pub mod local;
pub mod members;
pub mod memberships;
pub mod middleware;
pub(crate) mod moment;
pub mod openapi;
pub mod operations;
pub mod policies;
pub mod public_url;
pub mod rate_limits;
pub mod recorded_calls;
pub mod remedies;
pub mod repeats;
pub mod resource_groups;
pub mod resources;
pub mod roles;
pub mod self_check;
pub mod settings;
pub mod sso_connectors;
pub mod sso_verification;
pub mod throttle;
pub mod token_permission_groups;
pub mod unused_grants;
pub mod user;
pub mod user_call;
pub mod user_group_members;
pub mod user_groups;
pub mod wire;
pub mod zones;

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::metadata;
pub use crate::app::App;
pub use crate::public_url::PublicUrl;
pub use crate::settings::{Settings, WireShapes};

/// Where the v4 API lives; the same routes are served at the root too, as the SDKs' own tests ask for.
pub const BASE_PATH: &str = "/client/v4";

/// Every route of the API, each declared once, with its operation id, in its own module.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::get, accounts::update, accounts::delete))
        .routes(routes!(members::list, members::create))
        .routes(routes!(members::get, members::update, members::delete))
        .routes(routes!(roles::list))
        .routes(routes!(roles::get))
        .routes(routes!(iam_permission_groups::list))
        .routes(routes!(iam_permission_groups::get))
        .routes(routes!(resource_groups::list, resource_groups::create))
        .routes(routes!(resource_groups::get, resource_groups::update, resource_groups::delete))
        .routes(routes!(user_groups::list, user_groups::create))
        .routes(routes!(user_groups::get, user_groups::update, user_groups::delete))
        .routes(routes!(user_group_members::list, user_group_members::add, user_group_members::replace))
        .routes(routes!(user_group_members::get, user_group_members::remove))
        .routes(routes!(sso_connectors::list, sso_connectors::create))
        .routes(routes!(sso_connectors::get, sso_connectors::update, sso_connectors::delete))
        .routes(routes!(sso_connectors::begin_verification))
        .routes(routes!(token_permission_groups::list_for_account))
        .routes(routes!(token_permission_groups::list_for_user))
        .routes(routes!(api_tokens::of_account::list, api_tokens::of_account::create))
        .routes(routes!(api_tokens::of_account::get, api_tokens::of_account::update, api_tokens::of_account::delete))
        .routes(routes!(api_tokens::of_account::roll))
        .routes(routes!(api_tokens::verify::of_account))
        .routes(routes!(api_tokens::of_user::list, api_tokens::of_user::create))
        .routes(routes!(api_tokens::of_user::get, api_tokens::of_user::update, api_tokens::of_user::delete))
        .routes(routes!(api_tokens::of_user::roll))
        .routes(routes!(api_tokens::verify::of_user))
        .routes(routes!(user::get, user::update))
        .routes(routes!(memberships::list))
        .routes(routes!(memberships::get, memberships::update, memberships::delete))
        .routes(routes!(invitations::answers::list))
        .routes(routes!(invitations::answers::get, invitations::answers::reply))
        .routes(routes!(invitations::answers::redeem))
        .routes(routes!(zones::list, zones::create))
        .routes(routes!(zones::get, zones::update, zones::delete))
        .routes(routes!(resources::list, resources::create))
        .routes(routes!(resources::get, resources::update, resources::delete))
        .routes(routes!(authorize::authorize))
        .routes(routes!(explain::explain))
        .routes(routes!(access_history::ask))
        .routes(routes!(declared::get, declared::put))
        .routes(routes!(account_snapshot::get))
        .routes(routes!(commits::list))
        .routes(routes!(commits::stream::stream))
        .routes(routes!(commits::get))
        .routes(routes!(commits::revert))
        .routes(routes!(audit::list))
        .routes(routes!(audit::history))
        .routes(routes!(audit::product_categories))
        .routes(routes!(audit::legacy::of_account))
        .routes(routes!(audit::legacy::of_user))
        .routes(routes!(access::evaluation))
        .routes(routes!(access::evaluations))
        .routes(routes!(access::account_evaluation))
        .routes(routes!(access::account_evaluations))
        .routes(routes!(effective_policies::of_member))
        .routes(routes!(effective_policies::of_token))
        .routes(routes!(effective_policies::of_user_group))
        .routes(routes!(least_privilege::find))
        .routes(routes!(unused_grants::of_member))
        .routes(routes!(unused_grants::of_user_group))
        .routes(routes!(unused_grants::of_account_token))
        .routes(routes!(access::search_subjects))
        .routes(routes!(access::account_search_subjects))
        .routes(routes!(access::search_resources))
        .routes(routes!(access::account_search_resources))
        .routes(routes!(access::search_actions))
        .routes(routes!(access::account_search_actions))
}

/// All that we serve.
pub fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    let api = api.fallback(error::no_route).method_not_allowed_fallback(error::wrong_method);
    let dev = if app.settings.dev { dev::routes() } else { Router::new() };
    Router::new()
        .nest(BASE_PATH, api.clone())
        .merge(api)
        .merge(dev)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/invitations/{token}", get(invitations::answers::landing))
        .route("/openapi.json", get(openapi::document))
        .route(metadata::WELL_KNOWN, get(metadata::root))
        .route(&format!("{}/{{*path}}", metadata::WELL_KNOWN), get(metadata::below))
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(app.clone(), middleware::around))
        .with_state(app)
}

/// Serves until `shutdown` resolves; requests in flight are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps delaying small packets");
        }
    });
    // Streams of events would go on for ever.
    let closing = app.clone();
    let shutdown = async move {
        shutdown.await;
        closing.close();
    };
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}
