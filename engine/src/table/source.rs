//! Rows as JSON objects under keys of bytes, for whoever derives data from tables.

use serde_json::Value as Json;

use super::row::Key;
use super::{TableModel, keys};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::hook::SourceKeys;
use crate::kv::{Direction, KeyRange, Reader};

impl TableModel {
    /// The row of `table` under `key`, or `None` when there is no such row or table.
    pub(crate) fn load(&self, reader: &dyn Reader, table: ObjectId, key: &[u8]) -> Result<Option<Json>> {
        let Some(stored) = reader.get(&keys::row(table, key))? else { return Ok(None) };
        let Some(schema) = self.schema_by_id(reader, table)? else { return Ok(None) };
        let values = schema.decode_row(key, &stored)?;
        Ok(Some(Json::Object(schema.row(values).to_json())))
    }

    /// The keys of all rows of `table`, in order.
    pub(crate) fn keys(&self, reader: &dyn Reader, table: ObjectId) -> Result<SourceKeys> {
        let scan = reader.scan(KeyRange::prefix(keys::rows(table)), Direction::Forward)?;
        Ok(Box::new(scan.map(|entry| keys::primary_of_row(&entry?.0).map(<[u8]>::to_vec))))
    }

    /// The primary key that `key` stands for: one value, or the list of them.
    pub(crate) fn key_value(&self, reader: &dyn Reader, table: ObjectId, key: &[u8]) -> Result<Json> {
        let schema = self.schema_by_id(reader, table)?;
        let schema = schema.ok_or_else(|| Error::not_found("the table of this key was dropped"))?;
        Ok(Key(schema.primary_values(key)?).to_json())
    }
}
