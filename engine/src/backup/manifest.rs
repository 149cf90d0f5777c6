//! Manifests: one file per backup that lists its pieces and where in the target their bytes are.
//!
//! ```text
//!   backups/00000000000000000003.backup
//!   [header][frame of rows][frame of rows] ... [frame: summary][offset of the summary 8]
//!            row = piece, number of the file of pieces, offset
//! ```
//!
//! A manifest is written last, synced, and gets its name when it is whole: a backup is what has a manifest. The summary
//! names the files of pieces with their salts and sizes, so that a file that was exchanged or cut is found at once.

use std::collections::VecDeque;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, FrameFileKind, FrameReader, FrameWriter};
use super::piece::Piece;
use crate::encoding::record;
use crate::env::{Env, Timestamp};
use crate::error::{Error, Result};
use crate::kv::Version;

const MANIFEST_MAGIC: &[u8; 8] = b"mqtrybkp";
const MANIFEST_VERSION: u32 = 1;
const ROWS_FORMAT: u8 = 1;
const SUMMARY_FORMAT: u8 = 1;
/// A frame of rows ends with the row that brings it to this size.
const ROWS_SIZE_BYTES_TARGET: usize = 64 * 1024;
const FOOTER_SIZE_BYTES: u64 = 8;

pub(super) const KIND: FrameFileKind = FrameFileKind { magic: MANIFEST_MAGIC, version: MANIFEST_VERSION };

/// A piece, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) piece: Piece,
    pub(super) place: Place,
}

/// A frame of a file of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// A file of pieces as it was when the backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PieceFile {
    pub(super) number: u64,
    pub(super) salt: u64,
    pub(super) size_bytes: u64,
}

/// What a manifest says about its backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) version: Version,
    pub(super) created: Timestamp,
    pub(super) pieces: u64,
    /// Bytes of all pieces.
    pub(super) size_bytes: u64,
    /// Every file that a row names, by number.
    pub(super) files: Vec<PieceFile>,
}

/// A manifest that is being written.
pub(super) struct ManifestWriter {
    frames: FrameWriter,
    rows: Vec<Row>,
    rows_size_bytes: usize,
}

impl ManifestWriter {
    pub(super) fn create(env: &dyn Env, path: PathBuf, number: u64) -> Result<Self> {
        Ok(ManifestWriter {
            frames: FrameWriter::create(env, path, KIND, number)?,
            rows: Vec::new(),
            rows_size_bytes: 0,
        })
    }

    pub(super) fn append(&mut self, row: Row) -> Result<()> {
        self.rows_size_bytes += 64 + row.piece.origin_size_bytes();
        self.rows.push(row);
        match self.rows_size_bytes >= ROWS_SIZE_BYTES_TARGET {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.frames.append(&record::encode(ROWS_FORMAT, &self.rows)?)?;
            self.rows.clear();
            self.rows_size_bytes = 0;
        }
        Ok(())
    }

    /// Writes the end, and makes the file durable; its size.
    pub(super) fn finish(mut self, summary: &Summary) -> Result<u64> {
        self.flush()?;
        let offset = self.frames.append(&record::encode(SUMMARY_FORMAT, summary)?)?;
        self.frames.append_raw(&offset.to_le_bytes())?;
        self.frames.sync()?;
        Ok(self.frames.end())
    }
}

/// A manifest to read: its summary, and its rows one after the other.
#[derive(Debug)]
pub(super) struct Manifest {
    frames: FrameReader,
    pub(super) number: u64,
    pub(super) summary: Summary,
    summary_offset: u64,
    next_frame: u64,
    rows: VecDeque<Row>,
    rows_read: u64,
}

impl Manifest {
    pub(super) fn open(env: &dyn Env, path: PathBuf, number: u64) -> Result<Self> {
        let mut frames = FrameReader::open(env, &path, KIND, number)?;
        let footer_offset = frames.size_bytes.saturating_sub(FOOTER_SIZE_BYTES);
        let mut footer = [0; FOOTER_SIZE_BYTES as usize];
        frames.read_exact(footer_offset, &mut footer)?;
        let summary_offset = u64::from_le_bytes(footer);
        if summary_offset < FRAME_FILE_HEADER_SIZE_BYTES as u64 || summary_offset >= footer_offset {
            return Err(frames.damaged(footer_offset, "the place of the summary is none"));
        }
        let (bytes, end) = frames.read(summary_offset)?;
        let summary = decode::<Summary>(SUMMARY_FORMAT, bytes, &path)?;
        if end != footer_offset {
            return Err(frames.damaged(summary_offset, "the file does not end with the summary"));
        }
        let next_frame = FRAME_FILE_HEADER_SIZE_BYTES as u64;
        Ok(Manifest { frames, number, summary, summary_offset, next_frame, rows: VecDeque::new(), rows_read: 0 })
    }

    /// The row that the next [`Manifest::advance`] takes.
    pub(super) fn peek(&mut self) -> Result<Option<&Row>> {
        while self.rows.is_empty() && self.next_frame < self.summary_offset {
            let offset = self.next_frame;
            let (bytes, next) = self.frames.read(offset)?;
            let rows: Result<Vec<Row>> = record::decode(ROWS_FORMAT, bytes, "the list of pieces of a backup");
            let rows = rows.map_err(|error| error.context(format_args!("at offset {offset}")))?;
            self.next_frame = next;
            self.rows_read += rows.len() as u64;
            self.rows = rows.into();
        }
        let is_whole = self.next_frame == self.summary_offset && self.rows_read == self.summary.pieces;
        if self.rows.is_empty() && !is_whole {
            return Err(self.frames.damaged(self.next_frame, "the list of pieces is not whole"));
        }
        Ok(self.rows.front())
    }

    pub(super) fn advance(&mut self) -> Result<Option<Row>> {
        self.peek()?;
        Ok(self.rows.pop_front())
    }
}

fn decode<T: serde::de::DeserializeOwned>(format: u8, bytes: &[u8], path: &std::path::Path) -> Result<T> {
    let decoded: Result<T> = record::decode(format, bytes, "the summary of a backup");
    decoded.map_err(|error: Error| error.context(path.display()))
}
