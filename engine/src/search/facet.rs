//! Counts over all hits: of values, by their ordinals inside a part and by themselves over parts; of ranges.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use tantivy::DocId;
use tantivy::columnar::{BytesColumn, Column};

use super::definition::FieldType;
use super::fault::{read, unreadable};
use super::request::{FacetCount, FacetRange, FacetRequest};
use super::schema::{self, IndexSchema, IndexedField};
use super::segment::Segment;
use crate::error::{Error, Result};

/// A counted value; in the order of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// One facet, counting.
pub(super) struct Facet {
    name: String,
    field: IndexedField,
    size: usize,
    ranges: Vec<(FacetRange, f64, f64)>,
    values: BTreeMap<Counted, u64>,
    counts: Vec<u64>,
}

/// The facets that a request asks for.
pub(super) fn facets(schema: &IndexSchema, requests: &BTreeMap<String, FacetRequest>) -> Result<Vec<Facet>> {
    requests.iter().map(|(name, request)| Facet::new(schema, name, request)).collect()
}

impl Facet {
    fn new(schema: &IndexSchema, name: &str, request: &FacetRequest) -> Result<Self> {
        let field = schema.fields.get(&request.field);
        let field = field.ok_or_else(|| Error::invalid(format!("there is no field {:?} to count", request.field)))?;
        let kinds: &[FieldType] = match request.ranges.is_empty() {
            true => &[FieldType::Keyword, FieldType::Integer, FieldType::Bool],
            false => &[FieldType::Integer, FieldType::Float, FieldType::Date],
        };
        if !kinds.contains(&field.field_type) {
            return Err(Error::invalid(format!(
                "field {:?} is {}; values are counted of keyword, integer and bool fields, ranges of integer, float \
                 and date fields",
                request.field, field.field_type
            )));
        }
        let ranges = request.ranges.iter().map(|range| {
            let end = |value: &Option<Value>, open: f64| match value {
                None => Ok(open),
                Some(value) => number(field, value)
                    .ok_or_else(|| Error::invalid(format!("{value} does not fit field {:?} to count", request.field))),
            };
            Ok((range.clone(), end(&range.from, f64::NEG_INFINITY)?, end(&range.to, f64::INFINITY)?))
        });
        let ranges = ranges.collect::<Result<Vec<_>>>()?;
        Ok(Facet {
            name: name.to_owned(),
            field: field.clone(),
            size: request.size,
            counts: vec![0; ranges.len()],
            ranges,
            values: BTreeMap::new(),
        })
    }

    /// What counts the documents of one part.
    pub(super) fn in_segment(&self, segment: &Segment) -> Result<SegmentFacet> {
        let columns = segment.reader.fast_fields();
        let column = &self.field.column;
        Ok(match self.field.field_type {
            FieldType::Keyword => match read(columns.str(column))? {
                Some(column) => SegmentFacet::Text(column.into(), HashMap::new()),
                None => SegmentFacet::Empty,
            },
            FieldType::Bool => SegmentFacet::Bool(read(columns.bool(column))?, HashMap::new()),
            FieldType::Float => SegmentFacet::FloatRanges(read(columns.f64(column))?, self.bounds()),
            _ if !self.ranges.is_empty() => SegmentFacet::Ranges(read(columns.i64(column))?, self.bounds()),
            _ => SegmentFacet::Integer(read(columns.i64(column))?, HashMap::new()),
        })
    }

    fn bounds(&self) -> Vec<(f64, f64, u64)> {
        self.ranges.iter().map(|(_, from, to)| (*from, *to, 0)).collect()
    }

    /// Adds what was counted in one part.
    pub(super) fn add(&mut self, counted: SegmentFacet) -> Result<()> {
        match counted {
            SegmentFacet::Empty => {}
            SegmentFacet::Text(column, counts) => {
                for (ordinal, count) in counts {
                    let mut text = Vec::new();
                    column.ord_to_bytes(ordinal, &mut text).map_err(unreadable)?;
                    let text = String::from_utf8(text)
                        .map_err(|_| Error::corrupt("a search segment has a keyword that is not text"))?;
                    *self.values.entry(Counted::Text(text)).or_default() += count;
                }
            }
            SegmentFacet::Integer(_, counts) => {
                counts.into_iter().for_each(|(value, count)| *self.entry(Counted::Integer(value)) += count);
            }
            SegmentFacet::Bool(_, counts) => {
                counts.into_iter().for_each(|(value, count)| *self.entry(Counted::Bool(value)) += count);
            }
            SegmentFacet::Ranges(_, ranges) | SegmentFacet::FloatRanges(_, ranges) => {
                self.counts.iter_mut().zip(ranges).for_each(|(total, (.., count))| *total += count);
            }
        }
        Ok(())
    }

    fn entry(&mut self, value: Counted) -> &mut u64 {
        self.values.entry(value).or_default()
    }

    /// The name and the counts: of ranges as they were asked for, of values the most frequent first.
    pub(super) fn finish(self) -> (String, Vec<FacetCount>) {
        if !self.ranges.is_empty() {
            let counts = self
                .ranges
                .into_iter()
                .zip(self.counts)
                .map(|((range, ..), count)| FacetCount { value: json!({ "from": range.from, "to": range.to }), count });
            return (self.name, counts.collect());
        }
        let mut values: Vec<(Counted, u64)> = self.values.into_iter().collect();
        values.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        let counts = values.into_iter().take(self.size).map(|(value, count)| FacetCount {
            value: match value {
                Counted::Bool(truth) => Value::from(truth),
                Counted::Integer(number) => Value::from(number),
                Counted::Text(text) => Value::from(text),
            },
            count,
        });
        (self.name, counts.collect())
    }
}

fn number(field: &IndexedField, value: &Value) -> Option<f64> {
    match field.field_type {
        FieldType::Date => schema::date(value).map(|micros| micros as f64),
        _ => schema::float(value),
    }
}

/// A facet in one part.
pub(super) enum SegmentFacet {
    Text(BytesColumn, HashMap<u64, u64>),
    Integer(Column<i64>, HashMap<i64, u64>),
    Bool(Column<bool>, HashMap<bool, u64>),
    Ranges(Column<i64>, Vec<(f64, f64, u64)>),
    FloatRanges(Column<f64>, Vec<(f64, f64, u64)>),
    Empty,
}

impl SegmentFacet {
    pub(super) fn count(&mut self, document: DocId) {
        match self {
            SegmentFacet::Text(column, counts) => {
                column.term_ords(document).for_each(|ordinal| *counts.entry(ordinal).or_default() += 1);
            }
            SegmentFacet::Integer(column, counts) => {
                column.values_for_doc(document).for_each(|value| *counts.entry(value).or_default() += 1);
            }
            SegmentFacet::Bool(column, counts) => {
                column.values_for_doc(document).for_each(|value| *counts.entry(value).or_default() += 1);
            }
            SegmentFacet::Ranges(column, ranges) => {
                count_ranges(ranges, || column.values_for_doc(document).map(|value| value as f64));
            }
            SegmentFacet::FloatRanges(column, ranges) => count_ranges(ranges, || column.values_for_doc(document)),
            SegmentFacet::Empty => {}
        }
    }
}

/// A document counts once in a range, however many of its values are inside.
fn count_ranges<I: Iterator<Item = f64>>(ranges: &mut [(f64, f64, u64)], values: impl Fn() -> I) {
    for (from, to, count) in ranges {
        *count += u64::from(values().any(|value| value >= *from && value < *to));
    }
}
