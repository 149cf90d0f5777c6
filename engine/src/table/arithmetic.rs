//! Sums of values, for columns that grow and shrink.
//!
//! Both values are of the column's type, and so is the sum: one that the type has no room for is refused. NULL with
//! anything is NULL.

use super::value::Value;
use crate::error::{Error, Result};

/// `value` and `amount` of one type together.
///
/// # Errors
/// `Invalid` when they are no numbers, or the sum is out of the range of their type.
pub(super) fn sum(value: &Value, amount: &Value) -> Result<Value> {
    let sum = match (value, amount) {
        (Value::Null, _) | (_, Value::Null) => Some(Value::Null),
        (Value::Int2(a), Value::Int2(b)) => a.checked_add(*b).map(Value::Int2),
        (Value::Int4(a), Value::Int4(b)) => a.checked_add(*b).map(Value::Int4),
        (Value::Int8(a), Value::Int8(b)) => a.checked_add(*b).map(Value::Int8),
        (Value::Float4(a), Value::Float4(b)) => Some(Value::Float4(a + b)),
        (Value::Float8(a), Value::Float8(b)) => Some(Value::Float8(a + b)),
        (Value::Numeric(a), Value::Numeric(b)) => Some(Value::Numeric(a + b)),
        _ => return Err(Error::invalid("only numbers can be added; set the column instead")),
    };
    sum.ok_or_else(|| Error::invalid("the sum is out of the range of the column's type"))
}
