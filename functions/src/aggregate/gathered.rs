//! Aggregates that put the values themselves together.

use arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::ScalarValue;

use crate::condition::SqlResult;
use crate::registry::{Function, Implementation, internal};

fn joined_texts(columns: &[ArrayRef], rows: usize) -> ScalarValue {
    let (values, separators) = (columns[0].as_string::<i32>(), columns[1].as_string::<i32>());
    let mut text: Option<String> = None;
    for row in (0..rows).filter(|row| values.is_valid(*row)) {
        match &mut text {
            Some(text) => {
                if separators.is_valid(row) {
                    text.push_str(separators.value(row));
                }
                text.push_str(values.value(row));
            }
            None => text = Some(values.value(row).to_owned()),
        }
    }
    ScalarValue::Utf8(text)
}

fn joined_bytes(columns: &[ArrayRef], rows: usize) -> ScalarValue {
    let (values, separators) = (columns[0].as_binary::<i32>(), columns[1].as_binary::<i32>());
    let mut bytes: Option<Vec<u8>> = None;
    for row in (0..rows).filter(|row| values.is_valid(*row)) {
        match &mut bytes {
            Some(bytes) => {
                if separators.is_valid(row) {
                    bytes.extend_from_slice(separators.value(row));
                }
                bytes.extend_from_slice(values.value(row));
            }
            None => bytes = Some(values.value(row).to_vec()),
        }
    }
    ScalarValue::Binary(bytes)
}

fn first_value(column: &ArrayRef) -> SqlResult<ScalarValue> {
    match (0..column.len()).find(|row| column.is_valid(*row)) {
        Some(row) => ScalarValue::try_from_array(column, row).map_err(internal),
        None => ScalarValue::try_from(column.data_type()).map_err(internal),
    }
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "string_agg(text, text) text",
            Implementation::collect(|_, columns, rows| Ok(joined_texts(columns, rows))),
        ),
        Function::new(
            "string_agg(bytea, bytea) bytea",
            Implementation::collect(|_, columns, rows| Ok(joined_bytes(columns, rows))),
        ),
        Function::new(
            "any_value(anyelement) anyelement",
            Implementation::collect(|_, columns, _| first_value(&columns[0])),
        ),
    ]
}
