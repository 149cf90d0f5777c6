//! Values as parts of keys: comparing the bytes compares the values.
//!
//! ```text
//!   NULL       02                         everything else is led by 01, so NULL comes last
//!   bool       00, 01                     int2, int4, int8, date, time, timestamps   i64, sign bit flipped
//!   float4, 8  f64 in order, one zero, NaN above all
//!   text       escaped and closed         bytea   the same         uuid   16 bytes
//!   timetz     microseconds in UTC, then seconds west of it: both i64      interval   microseconds as i128, sign bit flipped
//!   array      its elements, NULL among them, closed by 00
//!   numeric    00 e ~(digits)             negative: everything behind the first byte is flipped
//!              01                         zero
//!              02 e digits                0.d1 d2 d3 ... x 10^e, d1 not 0, no zeros at the end
//!                   '--------------------- pairs of digits + 1, closed by 00
//! ```
//!
//! No value's bytes begin with those of another value of its type, so a key of several columns sorts column by column, and
//! the keys that begin with some columns are exactly those whose first columns are equal.
//!
//! Equal values have equal bytes, so what tells equal values apart (digits after the point, the sign of zero) is not
//! in a key; see [`ColumnType::survives_keys`](super::ColumnType).

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::{BigInt, BigUint, Sign};
use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

use super::column_type::ColumnType;
use super::datetime;
use super::interval::Interval;
use super::time_tz::TimeTz;
use super::value::Value;
use super::value_encoding::{date_from_days, days_of_date};
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::error::{Error, Result};

const VALUE_MARK: u8 = 0x01;
/// What NULL is in a key; behind every value.
pub(super) const NULL_MARK: u8 = 0x02;

/// What is behind the elements of an array; before every element.
const ARRAY_CLOSE: u8 = 0x00;

const NUMERIC_NEGATIVE: u8 = 0x00;
const NUMERIC_ZERO: u8 = 0x01;
const NUMERIC_POSITIVE: u8 = 0x02;
const NUMERIC_CLOSE: u8 = 0x00;

/// Appends `value`, which fits its column and is not JSON.
pub(super) fn write(key: KeyWriter, value: &Value) -> Result<KeyWriter> {
    if value.is_null() {
        return Ok(key.u8(NULL_MARK));
    }
    let key = key.u8(VALUE_MARK);
    Ok(match value {
        Value::Bool(truth) => key.u8(u8::from(*truth)),
        Value::Int2(number) => key.i64(i64::from(*number)),
        Value::Int4(number) => key.i64(i64::from(*number)),
        Value::Int8(number) => key.i64(*number),
        Value::Float4(number) => key.f64(f64::from(*number)),
        Value::Float8(number) => key.f64(*number),
        Value::Numeric(number) => write_numeric(key, number)?,
        Value::Text(text) => key.bytes(text.as_bytes()),
        Value::Bytea(bytes) => key.bytes(bytes),
        Value::Date(date) => key.i64(i64::from(days_of_date(*date))),
        Value::Time(time) => key.i64(datetime::time_micros(*time)),
        Value::Timestamp(timestamp) => key.i64(timestamp.and_utc().timestamp_micros()),
        Value::TimestampTz(moment) => key.i64(moment.timestamp_micros()),
        Value::Uuid(uuid) => key.raw(uuid.as_bytes()),
        Value::TimeTz(time) => key.i64(time.utc_micros()).i64(-i64::from(time.offset_seconds())),
        Value::Interval(interval) => {
            let ordered = interval.span_micros() as u128 ^ (1 << 127);
            key.u64((ordered >> 64) as u64).u64(ordered as u64)
        }
        Value::Array(values) => values.iter().try_fold(key, write)?.u8(ARRAY_CLOSE),
        Value::Null | Value::Jsonb(_) => return Err(Error::invalid("jsonb cannot be part of a key or index")),
    })
}

/// Takes a value of `column_type` off the front of a key.
pub(super) fn read(key: &mut KeyReader<'_>, column_type: ColumnType) -> Result<Value> {
    match key.u8()? {
        NULL_MARK => Ok(Value::Null),
        VALUE_MARK => read_value(key, column_type),
        _ => Err(damaged()),
    }
}

fn read_value(key: &mut KeyReader<'_>, column_type: ColumnType) -> Result<Value> {
    Ok(match column_type {
        ColumnType::Bool => match key.u8()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err(damaged()),
        },
        ColumnType::Int2 => Value::Int2(i16::try_from(key.i64()?).map_err(|_| damaged())?),
        ColumnType::Int4 => Value::Int4(i32::try_from(key.i64()?).map_err(|_| damaged())?),
        ColumnType::Int8 => Value::Int8(key.i64()?),
        ColumnType::Float4 => Value::Float4(key.f64()? as f32),
        ColumnType::Float8 => Value::Float8(key.f64()?),
        ColumnType::Numeric => Value::Numeric(read_numeric(key)?),
        ColumnType::Text => Value::Text(key.text()?),
        ColumnType::Bytea => Value::Bytea(key.bytes()?),
        ColumnType::Date => Value::Date(read_date(key.i64()?)?),
        ColumnType::Time => Value::Time(datetime::time_from_micros(key.i64()?).map_err(|_| damaged())?),
        ColumnType::Timestamp => {
            Value::Timestamp(DateTime::from_timestamp_micros(key.i64()?).ok_or_else(damaged)?.naive_utc())
        }
        ColumnType::TimestampTz => Value::TimestampTz(DateTime::from_timestamp_micros(key.i64()?).ok_or_else(damaged)?),
        ColumnType::Uuid => Value::Uuid(Uuid::from_u64_pair(key.u64()?, key.u64()?)),
        ColumnType::Jsonb => return Err(damaged()),
        ColumnType::TimeTz => Value::TimeTz(read_time_tz(key)?),
        ColumnType::Interval => {
            let ordered = u128::from(key.u64()?) << 64 | u128::from(key.u64()?);
            let interval = Interval::from_span_micros((ordered ^ (1 << 127)) as i128);
            Value::Interval(interval.ok_or_else(damaged)?)
        }
        ColumnType::Array(element) => {
            let mut values = Vec::new();
            loop {
                match key.u8()? {
                    ARRAY_CLOSE => break Value::Array(values),
                    NULL_MARK => values.push(Value::Null),
                    VALUE_MARK => values.push(read_value(key, element.into())?),
                    _ => return Err(damaged()),
                }
            }
        }
    })
}

fn read_time_tz(key: &mut KeyReader<'_>) -> Result<TimeTz> {
    let (utc_micros, west) = (key.i64()?, key.i64()?);
    let offset_seconds = west.checked_neg().and_then(|east| i32::try_from(east).ok()).ok_or_else(damaged)?;
    let micros = utc_micros.checked_add(i64::from(offset_seconds) * 1_000_000).ok_or_else(damaged)?;
    TimeTz::new(micros, offset_seconds).ok_or_else(damaged)
}

fn read_date(days: i64) -> Result<NaiveDate> {
    i32::try_from(days).ok().and_then(date_from_days).ok_or_else(damaged)
}

fn write_numeric(key: KeyWriter, number: &BigDecimal) -> Result<KeyWriter> {
    let (unscaled, scale) = number.as_bigint_and_scale();
    let (mark, flip) = match unscaled.sign() {
        Sign::NoSign => return Ok(key.u8(NUMERIC_ZERO)),
        Sign::Plus => (NUMERIC_POSITIVE, 0x00),
        Sign::Minus => (NUMERIC_NEGATIVE, 0xFF),
    };
    let digits = unscaled.magnitude().to_string();
    let exponent = i16::try_from(digits.len() as i64 - scale)
        .map_err(|_| Error::limit_exceeded("a numeric has too many digits to be part of a key"))?;
    let mut key = key.u8(mark);
    for byte in (exponent as u16 ^ (1 << 15)).to_be_bytes() {
        key = key.u8(byte ^ flip);
    }
    for pair in digits.trim_end_matches('0').as_bytes().chunks(2) {
        let high = pair[0] - b'0';
        let low = pair.get(1).map_or(0, |digit| digit - b'0');
        key = key.u8((high * 10 + low + 1) ^ flip);
    }
    Ok(key.u8(NUMERIC_CLOSE ^ flip))
}

fn read_numeric(key: &mut KeyReader<'_>) -> Result<BigDecimal> {
    let (sign, flip) = match key.u8()? {
        NUMERIC_ZERO => return Ok(BigDecimal::from(0)),
        NUMERIC_POSITIVE => (Sign::Plus, 0x00),
        NUMERIC_NEGATIVE => (Sign::Minus, 0xFF),
        _ => return Err(damaged()),
    };
    let exponent = [key.u8()? ^ flip, key.u8()? ^ flip];
    let exponent = i64::from((u16::from_be_bytes(exponent) ^ (1 << 15)) as i16);
    let mut digits = Vec::new();
    loop {
        match key.u8()? ^ flip {
            NUMERIC_CLOSE => break,
            pair @ 1..=100 => digits.extend([(pair - 1) / 10, (pair - 1) % 10]),
            _ => return Err(damaged()),
        }
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    let scale = digits.len() as i64 - exponent;
    let unscaled = BigUint::from_radix_be(&digits, 10).ok_or_else(damaged)?;
    let number = BigDecimal::new(BigInt::from_biguint(sign, unscaled), scale);
    Ok(if scale < 0 { number.with_scale(0) } else { number })
}

fn damaged() -> Error {
    Error::corrupt("a stored key holds no value of its column's type; restore from a backup")
}
