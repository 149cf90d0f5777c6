//! Rows, keys and scans as JSON, for the fronts and for search.
//!
//! | type | JSON |
//! |---|---|
//! | bool | `true`, `false` |
//! | int2, int4, int8 | whole number |
//! | float4, float8 | number; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | numeric | text such as `"12.50"`; a number of at most 15 digits is taken too |
//! | text | text |
//! | bytea | base64 text |
//! | date, time, timestamp, timestamptz | ISO 8601 text, see `datetime` |
//! | uuid | text |
//! | timetz | text such as `"14:05:09.25+01:00"` |
//! | interval | ISO 8601 text such as `"P1Y2M3DT4H5M6.5S"` |
//! | arrays | array of what the elements are |
//! | jsonb | anything but `null` |
//!
//! NULL is `null`, also in jsonb: JSON's own null is taken only from the embedded interface. What does not fit the type of its column is refused; nothing is guessed.

use std::ops::Bound;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bigdecimal::BigDecimal;
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value as Json};
use uuid::Uuid;

use super::column_type::ColumnType;
use super::datetime;
use super::definition::TableDefinition;
use super::interval::{interval_text, parse_interval};
use super::request::{ScanForm, ScanRequest};
use super::row::{Key, Row};
use super::time_tz::{parse_time_tz, time_tz_text};
use super::value::Value;
use crate::error::{Error, Result};
use crate::limits::NUMERIC_DIGITS_MAX;

/// Digits that every double-precision number keeps.
const EXACT_DIGITS: usize = 15;

/// `value` as JSON.
pub(crate) fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int2(number) => Json::from(*number),
        Value::Int4(number) => Json::from(*number),
        Value::Int8(number) => Json::from(*number),
        Value::Float4(number) => float4_to_json(*number),
        Value::Float8(number) => float8_to_json(*number),
        Value::Numeric(number) => Json::String(number.to_plain_string()),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bytea(bytes) => Json::String(BASE64.encode(bytes)),
        Value::Date(date) => Json::String(datetime::date_text(*date)),
        Value::Time(time) => Json::String(datetime::time_text(*time)),
        Value::Timestamp(timestamp) => Json::String(datetime::timestamp_text(*timestamp)),
        Value::TimestampTz(moment) => Json::String(datetime::timestamptz_text(*moment)),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        Value::Jsonb(json) => json.clone(),
        Value::TimeTz(time) => Json::String(time_tz_text(*time)),
        Value::Interval(interval) => Json::String(interval_text(*interval)),
        Value::Array(values) => Json::Array(values.iter().map(value_to_json).collect()),
    }
}

fn float8_to_json(number: f64) -> Json {
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::from("NaN"),
        None if number > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

/// The shortest digits that tell the 32-bit number apart, not those of its 64-bit neighbour.
fn float4_to_json(number: f32) -> Json {
    float8_to_json(number.to_string().parse().unwrap_or(f64::from(number)))
}

/// The value that `json` stands for in a column of type `column_type`.
pub(crate) fn value_from_json(json: &Json, column_type: ColumnType) -> Result<Value> {
    let value = match (column_type, json) {
        (_, Json::Null) => Some(Value::Null),
        (ColumnType::Bool, Json::Bool(truth)) => Some(Value::Bool(*truth)),
        (ColumnType::Int2, Json::Number(number)) => integer(number, column_type)?.map(Value::Int2),
        (ColumnType::Int4, Json::Number(number)) => integer(number, column_type)?.map(Value::Int4),
        (ColumnType::Int8, Json::Number(number)) => integer(number, column_type)?.map(Value::Int8),
        (ColumnType::Float4, json) => float(json).map(|number| narrowed(number, json)).transpose()?,
        (ColumnType::Float8, json) => float(json).map(Value::Float8),
        (ColumnType::Numeric, Json::Number(number)) => Some(Value::Numeric(numeric_from_number(number)?)),
        (ColumnType::Jsonb, json) => Some(Value::Jsonb(json.clone())),
        (ColumnType::Array(element), Json::Array(items)) => {
            let values = items.iter().map(|item| value_from_json(item, element.into()));
            Some(Value::Array(values.collect::<Result<_>>()?))
        }
        (_, Json::String(text)) => value_from_text(text, column_type)?,
        _ => None,
    };
    value.ok_or_else(|| {
        Error::invalid(format!("{} does not fit {column_type}; write {}", shown(json), form(column_type)))
    })
}

fn value_from_text(text: &str, column_type: ColumnType) -> Result<Option<Value>> {
    Ok(Some(match column_type {
        ColumnType::Numeric => Value::Numeric(parse_numeric(text)?),
        ColumnType::Text => Value::Text(text.to_owned()),
        ColumnType::Bytea => match BASE64.decode(text) {
            Ok(bytes) => Value::Bytea(bytes),
            Err(_) => return Ok(None),
        },
        ColumnType::Date => Value::Date(datetime::parse_date(text)?),
        ColumnType::Time => Value::Time(datetime::parse_time(text)?),
        ColumnType::Timestamp => Value::Timestamp(datetime::parse_timestamp(text)?),
        ColumnType::TimestampTz => Value::TimestampTz(datetime::parse_timestamptz(text)?),
        ColumnType::Uuid => match Uuid::parse_str(text) {
            Ok(uuid) => Value::Uuid(uuid),
            Err(_) => return Ok(None),
        },
        ColumnType::TimeTz => Value::TimeTz(parse_time_tz(text)?),
        ColumnType::Interval => Value::Interval(parse_interval(text)?),
        _ => return Ok(None),
    }))
}

fn form(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "true or false",
        ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => "a whole number",
        ColumnType::Float4 | ColumnType::Float8 => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
        ColumnType::Numeric => "text such as \"12.50\"",
        ColumnType::Text => "text",
        ColumnType::Bytea => "base64 text",
        ColumnType::Date | ColumnType::Time | ColumnType::Timestamp | ColumnType::TimestampTz => "ISO 8601 text",
        ColumnType::Uuid => "text such as \"67e55044-10b1-426f-9247-bb680e5fe0c8\"",
        ColumnType::Jsonb => "JSON",
        ColumnType::TimeTz => "text such as \"14:05:09.25+01:00\"",
        ColumnType::Interval => "text such as \"P1Y2M3DT4H5M6.5S\"",
        ColumnType::Array(_) => "a list",
    }
}

fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => format!("the text {:?}", text.chars().take(64).collect::<String>()),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

fn integer<T: TryFrom<i64>>(number: &Number, column_type: ColumnType) -> Result<Option<T>> {
    let too_large = || Error::invalid(format!("{number} is out of the range of {column_type}"));
    match number.as_i64() {
        Some(whole) => T::try_from(whole).map(Some).map_err(|_| too_large()),
        None if number.is_u64() => Err(too_large()),
        None => Ok(None),
    }
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn narrowed(number: f64, json: &Json) -> Result<Value> {
    let narrow = number as f32;
    if narrow.is_infinite() && number.is_finite() {
        return Err(Error::invalid(format!("{json} is out of the range of float4")));
    }
    Ok(Value::Float4(narrow))
}

fn numeric_from_number(number: &Number) -> Result<BigDecimal> {
    let text = number.to_string();
    let digits = text.split(['e', 'E']).next().unwrap_or("").bytes().filter(u8::is_ascii_digit);
    if number.is_f64() && digits.skip_while(|digit| *digit == b'0').count() > EXACT_DIGITS {
        return Err(Error::invalid(format!(
            "the number {text} has more digits than JSON numbers keep; write a numeric as text, such as \"12.50\""
        )));
    }
    parse_numeric(&text)
}

/// Reads `-12.50` or `1.25e3`.
pub(crate) fn parse_numeric(text: &str) -> Result<BigDecimal> {
    // Twice the digits, a sign, a point and an exponent.
    if text.len() > 2 * NUMERIC_DIGITS_MAX + 24 {
        return Err(Error::limit_exceeded(format!(
            "a numeric of {} characters is over the limit of {NUMERIC_DIGITS_MAX} digits before and after the point",
            text.len()
        )));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let number = if plain { BigDecimal::from_str(text).ok() } else { None };
    number.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Error::invalid(format!("{shown:?} is no numeric; write it as -12.50"))
    })
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        value_to_json(self).serialize(serializer)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Row {
    /// The row as a JSON object by column name.
    pub fn to_json(&self) -> Map<String, Json> {
        self.iter().map(|(name, value)| (name.to_owned(), value_to_json(value))).collect()
    }
}

impl Key {
    /// The key as JSON: its one value, or the list of them.
    pub fn to_json(&self) -> Json {
        match &self.0[..] {
            [value] => value_to_json(value),
            values => Json::Array(values.iter().map(value_to_json).collect()),
        }
    }
}

impl TableDefinition {
    /// The row that a JSON object by column name stands for.
    ///
    /// # Errors
    /// `Invalid` when it is not an object, names a column that the table does not have, or a value does not fit its column.
    pub fn row_from_json(&self, json: &Json) -> Result<Row> {
        let Json::Object(members) = json else {
            return Err(Error::invalid(format!("{} is no row; write an object by column name", shown(json))));
        };
        let mut row = Row::new();
        for (name, member) in members {
            row.push(name.as_str().into(), self.column_value(name, member)?);
        }
        Ok(row)
    }

    /// The primary key that JSON stands for: one value, or a list with one for each column.
    ///
    /// # Errors
    /// `Invalid` when the number of values or a value does not fit.
    pub fn key_from_json(&self, json: &Json) -> Result<Key> {
        self.values_from_json(&self.primary_key, 0, json)
    }

    /// The key of the index `index` that JSON stands for: one value, or a list with one for each column.
    ///
    /// # Errors
    /// `NotFound` without such an index, `Invalid` when the number of values or a value does not fit.
    pub fn index_key_from_json(&self, index: &str, json: &Json) -> Result<Key> {
        self.values_from_json(self.index_columns(index)?, 0, json)
    }

    /// The scan that its JSON form stands for.
    ///
    /// # Errors
    /// `NotFound` without such an index, `Invalid` when there are two lower or upper ends or a value does not fit.
    pub fn scan_request(&self, form: &ScanForm) -> Result<ScanRequest> {
        let columns = match &form.index {
            Some(index) => self.index_columns(index)?,
            None => &self.primary_key,
        };
        let prefix = Json::Array(form.prefix.clone());
        let equal = if form.prefix.is_empty() { Vec::new() } else { self.leading_from_json(columns, 0, &prefix)?.0 };
        let bound = |included: &Option<Vec<Json>>, excluded: &Option<Vec<Json>>| {
            let key = |values: &Vec<Json>| self.leading_from_json(columns, equal.len(), &Json::Array(values.clone()));
            match (included, excluded) {
                (Some(_), Some(_)) => Err(Error::invalid("a scan has two lower or two upper ends; name one of each")),
                (Some(values), None) => key(values).map(Bound::Included),
                (None, Some(values)) => key(values).map(Bound::Excluded),
                (None, None) => Ok(Bound::Unbounded),
            }
        };
        let mut request = ScanRequest::primary_key();
        request.lower = bound(&form.from, &form.above)?;
        request.upper = bound(&form.through, &form.to)?;
        request.index.clone_from(&form.index);
        request.equal = equal;
        if form.reverse {
            request = request.descending();
        }
        request.limit = form.limit;
        request.after.clone_from(&form.after);
        Ok(request)
    }

    fn index_columns(&self, index: &str) -> Result<&Vec<String>> {
        let found = self.indexes.iter().find(|known| known.name == index);
        found.map(|index| &index.columns).ok_or_else(|| Error::not_found(format!("the table has no index {index:?}")))
    }

    fn column_value(&self, name: &str, json: &Json) -> Result<Value> {
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            return Err(Error::invalid(format!("the table has no column {name:?}; see its definition")));
        };
        value_from_json(json, column.column_type).map_err(|error| error.context(format_args!("column {name:?}")))
    }

    fn values_from_json(&self, columns: &[String], skip: usize, json: &Json) -> Result<Key> {
        let key = self.leading_from_json(columns, skip, json)?;
        if key.0.len() == columns.len() - skip {
            return Ok(key);
        }
        Err(Error::invalid(format!(
            "the key has {} values, it needs {}: {}",
            key.0.len(),
            columns.len(),
            columns.join(", ")
        )))
    }

    /// Values for some of `columns`, from the one at `skip` on.
    fn leading_from_json(&self, columns: &[String], skip: usize, json: &Json) -> Result<Key> {
        let values = match json {
            Json::Array(values) => &values[..],
            value => std::slice::from_ref(value),
        };
        let columns = &columns[skip.min(columns.len())..];
        if values.is_empty() || values.len() > columns.len() {
            return Err(Error::invalid(format!(
                "there are {} values for the columns {}; give one for each, from the first on",
                values.len(),
                columns.join(", ")
            )));
        }
        columns.iter().zip(values).map(|(name, json)| self.column_value(name, json)).collect::<Result<_>>().map(Key)
    }
}
