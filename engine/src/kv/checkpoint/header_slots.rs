//! Block 0, the one block that redb overwrites in place, in two alternating slots.
//!
//! ```text
//!   synced:  slot A  #7        write #8 -> B      torn?  A #7 still stands
//!                              sync               B is the synced one; #9 goes to A
//! ```
//!
//! Between two syncs only the slot that is not the synced one is written, so one whole block 0
//! survives every crash: the newest with a right checksum counts. [`BlockFile::seal`] makes both
//! slots say the same at rest, so that a damaged slot never brings back an older state.
//!
//! [`BlockFile::seal`]: super::block_file::BlockFile::seal

use std::io;
use std::path::Path;

use super::block_file::{BLOCK_SIZE, checksum_of, damaged};
use crate::env::File;
use crate::error::{Error, Result};

/// Where the two slots are; each begins a sector of its own.
pub(super) const SLOT_PLACES: [u64; 2] = [4096, 12288];
/// A slot: the block, its sequence number, the checksum of both.
const SLOT_SIZE: usize = BLOCK_SIZE + 16;

/// The content of block 0 and which slot holds it.
pub(super) struct HeaderSlots {
    salt: u64,
    block: Box<[u8]>,
    sequence: u64,
    synced_slot: usize,
    pending: bool,
}

impl HeaderSlots {
    /// A block 0 of zeros that no slot holds.
    pub(super) fn empty(salt: u64) -> Self {
        HeaderSlots { salt, block: vec![0; BLOCK_SIZE].into(), sequence: 0, synced_slot: 1, pending: false }
    }

    /// The newest block 0 whose slot is whole.
    pub(super) fn read(file: &dyn File, path: &Path, salt: u64) -> Result<Self> {
        let doing = || format!("reading the checkpoint {}", path.display());
        let mut newest: Option<HeaderSlots> = None;
        for slot in 0..SLOT_PLACES.len() {
            let Some((sequence, block)) = read_slot(file, slot, salt).map_err(|error| Error::io(doing(), error))?
            else {
                continue;
            };
            if newest.as_ref().is_none_or(|newest| newest.sequence < sequence) {
                newest = Some(HeaderSlots { salt, block, sequence, synced_slot: slot, pending: false });
            }
        }
        newest.ok_or_else(|| Error::io(doing(), damaged(SLOT_PLACES[0], "neither copy of block 0 is whole")))
    }

    pub(super) fn block(&self) -> &[u8] {
        &self.block
    }

    pub(super) fn change(&mut self, at: usize, bytes: &[u8]) {
        self.block[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes the block into the slot that is not the synced one.
    pub(super) fn write(&mut self, file: &dyn File) -> io::Result<()> {
        self.sequence += 1;
        self.pending = true;
        let mut stored = Vec::with_capacity(SLOT_SIZE);
        stored.extend_from_slice(&self.block);
        stored.extend_from_slice(&self.sequence.to_le_bytes());
        let checksum = slot_checksum(self.salt, &stored);
        stored.extend_from_slice(&checksum.to_le_bytes());
        file.write_all_at(SLOT_PLACES[1 - self.synced_slot], &stored)
    }

    /// The file was synced: the slot written last is the one to keep.
    pub(super) fn synced(&mut self) {
        if std::mem::take(&mut self.pending) {
            self.synced_slot = 1 - self.synced_slot;
        }
    }

    /// Both slots must hold the block.
    pub(super) fn check(&self, file: &dyn File, path: &Path) -> Result<()> {
        let doing = || format!("checking the checkpoint {}", path.display());
        for (slot, place) in SLOT_PLACES.into_iter().enumerate() {
            match read_slot(file, slot, self.salt).map_err(|error| Error::io(doing(), error))? {
                Some((_, block)) if block == self.block => {}
                Some(_) => return Err(Error::io(doing(), damaged(place, "a copy of block 0 is out of date"))),
                None => return Err(Error::io(doing(), damaged(place, "a copy of block 0 is not whole"))),
            }
        }
        Ok(())
    }
}

/// The sequence number and the block in a slot; `None` when the slot is not whole.
fn read_slot(file: &dyn File, slot: usize, salt: u64) -> io::Result<Option<(u64, Box<[u8]>)>> {
    let mut stored = vec![0; SLOT_SIZE];
    match file.read_exact_at(SLOT_PLACES[slot], &mut stored) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let (covered, checksum) = stored.split_at(SLOT_SIZE - 8);
    if checksum != slot_checksum(salt, covered).to_le_bytes() {
        return Ok(None);
    }
    let (block, sequence) = covered.split_at(BLOCK_SIZE);
    let sequence = sequence.try_into().expect("a slot holds eight bytes behind the block");
    Ok(Some((u64::from_le_bytes(sequence), block.into())))
}

/// Block 0 and its sequence number, seeded like a block but for no block that can exist.
fn slot_checksum(salt: u64, covered: &[u8]) -> u64 {
    checksum_of(salt, u64::MAX, covered)
}
