//! The operations that we serve: each route's operation id leads to the catalogue, which says what it accepts. A route
//! whose operation the catalogue does not know does not start.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::Catalog;
use engine::permit::Need;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use utoipa::openapi::{HttpMethod, OpenApi};

use crate::error::Error;

/// Operations that name no permission in the catalogue, with who may call them instead. Everything else that names none
/// is refused at start.
const OPEN: [(&str, &str); 4] = [
    ("accounts-list-accounts", "anybody; the list holds what the caller reaches"),
    ("account-creation", "operators, or every user where a setting opens it"),
    ("account-api-tokens-verify-token", "a token of the account, about itself"),
    ("user-api-tokens-verify-token", "a token of a user, about itself"),
];

/// Operations by which members, groups and policies are administered: a user needs a verified address for them
/// (section 2.4).
const ADMINISTRATION: [&str; 13] = [
    "portcullis-account-state-put",
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

/// What the paths of operations that only ask have in them.
const QUESTIONS: &str = "/access/v1/";

/// Other operations that change nothing, though they are no GET: what is asked does not fit into a query.
const ONLY_ASKING: [&str; 4] = [
    "portcullis-account-authorize",
    "portcullis-account-explain",
    "portcullis-account-access-history",
    "portcullis-account-least-privilege",
];

/// One operation that we serve.
pub struct Operation {
    /// Its id in the catalogue.
    pub id: Box<str>,
    /// What it asks of a caller.
    pub need: Need,
    /// Whether a user needs a verified address for it.
    pub is_administration: bool,
    /// Whether it only asks, though it is a POST.
    pub is_question: bool,
    /// Whether it means to change something, so that its failures are kept in the audit log (D83).
    pub is_write: bool,
    /// Its path, with the names of its parameters.
    pub route: Box<str>,
    /// The names of the permissions that suffice (D75).
    pub accepted_names: Arc<[Box<str>]>,
    pub(crate) metrics: Metrics,
}

impl Operation {
    /// The refusal of this operation, with what would have sufficed (D75).
    pub fn forbidden(&self, detail: Option<&'static str>) -> Error {
        Error::Forbidden { operation: self.id.clone(), accepted: self.accepted_names.clone(), detail }
    }
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
        self.seconds.observe(seconds);
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.requests[class].inc();
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
    pub(crate) fn of(document: &OpenApi, catalog: &Catalog, registry: &mut Registry) -> Operations {
        let families = Families::register(registry);
        let mut by_path: HashMap<Box<str>, Vec<(http::Method, Arc<Operation>)>> = HashMap::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in crate::openapi::operations_of(item) {
                let id = operation.operation_id.as_deref().unwrap_or_default();
                let method = http_method(&method);
                let operation = operation_of(catalog, &families, id, &method, path);
                by_path.entry(path.as_str().into()).or_default().push((method, Arc::new(operation)));
            }
        }
        Operations { by_path, other: families.of("other") }
    }

    /// The operation of a route, as matched, without the base path.
    pub(crate) fn find(&self, method: &http::Method, path: &str) -> Option<&Arc<Operation>> {
        // A HEAD is answered as a GET, by the same handler.
        let method = if method == http::Method::HEAD { &http::Method::GET } else { method };
        let operations = self.by_path.get(path)?;
        operations.iter().find(|(known, _)| known == method).map(|(_, operation)| operation)
    }
}

fn operation_of(catalog: &Catalog, families: &Families, id: &str, method: &http::Method, path: &str) -> Operation {
    let Some(known) = catalog.operation(id) else {
        panic!("route {method} {path} has operation `{id}`, which the catalogue does not know");
    };
    let same = known.method.as_str() == method.as_str() && *known.path == *path;
    assert!(same, "operation `{id}` is {} {} in the catalogue, not {method} {path}", known.method, known.path);
    let is_open = OPEN.iter().any(|(open, _)| *open == id);
    assert!(known.accepts.is_some() || is_open, "operation `{id}` names no permission, and is not declared open");
    let need = Need::of(known);
    let names: Vec<Box<str>> = need.accepts.iter().map(|index| catalog.permission_at(index).name.clone()).collect();
    Operation {
        id: id.into(),
        need,
        is_administration: ADMINISTRATION.contains(&id),
        is_question: path.contains(QUESTIONS),
        is_write: !method.is_safe() && !path.contains(QUESTIONS) && !ONLY_ASKING.contains(&id),
        route: path.into(),
        accepted_names: names.into(),
        metrics: families.of(id),
    }
}

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// The metrics of all operations.
struct Families {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    requests: Family<Labels, Counter>,
}

impl Families {
    fn register(registry: &mut Registry) -> Families {
        // From a tenth of a millisecond, doubling, to 6.5 seconds.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_1, 2.0, 17));
        let families = Families { seconds: Family::new_with_constructor(histogram), requests: Family::default() };
        let (seconds, requests) = (families.seconds.clone(), families.requests.clone());
        registry.register_with_unit("http_request_duration", "time to answer a request", Unit::Seconds, seconds);
        registry.register("http_requests", "answers by operation and class of status", requests);
        families
    }

    fn of(&self, operation: &str) -> Metrics {
        let operation = ("operation", operation.to_owned());
        let requests = ["2xx", "3xx", "4xx", "5xx"]
            .map(|class| self.requests.get_or_create_owned(&vec![operation.clone(), ("status", class.to_owned())]));
        Metrics { seconds: self.seconds.get_or_create_owned(&vec![operation]), requests }
    }
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
