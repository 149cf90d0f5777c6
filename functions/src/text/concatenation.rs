//! `||`, `concat`, `concat_ws`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bytea, Call, Function, Implementation, Text, two};
use crate::sql_type::SqlType;
use crate::text_form::text_at;
use crate::typed::{CastContext, Typed};

/// Texts of values of any type, one after the other.
fn joined(call: &Call, arrays: &[ArrayRef], rows: usize, separators: Option<&ArrayRef>) -> SqlResult<ArrayRef> {
    let mut builder = StringBuilder::new();
    let types = &call.arguments[call.arguments.len() - arrays.len()..];
    for row in 0..rows {
        if separators.is_some_and(|separators| separators.is_null(row)) {
            builder.append_null();
            continue;
        }
        let separator = separators.map_or("", |separators| separators.as_string::<i32>().value(row));
        let mut text = String::new();
        let mut is_first = true;
        for (array, sql_type) in arrays.iter().zip(types).filter(|(array, _)| !array.is_null(row)) {
            if !std::mem::take(&mut is_first) {
                text.push_str(separator);
            }
            text.push_str(&text_at(array, row, sql_type, &call.environment)?);
        }
        builder.append_value(text);
    }
    Ok(Arc::new(builder.finish()))
}

/// `text || value`: the value as its text.
fn with_text(sign: &'static str) -> Implementation {
    Implementation::expression(move |typing, _, operands| {
        let mut texts = operands
            .into_iter()
            .map(|operand| typing.cast(operand, &SqlType::Text, -1, CastContext::Assignment))
            .collect::<SqlResult<Vec<Typed>>>()?;
        let right = texts.pop().ok_or_else(|| SqlError::new(Condition::InternalError, "no operand"))?;
        typing.operator(sign, texts.pop(), right)
    })
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("||(text, text) text", two::<Text, Text, Text, _>(|a, b| format!("{a}{b}"))),
        Function::new("||(text, anynonarray) text", with_text("||")).stable(),
        Function::new("||(anynonarray, text) text", with_text("||")).stable(),
        Function::new("||(bytea, bytea) bytea", two::<Bytea, Bytea, Bytea, _>(|a, b| [a, b].concat())),
        Function::new(
            "concat(variadic any) text",
            Implementation::arrays(|call, arrays, rows| joined(call, arrays, rows, None)),
        )
        .stable()
        .called_on_null(),
        Function::new(
            "concat_ws(text, variadic any) text",
            Implementation::arrays(|call, arrays, rows| joined(call, &arrays[1..], rows, arrays.first())),
        )
        .stable()
        .called_on_null(),
    ]
}
