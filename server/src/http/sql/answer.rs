//! What statements answered, and the forms that it is given in.
//!
//! | type | JSON |
//! |---|---|
//! | bool, int2, int4, int8, float4, float8 | JSON's own; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | json, jsonb | as it is |
//! | arrays | array of what the elements are |
//! | all others, numeric among them | text as PostgreSQL writes it, so that nothing is lost |

use std::sync::Arc;

use axum::body::Bytes;
use marquetry::sql::{ColumnDescription, CommandTag, Environment, Outcome, Session, SqlType, format_value};
use marquetry::table::Value;
use marquetry::{Error, Result};
use serde_json::{Number, Value as Json, json};

use super::{Form, arrow};

/// What one statement answered.
pub(super) enum Answer {
    /// That it is done.
    Done(CommandTag),
    /// Rows.
    Rows(RowSet),
}

/// The rows of an answer.
pub(super) struct RowSet {
    pub(super) columns: Arc<[ColumnDescription]>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) environment: Arc<Environment>,
    tag: CommandTag,
}

impl Answer {
    /// All of `outcome`; its values count against `left_bytes`.
    pub(super) fn take(outcome: Outcome, session: &mut Session, left_bytes: &mut usize) -> Result<Self> {
        match outcome {
            Outcome::Empty => Ok(Answer::Done(CommandTag { command: "", rows: None })),
            Outcome::Command(tag) => Ok(Answer::Done(tag)),
            Outcome::CopyIn(copy) => {
                Err(session.copy_fail(copy, "COPY takes no data over HTTP; use the PostgreSQL protocol"))
            }
            Outcome::CopyOut(_) => {
                Err(Error::unsupported("COPY gives no data over HTTP; SELECT with Accept: text/csv does"))
            }
            Outcome::Rows(mut given) => {
                let mut rows = Vec::new();
                while let Some(batch) = given.next_values()? {
                    let size_bytes = batch.iter().flatten().map(size_bytes).sum();
                    *left_bytes = left_bytes.checked_sub(size_bytes).ok_or_else(too_large)?;
                    rows.extend(batch);
                }
                let (columns, environment) = (given.columns().clone(), session.environment().clone());
                Ok(Answer::Rows(RowSet { columns, rows, environment, tag: given.tag() }))
            }
        }
    }
}

fn too_large() -> Error {
    Error::new(
        marquetry::ErrorKind::LimitExceeded,
        "the answer is larger than this server holds in memory; ask for less with LIMIT, or use the PostgreSQL protocol, \
         which streams",
    )
}

/// About how much memory a value takes.
fn size_bytes(value: &Value) -> usize {
    const VALUE_SIZE_BYTES: usize = size_of::<Value>();
    VALUE_SIZE_BYTES
        + match value {
            Value::Text(text) => text.len(),
            Value::Bytea(bytes) => bytes.len(),
            Value::Jsonb(json) => json_size_bytes(json),
            Value::Array(values) => values.iter().map(size_bytes).sum(),
            _ => 0,
        }
}

fn json_size_bytes(json: &Json) -> usize {
    size_of::<Json>()
        + match json {
            Json::String(text) => text.len(),
            Json::Array(members) => members.iter().map(json_size_bytes).sum(),
            Json::Object(members) => members.iter().map(|(name, member)| name.len() + json_size_bytes(member)).sum(),
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        }
}

/// The answers in `form`.
pub(super) fn body(answers: &[Answer], form: Form) -> Result<Bytes> {
    match form {
        Form::Json => {
            let results = answers.iter().map(Answer::to_json).collect::<Result<Vec<_>>>()?;
            Ok(json!({ "results": results }).to_string().into())
        }
        Form::Csv => rows_of(answers)?.to_csv(),
        Form::Arrow => arrow::stream(rows_of(answers)?),
    }
}

/// The rows of the one answer that has some.
fn rows_of(answers: &[Answer]) -> Result<&RowSet> {
    let mut sets = answers.iter().filter_map(|answer| match answer {
        Answer::Rows(rows) => Some(rows),
        Answer::Done(_) => None,
    });
    match (sets.next(), sets.next()) {
        (Some(rows), None) => Ok(rows),
        (None, _) => Err(Error::invalid("no statement answers with rows; ask for application/json")),
        (Some(_), Some(_)) => Err(Error::invalid("several statements answer with rows; ask for application/json")),
    }
}

impl Answer {
    fn to_json(&self) -> Result<Json> {
        match self {
            Answer::Done(tag) => Ok(json!({ "command": command(tag), "rows_affected": tag.rows })),
            Answer::Rows(set) => set.to_json(),
        }
    }
}

/// The command without the zero that PostgreSQL puts into the tag of INSERT.
fn command(tag: &CommandTag) -> &str {
    tag.command.strip_suffix(" 0").unwrap_or(tag.command)
}

impl RowSet {
    fn to_json(&self) -> Result<Json> {
        let columns = self.columns.iter().map(|column| json!({ "name": column.name, "type": column.sql_type.name() }));
        let columns: Vec<Json> = columns.collect();
        let row = |row: &Vec<Value>| {
            let members = row.iter().zip(self.columns.iter());
            members.map(|(value, column)| value_to_json(value, &column.sql_type, &self.environment)).collect()
        };
        let rows = self.rows.iter().map(row).collect::<Result<Vec<Json>>>()?;
        let affected = if self.tag.command == "SELECT" { None } else { self.tag.rows };
        Ok(json!({ "command": command(&self.tag), "rows_affected": affected, "columns": columns, "rows": rows }))
    }

    fn to_csv(&self) -> Result<Bytes> {
        let broken = |fault: csv::Error| Error::invalid(format!("the rows are no CSV: {fault}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| &column.name)).map_err(broken)?;
        for row in &self.rows {
            let mut record = Vec::with_capacity(row.len());
            for (value, column) in row.iter().zip(self.columns.iter()) {
                // NULL is an empty field, as COPY writes it.
                record.push(format_value(value, &column.sql_type, &self.environment)?.unwrap_or_default());
            }
            writer.write_record(&record).map_err(broken)?;
        }
        writer.into_inner().map(Bytes::from).map_err(|fault| broken(fault.into_error().into()))
    }
}

fn value_to_json(value: &Value, sql_type: &SqlType, environment: &Environment) -> Result<Json> {
    Ok(match (value, sql_type) {
        (Value::Null, _) => Json::Null,
        (Value::Bool(truth), _) => Json::Bool(*truth),
        (Value::Int2(_) | Value::Int4(_), SqlType::Int2 | SqlType::Int4) => Json::from(value.as_integer()),
        (Value::Int8(number), SqlType::Int8 | SqlType::Oid) => Json::from(*number),
        // The shortest digits of the narrow number, not those of its wide neighbour.
        (Value::Float4(number), _) => float(number.to_string().parse().unwrap_or(f64::from(*number))),
        (Value::Float8(number), _) => float(*number),
        (Value::Jsonb(json), _) => json.clone(),
        (Value::Text(text), SqlType::Json) => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str())),
        (Value::Array(members), SqlType::Array(element)) => {
            let member = |member: &Value| match member {
                // An array of arrays has the type of its innermost elements.
                Value::Array(_) if !matches!(**element, SqlType::Array(_)) => {
                    value_to_json(member, sql_type, environment)
                }
                member => value_to_json(member, element, environment),
            };
            Json::Array(members.iter().map(member).collect::<Result<_>>()?)
        }
        (value, sql_type) => format_value(value, sql_type, environment)?.map_or(Json::Null, Json::String),
    })
}

fn float(number: f64) -> Json {
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::from("NaN"),
        None if number > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}
