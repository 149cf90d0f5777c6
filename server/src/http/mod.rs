//! The HTTP front: bytes of requests to calls of the engine, and back. Nothing else happens here.
//!
//! ```text
//!   handle: count -> gate -> wait for the version asked for -> route -> handler -> answer with its version
//!                                                                         |
//!            one file per model: requests, operations, routes  <----------'
//! ```
//!
//! - Every JSON call is an operation: a route builds one, a batch is a list of them, and both run the same code in a
//!   transaction.
//! - [`error`] is the only file that knows statuses for failures, [`json`] the only one that reads JSON.
//! - [`routes`] is one table; the router and the OpenAPI document are both made from it.

mod backup;
mod batch;
mod blob;
mod cache;
mod catalog;
mod collection;
mod conditional;
mod document;
mod error;
mod extract;
mod health;
mod json;
mod message;
mod object;
mod openapi;
mod operation;
mod queue;
pub(crate) mod routes;
mod search;
mod session;
mod sql;
mod table;
mod transaction;
mod view;

#[cfg(feature = "fuzzing")]
pub use batch::fuzz::batch_json;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use self::error::{Outcome, Problem};
use crate::app::App;
use crate::auth::Principal;
use crate::metrics::area;

/// The version that an answer saw, or that a write became visible with.
pub(crate) static VERSION_HEADER: HeaderName = HeaderName::from_static("marquetry-version");

/// The version that a request wants to see at least.
pub(crate) static AFTER_HEADER: HeaderName = HeaderName::from_static("marquetry-after");

/// Answers one request.
pub(crate) async fn handle(app: App, router: Router, request: Request<Body>) -> Response {
    let begun = Instant::now();
    let (area, method, path) = (area(request.uri().path()), request.method().clone(), request.uri().path().to_owned());
    // What a request sees is at least what is visible here; handlers that know better say so themselves.
    let version = app.versions.visible();
    let mut response = match answer(&app, router, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().entry(&VERSION_HEADER).or_insert_with(|| HeaderValue::from(version));
    let took = begun.elapsed();
    app.metrics.answered(area, response.status().as_u16(), took);
    tracing::debug!(%method, path, status = response.status().as_u16(), took_ms = took.as_millis() as u64, "answered");
    response
}

async fn answer(app: &App, router: Router, mut request: Request<Body>) -> Outcome<Response> {
    if !routes::PUBLIC_PATHS.contains(&request.uri().path()) {
        let principal: Principal = app.gate.admit(request.headers(), request.uri().authority())?;
        request.extensions_mut().insert(principal);
        if let Some(version) = wanted_version(&request)? {
            wait_for(app, version).await?;
        }
    }
    // The error type of a router is `Infallible`: it always answers.
    router.oneshot(request).await.map_err(|never| match never {})
}

fn wanted_version(request: &Request<Body>) -> Outcome<Option<u64>> {
    let Some(value) = request.headers().get(&AFTER_HEADER) else { return Ok(None) };
    match value.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(version) => Ok(Some(version)),
        None => Err(Problem::invalid("Marquetry-After takes a version: the number in Marquetry-Version of an answer")),
    }
}

async fn wait_for(app: &App, version: u64) -> Outcome<()> {
    match app.versions.reached(version, app.limits.wait_max()).await {
        true => Ok(()),
        false => Err(Problem::unavailable(format!(
            "version {version} is not here yet, this server is at {}; try again, or ask another",
            app.versions.visible()
        ))),
    }
}
