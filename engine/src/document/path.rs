//! Paths such as `address.city` or `items.0.price`, and what they reach.
//!
//! ```text
//!   {"items": [{"price": 1}, {"price": 2}, {}]}      items.price --> 1, 2, missing       items.1.price --> 2
//! ```
//!
//! - A name goes through an array to the objects in it; a number names an element, or a field of that name.
//! - What is reached counts itself and, when it is an array, each of its elements.
//! - A path that reaches nothing at all, as through an array without objects, counts as missing.

use serde_json::Value;

use super::order::{self, Class};
use crate::error::{Error, Result};
use crate::limits::{DOCUMENT_DEPTH_MAX, DOCUMENT_PATH_SIZE_BYTES_MAX};

/// What a missing field compares as.
pub(super) static MISSING: Value = Value::Null;

/// The field that holds the id.
pub(super) const ID: &str = "_id";

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    pub(super) name: String,
    /// The element that the name stands for in an array.
    pub(super) position: Option<usize>,
}

/// A parsed path; without steps it is the value itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
}

impl Path {
    /// The path to the value itself.
    pub(super) fn here() -> Self {
        Path { steps: Vec::new() }
    }

    /// The path that `text` writes.
    ///
    /// # Errors
    /// `Invalid` for an empty name in it, `Unsupported` for an operator in it, `LimitExceeded` when it is too long.
    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.len() > DOCUMENT_PATH_SIZE_BYTES_MAX {
            return Err(Error::limit_exceeded(format!(
                "a path is {} bytes long, the limit is {DOCUMENT_PATH_SIZE_BYTES_MAX}; use shorter names",
                text.len()
            )));
        }
        let steps: Vec<Step> = text.split('.').map(step).collect();
        if steps.len() > DOCUMENT_DEPTH_MAX {
            return Err(Error::limit_exceeded(format!(
                "a path has {} names, the limit is {DOCUMENT_DEPTH_MAX}; documents do not nest deeper",
                steps.len()
            )));
        }
        if steps.iter().any(|step| step.name.is_empty()) {
            return Err(Error::invalid(format!("the path {text:?} has an empty name in it; write it as \"a.b\"")));
        }
        match steps.iter().find(|step| step.name.starts_with('$')) {
            Some(step) => Err(Error::unsupported(format!(
                "{:?} in the path {text:?} is not offered; name fields, and elements by their number",
                step.name
            ))),
            None => Ok(Path { steps }),
        }
    }

    pub(super) fn is_id(&self) -> bool {
        matches!(&self.steps[..], [step] if step.name == ID)
    }

    /// Calls `visit` with everything that the path reaches in `value`: `None` for what is missing. True when an array
    /// was on the way or was reached.
    pub(super) fn reach<'v>(&self, value: &'v Value, visit: &mut dyn FnMut(Option<&'v Value>)) -> bool {
        let mut reached = false;
        let mut arrays = false;
        walk(value, &self.steps, &mut arrays, &mut |value| {
            reached = true;
            visit(value);
        });
        if !reached {
            visit(None);
        }
        arrays
    }

    /// Whether anything that the path reaches passes `test`, itself or as an element.
    pub(super) fn any(&self, value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
        let mut found = false;
        self.reach(value, &mut |reached| {
            found = found
                || match reached {
                    None => test(&MISSING),
                    Some(array @ Value::Array(items)) => test(array) || items.iter().any(test),
                    Some(value) => test(value),
                };
        });
        found
    }

    /// The keys that `document` is found and sorted by under this path, and whether arrays are involved.
    pub(super) fn keys(&self, document: &Value) -> (Vec<Vec<u8>>, bool) {
        let mut keys = Vec::new();
        let arrays = self.reach(document, &mut |reached| match reached {
            Some(Value::Array(items)) if items.is_empty() => keys.push(vec![Class::EmptyArray as u8]),
            Some(Value::Array(items)) => keys.extend(items.iter().map(order::key)),
            value => keys.push(order::key(value.unwrap_or(&MISSING))),
        });
        keys.sort_unstable();
        keys.dedup();
        (keys, arrays)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", step.name)?;
        }
        Ok(())
    }
}

fn step(name: &str) -> Step {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    Step { name: name.to_owned(), position: is_number.then(|| name.parse().ok()).flatten() }
}

fn walk<'v>(value: &'v Value, steps: &[Step], arrays: &mut bool, visit: &mut dyn FnMut(Option<&'v Value>)) {
    let Some((step, rest)) = steps.split_first() else {
        *arrays |= value.is_array();
        return visit(Some(value));
    };
    match value {
        Value::Object(fields) => match fields.get(&step.name) {
            Some(value) => walk(value, rest, arrays, visit),
            None => visit(None),
        },
        Value::Array(items) => {
            *arrays = true;
            for (position, item) in items.iter().enumerate() {
                if step.position == Some(position) {
                    walk(item, rest, arrays, visit);
                }
                let Value::Object(fields) = item else { continue };
                match fields.get(&step.name) {
                    Some(value) => walk(value, rest, arrays, visit),
                    None if step.position.is_none() => visit(None),
                    None => {}
                }
            }
        }
        _ => visit(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_reach_through_objects_and_arrays() {
        let document = json!({
            "a": {"b": 1}, "items": [{"price": 1}, {"price": [2, 3]}, {}, 7], "empty": [], "nested": [[{"x": 1}]],
            "scalar": 5, "named": [{"0": "zero"}],
        });
        for (path, expected) in [
            ("a.b", json!([1])),
            ("a.c", json!(["missing"])),
            ("items.price", json!([1, [2, 3], "missing"])),
            ("items.1.price", json!([[2, 3]])),
            ("items.1.price.0", json!([2])),
            ("items.9", json!(["missing"])),
            ("empty.x", json!(["missing"])),
            ("nested.x", json!(["missing"])),
            ("nested.0.x", json!([1])),
            ("scalar.x", json!(["missing"])),
            ("named.0", json!([{"0": "zero"}, "zero"])),
        ] {
            let mut found = Vec::new();
            Path::parse(path).unwrap().reach(&document, &mut |value| {
                found.push(value.cloned().unwrap_or_else(|| json!("missing")));
            });
            assert_eq!(Value::Array(found), expected, "{path}");
        }
    }

    #[test]
    fn bad_paths_are_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a.$", "a.$[].b", "$a"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Path::parse(&"a".repeat(2_000)).is_err());
        assert!(Path::parse(&["a"; 65].join(".")).is_err());
        assert_eq!(Path::parse("a.00.18446744073709551616").unwrap().steps[1].position, None);
    }
}
