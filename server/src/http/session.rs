//! Runs operations for one request: each in a transaction of its own, or in the open one that a header names.
//!
//! ```text
//!   no header:   read  -> snapshot          write -> transact (retries conflicts)
//!   Marquetry-Transaction: ID
//!                read, write -> savepoint -> the open transaction; a failed write takes itself back
//! ```

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use marquetry::{Database, Result, Snapshot, TransactOptions, Transaction};
use serde_json::Value;

use super::VERSION_HEADER;
use super::error::{Outcome, Problem};
use super::view::{Read, Write};
use crate::app::App;
use crate::auth::Principal;

/// The header that runs a request inside an open transaction.
const TRANSACTION_HEADER: &str = "marquetry-transaction";

/// Who is asking, and which open transaction the request belongs to. Taking one from a request needs the
/// [`Principal`] that only the gate makes.
pub(super) struct Session {
    pub(super) app: App,
    transaction: Option<String>,
    _principal: Principal,
}

impl FromRequestParts<App> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Outcome<Self> {
        let principal = *parts
            .extensions
            .get::<Principal>()
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "nobody is asking"))?;
        let transaction = transaction_named(&parts.headers)?;
        Ok(Session { app: app.clone(), transaction, _principal: principal })
    }
}

fn transaction_named(headers: &HeaderMap) -> Outcome<Option<String>> {
    match headers.get(TRANSACTION_HEADER).map(HeaderValue::to_str) {
        None => Ok(None),
        Some(Ok(id)) => Ok(Some(id.to_owned())),
        Some(Err(_)) => Err(Problem::invalid("Marquetry-Transaction takes the id that POST /v1/transactions answered")),
    }
}

/// A value and the version that it was seen at, or that it became visible with.
pub(super) struct Seen<T> {
    pub(super) version: u64,
    pub(super) value: T,
}

/// What `work` may use: a snapshot of its own, or the open transaction.
pub(super) enum Reading<'a> {
    Snapshot(&'a Snapshot),
    Transaction(&'a Transaction),
}

impl Session {
    /// Whether the request belongs to an open transaction.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// The answer of `operation`.
    pub(super) async fn read(&self, operation: impl Read) -> Outcome<Seen<Value>> {
        self.read_with(move |reading| match reading {
            Reading::Snapshot(snapshot) => operation.read(snapshot),
            Reading::Transaction(transaction) => operation.read(transaction),
        })
        .await
    }

    /// The answer of `operation` once it is committed, or done in the open transaction.
    pub(super) async fn write(&self, operation: impl Write) -> Outcome<Seen<Value>> {
        self.write_with(move |transaction| operation.write(transaction)).await
    }

    /// What `work` returns for a snapshot, or for the open transaction.
    pub(super) async fn read_with<T: Send + 'static>(
        &self,
        work: impl FnOnce(Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Outcome<Seen<T>> {
        match &self.transaction {
            Some(id) => self.inside(id, move |transaction| work(Reading::Transaction(transaction))).await,
            None => {
                let database = self.app.database.clone();
                let seen = self.app.bridge.run(move || {
                    let snapshot = database.snapshot()?;
                    let value = work(Reading::Snapshot(&snapshot))?;
                    Ok::<_, marquetry::Error>(Seen { version: snapshot.version().number(), value })
                });
                Ok(seen.await??)
            }
        }
    }

    /// What `work` returned once it is committed, or done in the open transaction. It may run more than once.
    pub(super) async fn write_with<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Transaction) -> Result<T> + Send + 'static,
    ) -> Outcome<Seen<T>> {
        match &self.transaction {
            Some(id) => self.inside(id, move |transaction| all_or_nothing(transaction, &mut work)).await,
            None => {
                let database = self.app.database.clone();
                let seen = self.app.bridge.run(move || database.transact_with(TransactOptions::default(), work));
                let (value, version) = seen.await??;
                Ok(Seen { version: version.number(), value })
            }
        }
    }

    /// What `write` did in the open transaction, or `direct` did at once where there is none.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        mut write: impl FnMut(&Transaction) -> Result<T> + Send + 'static,
        direct: impl FnOnce(&Database) -> Result<T> + Send + 'static,
    ) -> Outcome<Seen<T>> {
        match &self.transaction {
            Some(id) => self.inside(id, move |transaction| all_or_nothing(transaction, &mut write)).await,
            None => {
                let database = self.app.database.clone();
                let seen = self.app.bridge.run(move || {
                    let value = direct(&database)?;
                    Ok::<_, marquetry::Error>(Seen { version: database.version().number(), value })
                });
                Ok(seen.await??)
            }
        }
    }

    async fn inside<T: Send + 'static>(
        &self,
        id: &str,
        work: impl FnOnce(&Transaction) -> Result<T> + Send + 'static,
    ) -> Outcome<Seen<T>> {
        let slot = self.app.transactions.turn(id).await?;
        let outcome = self.app.bridge.run(move || {
            let transaction = slot.as_ref().expect("a turn is given only on a transaction that is open");
            Ok::<_, marquetry::Error>(Seen { version: transaction.version().number(), value: work(transaction)? })
        });
        let outcome = outcome.await;
        self.app.transactions.used(id);
        Ok(outcome??)
    }
}

/// Runs `work` so that its writes stay only when it succeeds.
fn all_or_nothing<T>(transaction: &Transaction, work: &mut impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
    let savepoint = transaction.savepoint();
    match work(transaction) {
        Ok(value) => transaction.release(savepoint).map(|()| value),
        Err(error) => {
            transaction.rollback_to(savepoint)?;
            Err(error)
        }
    }
}

impl<T> Seen<T> {
    /// The same version with another value.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Seen<U> {
        Seen { version: self.version, value: map(self.value) }
    }
}

impl Seen<Value> {
    /// The value as the answer to something that was made: 201.
    pub(super) fn created(self) -> Response {
        (StatusCode::CREATED, self).into_response()
    }
}

impl IntoResponse for Seen<Value> {
    fn into_response(self) -> Response {
        self.map(|value| axum::Json(value).into_response()).into_response()
    }
}

impl IntoResponse for Seen<Response> {
    fn into_response(self) -> Response {
        let mut response = self.value;
        response.headers_mut().insert(&VERSION_HEADER, HeaderValue::from(self.version));
        response
    }
}
