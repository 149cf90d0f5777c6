//! Segments whose files are to be removed.
//!
//! ```text
//!   left the layout at D               --> once nobody reads a version before D
//!   written, but no commit names them  --> at once: a round that failed or lost its index
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::SearchModel;
use crate::error::Result;
use crate::kv::Version;

/// Segments that left the index, with the versions that do not name them any more.
#[derive(Debug, Default)]
pub(super) struct Retired(Mutex<Vec<(u64, Version)>>);

impl Retired {
    pub(super) fn add(&self, segments: impl IntoIterator<Item = u64>, version: Version) {
        self.0.lock().extend(segments.into_iter().map(|segment| (segment, version)));
    }

    fn removable(&self, oldest: impl FnOnce() -> Version) -> BTreeSet<u64> {
        let retired = self.0.lock();
        if retired.is_empty() {
            return BTreeSet::new();
        }
        let oldest = oldest();
        retired.iter().filter(|(_, version)| *version <= oldest).map(|(segment, _)| *segment).collect()
    }

    fn removed(&self, segments: &BTreeSet<u64>) {
        self.0.lock().retain(|(segment, _)| !segments.contains(segment));
    }
}

/// Segments that no commit names yet; they are retired when it is dropped.
#[derive(Debug)]
pub(super) struct Unnamed {
    retired: Arc<Retired>,
    segments: Vec<u64>,
}

impl Unnamed {
    pub(super) fn add(&mut self, segment: u64) {
        self.segments.push(segment);
    }

    /// A commit names them, or may.
    pub(super) fn keep(&mut self) {
        self.segments.clear();
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        self.retired.add(self.segments.drain(..), Version::ZERO);
    }
}

impl SearchModel {
    pub(super) fn unnamed(&self) -> Unnamed {
        Unnamed { retired: self.retired.clone(), segments: Vec::new() }
    }

    /// Removes the files of segments that no reader can come to ask for; true when there were any.
    pub(super) fn remove_retired(&self) -> Result<bool> {
        let removable = self.retired.removable(|| self.keyspace.oldest_readable_version());
        if removable.is_empty() {
            return Ok(false);
        }
        // A crash must not bring back a layout whose files are gone.
        self.keyspace.sync()?;
        self.files.sweep(|segment| !removable.contains(&segment))?;
        self.retired.removed(&removable);
        Ok(true)
    }
}
