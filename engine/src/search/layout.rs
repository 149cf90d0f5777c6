//! Layouts: which segments an index consists of, and which of their documents are no more.
//!
//! ```text
//!   51 02 <index>                      LayoutRow { number 7, built, segments: [12, 15] }
//!   51 03 <index> <segment> <block>    bits of dead documents, 4,096 documents a block
//! ```
//!
//! Both change only together, in one commit that gives the layout a new number. So a layout number stands for one
//! exact set of living documents, whichever version it is read at.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tantivy::DocId;

use super::bits::Bits;
use super::files::{Component, SegmentFiles};
use super::keys;
use super::schema::IndexSchema;
use super::segment::Segment;
use super::sink::SegmentSource;
use crate::catalog::ObjectId;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader};

/// Format of layouts.
const LAYOUT_FORMAT: u8 = 1;
/// Source keys whose place in a layout is remembered.
const PLACES_MAX: usize = 50_000;

/// A segment, as the layout names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentRow {
    pub(super) number: u64,
    pub(super) documents: u32,
    pub(super) components: Vec<Component>,
}

impl SegmentRow {
    pub(super) fn size_bytes(&self) -> u64 {
        self.components.iter().map(|component| component.size_bytes).sum()
    }
}

/// The stored layout of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LayoutRow {
    /// One more with every change.
    pub(super) number: u64,
    /// Whether the segments, with what waits, are the whole source.
    pub(super) is_built: bool,
    pub(super) segments: Vec<SegmentRow>,
}

impl LayoutRow {
    /// The layout of an index that is not built yet.
    pub(super) fn unbuilt(number: u64) -> Self {
        LayoutRow { number, is_built: false, segments: Vec::new() }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(LAYOUT_FORMAT, self)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(LAYOUT_FORMAT, stored, "the layout of a search index")
    }

    /// The layout of `index`, or `None` when the reader knows no such index.
    pub(super) fn read(reader: &impl Reader, index: ObjectId) -> Result<Option<Self>> {
        reader.get(&keys::layout(index))?.map(|stored| LayoutRow::decode(&stored)).transpose()
    }
}

/// A segment and which of its documents are no more.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Arc<Bits>,
}

impl Part {
    pub(super) fn whole(segment: Arc<Segment>) -> Self {
        let dead = Arc::new(Bits::none(segment.documents()));
        Part { segment, dead }
    }

    pub(super) fn alive(&self) -> u32 {
        self.segment.documents() - self.dead.count()
    }
}

/// An open layout.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) row: LayoutRow,
    pub(super) parts: Vec<Part>,
    places: Mutex<HashMap<Bytes, Places>>,
}

/// Parts of a layout and documents in them.
type Places = Arc<[(usize, DocId)]>;

impl Layout {
    pub(super) fn new(row: LayoutRow, parts: Vec<Part>) -> Self {
        Layout { row, parts, places: Mutex::default() }
    }

    /// Opens the segments of `row`, a layout of `index` that `reader` sees.
    ///
    /// # Errors
    /// `Corrupt` or `NotFound` when a file is not what was written.
    pub(super) fn open(
        row: LayoutRow,
        index: ObjectId,
        reader: &impl Reader,
        mut open: impl FnMut(&SegmentRow) -> Result<Arc<Segment>>,
    ) -> Result<Self> {
        let mut parts = Vec::with_capacity(row.segments.len());
        for segment in &row.segments {
            let mut dead = Bits::none(segment.documents);
            let blocks = KeyRange::prefix(keys::dead_of_segment(index, segment.number));
            for entry in reader.scan(blocks, Direction::Forward)? {
                let (key, stored) = entry?;
                dead.add_block(keys::dead_block_of(&key)?, &stored)?;
            }
            let opened = open(segment)?;
            if opened.documents() != segment.documents {
                return Err(Error::corrupt("a search segment does not hold as many documents as its layout says"));
            }
            parts.push(Part { segment: opened, dead: Arc::new(dead) });
        }
        Ok(Layout::new(row, parts))
    }

    /// Where the document of a source key lives, as parts and documents in them; at most one when all is well.
    pub(super) fn places(&self, source_key: &Bytes) -> Result<Places> {
        if let Some(places) = self.places.lock().get(source_key) {
            return Ok(places.clone());
        }
        let mut found = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            if let Some(document) = part.segment.find(source_key)?
                && !part.dead.contains(document)
            {
                found.push((number, document));
            }
        }
        let found: Places = found.into();
        let mut places = self.places.lock();
        if places.len() >= PLACES_MAX {
            places.clear();
        }
        places.insert(source_key.clone(), found.clone());
        Ok(found)
    }
}

/// Opens the finished segment that `row` names.
pub(super) fn open_segment(files: &SegmentFiles, schema: &IndexSchema, row: &SegmentRow) -> Result<Arc<Segment>> {
    let source = SegmentSource::new(files.read(row.number, &row.components)?);
    let index = super::fault::read(tantivy::Index::open(source))?;
    Ok(Arc::new(Segment::open(schema, &index)?))
}
