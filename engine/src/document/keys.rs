//! The keys of documents and of their index entries.
//!
//! ```text
//!   20 <collection> <id>                            -> the document
//!   21 <collection> <index> 00 <field position>     -> empty: some document has an array on the way to that field
//!   21 <collection> <index> 01 <values> [<id>]      -> an entry; a unique index has the id in the value instead
//! ```

use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::error::{Error, Result};
use crate::keyspace::{DOCUMENT_INDEX_TAG, DOCUMENT_TAG};

/// After the number of an index: which of its fields meet arrays.
const ARRAY_MARK_KIND: u8 = 0x00;
/// After the number of an index: its entries.
const INDEX_ENTRY_KIND: u8 = 0x01;

pub(super) fn documents(collection: ObjectId) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_TAG).u64(collection.number()).finish()
}

pub(super) fn document(collection: ObjectId, id: &[u8]) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_TAG).u64(collection.number()).raw(id).finish()
}

/// The id at the end of a key made by [`document`].
pub(super) fn document_id(key: &[u8]) -> Result<&str> {
    let mut parts = KeyReader::new(key, DOCUMENT_TAG)?;
    parts.u64()?;
    std::str::from_utf8(parts.rest())
        .map_err(|_| Error::corrupt("the id of a stored document is not UTF-8; restore from a backup"))
}

/// What all index keys of a collection begin with.
pub(super) fn indexes(collection: ObjectId) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_INDEX_TAG).u64(collection.number()).finish()
}

/// What all keys of an index begin with.
pub(super) fn index(collection: ObjectId, number: u32) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_INDEX_TAG).u64(collection.number()).u32(number).finish()
}

pub(super) fn array_mark(collection: ObjectId, number: u32, field: u8) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_INDEX_TAG).u64(collection.number()).u32(number).u8(ARRAY_MARK_KIND).u8(field).finish()
}

/// What all entries of an index begin with.
pub(super) fn entries(collection: ObjectId, number: u32) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_INDEX_TAG).u64(collection.number()).u32(number).u8(INDEX_ENTRY_KIND).finish()
}
