//! Filters: JSON parsed once into a typed tree.
//!
//! ```text
//!   {"price": {"$gt": 5, "$ne": 9}, "$or": [{"tags": "red"}, {"size": {"$exists": false}}]}
//!
//!   All [ price > 5, None [ price = 9 ], Any [ tags = "red", None [ size exists ] ] ]
//! ```
//!
//! - Depth and number of conditions are limited while parsing; matching recurses no deeper than the tree.
//! - `$ne`, `$nin`, `$not` and `$nor` are the opposite of the whole condition: over an array, no element may match.
//! - Comparisons hold within one kind of value; null is equal to null and to what is missing.
//! - An operator that is not offered is refused, never ignored.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::order::{Class, compare, kind_name};
use super::path::Path;
use super::stored;
use crate::error::{Error, Result};
use crate::limits::{DOCUMENT_FILTER_DEPTH_MAX, DOCUMENT_FILTER_TERMS_MAX};

/// What a document must be like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    /// All of these hold; with none of them, everything matches.
    All(Vec<Filter>),
    /// At least one of these holds.
    Any(Vec<Filter>),
    /// None of these holds.
    None(Vec<Filter>),
    /// What the path reaches is as the condition says.
    Field(Path, Condition),
}

/// What is asked of the values that a path reaches.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Compare(Comparison, Value),
    /// Equal to one of these, which are in order.
    In(Vec<Value>),
    Exists,
    /// An array of so many elements.
    Size(u64),
    /// An array of which one element matches.
    Element(Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Filter {
    /// The filter that `value` writes; null is everything.
    ///
    /// # Errors
    /// `Invalid` when it is not written as a filter, `Unsupported` for an operator that is not offered, `LimitExceeded`
    /// when it is too deep or too long.
    pub(super) fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::Null => Ok(Filter::All(Vec::new())),
            value => Parser { terms: 0 }.filter(value, DOCUMENT_FILTER_DEPTH_MAX),
        }
    }

    /// The test of a single element, as `$elemMatch` and `$pull` write it: operators, or a filter of objects.
    pub(super) fn parse_element(value: &Value) -> Result<Self> {
        Parser { terms: 0 }.element(value, DOCUMENT_FILTER_DEPTH_MAX)
    }

    /// Whether `value` is as the filter says.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match self {
            Filter::All(filters) => filters.iter().all(|filter| filter.matches(value)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.matches(value)),
            Filter::None(filters) => !filters.iter().any(|filter| filter.matches(value)),
            Filter::Field(path, condition) => condition.holds(path, value),
        }
    }
}

impl Condition {
    fn holds(&self, path: &Path, value: &Value) -> bool {
        match self {
            Condition::Compare(comparison, operand) => path.any(value, &|value| {
                Class::of(value) == Class::of(operand) && comparison.holds(compare(value, operand))
            }),
            Condition::In(operands) => {
                path.any(value, &|value| operands.binary_search_by(|operand| compare(operand, value)).is_ok())
            }
            Condition::Exists => reaches(path, value, &|_| true),
            Condition::Size(size) => reaches(path, value, &|value| match value {
                Value::Array(items) => items.len() as u64 == *size,
                _ => false,
            }),
            Condition::Element(filter) => reaches(path, value, &|value| match value {
                Value::Array(items) => items.iter().any(|item| filter.matches(item)),
                _ => false,
            }),
        }
    }
}

/// Whether something that is there passes `test`, arrays as a whole.
fn reaches(path: &Path, value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    let mut found = false;
    path.reach(value, &mut |reached| found = found || reached.is_some_and(test));
    found
}

struct Parser {
    terms: usize,
}

impl Parser {
    fn count(&mut self, terms: usize) -> Result<()> {
        self.terms = self.terms.saturating_add(terms);
        match self.terms > DOCUMENT_FILTER_TERMS_MAX {
            true => Err(Error::limit_exceeded(format!(
                "a filter has more than {DOCUMENT_FILTER_TERMS_MAX} conditions and values; find in several steps"
            ))),
            false => Ok(()),
        }
    }

    fn filter(&mut self, value: &Value, levels: usize) -> Result<Filter> {
        let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
        let Value::Object(members) = value else {
            return Err(Error::invalid(format!(
                "a filter is an object such as {{\"price\": {{\"$lt\": 20}}}}, not {}",
                kind_name(value)
            )));
        };
        let mut filters = Vec::new();
        for (name, operand) in members {
            match &name[..] {
                "$and" => filters.push(Filter::All(self.list(name, operand, levels)?)),
                "$or" => filters.push(Filter::Any(self.list(name, operand, levels)?)),
                "$nor" => filters.push(Filter::None(self.list(name, operand, levels)?)),
                _ if name.starts_with('$') => return Err(not_offered(name)),
                _ => self.field(&Path::parse(name)?, operand, levels, &mut filters)?,
            }
        }
        Ok(match filters.len() {
            1 => filters.remove(0),
            _ => Filter::All(filters),
        })
    }

    fn list(&mut self, name: &str, operand: &Value, levels: usize) -> Result<Vec<Filter>> {
        match operand {
            Value::Array(filters) if !filters.is_empty() => {
                self.count(filters.len())?;
                filters.iter().map(|filter| self.filter(filter, levels)).collect()
            }
            _ => Err(Error::invalid(format!("{name} takes an array of at least one filter"))),
        }
    }

    /// Adds what `{path: operand}` says to `filters`.
    fn field(&mut self, path: &Path, operand: &Value, levels: usize, filters: &mut Vec<Filter>) -> Result<()> {
        let Some(operators) = operators(operand)? else {
            self.count(1)?;
            filters.push(equal(path, operand)?);
            return Ok(());
        };
        for (name, operand) in operators {
            self.count(1)?;
            filters.push(self.operator(path, name, operand, levels)?);
        }
        Ok(())
    }

    fn operator(&mut self, path: &Path, name: &str, operand: &Value, levels: usize) -> Result<Filter> {
        let field = |condition| Filter::Field(path.clone(), condition);
        let compared = |comparison| -> Result<Filter> {
            stored::check_depth(operand)?;
            Ok(Filter::Field(path.clone(), Condition::Compare(comparison, operand.clone())))
        };
        Ok(match name {
            "$eq" => equal(path, operand)?,
            "$ne" => Filter::None(vec![equal(path, operand)?]),
            "$lt" => compared(Comparison::Less)?,
            "$lte" => compared(Comparison::LessOrEqual)?,
            "$gt" => compared(Comparison::Greater)?,
            "$gte" => compared(Comparison::GreaterOrEqual)?,
            "$in" => field(Condition::In(self.values(name, operand)?)),
            "$nin" => Filter::None(vec![field(Condition::In(self.values(name, operand)?))]),
            "$exists" => match operand {
                Value::Bool(true) => field(Condition::Exists),
                Value::Bool(false) => Filter::None(vec![field(Condition::Exists)]),
                _ => return Err(Error::invalid("$exists takes true or false")),
            },
            "$size" => match operand.as_u64() {
                Some(size) => field(Condition::Size(size)),
                None => return Err(Error::invalid("$size takes a whole number that is not negative")),
            },
            "$all" => self.all(path, operand)?,
            "$elemMatch" => field(Condition::Element(Box::new(self.element(operand, levels)?))),
            "$not" => match operators(operand)? {
                Some(_) => {
                    let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
                    let mut filters = Vec::new();
                    self.field(path, operand, levels, &mut filters)?;
                    Filter::None(vec![Filter::All(filters)])
                }
                None => return Err(Error::invalid("$not takes operators, such as {\"$not\": {\"$gt\": 5}}")),
            },
            _ => return Err(not_offered(name)),
        })
    }

    fn all(&mut self, path: &Path, operand: &Value) -> Result<Filter> {
        let Value::Array(values) = operand else { return Err(Error::invalid("$all takes an array of values")) };
        self.count(values.len())?;
        if values.is_empty() {
            return Ok(Filter::Field(path.clone(), Condition::In(Vec::new())));
        }
        for value in values {
            if operators(value)?.is_some() {
                return Err(Error::unsupported("$all takes values only; write operators with $and"));
            }
        }
        values.iter().map(|value| equal(path, value)).collect::<Result<_>>().map(Filter::All)
    }

    fn values(&mut self, name: &str, operand: &Value) -> Result<Vec<Value>> {
        let Value::Array(values) = operand else {
            return Err(Error::invalid(format!("{name} takes an array of values")));
        };
        self.count(values.len())?;
        values.iter().try_for_each(stored::check_depth)?;
        let mut values = values.clone();
        values.sort_unstable_by(compare);
        values.dedup_by(|a, b| compare(a, b).is_eq());
        Ok(values)
    }

    fn element(&mut self, operand: &Value, levels: usize) -> Result<Filter> {
        let is_logical = |name: &String| matches!(&name[..], "$and" | "$or" | "$nor");
        match operand {
            Value::Object(members)
                if members.keys().next().is_some_and(|name| name.starts_with('$') && !is_logical(name)) =>
            {
                let mut filters = Vec::new();
                let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
                self.field(&Path::here(), operand, levels, &mut filters)?;
                Ok(Filter::All(filters))
            }
            Value::Object(_) => {
                // Only objects have fields: without this, an absent field would match a number.
                let is_object = Filter::Field(
                    Path::here(),
                    Condition::Compare(Comparison::GreaterOrEqual, Value::Object(Map::new())),
                );
                Ok(Filter::All(vec![is_object, self.filter(operand, levels)?]))
            }
            _ => Err(Error::invalid("$elemMatch takes an object of operators or of fields")),
        }
    }
}

fn equal(path: &Path, operand: &Value) -> Result<Filter> {
    stored::check_depth(operand)?;
    Ok(Filter::Field(path.clone(), Condition::Compare(Comparison::Equal, operand.clone())))
}

/// The members of `operand` when it is an object of operators.
pub(super) fn operators(operand: &Value) -> Result<Option<&Map<String, Value>>> {
    let Value::Object(members) = operand else { return Ok(None) };
    let count = members.keys().filter(|name| name.starts_with('$')).count();
    match count {
        0 => Ok(None),
        _ if count == members.len() => Ok(Some(members)),
        _ => Err(Error::invalid(format!(
            "an object mixes operators such as {:?} with fields; an object to compare with goes into {{\"$eq\": ...}}",
            members.keys().find(|name| name.starts_with('$')).map_or("", String::as_str)
        ))),
    }
}

fn too_deep() -> Error {
    Error::limit_exceeded(format!("a filter nests deeper than {DOCUMENT_FILTER_DEPTH_MAX} levels; flatten it"))
}

fn not_offered(name: &str) -> Error {
    let name: String = name.chars().take(60).collect();
    Error::unsupported(format!(
        "the filter operator {name:?} is not offered; there are $and $or $nor $not $eq $ne $lt $lte $gt $gte $in $nin $all \
         $size $exists $elemMatch"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn matches(filter: Value, document: &Value) -> bool {
        Filter::parse(&filter).unwrap().matches(document)
    }

    #[test]
    fn conditions_follow_the_table() {
        let document = json!({
            "n": 5, "text": "b", "null": null, "tags": ["red", "blue"], "grid": [[1, 2], [3]], "empty": [],
            "nested": {"a": 1, "b": {"c": [1, 2]}}, "items": [{"p": 1, "q": 9}, {"p": 7, "q": 2}], "yes": true,
            "mixed": [1, null],
        });
        for (filter, expected) in [
            (json!({}), true),
            (json!({"n": 5}), true),
            (json!({"n": 5.0}), true),
            (json!({"n": "5"}), false),
            (json!({"n": {"$gt": 4, "$lt": 6}}), true),
            (json!({"n": {"$gt": 5}}), false),
            (json!({"n": {"$gte": 5, "$lte": 5}}), true),
            (json!({"n": {"$lt": "z"}}), false),
            (json!({"n": {"$ne": 5}}), false),
            (json!({"absent": {"$ne": 5}}), true),
            (json!({"absent": null}), true),
            (json!({"null": null}), true),
            (json!({"absent": {"$gte": null}}), true),
            (json!({"absent": {"$gt": null}}), false),
            (json!({"n": null}), false),
            (json!({"absent": {"$exists": false}}), true),
            (json!({"null": {"$exists": true}}), true),
            (json!({"tags": "red"}), true),
            (json!({"tags": ["red", "blue"]}), true),
            (json!({"tags": ["blue", "red"]}), false),
            (json!({"tags": {"$ne": "red"}}), false),
            (json!({"tags": {"$nin": ["green"]}}), true),
            (json!({"tags": {"$in": ["green", "red"]}}), true),
            (json!({"tags": {"$all": ["blue", "red"]}}), true),
            (json!({"tags": {"$all": ["blue", "green"]}}), false),
            (json!({"tags": {"$all": []}}), false),
            (json!({"tags": {"$size": 2}}), true),
            (json!({"n": {"$size": 1}}), false),
            (json!({"tags.1": "blue"}), true),
            (json!({"tags.2": {"$exists": false}}), true),
            (json!({"grid": [3]}), true),
            (json!({"grid": 1}), false),
            (json!({"empty": []}), true),
            (json!({"empty": null}), false),
            (json!({"mixed": null}), true),
            (json!({"nested.b.c": 2}), true),
            (json!({"nested": {"b": {"c": [1, 2]}, "a": 1}}), true),
            (json!({"nested": {"a": 1}}), false),
            (json!({"items.p": 1, "items.q": 2}), true),
            (json!({"items": {"$elemMatch": {"p": 1, "q": 2}}}), false),
            (json!({"items": {"$elemMatch": {"p": 7, "q": {"$lt": 3}}}}), true),
            (json!({"items.p": {"$gt": 1, "$lt": 7}}), true),
            (json!({"items": {"$elemMatch": {"p": {"$gt": 1, "$lt": 7}}}}), false),
            (json!({"grid": {"$elemMatch": {"$size": 1}}}), true),
            (json!({"tags": {"$elemMatch": {"$gte": "blue", "$lt": "c"}}}), true),
            (json!({"tags": {"$elemMatch": {"absent": null}}}), false),
            (json!({"n": {"$not": {"$gt": 7}}}), true),
            (json!({"n": {"$not": {"$gt": 1, "$lt": 7}}}), false),
            (json!({"$or": [{"n": 1}, {"text": "b"}]}), true),
            (json!({"$nor": [{"n": 1}, {"text": "b"}]}), false),
            (json!({"$and": [{"n": 5}, {"yes": true}]}), true),
            (json!({"n": {"$in": []}}), false),
        ] {
            assert_eq!(matches(filter.clone(), &document), expected, "{filter}");
        }
    }

    #[test]
    fn bad_filters_are_typed_errors() {
        let deep = (0..40).fold(json!({"a": 1}), |inner, _| json!({ "$and": [inner] }));
        let deep_not = (0..40).fold(json!({"$gt": 1}), |inner, _| json!({ "$not": inner }));
        let deep_element = (0..40).fold(json!({"$gt": 1}), |inner, _| json!({ "$elemMatch": inner }));
        let long: Vec<u32> = (0..10_001).collect();
        for (filter, kind) in [
            (json!([]), ErrorKind::Invalid),
            (json!(5), ErrorKind::Invalid),
            (json!({"$where": "1"}), ErrorKind::Unsupported),
            (json!({"a": {"$regex": "x"}}), ErrorKind::Unsupported),
            (json!({"a": {"$gt": 1, "b": 2}}), ErrorKind::Invalid),
            (json!({"$and": []}), ErrorKind::Invalid),
            (json!({"$or": {"a": 1}}), ErrorKind::Invalid),
            (json!({"a": {"$in": 5}}), ErrorKind::Invalid),
            (json!({"a": {"$exists": 1}}), ErrorKind::Invalid),
            (json!({"a": {"$size": -1}}), ErrorKind::Invalid),
            (json!({"a": {"$not": 5}}), ErrorKind::Invalid),
            (json!({"a": {"$elemMatch": 5}}), ErrorKind::Invalid),
            (json!({"a": {"$all": [{"$gt": 1}]}}), ErrorKind::Unsupported),
            (json!({"": 1}), ErrorKind::Invalid),
            (deep, ErrorKind::LimitExceeded),
            (json!({ "a": deep_not }), ErrorKind::LimitExceeded),
            (json!({ "a": deep_element }), ErrorKind::LimitExceeded),
            (json!({"a": {"$in": long}}), ErrorKind::LimitExceeded),
        ] {
            let text = filter.to_string();
            assert_eq!(Filter::parse(&filter).unwrap_err().kind(), kind, "{}", &text[..text.len().min(80)]);
        }
    }
}
