//! jsonb values made from others: joined, without something, with something at a path.

use super::value::Json;
use crate::condition::{Condition, SqlError, SqlResult};

fn invalid(message: &str) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, message)
}

/// Both joined: the names of two objects, the elements of two arrays; anything else counts as an array of itself.
pub fn concatenated(left: Json, right: Json) -> Json {
    match (left, right) {
        (Json::Object(mut left), Json::Object(right)) => {
            left.extend(right);
            Json::object(left)
        }
        (left, right) => {
            let mut values = as_elements(left);
            values.extend(as_elements(right));
            Json::Array(values)
        }
    }
}

fn as_elements(value: Json) -> Vec<Json> {
    match value {
        Json::Array(values) => values,
        other => vec![other],
    }
}

/// Without these names of an object or these strings of an array.
pub(crate) fn without_names(value: Json, names: &[String]) -> SqlResult<Json> {
    match value {
        Json::Object(mut entries) => {
            entries.retain(|(name, _)| !names.contains(name));
            Ok(Json::Object(entries))
        }
        Json::Array(mut values) => {
            values.retain(|value| !matches!(value, Json::String(text) if names.contains(text)));
            Ok(Json::Array(values))
        }
        _ => Err(invalid("cannot delete from scalar")),
    }
}

/// Without an element of an array.
pub(crate) fn without_element(value: Json, index: i32) -> SqlResult<Json> {
    match value {
        Json::Array(mut values) => {
            if let Some(place) = place_of(index, values.len()) {
                values.remove(place);
            }
            Ok(Json::Array(values))
        }
        Json::Object(_) => Err(invalid("cannot delete from object using integer index")),
        _ => Err(invalid("cannot delete from scalar")),
    }
}

/// The place of an element that is counted from 0 or, if negative, from the end.
fn place_of(index: i32, count: usize) -> Option<usize> {
    let place = match usize::try_from(index) {
        Ok(place) => place,
        Err(_) => count.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    (place < count).then_some(place)
}

/// What is done at the end of a path.
#[derive(Debug, Clone)]
pub enum Change {
    /// The value there is taken away.
    Delete,
    /// The value there is replaced; if there is none it is added when `creates`.
    Set {
        /// The new value.
        value: Json,
        /// Whether it is added when there is none.
        creates: bool,
    },
    /// The value is added beside the element there, or under a new name.
    Insert {
        /// The new value.
        value: Json,
        /// Behind the element instead of before it.
        is_after: bool,
    },
}

/// The value with a change at the end of a path.
pub fn changed(value: Json, path: &[Option<String>], change: &Change) -> SqlResult<Json> {
    if value.is_scalar() {
        return Err(invalid(match change {
            Change::Delete => "cannot delete path in scalar",
            Change::Set { .. } | Change::Insert { .. } => "cannot set path in scalar",
        }));
    }
    let mut value = value;
    if !path.is_empty() {
        change_at(&mut value, path, 0, change)?;
    }
    Ok(value)
}

fn change_at(value: &mut Json, path: &[Option<String>], level: usize, change: &Change) -> SqlResult<()> {
    if value.is_scalar() {
        return Ok(());
    }
    let step = path[level].as_deref().ok_or_else(|| {
        SqlError::new(Condition::NullValueNotAllowed, format!("path element at position {} is null", level + 1))
    })?;
    let is_last = level + 1 == path.len();
    match value {
        Json::Object(entries) => {
            let place = entries.iter().position(|(name, _)| name == step);
            match place {
                Some(place) if !is_last => return change_at(&mut entries[place].1, path, level + 1, change),
                None if !is_last => {}
                place => change_entry(entries, step, place, change)?,
            }
        }
        Json::Array(values) => {
            let index: i32 = step.trim().parse().map_err(|_| {
                let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
                SqlError::new(Condition::InvalidTextRepresentation, message)
            })?;
            if is_last {
                change_element(values, index, change);
            } else if let Some(place) = place_of(index, values.len()) {
                return change_at(&mut values[place], path, level + 1, change);
            }
        }
        _ => {}
    }
    Ok(())
}

fn change_entry(entries: &mut Vec<(String, Json)>, name: &str, place: Option<usize>, change: &Change) -> SqlResult<()> {
    match (place, change) {
        (Some(place), Change::Delete) => {
            entries.remove(place);
        }
        (Some(place), Change::Set { value, .. }) => entries[place].1 = value.clone(),
        (Some(_), Change::Insert { .. }) => {
            return Err(
                invalid("cannot replace existing key").hint("Try using the function jsonb_set to replace key value.")
            );
        }
        (None, Change::Set { value, creates: true } | Change::Insert { value, .. }) => {
            let mut all = std::mem::take(entries);
            all.push((name.to_owned(), value.clone()));
            if let Json::Object(sorted) = Json::object(all) {
                *entries = sorted;
            }
        }
        (None, Change::Delete | Change::Set { creates: false, .. }) => {}
    }
    Ok(())
}

fn change_element(values: &mut Vec<Json>, index: i32, change: &Change) {
    match (place_of(index, values.len()), change) {
        (Some(place), Change::Delete) => {
            values.remove(place);
        }
        (Some(place), Change::Set { value, .. }) => values[place] = value.clone(),
        (Some(place), Change::Insert { value, is_after }) => {
            values.insert(place + usize::from(*is_after), value.clone());
        }
        (None, Change::Set { value, creates: true } | Change::Insert { value, .. }) => {
            // Before the first if it is counted from the end, else behind the last.
            let place = if index < 0 { 0 } else { values.len() };
            values.insert(place, value.clone());
        }
        (None, Change::Delete | Change::Set { creates: false, .. }) => {}
    }
}

/// Without the names whose value is null, however deep.
pub(crate) fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(entries) => Json::Object(
            entries
                .into_iter()
                .filter(|(_, value)| *value != Json::Null)
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Json::Array(values) => Json::Array(values.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}

/// The same of a text of type json, whose names keep their order.
pub(crate) fn text_without_nulls(text: &str) -> String {
    use super::raw::{Kind, elements, entries, kind};
    match kind(text) {
        Kind::Object => {
            let kept: Vec<String> = entries(text)
                .filter(|(_, value)| kind(value) != Kind::Null)
                .map(|(name, value)| format!("\"{name}\":{}", text_without_nulls(value)))
                .collect();
            format!("{{{}}}", kept.join(","))
        }
        Kind::Array => {
            let kept: Vec<String> = elements(text).map(text_without_nulls).collect();
            format!("[{}]", kept.join(","))
        }
        _ => text.trim().to_owned(),
    }
}
