//! Runs the statements of a script in a session.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use marquetry::Database;
use marquetry::sql::{Outcome, Session, SqlError, SqlType, format_value};
use marquetry::table::Value;
use sqllogictest::{DB, DBOutput, DefaultColumnType};

/// A session that a script talks to.
pub(crate) struct Driver {
    session: Session,
    style: Style,
}

/// How rows are printed.
#[derive(Clone)]
pub(crate) enum Style {
    /// As psql does.
    PostgreSql,
    /// As SQLite's scripts expect, by the types that the running query names.
    Sqlite(Arc<Mutex<Vec<DefaultColumnType>>>),
}

/// A statement's failure, as scripts see it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: Option<&'static str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for Failure {}

impl From<marquetry::Error> for Failure {
    fn from(error: marquetry::Error) -> Self {
        let code = SqlError::inside(&error).map(|found| found.condition.code());
        Failure { message: error.message().to_owned(), code }
    }
}

impl Driver {
    /// A session of a database of its own.
    pub(crate) fn new(style: Style) -> Self {
        let database = Database::in_memory().expect("a database in memory opens");
        let session = database.session().expect("an open database has sessions");
        Driver { session, style }
    }

    fn text(&self, value: &Value, sql_type: &SqlType, column: usize) -> Result<String, Failure> {
        if let Style::Sqlite(types) = &self.style {
            let wanted = types.lock().expect("nobody panics with it").get(column).cloned();
            return Ok(sqlite_text(value, wanted));
        }
        let text = format_value(value, sql_type, self.session.environment())?;
        Ok(match text {
            None => "NULL".to_owned(),
            Some(text) if text.is_empty() => "(empty)".to_owned(),
            Some(text) => text,
        })
    }
}

/// A value as SQLite's scripts print it: whole numbers, or three digits behind the point.
fn sqlite_text(value: &Value, wanted: Option<DefaultColumnType>) -> String {
    let number = match value {
        Value::Null => return "NULL".to_owned(),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Text(text) if text.is_empty() => return "(empty)".to_owned(),
        Value::Text(text) => return text.clone(),
        Value::Numeric(number) => number.to_string().parse().unwrap_or(f64::NAN),
        value => match (value.as_integer(), value.as_float()) {
            (Some(number), _) if !matches!(wanted, Some(DefaultColumnType::FloatingPoint)) => {
                return number.to_string();
            }
            (Some(number), _) => number as f64,
            (None, Some(number)) => number,
            (None, None) => return format!("{value:?}"),
        },
    };
    match wanted {
        Some(DefaultColumnType::Integer) => format!("{}", number as i64),
        Some(DefaultColumnType::FloatingPoint) => format!("{number:.3}"),
        _ => number.to_string(),
    }
}

impl DB for Driver {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        match self.session.run(sql)? {
            Outcome::Rows(mut rows) => {
                let columns = rows.columns().clone();
                let types = columns.iter().map(|column| column_type(&column.sql_type)).collect();
                let mut printed = Vec::new();
                while let Some(batch) = rows.next_values()? {
                    for row in batch {
                        let fields = row.iter().zip(columns.iter()).enumerate();
                        let fields =
                            fields.map(|(position, (value, column))| self.text(value, &column.sql_type, position));
                        printed.push(fields.collect::<Result<Vec<_>, _>>()?);
                    }
                }
                Ok(DBOutput::Rows { types, rows: printed })
            }
            Outcome::Command(tag) => Ok(DBOutput::StatementComplete(tag.rows.unwrap_or(0))),
            Outcome::CopyIn(_) | Outcome::CopyOut(_) | Outcome::Empty => Ok(DBOutput::StatementComplete(0)),
        }
    }

    fn engine_name(&self) -> &str {
        "postgresql"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        error.code.map(str::to_owned)
    }
}

fn column_type(sql_type: &SqlType) -> DefaultColumnType {
    match sql_type {
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Oid => DefaultColumnType::Integer,
        SqlType::Float4 | SqlType::Float8 | SqlType::Numeric(_) => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}
