//! A new keyspace from the keys of another: how a backup becomes a database again.
//!
//! ```text
//!   keys in order --> batches --> folds of a new checkpoint ... --> the mark: version of the keys, no log record
//! ```
//!
//! The log of the new keyspace begins anew at position 1, under a salt of its own, so no record of the old one can be
//! taken for its own; versions go on from the old one's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::checkpoint::{Checkpoint, CheckpointMark};
use super::memtable::Change;
use super::version::Version;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::limits::{KEY_SIZE_BYTES_MAX, VALUE_SIZE_BYTES_MAX};
use crate::log::Position;

/// Keys and values that are folded at once, in bytes.
const BATCH_SIZE_BYTES: usize = 16 * 1024 * 1024;
/// What a batch counts for each pair besides its bytes.
const PAIR_OVERHEAD_BYTES: usize = 64;

/// The checkpoint of a keyspace that is being built in a directory that nobody has open.
pub(crate) struct KeyspaceBuilder {
    checkpoint: Checkpoint,
    directory: PathBuf,
    batch: Vec<Change>,
    batch_size_bytes: usize,
    last: Option<Bytes>,
}

impl KeyspaceBuilder {
    /// An empty keyspace in `directory`, which holds none.
    pub(crate) fn create(env: Arc<dyn Env>, directory: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::open(env, directory, BATCH_SIZE_BYTES)?;
        Ok(KeyspaceBuilder {
            checkpoint,
            directory: directory.to_owned(),
            batch: Vec::new(),
            batch_size_bytes: 0,
            last: None,
        })
    }

    /// Adds a key; keys come in ascending order.
    pub(crate) fn add(&mut self, key: Bytes, value: Bytes) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(Error::corrupt(format!("key {key:?} stands out of order")));
        }
        if key.len() > KEY_SIZE_BYTES_MAX || value.len() > VALUE_SIZE_BYTES_MAX {
            return Err(Error::corrupt(format!(
                "a key of {} bytes with a value of {} is larger than any that is stored",
                key.len(),
                value.len()
            )));
        }
        self.last = Some(key.clone());
        self.batch_size_bytes += key.len() + value.len() + PAIR_OVERHEAD_BYTES;
        self.batch.push((key, Some(value)));
        match self.batch_size_bytes >= BATCH_SIZE_BYTES {
            true => self.fold(CheckpointMark::default()),
            false => Ok(()),
        }
    }

    fn fold(&mut self, mark: CheckpointMark) -> Result<()> {
        self.batch_size_bytes = 0;
        self.checkpoint.fold(&mut self.batch.drain(..), mark)
    }

    /// Makes the keyspace durable, at `version`.
    pub(crate) fn finish(mut self, version: Version) -> Result<()> {
        self.fold(CheckpointMark { version, position: Position::START })?;
        tracing::debug!(directory = %self.directory.display(), %version, "the key space is built");
        Ok(())
    }
}
