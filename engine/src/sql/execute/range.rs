//! Which keys of a table a filter leaves: the primary key or an index, and ranges of it.
//!
//! ```text
//!   a = 1 AND b > 5, index (a, b)      one range        a IN (1, 2), index (a)      two ranges
//! ```
//!
//! - Ranges may be wider than the filter, never narrower: the filter is checked on every row all the same.
//! - Only types whose keys sort as their values compare in SQL are used; others are scanned.

use std::ops::Bound;

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use marquetry_functions::SqlType;

use super::convert::value_of;
use crate::error::Result;
use crate::kv::KeyRange;
use crate::sql::catalog::SqlTable;
use crate::table::{Schema, SchemaIndex, Value};

/// Most ranges that one scan reads one after the other.
const RANGES_MAX: usize = 1_000;

/// A condition on one column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnTest {
    /// The position of the column in the rows of the table model.
    position: usize,
    kind: Test,
}

/// What a column has to be.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    OneOf(Vec<Value>),
    Lower(Bound<Value>),
    Upper(Bound<Value>),
    IsNull,
}

impl ColumnTest {
    pub(crate) fn new(position: usize, kind: Test) -> Self {
        ColumnTest { position, kind }
    }

    /// The position of the column in rows.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Whether the row `values` meets it.
    pub(crate) fn holds(&self, values: &[Value]) -> bool {
        let value = &values[self.position];
        match &self.kind {
            Test::OneOf(values) => !value.is_null() && values.contains(value),
            Test::IsNull => value.is_null(),
            Test::Lower(bound) => !value.is_null() && within(value, bound, true),
            Test::Upper(bound) => !value.is_null() && within(value, bound, false),
        }
    }
}

impl Test {
    /// The test that comparing with `value` by `operator` is; only for those that compare by order.
    pub(crate) fn comparison(operator: Operator, value: Value) -> Self {
        match operator {
            Operator::Gt => Test::Lower(Bound::Excluded(value)),
            Operator::GtEq => Test::Lower(Bound::Included(value)),
            Operator::Lt => Test::Upper(Bound::Excluded(value)),
            Operator::LtEq => Test::Upper(Bound::Included(value)),
            _ => Test::OneOf(vec![value]),
        }
    }
}

fn within(value: &Value, bound: &Bound<Value>, is_lower: bool) -> bool {
    match bound {
        Bound::Unbounded => true,
        Bound::Included(end) if is_lower => value >= end,
        Bound::Included(end) => value <= end,
        Bound::Excluded(end) if is_lower => value > end,
        Bound::Excluded(end) => value < end,
    }
}

/// How a table's rows are reached.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The number of the index, or `None` for the primary key.
    pub(crate) index: Option<u32>,
    /// The index's name, for people.
    pub(crate) name: Option<String>,
    pub(crate) ranges: Vec<KeyRange>,
    /// Whether all rows are read.
    pub(crate) is_full: bool,
    /// Whether it finds one row at most.
    pub(crate) is_point: bool,
}

/// What `filter` says about one column of `table`, if it is a condition that keys can serve.
pub(super) fn test_of(filter: &Expr, schema: &SchemaRef, table: &SqlTable) -> Option<ColumnTest> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
            (Expr::Column(column), Expr::Literal(value, _)) => comparison(&column.name, *op, value, schema, table),
            (Expr::Literal(value, _), Expr::Column(column)) => {
                comparison(&column.name, op.swap()?, value, schema, table)
            }
            _ => None,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = &**expr else { return None };
            let (position, sql_type) = key_column(&column.name, schema, table)?;
            let value = |item: &Expr| match item {
                Expr::Literal(value, _) if value.data_type() == sql_type.arrow() => value_of(value, sql_type).ok(),
                _ => None,
            };
            let values = list.iter().map(value).collect::<Option<Vec<_>>>()?;
            Some(ColumnTest {
                position,
                kind: Test::OneOf(values.into_iter().filter(|value| !value.is_null()).collect()),
            })
        }
        Expr::IsNull(inner) => {
            let Expr::Column(column) = &**inner else { return None };
            let (position, _) = key_column(&column.name, schema, table)?;
            Some(ColumnTest { position, kind: Test::IsNull })
        }
        _ => None,
    }
}

fn comparison(
    name: &str,
    operator: Operator,
    value: &ScalarValue,
    schema: &SchemaRef,
    table: &SqlTable,
) -> Option<ColumnTest> {
    let (position, sql_type) = key_column(name, schema, table)?;
    if value.is_null() || value.data_type() != sql_type.arrow() {
        return None;
    }
    let value = value_of(value, sql_type).ok()?;
    let is_order = matches!(operator, Operator::Eq | Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq);
    is_order.then(|| ColumnTest { position, kind: Test::comparison(operator, value) })
}

/// Where the column called `name` is, when its keys sort as it compares.
fn key_column<'t>(name: &str, schema: &SchemaRef, table: &'t SqlTable) -> Option<(usize, &'t SqlType)> {
    let column = table.columns.get(schema.index_of(name).ok()?)?;
    is_comparable(&column.sql_type).then_some((column.position, &column.sql_type))
}

/// Whether keys of `sql_type` sort, and are equal, exactly as its values are in SQL.
pub(crate) fn is_comparable(sql_type: &SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Bool
            | SqlType::Int2
            | SqlType::Int4
            | SqlType::Int8
            | SqlType::Numeric(marquetry_functions::NumericForm::Decimal { .. })
            | SqlType::Text
            | SqlType::Varchar
            | SqlType::Name
            | SqlType::Bytea
            | SqlType::Date
            | SqlType::Time
            | SqlType::Timestamp
            | SqlType::TimestampTz
            | SqlType::Uuid
            | SqlType::Oid
    )
}

/// The best way to the rows that meet all of `tests`.
pub(crate) fn access_for(schema: &Schema, table: &SqlTable, tests: &[ColumnTest]) -> Result<Access> {
    let mut best = candidate(schema, None, tests)?;
    for index in &schema.indexes {
        // A partial index lacks rows that the filter may want.
        if index.condition.is_some() {
            continue;
        }
        let other = candidate(schema, Some(index), tests)?;
        if other.score > best.score {
            best = other;
        }
    }
    let name = best.index.and_then(|number| {
        let stored = schema.indexes.iter().find(|index| index.number == number)?;
        Some(stored.name.clone())
    });
    let is_full = best.score == 0;
    let name = name.or_else(|| table.primary_key_name.clone());
    Ok(Access { index: best.index, name, ranges: best.ranges, is_full, is_point: best.is_point })
}

struct Candidate {
    index: Option<u32>,
    ranges: Vec<KeyRange>,
    /// The more, the fewer rows are to be expected; 0 for all rows.
    score: u32,
    is_point: bool,
}

fn candidate(schema: &Schema, index: Option<&SchemaIndex>, tests: &[ColumnTest]) -> Result<Candidate> {
    let columns = index.map_or(&schema.primary_key, |index| &index.columns);
    let mut prefixes: Vec<Vec<Value>> = vec![Vec::new()];
    let mut score = 0;
    for position in columns {
        let Some(values) = equal_values(*position, tests) else { break };
        if prefixes.len().saturating_mul(values.len()) > RANGES_MAX {
            break;
        }
        let longer = prefixes
            .iter()
            .flat_map(|prefix| values.iter().map(move |value| prefix.iter().cloned().chain([value.clone()]).collect()));
        prefixes = longer.collect();
        score += 4;
    }
    let length = prefixes.first().map_or(columns.len(), Vec::len);
    let is_whole = length == columns.len();
    let (lower, upper) = match columns.get(length) {
        Some(position) => bounds(*position, tests),
        None => (Bound::Unbounded, Bound::Unbounded),
    };
    score += u32::from(lower != Bound::Unbounded) + u32::from(upper != Bound::Unbounded);
    let is_unique = index.is_none_or(|index| index.unique && !prefixes.iter().flatten().any(Value::is_null));
    let is_point = is_whole && is_unique && prefixes.len() <= 1;
    if is_whole && is_unique {
        score += 8;
    }
    // Reading a row through an index costs a second read.
    if score > 0 && index.is_none() {
        score += 1;
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    let one = |bound: &'_ Bound<Value>| match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(value) => Bound::Included(vec![value.clone()]),
        Bound::Excluded(value) => Bound::Excluded(vec![value.clone()]),
    };
    let (lower, upper) = (one(&lower), one(&upper));
    let mut ranges = Vec::with_capacity(prefixes.len());
    for prefix in &prefixes {
        let range = schema.span(index, prefix, as_slice(&lower), as_slice(&upper))?;
        if !range.is_empty() {
            ranges.push(range);
        }
    }
    Ok(Candidate { index: index.map(|index| index.number), ranges, score, is_point })
}

fn as_slice(bound: &Bound<Vec<Value>>) -> Bound<&[Value]> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(values) => Bound::Included(&values[..]),
        Bound::Excluded(values) => Bound::Excluded(&values[..]),
    }
}

/// The values that the column at `position` has to be one of, by the most telling test.
fn equal_values(position: usize, tests: &[ColumnTest]) -> Option<Vec<Value>> {
    let lists = tests.iter().filter(|test| test.position == position).filter_map(|test| match &test.kind {
        Test::OneOf(values) => Some(values.clone()),
        Test::IsNull => Some(vec![Value::Null]),
        Test::Lower(_) | Test::Upper(_) => None,
    });
    lists.min_by_key(Vec::len)
}

/// The narrowest bounds of the column at `position`.
fn bounds(position: usize, tests: &[ColumnTest]) -> (Bound<Value>, Bound<Value>) {
    let (mut lower, mut upper) = (Bound::Unbounded, Bound::Unbounded);
    for test in tests.iter().filter(|test| test.position == position) {
        match &test.kind {
            Test::Lower(bound) if is_tighter(bound, &lower, true) => lower = bound.clone(),
            Test::Upper(bound) if is_tighter(bound, &upper, false) => upper = bound.clone(),
            _ => {}
        }
    }
    (lower, upper)
}

fn is_tighter(new: &Bound<Value>, old: &Bound<Value>, is_lower: bool) -> bool {
    let (Bound::Included(new_value) | Bound::Excluded(new_value)) = new else { return false };
    let (Bound::Included(old_value) | Bound::Excluded(old_value)) = old else { return true };
    match new_value.cmp(old_value) {
        std::cmp::Ordering::Equal => matches!(new, Bound::Excluded(_)),
        std::cmp::Ordering::Greater => is_lower,
        std::cmp::Ordering::Less => !is_lower,
    }
}
