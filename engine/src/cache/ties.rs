//! What loaded entries of the keyspace depend on, by where they are.
//!
//! ```text
//!   (namespace, key) --> version of the entry, its dependency         no tie of that version: the entry is not used
//! ```
//!
//! Ties share the memory of volatile entries and take half of it at most: a tie too many makes another one, whichever comes
//! to hand, give way, and its entry is loaded again when it is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::coherence::{Dependency, Place};
use super::volatile::Gauge;
use crate::catalog::ObjectId;

#[derive(Debug)]
struct Tie {
    version: u64,
    dependency: Arc<Dependency>,
}

#[derive(Debug, Default)]
struct State {
    by_place: HashMap<Place, Tie>,
    size_bytes: u64,
}

/// The ties of all namespaces.
#[derive(Debug)]
pub(super) struct Ties {
    state: Mutex<State>,
    total: Arc<Gauge>,
    size_bytes_max: u64,
}

impl State {
    fn remove(&mut self, place: &Place, total: &Gauge) -> Option<Tie> {
        let tie = self.by_place.remove(place)?;
        self.size_bytes -= tie.dependency.size_bytes;
        total.release(tie.dependency.size_bytes);
        Some(tie)
    }
}

// The ties that a method removes are dropped behind the lock: a dependency takes a lock of its own when it ends.
impl Ties {
    /// No ties yet; all of them take `size_bytes_max` at most, and count in `total`.
    pub(super) fn new(total: Arc<Gauge>, size_bytes_max: u64) -> Self {
        Ties { state: Mutex::default(), total, size_bytes_max }
    }

    /// What the entry of that version at `place` depends on, or `None` when that is not known.
    pub(super) fn get(&self, place: &Place, version: u64) -> Option<Arc<Dependency>> {
        let state = self.state.lock();
        state.by_place.get(place).filter(|tie| tie.version == version).map(|tie| tie.dependency.clone())
    }

    /// Ties the entry that is about to be of that version at `place` to what it depends on.
    pub(super) fn tie(&self, place: Place, version: u64, dependency: Arc<Dependency>) {
        let mut removed = Vec::new();
        let mut state = self.state.lock();
        removed.extend(state.remove(&place, &self.total));
        let size_bytes = dependency.size_bytes;
        while state.size_bytes + size_bytes > self.size_bytes_max {
            let Some(other) = state.by_place.keys().next().cloned() else { break };
            removed.extend(state.remove(&other, &self.total));
        }
        state.size_bytes += size_bytes;
        self.total.reserve(size_bytes);
        state.by_place.insert(place, Tie { version, dependency });
        drop(state);
    }

    /// Ends the tie of an entry that is not of the version `kept` any more.
    pub(super) fn replaced(&self, place: &Place, kept: Option<u64>) {
        let mut state = self.state.lock();
        let is_other = state.by_place.get(place).is_some_and(|tie| Some(tie.version) != kept);
        let removed = is_other.then(|| state.remove(place, &self.total));
        drop(state);
        drop(removed);
    }

    /// Ends the tie of an entry of that version, which did not come to be.
    pub(super) fn untie(&self, place: &Place, version: u64) {
        let mut state = self.state.lock();
        let is_own = state.by_place.get(place).is_some_and(|tie| tie.version == version);
        let removed = is_own.then(|| state.remove(place, &self.total));
        drop(state);
        drop(removed);
    }

    /// Ends all ties of a namespace.
    pub(super) fn untie_all(&self, namespace: ObjectId) {
        let mut state = self.state.lock();
        let places: Vec<Place> = state.by_place.keys().filter(|place| place.namespace == namespace).cloned().collect();
        let removed: Vec<_> = places.iter().map(|place| state.remove(place, &self.total)).collect();
        drop(state);
        drop(removed);
    }
}
