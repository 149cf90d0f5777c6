//! An index as one reader sees it.
//!
//! ```text
//!   layout parts, less the keys that wait   +   overlay parts with the keys that wait   =   View
//! ```
//!
//! A search may write segments first, and never needs to: when the disk is full or the log has failed, it indexes in memory
//! what the segments lack.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::SearchModel;
use super::fault::is_damage;
use super::index_state::{Base, IndexState};
use super::layout::{Layout, Part};
use super::overlay::{SourceView, refuse_too_many, whole_source};
use super::pending::{Stamp, Waiting};
use crate::error::{ErrorKind, Result};
use crate::kv::{Reader, Snapshot};
use crate::limits::{SEARCH_INLINE_MARKERS, SEARCH_OVERLAY_DOCUMENTS_MAX};

/// One more than what is refused.
const OVERLAY_MARKERS_READ: usize = SEARCH_OVERLAY_DOCUMENTS_MAX + 1;

/// Parts that together hold every document that a reader sees exactly once.
#[derive(Debug)]
pub(super) struct View {
    pub(super) parts: Vec<Part>,
}

impl View {
    /// How many documents the reader sees.
    pub(super) fn documents(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.alive())).sum()
    }
}

impl SearchModel {
    /// The index as `reader` sees it.
    ///
    /// Segments are written first when the index is not built or much waits, and the reader's version allows it.
    ///
    /// # Errors
    /// `LimitExceeded` when too much would have to be indexed for this reader alone.
    pub(super) fn view(&self, reader: &dyn Reader, state: &IndexState) -> Result<View> {
        let committed = reader.committed();
        let source = SourceView { sources: &*self.sources, reader, source: state.schema.source };
        let mut may_catch_up = true;
        loop {
            let base = match state.base(&committed, &self.place()) {
                Err(error) if is_damage(&error) => {
                    tracing::warn!(%error, "a search index is damaged and is built again");
                    unless_unwritable(self.discard(state, &mut state.rounds.lock()), ())?;
                    return whole_source(&state.schema, &source).map(|parts| View { parts });
                }
                base => base?,
            };
            match base {
                Base::Layout(layout, consumed) => {
                    let mut waiting = Waiting::read(reader, state.id, &consumed, SEARCH_INLINE_MARKERS)?;
                    if waiting.is_cut && may_catch_up && self.may_be_caught_up(state, &committed)? {
                        may_catch_up = false;
                        continue;
                    }
                    if waiting.is_cut {
                        waiting = Waiting::read(reader, state.id, &consumed, OVERLAY_MARKERS_READ)?;
                    }
                    refuse_too_many(waiting.markers.len())?;
                    return layered(state, &source, &layout, &waiting.keys());
                }
                Base::Unbuilt if may_catch_up && self.may_be_caught_up(state, &committed)? => {}
                Base::Unbuilt | Base::Own => {
                    return whole_source(&state.schema, &source).map(|parts| View { parts });
                }
            }
            may_catch_up = false;
        }
    }

    /// As [`SearchModel::catch_up`]; false also when the segments cannot be written.
    fn may_be_caught_up(&self, state: &IndexState, committed: &Snapshot) -> Result<bool> {
        match self.keyspace.failure() {
            // Segments without a commit that names them are of no use.
            Some(_) => Ok(false),
            None => unless_unwritable(self.catch_up(state, committed), false),
        }
    }
}

/// The outcome of writing, or `otherwise` when nothing can be written.
fn unless_unwritable<T>(outcome: Result<T>, otherwise: T) -> Result<T> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Indeterminate) => {
            tracing::warn!(%error, "a search index cannot be written; searches index in memory meanwhile");
            Ok(otherwise)
        }
        outcome => outcome,
    }
}

fn layered(
    state: &IndexState,
    source: &SourceView<'_>,
    layout: &Layout,
    waiting: &BTreeMap<Bytes, Stamp>,
) -> Result<View> {
    if waiting.is_empty() {
        return Ok(View { parts: layout.parts.iter().filter(|part| part.alive() > 0).cloned().collect() });
    }
    let mut parts = layout.parts.clone();
    for key in waiting.keys() {
        for (number, document) in layout.places(key)?.iter() {
            Arc::make_mut(&mut parts[*number].dead).insert(*document);
        }
    }
    parts.extend(state.overlay.lock().parts(&state.schema, source, waiting)?);
    parts.retain(|part| part.alive() > 0);
    Ok(View { parts })
}
