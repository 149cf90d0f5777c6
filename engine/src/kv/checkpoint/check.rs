//! Looking at the whole file: a second redb over the same blocks.
//!
//! The second redb starts with an empty cache, so all that it touches comes from the disk through the block checksums,
//! and its own integrity check then compares every page with the checksum in its parent, which finds a
//! block that is whole but old (a lost write). Blocks that no commit reaches are not looked at: a crash
//! may well have torn them, and nobody reads them before they are written anew.

use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::backend::Inspection;
use super::block_file::BlockFile;
use super::failure::guarded;
use super::{Checkpoint, KEYS};
use crate::error::{ErrorKind, Result};

/// The cache of the second redb: enough for a path through the tree.
const CHECK_CACHE_SIZE_BYTES: usize = 4 << 20;

impl Checkpoint {
    /// Verifies every block and page that the last fold reaches and walks all keys; returns how many there are.
    ///
    /// Readers go on meanwhile, folds wait; once damage was found they are refused until a check finds none.
    ///
    /// # Errors
    ///
    /// `Corrupt` names the file and, for a damaged block, its offset.
    pub(crate) fn check(&self) -> Result<u64> {
        let _still = self.folding.lock();
        self.unfrozen()?;
        let checked = self.file.check_headers().and_then(|()| guarded(&self.file, "checking", || inspect(&self.file)));
        let damage = checked.as_ref().err().filter(|error| error.kind() == ErrorKind::Corrupt);
        self.file.set_doubt(damage.map(|error| error.message().to_owned()));
        checked
    }
}

fn inspect(file: &Arc<BlockFile>) -> Result<u64, redb::Error> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CHECK_CACHE_SIZE_BYTES);
    let mut database = builder.create_with_backend(Inspection::new(Arc::clone(file)))?;
    if !database.check_integrity()? {
        return Err(redb::Error::Corrupted("redb's own check of its pages failed".to_owned()));
    }
    let table = database.begin_read()?.open_table(KEYS)?;
    let mut count = 0;
    let mut before: Option<Vec<u8>> = None;
    for pair in table.iter()? {
        let (key, _) = pair?;
        if before.as_ref().is_some_and(|before| before[..] >= *key.value()) {
            return Err(redb::Error::Corrupted("keys are out of order".to_owned()));
        }
        before = Some(key.value().to_vec());
        count += 1;
    }
    match table.len()? {
        expected if expected == count => Ok(count),
        expected => Err(redb::Error::Corrupted(format!("{count} keys are there and {expected} were counted"))),
    }
}
