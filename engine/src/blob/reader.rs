//! Reading the bytes of an object, with the memory of one chunk.
//!
//! ```text
//!   position -> extent -> chunk: read, compared with its checksum, then copied out
//! ```
//!
//! A reader owns what it needs: it outlives the snapshot that it came from, and gives the bytes of that snapshot although
//! the object is overwritten or deleted meanwhile. Until it is dropped its files stay, so a forgotten reader costs disk space.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::body::Place;
use super::object::ObjectInfo;
use super::segment::{BLOB_CHUNK_SIZE_BYTES, Extent, SegmentFile};
use super::segments::{Pins, Segments};
use crate::error::{Error, Result};

/// The bytes of one object as they were when it was asked for.
///
/// It must not outlive the database that it came from. [`Read`] gives the range that [`BlobReader::set_range`] chose,
/// at first everything.
#[derive(Debug)]
pub struct BlobReader {
    info: ObjectInfo,
    source: Source,
    position: u64,
    end: u64,
}

#[derive(Debug)]
enum Source {
    Inline(Bytes),
    Stored(StoredBytes),
}

/// Bytes in segment files, and the last chunk read of them.
#[derive(Debug)]
pub(super) struct StoredBytes {
    pins: Pins,
    /// Each with where it begins in the object, in order.
    extents: Vec<(u64, Extent)>,
    file: Option<SegmentFile>,
    chunk: Vec<u8>,
    chunk_start: u64,
}

impl StoredBytes {
    /// The caller's view of the keyspace is open, or its pins are held.
    pub(super) fn new(segments: &Arc<Segments>, extents: Vec<Extent>) -> Self {
        let pins = segments.pin(extents.iter().map(|extent| extent.segment));
        let mut start = 0;
        let place = |extent: Extent| {
            let placed = (start, extent);
            start += extent.size_bytes;
            placed
        };
        let extents = extents.into_iter().map(place).collect();
        StoredBytes { pins, extents, file: None, chunk: Vec::new(), chunk_start: 0 }
    }

    /// The verified bytes from `position` to the end of their chunk; empty behind the last.
    pub(super) fn from(&mut self, position: u64) -> Result<&[u8]> {
        let is_loaded = position >= self.chunk_start && position - self.chunk_start < self.chunk.len() as u64;
        if !is_loaded && !self.load(position)? {
            return Ok(&[]);
        }
        Ok(&self.chunk[(position - self.chunk_start) as usize..])
    }

    fn load(&mut self, position: u64) -> Result<bool> {
        let behind = self.extents.partition_point(|(start, _)| *start <= position);
        let Some((start, extent)) = behind.checked_sub(1).map(|index| self.extents[index]) else { return Ok(false) };
        if position - start >= extent.size_bytes {
            return Ok(false);
        }
        let index = (position - start) / BLOB_CHUNK_SIZE_BYTES as u64;
        // Until the chunk is whole the buffer must not pass for anything.
        self.chunk.clear();
        let file = match self.file.take() {
            Some(file) if file.number == extent.segment => file,
            _ => self.pins.segments().open_file(extent.segment)?,
        };
        file.read_chunk(&extent, index, &mut self.chunk)?;
        self.file = Some(file);
        self.chunk_start = start + index * BLOB_CHUNK_SIZE_BYTES as u64;
        Ok(true)
    }
}

impl BlobReader {
    pub(super) fn new(segments: &Arc<Segments>, info: ObjectInfo, place: Place) -> Result<Self> {
        if place.size_bytes() != info.size_bytes {
            return Err(Error::corrupt(format!(
                "object {:?} is recorded with {} bytes and has {}; restore from a backup",
                info.key,
                info.size_bytes,
                place.size_bytes()
            )));
        }
        let end = info.size_bytes;
        let source = match place {
            Place::Inline(bytes) => Source::Inline(bytes),
            Place::Extents(extents) => Source::Stored(StoredBytes::new(segments, extents)),
        };
        Ok(BlobReader { info, source, position: 0, end })
    }

    /// The object that the bytes are of.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// How many bytes of the range are still to be read.
    pub fn remaining_bytes(&self) -> u64 {
        self.end - self.position
    }

    /// Chooses what is read next: the bytes of `range`, from 0, as far as the object has them.
    ///
    /// # Errors
    /// `Invalid` when the range begins behind the object's last byte (0 is always allowed) or ends before it begins.
    pub fn set_range(&mut self, range: Range<u64>) -> Result<()> {
        let size = self.info.size_bytes;
        if range.start > range.end || (range.start >= size && range.start > 0) {
            return Err(Error::invalid(format!(
                "bytes {}..{} are not within the object's {size} bytes; choose others",
                range.start, range.end
            )));
        }
        self.position = range.start;
        self.end = range.end.min(size);
        Ok(())
    }

    /// Fills `buffer` from the object's byte `offset` on, wherever the range stands; returns how many bytes there were.
    ///
    /// # Errors
    /// `Corrupt` naming file and offset when stored bytes are damaged, `Unavailable` when they cannot be read.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let there = self.source.from(offset.saturating_add(filled as u64))?;
            if there.is_empty() {
                break;
            }
            let length = there.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&there[..length]);
            filled += length;
        }
        Ok(filled)
    }

    /// The next bytes of the range, at most 64 KiB; `None` behind the last.
    ///
    /// # Errors
    /// As [`BlobReader::read_at`].
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let remaining = self.remaining_bytes();
        if remaining == 0 {
            return Ok(None);
        }
        let there = self.source.from(self.position)?;
        let length = (there.len() as u64).min(remaining).min(BLOB_CHUNK_SIZE_BYTES as u64) as usize;
        let chunk = Bytes::copy_from_slice(&there[..length]);
        self.position += length as u64;
        Ok(Some(chunk))
    }

    /// All that remains of the range, in memory.
    ///
    /// # Errors
    /// As [`BlobReader::read_at`].
    pub fn into_bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next_chunk()? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Source {
    fn from(&mut self, position: u64) -> Result<&[u8]> {
        match self {
            Source::Inline(bytes) => Ok(usize::try_from(position).ok().and_then(|at| bytes.get(at..)).unwrap_or(&[])),
            Source::Stored(stored) => stored.from(position),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = usize::try_from(self.remaining_bytes()).unwrap_or(usize::MAX).min(buffer.len());
        if limit == 0 {
            return Ok(0);
        }
        let there = self.source.from(self.position).map_err(io::Error::other)?;
        let length = there.len().min(limit);
        buffer[..length].copy_from_slice(&there[..length]);
        self.position += length as u64;
        Ok(length)
    }
}
