//! Merges: many small segments become one, and documents that are no more leave the disk.
//!
//! ```text
//!   by living documents:  under 4,096 | up to 16,384 | up to 65,536 | ...
//!   eight in one class    -> those and all smaller ones become one segment
//!   more dead than alive  -> the segment is written again without them
//!   nothing alive         -> the segment is dropped
//! ```
//!
//! A merge changes where documents are, not what the index holds; it runs from the newest layout and conflicts with
//! nothing.

use std::collections::BTreeSet;

use tantivy::BitSet;
use tantivy::directory::OwnedBytes;
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};

use super::SearchModel;
use super::commit::Change;
use super::fault::failed;
use super::index_state::{Head, IndexState};
use super::layout::{Layout, Part};
use super::schema::segment_settings;
use crate::error::Result;
use crate::limits::{SEARCH_MERGE_DOCUMENTS_MAX, SEARCH_MERGE_SEGMENTS};

/// Dead documents that a segment may carry whatever its size.
const DEAD_DOCUMENTS_MIN: u32 = 64;

impl SearchModel {
    /// Merges what is worth it; false when nothing is. Called with `rounds` held.
    pub(super) fn merge(&self, state: &IndexState, head: &Head, layout: &Layout) -> Result<bool> {
        let chosen = choose(&layout.parts);
        if chosen.is_empty() {
            return Ok(false);
        }
        let stay = |number: &usize| !chosen.contains(number);
        let kept: Vec<usize> = (0..layout.parts.len()).filter(stay).collect();
        let mut change = Change {
            from: head.number,
            segments: kept.iter().map(|number| layout.row.segments[*number].clone()).collect(),
            parts: kept.iter().map(|number| layout.parts[*number].clone()).collect(),
            dead_blocks: BTreeSet::new(),
            consumed: Vec::new(),
            unnamed: self.unnamed(),
            dropped: chosen.iter().map(|number| layout.row.segments[*number].number).collect(),
            read_at: None,
        };
        let alive: Vec<&Part> =
            chosen.iter().map(|number| &layout.parts[*number]).filter(|part| part.alive() > 0).collect();
        if !alive.is_empty() {
            let (number, sink) = self.new_segment(&mut change.unnamed)?;
            let segments: Vec<_> = alive.iter().map(|part| part.segment.handle.clone()).collect();
            let filters = alive.iter().map(|part| living(part)).collect::<Result<Vec<_>>>()?;
            tantivy::indexer::merge_filtered_segments(&segments, segment_settings(), filters, sink.clone())
                .map_err(failed("merging search segments"))?;
            let (row, part) = self.finish_segment(state, number, &sink)?;
            change.segments.push(row);
            change.parts.push(part);
        }
        self.commit_layout(state, change)
    }
}

fn living(part: &Part) -> Result<Option<AliveBitSet>> {
    if part.dead.count() == 0 {
        return Ok(None);
    }
    let mut alive = BitSet::with_max_value_and_full(part.segment.documents());
    part.dead.iter().for_each(|document| alive.remove(document));
    let mut bytes = Vec::new();
    write_alive_bitset(&alive, &mut bytes).map_err(super::fault::unreadable)?;
    Ok(Some(AliveBitSet::open(OwnedBytes::new(bytes))))
}

/// The size class of a segment: each is four times the one before.
fn class(part: &Part) -> u32 {
    (part.alive() / 4096).checked_ilog(4).map_or(0, |class| class + 1)
}

/// The segments to be merged into one, by their place in the layout.
fn choose(parts: &[Part]) -> Vec<usize> {
    let is_wasteful = |part: &Part| {
        part.alive() == 0 || (part.dead.count() > part.alive() && part.dead.count() >= DEAD_DOCUMENTS_MIN)
    };
    if let Some(wasteful) = parts.iter().position(is_wasteful) {
        return vec![wasteful];
    }
    let small = |part: &Part| part.alive() < SEARCH_MERGE_DOCUMENTS_MAX;
    let classes: BTreeSet<u32> = parts.iter().filter(|part| small(part)).map(class).collect();
    for largest in classes {
        let inside: Vec<usize> =
            (0..parts.len()).filter(|number| small(&parts[*number]) && class(&parts[*number]) <= largest).collect();
        if inside.len() >= SEARCH_MERGE_SEGMENTS {
            return inside;
        }
    }
    Vec::new()
}
