//! Queues.

use std::sync::Arc;

use crate::error::Result;
use crate::kv::{Keyspace, Reader, Sequences};

/// What the queue model shares between transactions.
#[derive(Debug)]
pub(crate) struct QueueModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
}

impl QueueModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>) -> Result<Self> {
        Ok(QueueModel { keyspace, sequences })
    }

    /// One bounded step of background work; true while there is more.
    pub(crate) fn maintain(&self) -> Result<bool> {
        Ok(false)
    }
}

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
