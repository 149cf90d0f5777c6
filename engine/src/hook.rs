//! How a change in one model reaches another without either naming the other.
//!
//! ```text
//!   table, document --- changed(transaction, source, key) ---> [ SourceHook ] <--- installed by Database
//!                                                                    '--> search marks the key as waiting
//! ```
//!
//! A source is a table or a collection, known by its object id; a key is the bytes by which the source finds
//! its row or document again.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

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

/// The hook of one database, installed once its models stand; until then nobody listens.
///
/// The models that change sources are built before the one that listens, which itself needs them to read. So it is not kept
/// alive from here: the models would keep each other, and the files of a database that was dropped would stay open for ever.
#[derive(Default)]
pub(crate) struct InstalledHook(OnceLock<Weak<dyn SourceHook>>);

impl InstalledHook {
    /// Makes `hook` the one that is told; a second one is a fault in the wiring.
    pub(crate) fn install(&self, hook: &Arc<impl SourceHook + 'static>) {
        let hook: Weak<dyn SourceHook> = Arc::downgrade(hook) as _;
        assert!(self.0.set(hook).is_ok(), "a database installs its hook once");
    }

    /// See [`SourceHook::changed`].
    pub(crate) fn changed(&self, transaction: &Transaction, source: ObjectId, key: &[u8]) -> Result<()> {
        self.get().map_or(Ok(()), |hook| hook.changed(transaction, source, key))
    }

    /// See [`SourceHook::dropped`].
    pub(crate) fn dropped(&self, transaction: &Transaction, source: ObjectId) -> Result<()> {
        self.get().map_or(Ok(()), |hook| hook.dropped(transaction, source))
    }

    fn get(&self) -> Option<Arc<dyn SourceHook>> {
        let hook = self.0.get()?.upgrade();
        Some(hook.expect("who uses a database in a transaction keeps all its models alive"))
    }
}

impl fmt::Debug for InstalledHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "a hook" } else { "no hook" })
    }
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
