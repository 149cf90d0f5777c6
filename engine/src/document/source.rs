//! Collections as sources of data that others derive from their documents.
//!
//! ```text
//!   key of a document = the bytes of its _id          key_value = the _id as text
//! ```

use serde_json::Value;

use super::{DocumentModel, keys, stored};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::hook::SourceKeys;
use crate::kv::{Direction, KeyRange, Reader};

impl DocumentModel {
    /// The document under `key`, or `None` when there is none.
    pub(crate) fn load(&self, reader: &dyn Reader, collection: ObjectId, key: &[u8]) -> Result<Option<Value>> {
        reader.get(&keys::document(collection, key))?.map(|stored| stored::decode(&stored)).transpose()
    }

    /// The keys of all documents of a collection, in their order.
    pub(crate) fn keys(&self, reader: &dyn Reader, collection: ObjectId) -> Result<SourceKeys> {
        let prefix = keys::documents(collection);
        let start = prefix.len();
        let scan = reader.scan(KeyRange::prefix(prefix), Direction::Forward)?;
        Ok(Box::new(scan.map(move |entry| entry.map(|(key, _)| key[start..].to_vec()))))
    }

    /// The `_id` that `key` stands for.
    pub(crate) fn key_value(&self, key: &[u8]) -> Result<Value> {
        std::str::from_utf8(key)
            .map(Value::from)
            .map_err(|_| Error::corrupt("the id of a document is not UTF-8; restore from a backup"))
    }
}
