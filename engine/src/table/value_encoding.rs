//! Values as rows hold them: exactly, in few bytes, without order.
//!
//! ```text
//!   bool 1 byte    int2, int4, int8  2, 4, 8 bytes      float4, float8  their bits      numbers: little end first
//!   numeric        digits after the point: varint, then all digits as a signed number, big end first
//!   text, bytea    the bytes           uuid 16 bytes    jsonb  see `jsonb`
//!   date           days since 0001-01-01: 4 bytes       time, timestamp, timestamptz  microseconds: 8 bytes
//!   timetz         microseconds since local midnight: 8 bytes, seconds east of UTC: 4 bytes
//!   interval       months: 4 bytes, days: 4 bytes, microseconds: 8 bytes
//!   array          per element: varint 0 for NULL, else the length + 1 and the element
//! ```
//!
//! A value is always stored with its length around it, so that damage is found as a length that does not fit.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::{DateTime, Datelike, NaiveDate};
use uuid::Uuid;

use super::column_type::{ColumnType, ElementType};
use super::fit::numeric_within_limits;
use super::interval::Interval;
use super::time_tz::TimeTz;
use super::value::Value;
use super::{datetime, jsonb};
use crate::encoding::varint;
use crate::error::{Error, Result};

/// Days since 0001-01-01, which is day 1.
pub(super) fn days_of_date(date: NaiveDate) -> i32 {
    date.num_days_from_ce()
}

pub(super) fn date_from_days(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days)
}

/// Appends the bytes of `value`; NULL has none and is told by its absence.
pub(super) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push(u8::from(*truth)),
        Value::Int2(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Int4(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Int8(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Float4(number) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        Value::Float8(number) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        Value::Numeric(number) => {
            let (unscaled, scale) = number.as_bigint_and_scale();
            varint::write(out, scale.unsigned_abs());
            out.extend_from_slice(&unscaled.to_signed_bytes_be());
        }
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytea(bytes) => out.extend_from_slice(bytes),
        Value::Date(date) => out.extend_from_slice(&days_of_date(*date).to_le_bytes()),
        Value::Time(time) => out.extend_from_slice(&datetime::time_micros(*time).to_le_bytes()),
        Value::Timestamp(timestamp) => {
            out.extend_from_slice(&timestamp.and_utc().timestamp_micros().to_le_bytes());
        }
        Value::TimestampTz(moment) => out.extend_from_slice(&moment.timestamp_micros().to_le_bytes()),
        Value::Uuid(uuid) => out.extend_from_slice(uuid.as_bytes()),
        Value::Jsonb(json) => jsonb::write(out, json),
        Value::TimeTz(time) => {
            out.extend_from_slice(&time.micros().to_le_bytes());
            out.extend_from_slice(&time.offset_seconds().to_le_bytes());
        }
        Value::Interval(interval) => {
            out.extend_from_slice(&interval.months.to_le_bytes());
            out.extend_from_slice(&interval.days.to_le_bytes());
            out.extend_from_slice(&interval.micros.to_le_bytes());
        }
        Value::Array(values) => write_array(out, values),
    }
}

fn write_array(out: &mut Vec<u8>, values: &[Value]) {
    let mut bytes = Vec::new();
    for value in values {
        bytes.clear();
        write(&mut bytes, value);
        match value {
            Value::Null => out.push(0),
            _ => {
                varint::write(out, bytes.len() as u64 + 1);
                out.extend_from_slice(&bytes);
            }
        }
    }
}

/// The value of `column_type` that is exactly `bytes`.
pub(super) fn read(bytes: &[u8], column_type: ColumnType) -> Result<Value> {
    Ok(match column_type {
        ColumnType::Bool => match bytes {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return Err(damaged()),
        },
        ColumnType::Int2 => Value::Int2(i16::from_le_bytes(exactly(bytes)?)),
        ColumnType::Int4 => Value::Int4(i32::from_le_bytes(exactly(bytes)?)),
        ColumnType::Int8 => Value::Int8(i64::from_le_bytes(exactly(bytes)?)),
        ColumnType::Float4 => Value::Float4(f32::from_bits(u32::from_le_bytes(exactly(bytes)?))),
        ColumnType::Float8 => Value::Float8(f64::from_bits(u64::from_le_bytes(exactly(bytes)?))),
        ColumnType::Numeric => Value::Numeric(read_numeric(bytes)?),
        ColumnType::Text => Value::Text(std::str::from_utf8(bytes).map_err(|_| damaged())?.to_owned()),
        ColumnType::Bytea => Value::Bytea(bytes.to_vec()),
        ColumnType::Date => Value::Date(date_from_days(i32::from_le_bytes(exactly(bytes)?)).ok_or_else(damaged)?),
        ColumnType::Time => Value::Time(datetime::time_from_micros(micros(bytes)?).map_err(|_| damaged())?),
        ColumnType::Timestamp => {
            Value::Timestamp(DateTime::from_timestamp_micros(micros(bytes)?).ok_or_else(damaged)?.naive_utc())
        }
        ColumnType::TimestampTz => {
            Value::TimestampTz(DateTime::from_timestamp_micros(micros(bytes)?).ok_or_else(damaged)?)
        }
        ColumnType::Uuid => Value::Uuid(Uuid::from_bytes(exactly(bytes)?)),
        ColumnType::Jsonb => Value::Jsonb(jsonb::read(bytes)?),
        ColumnType::TimeTz => {
            let (micros, offset) = bytes.split_at_checked(8).ok_or_else(damaged)?;
            let offset_seconds = i32::from_le_bytes(exactly(offset)?);
            Value::TimeTz(TimeTz::new(i64::from_le_bytes(exactly(micros)?), offset_seconds).ok_or_else(damaged)?)
        }
        ColumnType::Interval => {
            let (months, rest) = bytes.split_at_checked(4).ok_or_else(damaged)?;
            let (days, micros) = rest.split_at_checked(4).ok_or_else(damaged)?;
            Value::Interval(Interval {
                months: i32::from_le_bytes(exactly(months)?),
                days: i32::from_le_bytes(exactly(days)?),
                micros: i64::from_le_bytes(exactly(micros)?),
            })
        }
        ColumnType::Array(element) => Value::Array(read_array(bytes, element)?),
    })
}

fn read_array(bytes: &[u8], element: ElementType) -> Result<Vec<Value>> {
    let (mut rest, mut values) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = varint::read(&mut rest)?;
        values.push(match usize::try_from(length).map_err(|_| damaged())?.checked_sub(1) {
            None => Value::Null,
            Some(length) => {
                let (value, behind) = rest.split_at_checked(length).ok_or_else(damaged)?;
                rest = behind;
                read(value, element.into())?
            }
        });
    }
    Ok(values)
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| damaged())
}

fn micros(bytes: &[u8]) -> Result<i64> {
    Ok(i64::from_le_bytes(exactly(bytes)?))
}

fn read_numeric(bytes: &[u8]) -> Result<BigDecimal> {
    let mut rest = bytes;
    let scale = i64::try_from(varint::read(&mut rest)?).map_err(|_| damaged())?;
    let number = BigDecimal::new(BigInt::from_signed_bytes_be(rest), scale);
    numeric_within_limits(number).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::corrupt("a stored row holds no value of its column's type; restore from a backup")
}
