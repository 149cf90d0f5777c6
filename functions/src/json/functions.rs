//! The functions of json and jsonb by their names.

use arrow::array::{Array, ArrayRef};

use super::build::{push_name, push_value};
use super::change::{Change, changed, text_without_nulls, without_nulls};
use super::operators::Texts;
use super::raw::{self, Kind as JsonKind};
use super::read::{canonical, parse, validate};
use super::write::{pretty, push_string};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bool, Call, Function, Implementation, Int4, Kind, Text, one, three, two};

pub(super) fn functions() -> Vec<Function> {
    [made(), looked_at(), changed_values(), checks()].into_iter().flatten().collect()
}

pub(super) fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, message)
}

/// A JSON text for each row, canonical if the function returns jsonb.
fn texts(call: &Call, rows: usize, text: impl Fn(usize) -> SqlResult<String>) -> SqlResult<ArrayRef> {
    let is_jsonb = call.returns == crate::SqlType::Jsonb;
    Text::column((0..rows).map(|row| {
        let text = text(row)?;
        if is_jsonb { canonical(&text).map(Some) } else { Ok(Some(text)) }
    }))
}

fn made() -> Vec<Function> {
    let value = || {
        Implementation::arrays(|call, arrays, rows| {
            texts(call, rows, |row| {
                let mut out = String::new();
                push_value(&mut out, &arrays[0], row, &call.arguments[0], &call.environment)?;
                Ok(out)
            })
        })
    };
    let mut found = vec![
        Function::new("to_json(anyelement) json", value()).stable(),
        Function::new("to_jsonb(anyelement) jsonb", value()).stable(),
        Function::new("array_to_json(anyarray) json", value()).stable(),
        Function::new("row_to_json(record) json", value()).stable(),
    ];
    for name in ["json", "jsonb"] {
        found.extend([
            Function::new(&format!("{name}_build_array(variadic any) {name}"), Implementation::arrays(build_array))
                .called_on_null()
                .stable(),
            Function::new(&format!("{name}_build_array() {name}"), Implementation::arrays(build_array)).stable(),
            Function::new(&format!("{name}_build_object(variadic any) {name}"), Implementation::arrays(build_object))
                .called_on_null()
                .stable(),
            Function::new(&format!("{name}_build_object() {name}"), Implementation::arrays(build_object)).stable(),
            Function::new(
                &format!("{name}_object(text[]) {name}"),
                Implementation::arrays(|call, arrays, rows| {
                    texts(call, rows, |row| object_of_pairs(&Texts::value(&arrays[0], row)))
                }),
            ),
            Function::new(
                &format!("{name}_object(text[], text[]) {name}"),
                Implementation::arrays(|call, arrays, rows| {
                    texts(call, rows, |row| object_of(&Texts::value(&arrays[0], row), &Texts::value(&arrays[1], row)))
                }),
            ),
        ]);
    }
    found
}

fn build_array(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    texts(call, rows, |row| {
        let mut out = String::from("[");
        for (index, (array, sql_type)) in arrays.iter().zip(&call.arguments).enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            push_value(&mut out, array, row, sql_type, &call.environment)?;
        }
        out.push(']');
        Ok(out)
    })
}

fn build_object(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let is_jsonb = call.returns == crate::SqlType::Jsonb;
    let name = if is_jsonb { "jsonb_build_object" } else { "json_build_object" };
    if !arrays.len().is_multiple_of(2) {
        return Err(invalid("argument list must have even number of elements")
            .hint(format!("The arguments of {name}() must consist of alternating keys and values.")));
    }
    texts(call, rows, |row| {
        let mut out = String::from("{");
        for index in (0..arrays.len()).step_by(2) {
            out.push_str(if index == 0 { "" } else { ", " });
            if arrays[index].is_null(row) {
                let place = index + 1;
                return Err(if is_jsonb {
                    invalid(format!("argument {place}: key must not be null"))
                } else {
                    invalid(format!("argument {place} cannot be null")).hint("Object keys should be text.")
                });
            }
            push_name(&mut out, &arrays[index], row, &call.arguments[index], &call.environment)?;
            out.push_str(" : ");
            push_value(&mut out, &arrays[index + 1], row, &call.arguments[index + 1], &call.environment)?;
        }
        out.push('}');
        Ok(out)
    })
}

fn object_of_pairs(texts: &[Option<String>]) -> SqlResult<String> {
    if !texts.len().is_multiple_of(2) {
        return Err(SqlError::new(Condition::ArraySubscriptError, "array must have even number of elements"));
    }
    let names: Vec<Option<String>> = texts.iter().step_by(2).cloned().collect();
    let values: Vec<Option<String>> = texts.iter().skip(1).step_by(2).cloned().collect();
    object_of(&names, &values)
}

fn object_of(names: &[Option<String>], values: &[Option<String>]) -> SqlResult<String> {
    if names.len() != values.len() {
        return Err(SqlError::new(Condition::ArraySubscriptError, "mismatched array dimensions"));
    }
    let mut out = String::from("{");
    for (index, (name, value)) in names.iter().zip(values).enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        let name = name
            .as_ref()
            .ok_or_else(|| SqlError::new(Condition::NullValueNotAllowed, "null value not allowed for object key"))?;
        push_string(&mut out, name);
        out.push_str(" : ");
        match value {
            Some(value) => push_string(&mut out, value),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Ok(out)
}

fn looked_at() -> Vec<Function> {
    let mut found = Vec::new();
    for name in ["json", "jsonb"] {
        found.extend([
            Function::new(
                &format!("{name}_typeof({name}) text"),
                one::<Text, Text, _>(|value| raw::kind(value).name().to_owned()),
            ),
            Function::new(&format!("{name}_array_length({name}) int4"), one::<Text, Int4, _>(array_length)),
        ]);
    }
    found.push(Function::new(
        "jsonb_pretty(jsonb) text",
        one::<Text, Text, _>(|value| -> SqlResult<String> { Ok(pretty(&parse(value)?)) }),
    ));
    found
}

fn array_length(value: &str) -> SqlResult<i32> {
    match raw::kind(value) {
        JsonKind::Array => Ok(i32::try_from(raw::elements(value).count()).unwrap_or(i32::MAX)),
        JsonKind::Object => Err(invalid("cannot get array length of a non-array")),
        _ => Err(invalid("cannot get array length of a scalar")),
    }
}

fn set(value: &str, path: &[Option<String>], new: &str, creates: bool) -> SqlResult<String> {
    Ok(changed(parse(value)?, path, &Change::Set { value: parse(new)?, creates })?.text())
}

fn insert(value: &str, path: &[Option<String>], new: &str, is_after: bool) -> SqlResult<String> {
    Ok(changed(parse(value)?, path, &Change::Insert { value: parse(new)?, is_after })?.text())
}

/// A function of a value, a path, a new value and perhaps a flag.
fn with_flag(
    default: bool,
    run: impl Fn(&str, &[Option<String>], &str, bool) -> SqlResult<String> + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        Text::column((0..rows).map(|row| {
            let flag = arrays.get(3).map_or(default, |array| Bool::value(array, row));
            let path = Texts::value(&arrays[1], row);
            run(Text::value(&arrays[0], row), &path, Text::value(&arrays[2], row), flag).map(Some)
        }))
    })
}

fn set_lax(_: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    Text::column((0..rows).map(|row| {
        if arrays[0].is_null(row) || arrays[1].is_null(row) || arrays.get(3).is_some_and(|array| array.is_null(row)) {
            return Ok(None);
        }
        let (value, path) = (Text::value(&arrays[0], row), Texts::value(&arrays[1], row));
        let creates = arrays.get(3).is_none_or(|array| Bool::value(array, row));
        if !arrays[2].is_null(row) {
            return set(value, &path, Text::value(&arrays[2], row), creates).map(Some);
        }
        let treatment = match arrays.get(4) {
            None => "use_json_null",
            Some(array) if array.is_null(row) => "",
            Some(array) => Text::value(array, row),
        };
        match treatment {
            "use_json_null" => set(value, &path, "null", creates).map(Some),
            "delete_key" => Ok(Some(changed(parse(value)?, &path, &Change::Delete)?.text())),
            "return_target" => Ok(Some(value.to_owned())),
            "raise_exception" => Err(SqlError::new(Condition::NullValueNotAllowed, "JSON value must not be null")
                .detail("Exception was raised because null_value_treatment is \"raise_exception\".")
                .hint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")),
            _ => Err(invalid(
                "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
            )),
        }
    }))
}

fn changed_values() -> Vec<Function> {
    vec![
        Function::new("jsonb_set(jsonb, text[], jsonb) jsonb", with_flag(true, set)),
        Function::new("jsonb_set(jsonb, text[], jsonb, bool) jsonb", with_flag(true, set)),
        Function::new("jsonb_insert(jsonb, text[], jsonb) jsonb", with_flag(false, insert)),
        Function::new("jsonb_insert(jsonb, text[], jsonb, bool) jsonb", with_flag(false, insert)),
        Function::new("jsonb_set_lax(jsonb, text[], jsonb) jsonb", Implementation::arrays(set_lax)).called_on_null(),
        Function::new("jsonb_set_lax(jsonb, text[], jsonb, bool) jsonb", Implementation::arrays(set_lax))
            .called_on_null(),
        Function::new("jsonb_set_lax(jsonb, text[], jsonb, bool, text) jsonb", Implementation::arrays(set_lax))
            .called_on_null(),
        Function::new("json_strip_nulls(json) json", one::<Text, Text, _>(text_without_nulls)),
        Function::new(
            "jsonb_strip_nulls(jsonb) jsonb",
            one::<Text, Text, _>(|value| -> SqlResult<String> { Ok(without_nulls(parse(value)?).text()) }),
        ),
    ]
}

/// What a text is to be for IS JSON: `value`, `scalar`, `array` or `object`.
pub fn is_json(text: &str, wanted: &str, has_unique_names: bool) -> bool {
    if validate(text).is_err() {
        return false;
    }
    let kind = raw::kind(text);
    let is_kind = match wanted {
        "object" => kind == JsonKind::Object,
        "array" => kind == JsonKind::Array,
        "scalar" => !matches!(kind, JsonKind::Object | JsonKind::Array),
        _ => true,
    };
    is_kind && (!has_unique_names || names_are_unique(text))
}

fn names_are_unique(text: &str) -> bool {
    match raw::kind(text) {
        JsonKind::Object => {
            let mut seen = std::collections::HashSet::new();
            raw::entries(text).all(|(name, value)| {
                let name = super::read::unescape(name, false).unwrap_or_else(|_| name.to_owned());
                seen.insert(name) && names_are_unique(value)
            })
        }
        JsonKind::Array => raw::elements(text).all(names_are_unique),
        _ => true,
    }
}

fn checks() -> Vec<Function> {
    vec![
        Function::new("is_json(text) bool", one::<Text, Bool, _>(|text| is_json(text, "value", false))),
        Function::new(
            "is_json(text, text) bool",
            two::<Text, Text, Bool, _>(|text, wanted| is_json(text, wanted, false)),
        ),
        Function::new("is_json(text, text, bool) bool", three::<Text, Text, Bool, Bool, _>(is_json)),
    ]
}
