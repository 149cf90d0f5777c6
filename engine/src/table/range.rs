//! What a scan request means in keys: a range of the primary key or of an index.
//!
//! ```text
//!   prefix     bytes of table and index, then the equal values
//!   at_least   prefix + values              more_than   behind everything that begins with them
//!   at_most    likewise                     less_than   prefix + values
//!   lower end only: up to NULL, which is neither more nor less than anything
//! ```

use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::key_encoding::{self, NULL_MARK};
use super::keys;
use super::request::ScanRequest;
use super::schema::{Schema, SchemaIndex};
use crate::encoding::key::KeyWriter;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, key_after, prefix_end};
use crate::limits::KEY_SIZE_BYTES_MAX;

/// Where a scan goes.
pub(super) struct Path<'s> {
    /// The index, or `None` for the primary key.
    pub(super) index: Option<&'s SchemaIndex>,
    /// What all keys of the index begin with; positions are what follows.
    pub(super) root: Vec<u8>,
    pub(super) range: KeyRange,
}

impl Schema {
    /// The path that `request` describes.
    ///
    /// # Errors
    /// `NotFound` without such an index, `Invalid` when values or the position do not fit it.
    pub(super) fn path(&self, request: &ScanRequest) -> Result<Path<'_>> {
        let index = request.index.as_deref().map(|name| self.index(name)).transpose()?;
        let lower = request.lower.as_ref().map(|key| &key.0[..]);
        let upper = request.upper.as_ref().map(|key| &key.0[..]);
        let mut range = self.span(index, &request.equal, lower, upper)?;
        let root = match index {
            None => keys::rows(self.id),
            Some(index) => keys::index(self.id, index.number),
        };
        if let Some(position) = &request.after {
            resume(&mut range, &root, position, request.direction)?;
        }
        Ok(Path { index, root, range })
    }

    /// The keys of the rows, or of the entries of `index`, whose leading columns are `equal` and whose next ones are within the
    /// bounds; the values fit their columns, and a NULL among `equal` finds NULL. With one end only, NULL is outside.
    pub(crate) fn span(
        &self,
        index: Option<&SchemaIndex>,
        equal: &[super::Value],
        lower: Bound<&[super::Value]>,
        upper: Bound<&[super::Value]>,
    ) -> Result<KeyRange> {
        let (root, columns) = match index {
            None => (keys::rows(self.id), &self.primary_key),
            Some(index) => (keys::index(self.id, index.number), &index.columns),
        };
        if equal.len() > columns.len() {
            return Err(too_many(equal.len(), columns.len()));
        }
        let (equal_columns, rest) = columns.split_at(equal.len());
        let prefix = self.append(&root, equal_columns, equal)?;
        let end = |values: &[super::Value]| self.bound(&prefix, rest, values);
        let mut range = KeyRange::prefix(prefix.clone());
        match lower {
            Bound::Unbounded => {}
            Bound::Included(values) => range.start = end(values)?.into(),
            Bound::Excluded(values) => range.start = behind(&end(values)?).into(),
        }
        match upper {
            Bound::Unbounded if lower == Bound::Unbounded => {}
            Bound::Unbounded => range.end = Some([&prefix[..], &[NULL_MARK]].concat().into()),
            Bound::Included(values) => range.end = Some(behind(&end(values)?).into()),
            Bound::Excluded(values) => range.end = Some(end(values)?.into()),
        }
        Ok(range)
    }

    fn bound(&self, prefix: &[u8], columns: &[usize], key: &[super::Value]) -> Result<Vec<u8>> {
        if key.is_empty() || key.len() > columns.len() {
            return Err(too_many(key.len(), columns.len()));
        }
        if key.iter().any(super::Value::is_null) {
            return Err(Error::invalid("NULL is neither more nor less than anything; ask for rows equal to it"));
        }
        self.append(prefix, columns, key)
    }

    /// `prefix` and behind it `values` for the first of `columns`.
    pub(super) fn append(&self, prefix: &[u8], columns: &[usize], values: &[super::Value]) -> Result<Vec<u8>> {
        let mut bytes = KeyWriter::default().raw(prefix);
        for (position, value) in columns.iter().zip(values) {
            bytes = key_encoding::write(bytes, &self.fit_column(*position, value.clone())?)?;
        }
        Ok(bytes.finish())
    }
}

fn too_many(found: usize, columns: usize) -> Error {
    Error::invalid(format!(
        "a scan has {found} values where {columns} columns of the index are left; give 1 to {columns}"
    ))
}

fn behind(prefix: &[u8]) -> Vec<u8> {
    // Every key of the model begins with a tag below FF, so there is always one behind.
    prefix_end(prefix).unwrap_or_else(|| key_after(prefix))
}

/// The position of `key`, for callers to keep: its bytes behind `root`.
pub(super) fn position(root: &[u8], key: &[u8]) -> String {
    BASE64.encode(key.get(root.len()..).unwrap_or_default())
}

fn resume(range: &mut KeyRange, root: &[u8], position: &str, direction: Direction) -> Result<()> {
    if position.len() > KEY_SIZE_BYTES_MAX * 2 {
        return Err(not_a_position());
    }
    let last = [root, &BASE64.decode(position).map_err(|_| not_a_position())?].concat();
    match direction {
        Direction::Forward => range.start = range.start.clone().max(key_after(&last).into()),
        Direction::Backward => {
            let end = range.end.take();
            range.end = Some(end.map_or_else(|| last.clone().into(), |end| end.min(last.clone().into())));
        }
    }
    Ok(())
}

fn not_a_position() -> Error {
    Error::invalid("this is no position of a scan; give one as a page or scan returned it")
}
