//! Cache.

use crate::kv::Reader;

/// What the cache model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct CacheModel {}

/// The cache model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Caches<'a, R: Reader + ?Sized> {
    _model: &'a CacheModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Caches<'a, R> {
    pub(crate) fn new(model: &'a CacheModel, reader: &'a R) -> Self {
        Caches { _model: model, _reader: reader }
    }
}
