//! The bytes of segment files that a snapshot names, for whoever copies the database.
//!
//! ```text
//!   uses of file 17 at the snapshot --> bodies --> their extents in file 17, by offset --> ranges of at most 64 chunks
//! ```
//!
//! A part of an extent from chunk i on is an extent itself, with the salt i higher: so ranges are told, verified and
//! written like extents, and what no commit names is not copied. While the snapshot is open no file that it names
//! is removed.

use super::BlobModel;
use super::body::{self, Place};
use super::keys::{self, SegmentNumber};
use super::segment::{
    BLOB_CHUNK_SIZE_BYTES, BLOB_SEGMENT_HEADER_SIZE_BYTES, CHECKSUM_SIZE_BYTES, Extent, file_name, segment_number,
};
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot, prefix_end};
use crate::stored_range::{Folder, StoredRange};

/// Chunks of one range at most.
const RANGE_CHUNKS: u64 = 64;
/// A chunk and its checksum.
const STORED_CHUNK_SIZE_BYTES: u64 = (BLOB_CHUNK_SIZE_BYTES + CHECKSUM_SIZE_BYTES) as u64;

impl BlobModel {
    /// The ranges of the first file after the one called `after` that holds anything of `snapshot`, by offset.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn stored_ranges(&self, snapshot: &Snapshot, after: Option<&str>) -> Result<Vec<StoredRange>> {
        let all = KeyRange::prefix(keys::all_segment_uses());
        let behind = after.and_then(segment_number).and_then(|last| prefix_end(&keys::segment_uses(last)));
        let rest = KeyRange { start: behind.map_or_else(|| all.start.clone(), Into::into), end: all.end };
        let mut extents = Vec::new();
        let mut found: Option<SegmentNumber> = None;
        for entry in snapshot.scan(rest, Direction::Forward)? {
            let (key, _) = entry?;
            let (number, id) = keys::use_key_of(&key)?;
            if *found.get_or_insert(number) != number {
                break;
            }
            let body = body::require(snapshot, id)?;
            if let Place::Extents(all) = body.place {
                extents.extend(all.into_iter().filter(|extent| extent.segment == number));
            }
        }
        let Some(number) = found else { return Ok(Vec::new()) };
        extents.sort_by_key(|extent| extent.offset);
        let mut ranges = vec![range(number, 0, BLOB_SEGMENT_HEADER_SIZE_BYTES, 0)];
        extents.iter().for_each(|extent| push_parts(extent, &mut ranges));
        Ok(ranges)
    }

    /// Bytes that `snapshot` has in segment files.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn stored_size_bytes(&self, snapshot: &Snapshot) -> Result<u64> {
        let mut size_bytes = 0u64;
        for entry in snapshot.scan(KeyRange::prefix(keys::all_segment_uses()), Direction::Forward)? {
            size_bytes = size_bytes.saturating_add(keys::use_of(&entry?)?.1);
        }
        Ok(size_bytes)
    }

    /// Reads a range that [`BlobModel::stored_ranges`] told, every chunk verified.
    ///
    /// # Errors
    /// `Corrupt` naming file and offset when the bytes are damaged.
    pub(crate) fn read_stored(&self, range: &StoredRange, out: &mut Vec<u8>) -> Result<()> {
        let Some(number) = segment_number(&range.file) else {
            return Err(Error::invalid(format!("{} is not the name of a segment file", range.file)));
        };
        let file = self.segments.open_file(number)?;
        if range.offset == 0 {
            out.extend_from_slice(&file.header());
            return Ok(());
        }
        let chunks = range.size_bytes.div_ceil(STORED_CHUNK_SIZE_BYTES);
        let size_bytes = range.size_bytes.saturating_sub(chunks * CHECKSUM_SIZE_BYTES as u64);
        let extent = Extent { segment: number, offset: range.offset, size_bytes, salt: range.identity };
        let mut chunk = Vec::new();
        for index in 0..chunks {
            file.read_chunk(&extent, index, &mut chunk)?;
            out.extend_from_slice(&chunk);
            out.extend_from_slice(&extent.chunk_checksum(index, &chunk));
        }
        Ok(())
    }
}

fn push_parts(extent: &Extent, ranges: &mut Vec<StoredRange>) {
    let stored_size_bytes = extent.stored_size_bytes();
    let mut done = 0;
    while done < stored_size_bytes {
        let size_bytes = (stored_size_bytes - done).min(RANGE_CHUNKS * STORED_CHUNK_SIZE_BYTES);
        let identity = extent.salt.wrapping_add(done / STORED_CHUNK_SIZE_BYTES);
        ranges.push(range(extent.segment, extent.offset + done, size_bytes, identity));
        done += size_bytes;
    }
}

fn range(number: SegmentNumber, offset: u64, size_bytes: u64, identity: u64) -> StoredRange {
    StoredRange { folder: Folder::Blobs, file: file_name(number), offset, size_bytes, identity }
}
