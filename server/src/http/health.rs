//! What operators ask: is the process alive, may it get traffic, what has it counted, what does it offer.
//!
//! ```text
//!   /health  the process answers                 /metrics       counters for Prometheus
//!   /ready   writes are accepted, not stopping   /openapi.json  every route
//! ```
//!
//! Health and readiness are open to everybody and say nothing that is not theirs to know.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::{Outcome, Problem};
use super::openapi;
use super::routes::Route;
use crate::app::App;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/health", "Whether the process answers", health),
        Route::get("/ready", "Whether the server takes traffic: writes work and it is not stopping", ready),
        Route::get("/metrics", "Counters in Prometheus text", metrics),
        Route::get("/openapi.json", "This document", describe),
        Route::get("/v1/stats", "Figures of the database and the server", stats),
    ]
}

async fn health() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

async fn ready(State(app): State<App>) -> Outcome<Response> {
    if app.is_stopping() {
        return Err(Problem::unavailable("the server is stopping"));
    }
    if !app.accepts_writes() {
        return Err(Problem::unavailable("the database takes no writes; see the log of the server"));
    }
    Ok(axum::Json(json!({ "status": "ready" })).into_response())
}

async fn metrics(State(app): State<App>) -> Response {
    let text = app.metrics.render(&app.gauges());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn describe() -> Outcome<Response> {
    let text = openapi::document().to_json().map_err(|fault| Problem::unavailable(fault.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

async fn stats(State(app): State<App>) -> Response {
    axum::Json(app.stats()).into_response()
}
