//! Rounds: what waits is written into segments.
//!
//! ```text
//!   at version V: some waiting markers --> their documents as V sees them --> new segment, synced
//!                                      '-> their old documents in older segments: dead
//!   one commit: the new segment is part of the index, the old documents are dead, exactly those markers are gone
//! ```
//!
//! A key that changes after V has another marker, which the round did not see and does not delete. A round may take
//! some markers of a key and leave others: the key goes on waiting, and the next round replaces its document.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::SearchModel;
use super::build::Step;
use super::commit::Change;
use super::index_state::{Head, IndexState};
use super::keys::{self, Marker};
use super::layout::Layout;
use super::overlay::SourceView;
use super::pending::MarkerSet;
use super::segment_writer::SegmentsWriter;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader, Scan, Snapshot};
use crate::limits::SEARCH_STEP_DOCUMENTS;

impl SearchModel {
    /// Brings the segments up to what `snapshot` sees, building them when there are none; false when they are ahead
    /// of it, so that it has to see to itself.
    ///
    /// # Errors
    /// Those of reading the source and writing segments.
    pub(super) fn catch_up(&self, state: &IndexState, snapshot: &Snapshot) -> Result<bool> {
        let mut building = state.rounds.lock();
        let Some(mut head) = self.sound_head(state, &mut building, snapshot)? else { return Ok(false) };
        if head.layout.is_none() {
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
            let Some(built) = self.sound_head(state, &mut building, snapshot)? else { return Ok(false) };
            head = built;
        }
        // One scan for all rounds: the snapshot goes on seeing the markers that they delete.
        let consumed = head.consumed_after(snapshot.version());
        let mut markers = snapshot.scan(KeyRange::prefix(keys::markers(state.id)), Direction::Forward)?;
        loop {
            let some = some_markers(&mut markers, &consumed)?;
            if some.is_empty() {
                return Ok(true);
            }
            let Some(head) = self.sound_head(state, &mut building, snapshot)? else { return Ok(false) };
            let Some(layout) = head.layout.clone() else { return Ok(false) };
            if !self.round(state, &head, &layout, snapshot, some)? {
                return Ok(false);
            }
        }
    }

    /// Writes what stands behind `markers` at `snapshot` into segments; false when the index is gone. Called with
    /// `rounds` held.
    pub(super) fn round(
        &self,
        state: &IndexState,
        head: &Head,
        layout: &Arc<Layout>,
        snapshot: &Snapshot,
        markers: Vec<Marker>,
    ) -> Result<bool> {
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
        let keys: BTreeSet<&Bytes> = markers.iter().map(|marker| &marker.source_key).collect();
        for key in keys {
            for (part, document) in layout.places(key)?.iter() {
                change.kill(*part, *document);
            }
            if let Some(document) = source.load(&state.schema, key)? {
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

/// The next markers that none of `consumed` holds, as many as one round takes.
fn some_markers(scan: &mut Scan, consumed: &[Arc<MarkerSet>]) -> Result<Vec<Marker>> {
    let mut markers = Vec::new();
    for entry in scan {
        let marker = keys::marker_of(&entry?.0)?;
        if !consumed.iter().any(|set| set.contains(marker.number)) {
            markers.push(marker);
        }
        if markers.len() == SEARCH_STEP_DOCUMENTS {
            break;
        }
    }
    Ok(markers)
}
