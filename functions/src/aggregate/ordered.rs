//! Percentiles and mode: aggregates of rows in the order that `WITHIN GROUP` says.
//!
//! Their arguments are those in the parentheses, then what the rows are ordered by.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::filter;
use arrow::datatypes::Float64Type;
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Call, Function, Implementation, arrow_error, internal};
use crate::typing::sort_keys;

/// The values that are not NULL, in their order.
fn present(column: &ArrayRef) -> SqlResult<ArrayRef> {
    let kept = arrow::compute::is_not_null(column).map_err(arrow_error)?;
    filter(column, &kept).map_err(arrow_error)
}

fn nothing(call: &Call) -> SqlResult<ScalarValue> {
    ScalarValue::try_from(&call.returns.arrow()).map_err(internal)
}

/// The fraction, which is the same in all rows.
fn fraction(column: &ArrayRef) -> SqlResult<Option<f64>> {
    if column.is_empty() || column.is_null(0) {
        return Ok(None);
    }
    let fraction = column.as_primitive::<Float64Type>().value(0);
    if !(0.0..=1.0).contains(&fraction) {
        return Err(SqlError::new(
            Condition::NumericValueOutOfRange,
            format!("percentile value {fraction} is not between 0 and 1"),
        ));
    }
    Ok(Some(fraction))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places of rows"
)]
fn continuous(call: &Call, columns: &[ArrayRef]) -> SqlResult<ScalarValue> {
    let values = present(&columns[1])?;
    let (Some(fraction), false) = (fraction(&columns[0])?, values.is_empty()) else { return nothing(call) };
    let values = values.as_primitive::<Float64Type>();
    let place = fraction * (values.len() - 1) as f64;
    let (low, high) = (values.value(place.floor() as usize), values.value(place.ceil() as usize));
    let share = place - place.floor();
    let found = if share == 0.0 { low } else { low + share * (high - low) };
    Ok(ScalarValue::Float64(Some(found)))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places of rows"
)]
fn discrete(call: &Call, columns: &[ArrayRef]) -> SqlResult<ScalarValue> {
    let values = present(&columns[1])?;
    let (Some(fraction), false) = (fraction(&columns[0])?, values.is_empty()) else { return nothing(call) };
    let place = (fraction * values.len() as f64).ceil().max(1.0) as usize - 1;
    ScalarValue::try_from_array(&values, place).map_err(internal)
}

/// The value that comes most often, the first of them in their order.
fn mode(call: &Call, columns: &[ArrayRef]) -> SqlResult<ScalarValue> {
    let values = present(&columns[0])?;
    if values.is_empty() {
        return nothing(call);
    }
    let keys = sort_keys(&values, &call.arguments[0])?;
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())]).map_err(arrow_error)?;
    let rows = converter.convert_columns(&[keys]).map_err(arrow_error)?;
    let (mut best, mut best_length, mut start) = (0, 0, 0);
    for row in 1..=values.len() {
        if row < values.len() && rows.row(row) == rows.row(start) {
            continue;
        }
        if row - start > best_length {
            (best, best_length) = (start, row - start);
        }
        start = row;
    }
    ScalarValue::try_from_array(&values, best).map_err(internal)
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "percentile_cont(float8, float8) float8",
            Implementation::collect(|call, columns, _| continuous(call, columns)),
        ),
        Function::new(
            "percentile_disc(float8, anyelement) anyelement",
            Implementation::collect(|call, columns, _| discrete(call, columns)),
        ),
        Function::new("mode(anyelement) anyelement", Implementation::collect(|call, columns, _| mode(call, columns))),
    ]
}
