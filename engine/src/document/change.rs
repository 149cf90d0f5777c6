//! Updates: operators parsed once into changes of paths, then applied in order.
//!
//! ```text
//!   {"$set": {"a.b": 1}, "$push": {"tags": {"$each": ["x", "y"]}}}  -->  [ a.b: Set 1, tags: Push [x, y] ]
//! ```
//!
//! - No two changes of one update concern the same path or one inside the other, so their order does not matter.
//! - Paths make the objects that are missing on their way; through anything else they are refused.
//! - `_id` cannot be changed; an operator that is not offered is refused.

use serde_json::{Map, Value};

use super::filter::{Filter, operators};
use super::order::{compare, kind_name};
use super::path::{ID, Path};
use super::place::{Place, existing, made};
use super::{arithmetic, stored};
use crate::error::{Error, Result};
use crate::limits::DOCUMENT_UPDATE_CHANGES_MAX;

const OPERATORS: [&str; 11] =
    ["$set", "$setOnInsert", "$unset", "$inc", "$mul", "$min", "$max", "$push", "$addToSet", "$pull", "$rename"];

/// A parsed update.
#[derive(Debug)]
pub(super) struct Update {
    changes: Vec<(Path, Change)>,
}

#[derive(Debug)]
enum Change {
    Set(Value),
    SetOnInsert(Value),
    Unset,
    Increment(Value),
    Multiply(Value),
    Minimum(Value),
    Maximum(Value),
    Push(Vec<Value>),
    AddToSet(Vec<Value>),
    Pull(Pull),
    Rename(Path),
}

/// Which elements are taken out of an array.
#[derive(Debug)]
enum Pull {
    Equal(Value),
    Matching(Filter),
}

impl Pull {
    fn takes(&self, element: &Value) -> bool {
        match self {
            Pull::Equal(value) => compare(value, element).is_eq(),
            Pull::Matching(filter) => filter.matches(element),
        }
    }
}

impl Update {
    /// The update that `value` writes.
    ///
    /// # Errors
    /// `Invalid` when it is not written as one, for `_id` and for paths that overlap; `Unsupported` for an operator that is
    /// not offered; `LimitExceeded` when it is too long.
    pub(super) fn parse(value: &Value) -> Result<Self> {
        let Value::Object(members) = value else {
            return Err(Error::invalid(format!(
                "an update is an object such as {{\"$set\": {{\"price\": 20}}}}, not {}",
                kind_name(value)
            )));
        };
        if members.is_empty() {
            return Err(Error::invalid("an update has at least one operator, such as {\"$set\": {\"price\": 20}}"));
        }
        let mut changes = Vec::new();
        for (name, operand) in members {
            if !name.starts_with('$') {
                return Err(Error::invalid(format!(
                    "{name:?} is not an operator; write {{\"$set\": {{...}}}}, or replace the whole document"
                )));
            }
            if !OPERATORS.contains(&&name[..]) {
                return Err(not_offered(name));
            }
            let Value::Object(paths) = operand else {
                return Err(Error::invalid(format!("{name} takes an object of paths, not {}", kind_name(operand))));
            };
            for (path, operand) in paths {
                changes.push((changeable(path)?, change(name, operand)?));
            }
            if changes.len() > DOCUMENT_UPDATE_CHANGES_MAX {
                return Err(Error::limit_exceeded(format!(
                    "an update has more than {DOCUMENT_UPDATE_CHANGES_MAX} changes; replace the document instead"
                )));
            }
        }
        refuse_overlap(&changes)?;
        Ok(Update { changes })
    }

    /// Makes the changes in `document`; `is_new` when it is being inserted.
    ///
    /// # Errors
    /// `Invalid` when a change does not fit what is there; the document is to be thrown away then.
    pub(super) fn apply(&self, document: &mut Value, is_new: bool) -> Result<()> {
        for (path, change) in &self.changes {
            change.apply(document, path, is_new)?;
        }
        Ok(())
    }
}

/// A path that may be changed.
fn changeable(text: &str) -> Result<Path> {
    let path = Path::parse(text)?;
    match path.steps[0].name == ID {
        true => Err(Error::invalid("_id cannot be changed; insert the document under another id and delete this one")),
        false => Ok(path),
    }
}

fn refuse_overlap(changes: &[(Path, Change)]) -> Result<()> {
    let targets = changes.iter().filter_map(|(_, change)| match change {
        Change::Rename(target) => Some(target),
        _ => None,
    });
    let mut paths: Vec<&Path> = changes.iter().map(|(path, _)| path).chain(targets).collect();
    paths.sort_unstable();
    // In order, a path stands right before those inside it.
    match paths.windows(2).find(|pair| pair[1].steps.starts_with(&pair[0].steps)) {
        Some(pair) => Err(Error::invalid(format!(
            "the update changes both \"{}\" and \"{}\", which overlap; change them one after the other",
            pair[0], pair[1]
        ))),
        None => Ok(()),
    }
}

fn change(name: &str, operand: &Value) -> Result<Change> {
    stored::check_depth(operand)?;
    let number = || match operand {
        Value::Number(_) => Ok(operand.clone()),
        other => Err(Error::invalid(format!("{name} takes a number, not {}", kind_name(other)))),
    };
    Ok(match name {
        "$set" => Change::Set(operand.clone()),
        "$setOnInsert" => Change::SetOnInsert(operand.clone()),
        "$unset" => Change::Unset,
        "$inc" => Change::Increment(number()?),
        "$mul" => Change::Multiply(number()?),
        "$min" => Change::Minimum(operand.clone()),
        "$max" => Change::Maximum(operand.clone()),
        "$push" => Change::Push(each(name, operand)?),
        "$addToSet" => Change::AddToSet(each(name, operand)?),
        "$pull" => Change::Pull(match operand {
            Value::Object(_) => Pull::Matching(Filter::parse_element(operand)?),
            value => Pull::Equal(value.clone()),
        }),
        "$rename" => match operand {
            Value::String(target) => Change::Rename(changeable(target)?),
            other => return Err(Error::invalid(format!("$rename takes the new path, not {}", kind_name(other)))),
        },
        _ => return Err(not_offered(name)),
    })
}

fn not_offered(name: &str) -> Error {
    let name: String = name.chars().take(60).collect();
    Error::unsupported(format!("the update operator {name:?} is not offered; there are {}", OPERATORS.join(" ")))
}

/// The values that an operand adds: itself, or those of `{"$each": [...]}`.
fn each(name: &str, operand: &Value) -> Result<Vec<Value>> {
    match operators(operand)? {
        None => Ok(vec![operand.clone()]),
        Some(members) => match (members.get("$each"), members.len()) {
            (Some(Value::Array(values)), 1) => Ok(values.clone()),
            (Some(Value::Array(_)), _) => Err(Error::unsupported(format!("{name} takes $each and no other operator"))),
            _ => Err(Error::invalid(format!("{name} takes a value, or {{\"$each\": [...]}}"))),
        },
    }
}

impl Change {
    fn apply(&self, document: &mut Value, path: &Path, is_new: bool) -> Result<()> {
        match self {
            Change::Set(value) => made(document, path)?.set(value.clone()),
            Change::SetOnInsert(value) if is_new => made(document, path)?.set(value.clone()),
            Change::SetOnInsert(_) => Ok(()),
            Change::Unset => {
                existing(document, path).and_then(|mut place| place.take());
                Ok(())
            }
            Change::Increment(by) => compute(made(document, path)?, path, by, by, arithmetic::sum),
            Change::Multiply(by) => compute(made(document, path)?, path, &Value::from(0), by, arithmetic::product),
            Change::Minimum(value) => choose(made(document, path)?, value, |present| compare(value, present).is_lt()),
            Change::Maximum(value) => choose(made(document, path)?, value, |present| compare(value, present).is_gt()),
            Change::Push(values) => array(made(document, path)?, path, |items| items.extend(values.iter().cloned())),
            Change::AddToSet(values) => array(made(document, path)?, path, |items| add_missing(items, values)),
            Change::Pull(pull) => match existing(document, path).as_mut().and_then(Place::get_mut) {
                Some(Value::Array(items)) => {
                    items.retain(|item| !pull.takes(item));
                    Ok(())
                }
                Some(other) => Err(not_an_array(path, other)),
                None => Ok(()),
            },
            Change::Rename(target) => rename(document, path, target),
        }
    }
}

fn compute(
    mut place: Place<'_>,
    path: &Path,
    otherwise: &Value,
    by: &Value,
    operation: fn(&serde_json::Number, &serde_json::Number) -> Result<Value>,
) -> Result<()> {
    match (place.get_mut(), by) {
        (Some(Value::Number(present)), Value::Number(by)) => {
            let result = operation(present, by).map_err(|error| error.context(format_args!("at \"{path}\"")))?;
            place.set(result)
        }
        (Some(other), _) => {
            Err(Error::invalid(format!("\"{path}\" is {}, not a number to compute with", kind_name(other))))
        }
        (None, _) => place.set(otherwise.clone()),
    }
}

fn choose(mut place: Place<'_>, value: &Value, is_better: impl Fn(&Value) -> bool) -> Result<()> {
    match place.get_mut() {
        Some(present) if !is_better(present) => Ok(()),
        _ => place.set(value.clone()),
    }
}

/// Changes the array at `place`, which is made when there is nothing.
fn array(mut place: Place<'_>, path: &Path, work: impl FnOnce(&mut Vec<Value>)) -> Result<()> {
    match place.get_mut() {
        Some(Value::Array(items)) => work(items),
        Some(other) => return Err(not_an_array(path, other)),
        None => {
            let mut items = Vec::new();
            work(&mut items);
            place.set(Value::Array(items))?;
        }
    }
    Ok(())
}

fn add_missing(items: &mut Vec<Value>, values: &[Value]) {
    let mut present: std::collections::BTreeSet<Vec<u8>> = items.iter().map(super::order::key).collect();
    for value in values {
        if present.insert(super::order::key(value)) {
            items.push(value.clone());
        }
    }
}

fn not_an_array(path: &Path, value: &Value) -> Error {
    Error::invalid(format!("\"{path}\" is {}, not an array; $set an array there first", kind_name(value)))
}

fn rename(document: &mut Value, path: &Path, target: &Path) -> Result<()> {
    match existing(document, path) {
        Some(Place::Element(..)) => {
            Err(Error::invalid(format!("\"{path}\" is an element of an array, which has no name to change")))
        }
        Some(mut place) => match place.take() {
            Some(value) => made(document, target)?.set(value),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

/// A document of nothing but its id.
pub(super) fn empty_document(id: &str) -> Value {
    Value::Object(Map::from_iter([(ID.to_owned(), Value::from(id))]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn applied(update: &Value, mut document: Value, is_new: bool) -> Result<Value> {
        Update::parse(update)?.apply(&mut document, is_new)?;
        Ok(document)
    }

    #[test]
    fn changes_follow_the_table() {
        let document = json!({"n": 5, "f": 1.5, "tags": ["a", "b", "a"], "o": {"x": 1, "y": {"z": 2}},
            "items": [{"p": 1}, {"p": 2}]});
        for (update, path, expected) in [
            (json!({"$set": {"n": "x"}}), "/n", json!("x")),
            (json!({"$set": {"new.deep.er": 1}}), "/new", json!({"deep": {"er": 1}})),
            (json!({"$set": {"items.1.p": 9}}), "/items", json!([{"p": 1}, {"p": 9}])),
            (json!({"$set": {"tags.4": "e"}}), "/tags", json!(["a", "b", "a", null, "e"])),
            (json!({"$set": {"items.2.p": 3}}), "/items/2", json!({"p": 3})),
            (json!({"$unset": {"o.y": ""}}), "/o", json!({"x": 1})),
            (json!({"$unset": {"o.y.z.w": 1, "nothing.here": 1}}), "/o/y/z", json!(2)),
            (json!({"$unset": {"tags.0": 1}}), "/tags", json!([null, "b", "a"])),
            (json!({"$inc": {"n": 2}}), "/n", json!(7)),
            (json!({"$inc": {"n": -0.5}}), "/n", json!(4.5)),
            (json!({"$inc": {"fresh": 3}}), "/fresh", json!(3)),
            (json!({"$mul": {"n": 3}}), "/n", json!(15)),
            (json!({"$mul": {"fresh": 3}}), "/fresh", json!(0)),
            (json!({"$min": {"n": 4}}), "/n", json!(4)),
            (json!({"$min": {"n": 6}}), "/n", json!(5)),
            (json!({"$max": {"n": "text"}}), "/n", json!("text")),
            (json!({"$max": {"fresh": 1}}), "/fresh", json!(1)),
            (json!({"$push": {"tags": "c"}}), "/tags", json!(["a", "b", "a", "c"])),
            (json!({"$push": {"tags": {"$each": ["c", ["d"]]}}}), "/tags", json!(["a", "b", "a", "c", ["d"]])),
            (json!({"$push": {"fresh": {"k": 1}}}), "/fresh", json!([{"k": 1}])),
            (json!({"$addToSet": {"tags": "b"}}), "/tags", json!(["a", "b", "a"])),
            (json!({"$addToSet": {"tags": {"$each": ["c", "c", "a"]}}}), "/tags", json!(["a", "b", "a", "c"])),
            (json!({"$pull": {"tags": "a"}}), "/tags", json!(["b"])),
            (json!({"$pull": {"tags": {"$gte": "b"}}}), "/tags", json!(["a", "a"])),
            (json!({"$pull": {"items": {"p": 2}}}), "/items", json!([{"p": 1}])),
            (json!({"$rename": {"o.x": "moved.to"}}), "/moved", json!({"to": 1})),
            (json!({"$rename": {"absent": "other"}}), "/n", json!(5)),
            (json!({"$setOnInsert": {"n": 0}}), "/n", json!(5)),
        ] {
            let after = applied(&update, document.clone(), false).unwrap();
            assert_eq!(after.pointer(path).unwrap_or(&Value::Null), &expected, "{update}");
        }
        assert_eq!(applied(&json!({"$setOnInsert": {"n": 0}}), document, true).unwrap()["n"], 0);
    }

    #[test]
    fn bad_updates_are_typed_errors() {
        let document = json!({"n": 5, "text": "x", "tags": [], "max": u64::MAX});
        let many: Map<String, Value> = (0..1_001).map(|n| (format!("f{n}"), json!(1))).collect();
        let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
        for (update, kind) in [
            (json!(5), ErrorKind::Invalid),
            (json!({}), ErrorKind::Invalid),
            (json!({"n": 6}), ErrorKind::Invalid),
            (json!({"$set": 5}), ErrorKind::Invalid),
            (json!({"$bit": {"n": {"and": 1}}}), ErrorKind::Unsupported),
            (json!({"$bit": {}}), ErrorKind::Unsupported),
            (json!({"$set": {"_id": "x"}}), ErrorKind::Invalid),
            (json!({"$rename": {"n": "_id"}}), ErrorKind::Invalid),
            (json!({"$rename": {"n": 5}}), ErrorKind::Invalid),
            (json!({"$set": {"a": 1}, "$inc": {"a": 1}}), ErrorKind::Invalid),
            (json!({"$set": {"a.b": 1, "a": 1}}), ErrorKind::Invalid),
            (json!({"$set": {"a": 1, "a-b": 1, "a.b": 2}}), ErrorKind::Invalid),
            (json!({"$rename": {"a": "a.b"}}), ErrorKind::Invalid),
            (json!({"$set": {"text.y": 1}}), ErrorKind::Invalid),
            (json!({"$set": {"tags.x": 1}}), ErrorKind::Invalid),
            (json!({"$set": {"tags.20000": 1}}), ErrorKind::LimitExceeded),
            (json!({"$set": {"tags.$": 1}}), ErrorKind::Unsupported),
            (json!({"$set": {"a": deep}}), ErrorKind::LimitExceeded),
            (json!({ "$set": many }), ErrorKind::LimitExceeded),
            (json!({"$inc": {"text": 1}}), ErrorKind::Invalid),
            (json!({"$inc": {"n": "1"}}), ErrorKind::Invalid),
            (json!({"$inc": {"max": 1}}), ErrorKind::Invalid),
            (json!({"$push": {"n": 1}}), ErrorKind::Invalid),
            (json!({"$push": {"tags": {"$each": [1], "$slice": 2}}}), ErrorKind::Unsupported),
            (json!({"$push": {"tags": {"$each": 1}}}), ErrorKind::Invalid),
            (json!({"$pull": {"n": 1}}), ErrorKind::Invalid),
            (json!({"$rename": {"tags.0": "x"}}), ErrorKind::Invalid),
        ] {
            let text = update.to_string();
            let error = applied(&update, document.clone(), false).unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {error}", &text[..text.len().min(80)]);
        }
    }
}
