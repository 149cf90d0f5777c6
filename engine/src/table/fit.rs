//! Whether a value fits a column, and the form in which the column keeps it.
//!
//! ```text
//!   whole numbers   any width that holds the number; also numeric, and float4 and float8 when they hold it exactly
//!   float4          also float8
//!   arrays          when each element fits
//!   everything else its own type only
//! ```
//!
//! Times are cut to microseconds here, once, so that what is stored, compared and returned is the same.

use bigdecimal::{BigDecimal, Zero};
use chrono::{DateTime, NaiveTime};

use super::column_type::ColumnType;
use super::value::Value;
use super::{datetime, jsonb};
use crate::error::{Error, Result};
use crate::limits::{JSONB_DEPTH_MAX, NUMERIC_DIGITS_MAX};

/// `value` as a column of type `column_type` keeps it.
pub(super) fn fit(value: Value, column_type: ColumnType) -> Result<Value> {
    Ok(match (column_type, value) {
        (_, Value::Null) => Value::Null,
        (ColumnType::Int8, Value::Int8(number)) => Value::Int8(number),
        (ColumnType::Text, Value::Text(text)) => Value::Text(without_nul(text)?),
        (ColumnType::Numeric, Value::Numeric(number)) => Value::Numeric(numeric_within_limits(number)?),
        (ColumnType::Float8, Value::Float4(number)) => Value::Float8(f64::from(number)),
        (ColumnType::Time, Value::Time(time)) => Value::Time(whole_micros(time)),
        (ColumnType::Timestamp, Value::Timestamp(timestamp)) => {
            let cut = DateTime::from_timestamp_micros(timestamp.and_utc().timestamp_micros());
            Value::Timestamp(cut.map_or(timestamp, |cut| cut.naive_utc()))
        }
        (ColumnType::TimestampTz, Value::TimestampTz(moment)) => {
            Value::TimestampTz(DateTime::from_timestamp_micros(moment.timestamp_micros()).unwrap_or(moment))
        }
        (ColumnType::Jsonb, Value::Jsonb(json)) if !jsonb::is_shallow(&json) => {
            return Err(Error::limit_exceeded(format!("JSON nests deeper than {JSONB_DEPTH_MAX} levels; flatten it")));
        }
        (ColumnType::Array(element), Value::Array(values)) => {
            Value::Array(values.into_iter().map(|value| fit(value, element.into())).collect::<Result<_>>()?)
        }
        (column_type, value) if value.column_type() == Some(column_type) => value,
        (column_type, value) => match value.as_integer() {
            Some(number) => fit_integer(number, column_type)?,
            None => return Err(misfit(&value, column_type)),
        },
    })
}

fn fit_integer(number: i64, column_type: ColumnType) -> Result<Value> {
    let fitted = match column_type {
        ColumnType::Int2 => i16::try_from(number).ok().map(Value::Int2),
        ColumnType::Int4 => i32::try_from(number).ok().map(Value::Int4),
        ColumnType::Int8 => Some(Value::Int8(number)),
        ColumnType::Numeric => Some(Value::Numeric(BigDecimal::from(number))),
        ColumnType::Float4 => {
            Some(number as f32).filter(|float| *float as i128 == i128::from(number)).map(Value::Float4)
        }
        ColumnType::Float8 => {
            Some(number as f64).filter(|float| *float as i128 == i128::from(number)).map(Value::Float8)
        }
        _ => return Err(misfit(&Value::Int8(number), column_type)),
    };
    fitted.ok_or_else(|| Error::invalid(format!("{number} is out of the range of {column_type}")))
}

fn misfit(value: &Value, column_type: ColumnType) -> Error {
    let found = match (value, value.column_type()) {
        (_, Some(found)) => found.to_string(),
        (Value::Array(_), None) => "array".to_owned(),
        (_, None) => "NULL".to_owned(),
    };
    Error::invalid(format!("a value of type {found} does not fit {column_type}; convert it first"))
}

fn without_nul(text: String) -> Result<String> {
    match text.contains('\0') {
        false => Ok(text),
        true => Err(Error::invalid("text cannot hold the NUL character; use bytea for bytes")),
    }
}

fn whole_micros(time: NaiveTime) -> NaiveTime {
    // A leap second is the last moment of its minute.
    let micros = datetime::time_micros(time).min(24 * 60 * 60 * 1_000_000 - 1);
    datetime::time_from_micros(micros).unwrap_or(time)
}

/// `number` without an exponent, when its digits before and after the point are few enough to be written out.
pub(super) fn numeric_within_limits(number: BigDecimal) -> Result<BigDecimal> {
    let max = NUMERIC_DIGITS_MAX as i64;
    let scale = number.fractional_digit_count();
    let before = match number.is_zero() {
        true => 0,
        false => i64::try_from(number.digits()).unwrap_or(i64::MAX).saturating_sub(scale),
    };
    if scale > max || before > max {
        return Err(Error::limit_exceeded(format!(
            "a numeric may have {NUMERIC_DIGITS_MAX} digits before the point and as many after it; round it"
        )));
    }
    Ok(match scale < 0 {
        true if number.is_zero() => BigDecimal::from(0),
        true => number.with_scale(0),
        false => number,
    })
}
