//! The background work: builds, rounds, merges, and removing files that nobody can read any more.
//!
//! ```text
//!   every index:  not built      -> a step of the build
//!                 much waits, or something for a second -> a round
//!                 else           -> a merge, when there is one
//!   every file that left a layout at D:  nobody reads a version before D, and D is synced -> removed
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use super::SearchModel;
use super::build::{Build, Step};
use super::fault::is_damage;
use super::index_state::{Head, IndexState};
use super::keys;
use super::layout::LayoutRow;
use super::overlay::Overlay;
use super::pending::Waiting;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader, Snapshot};
use crate::limits::{SEARCH_ROUND_MARKERS, SEARCH_STEP_DOCUMENTS};

/// How long a change waits at most before it is written into a segment, while the database has time.
const WAIT_MAX: Duration = Duration::from_secs(1);

impl SearchModel {
    /// One bounded step of background work; true while there is more.
    ///
    /// # Errors
    /// The first failure; what was left undone is tried again.
    pub(crate) fn maintain(&self) -> Result<bool> {
        let snapshot = self.keyspace.snapshot()?;
        let mut progress = false;
        let mut failure = None;
        let mut known = BTreeSet::new();
        for entry in snapshot.scan(KeyRange::prefix(keys::layouts()), Direction::Forward)? {
            let index = keys::layout_of(&entry?.0)?;
            known.insert(index);
            let outcome = self.state_by_id(&snapshot, index).and_then(|state| match state {
                Some(state) => self.index_step(&state, &snapshot),
                None => Ok(false),
            });
            match outcome {
                Ok(more) => progress |= more,
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        drop(snapshot);
        self.forget_all_but(&known);
        progress |= self.remove_retired()?;
        failure.map_or(Ok(progress), Err)
    }

    /// The head, if it can stand for a reader of `snapshot`; damaged segments are thrown away.
    ///
    /// Called with `rounds` held, which `building` comes from.
    pub(super) fn sound_head(
        &self,
        state: &IndexState,
        building: &mut Option<Build>,
        snapshot: &Snapshot,
    ) -> Result<Option<Head>> {
        match state.head_at(snapshot, &self.place()) {
            Err(error) if is_damage(&error) => {
                tracing::warn!(%error, "a search index is damaged and is built again");
                self.discard(state, building)?;
                Ok(None)
            }
            head => head,
        }
    }

    fn index_step(&self, state: &IndexState, snapshot: &Snapshot) -> Result<bool> {
        // Whoever writes segments for a search does this index's work meanwhile.
        let Some(mut building) = state.rounds.try_lock() else { return Ok(false) };
        state.trim(self.keyspace.oldest_readable_version());
        // An index at rest is not even opened.
        let waiting = Waiting::count(snapshot, state.id, SEARCH_ROUND_MARKERS)?;
        if waiting == 0 {
            *state.waiting_since.lock() = None;
            *state.overlay.lock() = Overlay::default();
            let is_built = LayoutRow::read(snapshot, state.id)?.is_some_and(|row| row.is_built);
            if is_built && state.newest().is_none() {
                return Ok(false);
            }
        }
        let Some(head) = self.sound_head(state, &mut building, snapshot)? else { return Ok(true) };
        let Some(layout) = head.layout.clone() else {
            let step = self.build_step(state, &mut building, || self.keyspace.snapshot())?;
            return Ok(!matches!(step, Step::Lost));
        };
        if self.is_round_due(state, waiting) {
            *state.waiting_since.lock() = None;
            let consumed = head.consumed_after(snapshot.version());
            let waiting = Waiting::read(snapshot, state.id, &consumed, SEARCH_STEP_DOCUMENTS)?;
            return match waiting.markers.is_empty() {
                true => Ok(false),
                false => self.round(state, &head, &layout, snapshot, waiting.markers),
            };
        }
        self.merge(state, &head, &layout)
    }

    fn is_round_due(&self, state: &IndexState, waiting: usize) -> bool {
        if waiting == 0 {
            return false;
        }
        let now = self.keyspace.env().monotonic();
        let since = *state.waiting_since.lock().get_or_insert(now);
        waiting >= SEARCH_ROUND_MARKERS || now.saturating_sub(since) >= WAIT_MAX
    }
}
