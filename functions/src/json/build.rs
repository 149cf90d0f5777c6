//! SQL values as JSON texts.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};

use super::write::push_string;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::datetime::{print_date, print_timestamp_iso, print_timestamptz_iso};
use crate::environment::Environment;
use crate::sql_type::SqlType;
use crate::text_form::text_at;

/// Appends the value of `row` as JSON.
pub(crate) fn push_value(
    out: &mut String,
    array: &ArrayRef,
    row: usize,
    sql_type: &SqlType,
    environment: &Environment,
) -> SqlResult<()> {
    if array.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match sql_type {
        SqlType::Bool => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Float4 | SqlType::Float8 | SqlType::Numeric(_) => {
            let text = text_at(array, row, sql_type, environment)?;
            // NaN and infinity are no numbers of JSON.
            if text.ends_with(|last: char| last.is_ascii_digit()) {
                out.push_str(&text)
            } else {
                push_string(out, &text)
            }
        }
        SqlType::Json | SqlType::Jsonb => out.push_str(array.as_string::<i32>().value(row)),
        SqlType::Date => push_string(out, &print_date(array.as_primitive::<Date32Type>().value(row))),
        SqlType::Timestamp => {
            push_string(out, &print_timestamp_iso(array.as_primitive::<TimestampMicrosecondType>().value(row)));
        }
        SqlType::TimestampTz => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            push_string(out, &print_timestamptz_iso(micros, environment.time_zone()));
        }
        SqlType::Array(element) => {
            let values = array.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..values.len() {
                out.push_str(if index == 0 { "" } else { "," });
                push_value(out, &values, index, element, environment)?;
            }
            out.push(']');
        }
        SqlType::Record(fields) => {
            let columns = array.as_struct();
            out.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                push_string(out, name);
                out.push(':');
                push_value(out, columns.column(index), row, field, environment)?;
            }
            out.push('}');
        }
        other => push_string(out, &text_at(array, row, other, environment)?),
    }
    Ok(())
}

/// Appends the value of `row` as the name of an object.
pub(crate) fn push_name(
    out: &mut String,
    array: &ArrayRef,
    row: usize,
    sql_type: &SqlType,
    environment: &Environment,
) -> SqlResult<()> {
    if matches!(sql_type, SqlType::Json | SqlType::Jsonb | SqlType::Array(_) | SqlType::Record(_)) {
        let message = "key value must be scalar, not array, composite, or json";
        return Err(SqlError::new(Condition::InvalidParameterValue, message));
    }
    push_string(out, &text_at(array, row, sql_type, environment)?);
    Ok(())
}
