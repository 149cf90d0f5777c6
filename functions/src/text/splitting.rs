//! Texts cut at separators.

use arrow::array::{Array, ArrayRef, AsArray};

use crate::condition::SqlResult;
use crate::registry::{Function, Implementation, Kind, ListOf, Text};

/// The fields of a text: without a separator its characters; what equals `null` is NULL.
fn fields(text: &str, separator: Option<&str>, null: Option<&str>) -> Vec<Option<String>> {
    let parts: Vec<String> = match separator {
        _ if text.is_empty() => Vec::new(),
        None => text.chars().map(String::from).collect(),
        Some("") => vec![text.to_owned()],
        Some(separator) => text.split(separator).map(str::to_owned).collect(),
    };
    parts.into_iter().map(|part| (Some(part.as_str()) != null).then_some(part)).collect()
}

fn cut(arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let at = |index: usize, row: usize| {
        let array = arrays.get(index)?.as_string::<i32>();
        array.is_valid(row).then(|| array.value(row))
    };
    ListOf::<Text>::column((0..rows).map(|row| Ok(at(0, row).map(|text| fields(text, at(1, row), at(2, row))))))
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (name, returns) in [("string_to_array", "_text"), ("string_to_table", "setof text")] {
        for arguments in ["text, text", "text, text, text"] {
            let run = Implementation::arrays(|_, arrays, rows| cut(arrays, rows));
            functions.push(Function::new(&format!("{name}({arguments}) {returns}"), run).called_on_null());
        }
    }
    functions
}
