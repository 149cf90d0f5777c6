//! A file of checked blocks: what redb believes is its file.
//!
//! ```text
//!   redb:    |  block 0  |  block 1  |  block 2  | ...                       4096 bytes each
//!                 |            '-----------.  '-----------------.
//!   disk:    | file header | slot A | slot B | block 1 + checksum | block 2 + checksum | ...
//! ```
//!
//! - Every read is verified; a block that does not match its checksum is `InvalidData` with file and
//!   offset, never bytes. The checksum is seeded with the block's number and the file's salt, so
//!   a block that landed in the wrong place or comes from another file is found too.
//! - Data and checksum go down in one write. A crash can tear only what was written since the last
//!   sync, and redb reads none of that again: it never overwrites a page that a durable
//!   commit reaches. Block 0, which it does overwrite, lives in two slots (see [`super::header_slots`]).
//! - Neighbouring blocks share sectors. As SQLite does, this relies on a torn sector write leaving the bytes that
//!   were not changed as they were.
//! - The length is synced as soon as it changes: a crash never leaves a length that redb did not ask for.
//! - The first failed write freezes the file: nothing reaches the disk any more, while redb is kept unaware (what
//!   it writes stays in memory), because it would answer one failed write by refusing all reads. Whoever folds asks
//!   [`BlockFile::failure`] before believing anything; reads of earlier snapshots go on.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::file_header::FileHeader;
use super::header_slots::HeaderSlots;
use crate::env::{Env, File, OpenMode};
use crate::error::{Error, Result};

/// The bytes of a block as redb sees it.
pub(super) const BLOCK_SIZE: usize = 4096;
/// The bytes of a block as it is stored: the block and its checksum.
pub(super) const STORED_BLOCK_SIZE: usize = BLOCK_SIZE + 8;
/// Where block 1 is stored.
pub(super) const BLOCKS_START: u64 = 20480;

/// What stopped the file, kept because redb answers every later call with "previous I/O error".
#[derive(Debug, Clone)]
pub(super) struct Failure {
    doing: String,
    kind: io::ErrorKind,
    message: String,
}

impl Failure {
    fn new(doing: String, error: &io::Error) -> Self {
        Failure { doing, kind: error.kind(), message: error.to_string() }
    }

    pub(super) fn to_error(&self) -> Error {
        Error::io(&self.doing, self.to_io())
    }

    fn to_io(&self) -> io::Error {
        io::Error::new(self.kind, self.message.clone())
    }
}

/// A file of checked blocks.
pub(super) struct BlockFile {
    file: Arc<dyn File>,
    path: PathBuf,
    salt: u64,
    slots: Mutex<HeaderSlots>,
    blocks: AtomicU64,
    /// Serialises the read and the write of a block that is written in part.
    partial_write: Mutex<()>,
    /// Whether redb is kept unaware of failed writes.
    reads_outlive_failures: AtomicBool,
    failure: OnceLock<Failure>,
    damage: OnceLock<Failure>,
    /// Why redb is not to be trusted with this file: it panicked, or a check found damage.
    doubt: Mutex<Option<String>>,
    /// Blocks that redb wrote after the failure.
    unwritten: Mutex<BTreeMap<u64, Box<[u8]>>>,
}

impl fmt::Debug for BlockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockFile({})", self.path.display())
    }
}

impl BlockFile {
    /// A new file without blocks.
    pub(super) fn create(env: &dyn Env, path: &Path) -> Result<Self> {
        let doing = || format!("creating the checkpoint {}", path.display());
        let file = env.open(path, OpenMode::CreateNew).map_err(|error| Error::io(doing(), error))?;
        let header = FileHeader { salt: env.random_u64() };
        file.write_all_at(0, &header.encode()).map_err(|error| Error::io(doing(), error))?;
        Ok(BlockFile::new(file, path, header.salt, HeaderSlots::empty(header.salt), 0))
    }

    /// The file at `path`, its header and its block 0 verified.
    pub(super) fn open(env: &dyn Env, path: &Path) -> Result<Self> {
        let doing = || format!("opening the checkpoint {}", path.display());
        let file = env.open(path, OpenMode::Write).map_err(|error| Error::io(doing(), error))?;
        let header = FileHeader::read(&*file, path)?;
        let size_bytes = file.size_bytes().map_err(|error| Error::io(doing(), error))?;
        let slots = HeaderSlots::read(&*file, path, header.salt)?;
        let blocks = 1 + size_bytes.saturating_sub(BLOCKS_START) / STORED_BLOCK_SIZE as u64;
        Ok(BlockFile::new(file, path, header.salt, slots, blocks))
    }

    fn new(file: Arc<dyn File>, path: &Path, salt: u64, slots: HeaderSlots, blocks: u64) -> Self {
        BlockFile {
            file,
            path: path.to_owned(),
            salt,
            slots: Mutex::new(slots),
            blocks: AtomicU64::new(blocks),
            partial_write: Mutex::new(()),
            reads_outlive_failures: AtomicBool::new(false),
            failure: OnceLock::new(),
            damage: OnceLock::new(),
            doubt: Mutex::new(None),
            unwritten: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// From here on a failed write is kept from redb, so that reads go on.
    pub(super) fn let_reads_outlive_failures(&self) {
        self.reads_outlive_failures.store(true, Ordering::Release);
    }

    /// What froze the file: nothing was written since.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// The first read that failed or was not what had been written.
    pub(super) fn damage(&self) -> Option<&Failure> {
        self.damage.get()
    }

    /// Why nothing may be built on what the file holds: folding into it could spread the damage.
    pub(super) fn doubt(&self) -> Option<String> {
        self.doubt.lock().clone()
    }

    pub(super) fn set_doubt(&self, reason: Option<String>) {
        *self.doubt.lock() = reason;
    }

    /// Bytes that the file takes on disk, holes included.
    pub(super) fn size_bytes(&self) -> io::Result<u64> {
        self.file.size_bytes()
    }

    /// Bytes that redb sees.
    pub(super) fn length(&self) -> u64 {
        self.blocks.load(Ordering::Acquire) * BLOCK_SIZE as u64
    }

    /// Block 0 as redb last wrote it.
    pub(super) fn header_block(&self) -> Box<[u8]> {
        self.slots.lock().block().into()
    }

    /// Puts the same block 0 into both slots, so that damage to either one costs nothing.
    pub(super) fn seal(&self) -> io::Result<()> {
        self.settle("sealing", || {
            let mut slots = self.slots.lock();
            slots.write(&*self.file)?;
            self.file.sync_data()?;
            slots.synced();
            Ok(())
        })
    }

    /// Reads the file header and both slots again and compares them with what they must be.
    pub(super) fn check_headers(&self) -> Result<()> {
        FileHeader::read(&*self.file, &self.path)?;
        self.slots.lock().check(&*self.file, &self.path)
    }

    /// Fills `out` from `offset` with verified bytes.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_verified(offset, out).inspect_err(|error| {
            let doing = format!("reading the checkpoint {}", self.path.display());
            self.damage.get_or_init(|| Failure::new(doing, error));
        })
    }

    /// As [`BlockFile::read`], for a check: what it finds is not held against later reads.
    pub(super) fn inspect(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_verified(offset, out)
    }

    fn read_verified(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = self.end_of(offset, out.len())?;
        if offset >= BLOCK_SIZE as u64 && offset.is_multiple_of(BLOCK_SIZE as u64) && out.len() == BLOCK_SIZE {
            return self.read_block(offset / BLOCK_SIZE as u64, out);
        }
        let first = offset / BLOCK_SIZE as u64;
        if first > 0 && offset.is_multiple_of(BLOCK_SIZE as u64) && out.len().is_multiple_of(BLOCK_SIZE) {
            return self.read_blocks(first, out);
        }
        let mut block = [0; BLOCK_SIZE];
        let mut at = offset;
        while at < end {
            let (number, within) = (at / BLOCK_SIZE as u64, (at % BLOCK_SIZE as u64) as usize);
            let taken = (BLOCK_SIZE - within).min((end - at) as usize);
            self.read_block(number, &mut block)?;
            let filled = (at - offset) as usize;
            out[filled..filled + taken].copy_from_slice(&block[within..within + taken]);
            at += taken as u64;
        }
        Ok(())
    }

    fn read_block(&self, number: u64, out: &mut [u8]) -> io::Result<()> {
        if let Some(found) = self.unwritten_block(number) {
            out.copy_from_slice(&found);
            return Ok(());
        }
        if number == 0 {
            out.copy_from_slice(self.slots.lock().block());
            return Ok(());
        }
        let mut stored = [0; STORED_BLOCK_SIZE];
        self.read_stored(number, &mut stored)?;
        out.copy_from_slice(self.verified(number, &stored)?);
        Ok(())
    }

    fn read_blocks(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        if self.failure.get().is_some() {
            return (first..)
                .zip(out.chunks_exact_mut(BLOCK_SIZE))
                .try_for_each(|(number, out)| self.read_block(number, out));
        }
        let mut stored = vec![0; out.len() / BLOCK_SIZE * STORED_BLOCK_SIZE];
        self.read_stored(first, &mut stored)?;
        let blocks = stored.chunks_exact(STORED_BLOCK_SIZE).zip(out.chunks_exact_mut(BLOCK_SIZE));
        for (number, (stored, out)) in (first..).zip(blocks) {
            out.copy_from_slice(self.verified(number, stored)?);
        }
        Ok(())
    }

    fn read_stored(&self, first: u64, stored: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(place_of(first), stored).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(place_of(first), "the file ends too early"),
            kind => io::Error::new(kind, format!("at byte {}: {error}", place_of(first))),
        })
    }

    fn unwritten_block(&self, number: u64) -> Option<Box<[u8]>> {
        self.failure.get()?;
        self.unwritten.lock().get(&number).cloned()
    }

    /// The block in `stored`, once its checksum was found right.
    fn verified<'a>(&self, number: u64, stored: &'a [u8]) -> io::Result<&'a [u8]> {
        let (block, checksum) = stored.split_at(BLOCK_SIZE);
        if checksum == checksum_of(self.salt, number, block).to_le_bytes() {
            return Ok(block);
        }
        let what = if stored.iter().all(|byte| *byte == 0) { "is empty" } else { "does not match its checksum" };
        Err(damaged(place_of(number), &format!("block {number} {what}")))
    }

    /// Writes `bytes` at `offset`, inside the length.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.end_of(offset, bytes.len())?;
        if self.failure.get().is_none() {
            let _ = self.settle("writing", || self.write_blocks(offset, bytes));
        }
        match self.failure.get() {
            None => Ok(()),
            Some(_) if self.reads_outlive_failures.load(Ordering::Acquire) => self.keep_unwritten(offset, bytes),
            Some(failure) => Err(failure.to_io()),
        }
    }

    fn write_blocks(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let first = offset / BLOCK_SIZE as u64;
        if first > 0 && offset.is_multiple_of(BLOCK_SIZE as u64) && bytes.len().is_multiple_of(BLOCK_SIZE) {
            return self.file.write_all_at(place_of(first), &self.encode(first, bytes));
        }
        let _alone = self.partial_write.lock();
        for (number, within, part) in parts(offset, bytes) {
            if number == 0 {
                let mut slots = self.slots.lock();
                slots.change(within, part);
                slots.write(&*self.file)?;
                continue;
            }
            let mut block = self.block_or_zeros(number)?;
            block[within..within + part.len()].copy_from_slice(part);
            self.file.write_all_at(place_of(number), &self.encode(number, &block))?;
        }
        Ok(())
    }

    /// The block that a part is written into; one that was never written holds zeros.
    fn block_or_zeros(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut stored = vec![0; STORED_BLOCK_SIZE];
        self.read_stored(number, &mut stored)?;
        if stored.iter().any(|byte| *byte != 0) {
            self.verified(number, &stored)?;
        }
        stored.truncate(BLOCK_SIZE);
        Ok(stored)
    }

    fn encode(&self, first: u64, bytes: &[u8]) -> Vec<u8> {
        let mut stored = Vec::with_capacity(bytes.len() / BLOCK_SIZE * STORED_BLOCK_SIZE);
        for (number, block) in (first..).zip(bytes.chunks_exact(BLOCK_SIZE)) {
            stored.extend_from_slice(block);
            stored.extend_from_slice(&checksum_of(self.salt, number, block).to_le_bytes());
        }
        stored
    }

    fn keep_unwritten(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let _alone = self.partial_write.lock();
        for (number, within, part) in parts(offset, bytes) {
            let mut block = vec![0; BLOCK_SIZE];
            if part.len() < BLOCK_SIZE {
                self.read_block(number, &mut block)
                    .or_else(|_| self.block_or_zeros(number).map(|zeros| block = zeros))?;
            }
            block[within..within + part.len()].copy_from_slice(part);
            self.unwritten.lock().insert(number, block.into());
        }
        Ok(())
    }

    /// Cuts the file to `length` or extends it with blocks that hold nothing.
    pub(super) fn set_length(&self, length: u64) -> io::Result<()> {
        if !length.is_multiple_of(BLOCK_SIZE as u64) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{length} bytes are not whole blocks")));
        }
        let blocks = length / BLOCK_SIZE as u64;
        self.settle("resizing", || {
            let size_bytes = if blocks == 0 { BLOCK_SIZE as u64 } else { place_of(blocks) };
            self.file.set_size(size_bytes)?;
            self.sync_file()
        })?;
        self.blocks.store(blocks, Ordering::Release);
        Ok(())
    }

    /// Makes everything written so far durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.settle("syncing", || self.sync_file())
    }

    fn sync_file(&self) -> io::Result<()> {
        let mut slots = self.slots.lock();
        self.file.sync_data()?;
        slots.synced();
        Ok(())
    }

    /// Does `work` unless the file is frozen, and freezes it when the work fails.
    fn settle(&self, doing: &str, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.failure.get().is_none()
            && let Err(error) = work()
        {
            let doing = format!("{doing} the checkpoint {}", self.path.display());
            let _ = self.failure.set(Failure::new(doing, &error));
        }
        match self.failure.get() {
            Some(failure) if !self.reads_outlive_failures.load(Ordering::Acquire) => Err(failure.to_io()),
            _ => Ok(()),
        }
    }

    fn end_of(&self, offset: u64, count: usize) -> io::Result<u64> {
        match offset.checked_add(count as u64) {
            Some(end) if end <= self.length() => Ok(end),
            _ => Err(damaged(
                place_of(offset / BLOCK_SIZE as u64),
                &format!("{count} bytes at {offset} lie behind the end at {}", self.length()),
            )),
        }
    }
}

/// The blocks that `bytes` at `offset` touch: number, first byte within, the bytes for it.
fn parts(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, usize, &[u8])> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % BLOCK_SIZE as u64) as usize;
        let taken = (BLOCK_SIZE - within).min(bytes.len() - done);
        let part = &bytes[done..done + taken];
        done += taken;
        (taken > 0).then_some((at / BLOCK_SIZE as u64, within, part))
    })
}

/// Where a block other than 0 is stored; also the size of a file that ends before it.
fn place_of(number: u64) -> u64 {
    BLOCKS_START + number.saturating_sub(1) * STORED_BLOCK_SIZE as u64
}

/// The checksum of a block, which no other place in this or another file shares. Never zero, so that an empty
/// place is told from a block of zeros.
pub(super) fn checksum_of(salt: u64, number: u64, block: &[u8]) -> u64 {
    xxh3_64_with_seed(block, salt.wrapping_add(number)).max(1)
}

/// Damage at a place in the file; whoever reports it names the file.
pub(super) fn damaged(offset: u64, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged at byte {offset}: {what}"))
}
