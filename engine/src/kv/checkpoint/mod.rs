//! The checkpoint: the whole ordered key space as of one commit, in one redb file.
//!
//! ```text
//!   memtable --fold--> redb: some changes | some changes | ... | the last changes + the mark, durable with all before it
//!                        |   in memory only                        (version, log position)
//!                     BlockFile: a checksum per 4 KiB block, block 0 twice
//!                        |
//!                       Env          <directory>/checkpoint
//! ```
//!
//! - A fold becomes durable with its last transaction, which holds the mark: after any crash the file is exactly
//!   some fold, and it says which one. The log repeats what comes after.
//! - The transactions before it exist in redb's memory only (`Durability::None`), and no reader is made of them. Each changes no
//!   more pages than redb holds back from the disk: at the end of a transaction redb goes over all its pages once
//!   more for their checksums, and those that it has written by then are read, and written a second time.
//! - Every block is verified on every read (K6): redb itself returns flipped bits as data.
//! - Every fold stores redb's allocator state (`set_quick_repair`, K7): opening after a crash does not
//!   walk the file. A new file is built under another name, synced, renamed, and the directory synced.
//! - A fold that fails freezes the file until it is opened again; readers of earlier folds go on. A
//!   block that fails its check stops all reads that are not in redb's cache, for redb latches the error.
//! - A block of an earlier time in its right place passes its check. Only [`Checkpoint::check`] finds it, by the checksums that
//!   redb keeps in the parents of its pages; from then on nothing is folded into the file.
//! - Dropping the [`Checkpoint`] closes the file under its readers, so that it can be opened again at once.
//!
//! Left out: savepoints (they make the file append-only) and compaction (it needs the file for itself).

mod backend;
mod block_file;
mod check;
mod failure;
mod file_header;
mod header_slots;
mod reader;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use redb::{Durability, TableDefinition};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::kv::memtable::Change;
use crate::kv::version::Version;
use crate::log::Position;
use crate::sync::{Mutex, RwLock};
use backend::Blocks;
use block_file::BlockFile;
use failure::guarded;

pub(crate) use reader::{CheckpointReader, CheckpointScan};

/// The file's name in the data directory.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint";
/// The name under which a new file is built; one that is found is what an interrupted creation left.
pub(crate) const CHECKPOINT_NEW_FILE: &str = "checkpoint.new";

/// The key space.
const KEYS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("keys");
/// One row: the version and the log position that the key space covers.
const MARK: TableDefinition<'static, &str, (u64, u64)> = TableDefinition::new("mark");
/// The key of that row.
const MARK_KEY: &str = "folded";
/// Transactions of a fold that redb's cache has room for. It holds back half of its cache from the disk, and what was
/// changed before goes first.
const STEPS_IN_CACHE: usize = 4;
/// However small the cache is, a transaction of a fold may change that much.
const STEP_SIZE_BYTES_MIN: usize = 16 * block_file::BLOCK_SIZE;

/// How far a checkpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CheckpointMark {
    /// The newest commit in it.
    pub(crate) version: Version,
    /// The last log record in it.
    pub(crate) position: Position,
}

/// The checkpoint file, open for folding and reading.
pub(crate) struct Checkpoint {
    file: Arc<BlockFile>,
    /// There until it is dropped.
    database: Option<redb::Database>,
    newest: RwLock<Arc<CheckpointReader>>,
    /// Held by whoever folds, and by a check, which needs the file to hold still.
    folding: Mutex<()>,
    /// What one transaction of a fold may change.
    step_size_bytes: usize,
    /// A fold ended half-way: redb holds in memory what must not become durable.
    is_half_folded: AtomicBool,
}

impl Checkpoint {
    /// Opens the checkpoint in `directory`, or creates it with no keys and the mark 0/0.
    ///
    /// # Errors
    ///
    /// `Corrupt` for a damaged file, `Unsupported` for one of a newer format.
    pub(crate) fn open(env: Arc<dyn Env>, directory: &Path, cache_size_bytes: usize) -> Result<Checkpoint> {
        let path = directory.join(CHECKPOINT_FILE);
        let doing = || format!("opening the checkpoint {}", path.display());
        let leftover = directory.join(CHECKPOINT_NEW_FILE);
        if env.exists(&leftover).map_err(|error| Error::io(doing(), error))? {
            env.remove(&leftover).map_err(|error| Error::io(doing(), error))?;
        }
        if !env.exists(&path).map_err(|error| Error::io(doing(), error))? {
            create(&*env, &leftover, &path)?;
        }
        let file = Arc::new(BlockFile::open(&*env, &path)?);
        if file.length() < 2 * block_file::BLOCK_SIZE as u64 {
            return Err(Error::io(doing(), block_file::damaged(0, "it was cut short")));
        }
        let database = open_redb(&file, cache_size_bytes)?;
        let newest = CheckpointReader::newest(&database, &file)?;
        file.seal().map_err(|error| Error::io(doing(), error))?;
        file.let_reads_outlive_failures();
        Ok(Checkpoint {
            file,
            database: Some(database),
            newest: RwLock::new(Arc::new(newest)),
            folding: Mutex::new(()),
            step_size_bytes: (cache_size_bytes / STEPS_IN_CACHE).max(STEP_SIZE_BYTES_MIN),
            is_half_folded: AtomicBool::new(false),
        })
    }

    /// How far the last fold went.
    pub(crate) fn mark(&self) -> CheckpointMark {
        self.newest.read().mark()
    }

    /// The state as of the last fold.
    pub(crate) fn reader(&self) -> Result<Arc<CheckpointReader>> {
        Ok(Arc::clone(&self.newest.read()))
    }

    /// Applies `changes` (ascending keys, `None` removes) and `mark`, durably and as one.
    ///
    /// # Errors
    ///
    /// After any error the fold is in the file as a whole or not at all, which only opening it again tells, and
    /// every later fold answers the same error. Readers go on.
    pub(crate) fn fold(&self, changes: &mut dyn Iterator<Item = Change>, mark: CheckpointMark) -> Result<()> {
        let _alone = self.folding.lock();
        self.unfrozen()?;
        if let Some(reason) = self.file.doubt() {
            return Err(Error::corrupt(format!(
                "nothing is folded into the checkpoint {}, which is damaged ({reason}); restore from a backup",
                self.file.path().display()
            )));
        }
        if self.is_half_folded.load(Ordering::Acquire) {
            return Err(Error::unavailable(format!(
                "an earlier fold into the checkpoint {} ended half-way; open the database again",
                self.file.path().display()
            )));
        }
        let folded = write_fold(self.database(), &self.file, changes, mark, self.step_size_bytes);
        self.unfrozen()?;
        folded.inspect_err(|_| self.is_half_folded.store(true, Ordering::Release))?;
        self.file.seal().map_err(|error| Error::io("sealing the checkpoint", error))?;
        self.unfrozen()?;
        let newest = CheckpointReader::newest(self.database(), &self.file)?;
        *self.newest.write() = Arc::new(newest);
        Ok(())
    }

    /// Bytes of the file; what was never written may take no space on the disk.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.file.size_bytes().unwrap_or(0)
    }

    fn database(&self) -> &redb::Database {
        self.database.as_ref().expect("it is there until it is dropped")
    }

    fn unfrozen(&self) -> Result<()> {
        self.file.failure().map_or(Ok(()), |failure| Err(failure.to_error()))
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        let Some(database) = self.database.take() else { return };
        if self.file.doubt().is_some() || self.is_half_folded.load(Ordering::Acquire) {
            // Closing changes pages, and makes durable what a fold began. With wrong pages redb may panic, and once more
            // while that unwinds, which would end the process. So what it keeps in memory stays there; the file is as
            // after a crash.
            std::mem::forget(database);
            return;
        }
        let closed = guarded(&self.file, "closing", || {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::error!(%error, "the checkpoint could not be closed in order; the log holds what it may lack");
        }
    }
}

/// Builds an empty checkpoint at `temporary` and gives it its name when it is whole and durable.
fn create(env: &dyn Env, temporary: &Path, path: &Path) -> Result<()> {
    let doing = || format!("creating the checkpoint {}", path.display());
    let file = Arc::new(BlockFile::create(env, temporary)?);
    let database = open_redb(&file, 0)?;
    write_fold(&database, &file, &mut std::iter::empty(), CheckpointMark::default(), 0)?;
    // Closing writes as well, and says nothing when it fails: the file remembers.
    drop(database);
    if let Some(failure) = file.failure() {
        return Err(failure.to_error());
    }
    file.seal().map_err(|error| Error::io(doing(), error))?;
    env.rename(temporary, path).map_err(|error| Error::io(doing(), error))?;
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    env.sync_dir(&directory).map_err(|error| Error::io(doing(), error))
}

fn open_redb(file: &Arc<BlockFile>, cache_size_bytes: usize) -> Result<redb::Database> {
    guarded(file, "opening", || {
        Ok(redb::Builder::new().set_cache_size(cache_size_bytes).create_with_backend(Blocks(Arc::clone(file)))?)
    })
}

/// Puts all of `changes` into redb, and with the last of them the mark; returns early when the file is frozen.
fn write_fold(
    database: &redb::Database,
    file: &BlockFile,
    changes: &mut dyn Iterator<Item = Change>,
    mark: CheckpointMark,
    step_size_bytes: usize,
) -> Result<()> {
    guarded(file, "folding into", || {
        loop {
            let mut transaction = database.begin_write()?;
            let is_last = write_step(&transaction, file, changes, step_size_bytes)?;
            if file.failure().is_some() {
                return Ok(());
            }
            if !is_last {
                transaction.set_durability(Durability::None)?;
                transaction.commit()?;
                continue;
            }
            transaction.open_table(MARK)?.insert(MARK_KEY, (mark.version.number(), mark.position.number()))?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_quick_repair(true);
            return Ok(transaction.commit()?);
        }
    })
}

/// Puts changes into the table until they have touched about that many bytes of pages; true when there are no more.
fn write_step(
    transaction: &redb::WriteTransaction,
    file: &BlockFile,
    changes: &mut dyn Iterator<Item = Change>,
    size_bytes: usize,
) -> Result<bool, redb::Error> {
    let mut keys = transaction.open_table(KEYS)?;
    let mut touched_size_bytes = 0;
    for (key, value) in changes {
        // A change touches a page of its own, unless its neighbours are changed, too.
        touched_size_bytes += block_file::BLOCK_SIZE.max(key.len() + value.as_ref().map_or(0, Bytes::len));
        match value {
            Some(value) => drop(keys.insert(&key[..], &value[..])?),
            None => drop(keys.remove(&key[..])?),
        }
        if file.failure().is_some() || touched_size_bytes >= size_bytes {
            return Ok(false);
        }
    }
    Ok(true)
}
