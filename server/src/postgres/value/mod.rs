//! Values to bytes of the wire and back, in either form.
//!
//! ```text
//!   text     what the engine writes for people; the commonest types are written here in place
//!   binary   what PostgreSQL's send functions write: big-endian numbers, times since 2000, numerics in digits of 10,000
//! ```

mod numeric;
mod read;
mod write;

use std::io::Write;

use marquetry::sql::{self, Environment, SqlType};
use marquetry::table::Value;

use super::error::WireError;
use super::format::Format;

/// Microseconds, and days, from 1970 to 2000.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 10_957;

/// Appends `value` of `sql_type` with its length before it.
pub(super) fn write(
    buffer: &mut Vec<u8>,
    value: &Value,
    sql_type: &SqlType,
    format: Format,
    environment: &Environment,
) -> Result<(), WireError> {
    if value.is_null() {
        buffer.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let begin = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    match format {
        Format::Text => write_text(buffer, value, sql_type, environment)?,
        Format::Binary => write::binary(buffer, value, sql_type)?,
    }
    let size = i32::try_from(buffer.len() - begin - 4)
        .map_err(|_| WireError::limit("a value has more bytes than a message can carry"))?;
    buffer[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
    Ok(())
}

fn write_text(
    buffer: &mut Vec<u8>,
    value: &Value,
    sql_type: &SqlType,
    environment: &Environment,
) -> Result<(), WireError> {
    match (value, sql_type) {
        (Value::Bool(truth), SqlType::Bool) => buffer.push(if *truth { b't' } else { b'f' }),
        (Value::Int2(number), SqlType::Int2) => write_number(buffer, number),
        (Value::Int4(number), SqlType::Int4) => write_number(buffer, number),
        (Value::Int8(number), SqlType::Int8 | SqlType::Oid) => write_number(buffer, number),
        (
            Value::Text(text),
            SqlType::Text | SqlType::Varchar | SqlType::Name | SqlType::Json | SqlType::Enum(_) | SqlType::Unknown,
        ) => buffer.extend_from_slice(text.as_bytes()),
        _ => {
            let text = sql::format_value(value, sql_type, environment)?;
            buffer.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
    }
    Ok(())
}

fn write_number(buffer: &mut Vec<u8>, number: &impl std::fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(buffer, "{number}");
}

/// The value of `sql_type` that `bytes` are.
pub(super) fn read(
    bytes: &[u8],
    sql_type: &SqlType,
    format: Format,
    environment: &Environment,
) -> Result<Value, WireError> {
    match format {
        Format::Binary => read::binary(bytes, sql_type),
        Format::Text => {
            let text = std::str::from_utf8(bytes).map_err(|_| WireError::not_utf8())?;
            if text.contains('\0') {
                return Err(WireError::not_utf8());
            }
            Ok(sql::parse_value(text, sql_type, -1, environment)?)
        }
    }
}

#[cfg(test)]
mod tests;
