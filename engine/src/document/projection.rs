//! Projections: which fields of a document are wanted.
//!
//! ```text
//!   {"name": 1, "address.city": 1}   only these, and _id          {"secret": 0}   all but these
//! ```
//!
//! The fields keep their order. Through an array a path concerns every object in it.

use serde_json::{Map, Value};

use super::order::kind_name;
use super::path::{ID, Path};
use crate::error::{Error, Result};
use crate::limits::DOCUMENT_QUERY_PATHS_MAX;

/// A parsed projection.
#[derive(Debug)]
pub(super) struct Projection {
    paths: Tree,
    keeps: bool,
}

/// Named fields, each with what is named inside it; nothing inside means all of it.
#[derive(Debug, Default)]
struct Tree(Vec<(String, Tree)>);

impl Projection {
    /// The projection that `value` writes; `None` for null, which is everything.
    ///
    /// # Errors
    /// `Invalid` when it is not written as one, mixes both forms, or names a field and something inside it.
    pub(super) fn parse(value: &Value) -> Result<Option<Self>> {
        let members = match value {
            Value::Null => return Ok(None),
            Value::Object(members) if members.is_empty() => return Ok(None),
            Value::Object(members) => members,
            other => {
                return Err(Error::invalid(format!(
                    "a projection is an object such as {{\"name\": 1}}, not {}",
                    kind_name(other)
                )));
            }
        };
        if members.len() > DOCUMENT_QUERY_PATHS_MAX {
            return Err(Error::limit_exceeded(format!(
                "a projection names more than {DOCUMENT_QUERY_PATHS_MAX} fields; take whole documents"
            )));
        }
        let (mut with_id, mut keeps) = (None, None);
        let mut paths = Tree::default();
        for (name, wanted) in members {
            let wanted = is_wanted(name, wanted)?;
            let path = Path::parse(name)?;
            if path.is_id() {
                with_id = Some(wanted);
                continue;
            }
            if *keeps.get_or_insert(wanted) != wanted {
                return Err(Error::invalid(
                    "a projection either names what is wanted (1) or what is not (0); only _id may differ",
                ));
            }
            paths.insert(&path, &path)?;
        }
        let keeps = keeps.or(with_id).unwrap_or(true);
        if with_id.unwrap_or(true) == keeps {
            paths.0.push((ID.to_owned(), Tree::default()));
        }
        Ok(Some(Projection { paths, keeps }))
    }

    /// What is wanted of `document`.
    pub(super) fn apply(&self, document: Value) -> Value {
        match document {
            Value::Object(fields) if self.keeps => Value::Object(self.paths.kept(fields)),
            Value::Object(fields) => Value::Object(self.paths.removed(fields)),
            other => other,
        }
    }
}

fn is_wanted(name: &str, value: &Value) -> Result<bool> {
    match value {
        Value::Bool(wanted) => Ok(*wanted),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        Value::Object(_) => {
            Err(Error::unsupported(format!("the projection of {name:?} computes something; only 1 and 0 are offered")))
        }
        other => Err(Error::invalid(format!("the projection of {name:?} is 1 or 0, not {}", kind_name(other)))),
    }
}

impl Tree {
    fn insert(&mut self, path: &Path, whole: &Path) -> Result<()> {
        let mut tree = self;
        for (depth, step) in path.steps.iter().enumerate() {
            let is_last = depth + 1 == path.steps.len();
            let index = match tree.0.iter().position(|(name, _)| *name == step.name) {
                // A field that was named before as a whole, or with something inside it.
                Some(index) if is_last || tree.0[index].1.0.is_empty() => {
                    return Err(Error::invalid(format!(
                        "the projection names \"{whole}\" and something inside or around it; name the outer one only"
                    )));
                }
                Some(index) => index,
                None => {
                    tree.0.push((step.name.clone(), Tree::default()));
                    tree.0.len() - 1
                }
            };
            tree = &mut tree.0[index].1;
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Tree> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, tree)| tree)
    }

    fn kept(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let keep = |(name, value): (String, Value)| {
            let tree = self.get(&name)?;
            Some((name, tree.kept_of(value)?))
        };
        fields.into_iter().filter_map(keep).collect()
    }

    fn kept_of(&self, value: Value) -> Option<Value> {
        match value {
            value if self.0.is_empty() => Some(value),
            Value::Object(fields) => Some(Value::Object(self.kept(fields))),
            Value::Array(items) => {
                Some(Value::Array(items.into_iter().filter_map(|item| self.kept_of(item)).collect()))
            }
            _ => None,
        }
    }

    fn removed(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let remove = |(name, value): (String, Value)| match self.get(&name) {
            None => Some((name, value)),
            Some(tree) if tree.0.is_empty() => None,
            Some(tree) => Some((name, tree.removed_of(value))),
        };
        fields.into_iter().filter_map(remove).collect()
    }

    fn removed_of(&self, value: Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(self.removed(fields)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.removed_of(item)).collect()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_kept_and_removed_as_the_table_says() {
        let document =
            json!({"b": 1, "_id": "x", "a": {"p": 1, "q": {"r": 2}}, "l": [{"p": 1, "q": 2}, 5, [{"p": 3}]]});
        for (projection, expected) in [
            (json!(null), document.clone()),
            (json!({"a": 1}), json!({"_id": "x", "a": {"p": 1, "q": {"r": 2}}})),
            (json!({"b": true, "_id": 0}), json!({"b": 1})),
            (json!({"a.q.r": 1, "a.p": 1, "_id": false}), json!({"a": {"p": 1, "q": {"r": 2}}})),
            (json!({"l.p": 1}), json!({"_id": "x", "l": [{"p": 1}, [{"p": 3}]]})),
            (json!({"absent.x": 1}), json!({"_id": "x"})),
            (json!({"_id": 1}), json!({"_id": "x"})),
            (json!({"_id": 0, "a": 0, "l": 0}), json!({"b": 1})),
            (json!({"a.q": 0, "l.p": 0}), json!({"b": 1, "_id": "x", "a": {"p": 1}, "l": [{"q": 2}, 5, [{}]]})),
        ] {
            let found = Projection::parse(&projection).unwrap().map_or(document.clone(), |p| p.apply(document.clone()));
            assert_eq!(found.to_string(), expected.to_string(), "{projection}");
        }
        for bad in [
            json!([]),
            json!({"a": 1, "b": 0}),
            json!({"a": 1, "a.b": 1}),
            json!({"a.b": 1, "a": 1}),
            json!({"a": "x"}),
            json!({"a": {"$slice": 1}}),
            json!({"": 1}),
            json!({"$a": 1}),
        ] {
            assert!(Projection::parse(&bad).is_err(), "{bad}");
        }
    }
}
