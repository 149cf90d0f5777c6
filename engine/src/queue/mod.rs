//! Queues.

use crate::kv::Reader;

/// What the queue model shares between transactions.
#[derive(Debug, Default)]
pub(crate) struct QueueModel {}

/// The queue model, read through a snapshot or used in a transaction.
#[derive(Debug)]
pub struct Queues<'a, R: Reader + ?Sized> {
    _model: &'a QueueModel,
    _reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Queues<'a, R> {
    pub(crate) fn new(model: &'a QueueModel, reader: &'a R) -> Self {
        Queues { _model: model, _reader: reader }
    }
}
