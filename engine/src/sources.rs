//! Tables and collections as sources of derived data: the glue that lets search read both and name neither.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use crate::catalog::{self, ObjectId, ObjectKind};
use crate::document::DocumentModel;
use crate::error::{Error, Result};
use crate::hook::{SourceKeys, SourceReader};
use crate::kv::Reader;
use crate::table::TableModel;

/// Reads rows and documents alike.
pub(crate) struct Sources {
    pub(crate) tables: Arc<TableModel>,
    pub(crate) documents: Arc<DocumentModel>,
    /// What the sources asked for so far are. An id is one kind of object for ever.
    pub(crate) kinds: Mutex<HashMap<ObjectId, ObjectKind>>,
}

impl Sources {
    /// What kind of object `source` is; `None` when it was dropped before anyone asked.
    fn kind(&self, reader: &dyn Reader, source: ObjectId) -> Result<Option<ObjectKind>> {
        if let Some(kind) = self.kinds.lock().get(&source) {
            return Ok(Some(*kind));
        }
        let Some(name) = catalog::name_of(reader, source)? else { return Ok(None) };
        let entry = catalog::get(reader, &name)?.filter(|entry| entry.id == source);
        Ok(entry.map(|entry| *self.kinds.lock().entry(source).or_insert(entry.kind)))
    }
}

impl SourceReader for Sources {
    fn find(&self, reader: &dyn Reader, name: &str) -> Result<ObjectId> {
        match catalog::get(reader, name)? {
            Some(entry) if matches!(entry.kind, ObjectKind::Table | ObjectKind::Collection) => Ok(entry.id),
            Some(entry) => Err(Error::invalid(format!("{name:?} is a {}, not a table or collection", entry.kind))),
            None => Err(Error::not_found(format!("there is no table or collection {name:?}; create it first"))),
        }
    }

    fn load(&self, reader: &dyn Reader, source: ObjectId, key: &[u8]) -> Result<Option<Value>> {
        match self.kind(reader, source)? {
            Some(ObjectKind::Table) => self.tables.load(reader, source, key),
            Some(ObjectKind::Collection) => self.documents.load(reader, source, key),
            _ => Ok(None),
        }
    }

    fn keys(&self, reader: &dyn Reader, source: ObjectId) -> Result<SourceKeys> {
        match self.kind(reader, source)? {
            Some(ObjectKind::Table) => self.tables.keys(reader, source),
            Some(ObjectKind::Collection) => self.documents.keys(reader, source),
            _ => Ok(Box::new(std::iter::empty())),
        }
    }

    fn key_value(&self, reader: &dyn Reader, source: ObjectId, key: &[u8]) -> Result<Value> {
        match self.kind(reader, source)? {
            Some(ObjectKind::Table) => self.tables.key_value(reader, source, key),
            Some(ObjectKind::Collection) => self.documents.key_value(key),
            _ => Ok(Value::Null),
        }
    }
}
