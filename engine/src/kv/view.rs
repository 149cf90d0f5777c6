//! An immutable view of the keyspace at one version: memtables over the checkpoint, pinned together.
//!
//! ```text
//!   Levels    active memtable      commits after the newest freeze
//!             frozen memtable      being folded into the checkpoint, if any
//!             checkpoint reader    everything older
//!   View    = Levels + version + registration, so that nothing it can ask for is dropped
//! ```
//!
//! A view never blocks and is never blocked; a long-lived one pins the memory that it can see, and
//! nothing else.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::checkpoint::CheckpointReader;
use super::memtable::Memtable;
use super::version::Version;
use crate::error::Result;
use crate::sync::Mutex;

/// Where the keyspace is, from the newest to the oldest.
#[derive(Clone)]
pub(crate) struct Levels {
    pub(crate) active: Arc<Memtable>,
    pub(crate) frozen: Option<Arc<Memtable>>,
    pub(crate) checkpoint: Arc<CheckpointReader>,
}

/// Which versions are being read, and by how many.
///
/// Ascending: whoever begins reads the newest version, so that most come and go at the end, without any allocation.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    versions: Mutex<VecDeque<(Version, usize)>>,
}

impl Registry {
    /// Registers a reader at the version that `visible` returns under the registry's lock.
    pub(crate) fn register(self: &Arc<Self>, visible: impl FnOnce() -> Version) -> Registration {
        let mut versions = self.versions.lock();
        let version = visible();
        match versions.back_mut() {
            Some((newest, count)) if *newest == version => *count += 1,
            newest => {
                // Versions become visible in order, and are asked for under the lock.
                debug_assert!(newest.is_none_or(|(newest, _)| *newest < version));
                versions.push_back((version, 1));
            }
        }
        Registration { registry: self.clone(), version }
    }

    /// The oldest version being read; `idle` under the registry's lock when there is no reader.
    pub(crate) fn oldest(&self, idle: impl FnOnce() -> Version) -> Version {
        let versions = self.versions.lock();
        versions.front().map_or_else(idle, |(oldest, _)| *oldest)
    }

    /// All versions being read, ascending, and behind them what `idle` returns under the registry's lock.
    pub(crate) fn all(&self, idle: impl FnOnce() -> Version) -> Vec<Version> {
        let versions = self.versions.lock();
        let mut all: Vec<Version> = versions.iter().map(|(version, _)| *version).collect();
        all.push(idle());
        all
    }

    pub(crate) fn count(&self) -> usize {
        self.versions.lock().iter().map(|(_, count)| count).sum()
    }
}

/// Keeps a version readable until it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    version: Version,
}

impl Registration {
    pub(crate) fn version(&self) -> Version {
        self.version
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut versions = self.registry.versions.lock();
        let Ok(index) = versions.binary_search_by_key(&self.version, |(version, _)| *version) else { return };
        versions[index].1 -= 1;
        if versions[index].1 == 0 {
            versions.remove(index);
        }
    }
}

/// The keyspace at one version.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) levels: Arc<Levels>,
    pub(crate) registration: Arc<Registration>,
}

impl View {
    pub(crate) fn version(&self) -> Version {
        self.registration.version()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(found) = self.levels.active.get(key, self.version()) {
            return Ok(found);
        }
        if let Some(found) = self.levels.frozen.as_ref().and_then(|frozen| frozen.get(key, self.version())) {
            return Ok(found);
        }
        self.levels.checkpoint.get(key)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View at version {}", self.version())
    }
}
