//! Collections: named sets of documents, each with its indexes.
//!
//! ```text
//!   create --> catalogue entry { created at, indexes, next index number }
//!   drop   --> entry gone, both prefixes of the collection retired; the bytes are reclaimed in the background
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Documents, keys};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::Result;
use crate::kv::{Reader, Transaction};

/// Format of the definitions of collections.
const COLLECTION_FORMAT: u8 = 1;

/// An index of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentIndex {
    /// The name within the collection.
    pub name: String,
    /// The paths of the fields, such as `address.city`.
    pub fields: Vec<String>,
    /// Whether two documents with equal values are refused. What is missing counts as null, so at most one document may
    /// lack all the fields.
    #[serde(default)]
    pub unique: bool,
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its indexes, in the order of their creation.
    pub indexes: Vec<DocumentIndex>,
}

/// What the catalogue holds about a collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CollectionDefinition {
    pub(super) created_at: Timestamp,
    pub(super) indexes: Vec<IndexDefinition>,
    /// The number of the next index; numbers are not used twice within a collection.
    pub(super) next_index: u32,
}

/// An index and the number that its keys have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IndexDefinition {
    pub(super) number: u32,
    pub(super) index: DocumentIndex,
}

impl CollectionDefinition {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(COLLECTION_FORMAT, self)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        record::decode(COLLECTION_FORMAT, bytes, "the definition of a collection")
    }

    fn info(&self, name: &str) -> CollectionInfo {
        CollectionInfo {
            name: name.to_owned(),
            created_at: self.created_at,
            indexes: self.indexes.iter().map(|definition| definition.index.clone()).collect(),
        }
    }
}

/// A collection that was looked up.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) definition: Arc<super::index::IndexedDefinition>,
}

impl Collection {
    pub(super) fn id(&self) -> ObjectId {
        self.entry.id
    }
}

impl<R: Reader + ?Sized> Documents<'_, R> {
    /// All collections by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let entries = catalog::list(self.reader, Some(ObjectKind::Collection))?;
        entries.iter().map(|(name, entry)| Ok(CollectionDefinition::decode(&entry.definition)?.info(name))).collect()
    }

    /// The collection `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn collection(&self, name: &str) -> Result<CollectionInfo> {
        Ok(self.open(name)?.definition.stored.info(name))
    }

    pub(super) fn open(&self, name: &str) -> Result<Collection> {
        let entry = catalog::find(self.reader, ObjectKind::Collection, name)?;
        let definition = self.model.definition(&entry)?;
        Ok(Collection { name: name.to_owned(), entry, definition })
    }
}

impl super::DocumentModel {
    pub(super) fn definition(&self, entry: &Entry) -> Result<Arc<super::index::IndexedDefinition>> {
        self.definitions
            .decode(entry, |bytes| super::index::IndexedDefinition::new(CollectionDefinition::decode(bytes)?))
    }
}

impl Documents<'_, Transaction> {
    /// Creates the collection `name`.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `Invalid` or `LimitExceeded` for a bad name.
    pub fn create_collection(&self, name: &str) -> Result<()> {
        let created_at = self.model.keyspace.env().now();
        let definition = CollectionDefinition { created_at, indexes: Vec::new(), next_index: 1 }.encode()?;
        self.atomically(|| {
            catalog::create(self.reader, &self.model.sequences, ObjectKind::Collection, name, definition).map(|_| ())
        })
    }

    /// Drops the collection `name` with its documents and indexes; their space is reclaimed in the background.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn drop_collection(&self, name: &str) -> Result<()> {
        let collection = self.open(name)?.id();
        self.atomically(|| {
            catalog::remove(self.reader, name, collection)?;
            self.model.hook.dropped(self.reader, collection)?;
            self.reader.reclaim_prefix(&keys::documents(collection))?;
            self.reader.reclaim_prefix(&keys::indexes(collection))
        })?;
        self.model.definitions.forget(collection);
        Ok(())
    }

    /// All that `write` writes, or nothing of it when it fails.
    pub(super) fn atomically<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let savepoint = self.reader.savepoint();
        let outcome = write();
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }
}
