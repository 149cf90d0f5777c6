//! Rounds: what waits is written into segments.
//!
//! ```text
//!   at version V: some waiting markers --> their documents as V sees them --> new segment, synced
//!                                      '-> their old documents in older segments: dead
//!   one commit: the new segment is part of the index, the old documents are dead, exactly those markers are gone
//! ```
//!
//! A key that changes after V has another marker, which the round did not see and does not delete.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::SearchModel;
use super::build::Step;
use super::commit::Change;
use super::index_state::{Head, IndexState};
use super::keys::Marker;
use super::layout::Layout;
use super::overlay::SourceView;
use super::pending::Waiting;
use super::segment_writer::SegmentsWriter;
use crate::error::Result;
use crate::kv::{Reader, Snapshot};
use crate::limits::SEARCH_STEP_DOCUMENTS;

impl SearchModel {
    /// Brings the segments up to what `snapshot` sees, building them when there are none; false when they are ahead
    /// of it, so that it has to see to itself.
    ///
    /// # Errors
    /// Those of reading the source and writing segments.
    pub(super) fn catch_up(&self, state: &IndexState, snapshot: &Snapshot) -> Result<bool> {
        let mut building = state.rounds.lock();
        loop {
            let Some(head) = self.sound_head(state, &mut building, snapshot)? else { return Ok(false) };
            let Some(layout) = head.layout.clone() else {
                if !self.can_build_at(state, &building, snapshot)? {
                    return Ok(false);
                }
                loop {
                    match self.build_step(state, &mut building, || Ok(snapshot.committed()))? {
                        Step::More => {}
                        Step::Done => break,
                        Step::Lost => return Ok(false),
                    }
                }
                continue;
            };
            if !self.round(state, &head, &layout, snapshot)? {
                return Ok(true);
            }
        }
    }

    /// Writes one step of what waits at `snapshot`; false when nothing does. Called with `rounds` held.
    pub(super) fn round(
        &self,
        state: &IndexState,
        head: &Head,
        layout: &Arc<Layout>,
        snapshot: &Snapshot,
    ) -> Result<bool> {
        let consumed = head.consumed_after(snapshot.version());
        let markers = first_keys(Waiting::read(snapshot, state.id)?.without(&consumed).markers, SEARCH_STEP_DOCUMENTS);
        if markers.is_empty() {
            return Ok(false);
        }
        let mut change = Change {
            from: head.number,
            segments: layout.row.segments.clone(),
            parts: layout.parts.clone(),
            dead_blocks: BTreeSet::new(),
            consumed: Vec::new(),
            unnamed: self.unnamed(),
            dropped: Vec::new(),
            read_at: Some(snapshot.version()),
        };
        let source = SourceView { sources: &*self.sources, reader: snapshot, source: state.schema.source };
        let mut writer = SegmentsWriter::new(self);
        let mut last: Option<&Bytes> = None;
        for marker in &markers {
            if last == Some(&marker.source_key) {
                continue;
            }
            last = Some(&marker.source_key);
            for (part, document) in layout.places(&marker.source_key)?.iter() {
                change.kill(*part, *document);
            }
            if let Some(document) = source.load(&state.schema, &marker.source_key)? {
                writer.add(self, state, document)?;
            }
        }
        let (written, unnamed) = writer.finish(self, state)?;
        change.unnamed = unnamed;
        for (row, part) in written {
            change.segments.push(row);
            change.parts.push(part);
        }
        change.consumed = markers;
        self.commit_layout(state, change)
    }
}

/// All markers of the first `limit` keys.
fn first_keys(mut markers: Vec<Marker>, limit: usize) -> Vec<Marker> {
    markers.sort_by(|a, b| a.source_key.cmp(&b.source_key));
    let mut keys = 0;
    let mut length = markers.len();
    for (number, marker) in markers.iter().enumerate() {
        let is_first = number == 0 || markers[number - 1].source_key != marker.source_key;
        keys += usize::from(is_first);
        if keys > limit {
            length = number;
            break;
        }
    }
    markers.truncate(length);
    markers
}
