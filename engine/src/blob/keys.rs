//! The keys of the blob model.
//!
//! ```text
//!   30 <bucket:u64> <object key>          -> object row
//!   31 01 <body:u64>                      -> body: reference count, and the bytes or where they are
//!   31 02 <segment:u64> <body:u64>        -> bytes of that segment file that the body uses:u64
//!   31 03 <bucket:u64>                    -> nothing; the bucket was dropped and its objects are being removed
//! ```
//!
//! Numbers are big-endian, so that they sort.

use bytes::Bytes;

use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::error::{Error, Result};
use crate::keyspace::{BLOB_EXTENT_TAG, BLOB_OBJECT_TAG};

/// Second byte of the keys of bodies.
const BODY_KIND: u8 = 0x01;
/// Second byte of the keys that say which bodies a segment file holds.
const SEGMENT_USE_KIND: u8 = 0x02;
/// Second byte of the keys of dropped buckets whose objects are still there.
const DROPPED_BUCKET_KIND: u8 = 0x03;

/// The number of a body: the bytes of one or more objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct BodyId(pub(super) u64);

/// The number of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct SegmentNumber(pub(super) u64);

pub(super) fn objects(bucket: ObjectId) -> Vec<u8> {
    KeyWriter::new(BLOB_OBJECT_TAG).u64(bucket.number()).finish()
}

pub(super) fn object(bucket: ObjectId, key: &str) -> Vec<u8> {
    KeyWriter::new(BLOB_OBJECT_TAG).u64(bucket.number()).raw(key.as_bytes()).finish()
}

/// The object key at the end of a stored key.
pub(super) fn object_key(stored: &[u8]) -> Result<&str> {
    let mut parts = KeyReader::new(stored, BLOB_OBJECT_TAG)?;
    parts.u64()?;
    std::str::from_utf8(parts.rest())
        .map_err(|_| Error::corrupt("the key of a stored object is not UTF-8; restore from a backup"))
}

/// What all keys of objects begin with.
pub(super) fn all_objects() -> Vec<u8> {
    vec![BLOB_OBJECT_TAG]
}

pub(super) fn bodies() -> Vec<u8> {
    vec![BLOB_EXTENT_TAG, BODY_KIND]
}

pub(super) fn body(body: BodyId) -> Vec<u8> {
    KeyWriter::new(BLOB_EXTENT_TAG).u8(BODY_KIND).u64(body.0).finish()
}

/// The body that a key made by [`body`] names.
pub(super) fn body_of(stored: &[u8]) -> Result<BodyId> {
    let mut parts = KeyReader::new(stored, BLOB_EXTENT_TAG)?;
    parts.u8()?;
    Ok(BodyId(parts.u64()?))
}

pub(super) fn segment_uses(segment: SegmentNumber) -> Vec<u8> {
    KeyWriter::new(BLOB_EXTENT_TAG).u8(SEGMENT_USE_KIND).u64(segment.0).finish()
}

pub(super) fn segment_use(segment: SegmentNumber, body: BodyId) -> Vec<u8> {
    KeyWriter::new(BLOB_EXTENT_TAG).u8(SEGMENT_USE_KIND).u64(segment.0).u64(body.0).finish()
}

/// What all keys of uses begin with.
pub(super) fn all_segment_uses() -> Vec<u8> {
    vec![BLOB_EXTENT_TAG, SEGMENT_USE_KIND]
}

/// The file and the body that a key made by [`segment_use`] names.
pub(super) fn use_key_of(stored: &[u8]) -> Result<(SegmentNumber, BodyId)> {
    let mut parts = KeyReader::new(stored, BLOB_EXTENT_TAG)?;
    parts.u8()?;
    Ok((SegmentNumber(parts.u64()?), BodyId(parts.u64()?)))
}

/// The body and the bytes that an entry made with [`segment_use`] names.
pub(super) fn use_of(entry: &(Bytes, Bytes)) -> Result<(BodyId, u64)> {
    let mut parts = KeyReader::new(&entry.0, BLOB_EXTENT_TAG)?;
    parts.u8()?;
    parts.u64()?;
    Ok((BodyId(parts.u64()?), KeyReader::parts(&entry.1).u64()?))
}

pub(super) fn dropped_buckets() -> Vec<u8> {
    vec![BLOB_EXTENT_TAG, DROPPED_BUCKET_KIND]
}

pub(super) fn dropped_bucket(bucket: ObjectId) -> Vec<u8> {
    KeyWriter::new(BLOB_EXTENT_TAG).u8(DROPPED_BUCKET_KIND).u64(bucket.number()).finish()
}

/// The bucket that a key made by [`dropped_bucket`] names.
pub(super) fn dropped_bucket_of(stored: &[u8]) -> Result<ObjectId> {
    let mut parts = KeyReader::new(stored, BLOB_EXTENT_TAG)?;
    parts.u8()?;
    Ok(ObjectId::new(parts.u64()?))
}
