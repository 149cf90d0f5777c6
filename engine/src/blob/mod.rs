//! Blobs.

use crate::kv::Reader;

/// What the blob model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct BlobModel {}

/// The blob model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Blobs<'a, R: Reader + ?Sized> {
    _model: &'a BlobModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Blobs<'a, R> {
    pub(crate) fn new(model: &'a BlobModel, reader: &'a R) -> Self {
        Blobs { _model: model, _reader: reader }
    }
}
