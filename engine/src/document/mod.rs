//! Documents.

use crate::kv::Reader;

/// What the document model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct DocumentModel {}

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
