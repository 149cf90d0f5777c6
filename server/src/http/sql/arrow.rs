//! Rows as a stream of Arrow's IPC format.
//!
//! Columns whose types Arrow has are of those; all others, numeric among them, are text as PostgreSQL writes it. The name
//! of the SQL type is in the metadata of each field as `marquetry.type`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use axum::body::Bytes;
use chrono::Datelike;
use marquetry::sql::{ColumnDescription, SqlType, format_value};
use marquetry::table::Value;
use marquetry::{Error, Result};

use super::answer::RowSet;

/// Rows of one batch of the stream.
const BATCH_ROWS: usize = 8192;

/// Days from the first of January of the year 1, as chrono counts them, to 1970.
const COMMON_ERA_DAYS: i32 = 719_163;

/// The stream of all rows of `set`.
pub(super) fn stream(set: &RowSet) -> Result<Bytes> {
    let empty = batch(set, &[])?;
    let mut writer = StreamWriter::try_new(Vec::new(), &empty.schema()).map_err(broken)?;
    for rows in set.rows.chunks(BATCH_ROWS) {
        writer.write(&batch(set, rows)?).map_err(broken)?;
    }
    writer.into_inner().map(Bytes::from).map_err(broken)
}

fn broken(fault: ArrowError) -> Error {
    Error::invalid(format!("the rows are no Arrow stream: {fault}"))
}

fn batch(set: &RowSet, rows: &[Vec<Value>]) -> Result<RecordBatch> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (position, column) in set.columns.iter().enumerate() {
        let array = array(set, column, rows.iter().filter_map(|row| row.get(position)))?;
        let metadata = [("marquetry.type".to_owned(), column.sql_type.name())];
        fields.push(Field::new(&column.name, array.data_type().clone(), true).with_metadata(metadata.into()));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(broken)
}

fn array<'v>(set: &RowSet, column: &ColumnDescription, values: impl Iterator<Item = &'v Value>) -> Result<ArrayRef> {
    let whole = |value: &Value| value.as_integer();
    Ok(match &column.sql_type {
        SqlType::Bool => Arc::new(values.map(Value::as_bool).collect::<BooleanArray>()),
        SqlType::Int2 => Arc::new(values.map(|value| whole(value)?.try_into().ok()).collect::<Int16Array>()),
        SqlType::Int4 => Arc::new(values.map(|value| whole(value)?.try_into().ok()).collect::<Int32Array>()),
        SqlType::Int8 | SqlType::Oid => Arc::new(values.map(whole).collect::<Int64Array>()),
        SqlType::Float4 => {
            let number = |value: &Value| match value {
                Value::Float4(number) => Some(*number),
                _ => None,
            };
            Arc::new(values.map(number).collect::<Float32Array>())
        }
        SqlType::Float8 => Arc::new(values.map(Value::as_float).collect::<Float64Array>()),
        SqlType::Bytea => {
            let bytes = |value: &'v Value| match value {
                Value::Bytea(bytes) => Some(bytes.as_slice()),
                _ => None,
            };
            Arc::new(values.map(bytes).collect::<BinaryArray>())
        }
        SqlType::Date => {
            let days = |value: &Value| match value {
                Value::Date(date) => Some(date.num_days_from_ce() - COMMON_ERA_DAYS),
                _ => None,
            };
            Arc::new(values.map(days).collect::<Date32Array>())
        }
        SqlType::Timestamp => Arc::new(values.map(micros).collect::<TimestampMicrosecondArray>()),
        SqlType::TimestampTz => {
            Arc::new(values.map(micros).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        sql_type => {
            let texts = values.map(|value| format_value(value, sql_type, &set.environment));
            Arc::new(texts.collect::<Result<StringArray>>()?)
        }
    })
}

fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(moment) => Some(moment.and_utc().timestamp_micros()),
        Value::TimestampTz(moment) => Some(moment.timestamp_micros()),
        _ => None,
    }
}
