//! The keys of the table model.
//!
//! ```text
//!   10 <table:u64> <primary key>                               -> row
//!   11 <table:u64> <index:u32> <columns> <primary key>         -> nothing
//!   11 <table:u64> <index:u32> <columns>                       -> primary key, when the index is unique
//!   11 <table:u64> <index:u32> <columns> <primary key>         -> primary key, when it is unique and a column is NULL
//! ```
//!
//! Columns are written as `key_encoding` says. NULL equals nothing, so an entry with one never stands for a whole
//! unique key: the primary key keeps it apart from others, unless NULLs are equal to the index. An index with a condition
//! has entries of the rows that meet it only.

use bytes::Bytes;

use super::key_encoding;
use super::schema::{Schema, SchemaIndex};
use super::value::Value;
use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::error::{Error, Result};
use crate::keyspace::{TABLE_INDEX_TAG, TABLE_ROW_TAG};

/// Bytes before the primary key in the key of a row.
const ROW_PREFIX_SIZE_BYTES: usize = 9;

/// What the keys of all rows of `table` begin with.
pub(crate) fn rows(table: ObjectId) -> Vec<u8> {
    KeyWriter::new(TABLE_ROW_TAG).u64(table.number()).finish()
}

/// The key of the row with the encoded primary key `primary`.
pub(crate) fn row(table: ObjectId, primary: &[u8]) -> Vec<u8> {
    KeyWriter::new(TABLE_ROW_TAG).u64(table.number()).raw(primary).finish()
}

/// The encoded primary key in the key of a row.
pub(crate) fn primary_of_row(row: &[u8]) -> Result<&[u8]> {
    row.get(ROW_PREFIX_SIZE_BYTES..).ok_or_else(|| Error::corrupt("the key of a row is cut off; restore from a backup"))
}

/// What the keys of all entries of all indexes of `table` begin with.
pub(super) fn indexes(table: ObjectId) -> Vec<u8> {
    KeyWriter::new(TABLE_INDEX_TAG).u64(table.number()).finish()
}

/// What the keys of all entries of the index with the number `index` begin with.
pub(crate) fn index(table: ObjectId, index: u32) -> Vec<u8> {
    KeyWriter::new(TABLE_INDEX_TAG).u64(table.number()).u32(index).finish()
}

/// One entry of an index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
    /// Whether no other row may have the same key.
    pub(crate) is_exclusive: bool,
}

impl Schema {
    /// The encoded primary key of a row.
    pub(crate) fn primary_of(&self, values: &[Value]) -> Result<Bytes> {
        let mut columns = self.primary_key.iter().map(|position| &values[*position]);
        columns.try_fold(KeyWriter::default(), key_encoding::write).map(|key| key.finish().into())
    }

    /// The entry of a row, with the encoded primary key `primary`, in `index`, when it has one.
    pub(crate) fn entry_of(
        &self,
        index: &SchemaIndex,
        values: &[Value],
        primary: &Bytes,
    ) -> Result<Option<IndexEntry>> {
        if !index.holds(values) {
            return Ok(None);
        }
        let prefix = KeyWriter::new(TABLE_INDEX_TAG).u64(self.id.number()).u32(index.number);
        let mut columns = index.columns.iter().map(|position| &values[*position]);
        let is_exclusive = index.unique && (index.nulls_are_equal || !columns.clone().any(Value::is_null));
        let key = columns.try_fold(prefix, key_encoding::write)?;
        let key = if is_exclusive { key } else { key.raw(primary) };
        let value = if index.unique { primary.clone() } else { Bytes::new() };
        Ok(Some(IndexEntry { key: key.finish().into(), value, is_exclusive }))
    }

    /// The encoded primary key of the row that an entry of `index` stands for.
    pub(crate) fn primary_of_entry(&self, index: &SchemaIndex, entry: &(Bytes, Bytes)) -> Result<Bytes> {
        if index.unique {
            return Ok(entry.1.clone());
        }
        let mut parts = KeyReader::new(&entry.0, TABLE_INDEX_TAG)?;
        parts.u64()?;
        parts.u32()?;
        for position in &index.columns {
            key_encoding::read(&mut parts, self.columns[*position].column_type)?;
        }
        Ok(entry.0.slice(entry.0.len() - parts.rest().len()..))
    }

    /// The values of an encoded primary key, in the order of its columns.
    pub(crate) fn primary_values(&self, primary: &[u8]) -> Result<Vec<Value>> {
        let mut parts = KeyReader::parts(primary);
        let column = |position: &usize| key_encoding::read(&mut parts, self.columns[*position].column_type);
        let values = self.primary_key.iter().map(column).collect::<Result<_>>()?;
        match parts.rest().is_empty() {
            true => Ok(values),
            false => Err(Error::corrupt("the key of a row goes on behind its columns; restore from a backup")),
        }
    }
}
