//! Tables and collections as sources of derived data: the glue that lets search read both and name neither.

use std::sync::Arc;

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
}

impl SourceReader for Sources {
    fn find(&self, reader: &dyn Reader, name: &str) -> Result<ObjectId> {
        match catalog::get(reader, name)? {
            Some(entry) if matches!(entry.kind, ObjectKind::Table | ObjectKind::Collection) => Ok(entry.id),
            Some(entry) => Err(Error::invalid(format!("{name:?} is a {}, not a table or collection", entry.kind))),
            None => Err(Error::not_found(format!("there is no table or collection {name:?}; create it first"))),
        }
    }

    fn load(&self, _reader: &dyn Reader, _source: ObjectId, _key: &[u8]) -> Result<Option<Value>> {
        Ok(None)
    }

    fn keys(&self, _reader: &dyn Reader, _source: ObjectId) -> Result<SourceKeys> {
        Ok(Box::new(std::iter::empty()))
    }

    fn key_value(&self, _reader: &dyn Reader, _source: ObjectId, _key: &[u8]) -> Result<Value> {
        Ok(Value::Null)
    }
}
