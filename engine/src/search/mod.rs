//! Search.

use crate::kv::Reader;

/// What the search model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct SearchModel {}

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
