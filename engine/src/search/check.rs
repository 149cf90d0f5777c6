//! Verifying indexes, and figures about them.
//!
//! ```text
//!   every file of every layout against its checksums      damaged -> thrown away, built again, counted
//!   every index against its source: as many documents, each key found once
//! ```

use serde::{Deserialize, Serialize};

use super::SearchModel;
use super::fault::is_damage;
use super::index_state::IndexState;
use super::keys;
use super::layout::LayoutRow;
use super::pending::Waiting;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the search indexes went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchCheck {
    /// Indexes.
    pub indexes: u64,
    /// Documents that they find.
    pub documents: u64,
    /// Bytes of segment files read and verified.
    pub size_bytes: u64,
    /// Indexes whose files were damaged. They were thrown away and are built again from their sources; nothing is lost.
    pub rebuilt: u64,
}

/// Figures about all search indexes at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchStatistics {
    /// Indexes.
    pub indexes: u64,
    /// Indexes that are not built yet.
    pub unbuilt: u64,
    /// Segments.
    pub segments: u64,
    /// Documents in segments, replaced ones included.
    pub segment_documents: u64,
    /// Bytes of segment files.
    pub size_bytes: u64,
    /// Changes that are not in segments yet, counted up to 100,000 an index.
    pub waiting: u64,
}

/// Changes counted per index; more are as many.
const WAITING_COUNTED_MAX: usize = 100_000;

pub(super) fn documents_of(row: &LayoutRow) -> u64 {
    row.segments.iter().map(|segment| u64::from(segment.documents)).sum()
}

impl SearchModel {
    /// Verifies every segment file and compares every index with its source.
    ///
    /// # Errors
    /// `Corrupt` when an index with sound files does not hold its source; those of reading.
    pub(crate) fn check(&self) -> Result<SearchCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let mut report = SearchCheck::default();
        for entry in snapshot.scan(KeyRange::prefix(keys::layouts()), Direction::Forward)? {
            let (key, stored) = entry?;
            let row = LayoutRow::decode(&stored)?;
            let Some(state) = self.state_by_id(&snapshot, keys::layout_of(&key)?)? else { continue };
            report.indexes += 1;
            let files = row.segments.iter().try_for_each(|segment| {
                report.size_bytes += segment.size_bytes();
                self.files.read(segment.number, &segment.components).map(|_| ())
            });
            match files {
                Ok(()) => {}
                Err(error) if is_damage(&error) => {
                    tracing::warn!(%error, "a search index is damaged and is built again");
                    self.discard_layout(&state, row.number)?;
                    report.rebuilt += 1;
                }
                Err(error) => return Err(error),
            }
            report.documents += self.check_against_source(&snapshot, &state)?;
        }
        Ok(report)
    }

    fn check_against_source(&self, snapshot: &Snapshot, state: &IndexState) -> Result<u64> {
        let view = self.view(snapshot, state)?;
        let mut documents = 0;
        for key in self.sources.keys(snapshot, state.schema.source)? {
            let key = key?;
            let mut places = 0;
            for part in &view.parts {
                places += u64::from(part.segment.find(&key)?.is_some_and(|document| !part.dead.contains(document)));
            }
            if places != 1 {
                return Err(Error::corrupt(format!(
                    "a search index has a document {places} times; drop the index and create it again"
                )));
            }
            documents += 1;
        }
        match documents == view.documents() {
            true => Ok(documents),
            false => Err(Error::corrupt(format!(
                "a search index has {} documents and its source {documents}; drop the index and create it again",
                view.documents()
            ))),
        }
    }

    /// Figures about all indexes.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn statistics(&self) -> Result<SearchStatistics> {
        let snapshot = self.keyspace.snapshot()?;
        let mut figures = SearchStatistics::default();
        for entry in snapshot.scan(KeyRange::prefix(keys::layouts()), Direction::Forward)? {
            let (key, stored) = entry?;
            let row = LayoutRow::decode(&stored)?;
            figures.indexes += 1;
            figures.unbuilt += u64::from(!row.is_built);
            figures.segments += row.segments.len() as u64;
            figures.segment_documents += documents_of(&row);
            figures.size_bytes += row.segments.iter().map(|segment| segment.size_bytes()).sum::<u64>();
            figures.waiting += Waiting::count(&snapshot, keys::layout_of(&key)?, WAITING_COUNTED_MAX)? as u64;
        }
        Ok(figures)
    }
}
