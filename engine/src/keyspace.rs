//! The map of the keyspace: which first byte belongs to whom.
//!
//! ```text
//!   00  kv itself: dropped prefixes, sequences
//!   01  catalogue: object name -> definition      02  catalogue: object id -> name
//!   10  table rows                                11  table index entries
//!   12  numbers of sequences of SQL
//!   20  documents                                 21  document index entries
//!   30  blob objects                              31  bytes of blobs, and where they are
//!   40  cache entries                             41  cache expiry
//!   50  search: documents waiting to be indexed   51  search: sources and coverage
//!   60  queue messages by id                      61  queue order     62  queue bookkeeping
//! ```
//!
//! After the first byte most keys go on with the 8-byte id of the object that they belong to, so that dropping an
//! object is retiring a prefix (K10).

/// Catalogue entries by name.
pub(crate) const CATALOG_TAG: u8 = 0x01;
/// Catalogue names by object id.
pub(crate) const CATALOG_ID_TAG: u8 = 0x02;
/// Rows of tables.
pub(crate) const TABLE_ROW_TAG: u8 = 0x10;
/// Entries of table indexes.
pub(crate) const TABLE_INDEX_TAG: u8 = 0x11;
/// Where sequences of SQL are.
#[cfg_attr(not(feature = "sql"), allow(dead_code, reason = "only SQL has sequences"))]
pub(crate) const SQL_SEQUENCE_TAG: u8 = 0x12;
/// Documents of collections.
pub(crate) const DOCUMENT_TAG: u8 = 0x20;
/// Entries of document indexes.
pub(crate) const DOCUMENT_INDEX_TAG: u8 = 0x21;
/// Objects of buckets.
pub(crate) const BLOB_OBJECT_TAG: u8 = 0x30;
/// Bytes of objects or where they are, uses of segment files, dropped buckets.
pub(crate) const BLOB_EXTENT_TAG: u8 = 0x31;
/// Entries of caches that live in the keyspace.
pub(crate) const CACHE_ENTRY_TAG: u8 = 0x40;
/// Order of expiry of cache entries.
pub(crate) const CACHE_EXPIRY_TAG: u8 = 0x41;
/// Changed documents that the segment files of a search index do not hold yet.
pub(crate) const SEARCH_PENDING_TAG: u8 = 0x50;
/// Which indexes watch a source, and how far the segment files of an index reach.
pub(crate) const SEARCH_SOURCE_TAG: u8 = 0x51;
/// Messages by id.
pub(crate) const QUEUE_MESSAGE_TAG: u8 = 0x60;
/// Messages in the order in which they become ready.
pub(crate) const QUEUE_ORDER_TAG: u8 = 0x61;
/// Counters, groups and deduplication of queues.
pub(crate) const QUEUE_STATE_TAG: u8 = 0x62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_distinct_and_leave_the_system_its_own() {
        let mut tags = [
            crate::kv::SYSTEM_TAG,
            CATALOG_TAG,
            CATALOG_ID_TAG,
            TABLE_ROW_TAG,
            TABLE_INDEX_TAG,
            SQL_SEQUENCE_TAG,
            DOCUMENT_TAG,
            DOCUMENT_INDEX_TAG,
            BLOB_OBJECT_TAG,
            BLOB_EXTENT_TAG,
            CACHE_ENTRY_TAG,
            CACHE_EXPIRY_TAG,
            SEARCH_PENDING_TAG,
            SEARCH_SOURCE_TAG,
            QUEUE_MESSAGE_TAG,
            QUEUE_ORDER_TAG,
            QUEUE_STATE_TAG,
        ];
        assert!(tags.is_sorted());
        tags.sort_unstable();
        assert!(tags.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
