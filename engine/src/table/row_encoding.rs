//! Rows as the keyspace holds them.
//!
//! ```text
//!   ROW_FORMAT, then per column that has a value: number, length, value       numbers ascend; lengths and numbers: varint
//!   ROW_FORMAT_COUNTED, the number of the next column that would have been added: varint, then the same
//! ```
//!
//! NULL is absence. In a table some of whose columns have a value in rows that were written before them, a row says up to
//! which column it knows; one that does not say knows none of these. Columns that were dropped are passed over. Columns of
//! the primary key are read from the key, except for those whose type a key does not keep exactly: these stand here as well.

use super::schema::Schema;
use super::value::Value;
use super::value_encoding;
use crate::encoding::varint;
use crate::error::{Error, Result};

/// Format of rows.
const ROW_FORMAT: u8 = 1;
/// Format of rows that say which columns they know.
const ROW_FORMAT_COUNTED: u8 = 2;

impl Schema {
    /// The bytes of a row.
    pub(crate) fn encode_row(&self, values: &[Value]) -> Vec<u8> {
        let mut out = match self.has_missing {
            false => vec![ROW_FORMAT],
            true => {
                let mut out = vec![ROW_FORMAT_COUNTED];
                varint::write(&mut out, u64::from(self.next_column()));
                out
            }
        };
        let mut bytes = Vec::new();
        for (column, value) in self.columns.iter().zip(values) {
            if column.in_row && !value.is_null() {
                bytes.clear();
                value_encoding::write(&mut bytes, value);
                varint::write(&mut out, u64::from(column.number));
                varint::write_bytes(&mut out, &bytes);
            }
        }
        out
    }

    /// The values of the row `stored` with the encoded primary key `primary`, one for each column.
    pub(crate) fn decode_row(&self, primary: &[u8], stored: &[u8]) -> Result<Vec<Value>> {
        self.decode_some(primary, stored, |_| true)
    }

    /// The same with the values at the positions that are `wanted` only; others are NULL.
    pub(crate) fn decode_some(
        &self,
        primary: &[u8],
        stored: &[u8],
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<Value>> {
        let (known, mut rest) = self.known_columns(stored)?;
        let mut values = vec![Value::Null; self.columns.len()];
        if self.has_missing {
            self.fill_missing(&mut values, known);
        }
        if self.primary_key.iter().any(|position| wanted(*position)) {
            for (position, value) in self.primary_key.iter().zip(self.primary_values(primary)?) {
                values[*position] = value;
            }
        }
        let (mut position, mut last) = (0, 0);
        while !rest.is_empty() {
            let number = varint::read(&mut rest)?;
            let bytes = varint::read_bytes(&mut rest)?;
            if number <= last || number >= u64::from(self.next_column()) {
                return Err(self.damaged());
            }
            last = number;
            while self.columns.get(position).is_some_and(|column| u64::from(column.number) < number) {
                position += 1;
            }
            match self.columns.get(position) {
                Some(column) if u64::from(column.number) == number && wanted(position) => {
                    let read = value_encoding::read(bytes, column.column_type);
                    values[position] = read.map_err(|error| error.context(format_args!("table {:?}", self.name)))?;
                }
                _ => {}
            }
        }
        Ok(values)
    }

    /// The number below which a row knows all columns, and what is behind it.
    fn known_columns<'r>(&self, stored: &'r [u8]) -> Result<(u64, &'r [u8])> {
        match stored.split_first() {
            Some((&ROW_FORMAT, rest)) => Ok((0, rest)),
            Some((&ROW_FORMAT_COUNTED, mut rest)) => Ok((varint::read(&mut rest)?, rest)),
            Some((format, _)) => Err(Error::unsupported(format!(
                "a row has format {format}, this program reads formats up to {ROW_FORMAT_COUNTED}; open it with a newer \
                 program"
            ))),
            None => Err(self.damaged()),
        }
    }

    fn fill_missing(&self, values: &mut [Value], known: u64) {
        for (column, value) in self.columns.iter().zip(values) {
            if let Some(missing) = &column.missing
                && u64::from(column.number) >= known
            {
                *value = missing.clone();
            }
        }
    }

    fn damaged(&self) -> Error {
        Error::corrupt(format!("a row of table {:?} does not fit its columns; restore from a backup", self.name))
    }
}
