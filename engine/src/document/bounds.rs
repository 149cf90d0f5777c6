//! What a filter says about the keys of one field: points or a range of bytes.
//!
//! ```text
//!   {"price": {"$gte": 5, "$lt": 9}}   -->  from 20 .. 5 up to 20 .. 9
//!   {"size": {"$in": ["s", "m"]}}      -->  30 "m", 30 "s"
//! ```
//!
//! - Bounds may let through more than the filter does, never less: whatever they find is matched again.
//! - Where a field meets arrays, two conditions may hold for two different elements, so only one of them is a bound.
//! - A value that is too long for an entry bounds by the beginning that all entries like it share.

use serde_json::Value;

use super::filter::{Comparison, Condition, Filter};
use super::order::{self, Class};
use super::path::Path;
use crate::kv::prefix_end;
use crate::limits::DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX;

/// The conditions that hold for every document that matches a filter.
#[derive(Debug, Clone, Default)]
pub(super) struct Conjunction<'f> {
    pub(super) fields: Vec<(&'f Path, &'f Condition)>,
    /// The alternatives of which one holds, each list for itself.
    pub(super) alternatives: Vec<&'f [Filter]>,
}

impl<'f> Conjunction<'f> {
    /// The conditions of `filter`, added to those there are.
    pub(super) fn with(mut self, filter: &'f Filter) -> Self {
        match filter {
            Filter::All(filters) => filters.iter().fold(self, Conjunction::with),
            Filter::Field(path, condition) => {
                self.fields.push((path, condition));
                self
            }
            Filter::Any(filters) => {
                self.alternatives.push(filters);
                self
            }
            Filter::None(_) => self,
        }
    }

    pub(super) fn conditions<'c>(&'c self, path: &'c Path) -> impl Iterator<Item = &'f Condition> + 'c {
        self.fields.iter().filter(move |(known, _)| *known == path).map(|(_, condition)| *condition)
    }

    /// The tightest bounds that the conditions set for the keys of `path`.
    pub(super) fn bounds(&self, path: &Path, has_arrays: bool) -> Option<Bounds> {
        let points = self.conditions(path).filter_map(points).min_by_key(|bounds| bounds.keys.len());
        if let Some(points) = points {
            return Some(Bounds::Points(points));
        }
        let mut conditions = self.conditions(path).filter_map(Half::of);
        let first = conditions.next()?;
        let mut range = Range::of_class(first.class);
        range.narrow(&first);
        if !has_arrays {
            conditions.filter(|half| half.class == first.class).for_each(|half| range.narrow(&half));
        }
        Some(Bounds::Range(range))
    }
}

/// Where the keys of a field can be.
#[derive(Debug)]
pub(super) enum Bounds {
    Points(Points),
    Range(Range),
}

/// Whole keys, in order.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) text: String,
}

/// The keys from `start` up to and without `end`, by their first bytes.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) start: Vec<u8>,
    pub(super) end: Vec<u8>,
    pub(super) conditions: usize,
    pub(super) text: String,
}

fn points(condition: &Condition) -> Option<Points> {
    let values = match condition {
        Condition::Compare(Comparison::Equal, value) => std::slice::from_ref(value),
        Condition::In(values) => values,
        _ => return None,
    };
    // An array as a whole has no entry; its elements do.
    if values.iter().any(Value::is_array) {
        return None;
    }
    let mut keys: Vec<_> = values.iter().map(|value| order::bounded(order::key(value)).bytes).collect();
    keys.sort_unstable();
    keys.dedup();
    let shown: Vec<String> = values.iter().take(10).map(shown).collect();
    let more = if values.len() > shown.len() { ", ..." } else { "" };
    let text = match condition {
        Condition::In(_) => format!("in [{}{more}]", shown.join(", ")),
        _ => format!("= {}", shown.join(", ")),
    };
    Some(Points { keys, text })
}

/// One side of a range.
struct Half<'f> {
    class: Class,
    comparison: Comparison,
    value: &'f Value,
}

impl<'f> Half<'f> {
    fn of(condition: &'f Condition) -> Option<Self> {
        match condition {
            Condition::Compare(Comparison::Equal, _) => None,
            Condition::Compare(comparison, value) if !value.is_array() => {
                Some(Half { class: Class::of(value), comparison: *comparison, value })
            }
            _ => None,
        }
    }
}

impl Range {
    fn of_class(class: Class) -> Self {
        Range { start: vec![class as u8], end: vec![class as u8 + 1], conditions: 0, text: String::new() }
    }

    fn narrow(&mut self, half: &Half<'_>) {
        let mut key = order::key(half.value);
        let is_cut = key.len() > DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX;
        key.truncate(DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX);
        let behind = || prefix_end(&key).expect("the first byte of a key is a class");
        let (start, end, sign) = match half.comparison {
            Comparison::Greater if !is_cut => (Some(behind()), None, ">"),
            Comparison::Greater => (Some(key), None, ">"),
            Comparison::GreaterOrEqual => (Some(key), None, ">="),
            Comparison::Less if !is_cut => (None, Some(key), "<"),
            Comparison::Less => (None, Some(behind()), "<"),
            Comparison::LessOrEqual | Comparison::Equal => (None, Some(behind()), "<="),
        };
        self.start = self.start.clone().max(start.unwrap_or_default());
        self.end = end.map_or(self.end.clone(), |end| self.end.clone().min(end));
        self.conditions += 1;
        let comma = if self.text.is_empty() { "" } else { ", " };
        self.text = format!("{}{comma}{sign} {}", self.text, shown(half.value));
    }
}

/// A value as an explanation shows it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
