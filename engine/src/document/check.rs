//! Verifying every document and every index entry against each other.
//!
//! ```text
//!   documents --> decode, have the id of their key; every entry they ought to have is there
//!   entries   --> as many as the documents ought to have: none is left over
//! ```

use serde::{Deserialize, Serialize};

use super::collection::Collection;
use super::index::StoredEntries;
use super::path::ID;
use super::{DocumentModel, Documents, keys, stored};
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the documents went through without finding damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentCheck {
    /// Collections.
    pub collections: u64,
    /// Documents of all collections.
    pub documents: u64,
    /// Entries of all indexes.
    pub index_entries: u64,
}

impl DocumentModel {
    /// Verifies that documents and index entries lead to each other.
    ///
    /// # Errors
    /// `Corrupt` naming the first document or index that is damaged.
    pub(crate) fn check(&self) -> Result<DocumentCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let documents = Documents::new(self, &snapshot);
        let mut report = DocumentCheck::default();
        for info in documents.collections()? {
            report.collections += 1;
            check_collection(&snapshot, &documents.open(&info.name)?, &mut report)?;
        }
        Ok(report)
    }
}

fn check_collection(snapshot: &Snapshot, collection: &Collection, report: &mut DocumentCheck) -> Result<()> {
    let mut expected = vec![0u64; collection.definition.indexes.len()];
    for entry in snapshot.scan(KeyRange::prefix(keys::documents(collection.id())), Direction::Forward)? {
        let (key, value) = entry?;
        let id = keys::document_id(&key)?;
        let damaged =
            |what: &str| Err(Error::corrupt(format!("the document {id:?} of collection {:?} {what}", collection.name)));
        let document = stored::decode(&value)?;
        if document[ID].as_str() != Some(id) {
            return damaged("is stored under another id; restore from a backup");
        }
        report.documents += 1;
        for (index, expected) in collection.definition.indexes.iter().zip(&mut expected) {
            let StoredEntries { entries, arrays } = index.stored_entries(collection.id(), id, &document)?;
            for (key, value) in &entries {
                if snapshot.get(key)?.as_deref() != Some(&value[..]) {
                    return damaged(&format!("has no entry in the index {:?}; create it again", index.name));
                }
            }
            for position in arrays {
                if !index.has_arrays(snapshot, collection.id(), position.into())? {
                    return damaged(&format!(
                        "has arrays that the index {:?} does not know; create it again",
                        index.name
                    ));
                }
            }
            *expected += entries.len() as u64;
        }
    }
    for (index, expected) in collection.definition.indexes.iter().zip(expected) {
        let mut found = 0u64;
        for entry in
            snapshot.scan(KeyRange::prefix(keys::entries(collection.id(), index.number)), Direction::Forward)?
        {
            let (key, value) = entry?;
            index.read_entry(&key, &value)?;
            found += 1;
        }
        if found != expected {
            return Err(Error::corrupt(format!(
                "the index {:?} of collection {:?} has {found} entries for documents that make {expected}; create it again",
                index.name, collection.name
            )));
        }
        report.index_entries += found;
    }
    Ok(())
}
