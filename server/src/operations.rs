//! The operations that we serve: each route's operation id leads to the catalogue, which says what it accepts. A route
//! whose operation the catalogue does not know does not start.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::{Catalog, PermissionSet};
use engine::permit::Need;
use metrics::{Counter, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use utoipa::openapi::{HttpMethod, OpenApi};

/// Operations that name no permission in the catalogue, with who may call them instead. Everything else that names none
/// is refused at start.
const OPEN: [(&str, &str); 2] = [
    ("accounts-list-accounts", "anybody; the list holds what the caller reaches"),
    ("account-creation", "operators, or every user where a setting opens it"),
];

/// Operations that being an accepted member suffices for (D14, section 2.4).
const ANY_MEMBER: [&str; 3] =
    ["accounts-account-details", "account-permission-group-list", "account-permission-group-details"];

/// Operations by which members, groups and policies are administered: a user needs a verified address for them
/// (section 2.4).
const ADMINISTRATION: [&str; 12] = [
    "account-members-add-member",
    "account-members-update-member",
    "account-members-remove-member",
    "account-user-group-create",
    "account-user-group-update",
    "account-user-group-delete",
    "account-user-group-member-create",
    "account-user-group-members-update",
    "account-user-group-member-delete",
    "account-resource-group-create",
    "account-resource-group-update",
    "account-resource-group-delete",
];

/// One operation that we serve.
pub struct Operation {
    /// Its id in the catalogue.
    pub id: Box<str>,
    /// What it asks of a caller.
    pub need: Need,
    /// Whether a user needs a verified address for it.
    pub is_administration: bool,
    /// The names of the permissions that suffice (D75).
    pub accepted_names: Arc<[Box<str>]>,
    pub(crate) metrics: Metrics,
}

/// What is counted of an operation.
pub(crate) struct Metrics {
    seconds: Histogram,
    /// By class of status: 2xx, 3xx, 4xx, 5xx.
    requests: [Counter; 4],
}

impl Metrics {
    /// Counts one answer.
    pub(crate) fn count(&self, status: u16, seconds: f64) {
        self.seconds.record(seconds);
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.requests[class].increment(1);
    }
}

/// All operations that we serve, by path and method.
pub(crate) struct Operations {
    by_path: HashMap<Box<str>, Vec<(http::Method, Arc<Operation>)>>,
    /// For what is no operation: health, metrics, unknown routes.
    pub(crate) other: Metrics,
}

impl Operations {
    /// Joins the routes with the catalogue.
    pub(crate) fn of(document: &OpenApi, catalog: &Catalog, recorder: &impl Recorder) -> Operations {
        let mut by_path: HashMap<Box<str>, Vec<(http::Method, Arc<Operation>)>> = HashMap::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in crate::openapi::operations_of(item) {
                let id = operation.operation_id.as_deref().unwrap_or_default();
                let method = http_method(&method);
                let operation = operation_of(catalog, recorder, id, &method, path);
                by_path.entry(path.as_str().into()).or_default().push((method, Arc::new(operation)));
            }
        }
        Operations { by_path, other: metrics_of(recorder, "other") }
    }

    /// The operation of a route, as matched, without the base path.
    pub(crate) fn find(&self, method: &http::Method, path: &str) -> Option<&Arc<Operation>> {
        // A HEAD is answered as a GET, by the same handler.
        let method = if method == http::Method::HEAD { &http::Method::GET } else { method };
        let operations = self.by_path.get(path)?;
        operations.iter().find(|(known, _)| known == method).map(|(_, operation)| operation)
    }
}

fn operation_of(catalog: &Catalog, recorder: &impl Recorder, id: &str, method: &http::Method, path: &str) -> Operation {
    let Some(known) = catalog.operation(id) else {
        panic!("route {method} {path} has operation `{id}`, which the catalogue does not know");
    };
    let same = known.method.as_str() == method.as_str() && *known.path == *path;
    assert!(same, "operation `{id}` is {} {} in the catalogue, not {method} {path}", known.method, known.path);
    let is_open = OPEN.iter().any(|(open, _)| *open == id);
    assert!(known.accepts.is_some() || is_open, "operation `{id}` names no permission, and is not declared open");
    let accepts = known.accepts.unwrap_or(PermissionSet::EMPTY);
    let names: Vec<Box<str>> = accepts.iter().map(|index| catalog.permission_at(index).name.clone()).collect();
    Operation {
        id: id.into(),
        need: Need { accepts, any_member: ANY_MEMBER.contains(&id) },
        is_administration: ADMINISTRATION.contains(&id),
        accepted_names: names.into(),
        metrics: metrics_of(recorder, id),
    }
}

fn metrics_of(recorder: &impl Recorder, operation: &str) -> Metrics {
    const METADATA: Metadata<'static> = Metadata::new("portcullis", Level::INFO, None);
    recorder.describe_histogram(
        KeyName::from("http_request_duration_seconds"),
        Some(Unit::Seconds),
        "time to answer a request".into(),
    );
    recorder.describe_counter(
        KeyName::from("http_requests_total"),
        Some(Unit::Count),
        "answers by operation and class of status".into(),
    );
    let operation = Label::new("operation", operation.to_owned());
    let seconds = Key::from_parts("http_request_duration_seconds", vec![operation.clone()]);
    let requests = ["2xx", "3xx", "4xx", "5xx"].map(|class| {
        let key = Key::from_parts("http_requests_total", vec![operation.clone(), Label::new("status", class)]);
        recorder.register_counter(&key, &METADATA)
    });
    Metrics { seconds: recorder.register_histogram(&seconds, &METADATA), requests }
}

fn http_method(method: &HttpMethod) -> http::Method {
    match method {
        HttpMethod::Get => http::Method::GET,
        HttpMethod::Post => http::Method::POST,
        HttpMethod::Put => http::Method::PUT,
        HttpMethod::Patch => http::Method::PATCH,
        HttpMethod::Delete => http::Method::DELETE,
        HttpMethod::Head => http::Method::HEAD,
        HttpMethod::Options => http::Method::OPTIONS,
        HttpMethod::Trace => http::Method::TRACE,
    }
}
