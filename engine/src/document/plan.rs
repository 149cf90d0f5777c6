//! The planner: from a filter and a sort to the keys that are read.
//!
//! ```text
//!   filter --> conjunction --> for each index: points of its first fields, then one range --> ranges of keys
//!                                                                                       '-> in the order of the sort?
//!   best of: _id, every index, one index per alternative of an $or, the whole collection
//! ```
//!
//! - The choice is by rules, not by statistics: more equal fields first, then lists, then ranges, then a sort that is
//!   saved. The same question has the same plan whatever the data.
//! - Plans differ in what they read, never in what is found: documents are matched after they are read.

use serde_json::Value;

use super::bounds::{Bounds, Conjunction};
use super::collection::Collection;
use super::filter::{Comparison, Condition, Filter};
use super::index::Index;
use super::keys;
use super::path::Path;
use super::sort::Sort;
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader, key_after};
use crate::limits::DOCUMENT_INDEX_RANGES_MAX;

/// Alternatives up to this number are read through indexes of their own.
const ALTERNATIVES_MAX: usize = 100;

/// Any set of ids is better than any index.
const ID_SCORE: u32 = 10_000;
/// At most one document has all the values.
const WHOLE_UNIQUE_SCORE: u32 = 5_000;
const POINT_SCORE: u32 = 100;
const LIST_SCORE: u32 = 70;
const BOTH_ENDS_SCORE: u32 = 50;
const ONE_END_SCORE: u32 = 30;
/// Nothing has to be sorted.
const SORTED_SCORE: u32 = 25;

/// How a find reads.
#[derive(Debug)]
pub(super) struct Plan {
    /// Read one after the other.
    pub(super) accesses: Vec<Access>,
    pub(super) order: Order,
    /// Whether a document may come more than once.
    pub(super) repeats: bool,
}

impl Plan {
    /// All ranges in the order in which they are read.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (&Access, &KeyRange)> {
        self.accesses.iter().flat_map(|access| {
            let mut ranges: Vec<_> = access.ranges.iter().collect();
            if access.direction == Direction::Backward {
                ranges.reverse();
            }
            ranges.into_iter().map(move |range| (access, range))
        })
    }
}

/// How documents get into the order that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Any order will do.
    Any,
    /// They come in it.
    Kept,
    /// They have to be sorted.
    Sorted,
}

/// Ranges of keys of the documents themselves or of an index.
#[derive(Debug)]
pub(super) struct Access {
    /// The position of the index in the collection; the documents themselves without one.
    pub(super) index: Option<usize>,
    /// In order, and disjoint.
    pub(super) ranges: Vec<KeyRange>,
    pub(super) direction: Direction,
    /// What bounds the ranges, for explanations.
    pub(super) bounds: Vec<String>,
    ordered: bool,
    repeats: bool,
    score: u32,
}

/// The plan for finding what `filter` matches in the order of `sort`.
pub(super) fn plan<R: Reader + ?Sized>(
    reader: &R,
    collection: &Collection,
    filter: &Filter,
    sort: &Sort,
) -> Result<Plan> {
    let planner = Planner { reader, collection, sort };
    let conjunction = Conjunction::default().with(filter);
    let best = planner.best(&conjunction)?;
    let (is_ordered, best_repeats) = (best.ordered, best.repeats);
    let (accesses, is_ordered, repeats) = match planner.alternatives(&conjunction, best.score)? {
        Some(accesses) => (accesses, false, true),
        None => (vec![best], is_ordered, best_repeats),
    };
    let order = match (sort.is_any(), is_ordered) {
        (true, _) => Order::Any,
        (false, true) => Order::Kept,
        (false, false) => Order::Sorted,
    };
    Ok(Plan { accesses, order, repeats })
}

struct Planner<'a, R: ?Sized> {
    reader: &'a R,
    collection: &'a Collection,
    sort: &'a Sort,
}

impl<R: Reader + ?Sized> Planner<'_, R> {
    fn best(&self, conjunction: &Conjunction<'_>) -> Result<Access> {
        let mut best = self.by_id(conjunction);
        for (position, index) in self.collection.definition.indexes.iter().enumerate() {
            if let Some(access) = self.by_index(position, index, conjunction)?
                && access.score > best.score
            {
                best = access;
            }
        }
        Ok(best)
    }

    /// One access per alternative of an `$or`, when all of them are better than `score`.
    fn alternatives(&self, conjunction: &Conjunction<'_>, score: u32) -> Result<Option<Vec<Access>>> {
        for alternatives in conjunction.alternatives.iter().filter(|list| list.len() <= ALTERNATIVES_MAX) {
            let mut accesses = Vec::new();
            for alternative in *alternatives {
                let access = self.best(&conjunction.clone().with(alternative))?;
                if access.bounds.is_empty() || access.score <= score {
                    break;
                }
                accesses.push(access);
            }
            if accesses.len() == alternatives.len() {
                return Ok(Some(accesses));
            }
        }
        Ok(None)
    }

    /// The documents themselves, within what the filter says about `_id`.
    fn by_id(&self, conjunction: &Conjunction<'_>) -> Access {
        let collection = self.collection.id();
        let mut access = match IdBounds::of(conjunction) {
            None => Access {
                index: None,
                ranges: vec![KeyRange::prefix(keys::documents(collection))],
                direction: Direction::Forward,
                bounds: Vec::new(),
                ordered: false,
                repeats: false,
                score: 0,
            },
            Some(bounds) => bounds.access(collection),
        };
        if let Some((path, direction)) = self.sort.fields.first()
            && path.is_id()
        {
            (access.ordered, access.direction) = (true, *direction);
            access.score += SORTED_SCORE;
        }
        access
    }

    /// An index, when the filter bounds it or it is in the order of the sort.
    fn by_index(&self, position: usize, index: &Index, conjunction: &Conjunction<'_>) -> Result<Option<Access>> {
        let is_bounded = conjunction.conditions(&index.paths[0]).next().is_some();
        if !is_bounded && self.sort.is_any() {
            return Ok(None);
        }
        let mut arrays = Vec::with_capacity(index.paths.len());
        for field in 0..index.paths.len() {
            arrays.push(index.has_arrays(self.reader, self.collection.id(), field)?);
        }
        let bounded = BoundedIndex::new(index, &arrays, conjunction, keys::entries(self.collection.id(), index.number));
        let order = bounded.direction(index, &arrays, self.sort);
        if bounded.fields == 0 && order.is_none() {
            return Ok(None);
        }
        let is_whole = index.unique && bounded.single_points == index.paths.len();
        let mut score = bounded.score + if is_whole { WHOLE_UNIQUE_SCORE } else { 0 };
        if order.is_some() && !self.sort.is_any() {
            score += SORTED_SCORE;
        }
        Ok(Some(Access {
            index: Some(position),
            ranges: bounded.ranges,
            direction: order.unwrap_or_default(),
            bounds: bounded.texts,
            ordered: order.is_some(),
            repeats: arrays.contains(&true),
            score,
        }))
    }
}

/// What a filter says about `_id`, which is a string in every document.
struct IdBounds<'f> {
    /// The only ids there can be.
    ids: Option<Vec<&'f str>>,
    comparisons: Vec<(Comparison, &'f Value)>,
}

impl<'f> IdBounds<'f> {
    fn of(conjunction: &Conjunction<'f>) -> Option<Self> {
        let mut bounds = IdBounds { ids: None, comparisons: Vec::new() };
        for (_, condition) in conjunction.fields.iter().filter(|(path, _)| path.is_id()) {
            let values = match condition {
                Condition::Compare(Comparison::Equal, value) => std::slice::from_ref(value),
                Condition::In(values) => &values[..],
                Condition::Compare(comparison, value) => {
                    bounds.comparisons.push((*comparison, value));
                    continue;
                }
                _ => continue,
            };
            let ids: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            if bounds.ids.as_ref().is_none_or(|known| ids.len() < known.len()) {
                bounds.ids = Some(ids);
            }
        }
        (bounds.ids.is_some() || !bounds.comparisons.is_empty()).then_some(bounds)
    }

    fn access(self, collection: ObjectId) -> Access {
        let (ranges, text, score) = match self.ids {
            Some(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                let key = |id: &&str| keys::document(collection, id.as_bytes());
                let ranges = ids.iter().map(key).map(|key| KeyRange::new(key.clone(), Some(key_after(&key))));
                (ranges.collect(), format!("_id: {} of them", ids.len()), ID_SCORE)
            }
            None => {
                let all = KeyRange::prefix(keys::documents(collection));
                let range = self.comparisons.iter().try_fold(all, |range, (comparison, value)| {
                    narrowed(range, *comparison, keys::document(collection, value.as_str()?.as_bytes()))
                });
                let score = if self.comparisons.len() > 1 { BOTH_ENDS_SCORE } else { ONE_END_SCORE };
                (range.into_iter().collect(), "_id: a range".to_owned(), score)
            }
        };
        Access {
            index: None,
            ranges,
            direction: Direction::Forward,
            bounds: vec![text],
            ordered: false,
            repeats: false,
            score,
        }
    }
}

fn narrowed(range: KeyRange, comparison: Comparison, key: Vec<u8>) -> Option<KeyRange> {
    let (start, end) = match comparison {
        Comparison::Greater => (Some(key_after(&key)), None),
        Comparison::GreaterOrEqual | Comparison::Equal => (Some(key), None),
        Comparison::Less => (None, Some(key)),
        Comparison::LessOrEqual => (None, Some(key_after(&key))),
    };
    let start = start.map_or(range.start.clone(), |start| range.start.clone().max(start.into()));
    let end = end.map_or(range.end.clone(), |end| range.end.clone().map(|known| known.min(end.into())));
    let range = KeyRange { start, end };
    (!range.is_empty()).then_some(range)
}

/// An index with the bounds that a filter sets for its first fields.
struct BoundedIndex {
    ranges: Vec<KeyRange>,
    texts: Vec<String>,
    score: u32,
    /// How many of the first fields are bounded.
    fields: usize,
    /// How many of the first fields have exactly one value.
    single_points: usize,
}

impl BoundedIndex {
    fn new(index: &Index, arrays: &[bool], conjunction: &Conjunction<'_>, start: Vec<u8>) -> Self {
        let mut prefixes = vec![start];
        let mut bounded = BoundedIndex { ranges: Vec::new(), texts: Vec::new(), score: 0, fields: 0, single_points: 0 };
        for (path, has_arrays) in index.paths.iter().zip(arrays) {
            match conjunction.bounds(path, *has_arrays) {
                Some(Bounds::Points(points)) if points.keys.len() * prefixes.len() <= DOCUMENT_INDEX_RANGES_MAX => {
                    let is_single = points.keys.len() == 1;
                    bounded.single_points += usize::from(is_single && bounded.single_points == bounded.fields);
                    bounded.add(if is_single { POINT_SCORE } else { LIST_SCORE }, format!("{path} {}", points.text));
                    let combine = |prefix: Vec<u8>| points.keys.iter().map(move |key| [&prefix[..], &key[..]].concat());
                    prefixes = prefixes.into_iter().flat_map(combine).collect();
                }
                Some(Bounds::Range(range)) => {
                    let score = if range.conditions > 1 { BOTH_ENDS_SCORE } else { ONE_END_SCORE };
                    bounded.add(score, format!("{path} {}", range.text));
                    let key_range = |prefix: Vec<u8>| {
                        KeyRange::new([&prefix[..], &range.start].concat(), Some([&prefix[..], &range.end].concat()))
                    };
                    bounded.ranges = prefixes.into_iter().map(key_range).filter(|range| !range.is_empty()).collect();
                    return bounded;
                }
                _ => break,
            }
        }
        bounded.ranges = prefixes.into_iter().map(KeyRange::prefix).collect();
        bounded
    }

    fn add(&mut self, score: u32, text: String) {
        self.fields += 1;
        self.score += score;
        self.texts.push(text);
    }

    /// The direction in which the index gives documents in the order of `sort`, if there is one.
    ///
    /// A field with arrays is sorted by its smallest or largest element, which bounds on it could cut off; and a
    /// single value found in an array does not say what the array is sorted by.
    fn direction(&self, index: &Index, arrays: &[bool], sort: &Sort) -> Option<Direction> {
        let mut position = self.single_points;
        let mut wanted = None;
        for (path, direction) in &sort.fields {
            let is_constant = |(field, has_arrays): (&Path, &bool)| field == path && !has_arrays;
            if index.paths[..self.single_points].iter().zip(arrays).any(is_constant) {
                continue;
            }
            if position == index.paths.len() {
                // Behind all its fields, an index is in the order of the ids.
                return (path.is_id() && wanted.is_none_or(|wanted| wanted == *direction)).then_some(*direction);
            }
            let is_next = index.paths[position] == *path && !(arrays[position] && position < self.fields);
            if !is_next || wanted.is_some_and(|wanted| wanted != *direction) {
                return None;
            }
            wanted = Some(*direction);
            position += 1;
        }
        Some(wanted.unwrap_or_default())
    }
}
