//! What loaded entries depend on, and what a commit therefore makes untrue.
//!
//! ```text
//!   load    begin --> snapshot at s --> loader reads --> admit(reads, s)
//!                                                          |-- a commit after s touched them: refused
//!                                                          |-- who knows (history too short): refused
//!                                                          '-- registered: points in a map, ranges in a tree
//!   commit  committed(v, keys): who depends on any of keys is no longer alive       then v becomes visible
//! ```
//!
//! Registering and invalidating happen under one lock, and a commit passes it before any reader can see the commit. So
//! for every load and every commit after its snapshot, either the load finds the commit in the history, or the commit
//! finds the load in the index; there is no third order. Whether an entry is alive is one flag that both share, so it
//! does not matter whether the entry itself is stored before or after it died, and numbers are never used twice.
//!
//! History is kept only while something is being loaded, and only so much of it; a load that took longer gives its value
//! and is not kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::interval::RangeIndex;
use crate::catalog::ObjectId;
use crate::kv::{ReadSet, Version};
use crate::limits::{CACHE_DEPENDENCIES_MAX, CACHE_GARBAGE_ENTRIES_MAX, CACHE_HISTORY_KEYS_MAX};

/// What one key or range in the index takes besides its bytes, in bytes.
const DEPENDENCY_OVERHEAD_SIZE_BYTES: usize = 160;

/// Keys of commits that are still compared with a load under the lock; more are compared outside it first.
const COMPARED_UNDER_LOCK: usize = 256;

/// Where an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) namespace: ObjectId,
    pub(super) key: Bytes,
}

#[derive(Debug)]
struct Dependent {
    reads: Arc<ReadSet>,
    alive: Arc<AtomicBool>,
    place: Place,
}

/// The keys of a commit that loads under way may have to be compared with.
#[derive(Debug, Clone)]
struct Past {
    version: Version,
    keys: Arc<[Bytes]>,
}

#[derive(Debug)]
struct State {
    next_number: u64,
    dependents: HashMap<u64, Dependent>,
    points: HashMap<Bytes, Vec<u64>>,
    ranges: RangeIndex,
    loads: usize,
    /// The newest commit told of.
    newest: Version,
    /// Loads of an older version can no longer be compared.
    comparable_from: Version,
    history: VecDeque<Past>,
    history_keys: usize,
    garbage: VecDeque<Place>,
    invalidations: u64,
}

/// The dependencies of all loaded entries of a database.
#[derive(Debug)]
pub(super) struct Coherence {
    state: Mutex<State>,
}

/// An entry's tie to what it was loaded from; the last one dropped ends it.
#[derive(Debug)]
pub(super) struct Dependency {
    number: u64,
    coherence: Arc<Coherence>,
    pub(super) reads: Arc<ReadSet>,
    alive: Arc<AtomicBool>,
    pub(super) size_bytes: u64,
}

impl Dependency {
    /// Whether no commit has touched what the entry depends on.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }
}

impl Drop for Dependency {
    fn drop(&mut self) {
        self.coherence.state.lock().forget(self.number);
    }
}

/// A load under way: while it lives, history is kept.
#[derive(Debug)]
pub(super) struct Load {
    coherence: Arc<Coherence>,
}

impl Drop for Load {
    fn drop(&mut self) {
        let mut state = self.coherence.state.lock();
        state.loads -= 1;
        if state.loads == 0 {
            state.history = VecDeque::new();
            state.history_keys = 0;
        }
    }
}

/// Whether a loaded value may be kept.
#[derive(Debug, Clone)]
pub(super) enum Admission {
    /// No: it may be out of date already, or rests on too much.
    Refused,
    /// Yes, for as long as the dependency is alive.
    Dependent(Arc<Dependency>),
    /// Yes: it rests on nothing in the database.
    Independent,
}

/// The memory that `reads` take in the index, in bytes.
fn size_bytes(reads: &ReadSet) -> u64 {
    let points: usize = reads.points().map(|key| key.len() + DEPENDENCY_OVERHEAD_SIZE_BYTES).sum();
    let range = |range: &crate::kv::KeyRange| range.start.len() + range.end.as_ref().map_or(0, Bytes::len);
    let ranges: usize = reads.ranges().iter().map(|r| range(r) + DEPENDENCY_OVERHEAD_SIZE_BYTES).sum();
    (points + ranges) as u64
}

impl Coherence {
    pub(super) fn new(seed: u64, newest: Version) -> Arc<Self> {
        let state = State {
            next_number: 0,
            dependents: HashMap::new(),
            points: HashMap::new(),
            ranges: RangeIndex::new(seed),
            loads: 0,
            newest,
            comparable_from: newest,
            history: VecDeque::new(),
            history_keys: 0,
            garbage: VecDeque::new(),
            invalidations: 0,
        };
        Arc::new(Coherence { state: Mutex::new(state) })
    }

    /// Begins a load; its snapshot is to be taken after this.
    pub(super) fn begin(self: &Arc<Self>) -> Load {
        let mut state = self.state.lock();
        if state.loads == 0 {
            state.comparable_from = state.newest;
        }
        state.loads += 1;
        Load { coherence: self.clone() }
    }

    /// Ties a value at `place`, loaded at `version` by reading `reads`, to those keys.
    pub(super) fn admit(
        self: &Arc<Self>,
        place: Place,
        reads: ReadSet,
        version: Version,
        room_bytes: u64,
    ) -> Admission {
        if reads.is_empty() {
            return Admission::Independent;
        }
        let size_bytes = size_bytes(&reads);
        if reads.points().count() + reads.ranges().len() > CACHE_DEPENDENCIES_MAX || size_bytes > room_bytes {
            return Admission::Refused;
        }
        let Some(mut state) = self.compared(&reads, version) else { return Admission::Refused };
        let reads = Arc::new(reads);
        let alive = Arc::new(AtomicBool::new(true));
        let number = state.register(Dependent { reads: reads.clone(), alive: alive.clone(), place });
        Admission::Dependent(Arc::new(Dependency { number, coherence: self.clone(), reads, alive, size_bytes }))
    }

    /// The state, once it is clear that no commit after `version` touched `reads`; `None` when one did, or nobody knows.
    fn compared(&self, reads: &ReadSet, version: Version) -> Option<MutexGuard<'_, State>> {
        let touches = |past: &Past| past.keys.iter().any(|key| reads.contains(key));
        let mut compared_to = version;
        loop {
            let state = self.state.lock();
            if compared_to < state.comparable_from {
                return None;
            }
            let past: Vec<Past> = state.after(compared_to).cloned().collect();
            if past.iter().map(|past| past.keys.len()).sum::<usize>() <= COMPARED_UNDER_LOCK {
                return (!past.iter().any(touches)).then_some(state);
            }
            // Commits wait for this lock, so that a long history is compared outside it, and then what came meanwhile.
            drop(state);
            if past.iter().any(touches) {
                return None;
            }
            compared_to = past.last().map_or(compared_to, |last| last.version);
        }
    }

    /// A commit is about to be visible: what depends on its keys, which ascend, is no longer alive.
    pub(super) fn committed(&self, version: Version, changes: &[(Bytes, Option<Bytes>)]) {
        let mut state = self.state.lock();
        state.newest = version;
        if state.loads > 0 {
            state.remember(version, changes);
        }
        if state.dependents.is_empty() {
            return;
        }
        for number in state.touched(changes) {
            if let Some(dependent) = state.forget(number) {
                dependent.alive.store(false, Ordering::Release);
                state.invalidations += 1;
                if state.garbage.len() == CACHE_GARBAGE_ENTRIES_MAX {
                    state.garbage.pop_front();
                }
                state.garbage.push_back(dependent.place);
            }
        }
    }

    /// Up to `count` entries that died and may still be where they were.
    pub(super) fn take_garbage(&self, count: usize) -> Vec<Place> {
        let mut state = self.state.lock();
        let count = count.min(state.garbage.len());
        state.garbage.drain(..count).collect()
    }

    /// The newest commit told of.
    pub(super) fn newest(&self) -> Version {
        self.state.lock().newest
    }

    /// How many entries depend on something, and how many died since opening.
    pub(super) fn figures(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.dependents.len() as u64, state.invalidations)
    }
}

impl State {
    fn after(&self, version: Version) -> impl Iterator<Item = &Past> {
        self.history.range(self.history.partition_point(|past| past.version <= version)..)
    }

    fn register(&mut self, dependent: Dependent) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        for key in dependent.reads.points() {
            self.points.entry(key.clone()).or_default().push(number);
        }
        for range in dependent.reads.ranges() {
            self.ranges.insert(range, number);
        }
        self.dependents.insert(number, dependent);
        number
    }

    fn forget(&mut self, number: u64) -> Option<Dependent> {
        let dependent = self.dependents.remove(&number)?;
        for key in dependent.reads.points() {
            if let Some(owners) = self.points.get_mut(key) {
                owners.retain(|owner| *owner != number);
                if owners.is_empty() {
                    self.points.remove(key);
                }
            }
        }
        for range in dependent.reads.ranges() {
            self.ranges.remove(range, number);
        }
        Some(dependent)
    }

    fn remember(&mut self, version: Version, changes: &[(Bytes, Option<Bytes>)]) {
        if changes.len() > CACHE_HISTORY_KEYS_MAX {
            self.history.clear();
            self.history_keys = 0;
            self.comparable_from = version;
            return;
        }
        self.history_keys += changes.len();
        self.history.push_back(Past { version, keys: changes.iter().map(|(key, _)| key.clone()).collect() });
        while self.history_keys > CACHE_HISTORY_KEYS_MAX {
            let Some(oldest) = self.history.pop_front() else { break };
            self.history_keys -= oldest.keys.len();
            self.comparable_from = oldest.version;
        }
    }

    /// Who depends on a key of `changes`, in the cheaper of two ways: ask for each key, or look through all dependencies.
    fn touched(&self, changes: &[(Bytes, Option<Bytes>)]) -> Vec<u64> {
        let mut touched = Vec::new();
        if changes.len() <= self.points.len() + self.ranges.len() {
            for (key, _) in changes {
                if let Some(owners) = self.points.get(key) {
                    touched.extend_from_slice(owners);
                }
                self.ranges.stab(key, &mut touched);
            }
            return touched;
        }
        for (number, dependent) in &self.dependents {
            let has = |key: &Bytes| changes.binary_search_by(|(known, _)| known.cmp(key)).is_ok();
            let reaches = |range: &crate::kv::KeyRange| {
                let first = changes.partition_point(|(key, _)| *key < range.start);
                changes.get(first).is_some_and(|(key, _)| range.contains(key))
            };
            if dependent.reads.points().any(has) || dependent.reads.ranges().iter().any(reaches) {
                touched.push(*number);
            }
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Direction, KeyRange, Keyspace, KeyspaceSettings, Reader};

    fn reads(points: &[&str], ranges: &[(&str, &str)]) -> ReadSet {
        let env = Arc::new(crate::env::MemoryEnv::new());
        let settings = KeyspaceSettings { background: false, ..KeyspaceSettings::default() };
        let keyspace = Keyspace::open(env, std::path::Path::new("/k"), settings).unwrap();
        let snapshot = keyspace.recording_snapshot().unwrap();
        for point in points {
            snapshot.get(point.as_bytes()).unwrap();
        }
        for (start, end) in ranges {
            let range = KeyRange::new(start.to_string(), Some(end.to_string()));
            assert_eq!(snapshot.scan(range, Direction::Forward).unwrap().count(), 0);
        }
        snapshot.read_set()
    }

    fn place(key: &str) -> Place {
        Place { namespace: ObjectId::new(1), key: Bytes::copy_from_slice(key.as_bytes()) }
    }

    fn changes(keys: &[&str]) -> Vec<(Bytes, Option<Bytes>)> {
        keys.iter().map(|key| (Bytes::copy_from_slice(key.as_bytes()), None)).collect()
    }

    fn admit(
        coherence: &Arc<Coherence>,
        points: &[&str],
        ranges: &[(&str, &str)],
        version: u64,
    ) -> Option<Arc<Dependency>> {
        match coherence.admit(place("e"), reads(points, ranges), Version::new(version), u64::MAX) {
            Admission::Dependent(dependency) => Some(dependency),
            Admission::Refused => None,
            Admission::Independent => panic!("it depends on something"),
        }
    }

    #[test]
    fn a_commit_ends_what_depends_on_its_keys_and_nothing_else() {
        for padding in [0, 100] {
            let coherence = Coherence::new(7, Version::ZERO);
            let load = coherence.begin();
            let point = admit(&coherence, &["b"], &[], 0).unwrap();
            let range = admit(&coherence, &[], &[("d", "f")], 0).unwrap();
            drop(load);
            let mut others = changes(&["a", "bb", "c", "f"]);
            others.extend((0..padding).map(|number| (Bytes::from(format!("x{number:03}")), None)));
            coherence.committed(Version::new(1), &others);
            assert!(point.is_alive() && range.is_alive());
            coherence.committed(Version::new(2), &changes(&["e"]));
            assert!(point.is_alive() && !range.is_alive());
            others.insert(1, (Bytes::from("b"), None));
            coherence.committed(Version::new(3), &others);
            assert!(!point.is_alive());
            assert_eq!(coherence.take_garbage(9).len(), 2);
            assert_eq!(coherence.figures(), (0, 2));
        }
    }

    #[test]
    fn a_late_value_is_refused() {
        let coherence = Coherence::new(7, Version::new(5));
        let load = coherence.begin();
        coherence.committed(Version::new(6), &changes(&["b"]));
        assert!(admit(&coherence, &["b"], &[], 5).is_none());
        assert!(admit(&coherence, &["b"], &[], 6).is_some());
        assert!(admit(&coherence, &[], &[("a", "c")], 5).is_none());
        assert!(admit(&coherence, &["a"], &[("c", "d")], 5).is_some());
        assert!(admit(&coherence, &["a"], &[], 4).is_none(), "nobody knows what happened before the load began");
        drop(load);
        let _load = coherence.begin();
        assert!(admit(&coherence, &["a"], &[], 5).is_none(), "history was let go");
    }

    #[test]
    fn what_is_dropped_is_watched_no_more() {
        let coherence = Coherence::new(7, Version::ZERO);
        let _load = coherence.begin();
        let first = admit(&coherence, &["a", "b"], &[("c", "d")], 0).unwrap();
        let second = admit(&coherence, &["b"], &[("c", "d")], 0).unwrap();
        drop(first);
        {
            let state = coherence.state.lock();
            assert_eq!((state.points.len(), state.ranges.len(), state.dependents.len()), (1, 1, 1));
        }
        coherence.committed(Version::new(1), &changes(&["cc"]));
        assert!(!second.is_alive());
        let state = coherence.state.lock();
        assert_eq!((state.points.len(), state.ranges.len()), (0, 0));
    }

    #[test]
    fn history_is_bounded() {
        let coherence = Coherence::new(7, Version::ZERO);
        let _load = coherence.begin();
        let many: Vec<_> =
            (0..CACHE_HISTORY_KEYS_MAX).map(|number| (Bytes::from(format!("{number:08}")), None)).collect();
        coherence.committed(Version::new(1), &many);
        assert!(admit(&coherence, &["a"], &[], 0).is_some());
        coherence.committed(Version::new(2), &changes(&["x"]));
        assert!(admit(&coherence, &["a"], &[], 0).is_none());
        assert!(admit(&coherence, &["a"], &[], 1).is_some());
        let more: Vec<_> =
            (0..=CACHE_HISTORY_KEYS_MAX).map(|number| (Bytes::from(format!("{number:08}")), None)).collect();
        coherence.committed(Version::new(3), &more);
        assert!(admit(&coherence, &["a"], &[], 2).is_none());
        assert!(admit(&coherence, &["a"], &[], 3).is_some());
    }
}
