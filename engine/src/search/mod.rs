//! Search.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::ObjectId;
use crate::error::Result;
use crate::hook::{SourceHook, SourceReader};
use crate::kv::{Keyspace, Reader, Sequences, Transaction};
use crate::options::Settings;

/// What the search model shares between transactions.
pub(crate) struct SearchModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    sources: Arc<dyn SourceReader>,
}

impl SearchModel {
    pub(crate) fn open(
        keyspace: Arc<Keyspace>,
        sequences: Arc<Sequences>,
        sources: Arc<dyn SourceReader>,
        _directory: &Path,
        _settings: &Settings,
    ) -> Result<Self> {
        Ok(SearchModel { keyspace, sequences, sources })
    }

    /// One bounded step of background work; true while there is more.
    pub(crate) fn maintain(&self) -> Result<bool> {
        Ok(false)
    }
}

impl SourceHook for SearchModel {
    fn changed(&self, _transaction: &Transaction, _source: ObjectId, _key: &[u8]) -> Result<()> {
        Ok(())
    }

    fn dropped(&self, _transaction: &Transaction, _source: ObjectId) -> Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for SearchModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SearchModel")
    }
}

/// The search model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Searches<'a, R: Reader + ?Sized> {
    _model: &'a SearchModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Searches<'a, R> {
    pub(crate) fn new(model: &'a SearchModel, reader: &'a R) -> Self {
        Searches { _model: model, _reader: reader }
    }
}
