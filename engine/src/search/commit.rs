//! The commit that makes written segments the index: the only way a layout changes.
//!
//! ```text
//!   files synced  -->  one commit { layout n -> n+1, dead documents, markers deleted }  -->  head
//! ```
//!
//! The commit reads the layout row and writes it, so it conflicts with whatever else changes it: a drop, or nothing. It
//! removes markers quietly: nothing that a search found is different afterwards, so nobody who searched conflicts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::SearchModel;
use super::bits::{BLOCK_DOCUMENTS, Bits};
use super::build::Build;
use super::index_state::{Head, IndexState};
use super::keys::{self, Marker};
use super::layout::{Layout, LayoutRow, Part, SegmentRow};
use super::pending::MarkerSet;
use super::retired::Unnamed;
use crate::error::{ErrorKind, Result};
use crate::kv::{Direction, Durability, Isolation, KeyRange, Transaction, Version};

/// Attempts at a commit that only a drop can be in the way of.
const ATTEMPTS: usize = 8;

/// A layout to be.
pub(super) struct Change {
    /// The layout that it follows.
    pub(super) from: u64,
    pub(super) segments: Vec<SegmentRow>,
    /// The open segments in the same order, with what is dead in them.
    pub(super) parts: Vec<Part>,
    /// Documents that died in segments that stay, as blocks.
    pub(super) dead_blocks: BTreeSet<(usize, u32)>,
    /// Markers whose changes are in the segments.
    pub(super) consumed: Vec<Marker>,
    /// The numbers of segments that no commit names yet.
    pub(super) unnamed: Unnamed,
    /// Segments that are no longer part of the index.
    pub(super) dropped: Vec<u64>,
    /// The version that the segments were read at, when they were read from the source.
    pub(super) read_at: Option<Version>,
}

impl Change {
    /// Marks a document of a segment as dead.
    pub(super) fn kill(&mut self, part: usize, document: u32) {
        let dead: &mut Bits = Arc::make_mut(&mut self.parts[part].dead);
        if dead.insert(document) {
            self.dead_blocks.insert((part, document / BLOCK_DOCUMENTS));
        }
    }
}

impl SearchModel {
    /// Commits `change`; false when the index has been dropped or has another layout. Called with `rounds` held.
    pub(super) fn commit_layout(&self, state: &IndexState, mut change: Change) -> Result<bool> {
        let row = LayoutRow { number: change.from + 1, is_built: true, segments: change.segments.clone() };
        state.replace();
        let version = match self.write_layout(state, &row, &change) {
            // Whether the commit happened is unknown: readers go on asking for the layout of their own version.
            Err(error) if error.kind() == ErrorKind::Indeterminate => {
                change.unnamed.keep();
                return Err(error);
            }
            Err(error) => {
                state.keep();
                return Err(error);
            }
            Ok(None) => {
                state.keep();
                return Ok(false);
            }
            Ok(Some(version)) => version,
        };
        change.unnamed.keep();
        self.retired.add(change.dropped.iter().copied(), version);
        let known = state.newest();
        let base = known.as_ref().map_or(Version::ZERO, |head| head.base);
        let mut consumed = known.map_or_else(Vec::new, |head| head.consumed);
        if !change.consumed.is_empty() {
            let numbers = change.consumed.iter().map(|marker| marker.number).collect();
            consumed.push((version, Arc::new(MarkerSet::new(numbers))));
        }
        let head = Head {
            number: row.number,
            base: change.read_at.map_or(base, |read_at| read_at.max(base)),
            layout: Some(Arc::new(Layout::new(row, change.parts))),
            consumed,
            is_being_replaced: false,
        };
        state.advance(head, self.keyspace.oldest_readable_version());
        Ok(true)
    }

    fn write_layout(&self, state: &IndexState, row: &LayoutRow, change: &Change) -> Result<Option<Version>> {
        for attempt in 1.. {
            let transaction = self.keyspace.begin(Isolation::Serializable)?;
            if LayoutRow::read(&transaction, state.id)?.is_none_or(|stored| stored.number != change.from) {
                return Ok(None);
            }
            transaction.put(keys::layout(state.id), row.encode()?)?;
            for (part, block) in &change.dead_blocks {
                let segment = change.segments[*part].number;
                let bits = change.parts[*part].dead.block(*block);
                transaction.put(keys::dead(state.id, segment, *block), bits)?;
            }
            for marker in &change.consumed {
                transaction.delete_quietly(keys::marker(state.id, &marker.source_key, marker.number))?;
            }
            for segment in &change.dropped {
                delete_prefix(&transaction, keys::dead_of_segment(state.id, *segment))?;
            }
            match transaction.commit(Durability::Buffered) {
                Ok(version) => return Ok(Some(version)),
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Throws the segments of an index away after damage was met while opening them, so that it is built again.
    ///
    /// When the newest layout is open, the damage was that of an older one, which only old readers want. Called with
    /// `rounds` held, which `building` comes from.
    pub(super) fn discard(&self, state: &IndexState, building: &mut Option<Build>) -> Result<()> {
        let newest = LayoutRow::read(&self.keyspace.snapshot()?, state.id)?;
        let open = state.newest().map(|head| head.number);
        match newest {
            Some(row) if open != Some(row.number) => self.write_unbuilt(state, building, row.number),
            _ => Ok(()),
        }
    }

    /// Throws the layout `number` of an index away, when it still has it, so that it is built again.
    pub(super) fn discard_layout(&self, state: &IndexState, number: u64) -> Result<()> {
        self.write_unbuilt(state, &mut state.rounds.lock(), number)
    }

    fn write_unbuilt(&self, state: &IndexState, building: &mut Option<Build>, number: u64) -> Result<()> {
        *building = None;
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        let row = LayoutRow::read(&transaction, state.id)?.filter(|row| row.is_built && row.number == number);
        let Some(row) = row else { return Ok(()) };
        transaction.put(keys::layout(state.id), LayoutRow::unbuilt(number + 1).encode()?)?;
        delete_prefix(&transaction, keys::dead_of_index(state.id))?;
        state.replace();
        let version = match transaction.commit(Durability::Buffered) {
            Ok(version) => version,
            // Only a drop can be in the way.
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(()),
            Err(error) => return Err(error),
        };
        self.retired.add(row.segments.iter().map(|segment| segment.number), version);
        state.forget();
        Ok(())
    }
}

fn delete_prefix(transaction: &Transaction, prefix: Vec<u8>) -> Result<()> {
    for entry in transaction.peek_scan(KeyRange::prefix(prefix), Direction::Forward)? {
        transaction.delete(entry?.0)?;
    }
    Ok(())
}
