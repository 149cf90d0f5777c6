//! The one place in a document that a path of an update names.
//!
//! ```text
//!   {"a": {"b": [1, 2]}}     a.b.1 --> element 1 of an array     a.c.d --> field d of an object that is made on the way
//! ```
//!
//! Unlike the paths of filters, these never fan out: through an array they go by number only.

use serde_json::{Map, Value};

use super::order::kind_name;
use super::path::{Path, Step};
use crate::error::{Error, Result};
use crate::limits::DOCUMENT_ARRAY_PADDING_MAX;

/// A field of an object, there or not, or an element of an array, there or past its end.
#[derive(Debug)]
pub(super) enum Place<'d> {
    Field(&'d mut Map<String, Value>, &'d str),
    Element(&'d mut Vec<Value>, usize),
}

impl Place<'_> {
    pub(super) fn get_mut(&mut self) -> Option<&mut Value> {
        match self {
            Place::Field(fields, name) => fields.get_mut(*name),
            Place::Element(items, position) => items.get_mut(*position),
        }
    }

    pub(super) fn set(&mut self, value: Value) -> Result<()> {
        match self {
            Place::Field(fields, name) => {
                fields.insert((*name).to_owned(), value);
            }
            Place::Element(items, position) => {
                reserve(items, *position)?;
                items[*position] = value;
            }
        }
        Ok(())
    }

    /// Takes out the field; an element becomes null, so that those behind it keep their numbers.
    pub(super) fn take(&mut self) -> Option<Value> {
        match self {
            Place::Field(fields, name) => fields.shift_remove(*name),
            Place::Element(items, position) => items.get_mut(*position).map(Value::take),
        }
    }
}

/// Makes `position` an element of `items`, with null in front of it where nothing was.
fn reserve(items: &mut Vec<Value>, position: usize) -> Result<()> {
    if position.saturating_sub(items.len()) > DOCUMENT_ARRAY_PADDING_MAX {
        return Err(Error::limit_exceeded(format!(
            "element {position} is more than {DOCUMENT_ARRAY_PADDING_MAX} places behind the end of its array; add elements \
             with $push"
        )));
    }
    if position >= items.len() {
        items.resize(position + 1, Value::Null);
    }
    Ok(())
}

/// The place that `path` names, with the objects made that are missing on the way.
///
/// # Errors
/// `Invalid` when something else is in the way, `LimitExceeded` far behind the end of an array.
pub(super) fn made<'d>(document: &'d mut Value, path: &'d Path) -> Result<Place<'d>> {
    let (last, way) = path.steps.split_last().expect("a parsed path has a step");
    let mut value = document;
    for step in way {
        value = match value {
            Value::Object(fields) => fields.entry(step.name.clone()).or_insert_with(|| Value::Object(Map::new())),
            Value::Array(items) => {
                let position = position(path, step)?;
                let is_new = position >= items.len();
                reserve(items, position)?;
                if is_new {
                    items[position] = Value::Object(Map::new());
                }
                &mut items[position]
            }
            other => return Err(in_the_way(path, step, other)),
        };
    }
    match value {
        Value::Object(fields) => Ok(Place::Field(fields, &last.name)),
        Value::Array(items) => Ok(Place::Element(items, position(path, last)?)),
        other => Err(in_the_way(path, last, other)),
    }
}

/// The place that `path` names, or `None` when something on the way is missing.
pub(super) fn existing<'d>(document: &'d mut Value, path: &'d Path) -> Option<Place<'d>> {
    let (last, way) = path.steps.split_last()?;
    let mut value = document;
    for step in way {
        value = match value {
            Value::Object(fields) => fields.get_mut(&step.name)?,
            Value::Array(items) => items.get_mut(step.position?)?,
            _ => return None,
        };
    }
    match value {
        Value::Object(fields) => Some(Place::Field(fields, &last.name)),
        Value::Array(items) => Some(Place::Element(items, last.position?)),
        _ => None,
    }
}

fn position(path: &Path, step: &Step) -> Result<usize> {
    step.position.ok_or_else(|| {
        Error::invalid(format!("the path \"{path}\" names {:?} in an array; name an element by its number", step.name))
    })
}

fn in_the_way(path: &Path, step: &Step, value: &Value) -> Error {
    Error::invalid(format!(
        "the path \"{path}\" leads through {}, which cannot have {:?}; $set an object there first",
        kind_name(value),
        step.name
    ))
}
