//! COPY .. TO: rows as bytes.

use std::sync::Arc;

use bytes::Bytes;
use marquetry_functions::Environment;

use super::{Field, Form, Options, csv, text};
use crate::error::Result;
use crate::sql::outcome::CommandTag;
use crate::sql::session::{Rows, format_value};

/// The bytes of a `COPY .. TO STDOUT`.
pub struct CopyOut {
    rows: Rows,
    options: Options,
    names: Vec<String>,
    environment: Arc<Environment>,
    has_header_to_write: bool,
}

impl CopyOut {
    pub(super) fn new(rows: Rows, options: Options, environment: Arc<Environment>) -> Self {
        let names = rows.columns().iter().map(|column| column.name.clone()).collect();
        let has_header_to_write = options.has_header;
        CopyOut { rows, options, names, environment, has_header_to_write }
    }

    /// How many columns a row has.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Whether the bytes are of the binary form.
    pub fn is_binary(&self) -> bool {
        false
    }

    /// The next rows as bytes, whole lines; `None` at the end.
    ///
    /// # Errors
    /// Those of the statement.
    #[allow(clippy::should_implement_trait, reason = "its failures are of the statement, not of an item")]
    pub fn next(&mut self) -> Result<Option<Bytes>> {
        let mut out = Vec::new();
        if std::mem::take(&mut self.has_header_to_write) {
            let names: Vec<Field> = self.names.iter().cloned().map(Some).collect();
            self.write(&mut out, &names);
        }
        match self.rows.next_values()? {
            None if out.is_empty() => return Ok(None),
            None => {}
            Some(rows) => {
                let columns = self.rows.columns().clone();
                for row in rows {
                    let fields = row.iter().zip(columns.iter());
                    let fields = fields.map(|(value, column)| format_value(value, &column.sql_type, &self.environment));
                    self.write(&mut out, &fields.collect::<Result<Vec<_>>>()?);
                }
            }
        }
        Ok(Some(out.into()))
    }

    fn write(&self, out: &mut Vec<u8>, fields: &[Field]) {
        match self.options.form {
            Form::Csv => csv::write(out, fields, &self.names, &self.options),
            Form::Text | Form::Binary => text::write(out, fields, &self.options),
        }
    }

    /// What was done; right once all bytes were taken.
    pub fn tag(&self) -> CommandTag {
        CommandTag { command: "COPY", rows: self.rows.tag().rows }
    }
}
