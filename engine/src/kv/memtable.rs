//! Commits newer than the checkpoint: a versioned ordered map in memory.
//!
//! ```text
//!   key "a" -> [ (v3, "x"), (v7, removed) ]      a reader at v5 sees "x", at v7 nothing here or below
//!   key "b" -> [ (v6, "y") ]                     a reader at v5 looks further down, in the checkpoint
//! ```
//!
//! - Versions of a key ascend. A commit is inserted before it is visible; readers ask for a version
//!   and never see beyond it.
//! - An old version is dropped on a later write of its key once no reader can ask for it, so that a hot key
//!   costs the memory of about twice the versions in use and no more, however old the oldest reader is.
//! - Short keys stand in the tree itself (see [`MemtableKey`]): at 200,000 keys a lookup takes two thirds of the time that
//!   it takes where each comparison looks at another place in memory.
//! - The lock is held for one lookup, one page of a scan or one slice of a commit, never across I/O.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use bytes::Bytes;

use super::memtable_key::MemtableKey;
use super::page::{Page, PageWriter};
use super::range::{Direction, KeyRange};
use super::version::Version;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// What a commit does to one key: the value it sets, or `None` when it removes the key.
pub(crate) type Change = (Bytes, Option<Bytes>);

/// Writes inserted under one hold of the lock, so that a huge commit does not keep readers waiting.
const INSERT_SLICE: usize = 512;
/// From this many versions of one key on, those between two readers are looked for.
const CROWDED_VERSIONS: usize = 8;
/// What a key and what a value costs beside its bytes: map slot, version, counters of shared bytes.
const KEY_OVERHEAD_BYTES: usize = 112;
const VALUE_OVERHEAD_BYTES: usize = 48;

#[derive(Debug)]
enum Chain {
    One(Version, Option<Bytes>),
    Many(Vec<(Version, Option<Bytes>)>),
}

impl Chain {
    fn at(&self, version: Version) -> Option<&Option<Bytes>> {
        match self {
            Chain::One(written, value) => (*written <= version).then_some(value),
            Chain::Many(versions) => versions.iter().rev().find(|(written, _)| *written <= version).map(|(_, v)| v),
        }
    }

    fn newest(&self) -> &Option<Bytes> {
        match self {
            Chain::One(_, value) => value,
            Chain::Many(versions) => &versions.last().expect("a chain holds at least one version").1,
        }
    }

    fn newest_version(&self) -> Version {
        match self {
            Chain::One(version, _) => *version,
            Chain::Many(versions) => versions.last().expect("a chain holds at least one version").0,
        }
    }

    /// Adds a version and returns how many bytes of values became unreachable.
    fn push(&mut self, version: Version, value: Option<Bytes>, readers: &dyn ReaderVersions) -> usize {
        let mut versions = match std::mem::replace(self, Chain::One(version, None)) {
            Chain::One(written, old) => vec![(written, old)],
            Chain::Many(versions) => versions,
        };
        debug_assert!(versions.last().is_some_and(|(newest, _)| *newest < version));
        let oldest = readers.oldest();
        let mut dropped = 0;
        if version <= oldest {
            // Not even the newest of the old ones can be read any more.
            dropped += versions.drain(..).map(|(_, old)| weight(&old)).sum::<usize>();
        } else {
            let kept_from = versions.partition_point(|(written, _)| *written <= oldest).saturating_sub(1);
            dropped += versions.drain(..kept_from).map(|(_, old)| weight(&old)).sum::<usize>();
        }
        if versions.len() >= CROWDED_VERSIONS && versions.len() == versions.capacity() {
            // Only when there would be no room: looking for gaps between readers costs a walk over all of them.
            dropped += drop_between(&mut versions, &readers.all());
        }
        *self = if versions.is_empty() {
            Chain::One(version, value)
        } else {
            versions.push((version, value));
            Chain::Many(versions)
        };
        dropped
    }
}

/// Drops the versions that no reader sees; the last one of `readers` stands for all who begin later.
fn drop_between(versions: &mut Vec<(Version, Option<Bytes>)>, readers: &[Version]) -> usize {
    let newest_reader = readers.last().copied().unwrap_or_default();
    let successors: Vec<Version> = versions.iter().skip(1).map(|(written, _)| *written).collect();
    let mut successors = successors.into_iter();
    let mut dropped = 0;
    versions.retain(|(written, old)| {
        let is_seen = match successors.next() {
            Some(_) if *written > newest_reader => true,
            Some(successor) => {
                let at_or_after = readers.partition_point(|reader| reader < written);
                readers.get(at_or_after).is_some_and(|reader| *reader < successor)
            }
            None => true,
        };
        if !is_seen {
            dropped += weight(old);
        }
        is_seen
    });
    dropped
}

/// The versions that are being read, and those that may come to be read.
pub(crate) trait ReaderVersions {
    /// No reader is older than this, and none will be.
    fn oldest(&self) -> Version;
    /// The versions of all readers, ascending; the last is the oldest that a later reader may have.
    fn all(&self) -> Vec<Version>;
}

/// Nobody reads while this one is written.
impl ReaderVersions for Version {
    fn oldest(&self) -> Version {
        *self
    }

    fn all(&self) -> Vec<Version> {
        vec![*self]
    }
}

fn weight(value: &Option<Bytes>) -> usize {
    VALUE_OVERHEAD_BYTES + value.as_ref().map_or(0, Bytes::len)
}

#[derive(Debug, Default)]
pub(crate) struct Memtable {
    entries: RwLock<BTreeMap<MemtableKey, Chain>>,
    size_bytes: AtomicUsize,
}

impl Memtable {
    /// Adds the changes of one commit; nobody reads `version` before it is published.
    pub(crate) fn insert(&self, version: Version, changes: &[Change], readers: &dyn ReaderVersions) {
        for slice in changes.chunks(INSERT_SLICE) {
            let mut grown = 0usize;
            let mut shrunk = 0usize;
            let mut entries = self.entries.write();
            for (key, value) in slice {
                grown += weight(value);
                match entries.entry(MemtableKey::new(key)) {
                    Entry::Occupied(mut chain) => shrunk += chain.get_mut().push(version, value.clone(), readers),
                    Entry::Vacant(place) => {
                        grown += key.len() + KEY_OVERHEAD_BYTES;
                        place.insert(Chain::One(version, value.clone()));
                    }
                }
            }
            self.size_bytes.fetch_add(grown, Ordering::Relaxed);
            self.size_bytes.fetch_sub(shrunk, Ordering::Relaxed);
        }
    }

    /// What `key` is at `version`: `None` when this table does not say, `Some(None)` when it was removed.
    pub(crate) fn get(&self, key: &[u8], version: Version) -> Option<Option<Bytes>> {
        let key = MemtableKey::looked_for(key);
        self.entries.read().get(&key)?.at(version).cloned()
    }

    /// The newest version in which this table has `key`, visible or not.
    pub(crate) fn newest_version(&self, key: &[u8]) -> Option<Version> {
        let key = MemtableKey::looked_for(key);
        self.entries.read().get(&key).map(Chain::newest_version)
    }

    /// Up to `limit` keys of `range` as they are at `version`, and the rest of the range when there may be more.
    pub(crate) fn page(
        &self,
        range: &KeyRange,
        direction: Direction,
        version: Version,
        limit: usize,
    ) -> (Page, Option<KeyRange>) {
        if range.is_empty() {
            return (Page::default(), None);
        }
        let bounds = bounds_of(range);
        let mut page = PageWriter::new(limit);
        let entries = self.entries.read();
        let mut inside = entries.range(bounds);
        let mut last = None;
        // Keys that exist only in later versions are stepped over, but not without end under one hold of the lock.
        for _ in 0..limit * 8 {
            let next = match direction {
                Direction::Forward => inside.next(),
                Direction::Backward => inside.next_back(),
            };
            let Some((key, chain)) = next else { return (page.finish(), None) };
            if let Some(value) = chain.at(version) {
                key.with_bytes(|key| page.share(key, value.as_ref()));
            }
            last = Some(key);
            if page.is_full() {
                break;
            }
        }
        let rest = last.map(|last| match direction {
            Direction::Forward => {
                KeyRange { start: last.with_bytes(super::range::key_after).into(), end: range.end.clone() }
            }
            Direction::Backward => KeyRange { start: range.start.clone(), end: Some(last.to_bytes()) },
        });
        drop(entries);
        (page.finish(), rest)
    }

    /// The newest value of every key, in key order, a page at a time. Only for a table that is no longer written.
    pub(crate) fn newest(&self) -> NewestChanges<'_> {
        NewestChanges { table: self, page: Page::default(), after: None, done: false }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn key_count(&self) -> usize {
        self.entries.read().len()
    }
}

/// The newest changes of a frozen table; see [`Memtable::newest`].
pub(crate) struct NewestChanges<'a> {
    table: &'a Memtable,
    page: Page,
    after: Option<MemtableKey>,
    done: bool,
}

impl Iterator for NewestChanges<'_> {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        const PAGE: usize = 256;
        if let Some(change) = self.page.next() {
            return Some(change);
        }
        if self.done {
            return None;
        }
        let entries = self.table.entries.read();
        let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut inside = entries.range((start, Bound::Unbounded));
        let mut page = PageWriter::new(PAGE);
        let mut last = None;
        while !page.is_full()
            && let Some((key, chain)) = inside.next()
        {
            key.with_bytes(|key| page.share(key, chain.newest().as_ref()));
            last = Some(key);
        }
        self.done = !page.is_full();
        self.after = last.cloned();
        drop(entries);
        self.page = page.finish();
        self.page.next()
    }
}

/// The bounds of a range that is not empty. The first key of all needs none.
fn bounds_of(range: &KeyRange) -> (Bound<MemtableKey>, Bound<MemtableKey>) {
    let start = match range.start.is_empty() {
        true => Bound::Unbounded,
        false => Bound::Included(MemtableKey::new(&range.start)),
    };
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(MemtableKey::new(end)));
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn a_reader_sees_its_version_and_no_later_one() {
        let table = Memtable::default();
        table.insert(Version::new(3), &[(bytes("a"), Some(bytes("x")))], &Version::ZERO);
        table.insert(Version::new(7), &[(bytes("a"), None)], &Version::ZERO);
        assert_eq!(table.get(b"a", Version::new(2)), None);
        assert_eq!(table.get(b"a", Version::new(5)), Some(Some(bytes("x"))));
        assert_eq!(table.get(b"a", Version::new(7)), Some(None));
        assert_eq!(table.get(b"b", Version::new(7)), None);
    }

    #[test]
    fn versions_that_no_reader_can_ask_for_are_dropped() {
        let table = Memtable::default();
        for number in 1..=1000 {
            let oldest_reader = Version::new(number - 1);
            table.insert(Version::new(number), &[(bytes("hot"), Some(bytes("0123456789")))], &oldest_reader);
        }
        assert!(table.size_bytes() < 1000, "{} bytes", table.size_bytes());
        assert_eq!(table.get(b"hot", Version::new(1000)), Some(Some(bytes("0123456789"))));
        assert_eq!(table.get(b"hot", Version::new(999)), Some(Some(bytes("0123456789"))));
    }

    struct Readers(Vec<Version>);

    impl ReaderVersions for Readers {
        fn oldest(&self) -> Version {
            self.0[0]
        }

        fn all(&self) -> Vec<Version> {
            self.0.clone()
        }
    }

    #[test]
    fn versions_in_use_are_kept_and_those_between_them_are_not() {
        let table = Memtable::default();
        let value = |number: u64| Some(Bytes::from(number.to_string()));
        let readers = [40, 41, 700];
        for number in (2..=10_000).step_by(2) {
            // Readers come and stay; whoever begins now reads the version before.
            let mut all: Vec<u64> = readers.into_iter().filter(|reader| *reader < number).collect();
            all.push(number - 1);
            let readers = Readers(all.into_iter().map(Version::new).collect());
            table.insert(Version::new(number), &[(bytes("hot"), value(number))], &readers);
        }
        for (reader, seen) in [(40, 40), (41, 40), (700, 700), (9_999, 9_998), (10_000, 10_000)] {
            assert_eq!(table.get(b"hot", Version::new(reader)), Some(value(seen)), "at {reader}");
        }
        assert!(table.size_bytes() < 3_000, "{} bytes", table.size_bytes());
    }

    #[test]
    fn pages_cover_a_range_in_both_directions() {
        let table = Memtable::default();
        for number in 0..100u32 {
            let visible = if number % 3 == 0 { 1 } else { 9 };
            let key = Bytes::from(format!("{number:03}"));
            table.insert(Version::new(visible), &[(key.clone(), Some(key))], &Version::ZERO);
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let mut rest = Some(KeyRange::new("010", Some("090")));
            let mut seen = Vec::new();
            while let Some(range) = rest {
                let (page, next) = table.page(&range, direction, Version::new(1), 4);
                seen.extend(page.map(|(key, _)| key));
                rest = next;
            }
            let mut expected: Vec<Bytes> =
                (10..90).filter(|n| n % 3 == 0).map(|n: u32| Bytes::from(format!("{n:03}"))).collect();
            if direction == Direction::Backward {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
    }
}
