//! `GET /openapi.json`: the document of this API, made from the routes themselves.

use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{HttpMethod, InfoBuilder, OpenApi, SecurityRequirement, Server};

use crate::BASE_PATH;

/// The operations of one path.
pub(crate) fn operations_of(item: &PathItem) -> impl Iterator<Item = (HttpMethod, &Operation)> {
    let all = [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Patch, &item.patch),
        (HttpMethod::Delete, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// The document.
pub fn describe() -> OpenApi {
    let (_, mut document) = crate::api().split_for_parts();
    document.info = InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Accounts, members, groups, roles, permissions and SSO connectors, enforced by the policies that are stored here."))
        .build();
    document.servers = Some(vec![Server::new(BASE_PATH)]);
    let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "api_token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components.add_security_scheme("api_email", header("X-Auth-Email"));
    components.add_security_scheme("api_key", header("X-Auth-Key"));
    let none: [&str; 0] = [];
    let pair = SecurityRequirement::new("api_email", none).add("api_key", none);
    document.security = Some(vec![SecurityRequirement::new("api_token", none), pair]);
    document
}

/// Serves the document.
pub async fn document() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| describe().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.as_str()).into_response()
}
