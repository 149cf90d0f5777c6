//! SQL over HTTP: statements in, rows out, without a session that lives on.
//!
//! ```text
//!   {sql, parameters} --> a session of its own: prepare, values from JSON, execute --> Answers --> the form asked for
//!   several statements: one transaction, no parameters       application/json   every answer, exact
//!                                                            Arrow stream, CSV  the rows of one statement
//! ```
//!
//! - Settings, prepared statements and an open transaction end with the request: those who want them talk the PostgreSQL
//!   protocol. A transaction that the statements themselves leave open is rolled back, and refused.
//! - An answer is held in memory until it is whole, so its size has a limit; the PostgreSQL protocol streams.
//! - A request that takes too long, or whose client leaves, is interrupted.

mod answer;
mod arrow;
mod parameter;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use marquetry::sql::{Interrupter, Session as SqlSession, Statement, TransactionStatus};
use marquetry::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::answer::Answer;
use super::error::{Outcome, Problem};
use super::extract::Json;
use super::routes::Route;
use super::session::{Seen, Session};
use crate::app::App;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/v1/sql", "Run SQL; several statements are one transaction", run).json::<Request>().batch_sized()]
}

/// Statements, and values for the parameters of a single one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The statements, separated by semicolons.
    sql: String,
    /// The values of `$1`, `$2` and so on, for a single statement: what the parameter's type reads from JSON's own types,
    /// or from text.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    parameters: Vec<Value>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Arrow,
}

const CSV: &str = "text/csv";
const ARROW: &str = "application/vnd.apache.arrow.stream";

impl Form {
    /// The first form in `Accept` that is known here; JSON for whoever does not say.
    fn wanted(headers: &HeaderMap) -> Form {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut types = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        let known = types.find_map(|media_type| match media_type.to_ascii_lowercase().as_str() {
            CSV => Some(Form::Csv),
            ARROW => Some(Form::Arrow),
            "application/json" | "*/*" => Some(Form::Json),
            _ => None,
        });
        known.unwrap_or(Form::Json)
    }

    fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
            Form::Arrow => ARROW,
        }
    }
}

async fn run(
    State(app): State<App>,
    session: Session,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Outcome<Seen<Response>> {
    if session.is_in_transaction() {
        return Err(Problem::from(Error::unsupported(
            "SQL does not run inside of a transaction of HTTP; send all of its statements in one request, or use the \
             PostgreSQL protocol",
        )));
    }
    let form = Form::wanted(&headers);
    let (database, size_max_bytes) = (app.database.clone(), app.limits.sql_answer_size_max_bytes);
    let sql = SqlSession::new(&database)?;
    // When this future is dropped, because it is late or nobody waits any more, the statement stops.
    let _guard = InterruptOnDrop(sql.interrupter());
    let seen = app.bridge.run(move || {
        let answers = request.run(sql, size_max_bytes)?;
        let body = answer::body(&answers, form)?;
        Ok::<_, Error>(Seen { version: database.version().number(), value: body })
    });
    Ok(seen.await??.map(|body| respond(body, form)))
}

fn respond(body: Bytes, form: Form) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()))], body).into_response()
}

struct InterruptOnDrop(Interrupter);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        // Nothing runs any more when the answer is there, and then this does nothing.
        self.0.interrupt();
    }
}

impl Request {
    fn run(self, mut sql: SqlSession, size_max_bytes: usize) -> Result<Vec<Answer>> {
        let statements = sql.parse(&self.sql)?;
        let is_group = statements.len() > 1;
        if is_group && !self.parameters.is_empty() {
            return Err(Error::invalid("parameters belong to a single statement; send one, or write the values in"));
        }
        if is_group {
            sql.begin_group();
        }
        let mut left_bytes = size_max_bytes;
        let answers = statements.iter().map(|statement| self.answer(&mut sql, statement, &mut left_bytes));
        let answers = answers.collect::<Result<Vec<_>>>();
        let ended = if is_group { sql.end_group() } else { Ok(()) };
        let answers = answers?;
        ended?;
        match sql.status() {
            TransactionStatus::Idle => Ok(answers),
            TransactionStatus::Open | TransactionStatus::Failed => Err(Error::invalid(
                "a transaction was begun and not ended, so it was rolled back; end it in the same request",
            )),
        }
    }

    fn answer(&self, sql: &mut SqlSession, statement: &Statement, left_bytes: &mut usize) -> Result<Answer> {
        let prepared = sql.prepare(statement, &[])?;
        let values = parameter::values(&self.parameters, &prepared.parameters, sql.environment())?;
        let outcome = sql.execute(&prepared, values)?;
        Answer::take(outcome, sql, left_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_known_is_given() {
        let wanted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Form::wanted(&headers)
        };
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Json);
        assert_eq!(wanted("text/csv"), Form::Csv);
        assert_eq!(wanted("text/html, Application/Vnd.Apache.Arrow.Stream;q=0.9, */*"), Form::Arrow);
        assert_eq!(wanted("*/*"), Form::Json);
        assert_eq!(wanted("image/png"), Form::Json);
    }
}
