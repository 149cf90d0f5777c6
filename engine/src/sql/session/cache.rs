//! Statements that were compiled before, by their texts.
//!
//! ```text
//!   prepared again     text and types of parameters        -> the same Prepared
//!   not prepared       text with parameters for constants  -> a Prepared of the point path, or that it is none
//! ```
//!
//! Only compiled forms of the point path are kept: they check for themselves whether their table is still what it was.

use std::collections::HashMap;
use std::sync::Arc;

use marquetry_functions::SqlType;

use super::rows::Outcome;
use super::{Prepared, Session, TransactionStatus};
use crate::error::Result;
use crate::sql::parse;
use crate::sql::point::{Constant, Literals, parameterized};
use crate::sql::session::text::parse_value;
use crate::table::Value;

/// Texts that are remembered; when there are more, all are forgotten.
const TEXTS_MAX: usize = 512;

/// What is known about texts.
#[derive(Default)]
pub(super) struct Compiled {
    by_text: HashMap<String, Option<Arc<Prepared>>>,
}

impl Compiled {
    pub(super) fn forget(&mut self) {
        self.by_text.clear();
    }
}

impl Session {
    /// The answer to `sql` when it is one statement of the point path, whose form was compiled before or is compiled here;
    /// `None` when it has to be parsed and prepared as any other.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn quick(&mut self, sql: &str) -> Result<Option<Outcome>> {
        if self.status() == TransactionStatus::Failed || self.context.settings.read().path() == "relational" {
            return Ok(None);
        }
        let Some(Literals { text, values }) = parameterized(sql) else { return Ok(None) };
        let Some(prepared) = self.compiled_form(text) else { return Ok(None) };
        let mut parameters = Vec::with_capacity(values.len());
        for (value, sql_type) in values.iter().zip(&prepared.parameters) {
            match self.constant(&prepared, parameters.len(), value, sql_type) {
                Some(value) => parameters.push(value),
                None => return Ok(None),
            }
        }
        self.execute(&prepared, parameters).map(Some)
    }

    /// The constant `written` as the parameter at `index`; `None` when the statement would mean something else with it.
    fn constant(&self, prepared: &Prepared, index: usize, written: &Constant, sql_type: &SqlType) -> Option<Value> {
        let is_compared = prepared.point.as_ref().is_some_and(|point| point.is_key_parameter(index));
        // A number has a type of its own, which decides what is made of it; a parameter takes that of what is beside it.
        if written.is_number && !is_compared && *sql_type != SqlType::Int4 {
            return None;
        }
        parse_value(&written.text, sql_type, -1, &self.environment).ok()
    }

    fn compiled_form(&mut self, text: String) -> Option<Arc<Prepared>> {
        if let Some(known) = self.compiled.by_text.get(&text) {
            return known.clone();
        }
        if self.compiled.by_text.len() >= TEXTS_MAX {
            self.compiled.forget();
        }
        let compiled = self.compile_text(&text).ok().filter(|prepared| prepared.is_quick() && prepared.is_decided);
        let compiled = compiled.map(Arc::new);
        self.compiled.by_text.insert(text, compiled.clone());
        compiled
    }

    fn compile_text(&mut self, text: &str) -> Result<Prepared> {
        let statements = parse::parse(text)?;
        match &statements[..] {
            [statement] => self.describe(statement, &[]),
            _ => Err(crate::error::Error::unsupported("several statements")),
        }
    }
}
