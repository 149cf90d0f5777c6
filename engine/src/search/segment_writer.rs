//! Writes documents into as many segments as the memory for them asks for.
//!
//! ```text
//!   add, add, ... --memory full--> segment 12 on disk, add, ... --finish--> segment 13 on disk --> rows and parts
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::TantivyDocument;

use super::SearchModel;
use super::index_state::IndexState;
use super::layout::{Part, SegmentRow};
use super::retired::Unnamed;
use super::segment::SegmentBuilder;
use super::sink::SegmentSink;
use crate::error::{Error, Result};

/// The sequence that segment numbers come from.
pub(super) const SEGMENT_SEQUENCE: &[u8] = b"search segment";

/// Segments being written.
pub(super) struct SegmentsWriter {
    unnamed: Unnamed,
    current: Option<(u64, SegmentSink, SegmentBuilder)>,
    finished: BTreeMap<u64, (SegmentRow, Part)>,
}

impl SegmentsWriter {
    pub(super) fn new(model: &SearchModel) -> Self {
        SegmentsWriter { unnamed: model.unnamed(), current: None, finished: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, model: &SearchModel, state: &IndexState, document: TantivyDocument) -> Result<()> {
        let (_, _, builder) = match &mut self.current {
            Some(current) => current,
            none => {
                let (number, sink) = model.new_segment(&mut self.unnamed)?;
                let budget = model.segment_memory_size_bytes.min(4 * 1024 * 1024);
                let builder = SegmentBuilder::new(&state.schema, sink.clone(), budget)?;
                none.insert((number, sink, builder))
            }
        };
        builder.add(document)?;
        match builder.memory_size_bytes() >= model.segment_memory_size_bytes {
            true => self.close(model, state),
            false => Ok(()),
        }
    }

    fn close(&mut self, model: &SearchModel, state: &IndexState) -> Result<()> {
        let Some((number, sink, builder)) = self.current.take() else { return Ok(()) };
        builder.finish()?;
        let finished = model.finish_segment(state, number, &sink)?;
        self.finished.insert(number, finished);
        Ok(())
    }

    /// The segments, durable under their names and read back.
    pub(super) fn finish(
        mut self,
        model: &SearchModel,
        state: &IndexState,
    ) -> Result<(Vec<(SegmentRow, Part)>, Unnamed)> {
        self.close(model, state)?;
        Ok((self.finished.into_values().collect(), self.unnamed))
    }
}

impl SearchModel {
    /// A number that no segment has had, and a place to write it to.
    pub(super) fn new_segment(&self, unnamed: &mut Unnamed) -> Result<(u64, SegmentSink)> {
        let number = self.sequences.next(SEGMENT_SEQUENCE)?;
        unnamed.add(number);
        Ok((number, SegmentSink::new(self.files.clone(), number)))
    }

    /// Makes what tantivy wrote durable, and opens it as every later reader will.
    pub(super) fn finish_segment(
        &self,
        state: &IndexState,
        number: u64,
        sink: &SegmentSink,
    ) -> Result<(SegmentRow, Part)> {
        let components =
            sink.finish().map_err(|error| Error::io(format_args!("writing search segment {number}"), error))?;
        let mut row = SegmentRow { number, documents: 0, components };
        let (segment, documents) = state.first_open(&row, &self.files)?;
        row.documents = documents;
        Ok((row, Part::whole(Arc::clone(&segment))))
    }
}
