//! Rows as the keyspace holds them.
//!
//! ```text
//!   ROW_FORMAT, then per column that has a value: number, length, value       numbers ascend; lengths and numbers: varint
//! ```
//!
//! NULL is absence. Columns of the primary key are read from the key, except for those whose type a key does not keep exactly:
//! these stand here as well.

use super::schema::Schema;
use super::value::Value;
use super::value_encoding;
use crate::encoding::varint;
use crate::error::{Error, Result};

/// Format of rows.
const ROW_FORMAT: u8 = 1;

impl Schema {
    /// The bytes of a row.
    pub(super) fn encode_row(&self, values: &[Value]) -> Vec<u8> {
        let mut out = vec![ROW_FORMAT];
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
    pub(super) fn decode_row(&self, primary: &[u8], stored: &[u8]) -> Result<Vec<Value>> {
        let mut values = vec![Value::Null; self.columns.len()];
        for (position, value) in self.primary_key.iter().zip(self.primary_values(primary)?) {
            values[*position] = value;
        }
        let mut rest = match stored.split_first() {
            Some((&ROW_FORMAT, rest)) => rest,
            Some((format, _)) => {
                return Err(Error::unsupported(format!(
                    "a row has format {format}, this program reads format {ROW_FORMAT}; open it with a newer program"
                )));
            }
            None => return Err(self.damaged()),
        };
        let mut behind = 0;
        while !rest.is_empty() {
            let number = varint::read(&mut rest)?;
            let bytes = varint::read_bytes(&mut rest)?;
            let found = self.columns[behind..].iter().position(|column| u64::from(column.number) == number);
            let position = behind + found.ok_or_else(|| self.damaged())?;
            let read = value_encoding::read(bytes, self.columns[position].column_type);
            values[position] = read.map_err(|error| error.context(format_args!("table {:?}", self.name)))?;
            behind = position + 1;
        }
        Ok(values)
    }

    fn damaged(&self) -> Error {
        Error::corrupt(format!("a row of table {:?} does not fit its columns; restore from a backup", self.name))
    }
}
