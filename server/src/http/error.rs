//! The one place where a failure becomes an HTTP answer: a status and a problem document (RFC 9457).
//!
//! ```text
//!   marquetry::Error ---.
//!   BridgeError --------+--> Problem { kind, status, detail } --> application/problem+json
//!   what a handler saw -'
//! ```
//!
//! The match over [`ErrorKind`] is exhaustive on purpose: a new kind does not compile until it has a status here.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use marquetry::sql::SqlError;
use marquetry::{Contended, ErrorKind};
use serde_json::json;

use crate::auth::Refusal;
use crate::bridge::BridgeError;

/// A failed request, as it will be told.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    /// For a conflict: what to stand in line at, for the one who begins the next attempt.
    contended: Option<Contended>,
    /// For a failure of SQL: its condition, and what else is known.
    sql: Option<Box<SqlError>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

pub(crate) type Outcome<T> = Result<T, Problem>;

impl Problem {
    /// A problem of the request's own form, for which the engine has no kind.
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, kind, detail: detail.into(), contended: None, sql: None, headers: Vec::new() }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Problem::of_kind(ErrorKind::Invalid, detail.into())
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::of_kind(ErrorKind::NotFound, detail.into())
    }

    pub(crate) fn limit(detail: impl Into<String>) -> Self {
        Problem::of_kind(ErrorKind::LimitExceeded, detail.into())
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Problem::of_kind(ErrorKind::Unavailable, detail.into())
    }

    pub(crate) fn precondition(detail: impl Into<String>) -> Self {
        Problem::of_kind(ErrorKind::Precondition, detail.into())
    }

    pub(crate) fn too_slow() -> Self {
        let detail =
            "the request took longer than this server allows; a write may have happened: read back, then retry";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, word(ErrorKind::Indeterminate), detail)
    }

    /// The same problem with one more header on its answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same problem, its detail led by where it happened.
    #[must_use]
    pub(crate) fn context(mut self, place: impl std::fmt::Display) -> Self {
        self.detail = format!("{place}: {}", self.detail);
        self
    }

    fn of_kind(kind: ErrorKind, detail: String) -> Self {
        let problem = Problem::new(status(kind), word(kind), detail);
        match kind {
            ErrorKind::Unavailable => problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => problem,
        }
    }
}

/// What HTTP calls each kind.
fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Conflict | ErrorKind::AlreadyExists => StatusCode::CONFLICT,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Constraint => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Precondition => StatusCode::PRECONDITION_FAILED,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Indeterminate => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What the `kind` member of a problem document calls each kind; clients match on it.
fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Conflict => "conflict",
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Constraint => "constraint",
        ErrorKind::Precondition => "precondition",
        ErrorKind::LimitExceeded => "limit_exceeded",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Indeterminate => "indeterminate",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Closed => "closed",
    }
}

impl From<marquetry::Error> for Problem {
    fn from(error: marquetry::Error) -> Self {
        if error.kind() == ErrorKind::Corrupt {
            tracing::error!(%error, "stored bytes are damaged");
        }
        let sql = SqlError::inside(&error).cloned().map(Box::new);
        Problem { contended: error.contended(), sql, ..Problem::of_kind(error.kind(), error.to_string()) }
    }
}

impl From<BridgeError> for Problem {
    fn from(error: BridgeError) -> Self {
        match error {
            BridgeError::Busy => Problem::unavailable("every worker is busy; nothing was done, try again in a moment"),
            BridgeError::Stopped => Problem::unavailable("the server is stopping; nothing was done"),
            BridgeError::Panicked => {
                let detail = "a fault in the server; whether the request took effect is unknown. Please report it with \
                              what the server logged";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, word(ErrorKind::Indeterminate), detail)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = match refusal {
            Refusal::TokenMissing => "send the access token: Authorization: Bearer TOKEN",
            Refusal::TokenWrong => "the access token is not the one of this server",
            Refusal::WebPage => "a server without an access token does not answer web pages; start it with a token",
            Refusal::ForeignHost => {
                "a server without an access token answers only to localhost and addresses; start it with a token"
            }
        };
        match refusal {
            Refusal::TokenMissing | Refusal::TokenWrong => {
                Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
                    .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"marquetry\""))
            }
            Refusal::WebPage | Refusal::ForeignHost => Problem::new(StatusCode::FORBIDDEN, "forbidden", detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": format!("urn:marquetry:problem:{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "kind": self.kind,
            "detail": self.detail,
        });
        if let Some(contended) = self.contended {
            document["contended"] = super::transaction::written(contended).into();
        }
        if let Some(sql) = self.sql {
            document["sqlstate"] = sql.condition.code().into();
            document["position"] = sql.position.into();
            document["hint"] = sql.hint.into();
        }
        let mut response = (self.status, document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
