//! What a search indexes for itself: the documents that wait to be written into segments, as the reader sees them.
//!
//! ```text
//!   waiting keys of the reader, each with its stamp
//!     known (key, stamp)  -->  where it was indexed, by an earlier search of whatever version
//!     new                 -->  loaded through the reader and indexed, all new ones into one more part in memory
//!   parts for this reader = the parts in memory, alive in them exactly the waiting keys
//! ```
//!
//! A key with a stamp is one content, so what is kept never has to be taken back: other readers and later versions ask
//! for other stamps. Searches after single changes therefore index single documents. When most of what is kept is no
//! longer asked for, or the parts are many, everything asked for is indexed afresh into one part.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tantivy::DocId;

use super::bits::Bits;
use super::layout::Part;
use super::pending::Stamp;
use super::schema::IndexSchema;
use super::segment::{Segment, SegmentBuilder};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::hook::SourceReader;
use crate::kv::Reader;
use crate::limits::SEARCH_OVERLAY_DOCUMENTS_MAX;

/// Parts in memory before they are put together.
const PARTS_MAX: usize = 8;
/// Entries kept beyond twice those asked for.
const SPARE_ENTRIES: usize = 1_000;

/// Reads the documents of one source as one reader sees them.
pub(super) struct SourceView<'a> {
    pub(super) sources: &'a dyn SourceReader,
    pub(super) reader: &'a dyn Reader,
    pub(super) source: ObjectId,
}

impl SourceView<'_> {
    /// The document under a source key as tantivy takes it, or `None` when there is none.
    pub(super) fn load(&self, schema: &IndexSchema, key: &[u8]) -> Result<Option<tantivy::TantivyDocument>> {
        let Some(document) = self.sources.load(self.reader, self.source, key)? else { return Ok(None) };
        let id = self.sources.key_value(self.reader, self.source, key)?;
        Ok(Some(schema.document(key, &id, &document)))
    }
}

type Place = Option<(usize, DocId)>;

/// Waiting documents of one index that are indexed in memory.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    parts: Vec<Arc<Segment>>,
    places: HashMap<(Bytes, Stamp), Place>,
}

impl Overlay {
    /// The parts that hold exactly the documents of `waiting`.
    pub(super) fn parts(
        &mut self,
        schema: &IndexSchema,
        source: &SourceView<'_>,
        waiting: &BTreeMap<Bytes, Stamp>,
    ) -> Result<Vec<Part>> {
        let is_wasteful = self.places.len() > waiting.len() * 2 + SPARE_ENTRIES;
        if self.parts.len() >= PARTS_MAX || is_wasteful {
            *self = Overlay::default();
        }
        self.index_new(schema, source, waiting)?;
        let mut dead: Vec<Bits> = self.parts.iter().map(|part| Bits::all(part.documents())).collect();
        for (key, stamp) in waiting {
            if let Some(Some((part, document))) = self.places.get(&(key.clone(), *stamp)) {
                dead[*part].remove(*document);
            }
        }
        let parts = self.parts.iter().zip(dead);
        let parts = parts.map(|(segment, dead)| Part { segment: segment.clone(), dead: Arc::new(dead) });
        Ok(parts.filter(|part| part.alive() > 0).collect())
    }

    fn index_new(
        &mut self,
        schema: &IndexSchema,
        source: &SourceView<'_>,
        waiting: &BTreeMap<Bytes, Stamp>,
    ) -> Result<()> {
        let is_new = |entry: &(&Bytes, &Stamp)| !self.places.contains_key(&(entry.0.clone(), *entry.1));
        let new: Vec<_> = waiting.iter().filter(is_new).collect();
        let mut builder: Option<SegmentBuilder> = None;
        let mut places = Vec::with_capacity(new.len());
        for (key, stamp) in &new {
            let place = match source.load(schema, key)? {
                None => None,
                Some(document) => {
                    let builder = match &mut builder {
                        Some(builder) => builder,
                        none => none.insert(SegmentBuilder::in_memory(schema, new.len())?),
                    };
                    Some((self.parts.len(), builder.add(document)?))
                }
            };
            places.push((((*key).clone(), **stamp), place));
        }
        if let Some(builder) = builder {
            self.parts.push(builder.into_segment(schema)?);
        }
        self.places.extend(places);
        Ok(())
    }
}

/// The whole source as the reader sees it, indexed in memory.
///
/// # Errors
/// `LimitExceeded` when it is too large for that.
pub(super) fn whole_source(schema: &IndexSchema, source: &SourceView<'_>) -> Result<Vec<Part>> {
    let mut builder = SegmentBuilder::in_memory(schema, SEARCH_OVERLAY_DOCUMENTS_MAX)?;
    for key in source.sources.keys(source.reader, source.source)? {
        if let Some(document) = source.load(schema, &key?)? {
            builder.add(document)?;
            refuse_too_many(builder.documents() as usize)?;
        }
    }
    match builder.documents() {
        0 => Ok(Vec::new()),
        _ => Ok(vec![Part::whole(builder.into_segment(schema)?)]),
    }
}

/// Refuses to index more than so many changes in memory, for one reader.
pub(super) fn refuse_too_many(documents: usize) -> Result<()> {
    match documents > SEARCH_OVERLAY_DOCUMENTS_MAX {
        false => Ok(()),
        true => Err(Error::limit_exceeded(format!(
            "more than {SEARCH_OVERLAY_DOCUMENTS_MAX} changes that this reader sees are not in the index yet; commit the \
             transaction, or search again through a new snapshot"
        ))),
    }
}
