//! Values in the bytes of their types.

use chrono::{Datelike, Timelike};
use marquetry::sql::SqlType;
use marquetry::table::Value;

use super::{EPOCH_DAYS, EPOCH_MICROS, numeric};
use crate::postgres::error::WireError;

/// Days from the first of January of the year 1, as chrono counts them, to 1970.
const COMMON_ERA_DAYS: i32 = 719_163;

/// The first byte of jsonb and of jsonpath: the version of their form.
const JSON_VERSION: u8 = 1;

pub(super) fn binary(buffer: &mut Vec<u8>, value: &Value, sql_type: &SqlType) -> Result<(), WireError> {
    match (value, sql_type) {
        (Value::Bool(truth), _) => buffer.push(u8::from(*truth)),
        (Value::Int2(_) | Value::Int4(_) | Value::Int8(_), _) => {
            return write_integer(buffer, value.as_integer().unwrap_or_default(), sql_type);
        }
        (Value::Float4(number), _) => buffer.extend_from_slice(&number.to_be_bytes()),
        (Value::Float8(number), _) => buffer.extend_from_slice(&number.to_be_bytes()),
        (Value::Numeric(number), _) => return numeric::write(buffer, number),
        (Value::Text(_), SqlType::TsVector | SqlType::TsQuery) => return Err(no_form(sql_type)),
        (Value::Text(text), SqlType::Jsonb | SqlType::Jsonpath) => {
            buffer.push(JSON_VERSION);
            buffer.extend_from_slice(text.as_bytes());
        }
        (Value::Text(text), _) => buffer.extend_from_slice(text.as_bytes()),
        (Value::Bytea(bytes), _) => buffer.extend_from_slice(bytes),
        (Value::Uuid(uuid), _) => buffer.extend_from_slice(uuid.as_bytes()),
        (Value::Jsonb(json), SqlType::Json) => write_json(buffer, json),
        (Value::Jsonb(json), _) => {
            buffer.push(JSON_VERSION);
            write_json(buffer, json);
        }
        (Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::TimestampTz(_), _) => write_time(buffer, value),
        (Value::TimeTz(time), _) => {
            buffer.extend_from_slice(&time.micros().to_be_bytes());
            // PostgreSQL counts the offset westwards.
            buffer.extend_from_slice(&(-time.offset_seconds()).to_be_bytes());
        }
        (Value::Interval(interval), _) => {
            buffer.extend_from_slice(&interval.micros.to_be_bytes());
            buffer.extend_from_slice(&interval.days.to_be_bytes());
            buffer.extend_from_slice(&interval.months.to_be_bytes());
        }
        (Value::Array(values), SqlType::Record(fields)) => return write_record(buffer, values, fields),
        (Value::Array(values), SqlType::Array(element)) => return write_array(buffer, values, element),
        (Value::Array(_), other) => return Err(no_form(other)),
        (Value::Null, _) => {}
    }
    Ok(())
}

fn no_form(sql_type: &SqlType) -> WireError {
    let message = format!("no binary output function available for type {sql_type}");
    WireError::new(marquetry::sql::Condition::UndefinedFunction, message)
}

fn write_integer(buffer: &mut Vec<u8>, number: i64, sql_type: &SqlType) -> Result<(), WireError> {
    let out_of_range = |_| {
        let message = format!("value {number} is out of range for type {sql_type}");
        WireError::new(marquetry::sql::Condition::NumericValueOutOfRange, message)
    };
    match sql_type.type_length() {
        2 => buffer.extend_from_slice(&i16::try_from(number).map_err(out_of_range)?.to_be_bytes()),
        4 if matches!(sql_type, SqlType::Int4) => {
            buffer.extend_from_slice(&i32::try_from(number).map_err(out_of_range)?.to_be_bytes());
        }
        4 => buffer.extend_from_slice(&u32::try_from(number).map_err(out_of_range)?.to_be_bytes()),
        _ => buffer.extend_from_slice(&number.to_be_bytes()),
    }
    Ok(())
}

fn write_json(buffer: &mut Vec<u8>, json: &serde_json::Value) {
    // The keys of JSON are strings and memory takes everything: there is no failure.
    let _ = serde_json::to_writer(buffer, json);
}

fn write_time(buffer: &mut Vec<u8>, value: &Value) {
    let micros = match value {
        Value::Date(date) => {
            let days = date.num_days_from_ce() - COMMON_ERA_DAYS - EPOCH_DAYS;
            buffer.extend_from_slice(&days.to_be_bytes());
            return;
        }
        Value::Time(time) => {
            i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1000)
        }
        Value::Timestamp(moment) => moment.and_utc().timestamp_micros() - EPOCH_MICROS,
        Value::TimestampTz(moment) => moment.timestamp_micros() - EPOCH_MICROS,
        _ => return,
    };
    buffer.extend_from_slice(&micros.to_be_bytes());
}

/// A value with its length before it, inside an array or record.
fn write_member(buffer: &mut Vec<u8>, value: &Value, sql_type: &SqlType) -> Result<(), WireError> {
    if value.is_null() {
        buffer.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let begin = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    binary(buffer, value, sql_type)?;
    let size = i32::try_from(buffer.len() - begin - 4).map_err(|_| WireError::limit("a value is too large"))?;
    buffer[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
    Ok(())
}

fn write_count(buffer: &mut Vec<u8>, count: usize) -> Result<(), WireError> {
    let count = i32::try_from(count).map_err(|_| WireError::limit("an array or record has too many members"))?;
    buffer.extend_from_slice(&count.to_be_bytes());
    Ok(())
}

fn write_record(buffer: &mut Vec<u8>, values: &[Value], fields: &[(String, SqlType)]) -> Result<(), WireError> {
    write_count(buffer, fields.len())?;
    for (value, (_, sql_type)) in values.iter().zip(fields) {
        buffer.extend_from_slice(&sql_type.oid().to_be_bytes());
        write_member(buffer, value, sql_type)?;
    }
    Ok(())
}

fn write_array(buffer: &mut Vec<u8>, values: &[Value], element: &SqlType) -> Result<(), WireError> {
    let element = innermost(element);
    let mut dimensions = Vec::new();
    let mut level = values;
    while !level.is_empty() {
        dimensions.push(level.len());
        level = match level.first() {
            Some(Value::Array(inner)) if !matches!(element, SqlType::Record(_)) => inner,
            _ => &[],
        };
    }
    let leaves = leaves(values, dimensions.len());
    write_count(buffer, dimensions.len())?;
    write_count(buffer, usize::from(leaves.iter().any(|value| value.is_null())))?;
    buffer.extend_from_slice(&element.oid().to_be_bytes());
    for length in &dimensions {
        write_count(buffer, *length)?;
        // Arrays begin at 1 here.
        write_count(buffer, 1)?;
    }
    leaves.into_iter().try_for_each(|value| write_member(buffer, value, element))
}

/// The type of what is in an array of any number of dimensions.
pub(super) fn innermost(mut element: &SqlType) -> &SqlType {
    while let SqlType::Array(inner) = element {
        element = inner;
    }
    element
}

/// The members of an array of so many dimensions in their order.
fn leaves(values: &[Value], dimensions: usize) -> Vec<&Value> {
    let mut level: Vec<&Value> = values.iter().collect();
    for _ in 1..dimensions {
        let inner = level.iter().flat_map(|value| match value {
            Value::Array(inner) => inner.iter().collect::<Vec<_>>(),
            _ => vec![*value],
        });
        level = inner.collect();
    }
    level
}
