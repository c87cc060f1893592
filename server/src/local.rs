//! Requests of the operator, made in the process that holds the database: the same routes and the same handlers, so that
//! the command line and HTTP give one answer. Whoever can open the database may know all that is in it.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::http::{Request, Response};
use engine::principal::Principal;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::app::App;
use crate::authenticate::Caller;

/// Marks a request of the operator. Nothing that comes over a connection can have it, and nothing outside can make it.
#[derive(Clone)]
pub(crate) struct Operator(());

impl Operator {
    /// The operator as a caller: the server itself.
    pub(crate) fn caller(&self) -> Caller {
        Caller { principal: Principal::System, user: None, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }
}

/// Answers a request of the operator.
///
/// # Errors
/// When the answer breaks off.
pub async fn answer(app: &App, request: Request<String>) -> Result<Response<Vec<u8>>, axum::Error> {
    let mut request = request.map(Body::from);
    request.extensions_mut().insert(Operator(()));
    let (head, body) = match crate::router(app.clone()).oneshot(request).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    Ok(Response::from_parts(head, body.collect().await?.to_bytes().to_vec()))
}
