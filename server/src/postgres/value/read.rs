//! Values from the bytes of their types: a client's parameters, so every length and range is doubted.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime};
use marquetry::sql::{Condition, SqlType};
use marquetry::table::{Interval, TimeTz, Value};
use uuid::Uuid;

use super::write::innermost;
use super::{EPOCH_DAYS, EPOCH_MICROS, numeric};
use crate::postgres::error::WireError;
use crate::postgres::message::Reader;

/// Dimensions that an array has at most.
const DIMENSIONS_MAX: i32 = 6;

pub(super) fn binary(bytes: &[u8], sql_type: &SqlType) -> Result<Value, WireError> {
    let wrong = || WireError::invalid_binary(format!("type {sql_type}"));
    Ok(match sql_type {
        SqlType::Bool => match bytes {
            [truth] => Value::Bool(*truth != 0),
            _ => return Err(wrong()),
        },
        SqlType::Int2 => Value::Int2(i16::from_be_bytes(exact(bytes, sql_type)?)),
        SqlType::Int4 => Value::Int4(i32::from_be_bytes(exact(bytes, sql_type)?)),
        SqlType::Int8 | SqlType::PgLsn => Value::Int8(i64::from_be_bytes(exact(bytes, sql_type)?)),
        SqlType::Float4 => Value::Float4(f32::from_be_bytes(exact(bytes, sql_type)?)),
        SqlType::Float8 => Value::Float8(f64::from_be_bytes(exact(bytes, sql_type)?)),
        SqlType::Numeric(_) => Value::Numeric(numeric::read(bytes)?),
        SqlType::Oid
        | SqlType::Regclass
        | SqlType::Regtype
        | SqlType::Regproc
        | SqlType::Regprocedure
        | SqlType::Regoper
        | SqlType::Regnamespace
        | SqlType::Regrole
        | SqlType::Xid => Value::Int8(i64::from(u32::from_be_bytes(exact(bytes, sql_type)?))),
        SqlType::Unknown
        | SqlType::Text
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Name
        | SqlType::Char
        | SqlType::Json
        | SqlType::Enum(_) => Value::Text(text(bytes)?),
        SqlType::Jsonb => Value::Jsonb(json(versioned(bytes).ok_or_else(wrong)?)?),
        SqlType::Jsonpath => Value::Text(text(versioned(bytes).ok_or_else(wrong)?)?),
        SqlType::Bytea => Value::Bytea(bytes.to_vec()),
        SqlType::Uuid => Value::Uuid(Uuid::from_bytes(exact(bytes, sql_type)?)),
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz => {
            return time(bytes, sql_type);
        }
        SqlType::TimeTz => {
            let bytes: [u8; 12] = exact(bytes, sql_type)?;
            let mut reader = Reader(&bytes);
            let (micros, west_seconds) = (i64::from_be_bytes(take(&mut reader)?), reader.i32()?);
            let offset_seconds = west_seconds.checked_neg().ok_or_else(|| out_of_range(sql_type))?;
            Value::TimeTz(TimeTz::new(micros, offset_seconds).ok_or_else(|| out_of_range(sql_type))?)
        }
        SqlType::Interval => {
            let bytes: [u8; 16] = exact(bytes, sql_type)?;
            let mut reader = Reader(&bytes);
            let micros = i64::from_be_bytes(take(&mut reader)?);
            let (days, months) = (reader.i32()?, reader.i32()?);
            Value::Interval(Interval::new(months, days, micros))
        }
        SqlType::Array(element) => return array(bytes, innermost(element)),
        SqlType::TsVector | SqlType::TsQuery | SqlType::Record(_) | SqlType::Void => {
            let message = format!("no binary input function available for type {sql_type}");
            return Err(WireError::new(Condition::UndefinedFunction, message));
        }
    })
}

fn exact<const SIZE: usize>(bytes: &[u8], sql_type: &SqlType) -> Result<[u8; SIZE], WireError> {
    bytes.try_into().map_err(|_| WireError::invalid_binary(format!("type {sql_type}")))
}

fn take(reader: &mut Reader<'_>) -> Result<[u8; 8], WireError> {
    reader.take(8)?.try_into().map_err(|_| WireError::invalid_binary("a time"))
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(WireError::not_utf8()),
    }
}

fn versioned(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_first().filter(|(version, _)| **version == 1).map(|(_, rest)| rest)
}

fn json(bytes: &[u8]) -> Result<serde_json::Value, WireError> {
    serde_json::from_slice(bytes)
        .map_err(|_| WireError::new(Condition::InvalidTextRepresentation, "invalid input syntax for type json"))
}

fn out_of_range(sql_type: &SqlType) -> WireError {
    WireError::new(Condition::DatetimeFieldOverflow, format!("{sql_type} out of range"))
}

fn time(bytes: &[u8], sql_type: &SqlType) -> Result<Value, WireError> {
    let value = match sql_type {
        SqlType::Date => {
            let days = i32::from_be_bytes(exact(bytes, sql_type)?);
            days.checked_add(EPOCH_DAYS).and_then(NaiveDate::from_epoch_days).map(Value::Date)
        }
        SqlType::Time => {
            let micros = i64::from_be_bytes(exact(bytes, sql_type)?);
            let parts = u32::try_from(micros.div_euclid(1_000_000))
                .ok()
                .zip(u32::try_from(micros.rem_euclid(1_000_000) * 1000).ok());
            parts
                .and_then(|(seconds, nanos)| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos))
                .map(Value::Time)
        }
        _ => {
            let micros = i64::from_be_bytes(exact(bytes, sql_type)?).checked_add(EPOCH_MICROS);
            let moment = micros.and_then(DateTime::from_timestamp_micros);
            moment.map(|moment| match sql_type {
                SqlType::Timestamp => Value::Timestamp(moment.naive_utc()),
                _ => Value::TimestampTz(moment),
            })
        }
    };
    value.ok_or_else(|| out_of_range(sql_type))
}

/// An array of any number of dimensions: their lengths, then all members in order.
fn array(bytes: &[u8], element: &SqlType) -> Result<Value, WireError> {
    let wrong = || WireError::invalid_binary("an array");
    let mut reader = Reader(bytes);
    let dimensions = reader.i32().map_err(|_| wrong())?;
    let (_, oid) = (reader.i32().map_err(|_| wrong())?, reader.u32().map_err(|_| wrong())?);
    if !(0..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(wrong());
    }
    if oid != element.oid() {
        let message =
            format!("binary data has array element type {oid} instead of expected {} ({element})", element.oid());
        return Err(WireError::new(Condition::DatatypeMismatch, message));
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        let (length, _) = (reader.i32().map_err(|_| wrong())?, reader.i32().map_err(|_| wrong())?);
        lengths.push(usize::try_from(length).map_err(|_| wrong())?);
    }
    // Every member has at least its length: more of them than that cannot be here.
    let count = lengths.iter().try_fold(1usize, |count, length| count.checked_mul(*length)).ok_or_else(wrong)?;
    if lengths.is_empty() || count == 0 {
        return if reader.0.is_empty() { Ok(Value::Array(Vec::new())) } else { Err(wrong()) };
    }
    if count > reader.0.len() / 4 {
        return Err(wrong());
    }
    let element = Arc::new(element.clone());
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(match reader.i32().map_err(|_| wrong())? {
            -1 => Value::Null,
            size => binary(reader.take(usize::try_from(size).map_err(|_| wrong())?).map_err(|_| wrong())?, &element)?,
        });
    }
    if !reader.0.is_empty() {
        return Err(wrong());
    }
    for length in lengths.iter().skip(1).rev() {
        let mut inner = values.into_iter().peekable();
        let mut outer = Vec::new();
        while inner.peek().is_some() {
            outer.push(Value::Array(inner.by_ref().take(*length).collect()));
        }
        values = outer;
    }
    Ok(Value::Array(values))
}
