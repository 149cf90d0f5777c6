//! What a path finds in a value.
//!
//! A lax path takes arrays apart where it meets them unexpectedly, and finds nothing where there is nothing; a strict one
//! fails. Predicates are true, false or unknown; what fails inside of one makes it unknown.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::tree::{Arithmetic, Comparison, Depth, Method, Node, Path};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::json::value::Json;
use crate::numeric::{self, Number};

/// A value that was found: part of the document or made by the path.
pub type Found<'v> = Cow<'v, Json>;

/// Values that a path may find in all.
const FOUND_MAX: usize = 10_000_000;

/// Everything that a path finds in `value`, in its order; `variables` is an object.
pub fn query<'v>(path: &'v Path, value: &'v Json, variables: &'v Json) -> SqlResult<Vec<Found<'v>>> {
    let execution = Execution { root: value, variables, is_lax: !path.is_strict };
    execution.run(&path.root, &Place { current: None, last: None })
}

/// What `@` and `last` mean.
struct Place<'p> {
    current: Option<&'p Json>,
    last: Option<i64>,
}

struct Execution<'v> {
    root: &'v Json,
    variables: &'v Json,
    is_lax: bool,
}

type Sequence<'v> = Vec<Found<'v>>;

fn failure(condition: Condition, message: impl Into<String>) -> SqlError {
    SqlError::new(condition, message)
}

/// The parts of a value that belong to the document if it does.
fn parts<'v>(value: Found<'v>, take: impl Fn(&Json) -> Option<Vec<&Json>>) -> Option<Sequence<'v>> {
    match value {
        Cow::Borrowed(value) => Some(take(value)?.into_iter().map(Cow::Borrowed).collect()),
        Cow::Owned(value) => Some(take(&value)?.into_iter().cloned().map(Cow::Owned).collect()),
    }
}

fn elements(value: &Json) -> Option<Vec<&Json>> {
    match value {
        Json::Array(values) => Some(values.iter().collect()),
        _ => None,
    }
}

impl<'v> Execution<'v> {
    fn run(&self, node: &'v Node, place: &Place<'_>) -> SqlResult<Sequence<'v>> {
        let found = match node {
            Node::Root => vec![Cow::Borrowed(self.root)],
            Node::Current => place.current.map(|value| Cow::Owned(value.clone())).into_iter().collect(),
            Node::Last => {
                let last = place.last.ok_or_else(|| {
                    failure(Condition::SyntaxError, "evaluating jsonpath LAST outside of array subscript")
                })?;
                vec![Cow::Owned(Json::Number(last.to_string()))]
            }
            Node::Literal(value) => vec![Cow::Borrowed(value)],
            Node::Variable(name) => {
                let value = self.variables.field(name).ok_or_else(|| {
                    failure(Condition::UndefinedObject, format!("could not find jsonpath variable \"{name}\""))
                })?;
                vec![Cow::Borrowed(value)]
            }
            Node::Arithmetic(operation, left, right) => vec![self.arithmetic(*operation, left, right, place)?],
            Node::Plus(operand) => self.signs(operand, place, "+", Clone::clone)?,
            Node::Minus(operand) => self.signs(operand, place, "-", Number::negated)?,
            node if node.is_predicate() => vec![Cow::Owned(match self.holds(node, place) {
                Some(value) => Json::Bool(value),
                None => Json::Null,
            })],
            step => self.step(step, place)?,
        };
        if found.len() > FOUND_MAX {
            return Err(failure(Condition::ProgramLimitExceeded, "the path finds too many values"));
        }
        Ok(found)
    }

    /// What a part finds, with arrays taken apart if the path is lax.
    fn unwrapped(&self, node: &'v Node, place: &Place<'_>) -> SqlResult<Sequence<'v>> {
        let found = self.run(node, place)?;
        Ok(if self.is_lax { found.into_iter().flat_map(unwrap).collect() } else { found })
    }

    fn step(&self, node: &'v Node, place: &Place<'_>) -> SqlResult<Sequence<'v>> {
        match node {
            Node::Key(base, name) => {
                let mut found = Vec::new();
                for value in self.unwrapped(base, place)? {
                    found.extend(self.member(value, name)?);
                }
                Ok(found)
            }
            Node::AnyKey(base) => {
                let mut found = Vec::new();
                for value in self.unwrapped(base, place)? {
                    let members = parts(value, |value| match value {
                        Json::Object(entries) => Some(entries.iter().map(|(_, value)| value).collect()),
                        _ => None,
                    });
                    match members {
                        Some(members) => found.extend(members),
                        None if self.is_lax => {}
                        None => {
                            let message = "jsonpath wildcard member accessor can only be applied to an object";
                            return Err(failure(Condition::SqlJsonObjectNotFound, message));
                        }
                    }
                }
                Ok(found)
            }
            Node::AnyElement(base) => {
                let mut found = Vec::new();
                for value in self.run(base, place)? {
                    match parts(value.clone(), elements) {
                        Some(values) => found.extend(values),
                        None if self.is_lax => found.push(value),
                        None => {
                            let message = "jsonpath wildcard array accessor can only be applied to an array";
                            return Err(failure(Condition::SqlJsonArrayNotFound, message));
                        }
                    }
                }
                Ok(found)
            }
            Node::Elements(base, places) => self.elements_at(base, places, place),
            Node::Below(base, first, last) => {
                let mut found = Vec::new();
                for value in self.run(base, place)? {
                    below(&mut found, value, 0, *first, *last);
                }
                Ok(found)
            }
            Node::Method(base, method) => self.method(base, *method, place),
            Node::Filter(base, predicate) => {
                let mut found = self.unwrapped(base, place)?;
                found.retain(|value| {
                    let inner = Place { current: Some(value), last: place.last };
                    self.holds(predicate, &inner) == Some(true)
                });
                Ok(found)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn member(&self, value: Found<'v>, name: &str) -> SqlResult<Option<Found<'v>>> {
        let is_object = matches!(*value, Json::Object(_));
        let found = match value {
            Cow::Borrowed(value) => value.field(name).map(Cow::Borrowed),
            Cow::Owned(value) => value.field(name).cloned().map(Cow::Owned),
        };
        match found {
            Some(found) => Ok(Some(found)),
            None if self.is_lax => Ok(None),
            None if is_object => {
                let message = format!("JSON object does not contain key \"{name}\"");
                Err(failure(Condition::SqlJsonMemberNotFound, message))
            }
            None => {
                let message = "jsonpath member accessor can only be applied to an object";
                Err(failure(Condition::SqlJsonMemberNotFound, message))
            }
        }
    }

    fn elements_at(
        &self,
        base: &'v Node,
        places: &'v [(Node, Option<Node>)],
        place: &Place<'_>,
    ) -> SqlResult<Sequence<'v>> {
        let mut found = Vec::new();
        for value in self.run(base, place)? {
            let values = match parts(value.clone(), elements) {
                Some(values) => values,
                None if self.is_lax => vec![value],
                None => {
                    let message = "jsonpath array accessor can only be applied to an array";
                    return Err(failure(Condition::SqlJsonArrayNotFound, message));
                }
            };
            let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
            let inner = Place { current: place.current, last: Some(count - 1) };
            for (first, last) in places {
                let first = self.subscript(first, &inner)?;
                let last = last.as_ref().map_or(Ok(first), |last| self.subscript(last, &inner))?;
                if !self.is_lax && (first < 0 || first > last || last >= count) {
                    let message = "jsonpath array subscript is out of bounds";
                    return Err(failure(Condition::InvalidSqlJsonSubscript, message));
                }
                for index in first.max(0)..=last.min(count - 1) {
                    found.push(values[usize::try_from(index).unwrap_or_default()].clone());
                }
            }
        }
        Ok(found)
    }

    fn subscript(&self, node: &'v Node, place: &Place<'_>) -> SqlResult<i64> {
        let found = self.run(node, place)?;
        let [value] = found.as_slice() else { return Err(not_a_subscript()) };
        let Json::Number(digits) = &**value else { return Err(not_a_subscript()) };
        let index = numeric::parse(digits)?.truncated(0).to_i128();
        index.and_then(|index| i32::try_from(index).ok()).map(i64::from).ok_or_else(|| {
            failure(Condition::InvalidSqlJsonSubscript, "jsonpath array subscript is out of integer range")
        })
    }

    fn arithmetic(
        &self,
        operation: Arithmetic,
        left: &'v Node,
        right: &'v Node,
        place: &Place<'_>,
    ) -> SqlResult<Found<'v>> {
        let number = |node: &'v Node, side: &str| -> SqlResult<Number> {
            let found = self.unwrapped(node, place)?;
            if let [value] = found.as_slice()
                && let Json::Number(digits) = &**value
            {
                return numeric::parse(digits);
            }
            let symbol = operation.symbol();
            let message = format!("{side} operand of jsonpath operator {symbol} is not a single numeric value");
            Err(failure(Condition::SingletonSqlJsonItemRequired, message))
        };
        let (left, right) = (number(left, "left")?, number(right, "right")?);
        let result = match operation {
            Arithmetic::Add => left.plus(&right)?,
            Arithmetic::Subtract => left.minus(&right)?,
            Arithmetic::Multiply => left.times(&right)?,
            Arithmetic::Divide => left.divided_by(&right)?,
            Arithmetic::Modulo => left.remainder(&right)?,
        };
        Ok(Cow::Owned(Json::Number(numeric::format(&result))))
    }

    fn signs(
        &self,
        operand: &'v Node,
        place: &Place<'_>,
        symbol: &str,
        sign: impl Fn(&Number) -> Number,
    ) -> SqlResult<Sequence<'v>> {
        let sign_one = |value: Found<'v>| match &*value {
            Json::Number(digits) => Ok(Cow::Owned(Json::Number(numeric::format(&sign(&numeric::parse(digits)?))))),
            _ => {
                let message = format!("operand of unary jsonpath operator {symbol} is not a numeric value");
                Err(failure(Condition::SqlJsonNumberNotFound, message))
            }
        };
        self.unwrapped(operand, place)?.into_iter().map(sign_one).collect()
    }

    fn method(&self, base: &'v Node, method: Method, place: &Place<'_>) -> SqlResult<Sequence<'v>> {
        let found = match method {
            Method::Type | Method::Size => self.run(base, place)?,
            _ => self.unwrapped(base, place)?,
        };
        let mut results = Vec::new();
        for value in found {
            let wrong = |what: &str, condition: Condition| {
                let name = method.name();
                failure(condition, format!("jsonpath item method .{name}() can only be applied to {what}"))
            };
            let result = match (method, &*value) {
                (Method::Type, value) => Json::String(value.type_name().to_owned()),
                (Method::Size, Json::Array(values)) => Json::Number(values.len().to_string()),
                (Method::Size, _) if self.is_lax => Json::Number("1".to_owned()),
                (Method::Size, _) => return Err(wrong("an array", Condition::SqlJsonArrayNotFound)),
                (Method::Abs | Method::Floor | Method::Ceiling, Json::Number(digits)) => {
                    let number = numeric::parse(digits)?;
                    let changed = match method {
                        Method::Abs => number.absolute(),
                        Method::Floor => number.floor(),
                        _ => number.ceiling(),
                    };
                    Json::Number(numeric::format(&changed))
                }
                (Method::Abs | Method::Floor | Method::Ceiling, _) => {
                    return Err(wrong("a numeric value", Condition::NonNumericSqlJsonItem));
                }
                (Method::Double, value) => double(value)?,
                (Method::KeyValue, Json::Object(entries)) => {
                    results.extend(entries.iter().map(key_value));
                    continue;
                }
                (Method::KeyValue, _) => return Err(wrong("an object", Condition::SqlJsonObjectNotFound)),
            };
            results.push(Cow::Owned(result));
        }
        Ok(results)
    }

    /// Whether a predicate is true or false; none if that is unknown.
    fn holds(&self, node: &'v Node, place: &Place<'_>) -> Option<bool> {
        match node {
            Node::And(left, right) => match (self.holds(left, place), self.holds(right, place)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Node::Or(left, right) => match (self.holds(left, place), self.holds(right, place)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Node::Not(inner) => self.holds(inner, place).map(|value| !value),
            Node::IsUnknown(inner) => Some(self.holds(inner, place).is_none()),
            Node::Exists(inner) => self.run(inner, place).ok().map(|found| !found.is_empty()),
            Node::Compare(comparison, left, right) => {
                self.any_pair(left, Some(right), place, |left, right| compare(*comparison, left, right))
            }
            Node::StartsWith(left, right) => {
                self.any_pair(left, Some(right), place, |left, right| match (left, right) {
                    (Json::String(text), Json::String(initial)) => Some(text.starts_with(initial.as_str())),
                    _ => None,
                })
            }
            Node::LikeRegex(operand, pattern) => self.any_pair(operand, None, place, |value, _| match value {
                Json::String(text) => Some(pattern.compiled.is_match(text)),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Whether a test holds for any pair of what two parts find.
    fn any_pair(
        &self,
        left: &'v Node,
        right: Option<&'v Node>,
        place: &Place<'_>,
        test: impl Fn(&Json, &Json) -> Option<bool>,
    ) -> Option<bool> {
        let lefts = self.unwrapped(left, place).ok()?;
        let rights = match right {
            Some(right) => self.unwrapped(right, place).ok()?,
            None => vec![Cow::Owned(Json::Null)],
        };
        let (mut is_found, mut is_unknown) = (false, false);
        for left in &lefts {
            for right in &rights {
                match test(left, right) {
                    Some(true) if self.is_lax => return Some(true),
                    Some(true) => is_found = true,
                    Some(false) => {}
                    None if self.is_lax => is_unknown = true,
                    None => return None,
                }
            }
        }
        if is_found {
            Some(true)
        } else if is_unknown {
            None
        } else {
            Some(false)
        }
    }
}

fn not_a_subscript() -> SqlError {
    failure(Condition::InvalidSqlJsonSubscript, "jsonpath array subscript is not a single numeric value")
}

/// The elements of an array; of anything else itself.
fn unwrap(value: Found<'_>) -> Sequence<'_> {
    match parts(value.clone(), elements) {
        Some(values) => values,
        None => vec![value],
    }
}

fn below<'v>(found: &mut Sequence<'v>, value: Found<'v>, depth: u32, first: Depth, last: Depth) {
    let inner = parts(value.clone(), |value| match value {
        Json::Array(values) => Some(values.iter().collect()),
        Json::Object(entries) => Some(entries.iter().map(|(_, value)| value).collect()),
        _ => None,
    });
    // `last` as the first depth means those that have nothing below them.
    let is_wanted = match first {
        Some(first) => depth >= first,
        None => inner.as_ref().is_none_or(Vec::is_empty),
    };
    if is_wanted && last.is_none_or(|last| depth <= last) {
        found.push(value);
    }
    if last.is_none_or(|last| depth < last) {
        for value in inner.into_iter().flatten() {
            below(found, value, depth + 1, first, last);
        }
    }
}

fn double(value: &Json) -> SqlResult<Json> {
    let text = match value {
        Json::Number(digits) => digits,
        Json::String(text) => text,
        _ => {
            let message = "jsonpath item method .double() can only be applied to a string or numeric value";
            return Err(failure(Condition::NonNumericSqlJsonItem, message));
        }
    };
    let what = if matches!(value, Json::String(_)) { "string" } else { "numeric" };
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
        let message = format!(
            "{what} argument of jsonpath item method .double() is not a valid representation of a double precision number"
        );
        failure(Condition::NonNumericSqlJsonItem, message)
    })?;
    Ok(Json::Number(numeric::format(&Number::from_f64(number))))
}

fn key_value<'v>((name, value): &(String, Json)) -> Found<'v> {
    Cow::Owned(Json::object(vec![
        ("id".to_owned(), Json::Number("0".to_owned())),
        ("key".to_owned(), Json::String(name.clone())),
        ("value".to_owned(), value.clone()),
    ]))
}

/// Whether a comparison of two values holds; none if they cannot be compared.
fn compare(comparison: Comparison, left: &Json, right: &Json) -> Option<bool> {
    let order = match (left, right) {
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::String(left), Json::String(right)) => left.cmp(right),
        (Json::Number(_), Json::Number(_)) => crate::json::order::compare(left, right),
        (Json::Null, _) | (_, Json::Null) => return Some(comparison == Comparison::NotEqual),
        _ => return None,
    };
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}
