//! The operators of json and jsonb, and the functions that do the same.

use arrow::array::{Array, ArrayRef, AsArray};

use super::change::{Change, changed, concatenated, without_element, without_names};
use super::order::contains;
use super::raw;
use super::read::parse;
use super::value::Json;
use crate::condition::SqlResult;
use crate::registry::{Bool, Function, Implementation, Int4, Kind, Text, two};

/// Type `text[]`: texts, some of them NULL.
#[derive(Debug)]
pub(crate) struct Texts;

impl Kind for Texts {
    type Ref<'a> = Vec<Option<String>>;
    type Owned = Vec<Option<String>>;

    fn value(array: &ArrayRef, row: usize) -> Vec<Option<String>> {
        let values = array.as_list::<i32>().value(row);
        values.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<Self::Owned>>>) -> SqlResult<ArrayRef> {
        let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
        for value in values {
            builder.append_option(value?);
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// The texts that are not NULL.
pub(super) fn known(texts: Vec<Option<String>>) -> Vec<String> {
    texts.into_iter().flatten().collect()
}

fn owned(found: Option<&str>) -> Option<String> {
    found.map(str::to_owned)
}

fn text_of(found: Option<&str>) -> SqlResult<Option<String>> {
    found.map_or(Ok(None), raw::as_text)
}

pub(super) fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for name in ["json", "jsonb"] {
        found.extend(getters(name));
        found.push(extract_path(&format!("{name}_extract_path({name}, variadic text) {name}"), false));
        found.push(extract_path(&format!("{name}_extract_path_text({name}, variadic text) text"), true));
    }
    found.extend(subscripts());
    found.extend(questions());
    found.extend(changes());
    found
}

fn getters(name: &str) -> Vec<Function> {
    vec![
        Function::new(
            &format!("->({name}, text) {name}"),
            two::<Text, Text, Text, _>(|value, field| raw::field(value, field).map(owned)),
        ),
        Function::new(
            &format!("->({name}, int4) {name}"),
            two::<Text, Int4, Text, _>(|value, index| owned(raw::element(value, index.into()))),
        ),
        Function::new(
            &format!("->>({name}, text) text"),
            two::<Text, Text, Text, _>(|value, field| text_of(raw::field(value, field)?)),
        ),
        Function::new(
            &format!("->>({name}, int4) text"),
            two::<Text, Int4, Text, _>(|value, index| text_of(raw::element(value, index.into()))),
        ),
        Function::new(
            &format!("#>({name}, text[]) {name}"),
            two::<Text, Texts, Text, _>(|value, path| raw::at_path(value, &path).map(owned)),
        ),
        Function::new(
            &format!("#>>({name}, text[]) text"),
            two::<Text, Texts, Text, _>(|value, path| text_of(raw::at_path(value, &path)?)),
        ),
    ]
}

/// The value at the end of a path whose steps are arguments.
fn extract_path(signature: &str, as_text: bool) -> Function {
    let run = Implementation::arrays(move |_, arrays, rows| {
        Text::column((0..rows).map(|row| {
            if arrays.iter().any(|array| array.is_null(row)) {
                return Ok(None);
            }
            let path: Vec<Option<String>> =
                arrays[1..].iter().map(|array| Some(Text::value(array, row).to_owned())).collect();
            let found = raw::at_path(Text::value(&arrays[0], row), &path)?;
            if as_text { text_of(found) } else { Ok(owned(found)) }
        }))
    });
    Function::new(signature, run)
}

/// Whether a name is one of an object, or a string an element of an array or the value itself.
fn has_name(value: &Json, name: &str) -> bool {
    match value {
        Json::Object(_) => value.field(name).is_some(),
        Json::Array(values) => values.iter().any(|value| matches!(value, Json::String(text) if text == name)),
        Json::String(text) => text == name,
        _ => false,
    }
}

/// A part of a value by a subscript, whether it is a number or a name.
fn subscripts() -> Vec<Function> {
    vec![
        Function::new(
            "jsonb_subscript(jsonb, int4) jsonb",
            two::<Text, Int4, Text, _>(|value, step| raw::at_path(value, &[Some(step.to_string())]).map(owned)),
        ),
        Function::new(
            "jsonb_subscript(jsonb, text) jsonb",
            two::<Text, Text, Text, _>(|value, step| raw::at_path(value, &[Some(step.to_owned())]).map(owned)),
        ),
    ]
}

fn questions() -> Vec<Function> {
    let contained = |left: &str, right: &str| -> SqlResult<bool> { Ok(contains(&parse(left)?, &parse(right)?)) };
    vec![
        Function::new("@>(jsonb, jsonb) bool", two::<Text, Text, Bool, _>(contained)),
        Function::new("jsonb_contains(jsonb, jsonb) bool", two::<Text, Text, Bool, _>(contained)),
        Function::new("<@(jsonb, jsonb) bool", two::<Text, Text, Bool, _>(move |left, right| contained(right, left))),
        Function::new(
            "jsonb_contained(jsonb, jsonb) bool",
            two::<Text, Text, Bool, _>(move |left, right| contained(right, left)),
        ),
        Function::new("?(jsonb, text) bool", two::<Text, Text, Bool, _>(exists)),
        Function::new("jsonb_exists(jsonb, text) bool", two::<Text, Text, Bool, _>(exists)),
        Function::new("?|(jsonb, text[]) bool", two::<Text, Texts, Bool, _>(exists_any)),
        Function::new("jsonb_exists_any(jsonb, text[]) bool", two::<Text, Texts, Bool, _>(exists_any)),
        Function::new("?&(jsonb, text[]) bool", two::<Text, Texts, Bool, _>(exists_all)),
        Function::new("jsonb_exists_all(jsonb, text[]) bool", two::<Text, Texts, Bool, _>(exists_all)),
    ]
}

fn exists(value: &str, name: &str) -> SqlResult<bool> {
    Ok(has_name(&parse(value)?, name))
}

fn exists_any(value: &str, names: Vec<Option<String>>) -> SqlResult<bool> {
    let value = parse(value)?;
    Ok(known(names).iter().any(|name| has_name(&value, name)))
}

fn exists_all(value: &str, names: Vec<Option<String>>) -> SqlResult<bool> {
    let value = parse(value)?;
    Ok(known(names).iter().all(|name| has_name(&value, name)))
}

fn concatenate(left: &str, right: &str) -> SqlResult<String> {
    Ok(concatenated(parse(left)?, parse(right)?).text())
}

fn delete_path(value: &str, path: Vec<Option<String>>) -> SqlResult<String> {
    Ok(changed(parse(value)?, &path, &Change::Delete)?.text())
}

fn changes() -> Vec<Function> {
    let mut found = vec![
        Function::new("||(jsonb, jsonb) jsonb", two::<Text, Text, Text, _>(concatenate)),
        Function::new("jsonb_concat(jsonb, jsonb) jsonb", two::<Text, Text, Text, _>(concatenate)),
        Function::new("#-(jsonb, text[]) jsonb", two::<Text, Texts, Text, _>(delete_path)),
        Function::new("jsonb_delete_path(jsonb, text[]) jsonb", two::<Text, Texts, Text, _>(delete_path)),
    ];
    for name in ["-", "jsonb_delete"] {
        found.extend([
            Function::new(
                &format!("{name}(jsonb, text) jsonb"),
                two::<Text, Text, Text, _>(|value, name| -> SqlResult<String> {
                    Ok(without_names(parse(value)?, &[name.to_owned()])?.text())
                }),
            ),
            Function::new(
                &format!("{name}(jsonb, int4) jsonb"),
                two::<Text, Int4, Text, _>(|value, index| -> SqlResult<String> {
                    Ok(without_element(parse(value)?, index)?.text())
                }),
            ),
            Function::new(
                &format!("{name}(jsonb, text[]) jsonb"),
                two::<Text, Texts, Text, _>(|value, names| -> SqlResult<String> {
                    Ok(without_names(parse(value)?, &known(names))?.text())
                }),
            ),
        ]);
    }
    found
}
