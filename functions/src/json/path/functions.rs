//! The functions and operators of paths.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};

use super::execute::{Found, query};
use super::parse::parse_path;
use super::tree::Path;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::json::read::parse;
use crate::json::value::Json;
use crate::registry::{Bool, Function, Implementation, Kind, Text};

pub(in crate::json) fn functions() -> Vec<Function> {
    let mut found = vec![
        Function::new("@?(jsonb, jsonpath) bool", asking(true, exists)),
        Function::new("@@(jsonb, jsonpath) bool", asking(true, matches)),
    ];
    // The variables and whether failures are passed over may be left out.
    for rest in ["", ", jsonb", ", jsonb, bool"] {
        for suffix in ["", "_tz"] {
            let name = |verb: &str| format!("jsonb_path_{verb}{suffix}(jsonb, jsonpath{rest})");
            found.extend([
                Function::new(&format!("{} bool", name("exists")), asking(false, exists)),
                Function::new(&format!("{} bool", name("match")), asking(false, matches)),
                Function::new(&format!("{} jsonb", name("query_array")), texts(query_array)),
                Function::new(&format!("{} jsonb", name("query_first")), texts(query_first)),
                Function::new(
                    &format!("{} setof jsonb", name("query")),
                    Implementation::arrays(|_, arrays, rows| lists(arrays, rows)),
                ),
            ]);
        }
    }
    found
}

fn exists(found: Vec<Found<'_>>) -> SqlResult<Option<bool>> {
    Ok(Some(!found.is_empty()))
}

fn matches(found: Vec<Found<'_>>) -> SqlResult<Option<bool>> {
    if let [value] = found.as_slice() {
        match &**value {
            Json::Bool(value) => return Ok(Some(*value)),
            Json::Null => return Ok(None),
            _ => {}
        }
    }
    Err(SqlError::new(Condition::SingletonSqlJsonItemRequired, "single boolean result is expected"))
}

fn query_array(found: Vec<Found<'_>>) -> Option<String> {
    Some(Json::Array(found.into_iter().map(Found::into_owned).collect()).text())
}

fn query_first(found: Vec<Found<'_>>) -> Option<String> {
    found.first().map(|value| value.text())
}

/// The paths of a column, of which the last one that was read is kept: mostly they are all the same.
#[derive(Default)]
struct Paths {
    last: Option<(String, Arc<Path>)>,
}

impl Paths {
    fn read(&mut self, text: &str) -> SqlResult<Arc<Path>> {
        if let Some((known, path)) = &self.last
            && known == text
        {
            return Ok(path.clone());
        }
        let path = Arc::new(parse_path(text)?);
        self.last = Some((text.to_owned(), path.clone()));
        Ok(path)
    }
}

/// What a path finds in the value of a row, handed to `then`; none if it fails and failures are passed over.
fn run<T>(
    paths: &mut Paths,
    arrays: &[ArrayRef],
    row: usize,
    is_silent: bool,
    then: impl Fn(Vec<Found<'_>>) -> SqlResult<T>,
) -> SqlResult<Option<T>> {
    let path = paths.read(Text::value(&arrays[1], row))?;
    let value = parse(Text::value(&arrays[0], row))?;
    let variables = match arrays.get(2) {
        Some(array) => parse(Text::value(array, row))?,
        None => Json::Object(Vec::new()),
    };
    if !matches!(variables, Json::Object(_)) {
        let error = SqlError::new(Condition::InvalidParameterValue, "\"vars\" argument is not an object");
        return Err(error.detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
    }
    let is_silent = is_silent || arrays.get(3).is_some_and(|array| Bool::value(array, row));
    match query(&path, &value, &variables).and_then(then) {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_silent && is_of_data(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a failure is one of the data, which can be passed over.
fn is_of_data(error: &SqlError) -> bool {
    error.condition.code().starts_with("22")
}

fn asking(
    is_silent: bool,
    then: impl Fn(Vec<Found<'_>>) -> SqlResult<Option<bool>> + Copy + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        let mut paths = Paths::default();
        Bool::column((0..rows).map(|row| Ok(run(&mut paths, arrays, row, is_silent, then)?.flatten())))
    })
}

fn texts(then: impl Fn(Vec<Found<'_>>) -> Option<String> + Copy + Send + Sync + 'static) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        let mut paths = Paths::default();
        Text::column((0..rows).map(|row| {
            let found = run(&mut paths, arrays, row, false, |found| Ok(then(found)))?;
            Ok(found.unwrap_or_else(|| then(Vec::new())))
        }))
    })
}

fn lists(arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let mut paths = Paths::default();
    let mut values = StringBuilder::new();
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        let found = run(&mut paths, arrays, row, false, |found| {
            Ok(found.iter().map(|value| value.text()).collect::<Vec<String>>())
        })?;
        let found = found.unwrap_or_default();
        lengths.push(found.len());
        found.iter().for_each(|text| values.append_value(text));
    }
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), Arc::new(values.finish()), None)))
}
