//! The text of a value of any type, and the value that a text says.
//!
//! One place for all types; each module of values has the cores.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt32Type};
use datafusion::common::ScalarValue;

use crate::condition::{Condition, SqlError, SqlResult};
use crate::environment::Environment;
use crate::numeric::cast::number_at;
use crate::registry::internal;
use crate::sql_type::SqlType;
use crate::{array, boolean, bytea, datetime, float, integer, json, name, numeric, object_number, uuid};

/// Each value of a column as PostgreSQL shows it.
pub fn text_of(array: &ArrayRef, sql_type: &SqlType, environment: &Environment) -> SqlResult<StringArray> {
    if *array.data_type() == arrow::datatypes::DataType::Utf8 {
        return Ok(array.as_string::<i32>().clone());
    }
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
        } else {
            builder.append_value(text_at(array, row, sql_type, environment)?);
        }
    }
    Ok(builder.finish())
}

/// The value of `row`, which is not NULL, as PostgreSQL shows it.
pub fn text_at(array: &ArrayRef, row: usize, sql_type: &SqlType, environment: &Environment) -> SqlResult<String> {
    Ok(match sql_type {
        SqlType::Bool => boolean::format(array.as_boolean().value(row)).to_owned(),
        SqlType::Int2 => array.as_primitive::<Int16Type>().value(row).to_string(),
        SqlType::Int4 => array.as_primitive::<Int32Type>().value(row).to_string(),
        SqlType::Int8 => array.as_primitive::<Int64Type>().value(row).to_string(),
        SqlType::Float4 => float::format_float4(array.as_primitive::<Float32Type>().value(row)),
        SqlType::Float8 => float::format_float8(array.as_primitive::<Float64Type>().value(row)),
        SqlType::Numeric(_) => number_at(array, row)?.as_ref().map(numeric::format).unwrap_or_default(),
        SqlType::Bytea => bytea::format(array.as_binary::<i32>().value(row)),
        SqlType::Uuid => uuid::format(array.as_fixed_size_binary().value(row)),
        SqlType::PgLsn => object_number::format_lsn(array.as_primitive::<Int64Type>().value(row)),
        sql_type if sql_type.arrow() == arrow::datatypes::DataType::UInt32 => {
            object_number::format(array.as_primitive::<UInt32Type>().value(row), sql_type)
        }
        sql_type if sql_type.arrow() == arrow::datatypes::DataType::Utf8 => {
            array.as_string::<i32>().value(row).to_owned()
        }
        other => return other_text_at(array, row, other, environment),
    })
}

fn other_text_at(array: &ArrayRef, row: usize, sql_type: &SqlType, environment: &Environment) -> SqlResult<String> {
    match sql_type {
        SqlType::Array(element) => return array::array_text(array, row, element, environment),
        SqlType::Record(fields) => return array::record_text(array, row, fields, environment),
        _ => {}
    }
    match datetime::text_at(array, row, sql_type, environment) {
        Some(text) => Ok(text),
        None => Err(SqlError::unsupported(format!("the text of type {}", sql_type.name()))),
    }
}

/// The value that a text says, of this type; a modifier, if it is not -1, is applied as a column applies it.
pub fn parse_text(
    text: &str,
    sql_type: &SqlType,
    type_modifier: i32,
    environment: &Environment,
) -> SqlResult<ScalarValue> {
    Ok(match sql_type {
        SqlType::Bool => ScalarValue::Boolean(Some(boolean::parse(text)?)),
        SqlType::Int2 => ScalarValue::Int16(Some(integer::parse(text, sql_type)?)),
        SqlType::Int4 => ScalarValue::Int32(Some(integer::parse(text, sql_type)?)),
        SqlType::Int8 => ScalarValue::Int64(Some(integer::parse(text, sql_type)?)),
        SqlType::Float4 => ScalarValue::Float32(Some(float::parse_float4(text)?)),
        SqlType::Float8 => ScalarValue::Float64(Some(float::parse_float8(text)?)),
        SqlType::Numeric(_) => numeric::cast::scalar(&numeric::parse(text)?, sql_type, type_modifier)?,
        SqlType::Bytea => ScalarValue::Binary(Some(bytea::parse(text)?)),
        SqlType::Uuid => ScalarValue::FixedSizeBinary(16, Some(uuid::parse(text)?.to_vec())),
        SqlType::PgLsn => ScalarValue::Int64(Some(object_number::parse_lsn(text)?)),
        SqlType::Varchar | SqlType::Bpchar => {
            ScalarValue::Utf8(Some(crate::text::fit_length(text, sql_type, type_modifier, false)?))
        }
        SqlType::Unknown | SqlType::Text | SqlType::Void => ScalarValue::Utf8(Some(text.to_owned())),
        SqlType::Name => ScalarValue::Utf8(Some(name::cut(text).to_owned())),
        SqlType::Char => ScalarValue::Utf8(Some(name::first_character(text))),
        SqlType::Enum(found) => ScalarValue::Utf8(Some(parse_label(text, found)?)),
        sql_type if sql_type.arrow() == arrow::datatypes::DataType::UInt32 => {
            ScalarValue::UInt32(Some(object_number::parse(text, sql_type)?))
        }
        other => return parse_other(text, other, type_modifier, environment),
    })
}

fn parse_other(
    text: &str,
    sql_type: &SqlType,
    type_modifier: i32,
    environment: &Environment,
) -> SqlResult<ScalarValue> {
    if let Some(value) = datetime::parse_text(text, sql_type, type_modifier, environment) {
        return value;
    }
    match sql_type {
        SqlType::Array(element) => array::parse_array(text, element, type_modifier, environment),
        SqlType::Json => json::validate(text).map(|()| ScalarValue::Utf8(Some(text.to_owned()))),
        SqlType::Jsonpath => json::path::canonical_path(text).map(|text| ScalarValue::Utf8(Some(text))),
        SqlType::Jsonb => json::canonical(text).map(|text| ScalarValue::Utf8(Some(text))),
        SqlType::TsVector | SqlType::TsQuery => Ok(ScalarValue::Utf8(Some(text.to_owned()))),
        other => Err(SqlError::unsupported(format!("a text as a value of type {}", other.name()))),
    }
}

fn parse_label(text: &str, found: &crate::sql_type::EnumType) -> SqlResult<String> {
    if found.labels.iter().any(|label| label == text) {
        return Ok(text.to_owned());
    }
    Err(SqlError::new(
        Condition::InvalidTextRepresentation,
        format!("invalid input value for enum {}: \"{text}\"", found.name),
    ))
}

/// Each text of a column as the value that it says.
pub(crate) fn parse_column(
    texts: &StringArray,
    sql_type: &SqlType,
    type_modifier: i32,
    environment: &Environment,
) -> SqlResult<ArrayRef> {
    if texts.is_empty() {
        return Ok(arrow::array::new_empty_array(&sql_type.arrow()));
    }
    if matches!(sql_type, SqlType::Text | SqlType::Unknown) {
        return Ok(Arc::new(texts.clone()));
    }
    let null = ScalarValue::try_from(&sql_type.arrow()).map_err(internal)?;
    let values = texts
        .iter()
        .map(|text| match text {
            Some(text) => parse_text(text, sql_type, type_modifier, environment),
            None => Ok(null.clone()),
        })
        .collect::<SqlResult<Vec<ScalarValue>>>()?;
    ScalarValue::iter_to_array(values).map_err(internal)
}
