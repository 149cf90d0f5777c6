//! Pieces: what a backup consists of, in one order.
//!
//! ```text
//!   Keys "a..."   Keys "k..."   Range blobs/0..17.blob @ 0   Range blobs/0..17.blob @ 24   ...   Range search/...
//!   |-- the whole key space, in runs --|   |-- the files that the keys name, in ranges that never change --|
//! ```
//!
//! - The order of origins is the order of every backup, so that comparing a backup with the one before is one walk
//!   along both, whatever their size.
//! - An [id](PieceId) stands for the bytes at an origin. For a run of keys it is their hash; for a range of a file it
//!   comes from the number that the key space gives the bytes that it names there (a salt, a checksum), so that a range
//!   that is backed up already is not even read. The hash is seeded with a random number that only the target holds:
//!   whoever chooses what is stored cannot aim at a collision.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::encoding::varint;
use crate::error::{Error, Result};
use crate::stored_range::{Folder, StoredRange};

/// Where the bytes of a piece are from; ordered as in a backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Origin {
    /// Keys and values from this key on.
    Keys(Vec<u8>),
    /// A range of a file of the data directory.
    Range(Folder, String, u64),
}

/// Stands for the bytes of a piece at its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PieceId(pub(super) u128);

impl PieceId {
    /// The id of a run of keys.
    pub(super) fn of_keys(run: &[u8], seed: u64) -> Self {
        PieceId(xxh3_128_with_seed(run, seed))
    }

    /// The id of a range of a file.
    pub(super) fn of_range(range: &StoredRange, seed: u64) -> Self {
        let mut told = Vec::with_capacity(range.file.len() + 40);
        told.push(range.folder as u8);
        varint::write_bytes(&mut told, range.file.as_bytes());
        for number in [range.offset, range.size_bytes, range.identity] {
            told.extend_from_slice(&number.to_le_bytes());
        }
        PieceId(xxh3_128_with_seed(&told, seed))
    }
}

/// A piece without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) origin: Origin,
    pub(super) id: PieceId,
    pub(super) size_bytes: u64,
}

/// The next piece of a backup.
#[derive(Debug)]
pub(super) enum Step {
    /// Whoever receives has it.
    Known(Piece),
    /// Whoever receives lacks it: with its bytes.
    Fresh(Piece, Vec<u8>),
}

/// What whoever receives a backup has already.
pub(super) trait Known {
    /// Whether the bytes of `piece` are there. Asked in the order of pieces.
    fn knows(&mut self, piece: &Piece) -> Result<bool>;
}

/// Appends a pair to a run of keys.
pub(super) fn write_pair(run: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    varint::write_bytes(run, key);
    varint::write_bytes(run, value);
}

/// The pairs of a run of keys.
pub(super) struct Pairs {
    run: Bytes,
    read_size_bytes: usize,
}

impl Pairs {
    pub(super) fn of(run: Bytes) -> Self {
        Pairs { run, read_size_bytes: 0 }
    }

    fn read(&mut self) -> Result<(Bytes, Bytes)> {
        let mut rest = &self.run[self.read_size_bytes..];
        let key = self.run.slice_ref(varint::read_bytes(&mut rest)?);
        let value = self.run.slice_ref(varint::read_bytes(&mut rest)?);
        self.read_size_bytes = self.run.len() - rest.len();
        Ok((key, value))
    }
}

impl Iterator for Pairs {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read_size_bytes == self.run.len() {
            return None;
        }
        let pair = self.read();
        if pair.is_err() {
            self.read_size_bytes = self.run.len();
        }
        Some(pair.map_err(|error| Error::corrupt(format!("a run of keys in a backup: {}", error.message()))))
    }
}

impl Piece {
    /// About how many bytes the origin takes in a list.
    pub(super) fn origin_size_bytes(&self) -> usize {
        match &self.origin {
            Origin::Keys(first) => first.len(),
            Origin::Range(_, file, _) => file.len(),
        }
    }
}
