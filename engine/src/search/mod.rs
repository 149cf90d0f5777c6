//! Full-text search over tables and collections, at the same snapshot as everything else.
//!
//! ```text
//!   change of a row or document --hook, in its transaction--> marker  50 <index> <key> <number>      keyspace
//!   round: documents of some markers --> tantivy segment  search/<number>.search, synced             files
//!          then one commit: layout names the segment, old documents are dead, those markers gone     keyspace
//!   search at S: layout at S, less the keys with markers at S  +  their documents at S, indexed in memory
//! ```
//!
//! Which segments there are, which of their documents are dead, and what waits, are all keys of the keyspace. So a
//! snapshot sees them as they were, a transaction sees its own markers, and a crash takes them back together.
//!
//! **Claim.** A search at S finds what the source holds at S; in a transaction, at S with its own changes.
//!
//! *Invariant* (I), at every version: for every key K of the source without a marker, the living documents of the
//! layout hold exactly one of K with the content of the source, or none when the source has no K.
//!
//! - A build commits at D a layout that it read at V, where the index had no segments, and deletes exactly the markers
//!   that V saw. A key changed after V and up to D has a marker that V did not see, so it stays. All others are at D
//!   as they were at V.
//! - A round likewise: for the keys whose markers it read at V it adds the content at V and kills what older segments
//!   have. It deletes only those markers. A marker is never written twice, so a later change of K leaves another one.
//! - A change of K writes a marker in its own transaction; a drop of the source drops the index. Creating an index writes
//!   the key by which changes find it, and every change depends on that key whatever its isolation, so no change of
//!   an open transaction can miss an index that was created meanwhile.
//! - A merge changes neither contents nor markers.
//!
//! By (I) at S the search takes keys without markers from the layout, masks the others there, and takes those from the
//! source, through the reader. A head that is newer than S stands in for the layout at S only when everything it read
//! is no newer than S: see `index_state`. Scores come from statistics over all parts: see `statistics`. A
//! serializable transaction has read the whole range of markers of the index, so it conflicts with every later change
//! of the source: no phantoms. It does not conflict with rounds, which remove markers quietly.
//!
//! - Segments are derived. A file that is not exactly what was committed is never read: the index is thrown away by a
//!   commit and built again; until then searches index the source in memory.
//! - Segments are written by one thread at a time, without threads of their own, with bounded memory; an index at
//!   rest holds open what searches use, and no writer.
//!
//! Left out: a query language in a string, geographic and vector search, nested documents, changing the definition of
//! an index (drop and create it).

mod analyzer;
mod bits;
mod build;
mod check;
mod collect;
mod commit;
mod compile;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
mod definition;
mod facet;
mod fault;
mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod highlight;
mod index_state;
mod keys;
mod layout;
mod maintenance;
mod merge;
mod overlay;
mod pending;
mod query;
mod request;
mod retired;
mod round;
mod schema;
mod searches;
mod segment;
mod segment_writer;
mod sink;
#[cfg(test)]
mod snapshot_tests;
mod sort;
mod statistics;
mod stored;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
mod view;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use analyzer::Language;
pub use check::{SearchCheck, SearchStatistics};
pub use definition::{FieldDefinition, FieldType, IndexDefinition};
pub use query::{
    BoolQuery, BoostQuery, ExistsQuery, FuzzyQuery, IdsQuery, MatchQuery, Operator, PhraseQuery, PrefixQuery, Query,
    RangeQuery, TermQuery, TermsQuery,
};
pub use request::{
    FacetCount, FacetRange, FacetRequest, HighlightRequest, Hit, IndexInfo, Order, SCORE_FIELD, SearchRequest,
    SearchResponse, SortBy,
};

use crate::catalog::{self, ObjectId};
use crate::error::Result;
use crate::hook::{SourceHook, SourceReader};
use crate::kv::{Direction, KeyRange, Keyspace, Reader, Sequences, Transaction};
use crate::options::Settings;

use files::SegmentFiles;
use index_state::{IndexState, Place};
use layout::LayoutRow;
use retired::Retired;

/// Memory of a segment being written, at least and at most, in bytes.
const SEGMENT_MEMORY_SIZE_BYTES: std::ops::RangeInclusive<usize> = 1024 * 1024..=32 * 1024 * 1024;

/// What the search model shares between transactions.
pub(crate) struct SearchModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    sources: Arc<dyn SourceReader>,
    files: Arc<SegmentFiles>,
    indexes: Mutex<HashMap<ObjectId, Arc<IndexState>>>,
    retired: Arc<Retired>,
    /// The number of the next marker. It begins anywhere, so that no process repeats another's.
    next_marker: AtomicU64,
    segment_memory_size_bytes: usize,
}

impl SearchModel {
    /// The indexes of the database in `directory`; files that no layout names are removed.
    pub(crate) fn open(
        keyspace: Arc<Keyspace>,
        sequences: Arc<Sequences>,
        sources: Arc<dyn SourceReader>,
        directory: &Path,
        settings: &Settings,
    ) -> Result<Self> {
        let files = Arc::new(SegmentFiles::new(keyspace.env().clone(), directory));
        let (least, most) = (*SEGMENT_MEMORY_SIZE_BYTES.start(), *SEGMENT_MEMORY_SIZE_BYTES.end());
        let model = SearchModel {
            next_marker: AtomicU64::new(keyspace.env().random_u64()),
            keyspace,
            sequences,
            sources,
            files,
            indexes: Mutex::default(),
            retired: Arc::default(),
            segment_memory_size_bytes: (settings.memory_size_bytes / 8).clamp(least, most),
        };
        model.sweep()?;
        Ok(model)
    }

    fn sweep(&self) -> Result<()> {
        let snapshot = self.keyspace.snapshot()?;
        let mut named = BTreeSet::new();
        for entry in snapshot.scan(KeyRange::prefix(keys::layouts()), Direction::Forward)? {
            named.extend(LayoutRow::decode(&entry?.1)?.segments.iter().map(|segment| segment.number));
        }
        self.files.sweep(|segment| named.contains(&segment)).map(|_| ())
    }

    fn place(&self) -> Place<'_> {
        Place { keyspace: &self.keyspace, files: &self.files }
    }

    fn forget_all_but(&self, known: &BTreeSet<ObjectId>) {
        self.indexes.lock().retain(|index, state| known.contains(index) || Arc::strong_count(state) > 1);
    }
}

impl SourceHook for SearchModel {
    fn changed(&self, transaction: &Transaction, source: ObjectId, key: &[u8]) -> Result<()> {
        let watched = keys::watched(source);
        transaction.depend_on(&watched);
        let Some(stored) = transaction.peek(&watched)? else { return Ok(()) };
        for index in keys::watchers_of(&stored)? {
            let number = self.next_marker.fetch_add(1, Ordering::Relaxed);
            transaction.put(keys::marker(index, key, number), bytes::Bytes::new())?;
        }
        Ok(())
    }

    fn dropped(&self, transaction: &Transaction, source: ObjectId) -> Result<()> {
        let watched = keys::watched(source);
        transaction.depend_on(&watched);
        let Some(stored) = transaction.peek(&watched)? else { return Ok(()) };
        for index in keys::watchers_of(&stored)? {
            if let Some(name) = catalog::name_of(transaction, index)? {
                self.retire(transaction, &name, index)?;
            }
        }
        transaction.delete(watched)
    }
}

impl std::fmt::Debug for SearchModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SearchModel with {} open indexes", self.indexes.lock().len())
    }
}

/// The search model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::search::{FieldDefinition, FieldType, IndexDefinition, Language, Query, SearchRequest};
/// use marquetry::table::{Column, ColumnType, Row, TableDefinition};
///
/// let database = marquetry::Database::in_memory()?;
/// let products = TableDefinition::new()
///     .column(Column::new("id", ColumnType::Int8))
///     .column(Column::new("title", ColumnType::Text))
///     .column(Column::new("price", ColumnType::Numeric))
///     .primary_key(["id"]);
/// let fields =
///     [("title", FieldDefinition::text(Language::English)), ("price", FieldDefinition::new(FieldType::Float))];
/// let found = database.transact(|tx| {
///     tx.tables().create("products", &products)?;
///     tx.search().create_index("products_text", &IndexDefinition::new("products", fields.clone()))?;
///     tx.tables().insert("products", Row::new().set("id", 7_i64).set("title", "Running shoes"))?;
///     tx.search().search("products_text", &SearchRequest::new(Query::matching("shoe for runs")))
/// })?;
/// assert_eq!((found.total, &found.hits[0].key), (1, &serde_json::json!(7)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Searches<'a, R: Reader + ?Sized> {
    model: &'a SearchModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Searches<'a, R> {
    pub(crate) fn new(model: &'a SearchModel, reader: &'a R) -> Self {
        Searches { model, reader }
    }
}
