//! The order of hits: comparable numbers inside a part, values across parts.
//!
//! ```text
//!   in a part     [code of the 1st sort field, .., code of the key]   all u64, smaller comes first
//!                   numbers keep their order as u64; keywords are twice their place in the part's dictionary, plus two,
//!                   so that a value that is not in it has a place between; descending inverts; nothing comes last
//!   over parts    codes of numbers; keywords and keys themselves
//! ```
//!
//! The code 0 is no value's but that of the least of all numbers: inverted it would be the code of nothing. What the last
//! two numbers in either direction count as, they count as everywhere, or pages would not join.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use tantivy::columnar::{BytesColumn, Column};
use tantivy::{DocId, f64_to_u64, i64_to_u64};

use super::definition::FieldType;
use super::fault::{read, unreadable};
use super::request::{Order, SCORE_FIELD, SearchRequest};
use super::schema::{IndexSchema, IndexedField};
use super::segment::Segment;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::limits::SEARCH_SORT_FIELDS_MAX;

/// Format of the text that says where the next page begins.
const CURSOR_FORMAT: u8 = 1;
/// The code of a document without a value: behind all others.
const NOTHING: u64 = u64::MAX;

/// Codes of the sort fields, then that of the key; unused ones are zero.
pub(super) type Codes = [u64; SEARCH_SORT_FIELDS_MAX + 1];

/// A value that hits are sorted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum SortValue {
    Number(u64),
    Text(Vec<u8>),
    Nothing,
}

/// Where a hit stands among all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) values: Vec<SortValue>,
    pub(super) key: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Source {
    Score,
    Field(IndexedField),
}

/// The order that a request asks for.
#[derive(Debug, Clone)]
pub(super) struct SortOrder {
    fields: Vec<(Source, Order)>,
}

impl SortOrder {
    pub(super) fn new(schema: &IndexSchema, request: &SearchRequest) -> Result<Self> {
        let mut fields = Vec::new();
        for by in &request.sort {
            let source = match by.field.as_str() {
                SCORE_FIELD => Source::Score,
                name => match schema.fields.get(name) {
                    Some(field) if field.field_type == FieldType::Text => {
                        return Err(Error::invalid(format!(
                            "field {name:?} is text, which has no order; use a keyword"
                        )));
                    }
                    Some(field) => Source::Field(field.clone()),
                    None => return Err(Error::invalid(format!("there is no field {name:?} to sort by"))),
                },
            };
            fields.push((source, by.order));
        }
        if fields.is_empty() {
            fields.push((Source::Score, Order::Desc));
        }
        Ok(SortOrder { fields })
    }

    /// Which of two hits comes first.
    pub(super) fn compare(&self, a: &Standing, b: &Standing) -> Ordering {
        for (number, (_, order)) in self.fields.iter().enumerate() {
            let ordering = match (&a.values[number], &b.values[number]) {
                (SortValue::Nothing, SortValue::Nothing) => Ordering::Equal,
                (SortValue::Nothing, _) => Ordering::Greater,
                (_, SortValue::Nothing) => Ordering::Less,
                (SortValue::Number(a), SortValue::Number(b)) => {
                    final_code(Some(*a), *order).cmp(&final_code(Some(*b), *order))
                }
                (SortValue::Text(a), SortValue::Text(b)) => directed(a.cmp(b), *order),
                _ => Ordering::Equal,
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        a.key.cmp(&b.key)
    }

    /// The order inside one part.
    pub(super) fn in_segment(&self, segment: &Segment) -> Result<SegmentOrder> {
        let mut columns = Vec::with_capacity(self.fields.len());
        for (source, order) in &self.fields {
            let column = match source {
                Source::Score => SortColumn::Score,
                Source::Field(field) => SortColumn::open(segment, field)?,
            };
            columns.push((column, *order));
        }
        Ok(SegmentOrder { columns, keys: segment.keys.clone() })
    }

    /// The text that says where the page after `last` begins.
    pub(super) fn cursor(&self, last: &Standing) -> Result<String> {
        Ok(BASE64.encode(record::encode(CURSOR_FORMAT, last)?))
    }

    /// Where the text says that the page begins.
    pub(super) fn read_cursor(&self, text: &str) -> Result<Standing> {
        let wrong = || Error::invalid("`after` is not the `next` of a page of this search");
        let bytes = BASE64.decode(text).map_err(|_| wrong())?;
        let standing: Standing = record::decode(CURSOR_FORMAT, &bytes, "`after`").map_err(|_| wrong())?;
        let fits = standing.values.len() == self.fields.len()
            && self.fields.iter().zip(&standing.values).all(|((source, _), value)| match (source, value) {
                (_, SortValue::Nothing) => true,
                (Source::Field(field), SortValue::Text(_)) => field.field_type == FieldType::Keyword,
                (Source::Field(field), SortValue::Number(_)) => field.field_type != FieldType::Keyword,
                (Source::Score, value) => matches!(value, SortValue::Number(_)),
            });
        if fits { Ok(standing) } else { Err(wrong()) }
    }
}

fn directed(ordering: Ordering, order: Order) -> Ordering {
    match order {
        Order::Asc => ordering,
        Order::Desc => ordering.reverse(),
    }
}

enum SortColumn {
    Score,
    Integer(Column<i64>),
    Float(Column<f64>),
    Bool(Column<bool>),
    Text(BytesColumn),
    /// No document of the part has a value.
    Empty,
}

impl SortColumn {
    fn open(segment: &Segment, field: &IndexedField) -> Result<Self> {
        let columns = segment.reader.fast_fields();
        Ok(match field.field_type {
            FieldType::Integer | FieldType::Date => SortColumn::Integer(read(columns.i64(&field.column))?),
            FieldType::Float => SortColumn::Float(read(columns.f64(&field.column))?),
            FieldType::Bool => SortColumn::Bool(read(columns.bool(&field.column))?),
            FieldType::Keyword => match read(columns.str(&field.column))? {
                Some(column) => SortColumn::Text(column.into()),
                None => SortColumn::Empty,
            },
            FieldType::Text => SortColumn::Empty,
        })
    }

    /// The ascending code of a document's value; of several the one that comes first.
    fn code(&self, document: DocId, score: f32, order: Order) -> Option<u64> {
        fn first<T>(values: impl Iterator<Item = T>, order: Order, code: impl Fn(T) -> u64) -> Option<u64> {
            let codes = values.map(code);
            match order {
                Order::Asc => codes.min(),
                Order::Desc => codes.max(),
            }
        }
        match self {
            SortColumn::Score => Some(f64_to_u64(f64::from(score))),
            SortColumn::Integer(column) => first(column.values_for_doc(document), order, i64_to_u64),
            SortColumn::Float(column) => first(column.values_for_doc(document), order, f64_to_u64),
            SortColumn::Bool(column) => first(column.values_for_doc(document), order, |truth| 1 + u64::from(truth)),
            SortColumn::Text(column) => first(column.term_ords(document), order, code_of_ordinal),
            SortColumn::Empty => None,
        }
    }

    fn value(&self, code: u64) -> Result<SortValue> {
        match self {
            SortColumn::Text(column) => {
                let mut text = Vec::new();
                match column.ord_to_bytes(code / 2 - 1, &mut text).map_err(unreadable)? {
                    true => Ok(SortValue::Text(text)),
                    false => Err(Error::corrupt("a search segment has a value without text")),
                }
            }
            _ => Ok(SortValue::Number(code)),
        }
    }

    fn code_of(&self, value: &SortValue) -> Result<Option<u64>> {
        match (self, value) {
            (_, SortValue::Nothing) => Ok(None),
            (SortColumn::Text(column), SortValue::Text(text)) => place(column, text).map(Some),
            (_, SortValue::Number(code)) => Ok(Some(*code)),
            (_, SortValue::Text(_)) => Ok(Some(0)),
        }
    }
}

/// The code of a text that a column has.
fn code_of_ordinal(ordinal: u64) -> u64 {
    ordinal * 2 + 2
}

/// The code of a text in a column: even when the column has it, else the odd one before the next larger.
fn place(column: &BytesColumn, text: &[u8]) -> Result<u64> {
    let dictionary = column.dictionary();
    if let Some(ordinal) = dictionary.term_ord(text).map_err(unreadable)? {
        return Ok(code_of_ordinal(ordinal));
    }
    let (mut low, mut high) = (0, column.num_terms() as u64);
    let mut found = Vec::new();
    while low < high {
        let middle = low + (high - low) / 2;
        column.ord_to_bytes(middle, &mut found).map_err(unreadable)?;
        if found[..] < *text { low = middle + 1 } else { high = middle }
    }
    Ok(low * 2 + 1)
}

/// The order of the documents of one part.
pub(super) struct SegmentOrder {
    columns: Vec<(SortColumn, Order)>,
    keys: BytesColumn,
}

fn final_code(code: Option<u64>, order: Order) -> u64 {
    match (code, order) {
        (None, _) => NOTHING,
        // The largest code is kept for nothing; the two largest numbers of 64 bits count as one.
        (Some(code), Order::Asc) => code.min(NOTHING - 1),
        (Some(code), Order::Desc) => (!code).min(NOTHING - 1),
    }
}

impl SegmentOrder {
    /// The code of the first sort field alone.
    pub(super) fn first_code(&self, document: DocId, score: f32) -> u64 {
        self.columns.first().map_or(0, |(column, order)| final_code(column.code(document, score, *order), *order))
    }

    pub(super) fn codes(&self, document: DocId, score: f32) -> Codes {
        let mut codes = Codes::default();
        for (code, (column, order)) in codes.iter_mut().zip(&self.columns) {
            *code = final_code(column.code(document, score, *order), *order);
        }
        codes[SEARCH_SORT_FIELDS_MAX] = self.keys.term_ords(document).next().map_or(NOTHING, code_of_ordinal);
        codes
    }

    /// The codes that `standing` would have in this part.
    pub(super) fn codes_of(&self, standing: &Standing) -> Result<Codes> {
        let mut codes = Codes::default();
        for ((code, (column, order)), value) in codes.iter_mut().zip(&self.columns).zip(&standing.values) {
            *code = final_code(column.code_of(value)?, *order);
        }
        codes[SEARCH_SORT_FIELDS_MAX] = place(&self.keys, &standing.key)?;
        Ok(codes)
    }

    /// Where a document of this part stands among all.
    pub(super) fn standing(&self, segment: &Segment, document: DocId, score: f32) -> Result<Standing> {
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, order) in &self.columns {
            values.push(match column.code(document, score, *order) {
                Some(code) => column.value(code)?,
                None => SortValue::Nothing,
            });
        }
        let ordinal = segment.keys.term_ords(document).next();
        let ordinal = ordinal.ok_or_else(|| Error::corrupt("a document of a search segment has no key"))?;
        Ok(Standing { values, key: segment.key_of_ordinal(ordinal)? })
    }
}

#[cfg(test)]
mod tests {
    use tantivy::{u64_to_f64, u64_to_i64};

    use super::*;

    #[test]
    fn codes_keep_the_order_of_numbers() {
        assert!(i64_to_u64(-1) < i64_to_u64(0) && f64_to_u64(-1.5) < f64_to_u64(0.5));
        assert_eq!((u64_to_i64(i64_to_u64(-7)), u64_to_f64(f64_to_u64(2.5))), (-7, 2.5));
        assert!(final_code(Some(1), Order::Desc) > final_code(Some(2), Order::Desc));
        assert!(final_code(None, Order::Desc) > final_code(Some(0), Order::Desc));
    }
}
