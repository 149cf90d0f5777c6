//! The keys of the search model.
//!
//! ```text
//!   50 <index:u64> <source key> <marker:u64>      -> nothing: the source key changed, the segments do not know
//!   51 01 <source:u64>                            -> the indexes that watch the source
//!   51 02 <index:u64>                             -> layout: the segments of the index
//!   51 03 <index:u64> <segment:u64> <block:u32>   -> bits of the documents of a segment that are no more
//! ```
//!
//! Numbers are big-endian, so that they sort. A source key is taken as it is: the marker behind it has a fixed length.

use bytes::Bytes;

use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::error::{Error, Result};
use crate::keyspace::{SEARCH_PENDING_TAG, SEARCH_SOURCE_TAG};

/// Second byte of the keys that say which indexes watch a source.
const WATCHED_KIND: u8 = 0x01;
/// Second byte of the keys of layouts.
const LAYOUT_KIND: u8 = 0x02;
/// Second byte of the keys of the documents of segments that are no more.
const DEAD_KIND: u8 = 0x03;
/// Tag and index before the source key of a marker.
const MARKER_HEAD_SIZE_BYTES: usize = 9;
/// The number at the end of a marker.
const MARKER_TAIL_SIZE_BYTES: usize = 8;

/// One change of one source key that the segments of an index do not hold yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) source_key: Bytes,
    /// Different for every change there ever was.
    pub(super) number: u64,
}

pub(super) fn markers(index: ObjectId) -> Vec<u8> {
    KeyWriter::new(SEARCH_PENDING_TAG).u64(index.number()).finish()
}

pub(super) fn marker(index: ObjectId, source_key: &[u8], number: u64) -> Vec<u8> {
    KeyWriter::new(SEARCH_PENDING_TAG).u64(index.number()).raw(source_key).u64(number).finish()
}

/// The marker that a key made by [`marker`] stands for.
pub(super) fn marker_of(stored: &Bytes) -> Result<Marker> {
    let end = stored.len().checked_sub(MARKER_TAIL_SIZE_BYTES).filter(|end| *end >= MARKER_HEAD_SIZE_BYTES);
    let Some(end) = end else {
        return Err(Error::corrupt("a marker of the search model is too short; restore from a backup"));
    };
    let number = KeyReader::parts(&stored[end..]).u64()?;
    Ok(Marker { source_key: stored.slice(MARKER_HEAD_SIZE_BYTES..end), number })
}

pub(super) fn watched(source: ObjectId) -> Vec<u8> {
    KeyWriter::new(SEARCH_SOURCE_TAG).u8(WATCHED_KIND).u64(source.number()).finish()
}

/// The indexes that the value of a key made by [`watched`] names.
pub(super) fn watchers_of(stored: &[u8]) -> Result<Vec<ObjectId>> {
    let mut reader = KeyReader::parts(stored);
    let mut indexes = Vec::new();
    while !reader.rest().is_empty() {
        indexes.push(ObjectId::new(reader.u64()?));
    }
    Ok(indexes)
}

/// The value of a key made by [`watched`].
pub(super) fn watchers(indexes: &[ObjectId]) -> Vec<u8> {
    indexes.iter().fold(KeyWriter::default(), |writer, index| writer.u64(index.number())).finish()
}

pub(super) fn layouts() -> Vec<u8> {
    vec![SEARCH_SOURCE_TAG, LAYOUT_KIND]
}

pub(super) fn layout(index: ObjectId) -> Vec<u8> {
    KeyWriter::new(SEARCH_SOURCE_TAG).u8(LAYOUT_KIND).u64(index.number()).finish()
}

/// The index whose layout a key made by [`layout`] holds.
pub(super) fn layout_of(stored: &[u8]) -> Result<ObjectId> {
    let mut parts = KeyReader::new(stored, SEARCH_SOURCE_TAG)?;
    parts.u8()?;
    Ok(ObjectId::new(parts.u64()?))
}

/// What the keys of all dead documents of an index begin with.
pub(super) fn dead_of_index(index: ObjectId) -> Vec<u8> {
    KeyWriter::new(SEARCH_SOURCE_TAG).u8(DEAD_KIND).u64(index.number()).finish()
}

/// What the keys of the dead documents of a segment begin with.
pub(super) fn dead_of_segment(index: ObjectId, segment: u64) -> Vec<u8> {
    KeyWriter::new(SEARCH_SOURCE_TAG).u8(DEAD_KIND).u64(index.number()).u64(segment).finish()
}

pub(super) fn dead(index: ObjectId, segment: u64, block: u32) -> Vec<u8> {
    KeyWriter::new(SEARCH_SOURCE_TAG).u8(DEAD_KIND).u64(index.number()).u64(segment).u32(block).finish()
}

/// The block that a key made by [`dead`] is about.
pub(super) fn dead_block_of(stored: &[u8]) -> Result<u32> {
    let mut parts = KeyReader::new(stored, SEARCH_SOURCE_TAG)?;
    parts.u8()?;
    parts.u64()?;
    parts.u64()?;
    parts.u32()
}
