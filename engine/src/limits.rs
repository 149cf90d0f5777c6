//! Every maximum of the engine in one table.
//!
//! A limit exists so that a stranger cannot make the process allocate, recurse or wait without end;
//! exceeding one is an [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) that names it.

/// Largest record of the log, in bytes: the largest commit, and what else was grouped with it.
pub const LOG_RECORD_SIZE_BYTES_MAX: usize = 1088 * 1024 * 1024;
/// Smallest size at which a segment of the log may be closed, in bytes.
pub const LOG_SEGMENT_SIZE_BYTES_MIN: u64 = 1024;
/// Longest key of the keyspace, in bytes.
pub const KEY_SIZE_BYTES_MAX: usize = 8 * 1024;
/// Longest value of the keyspace, in bytes. Larger things are blobs.
pub const VALUE_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest encoded transaction, in bytes.
pub const COMMIT_SIZE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Commits are put into one log record up to about this size, in bytes.
pub(crate) const RECORD_SIZE_BYTES_TARGET: usize = 16 * 1024 * 1024;
/// Changes of past commits that are kept to compare long-lived transactions with, in bytes.
pub(crate) const RECENT_KEYS_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What the locks of all transactions and sessions may take of memory, in bytes.
pub const LOCKS_SIZE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Keys removed by one step of background reclaim.
pub(crate) const RECLAIM_STEP_KEYS: usize = 1_000;
/// Largest piece of a backup: a run of keys with one value of the largest size, in bytes.
pub(crate) const BACKUP_FRAME_SIZE_BYTES_MAX: usize = VALUE_SIZE_BYTES_MAX + 2 * 1024 * 1024;
/// Pieces that a target tells another process that it has; what is over is sent again.
pub const BACKUP_KNOWN_PIECES_MAX: usize = 1_000_000;
/// Longest name of a table, column, collection, bucket, namespace, index or queue, in bytes.
pub const NAME_SIZE_BYTES_MAX: usize = 255;
/// Most columns of a table.
pub const TABLE_COLUMNS_MAX: usize = 1_600;
/// Most indexes of a table.
pub const TABLE_INDEXES_MAX: usize = 64;
/// Most columns of a primary key or index.
pub const TABLE_KEY_COLUMNS_MAX: usize = 32;
/// Most digits of a numeric before the point, and after it.
pub const NUMERIC_DIGITS_MAX: usize = 16_383;
/// Most rows of one page of a scan.
pub const TABLE_PAGE_ROWS_MAX: usize = 10_000;
/// Rows of one page of a scan that asks for no number.
pub const TABLE_PAGE_ROWS_DEFAULT: usize = 1_000;
/// A page of a scan ends with the row that makes it larger than this, in stored bytes.
pub(crate) const TABLE_PAGE_SIZE_BYTES_TARGET: usize = 8 * 1024 * 1024;
/// Most levels of arrays and objects in a jsonb value.
pub const JSONB_DEPTH_MAX: usize = 64;
/// Largest document as stored, in bytes.
pub const DOCUMENT_SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of objects and arrays in a document, the document itself included.
pub const DOCUMENT_DEPTH_MAX: usize = 64;
/// Longest `_id` of a document, in bytes.
pub const DOCUMENT_ID_SIZE_BYTES_MAX: usize = 1024;
/// Longest path such as `address.city`, in bytes.
pub const DOCUMENT_PATH_SIZE_BYTES_MAX: usize = 1024;
/// Deepest nesting of operators in a filter.
pub const DOCUMENT_FILTER_DEPTH_MAX: usize = 32;
/// Most conditions and listed values of a filter.
pub const DOCUMENT_FILTER_TERMS_MAX: usize = 10_000;
/// Most changes in one update.
pub const DOCUMENT_UPDATE_CHANGES_MAX: usize = 1_000;
/// Most empty places that an update may add to an array to reach the index it names.
pub const DOCUMENT_ARRAY_PADDING_MAX: usize = 10_000;
/// Most paths of a sort or a projection.
pub const DOCUMENT_QUERY_PATHS_MAX: usize = 100;
/// Documents that one find may hold to sort or return, as stored, in bytes.
pub const DOCUMENT_RESULT_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most indexes of a collection.
pub const DOCUMENT_INDEXES_MAX: usize = 64;
/// Most fields of a document index.
pub const DOCUMENT_INDEX_FIELDS_MAX: usize = 16;
/// Most entries of one document in one index.
pub const DOCUMENT_INDEX_ENTRIES_MAX: usize = 10_000;
/// Values longer than this are shortened in index entries, in bytes.
pub(crate) const DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX: usize = 256;
/// Most ranges of an index that one find reads.
pub(crate) const DOCUMENT_INDEX_RANGES_MAX: usize = 1_000;
/// Longest key of an object, in bytes.
pub const BLOB_KEY_SIZE_BYTES_MAX: usize = 1024;
/// Largest object, in bytes: 5 TiB.
pub const BLOB_SIZE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024 * 1024;
/// Largest metadata of an object, names and values together, in bytes.
pub const BLOB_METADATA_SIZE_BYTES_MAX: usize = 2 * 1024;
/// Longest content type, encoding, disposition, language or cache control of an object, in bytes.
pub const BLOB_ATTRIBUTE_SIZE_BYTES_MAX: usize = 1024;
/// Objects and common prefixes in one page of a listing.
pub const BLOB_LIST_LENGTH_MAX: usize = 1000;
/// Objects up to this size are kept in the keyspace, larger ones in segment files, in bytes.
pub(crate) const BLOB_INLINE_SIZE_BYTES_MAX: usize = 32 * 1024;
/// Objects of a dropped bucket removed by one step of the collector.
pub(crate) const BLOB_COLLECT_STEP_OBJECTS: usize = 256;
/// Segment files judged by one step of the collector.
pub(crate) const BLOB_COLLECT_STEP_FILES: usize = 16;
/// Segment files of blobs under a quarter of the usual size that may stay before they are brought together.
pub(crate) const BLOB_SMALL_FILES_MAX: usize = 8;
/// Bytes after which one step of emptying a segment file ends; a step moves whole extents.
pub(crate) const BLOB_COMPACT_STEP_SIZE_BYTES: u64 = 8 * 1024 * 1024;
/// Largest message of a queue, body and headers together, in bytes. A queue may set less.
pub const QUEUE_MESSAGE_SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest headers of a message, names and values together, in bytes.
pub const QUEUE_HEADERS_SIZE_BYTES_MAX: usize = 16 * 1024;
/// Longest group, deduplication id or reason of a message, in bytes.
pub const QUEUE_TEXT_SIZE_BYTES_MAX: usize = 1024;
/// Levels that arrays and objects of a JSON message may nest.
pub const QUEUE_JSON_DEPTH_MAX: usize = 120;
/// Longest lease, retry pause and deduplication window of a queue, in milliseconds: 30 days.
pub const QUEUE_TIME_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;
/// Messages received, peeked at or listed by one call.
pub const QUEUE_PAGE_MESSAGES_MAX: usize = 1_000;
/// Bytes after which one receive takes no further message.
pub(crate) const QUEUE_RECEIVE_SIZE_BYTES_TARGET: usize = 64 * 1024 * 1024;
/// Messages that one receive, or one step of maintenance, sets aside, expires or gives up on.
pub(crate) const QUEUE_STEP_MESSAGES: usize = 1_000;
/// Messages of groups that others are at, which one receive passes by at most.
pub(crate) const QUEUE_LEFT_MESSAGES_MAX: usize = 10_000;
/// Messages of one state that counting goes through before it says "at least".
pub const QUEUE_COUNT_MAX: u64 = 100_000;
/// Longest key of a cache entry, in bytes.
pub const CACHE_KEY_SIZE_BYTES_MAX: usize = 1024;
/// Largest value of a cache entry, in bytes.
pub const CACHE_VALUE_SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Smallest budget of a cache namespace, in bytes.
pub const CACHE_BUDGET_SIZE_BYTES_MIN: u64 = 4 * 1024;
/// Longest time to live of a cache entry, in milliseconds: about 100 years.
pub const CACHE_TTL_MS_MAX: u64 = 100 * 366 * 24 * 3600 * 1000;
/// Most keys of one read of several cache entries.
pub const CACHE_MANY_KEYS_MAX: usize = 1_000;
/// Keys and ranges that a loaded cache entry may depend on; a value that rests on more is not kept.
pub const CACHE_DEPENDENCIES_MAX: usize = 4_096;
/// Keys of recent commits kept to compare cache loads with that are under way.
pub(crate) const CACHE_HISTORY_KEYS_MAX: usize = 65_536;
/// Invalidated cache entries that may wait for their removal; the oldest are left to eviction.
pub(crate) const CACHE_GARBAGE_ENTRIES_MAX: usize = 65_536;
/// Cache entries removed by one step of maintenance.
pub(crate) const CACHE_STEP_ENTRIES: usize = 256;
/// Cache entries counted by one step after opening.
pub(crate) const CACHE_CENSUS_STEP_ENTRIES: usize = 4_096;
/// Recently used keys remembered per cache namespace in the keyspace.
pub(crate) const CACHE_RECENT_KEYS_MAX: usize = 65_536;
/// Most fields of a search index.
pub const SEARCH_FIELDS_MAX: usize = 128;
/// Most names in the path of a field of a search index.
pub const SEARCH_PATH_PARTS_MAX: usize = 32;
/// Largest weight of a field, or boost of a query.
pub const SEARCH_WEIGHT_MAX: f32 = 1000.0;
/// Longest word of a text that is indexed and found, in bytes.
pub const SEARCH_TERM_SIZE_BYTES_MAX: usize = 255;
/// Longest value of a keyword field that is indexed and found, in bytes.
pub const SEARCH_KEYWORD_SIZE_BYTES_MAX: usize = 8 * 1024;
/// Longest text of one part of a query, in bytes.
pub const SEARCH_TEXT_SIZE_BYTES_MAX: usize = 8 * 1024;
/// Most levels of a query.
pub const SEARCH_DEPTH_MAX: usize = 64;
/// Most clauses, terms and values of a query, together.
pub const SEARCH_TERMS_MAX: usize = 1024;
/// Most hits that a page may end behind; further ones are reached page by page with `after`.
pub const SEARCH_WINDOW_MAX: usize = 10_000;
/// Most fields to sort by.
pub const SEARCH_SORT_FIELDS_MAX: usize = 4;
/// Most facets of a search, and most ranges of one facet.
pub const SEARCH_FACETS_MAX: usize = 64;
/// Most values of one facet.
pub const SEARCH_FACET_VALUES_MAX: usize = 10_000;
/// Longest fragment of a highlight, in characters; and most fragments of one field.
pub const SEARCH_FRAGMENT_LENGTH_MAX: usize = 10_000;
/// Most changes that a search indexes by itself: those of its own transaction, and those that only an old snapshot sees.
pub const SEARCH_OVERLAY_DOCUMENTS_MAX: usize = 100_000;
/// Waiting changes beyond which a search has them written into segments first.
pub(crate) const SEARCH_INLINE_MARKERS: usize = 2_000;
/// Waiting changes from which the background writes them into a segment at once.
pub(crate) const SEARCH_ROUND_MARKERS: usize = 500;
/// Documents, or changes, written into segments by one step.
pub(crate) const SEARCH_STEP_DOCUMENTS: usize = 10_000;
/// Segments of about one size that are brought together.
pub(crate) const SEARCH_MERGE_SEGMENTS: usize = 8;
/// Documents from which a segment is no longer brought together with others.
pub(crate) const SEARCH_MERGE_DOCUMENTS_MAX: u32 = 2_000_000;
/// Longest text of SQL, in bytes.
pub const SQL_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Deepest nesting of brackets and CASE in a statement.
pub const SQL_NESTING_MAX: usize = 500;
