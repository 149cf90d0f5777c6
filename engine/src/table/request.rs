//! Which rows a scan returns, and in which order.
//!
//! ```text
//!   index (customer, placed_at):   equal("ada")  at_least(monday)  less_than(friday)   ascending
//!                                  '-- leading columns   '---- the columns after them
//! ```

use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::row::Key;
use super::value::Value;
use crate::kv::Direction;

/// A scan as JSON asks for it; see [`TableDefinition::scan_request`](super::TableDefinition::scan_request).
///
/// `{"index": "orders_by_customer", "prefix": ["ada"], "from": ["2026-01-01T00:00:00Z"], "reverse": true, "limit": 10}`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanForm {
    /// The index; without one, the primary key.
    pub index: Option<String>,
    /// The values that the leading columns have.
    pub prefix: Vec<Json>,
    /// Lower end, included, of the columns after the prefix.
    pub from: Option<Vec<Json>>,
    /// Lower end, not included.
    pub above: Option<Vec<Json>>,
    /// Upper end, not included.
    pub to: Option<Vec<Json>>,
    /// Upper end, included.
    pub through: Option<Vec<Json>>,
    /// Whether the last row comes first.
    pub reverse: bool,
    /// How many rows at most.
    pub limit: Option<usize>,
    /// The position that the page before ended at.
    pub after: Option<String>,
}

/// A range of the primary key or of an index, to scan or count.
///
/// ```
/// use marquetry::table::ScanRequest;
///
/// let newest = ScanRequest::index("orders_by_customer").equal("ada").descending().limit(10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRequest {
    pub(crate) index: Option<String>,
    pub(crate) equal: Vec<Value>,
    pub(crate) lower: Bound<Key>,
    pub(crate) upper: Bound<Key>,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<String>,
}

impl ScanRequest {
    /// All rows, in the order of the primary key.
    pub fn primary_key() -> Self {
        ScanRequest {
            index: None,
            equal: Vec::new(),
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            direction: Direction::Forward,
            limit: None,
            after: None,
        }
    }

    /// All rows, in the order of the index `name`; NULL comes after all values.
    pub fn index(name: impl Into<String>) -> Self {
        ScanRequest { index: Some(name.into()), ..ScanRequest::primary_key() }
    }

    /// Only rows with `value` in the first column of the index that no earlier `equal` spoke of. NULL finds NULL.
    #[must_use]
    pub fn equal(mut self, value: impl Into<Value>) -> Self {
        self.equal.push(value.into());
        self
    }

    /// Only rows with `values` or more in the columns after the equal ones, compared column by column; a row with NULL in the
    /// first of them is neither more nor less.
    #[must_use]
    pub fn at_least(self, values: impl Into<Key>) -> Self {
        ScanRequest { lower: Bound::Included(values.into()), ..self }
    }

    /// Only rows with more than `values` in the columns after the equal ones.
    #[must_use]
    pub fn more_than(self, values: impl Into<Key>) -> Self {
        ScanRequest { lower: Bound::Excluded(values.into()), ..self }
    }

    /// Only rows with `values` or less in the columns after the equal ones.
    #[must_use]
    pub fn at_most(self, values: impl Into<Key>) -> Self {
        ScanRequest { upper: Bound::Included(values.into()), ..self }
    }

    /// Only rows with less than `values` in the columns after the equal ones.
    #[must_use]
    pub fn less_than(self, values: impl Into<Key>) -> Self {
        ScanRequest { upper: Bound::Excluded(values.into()), ..self }
    }

    /// From the last row to the first.
    #[must_use]
    pub fn descending(self) -> Self {
        ScanRequest { direction: Direction::Backward, ..self }
    }

    /// At most `rows` rows.
    #[must_use]
    pub fn limit(self, rows: usize) -> Self {
        ScanRequest { limit: Some(rows), ..self }
    }

    /// Only rows behind `position`, which a page or scan of the same index and direction returned.
    #[must_use]
    pub fn resume_after(self, position: impl Into<String>) -> Self {
        ScanRequest { after: Some(position.into()), ..self }
    }
}
