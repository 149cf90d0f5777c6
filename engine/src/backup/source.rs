//! A database at one version as pieces, in order.
//!
//! ```text
//!   snapshot --> runs of all keys --> ranges of blob segments --> ranges of search segments --> end
//!                     |                        '--- read only when whoever receives lacks them
//!                     '--- read always: only their bytes tell whether they changed
//! ```
//!
//! The snapshot is the pin: while it is open, the checkpoint keeps its pages, the memtables their versions, and no file
//! that its keys name is removed. Writers go on. Memory is one piece.

use std::collections::VecDeque;
use std::sync::Arc;

use super::key_run::KeyRuns;
use super::piece::{Known, Origin, Piece, PieceId, Step};
use crate::database::Shared;
use crate::error::Result;
use crate::kv::{Reader, Snapshot, Version};
use crate::stored_range::{Folder, StoredRange};

enum Stage {
    Keys(Box<KeyRuns>),
    /// The last file of blobs whose ranges were taken.
    Blobs(Option<String>),
    Search,
    Done,
}

/// Everything that a database holds at one version.
pub(super) struct Source {
    shared: Arc<Shared>,
    pub(super) snapshot: Snapshot,
    seed: u64,
    stage: Stage,
    ranges: VecDeque<StoredRange>,
}

impl Source {
    /// The database as it is, durable up to there.
    pub(super) fn open(shared: &Arc<Shared>, seed: u64) -> Result<Self> {
        let snapshot = shared.keyspace.snapshot()?;
        // A backup must not hold what a crash of the database can still take back. What a failed log leaves is
        // read all the same: a backup may be all that is wanted from it.
        if shared.keyspace.failure().is_none() {
            shared.keyspace.sync()?;
        }
        let stage = Stage::Keys(Box::new(KeyRuns::of(&snapshot)?));
        Ok(Source { shared: shared.clone(), snapshot, seed, stage, ranges: VecDeque::new() })
    }

    pub(super) fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// About how many bytes all pieces have.
    pub(super) fn size_bytes(&self) -> Result<u64> {
        let figures = self.shared.keyspace.statistics();
        let blobs_size_bytes = self.shared.blobs.stored_size_bytes(&self.snapshot)?;
        let search = self.shared.search.stored_ranges(&self.snapshot)?;
        let search_size_bytes: u64 = search.iter().map(|range| range.size_bytes).sum();
        Ok(figures.checkpoint_size_bytes + figures.memtable_size_bytes + blobs_size_bytes + search_size_bytes)
    }

    /// The next piece, with its bytes when `known` does not know them; `None` behind the last.
    pub(super) fn next(&mut self, known: &mut dyn Known) -> Result<Option<Step>> {
        loop {
            if let Some(range) = self.ranges.pop_front() {
                match self.range(range, known)? {
                    Some(step) => return Ok(Some(step)),
                    None => continue,
                }
            }
            match &mut self.stage {
                Stage::Keys(runs) => match runs.next_run()? {
                    Some(run) => {
                        let id = PieceId::of_keys(&run.pairs, self.seed);
                        let size_bytes = run.pairs.len() as u64;
                        let piece = Piece { origin: Origin::Keys(run.first.to_vec()), id, size_bytes };
                        return Ok(Some(match known.knows(&piece)? {
                            true => Step::Known(piece),
                            false => Step::Fresh(piece, run.pairs),
                        }));
                    }
                    None => self.stage = Stage::Blobs(None),
                },
                Stage::Blobs(after) => {
                    self.ranges = self.shared.blobs.stored_ranges(&self.snapshot, after.as_deref())?.into();
                    self.stage = match self.ranges.back() {
                        Some(range) => Stage::Blobs(Some(range.file.clone())),
                        None => Stage::Search,
                    };
                }
                Stage::Search => {
                    self.ranges = self.shared.search.stored_ranges(&self.snapshot)?.into();
                    self.stage = Stage::Done;
                }
                Stage::Done => return Ok(None),
            }
        }
    }

    fn range(&self, range: StoredRange, known: &mut dyn Known) -> Result<Option<Step>> {
        let id = PieceId::of_range(&range, self.seed);
        let origin = Origin::Range(range.folder, range.file.clone(), range.offset);
        let piece = Piece { origin, id, size_bytes: range.size_bytes };
        if known.knows(&piece)? {
            return Ok(Some(Step::Known(piece)));
        }
        let mut bytes = Vec::new();
        let is_there = match range.folder {
            Folder::Blobs => self.shared.blobs.read_stored(&range, &mut bytes).map(|()| true)?,
            Folder::Search => self.shared.search.read_stored(&range, &mut bytes)?,
        };
        Ok(is_there.then_some(Step::Fresh(piece, bytes)))
    }
}
