//! Whoever calls the API, and what it hears.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Paths that are not part of the v4 API and stand at the root.
const AT_THE_ROOT: [&str; 8] =
    ["/client/v4/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/__dev/", "/.well-known/", "/invitations/"];

/// Whoever calls the API: an address, and headers that say who it is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    origin: String,
    account: String,
    headers: HeaderMap,
}

impl Caller {
    /// A caller without credentials. `origin` is such as `http://127.0.0.1:8787`; `account` takes the place of
    /// `{account}` in paths.
    pub fn anonymous(origin: &str, account: &str) -> Caller {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Caller { client, origin: origin.to_owned(), account: account.to_owned(), headers: HeaderMap::new() }
    }

    /// A caller with a Global API Key.
    pub fn with_key(origin: &str, account: &str, email: &str, key: &str) -> Caller {
        Caller::anonymous(origin, account).header("x-auth-email", email).header("x-auth-key", key)
    }

    /// A caller with an API token.
    pub fn with_token(origin: &str, account: &str, token: &str) -> Caller {
        Caller::anonymous(origin, account).header("authorization", &format!("Bearer {token}"))
    }

    /// The same caller, which sends one more header.
    pub fn header(mut self, name: &str, value: &str) -> Caller {
        let name = HeaderName::try_from(name).expect("a name of a header");
        self.headers.insert(name, HeaderValue::try_from(value).expect("a value of a header"));
        self
    }

    /// The same caller, about another account.
    pub fn about(mut self, account: impl ToString) -> Caller {
        self.account = account.to_string();
        self
    }

    /// The same caller, who asks another server.
    pub fn at(mut self, origin: &str) -> Caller {
        origin.clone_into(&mut self.origin);
        self
    }

    /// The account that it asks about.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// Sends a PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Response {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    /// Sends a PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends any request; a body is said to be JSON, whatever it is.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Response {
        let asked = format!("{method} {path}");
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Sends any request to a server that may be gone.
    ///
    /// # Errors
    /// When no whole answer comes back: the request may or may not have been carried out.
    pub async fn try_send(&self, method: Method, path: &str, body: Option<String>) -> Result<Response, String> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        let headers = request.headers_mut().expect("a path that is a URI");
        headers.extend(self.headers.clone());
        if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = request.body(Full::from(body.unwrap_or_default())).expect("a request");
        let answer = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = answer.into_parts();
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Response { status: head.status.as_u16(), headers: head.headers, body, text })
    }

    fn url(&self, path: &str) -> String {
        let base = if AT_THE_ROOT.iter().any(|root| path.starts_with(root)) { "" } else { "/client/v4" };
        format!("{}{base}{}", self.origin, path.replace("{account}", &self.account))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null if it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Response {
    /// `200`, or `400 1003 user group …`; several errors stand one below the other.
    pub fn status_and_error(&self) -> String {
        let errors = self.errors();
        if errors.is_empty() {
            return self.status.to_string();
        }
        let lines = errors.iter().map(|error| {
            format!("{} {} {}", self.status, error["code"], error["message"].as_str().unwrap_or_default())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The result of a success; fails the test otherwise.
    pub fn result(&self) -> &Value {
        assert!(self.body["success"] == true, "the answer is {} {}", self.status, self.text);
        &self.body["result"]
    }

    /// The `id` of the result.
    pub fn id(&self) -> String {
        self.result()["id"].as_str().expect("the result has an id").to_owned()
    }

    /// The results of a list.
    pub fn list(&self) -> &[Value] {
        self.result().as_array().expect("the result is a list")
    }

    /// The pointers of the errors, `-` for an error without one.
    pub fn pointers(&self) -> Vec<&str> {
        self.errors().iter().map(|error| error["source"]["pointer"].as_str().unwrap_or("-")).collect()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn errors(&self) -> &[Value] {
        self.body["errors"].as_array().map_or(&[], Vec::as_slice)
    }
}
