//! The keys of the cache model.
//!
//! ```text
//!   40 <namespace:u64> <key>                      -> entry
//!   41 <namespace:u64> <expires at:i64> <key>     -> nothing; the entry goes at that time
//! ```
//!
//! Volatile entries have the first key only as the name of a note in a transaction, never in the keyspace.

use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::keyspace::{CACHE_ENTRY_TAG, CACHE_EXPIRY_TAG};
use crate::limits::CACHE_KEY_SIZE_BYTES_MAX;

pub(super) fn entries(namespace: ObjectId) -> Vec<u8> {
    KeyWriter::new(CACHE_ENTRY_TAG).u64(namespace.number()).finish()
}

pub(super) fn entry(namespace: ObjectId, key: &[u8]) -> Vec<u8> {
    KeyWriter::new(CACHE_ENTRY_TAG).u64(namespace.number()).raw(key).finish()
}

/// The namespace and the key that a key made by [`entry`] names.
pub(super) fn entry_of(stored: &[u8]) -> Result<(ObjectId, &[u8])> {
    let mut parts = KeyReader::new(stored, CACHE_ENTRY_TAG)?;
    Ok((ObjectId::new(parts.u64()?), parts.rest()))
}

pub(super) fn expiries(namespace: ObjectId) -> Vec<u8> {
    KeyWriter::new(CACHE_EXPIRY_TAG).u64(namespace.number()).finish()
}

/// What the keys of entries that expire at `at` begin with, and all later ones sort behind.
pub(super) fn expiries_at(namespace: ObjectId, at: Timestamp) -> Vec<u8> {
    KeyWriter::new(CACHE_EXPIRY_TAG).u64(namespace.number()).i64(at.as_micros()).finish()
}

pub(super) fn expiry(namespace: ObjectId, at: Timestamp, key: &[u8]) -> Vec<u8> {
    KeyWriter::new(CACHE_EXPIRY_TAG).u64(namespace.number()).i64(at.as_micros()).raw(key).finish()
}

/// The namespace, the time and the key that a key made by [`expiry`] names.
pub(super) fn expiry_of(stored: &[u8]) -> Result<(ObjectId, Timestamp, &[u8])> {
    let mut parts = KeyReader::new(stored, CACHE_EXPIRY_TAG)?;
    Ok((ObjectId::new(parts.u64()?), Timestamp::from_micros(parts.i64()?), parts.rest()))
}

/// Refuses keys of entries that are empty or too long.
pub(super) fn verify(key: &[u8]) -> Result<()> {
    match key.len() {
        0 => Err(Error::invalid("the key of a cache entry is empty; give it at least one byte")),
        length if length > CACHE_KEY_SIZE_BYTES_MAX => Err(Error::limit_exceeded(format!(
            "the key of a cache entry is {length} bytes long, the limit is {CACHE_KEY_SIZE_BYTES_MAX}; use a hash of it"
        ))),
        _ => Ok(()),
    }
}
