//! How a change in one model reaches another without either naming the other.
//!
//! ```text
//!   table, document --- changed(transaction, source, key) ---> [ SourceHook ] <--- installed by Database
//!                                                                    '--> search marks the key as waiting
//! ```
//!
//! A source is a table or a collection, known by its object id; a key is the bytes by which the source finds
//! its row or document again.

use serde_json::Value;

use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{Reader, Transaction};

/// Told, inside the transaction, of everything that changes in a source.
pub(crate) trait SourceHook: Send + Sync {
    /// The row or document under `key` was inserted, changed or deleted in `transaction`.
    fn changed(&self, transaction: &Transaction, source: ObjectId, key: &[u8]) -> Result<()>;

    /// The whole source is dropped in `transaction`.
    fn dropped(&self, transaction: &Transaction, source: ObjectId) -> Result<()>;
}

/// The keys of a source, in key order.
pub(crate) type SourceKeys = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

/// Reads rows and documents as JSON objects, for whoever derives data from them.
pub(crate) trait SourceReader: Send + Sync {
    /// The id of the table or collection `name`; `NotFound` when there is none.
    fn find(&self, reader: &dyn Reader, name: &str) -> Result<ObjectId>;

    /// The row or document under `key`, or `None` when there is none.
    fn load(&self, reader: &dyn Reader, source: ObjectId, key: &[u8]) -> Result<Option<Value>>;

    /// All keys of the source.
    fn keys(&self, reader: &dyn Reader, source: ObjectId) -> Result<SourceKeys>;

    /// The key as its users know it: a document's id, or a row's primary key (one value, or a list of several).
    fn key_value(&self, reader: &dyn Reader, source: ObjectId, key: &[u8]) -> Result<Value>;
}
