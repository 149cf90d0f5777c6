//! Many operations of any models as one transaction in one request.
//!
//! ```text
//!   preconditions: read, compare -- all hold? --> operations in order --> commit --> one answer each
//!                                      '-- no: 412, nothing happened        '-- conflict: all of it again
//! ```

#[cfg(feature = "fuzzing")]
pub(super) mod fuzz;

use axum::extract::State;
use marquetry::document::Matcher;
use marquetry::{Error, ErrorKind, Result, Transaction};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::error::{Outcome, Problem};
use super::extract::Json;
use super::operation::Operation;
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::Write;
use crate::app::App;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/batch", "Run operations of any models as one transaction, if the preconditions hold", run)
            .json::<Batch>()
            .batch_sized(),
    ]
}

/// Operations that take effect together or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// What must hold for the operations to run.
    #[serde(default)]
    preconditions: Vec<Precondition>,
    /// What is done, in order.
    operations: Vec<Operation>,
}

/// A read and what it must answer. A read that finds nothing answers null.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Precondition {
    /// An operation that changes nothing.
    read: Operation,
    /// Whether the answer must be something rather than null.
    exists: Option<bool>,
    /// What the answer must equal.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    equals: Option<Value>,
    /// What the answer must contain: an object with at least these members.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    contains: Option<Value>,
    /// What the answer must match: a filter as documents are found by, such as `{"quantity": {"$gte": 3}}`.
    #[schema(value_type = Option<Object>)]
    matches: Option<Map<String, Value>>,
}

/// Keeps `null` apart from absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

async fn run(State(app): State<App>, session: Session, Json(batch): Json<Batch>) -> Outcome<Seen<Value>> {
    let count = batch.operations.len() + batch.preconditions.len();
    let count_max = app.limits.batch_operations_max;
    if count > count_max {
        return Err(Problem::limit(format!(
            "the batch has {count} operations and the limit is {count_max}; send several"
        )));
    }
    for (index, precondition) in batch.preconditions.iter().enumerate() {
        precondition.check_form().map_err(|problem| problem.context(format_args!("precondition {index}")))?;
    }
    session.write(batch).await
}

impl Write for Batch {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        for (index, precondition) in self.preconditions.iter().enumerate() {
            precondition.check(transaction).map_err(|error| error.context(format_args!("precondition {index}")))?;
        }
        let mut results = Vec::with_capacity(self.operations.len());
        for (index, operation) in self.operations.iter().enumerate() {
            let result = operation.run(transaction);
            results.push(result.map_err(|error| error.context(format_args!("operation {index}")))?);
        }
        Ok(json!({ "results": results }))
    }
}

impl Precondition {
    fn check_form(&self) -> Outcome<()> {
        if !self.read.is_read() {
            return Err(Problem::invalid("`read` must be an operation that changes nothing"));
        }
        let says = [self.exists.is_some(), self.equals.is_some(), self.contains.is_some(), self.matches.is_some()];
        if !says.contains(&true) {
            return Err(Problem::invalid("say what must hold: `exists`, `equals`, `contains` or `matches`"));
        }
        self.matcher().map(drop).map_err(Problem::from)
    }

    fn matcher(&self) -> Result<Option<Matcher>> {
        self.matches.as_ref().map(|filter| Matcher::parse(&Value::Object(filter.clone()))).transpose()
    }

    fn check(&self, transaction: &Transaction) -> Result<()> {
        let answer = match self.read.run(transaction) {
            Err(error) if error.kind() == ErrorKind::NotFound => Value::Null,
            answer => answer?,
        };
        let exists = self.exists.is_none_or(|exists| exists != answer.is_null());
        let equals = self.equals.as_ref().is_none_or(|expected| *expected == answer);
        let contains = self.contains.as_ref().is_none_or(|part| contains(&answer, part));
        let matches = self.matcher()?.is_none_or(|matcher| matcher.matches(&answer));
        match exists && equals && contains && matches {
            true => Ok(()),
            false => Err(Error::precondition("it does not hold, so nothing was done; read again and decide")),
        }
    }
}

/// Whether `whole` has every member of `part`, at every level. JSON from requests is shallow, so this may recurse.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        _ => whole == part,
    }
}
