//! What a value is, and how many of several are NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, UInt32Array};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use crate::condition::SqlResult;
use crate::registry::{Function, Implementation};
use crate::sql_type::SqlType;
use crate::typed::Typed;

/// The type of the argument, whatever its value.
fn type_of() -> Implementation {
    Implementation::expression(|_, call, _| {
        let number = ScalarValue::UInt32(Some(call.arguments[0].oid()));
        Ok(Typed::new(Expr::Literal(number, None), SqlType::Regtype))
    })
}

fn count(arrays: &[ArrayRef], rows: usize, of_nulls: bool) -> ArrayRef {
    let counts: Int32Array = (0..rows)
        .map(|row| {
            let found = arrays.iter().filter(|array| array.is_null(row) == of_nulls).count();
            Some(i32::try_from(found).unwrap_or(i32::MAX))
        })
        .collect();
    Arc::new(counts)
}

/// The number of a type of this name; NULL if there is none.
fn type_named(texts: &ArrayRef) -> SqlResult<ArrayRef> {
    use arrow::array::AsArray;
    let numbers: UInt32Array = texts
        .as_string::<i32>()
        .iter()
        .map(|text| crate::object_number::parse(text?, &SqlType::Regtype).ok())
        .collect();
    Ok(Arc::new(numbers))
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("pg_typeof(any) regtype", type_of()).called_on_null(),
        Function::new(
            "num_nulls(variadic any) int4",
            Implementation::arrays(|_, arrays, rows| Ok(count(arrays, rows, true))),
        )
        .called_on_null(),
        Function::new(
            "num_nonnulls(variadic any) int4",
            Implementation::arrays(|_, arrays, rows| Ok(count(arrays, rows, false))),
        )
        .called_on_null(),
        Function::new("to_regtype(text) regtype", Implementation::arrays(|_, arrays, _| type_named(&arrays[0])))
            .stable(),
    ]
}
