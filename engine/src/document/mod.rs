//! Documents.

use std::sync::Arc;

use crate::hook::InstalledHook;
use crate::kv::{Keyspace, Reader, Sequences};

/// What the document model shares between transactions.
#[derive(Debug)]
pub(crate) struct DocumentModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    hook: Arc<InstalledHook>,
}

impl DocumentModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, hook: Arc<InstalledHook>) -> Self {
        DocumentModel { keyspace, sequences, hook }
    }
}

/// The document model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Documents<'a, R: Reader + ?Sized> {
    _model: &'a DocumentModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Documents<'a, R> {
    pub(crate) fn new(model: &'a DocumentModel, reader: &'a R) -> Self {
        Documents { _model: model, _reader: reader }
    }
}
