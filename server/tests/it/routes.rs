//! Paths, methods and the headers around every answer; what the server says of itself.

use std::fmt::Write;

use axum::response::IntoResponse;
use http_body_util::BodyExt;
use insta::assert_snapshot;
use model::problem::{FaultKind, Problem};
use serde_json::Value;
use server::error::{Error, Unauthenticated};
use testkit::{Method, TestServer};

use crate::support::{ACCOUNT, GROUPS, MEMBERS, http, told};

#[tokio::test]
async fn an_unknown_path_is_404_with_and_without_the_base_path() {
    let server = TestServer::start().await;
    assert_eq!(server.anonymous().get("/nothing").await.status, 404, "whoever asks");
    assert_snapshot!(told(&server.admin().get("/nothing/here").await), @r"
    404 7003 Could not route to /client/v4/nothing/here, perhaps your object identifier is invalid?
    404 7000 No route for that URI
    ");
}

#[tokio::test]
async fn the_same_routes_are_served_at_the_root() {
    let server = TestServer::start().await;
    let plain = http_get(&server.origin, &format!("/accounts/{}", server.account)).await;
    assert!(plain.starts_with("HTTP/1.1 400"), "{plain}");
    assert!(plain.contains("9106"), "{plain}");
    let nothing = http_get(&server.origin, "/nothing").await;
    assert!(nothing.starts_with("HTTP/1.1 404") && nothing.contains("Could not route to /nothing,"), "{nothing}");
}

/// A GET without any client in between.
async fn http_get(origin: &str, path: &str) -> String {
    let address = origin.trim_start_matches("http://");
    http(origin, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn a_wrong_method_is_405() {
    let server = TestServer::start().await;
    for (method, path) in [(Method::PUT, GROUPS), (Method::DELETE, MEMBERS), (Method::PATCH, ACCOUNT)] {
        let answer = server.admin().send(method, path, None).await;
        assert_eq!(told(&answer), "405 7001 Method not allowed for this path");
        assert!(answer.header("cf-ray").is_some());
    }
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let server = TestServer::start().await;
    let answer = server.admin().send(Method::HEAD, ACCOUNT, None).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(server.anonymous().send(Method::HEAD, ACCOUNT, None).await.status, 400);
}

#[tokio::test]
async fn an_id_that_is_none_could_not_be_routed() {
    let server = TestServer::start().await;
    let admin = server.admin();
    assert_snapshot!(told(&admin.get("/accounts/mine/members").await), @"400 7003 Could not route to /client/v4/accounts/mine/members, perhaps your object identifier is invalid?");
    for bad in ["0", "023E105F4ECEF8AD9CA31A8372D0C353", "023e105f4ecef8ad9ca31a8372d0c35", "%20", "..%2f", "*"] {
        for path in
            [GROUPS, MEMBERS, crate::support::RESOURCE_GROUPS, crate::support::CONNECTORS, crate::support::ROLES]
        {
            let answer = admin.get(&format!("{path}/{bad}")).await;
            assert_eq!((answer.status, answer.body["errors"][0]["code"].as_u64()), (400, Some(7003)), "{path}/{bad}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_fixed_headers() {
    let server = TestServer::start().await;
    for (caller, path) in [(server.admin(), ACCOUNT), (server.anonymous(), ACCOUNT), (server.admin(), "/nothing")] {
        let answer = caller.get(path).await;
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let ray = header("cf-ray");
        let (digits, place) = ray.split_once('-').expect("a place");
        assert!(digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && place.len() == 3, "{ray}");
        let audit_id = header("cf-auditlog-id");
        assert!(audit_id.len() == 36 && audit_id.as_bytes()[14] == b'7', "{audit_id} is a UUIDv7");
        assert_eq!(header("api-version"), "2026-08-01.epoch");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn two_answers_have_two_rays() {
    let server = TestServer::start().await;
    let (one, two) = (server.admin().get(ACCOUNT).await, server.admin().get(ACCOUNT).await);
    assert_ne!(one.header("cf-ray"), two.header("cf-ray"));
    assert_ne!(one.header("cf-auditlog-id"), two.header("cf-auditlog-id"));
}

#[tokio::test]
async fn the_server_says_that_it_is_well() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    for (path, text) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = nobody.get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text));
    }
}

#[tokio::test]
async fn the_metrics_count_answers_by_operation() {
    let server = TestServer::start().await;
    server.admin().get(GROUPS).await;
    server.anonymous().get(GROUPS).await;
    let metrics = server.anonymous().get("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let count =
        |class: &str| format!("http_requests_total{{operation=\"account-user-group-list\",status=\"{class}\"}} 1");
    assert!(metrics.text.contains(&count("2xx")), "{}", metrics.text);
    assert!(metrics.text.contains(&count("4xx")));
}

#[tokio::test]
async fn the_routes_are_those_of_the_document() {
    let server = TestServer::start().await;
    let document = server.anonymous().get("/openapi.json").await.body;
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            if let Some(id) = operation["operationId"].as_str() {
                lines.push(format!("{:6} {path} -> {id}", method.to_uppercase()));
            }
        }
    }
    assert_snapshot!("routes", lines.join("\n"));
}

#[tokio::test]
async fn the_document_describes_every_body_and_refers_to_nothing_that_is_missing() {
    let server = TestServer::start().await;
    let text = server.anonymous().get("/openapi.json").await.text;
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let schemas = &document["components"]["schemas"];
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas[name].is_object(), "{name}");
    }
    assert_eq!(document["servers"][0]["url"], "/client/v4");
}

/// Each status and code is decided once; this is the whole table.
#[tokio::test]
async fn the_codes_of_errors_are_these() {
    let kinds = [
        FaultKind::Invalid,
        FaultKind::NotFound,
        FaultKind::Name,
        FaultKind::AlreadyExists,
        FaultKind::Pair,
        FaultKind::Quota,
        FaultKind::InUse,
        FaultKind::BuiltIn,
        FaultKind::LastSuperAdministrator,
        FaultKind::Escalation,
        FaultKind::Stale,
        FaultKind::Forbidden,
    ];
    let mut errors: Vec<(String, Error)> =
        kinds.into_iter().map(|kind| (format!("{kind:?}"), Problem::new(kind, "…").into())).collect();
    let unauthenticated = [
        Unauthenticated::Missing,
        Unauthenticated::ServiceKey,
        Unauthenticated::Malformed(vec![(6111, "…")]),
        Unauthenticated::UnknownKey,
        Unauthenticated::UnknownToken,
        Unauthenticated::Location([192, 0, 2, 1].into()),
        Unauthenticated::NoUser,
    ];
    errors.extend(unauthenticated.into_iter().map(|reason| (format!("{reason:?}"), reason.into())));
    errors.extend([
        ("Forbidden".into(), Error::Forbidden { operation: "…".into(), accepted: ["…".into()].into(), detail: None }),
        ("NoHistory".into(), Error::NoHistory(Problem::not_found("audit log entry", "…"))),
        ("BadId".into(), Error::BadId("/…".into())),
        ("NoRoute".into(), Error::NoRoute("/…".into())),
        ("WrongMethod".into(), Error::WrongMethod),
        ("TooLarge".into(), Error::TooLarge),
        ("TooMany".into(), Error::TooMany { retry_after: 60 }),
        ("Unavailable".into(), Error::Unavailable("…".into())),
        ("Internal".into(), Error::Internal("secret".into())),
    ]);
    let mut lines = String::new();
    for (name, error) in errors {
        let (head, body) = error.into_response().into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        for error in body["errors"].as_array().expect("errors") {
            let message = error["message"].as_str().unwrap_or_default();
            writeln!(lines, "{name}: {} {} {message}", head.status.as_u16(), error["code"]).expect("written");
        }
    }
    assert_snapshot!("error_codes", lines);
}
