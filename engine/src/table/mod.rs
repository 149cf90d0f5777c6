//! Tables.

use crate::kv::Reader;

/// What the table model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct TableModel {}

/// The table model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Tables<'a, R: Reader + ?Sized> {
    _model: &'a TableModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Tables<'a, R> {
    pub(crate) fn new(model: &'a TableModel, reader: &'a R) -> Self {
        Tables { _model: model, _reader: reader }
    }
}
