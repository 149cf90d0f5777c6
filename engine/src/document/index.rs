//! Indexes: for every document and index, the entries that lead to the document.
//!
//! ```text
//!   index on tags, price     {"_id": "x", "tags": ["a", "b"], "price": 5}
//!
//!     "a" 5 "x"                a document has an entry for every combination of what its paths reach,
//!     "b" 5 "x"                and at least one: what is missing is null, an empty array has a value of its own
//! ```
//!
//! - A document that matches comparisons on the fields of an index is under an entry within their bounds; whether it matches
//!   is always verified on the document itself.
//! - The entry of a unique index has no id in its key, so two documents with equal values write the same key, and conflict
//!   under either isolation.
//! - When a document meets an array on the way to a field, a mark says so. It is only ever added; until it is, the field
//!   has one value per document, so that both ends of a range can bound a scan.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;

use super::collection::{Collection, CollectionDefinition, DocumentIndex, IndexDefinition};
use super::order;
use super::path::Path;
use super::{Documents, keys, stored};
use crate::catalog::{self, ObjectId};
use crate::error::{Error, Result};
use crate::kv::{Direction, Isolation, KeyRange, Reader, Transaction};
use crate::limits::{DOCUMENT_INDEX_ENTRIES_MAX, DOCUMENT_INDEX_FIELDS_MAX, DOCUMENT_INDEXES_MAX};

/// Format of the values of index entries.
const INDEX_ENTRY_FORMAT: u8 = 1;

/// The definition of a collection with the paths of its indexes parsed.
#[derive(Debug)]
pub(super) struct IndexedDefinition {
    pub(super) stored: CollectionDefinition,
    pub(super) indexes: Vec<Index>,
}

/// An index, ready for use.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) paths: Vec<Path>,
    pub(super) unique: bool,
}

impl IndexedDefinition {
    pub(super) fn new(stored: CollectionDefinition) -> Result<Self> {
        let indexes = stored.indexes.iter().map(Index::new).collect::<Result<_>>()?;
        Ok(IndexedDefinition { stored, indexes })
    }
}

/// What an entry says besides its values.
#[derive(Debug)]
pub(super) struct EntryInfo {
    pub(super) id: Bytes,
    /// Whether one of its values is shortened, so that its place in the order is only about right.
    pub(super) shortened: bool,
}

/// The entries of one document in one index: values, and whether one of them is shortened.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) values: BTreeMap<Vec<u8>, bool>,
    /// The positions of the fields that met arrays.
    pub(super) arrays: Vec<u8>,
}

/// The same entries as keys and values of the keyspace.
#[derive(Debug, Default)]
pub(super) struct StoredEntries {
    pub(super) entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) arrays: Vec<u8>,
}

impl Index {
    fn new(definition: &IndexDefinition) -> Result<Self> {
        let IndexDefinition { number, index } = definition;
        let paths = index.fields.iter().map(|field| Path::parse(field)).collect::<Result<_>>()?;
        Ok(Index { name: index.name.clone(), number: *number, paths, unique: index.unique })
    }

    /// The entries of `document`.
    ///
    /// # Errors
    /// `LimitExceeded` when its arrays make too many.
    pub(super) fn entries(&self, document: &Value) -> Result<Entries> {
        let mut entries = Entries { values: BTreeMap::from([(Vec::new(), false)]), arrays: Vec::new() };
        for (position, path) in self.paths.iter().enumerate() {
            let (found, arrays) = path.keys(document);
            if arrays {
                entries.arrays.push(position as u8);
            }
            if found.len().saturating_mul(entries.values.len()) > DOCUMENT_INDEX_ENTRIES_MAX {
                return Err(Error::limit_exceeded(format!(
                    "the arrays of a document make more than {DOCUMENT_INDEX_ENTRIES_MAX} entries in the index {:?}; shorten \
                     them or drop the index",
                    self.name
                )));
            }
            let found: BTreeSet<_> = found.into_iter().map(order::bounded).collect();
            let combined = entries.values.iter().flat_map(|(values, shortened)| {
                found.iter().map(move |key| ([&values[..], &key.bytes].concat(), *shortened || key.shortened))
            });
            entries.values = combined.collect();
        }
        Ok(entries)
    }

    fn key(&self, collection: ObjectId, values: &[u8], id: &str) -> Vec<u8> {
        let mut key = keys::entries(collection, self.number);
        key.extend_from_slice(values);
        if !self.unique {
            key.extend_from_slice(id.as_bytes());
        }
        key
    }

    /// The value of an entry: format, whether it is shortened, and the id or, where the key ends with it, its length.
    fn value(&self, shortened: bool, id: &str) -> Vec<u8> {
        let mut value = vec![INDEX_ENTRY_FORMAT, u8::from(shortened)];
        match self.unique {
            true => value.extend_from_slice(id.as_bytes()),
            false => value.extend_from_slice(&(id.len() as u16).to_be_bytes()),
        }
        value
    }

    /// What a stored entry says.
    pub(super) fn read_entry(&self, key: &Bytes, value: &Bytes) -> Result<EntryInfo> {
        let damaged = || {
            Error::corrupt(format!(
                "an entry of the index {:?} is damaged; drop the index and create it again",
                self.name
            ))
        };
        let [INDEX_ENTRY_FORMAT, shortened @ (0 | 1), id @ ..] = &value[..] else { return Err(damaged()) };
        let id = match self.unique {
            true => value.slice(2..),
            false => {
                let length = usize::from(u16::from_be_bytes(id.try_into().map_err(|_| damaged())?));
                key.slice(key.len().checked_sub(length).ok_or_else(damaged)?..)
            }
        };
        Ok(EntryInfo { id, shortened: *shortened == 1 })
    }

    /// All entries of `document` as they are stored.
    pub(super) fn stored_entries(&self, collection: ObjectId, id: &str, document: &Value) -> Result<StoredEntries> {
        let entries = self.entries(document)?;
        let stored = entries
            .values
            .iter()
            .map(|(values, shortened)| (self.key(collection, values, id), self.value(*shortened, id)));
        Ok(StoredEntries { entries: stored.collect(), arrays: entries.arrays })
    }

    /// Whether some document met an array on the way to the field at `position`.
    pub(super) fn has_arrays<R: Reader + ?Sized>(
        &self,
        reader: &R,
        collection: ObjectId,
        position: usize,
    ) -> Result<bool> {
        Ok(reader.get(&keys::array_mark(collection, self.number, position as u8))?.is_some())
    }

    /// Brings the entries of the document `id` from those of `old` to those of `new`.
    ///
    /// # Errors
    /// `Constraint` when the index is unique and another document has the values.
    pub(super) fn update(
        &self,
        transaction: &Transaction,
        collection: &Collection,
        id: &str,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<()> {
        let stored = |document: &Value| self.stored_entries(collection.id(), id, document);
        let old = old.map(stored).transpose()?.unwrap_or_default().entries;
        let StoredEntries { entries: new, arrays } = new.map(stored).transpose()?.unwrap_or_default();
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            transaction.delete(key.clone())?;
        }
        for (key, value) in new.into_iter().filter(|(key, _)| !old.contains_key(key)) {
            if self.unique && transaction.get(&key)?.is_some() {
                return Err(Error::constraint(format!(
                    "the document {id:?} has the same {} as another in collection {:?}, and the index {:?} is unique; change one \
                     of them",
                    self.fields(),
                    collection.name,
                    self.name
                )));
            }
            transaction.put(key, value)?;
        }
        for position in arrays {
            let mark = keys::array_mark(collection.id(), self.number, position);
            // Blind, so that writers do not conflict over it; those who planned without it do.
            if transaction.peek(&mark)?.is_none() {
                transaction.put(mark, Bytes::new())?;
            }
        }
        Ok(())
    }

    fn fields(&self) -> String {
        self.paths.iter().map(Path::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Documents<'_, Transaction> {
    /// Adds an index to the collection and fills it from the documents that are there.
    ///
    /// # Errors
    /// `AlreadyExists` when the collection has an index of that name; `Constraint` when it is unique and the documents are
    /// not; `Invalid`, `Unsupported` or `LimitExceeded` for a bad name or path; `Unsupported` in a transaction that is not
    /// serializable, because it would miss what others insert meanwhile.
    pub fn create_index(&self, collection: &str, index: &DocumentIndex) -> Result<()> {
        if self.reader.isolation() != Isolation::Serializable {
            return Err(Error::unsupported("an index is created in a serializable transaction; begin one for it"));
        }
        let collection = self.open(collection)?;
        let mut definition = collection.definition.stored.clone();
        verify(&definition, index)?;
        let added = IndexDefinition { number: definition.next_index, index: index.clone() };
        definition.next_index += 1;
        definition.indexes.push(added.clone());
        self.atomically(|| {
            self.redefine(&collection, &definition)?;
            let index = Index::new(&added)?;
            let documents = KeyRange::prefix(keys::documents(collection.id()));
            for entry in self.reader.scan(documents, Direction::Forward)? {
                let (key, value) = entry?;
                let document = stored::decode(&value)?;
                index.update(self.reader, &collection, keys::document_id(&key)?, None, Some(&document))?;
            }
            Ok(())
        })
    }

    /// Removes the index `index` of the collection; its space is reclaimed in the background.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection or index.
    pub fn drop_index(&self, collection: &str, index: &str) -> Result<()> {
        let collection = self.open(collection)?;
        let mut definition = collection.definition.stored.clone();
        let Some(position) = definition.indexes.iter().position(|known| known.index.name == index) else {
            return Err(Error::not_found(format!("collection {:?} has no index {index:?}", collection.name)));
        };
        let removed = definition.indexes.remove(position);
        self.atomically(|| {
            self.redefine(&collection, &definition)?;
            self.reader.reclaim_prefix(&keys::index(collection.id(), removed.number))
        })
    }

    fn redefine(&self, collection: &Collection, definition: &CollectionDefinition) -> Result<()> {
        let Collection { name, entry, .. } = collection;
        catalog::redefine(self.reader, &self.model.sequences, name, entry, definition.encode()?)
    }
}

fn verify(definition: &CollectionDefinition, index: &DocumentIndex) -> Result<()> {
    catalog::check_name("document index", &index.name)?;
    if definition.indexes.iter().any(|known| known.index.name == index.name) {
        return Err(Error::already_exists(format!("the collection has an index {:?} already", index.name)));
    }
    if definition.indexes.len() >= DOCUMENT_INDEXES_MAX {
        return Err(Error::limit_exceeded(format!(
            "a collection has at most {DOCUMENT_INDEXES_MAX} indexes; drop one that is not used"
        )));
    }
    let paths = index.fields.iter().map(|field| Path::parse(field)).collect::<Result<Vec<_>>>()?;
    if paths.is_empty() || paths.len() > DOCUMENT_INDEX_FIELDS_MAX {
        return Err(Error::invalid(format!(
            "an index has 1 to {DOCUMENT_INDEX_FIELDS_MAX} fields, not {}",
            index.fields.len()
        )));
    }
    if let [path] = &paths[..]
        && path.is_id()
    {
        return Err(Error::invalid("documents are found by _id without an index"));
    }
    match paths.iter().enumerate().find(|(position, path)| paths[..*position].contains(path)) {
        Some((_, path)) => Err(Error::invalid(format!("the index names the field \"{path}\" twice"))),
        None => Ok(()),
    }
}
