//! Values of rows to Arrow, and back.
//!
//! The form of each type in Arrow is `SqlType::arrow`; in rows `Value`: names, enums and json are text there, oids
//! whole numbers of 64 bits.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringBuilder, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Fields, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike};
use datafusion::common::ScalarValue;
use marquetry_functions::numeric::Number;
use marquetry_functions::{NumericForm, SqlType, datetime};

use crate::error::{Error, Result};
use crate::sql::failure::from_datafusion;
use crate::table::{Interval, TimeTz, Value};

/// The first day of chrono's calendar that Arrow counts from.
const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 1).expect("1970-01-01 is a day");

fn misfit(value: &Value, sql_type: &SqlType) -> Error {
    Error::corrupt(format!("a value {value:?} stands where {sql_type} belongs"))
}

/// A column of numbers of one Arrow type, from the kinds of values that it takes.
macro_rules! primitive {
    ($values:ident, $sql_type:ident, $arrow:ty, $($pattern:pat => $result:expr),*) => {{
        let mut builder = arrow::array::PrimitiveBuilder::<$arrow>::with_capacity($values.len())
            .with_data_type($sql_type.arrow());
        for value in $values {
            match value {
                Value::Null => builder.append_null(),
                $($pattern => builder.append_value($result),)*
                #[allow(unreachable_patterns, reason = "some kinds match everything")]
                other => return Err(misfit(other, $sql_type)),
            }
        }
        Arc::new(builder.finish()) as ArrayRef
    }};
}

/// `values` as a column of `sql_type`.
pub(crate) fn array_of<'v>(values: impl ExactSizeIterator<Item = &'v Value>, sql_type: &SqlType) -> Result<ArrayRef> {
    Ok(match sql_type {
        SqlType::Bool => {
            let mut builder = arrow::array::BooleanBuilder::with_capacity(values.len());
            for value in values {
                match value {
                    Value::Null => builder.append_null(),
                    Value::Bool(truth) => builder.append_value(*truth),
                    other => return Err(misfit(other, sql_type)),
                }
            }
            Arc::new(builder.finish())
        }
        SqlType::Int2 => primitive!(values, sql_type, Int16Type, Value::Int2(number) => *number),
        SqlType::Int4 => primitive!(values, sql_type, Int32Type, Value::Int4(number) => *number),
        SqlType::Int8 | SqlType::PgLsn => primitive!(values, sql_type, Int64Type, Value::Int8(number) => *number),
        SqlType::Float4 => primitive!(values, sql_type, Float32Type, Value::Float4(number) => *number),
        SqlType::Float8 => primitive!(values, sql_type, Float64Type, Value::Float8(number) => *number),
        SqlType::Numeric(NumericForm::Decimal { scale, .. }) => {
            let scale = i64::from(*scale);
            primitive!(values, sql_type, Decimal128Type, Value::Numeric(number) => unscaled(number, scale).ok_or_else(|| misfit(&Value::Numeric(number.clone()), sql_type))?)
        }
        other => return array_of_others(values, other),
    })
}

/// As [`array_of`], of types other than truth values and numbers.
fn array_of_others<'v>(values: impl ExactSizeIterator<Item = &'v Value>, sql_type: &SqlType) -> Result<ArrayRef> {
    Ok(match sql_type {
        SqlType::Date => primitive!(values, sql_type, Date32Type, Value::Date(date) => days(*date)),
        SqlType::Time => primitive!(values, sql_type, Time64MicrosecondType, Value::Time(time) => time_micros(*time)),
        SqlType::TimeTz => {
            primitive!(values, sql_type, Int64Type, Value::TimeTz(time) => packed_time(*time))
        }
        SqlType::Timestamp => {
            primitive!(values, sql_type, TimestampMicrosecondType, Value::Timestamp(time) => time.and_utc().timestamp_micros())
        }
        SqlType::TimestampTz => {
            primitive!(values, sql_type, TimestampMicrosecondType, Value::TimestampTz(time) => time.timestamp_micros())
        }
        SqlType::Interval => {
            primitive!(values, sql_type, IntervalMonthDayNanoType, Value::Interval(interval) => month_day_nano(*interval))
        }
        SqlType::Uuid => uuids(values, sql_type)?,
        SqlType::Bytea | SqlType::Numeric(NumericForm::Any) => bytes_of(values, sql_type)?,
        SqlType::Oid
        | SqlType::Regclass
        | SqlType::Regtype
        | SqlType::Regproc
        | SqlType::Regprocedure
        | SqlType::Regoper
        | SqlType::Regnamespace
        | SqlType::Regrole
        | SqlType::Xid => primitive!(values, sql_type, UInt32Type,
            Value::Int8(number) => u32::try_from(*number).map_err(|_| misfit(&Value::Int8(*number), sql_type))?,
            Value::Int4(number) => u32::try_from(*number).map_err(|_| misfit(&Value::Int4(*number), sql_type))?),
        SqlType::Array(element) => list(values, sql_type, element)?,
        SqlType::Record(_) => return Err(Error::unsupported("a column of records cannot be stored")),
        SqlType::Unknown
        | SqlType::Text
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Char
        | SqlType::Name
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Jsonpath
        | SqlType::TsVector
        | SqlType::TsQuery
        | SqlType::Void
        | SqlType::Enum(_) => texts(values, sql_type)?,
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::PgLsn
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric(NumericForm::Decimal { .. }) => return Err(Error::corrupt("a number among other values")),
    })
}

/// A column of UUIDs.
fn uuids<'v>(values: impl ExactSizeIterator<Item = &'v Value>, sql_type: &SqlType) -> Result<ArrayRef> {
    let mut builder = arrow::array::FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for value in values {
        match value {
            Value::Null => builder.append_null(),
            Value::Uuid(uuid) => {
                builder.append_value(uuid.as_bytes()).map_err(|error| from_datafusion(error.into()))?;
            }
            other => return Err(misfit(other, sql_type)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// A column of bytes, or of numbers of any scale.
fn bytes_of<'v>(values: impl ExactSizeIterator<Item = &'v Value>, sql_type: &SqlType) -> Result<ArrayRef> {
    let mut builder = arrow::array::BinaryBuilder::with_capacity(values.len(), values.len() * 16);
    let mut bytes = Vec::new();
    for value in values {
        match value {
            Value::Null => builder.append_null(),
            Value::Bytea(bytes) => builder.append_value(bytes),
            Value::Numeric(number) => {
                bytes.clear();
                Number::from_decimal(number).encode(&mut bytes);
                builder.append_value(&bytes);
            }
            other => return Err(misfit(other, sql_type)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn texts<'v>(values: impl ExactSizeIterator<Item = &'v Value>, sql_type: &SqlType) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 16);
    for value in values {
        match value {
            Value::Null => builder.append_null(),
            Value::Text(text) => builder.append_value(text),
            Value::Jsonb(json) => builder.append_value(marquetry_functions::json::jsonb_text(json)),
            other => return Err(misfit(other, sql_type)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn list<'v>(
    values: impl ExactSizeIterator<Item = &'v Value>,
    sql_type: &SqlType,
    element: &SqlType,
) -> Result<ArrayRef> {
    let (mut items, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Null => {
                lengths.push(0);
                valid.push(false);
            }
            Value::Array(elements) => {
                items.extend(elements);
                lengths.push(elements.len());
                valid.push(true);
            }
            other => return Err(misfit(other, sql_type)),
        }
    }
    let items = array_of(items.into_iter(), element)?;
    let field = Arc::new(Field::new("item", element.arrow(), true));
    let nulls = NullBuffer::from(valid);
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, Some(nulls));
    Ok(Arc::new(list.map_err(|error| from_datafusion(error.into()))?))
}

/// A column of lists of records, one list for each row.
pub(crate) fn record_lists(fields: &[(String, SqlType)], lists: Vec<Vec<Vec<Value>>>) -> Result<ArrayRef> {
    let failed = |error: arrow::error::ArrowError| from_datafusion(error.into());
    let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
    let records: Vec<&Vec<Value>> = lists.iter().flatten().collect();
    let columns = fields
        .iter()
        .enumerate()
        .map(|(position, (_, sql_type))| array_of(records.iter().map(|record| &record[position]), sql_type));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let named: Fields = fields.iter().map(|(name, sql_type)| Field::new(name, sql_type.arrow(), true)).collect();
    let records = StructArray::try_new_with_length(named.clone(), columns, None, records.len()).map_err(failed)?;
    let field = Arc::new(Field::new("item", DataType::Struct(named), true));
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), Arc::new(records), None);
    Ok(Arc::new(list.map_err(failed)?))
}

/// One value as DataFusion has it.
pub(crate) fn scalar_of(value: &Value, sql_type: &SqlType) -> Result<ScalarValue> {
    let array = array_of(std::iter::once(value), sql_type)?;
    ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)
}

/// One value as rows have it.
pub(crate) fn value_of(scalar: &ScalarValue, sql_type: &SqlType) -> Result<Value> {
    let array = scalar.to_array().map_err(from_datafusion)?;
    Ok(values_of(&array, sql_type)?.pop().unwrap_or(Value::Null))
}

/// The values of a column of `sql_type`.
pub(crate) fn values_of(array: &ArrayRef, sql_type: &SqlType) -> Result<Vec<Value>> {
    let array = fitted(array, sql_type)?;
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        values.push(if array.is_null(row) { Value::Null } else { value_at(&array, row, sql_type)? });
    }
    Ok(values)
}

/// `array` in the Arrow type of `sql_type`, which other kernels may have widened.
fn fitted(array: &ArrayRef, sql_type: &SqlType) -> Result<ArrayRef> {
    let wanted = sql_type.arrow();
    match (array.data_type(), &wanted) {
        (found, wanted) if found == wanted => Ok(array.clone()),
        (DataType::List(_), DataType::List(_)) | (DataType::Struct(_), DataType::Struct(_)) => Ok(array.clone()),
        _ => arrow::compute::cast(array, &wanted).map_err(|error| from_datafusion(error.into())),
    }
}

fn value_at(array: &ArrayRef, row: usize, sql_type: &SqlType) -> Result<Value> {
    let damaged = || Error::corrupt(format!("a value is out of the range of {sql_type}"));
    Ok(match sql_type {
        SqlType::Bool => Value::Bool(array.as_boolean().value(row)),
        SqlType::Int2 => Value::Int2(array.as_primitive::<Int16Type>().value(row)),
        SqlType::Int4 => Value::Int4(array.as_primitive::<Int32Type>().value(row)),
        SqlType::Int8 | SqlType::PgLsn => Value::Int8(array.as_primitive::<Int64Type>().value(row)),
        SqlType::Float4 => Value::Float4(array.as_primitive::<Float32Type>().value(row)),
        SqlType::Float8 => Value::Float8(array.as_primitive::<Float64Type>().value(row)),
        SqlType::Numeric(NumericForm::Decimal { scale, .. }) => {
            let number = array.as_primitive::<Decimal128Type>().value(row);
            Value::Numeric(BigDecimal::new(BigInt::from(number), i64::from(*scale)))
        }
        SqlType::Numeric(NumericForm::Any) => {
            let number = Number::decode(array.as_binary::<i32>().value(row));
            Value::Numeric(number.to_decimal().ok_or_else(|| {
                Error::from(marquetry_functions::SqlError::unsupported("NaN or infinity as a value of type numeric"))
            })?)
        }
        SqlType::Bytea => Value::Bytea(array.as_binary::<i32>().value(row).to_vec()),
        SqlType::Date
        | SqlType::Time
        | SqlType::TimeTz
        | SqlType::Timestamp
        | SqlType::TimestampTz
        | SqlType::Interval => time_at(array, row, sql_type)?,
        SqlType::Uuid => {
            let bytes = array.as_fixed_size_binary().value(row);
            Value::Uuid(uuid::Uuid::from_slice(bytes).map_err(|_| damaged())?)
        }
        SqlType::Oid
        | SqlType::Regclass
        | SqlType::Regtype
        | SqlType::Regproc
        | SqlType::Regprocedure
        | SqlType::Regoper
        | SqlType::Regnamespace
        | SqlType::Regrole
        | SqlType::Xid => Value::Int8(i64::from(array.as_primitive::<UInt32Type>().value(row))),
        SqlType::Jsonb => {
            Value::Jsonb(serde_json::from_str(array.as_string::<i32>().value(row)).map_err(|_| damaged())?)
        }
        SqlType::Array(element) => Value::Array(values_of(&array.as_list::<i32>().value(row), element)?),
        SqlType::Record(fields) => {
            let record = array.as_struct();
            let field = |(position, (_, sql_type)): (usize, &(String, SqlType))| {
                let column = record.column(position).slice(row, 1);
                Ok(values_of(&column, sql_type)?.pop().unwrap_or(Value::Null))
            };
            Value::Array(fields.iter().enumerate().map(field).collect::<Result<_>>()?)
        }
        SqlType::Unknown
        | SqlType::Text
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Char
        | SqlType::Name
        | SqlType::Json
        | SqlType::Jsonpath
        | SqlType::TsVector
        | SqlType::TsQuery
        | SqlType::Void
        | SqlType::Enum(_) => Value::Text(array.as_string::<i32>().value(row).to_owned()),
    })
}

/// The day, time or span of time at `row`.
fn time_at(array: &ArrayRef, row: usize, sql_type: &SqlType) -> Result<Value> {
    let damaged = || Error::corrupt(format!("a value is out of the range of {sql_type}"));
    Ok(match sql_type {
        SqlType::Date => {
            let days = array.as_primitive::<Date32Type>().value(row);
            Value::Date(EPOCH.checked_add_signed(chrono::TimeDelta::days(i64::from(days))).ok_or_else(damaged)?)
        }
        SqlType::Time => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            Value::Time(time_of(micros).ok_or_else(damaged)?)
        }
        SqlType::TimeTz => {
            let time = datetime::TimeTz::unpacked(array.as_primitive::<Int64Type>().value(row));
            Value::TimeTz(TimeTz::new(time.time_micros, time.east_seconds).ok_or_else(damaged)?)
        }
        SqlType::Timestamp => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Value::Timestamp(DateTime::from_timestamp_micros(micros).ok_or_else(damaged)?.naive_utc())
        }
        SqlType::TimestampTz => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Value::TimestampTz(DateTime::from_timestamp_micros(micros).ok_or_else(damaged)?)
        }
        SqlType::Interval => {
            let found = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Value::Interval(Interval::new(found.months, found.days, found.nanoseconds / 1_000))
        }
        _ => return Err(damaged()),
    })
}

/// The digits of `number` with exactly `scale` of them behind the point, if it has no more.
fn unscaled(number: &BigDecimal, scale: i64) -> Option<i128> {
    let (digits, found) = number.as_bigint_and_scale();
    let digits = i128::try_from(digits.as_ref()).ok()?;
    let missing = u32::try_from(scale.checked_sub(found)?).ok()?;
    digits.checked_mul(10_i128.checked_pow(missing)?)
}

fn days(date: NaiveDate) -> i32 {
    i32::try_from(date.signed_duration_since(EPOCH).num_days()).unwrap_or(i32::MAX)
}

fn packed_time(time: TimeTz) -> i64 {
    datetime::TimeTz { time_micros: time.micros(), east_seconds: time.offset_seconds() }.packed()
}

fn time_micros(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000)
}

fn time_of(micros: i64) -> Option<NaiveTime> {
    let seconds = u32::try_from(micros / 1_000_000).ok()?;
    let nanos = u32::try_from(micros % 1_000_000).ok()? * 1_000;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)
}

fn month_day_nano(interval: Interval) -> IntervalMonthDayNano {
    IntervalMonthDayNano::new(interval.months, interval.days, interval.micros.saturating_mul(1_000))
}
