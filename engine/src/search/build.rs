//! Builds: the whole source is written into segments, in steps.
//!
//! ```text
//!   at version V: every key of the source --> segments --> one commit { layout: built, markers that V sees: gone }
//! ```
//!
//! What changes between V and the commit has markers that the build did not see. The layout row is seen unbuilt at V,
//! so nothing was ever consumed that the build could miss.

use std::collections::BTreeSet;

use super::SearchModel;
use super::commit::Change;
use super::index_state::IndexState;
use super::layout::LayoutRow;
use super::overlay::SourceView;
use super::pending::Waiting;
use super::segment_writer::SegmentsWriter;
use crate::error::Result;
use crate::hook::SourceKeys;
use crate::kv::{Reader, Snapshot};
use crate::limits::SEARCH_STEP_DOCUMENTS;

/// How far a build came.
pub(super) enum Step {
    /// There is more to read.
    More,
    /// The index is built.
    Done,
    /// The index is gone, or is built already.
    Lost,
}

/// A build that is under way.
pub(super) struct Build {
    snapshot: Snapshot,
    /// The number of the unbuilt layout.
    from: u64,
    keys: SourceKeys,
    writer: SegmentsWriter,
}

impl SearchModel {
    /// Whether a build under way, or one begun at `snapshot`, serves a reader of `snapshot`.
    pub(super) fn can_build_at(
        &self,
        state: &IndexState,
        building: &Option<Build>,
        snapshot: &Snapshot,
    ) -> Result<bool> {
        Ok(match building {
            Some(build) => build.snapshot.version() <= snapshot.version(),
            None => LayoutRow::read(snapshot, state.id)?.is_some_and(|row| !row.is_built),
        })
    }

    /// One step of the build under way, or of a new one at `begin`'s version.
    ///
    /// Called with `rounds` held, which `building` comes from.
    pub(super) fn build_step(
        &self,
        state: &IndexState,
        building: &mut Option<Build>,
        begin: impl FnOnce() -> Result<Snapshot>,
    ) -> Result<Step> {
        let mut build = match building.take() {
            Some(build) => build,
            None => match self.begin_build(state, begin()?)? {
                Some(build) => build,
                None => return Ok(Step::Lost),
            },
        };
        for _ in 0..SEARCH_STEP_DOCUMENTS {
            let Some(key) = build.keys.next() else { return self.end_build(state, build) };
            let source = SourceView { sources: &*self.sources, reader: &build.snapshot, source: state.schema.source };
            if let Some(document) = source.load(&state.schema, &key?)? {
                build.writer.add(self, state, document)?;
            }
        }
        *building = Some(build);
        Ok(Step::More)
    }

    fn begin_build(&self, state: &IndexState, snapshot: Snapshot) -> Result<Option<Build>> {
        let Some(row) = LayoutRow::read(&snapshot, state.id)?.filter(|row| !row.is_built) else { return Ok(None) };
        let keys = self.sources.keys(&snapshot, state.schema.source)?;
        Ok(Some(Build { snapshot, from: row.number, keys, writer: SegmentsWriter::new(self) }))
    }

    fn end_build(&self, state: &IndexState, build: Build) -> Result<Step> {
        let (written, unnamed) = build.writer.finish(self, state)?;
        let (segments, parts) = written.into_iter().unzip();
        let change = Change {
            from: build.from,
            segments,
            parts,
            dead_blocks: BTreeSet::new(),
            consumed: Waiting::read(&build.snapshot, state.id, &[], usize::MAX)?.markers,
            unnamed,
            dropped: Vec::new(),
            read_at: Some(build.snapshot.version()),
        };
        Ok(if self.commit_layout(state, change)? { Step::Done } else { Step::Lost })
    }
}
