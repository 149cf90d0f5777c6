//! Cache.

use std::sync::Arc;

use crate::error::Result;
use crate::kv::{Keyspace, Reader, Sequences};
use crate::options::Settings;

/// What the cache model shares between transactions.
#[derive(Debug)]
pub(crate) struct CacheModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
}

impl CacheModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, _settings: &Settings) -> Result<Self> {
        Ok(CacheModel { keyspace, sequences })
    }

    /// One bounded step of background work; true while there is more.
    pub(crate) fn maintain(&self) -> Result<bool> {
        Ok(false)
    }
}

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
