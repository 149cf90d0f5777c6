//! Values: what one column of one row holds.
//!
//! ```text
//!   order within a type   as PostgreSQL: false < true, NaN above all numbers, -0 = 0, 1.0 = 1.00, text by its bytes
//!   NULL                  after everything else, and equal to itself (an order has to place it somewhere)
//!   arrays                element by element, then the shorter one first
//!   across types          by type, in the order of the variants: enough for sorting, without a meaning
//! ```
//!
//! The comparison here is the one that the bytes of keys follow: see `key_encoding`. SQL's three-valued
//! comparison, in which NULL equals nothing, is left to whoever evaluates expressions.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::column_type::ColumnType;
use super::interval::Interval;
use super::time_tz::TimeTz;
use crate::env::Timestamp;

/// One value of a row.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number of 16 bits.
    Int2(i16),
    /// A whole number of 32 bits.
    Int4(i32),
    /// A whole number of 64 bits.
    Int8(i64),
    /// A floating-point number of 32 bits.
    Float4(f32),
    /// A floating-point number of 64 bits.
    Float8(f64),
    /// An exact decimal number; it keeps the number of digits after the point, and `1.0` equals `1.00`.
    Numeric(BigDecimal),
    /// Text.
    Text(String),
    /// Bytes.
    Bytea(Vec<u8>),
    /// A day.
    Date(NaiveDate),
    /// A time of day, in microseconds.
    Time(NaiveTime),
    /// A day and time without a zone, in microseconds.
    Timestamp(NaiveDateTime),
    /// A moment, in microseconds.
    TimestampTz(DateTime<Utc>),
    /// A UUID.
    Uuid(Uuid),
    /// JSON.
    Jsonb(Json),
    /// A time of day at an offset from UTC.
    TimeTz(TimeTz),
    /// A span of time.
    Interval(Interval),
    /// Values of one type, any of them NULL.
    Array(Vec<Value>),
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The type of column that the value fits as it is; `None` for NULL, which fits every type, and for arrays in which
    /// nothing tells the type.
    pub fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => ColumnType::Bool,
            Value::Int2(_) => ColumnType::Int2,
            Value::Int4(_) => ColumnType::Int4,
            Value::Int8(_) => ColumnType::Int8,
            Value::Float4(_) => ColumnType::Float4,
            Value::Float8(_) => ColumnType::Float8,
            Value::Numeric(_) => ColumnType::Numeric,
            Value::Text(_) => ColumnType::Text,
            Value::Bytea(_) => ColumnType::Bytea,
            Value::Date(_) => ColumnType::Date,
            Value::Time(_) => ColumnType::Time,
            Value::Timestamp(_) => ColumnType::Timestamp,
            Value::TimestampTz(_) => ColumnType::TimestampTz,
            Value::Uuid(_) => ColumnType::Uuid,
            Value::Jsonb(_) => ColumnType::Jsonb,
            Value::TimeTz(_) => ColumnType::TimeTz,
            Value::Interval(_) => ColumnType::Interval,
            Value::Array(values) => {
                return values.iter().find_map(Value::column_type)?.element().map(ColumnType::Array);
            }
        })
    }

    /// The whole number, of whatever width.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Int2(number) => Some(i64::from(*number)),
            Value::Int4(number) => Some(i64::from(*number)),
            Value::Int8(number) => Some(*number),
            _ => None,
        }
    }

    /// The floating-point number, of whatever width.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float4(number) => Some(f64::from(*number)),
            Value::Float8(number) => Some(*number),
            _ => None,
        }
    }

    /// The exact decimal number.
    pub fn as_numeric(&self) -> Option<&BigDecimal> {
        match self {
            Value::Numeric(number) => Some(number),
            _ => None,
        }
    }

    /// The truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn rank(&self) -> u32 {
        match self {
            Value::Null => u32::MAX,
            Value::Array(_) => u32::MAX - 1,
            scalar => scalar.column_type().map_or(u32::MAX, ColumnType::code),
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int2(a), Value::Int2(b)) => a.cmp(b),
            (Value::Int4(a), Value::Int4(b)) => a.cmp(b),
            (Value::Int8(a), Value::Int8(b)) => a.cmp(b),
            (Value::Float4(a), Value::Float4(b)) => float_order(f64::from(*a), f64::from(*b)),
            (Value::Float8(a), Value::Float8(b)) => float_order(*a, *b),
            (Value::Numeric(a), Value::Numeric(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Bytea(a), Value::Bytea(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::TimestampTz(a), Value::TimestampTz(b)) => a.cmp(b),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Value::Jsonb(a), Value::Jsonb(b)) => json_order(a, b),
            (Value::TimeTz(a), Value::TimeTz(b)) => a.cmp(b),
            (Value::Interval(a), Value::Interval(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// NaN above everything and equal to itself, the two zeros equal.
fn float_order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Object > array > boolean > number > string > null; more members > fewer; then member by member.
fn json_order(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => json_number_order(a, b),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter().zip(b).map(|(a, b)| json_order(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        }),
        (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| json_object_order(a, b)),
        _ => json_rank(a).cmp(&json_rank(b)),
    }
}

fn json_object_order(a: &serde_json::Map<String, Json>, b: &serde_json::Map<String, Json>) -> Ordering {
    let sorted = |map: &serde_json::Map<String, Json>| {
        let mut keys: Vec<String> = map.keys().cloned().collect();
        keys.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        keys
    };
    for (key_a, key_b) in sorted(a).iter().zip(&sorted(b)) {
        let order = key_a.cmp(key_b).then_with(|| json_order(&a[key_a], &b[key_b]));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn json_number_order(a: &serde_json::Number, b: &serde_json::Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => float_order(a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN)),
    }
}

fn json_rank(json: &Json) -> u8 {
    match json {
        Json::Null => 0,
        Json::String(_) => 1,
        Json::Number(_) => 2,
        Json::Bool(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    }
}

macro_rules! from {
    ($($type:ty: $value:ident => $result:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $result
            }
        })*
    };
}

from! {
    bool: truth => Value::Bool(truth);
    i16: number => Value::Int2(number);
    i32: number => Value::Int4(number);
    i64: number => Value::Int8(number);
    u32: number => Value::Int8(i64::from(number));
    f32: number => Value::Float4(number);
    f64: number => Value::Float8(number);
    BigDecimal: number => Value::Numeric(number);
    &str: text => Value::Text(text.to_owned());
    String: text => Value::Text(text);
    &String: text => Value::Text(text.clone());
    Vec<u8>: bytes => Value::Bytea(bytes);
    &[u8]: bytes => Value::Bytea(bytes.to_vec());
    NaiveDate: date => Value::Date(date);
    NaiveTime: time => Value::Time(time);
    NaiveDateTime: timestamp => Value::Timestamp(timestamp);
    DateTime<Utc>: moment => Value::TimestampTz(moment);
    Timestamp: moment => DateTime::from_timestamp_micros(moment.as_micros()).map_or(Value::Null, Value::TimestampTz);
    Uuid: uuid => Value::Uuid(uuid);
    Json: json => Value::Jsonb(json);
    TimeTz: time => Value::TimeTz(time);
    Interval: interval => Value::Interval(interval);
    &Value: value => value.clone();
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
