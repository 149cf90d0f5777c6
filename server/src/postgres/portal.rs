//! Prepared statements, and portals: statements with values for their parameters, run at once or in pieces.

use std::collections::HashMap;
use std::sync::Arc;

use marquetry::sql::{Condition, Environment, Prepared, Rows};
use marquetry::table::Value;

use super::error::WireError;
use super::format::Format;
use super::message::Bind;
use super::value;

/// A statement that was parsed; an empty one has nothing to run.
#[derive(Clone)]
pub(super) struct Statement(pub(super) Option<Arc<Prepared>>);

/// A statement that is bound to values, and how far it was run.
pub(super) struct Portal {
    pub(super) statement: Statement,
    pub(super) formats: Vec<Format>,
    pub(super) progress: Progress,
}

/// How far a portal was run.
pub(super) enum Progress {
    /// Not at all.
    Bound(Vec<Value>),
    /// Some of its rows were given; the first of these are rows that were taken and not given.
    Suspended(Box<Rows>, std::vec::IntoIter<Vec<Value>>),
    /// To its end.
    Done,
}

impl Portal {
    /// `statement` with the values of `bind`.
    pub(super) fn bind(statement: Statement, bind: &Bind<'_>, environment: &Environment) -> Result<Self, WireError> {
        let Some(prepared) = &statement.0 else {
            return Ok(Portal { statement, formats: Vec::new(), progress: Progress::Bound(Vec::new()) });
        };
        let (given, wanted) = (bind.values.len(), prepared.parameters.len());
        if given != wanted {
            return Err(WireError::violation(format!(
                "bind message supplies {given} parameters, but prepared statement \"{}\" requires {wanted}",
                bind.statement
            )));
        }
        let formats = Format::of_all(&bind.formats, given, "parameter")?;
        let mut values = Vec::with_capacity(given);
        for ((bytes, sql_type), format) in bind.values.iter().zip(&prepared.parameters).zip(formats) {
            values.push(match bytes {
                None => Value::Null,
                Some(bytes) => value::read(bytes, sql_type, format, environment)?,
            });
        }
        let columns = prepared.columns.as_ref().map_or(0, |columns| columns.len());
        let formats = Format::of_all(&bind.result_formats, columns, "result column")?;
        Ok(Portal { statement, formats, progress: Progress::Bound(values) })
    }
}

/// Things by the names that the client gave them; the one without a name is replaced, others are not.
pub(super) struct Names<T> {
    unnamed: Option<T>,
    named: HashMap<String, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names { unnamed: None, named: HashMap::new() }
    }
}

impl<T> Names<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) }
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(name) }
    }

    pub(super) fn is_taken(&self, name: &str) -> bool {
        !name.is_empty() && self.named.contains_key(name)
    }

    pub(super) fn insert(&mut self, name: &str, thing: T) {
        if name.is_empty() {
            self.unnamed = Some(thing);
        } else {
            self.named.insert(name.to_owned(), thing);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if name.is_empty() {
            self.unnamed = None;
        } else {
            self.named.remove(name);
        }
    }

    pub(super) fn clear(&mut self) {
        self.unnamed = None;
        self.named.clear();
    }

    pub(super) fn count(&self) -> usize {
        self.named.len()
    }
}

pub(super) fn no_statement(name: &str) -> WireError {
    let message = match name {
        "" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{name}\" does not exist"),
    };
    WireError::new(Condition::InvalidStatementName, message)
}

pub(super) fn no_portal(name: &str) -> WireError {
    WireError::new(Condition::InvalidCursorName, format!("portal \"{name}\" does not exist"))
}
