//! The functions that take JSON apart into rows, and the aggregates that put rows together.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;

use super::build::{push_name, push_value};
use super::functions::invalid;
use super::raw::{self, Kind as JsonKind};
use super::read::{canonical, unescape};
use crate::condition::SqlResult;
use crate::registry::{Call, Function, Implementation, Kind, Text};
use crate::sql_type::SqlType;

pub(super) fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for name in ["json", "jsonb"] {
        found.extend([
            each(&format!("{name}_each({name}) table(key text, value {name})"), false),
            each(&format!("{name}_each_text({name}) table(key text, value text)"), true),
            elements(&format!("{name}_array_elements({name}) setof {name}"), false),
            elements(&format!("{name}_array_elements_text({name}) setof text"), true),
            object_keys(&format!("{name}_object_keys({name}) setof text")),
            Function::new(&format!("{name}_agg(anyelement) {name}"), Implementation::collect(aggregate)),
            Function::new(&format!("{name}_object_agg(any, any) {name}"), Implementation::collect(object_aggregate)),
        ]);
    }
    found
}

/// Lists of texts, one for each row.
fn lists(rows: usize, mut append: impl FnMut(usize, &mut StringBuilder) -> SqlResult<usize>) -> SqlResult<ArrayRef> {
    let mut values = StringBuilder::new();
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        lengths.push(append(row, &mut values)?);
    }
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), Arc::new(values.finish()), None)))
}

fn name_of(signature: &str) -> String {
    signature.split('(').next().unwrap_or_default().to_owned()
}

fn each(signature: &str, as_text: bool) -> Function {
    let name = name_of(signature);
    let run = move |_: &Call, arrays: &[ArrayRef], rows: usize| {
        let (mut names, mut values) = (StringBuilder::new(), StringBuilder::new());
        let mut lengths = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = Text::value(&arrays[0], row);
            check_object(text, &name)?;
            let mut length = 0;
            for (quoted, value) in raw::entries(text) {
                names.append_value(unescape(quoted, true)?);
                if as_text {
                    values.append_option(raw::as_text(value)?)
                } else {
                    values.append_value(value)
                }
                length += 1;
            }
            lengths.push(length);
        }
        let fields: Fields = ["key", "value"].into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(names.finish()), Arc::new(values.finish())];
        let field = Arc::new(Field::new("item", DataType::Struct(fields.clone()), true));
        let entries = Arc::new(StructArray::new(fields, columns, None));
        Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), entries, None)) as ArrayRef)
    };
    Function::new(signature, Implementation::arrays(run))
}

fn check_object(text: &str, name: &str) -> SqlResult<()> {
    let is_jsonb = name.starts_with("jsonb");
    match raw::kind(text) {
        JsonKind::Object => Ok(()),
        _ if is_jsonb => Err(invalid(format!("cannot call {name} on a non-object"))),
        JsonKind::Array => Err(invalid("cannot deconstruct an array as an object")),
        _ => Err(invalid("cannot deconstruct a scalar")),
    }
}

fn elements(signature: &str, as_text: bool) -> Function {
    let name = name_of(signature);
    let run = move |_: &Call, arrays: &[ArrayRef], rows: usize| {
        lists(rows, |row, values| {
            let text = Text::value(&arrays[0], row);
            check_array(text, &name)?;
            let mut length = 0;
            for value in raw::elements(text) {
                if as_text {
                    values.append_option(raw::as_text(value)?)
                } else {
                    values.append_value(value)
                }
                length += 1;
            }
            Ok(length)
        })
    };
    Function::new(signature, Implementation::arrays(run))
}

fn check_array(text: &str, name: &str) -> SqlResult<()> {
    let is_jsonb = name.starts_with("jsonb");
    match raw::kind(text) {
        JsonKind::Array => Ok(()),
        JsonKind::Object if is_jsonb => Err(invalid("cannot extract elements from an object")),
        JsonKind::Object => Err(invalid(format!("cannot call {name} on a non-array"))),
        _ if is_jsonb => Err(invalid("cannot extract elements from a scalar")),
        _ => Err(invalid(format!("cannot call {name} on a scalar"))),
    }
}

fn object_keys(signature: &str) -> Function {
    let name = name_of(signature);
    let run = move |_: &Call, arrays: &[ArrayRef], rows: usize| {
        lists(rows, |row, values| {
            let text = Text::value(&arrays[0], row);
            match raw::kind(text) {
                JsonKind::Object => {}
                JsonKind::Array => return Err(invalid(format!("cannot call {name} on an array"))),
                _ => return Err(invalid(format!("cannot call {name} on a scalar"))),
            }
            let mut length = 0;
            for (quoted, _) in raw::entries(text) {
                values.append_value(unescape(quoted, true)?);
                length += 1;
            }
            Ok(length)
        })
    };
    Function::new(signature, Implementation::arrays(run))
}

fn finished(call: &Call, text: String) -> SqlResult<ScalarValue> {
    let text = if call.returns == SqlType::Jsonb { canonical(&text)? } else { text };
    Ok(ScalarValue::Utf8(Some(text)))
}

fn aggregate(call: &Call, columns: &[ArrayRef], rows: usize) -> SqlResult<ScalarValue> {
    if rows == 0 {
        return Ok(ScalarValue::Utf8(None));
    }
    let sql_type = &call.arguments[0];
    let is_structured = matches!(sql_type, SqlType::Array(_) | SqlType::Record(_));
    let mut out = String::from("[");
    for row in 0..rows {
        out.push_str(match row {
            0 => "",
            _ if is_structured => ", \n ",
            _ => ", ",
        });
        push_value(&mut out, &columns[0], row, sql_type, &call.environment)?;
    }
    out.push(']');
    finished(call, out)
}

fn object_aggregate(call: &Call, columns: &[ArrayRef], rows: usize) -> SqlResult<ScalarValue> {
    if rows == 0 {
        return Ok(ScalarValue::Utf8(None));
    }
    let mut out = String::from("{ ");
    for row in 0..rows {
        if columns[0].is_null(row) {
            return Err(invalid("field name must not be null"));
        }
        out.push_str(if row == 0 { "" } else { ", " });
        push_name(&mut out, &columns[0], row, &call.arguments[0], &call.environment)?;
        out.push_str(" : ");
        push_value(&mut out, &columns[1], row, &call.arguments[1], &call.environment)?;
    }
    out.push_str(" }");
    finished(call, out)
}
