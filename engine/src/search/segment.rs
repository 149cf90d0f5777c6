//! Segments: documents indexed once, immutable.
//!
//! ```text
//!   SegmentBuilder --add documents--> Segment in memory      what a search indexes for itself
//!                                '--> files --> Segment      what a round, a build or a merge leaves
//! ```
//!
//! A source key is in a segment at most once.

use std::sync::Arc;

use tantivy::columnar::BytesColumn;
use tantivy::directory::{Directory, RamDirectory};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Index, SegmentReader, SingleSegmentIndexWriter, TERMINATED, TantivyDocument, Term};

use super::fault::{failed, read, unreadable};
use super::schema::{IndexSchema, KEY_FIELD};
use crate::error::{Error, Result};

/// An immutable set of indexed documents.
pub(super) struct Segment {
    pub(super) reader: SegmentReader,
    /// What tantivy merges.
    pub(super) handle: tantivy::Segment,
    pub(super) keys: BytesColumn,
    key_field: Field,
}

impl Segment {
    /// The one segment of `index`.
    pub(super) fn open(schema: &IndexSchema, index: &Index) -> Result<Self> {
        let mut segments = read(index.searchable_segments())?;
        let (Some(handle), true) = (segments.pop(), segments.is_empty()) else {
            return Err(Error::corrupt("the files of a search segment do not hold one segment"));
        };
        if index.schema() != schema.tantivy {
            return Err(Error::corrupt("a search segment was written for another definition"));
        }
        let reader = read(SegmentReader::open(&handle))?;
        let keys = read(reader.fast_fields().bytes(KEY_FIELD))?
            .ok_or_else(|| Error::corrupt("a search segment has no column of keys"))?;
        Ok(Segment { reader, handle, keys, key_field: schema.key })
    }

    /// How many documents it was built with.
    pub(super) fn documents(&self) -> u32 {
        self.reader.max_doc()
    }

    /// The document of a source key.
    pub(super) fn find(&self, source_key: &[u8]) -> Result<Option<DocId>> {
        let term = Term::from_field_bytes(self.key_field, source_key);
        let terms = read(self.reader.inverted_index(self.key_field))?;
        let postings = terms.read_postings(&term, IndexRecordOption::Basic).map_err(unreadable)?;
        Ok(postings.map(|postings| postings.doc()).filter(|document| *document != TERMINATED))
    }

    /// The source key with the ordinal `ordinal`.
    pub(super) fn key_of_ordinal(&self, ordinal: u64) -> Result<Vec<u8>> {
        let mut key = Vec::new();
        match self.keys.ord_to_bytes(ordinal, &mut key).map_err(unreadable)? {
            true => Ok(key),
            false => Err(Error::corrupt("a document of a search segment has no key")),
        }
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment of {} documents", self.documents())
    }
}

/// Indexes documents into one segment.
pub(super) struct SegmentBuilder {
    writer: SingleSegmentIndexWriter<TantivyDocument>,
    documents: u32,
}

impl SegmentBuilder {
    /// A builder into `directory` whose first tables take about a third of `memory_size_bytes`.
    pub(super) fn new(
        schema: &IndexSchema,
        directory: impl Into<Box<dyn Directory>>,
        memory_size_bytes: usize,
    ) -> Result<Self> {
        let writer = schema.builder().single_segment_index_writer(directory, memory_size_bytes);
        Ok(SegmentBuilder { writer: writer.map_err(failed("beginning a search segment"))?, documents: 0 })
    }

    /// A builder of a segment that stays in memory.
    pub(super) fn in_memory(schema: &IndexSchema, documents: usize) -> Result<Self> {
        let memory_size_bytes = 512 * 1024 + documents.min(10_000) * 1024;
        SegmentBuilder::new(schema, RamDirectory::create(), memory_size_bytes)
    }

    /// Adds a document; its number in the segment.
    pub(super) fn add(&mut self, document: TantivyDocument) -> Result<DocId> {
        self.writer.add_document(document).map_err(failed("indexing a document"))?;
        self.documents += 1;
        Ok(self.documents - 1)
    }

    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    pub(super) fn memory_size_bytes(&self) -> usize {
        self.writer.mem_usage()
    }

    /// The segment as an index of its own.
    pub(super) fn finish(self) -> Result<Index> {
        self.writer.finalize().map_err(failed("writing a search segment"))
    }

    /// The segment, in memory.
    pub(super) fn into_segment(self, schema: &IndexSchema) -> Result<Arc<Segment>> {
        Ok(Arc::new(Segment::open(schema, &self.finish()?)?))
    }
}
