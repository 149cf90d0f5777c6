//! Reading rows: by key, in order, page by page, counted.
//!
//! ```text
//!   primary key   entries of 10 <table>           -> rows
//!   index         entries of 11 <table> <index>   -> primary key -> row
//! ```

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::range::position;
use super::request::ScanRequest;
use super::row::{Key, Row};
use super::schema::{Schema, SchemaIndex};
use super::{Tables, Value, keys};
use crate::error::{Error, Result};
use crate::kv::{Reader, Scan};
use crate::limits::{TABLE_PAGE_ROWS_DEFAULT, TABLE_PAGE_ROWS_MAX, TABLE_PAGE_SIZE_BYTES_TARGET};

/// Some rows, and where the page behind them begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowPage {
    /// The rows in order.
    pub rows: Vec<Row>,
    /// What to give to [`ScanRequest::resume_after`] for the rows behind these; `None` when there are none.
    pub next: Option<String>,
}

impl<'a, R: Reader + ?Sized> Tables<'a, R> {
    /// The row with the primary key `key`, or `None`.
    ///
    /// # Errors
    /// `NotFound` without such a table, `Invalid` when the key does not fit.
    pub fn get(&self, table: &str, key: impl Into<Key>) -> Result<Option<Row>> {
        let schema = self.schema(table)?;
        let primary = schema.primary_of_key(key.into())?;
        Ok(self.values_at(&schema, &primary)?.map(|values| schema.row(values)))
    }

    /// The row that has `key` in the unique index `index`, or `None`. A key with NULL is no row's.
    ///
    /// # Errors
    /// `NotFound` without such a table or index, `Invalid` when the index is not unique or the key does not fit.
    pub fn get_by(&self, table: &str, index: &str, key: impl Into<Key>) -> Result<Option<Row>> {
        let (schema, key) = (self.schema(table)?, key.into());
        let found = schema.index(index)?;
        if !found.unique || key.0.len() != found.columns.len() {
            return Err(Error::invalid(format!(
                "index {index:?} of table {table:?} does not tell one row by {} values; scan it instead",
                key.0.len()
            )));
        }
        if key.0.iter().any(Value::is_null) {
            return Ok(None);
        }
        let entry = schema.append(&keys::index(schema.id, found.number), &found.columns, &key.0)?;
        let Some(primary) = self.reader.get(&entry)? else { return Ok(None) };
        let values = self.values_at(&schema, &primary)?.ok_or_else(|| schema.entry_without_row(found))?;
        Ok(Some(schema.row(values)))
    }

    /// The rows that `request` asks for, one by one, as they were when this was called.
    ///
    /// # Errors
    /// `NotFound` without such a table or index, `Invalid` when a value does not fit; later failures come as items.
    pub fn scan(&self, table: &str, request: &ScanRequest) -> Result<RowScan<'a, R>> {
        let schema = self.schema(table)?;
        let path = schema.path(request)?;
        let scan = self.reader.scan(path.range, request.direction)?;
        let index = path.index.and_then(|index| schema.indexes.iter().position(|known| known.number == index.number));
        let rest = request.limit.unwrap_or(usize::MAX);
        let root = path.root;
        Ok(RowScan { reader: self.reader, index, schema, scan, root, rest, last: None, size_bytes: 0 })
    }

    /// One page of the rows that `request` asks for: at most its limit, 1,000 without one. A page of large rows may be
    /// shorter; there are more rows exactly when it has a `next`.
    ///
    /// # Errors
    /// As for [`Tables::scan`]; `LimitExceeded` for a limit over 10,000, `Invalid` for a limit of 0.
    pub fn page(&self, table: &str, request: &ScanRequest) -> Result<RowPage> {
        let limit = request.limit.unwrap_or(TABLE_PAGE_ROWS_DEFAULT);
        if limit > TABLE_PAGE_ROWS_MAX {
            return Err(Error::limit_exceeded(format!(
                "a page of {limit} rows is over the limit of {TABLE_PAGE_ROWS_MAX}; read several pages"
            )));
        }
        if limit == 0 {
            return Err(Error::invalid("a page holds at least one row; give a limit of 1 or more"));
        }
        let mut scan = self.scan(table, &ScanRequest { limit: None, ..request.clone() })?;
        let mut rows = Vec::new();
        while rows.len() < limit && scan.size_bytes < TABLE_PAGE_SIZE_BYTES_TARGET {
            match scan.next().transpose()? {
                Some(row) => rows.push(row),
                None => return Ok(RowPage { rows, next: None }),
            }
        }
        let next = scan.position();
        let is_more = scan.scan.next().transpose()?.is_some();
        Ok(RowPage { rows, next: next.filter(|_| is_more) })
    }

    /// How many rows `request` asks for.
    ///
    /// # Errors
    /// As for [`Tables::scan`].
    pub fn count(&self, table: &str, request: &ScanRequest) -> Result<u64> {
        let schema = self.schema(table)?;
        let scan = self.reader.scan(schema.path(request)?.range, request.direction)?;
        let mut count = 0;
        for entry in scan.take(request.limit.unwrap_or(usize::MAX)) {
            entry?;
            count += 1;
        }
        Ok(count)
    }
}

impl Schema {
    fn entry_without_row(&self, index: &SchemaIndex) -> Error {
        Error::corrupt(format!(
            "index {:?} of table {:?} has an entry without a row; drop the index and create it again",
            index.name, self.name
        ))
    }
}

/// Rows in the order of an index; made by [`Tables::scan`].
pub struct RowScan<'a, R: Reader + ?Sized> {
    reader: &'a R,
    schema: Arc<Schema>,
    /// The position of the index among those of the table, or `None` for the primary key.
    index: Option<usize>,
    scan: Scan,
    root: Vec<u8>,
    rest: usize,
    last: Option<Bytes>,
    size_bytes: usize,
}

impl<R: Reader + ?Sized> RowScan<'_, R> {
    /// The position of the row that came last, for [`ScanRequest::resume_after`]; `None` before the first.
    pub fn position(&self) -> Option<String> {
        self.last.as_ref().map(|key| position(&self.root, key))
    }

    fn row(&mut self, entry: (Bytes, Bytes)) -> Result<Row> {
        let (primary, stored) = match self.index.map(|position| &self.schema.indexes[position]) {
            None => (entry.0.slice_ref(keys::primary_of_row(&entry.0)?), entry.1),
            Some(index) => {
                let primary = self.schema.primary_of_entry(index, &entry)?;
                let stored = self.reader.get(&keys::row(self.schema.id, &primary))?;
                (primary, stored.ok_or_else(|| self.schema.entry_without_row(index))?)
            }
        };
        self.size_bytes += stored.len();
        self.schema.decode_row(&primary, &stored).map(|values| self.schema.row(values))
    }
}

impl<R: Reader + ?Sized> Iterator for RowScan<'_, R> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.checked_sub(1)?;
        let entry = match self.scan.next()? {
            Ok(entry) => entry,
            Err(error) => {
                self.rest = 0;
                return Some(Err(error));
            }
        };
        self.last = Some(entry.0.clone());
        let row = self.row(entry);
        if row.is_err() {
            self.rest = 0;
        }
        Some(row)
    }
}

impl<R: Reader + ?Sized> std::fmt::Debug for RowScan<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a scan of table {:?}", self.schema.name)
    }
}
