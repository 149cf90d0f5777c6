//! What a transaction has read: the keys and the parts of ranges on which its outcome rests.
//!
//! ```text
//!   get("k")                    point  k
//!   scan [a, z) stopped at m    range  [a, m]      forward: what lies behind m was never seen
//!   scan [a, z) ran to its end  range  [a, z)      absence was seen as well: phantoms conflict
//! ```
//!
//! A scan records how far it came as it goes, so that a transaction conflicts over what it saw and
//! not over what it might have asked for.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::range::{Direction, KeyRange, key_after};
use super::turns::Contended;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// The buffer is written over with each key: scans are long, and asked for it once.
    Key(Vec<u8>),
    End,
}

/// One scan's share of a read set.
#[derive(Debug)]
pub(crate) struct TrackedRange {
    range: KeyRange,
    direction: Direction,
    reached: Mutex<Reached>,
}

impl TrackedRange {
    pub(crate) fn reached_key(&self, key: &[u8]) {
        let mut reached = self.reached.lock();
        match &mut *reached {
            Reached::Key(last) => {
                last.clear();
                last.extend_from_slice(key);
            }
            other => *other = Reached::Key(key.to_vec()),
        }
    }

    pub(crate) fn reached_end(&self) {
        *self.reached.lock() = Reached::End;
    }

    /// What was read, and what may still be read by a scan that goes on at the same version.
    fn covered_in_the_end(self: &Arc<Self>) -> Option<KeyRange> {
        // The recorder has one; whoever has another is the scan.
        match Arc::strong_count(self) > 1 {
            true => Some(self.range.clone()),
            false => self.covered(),
        }
    }

    fn covered(&self) -> Option<KeyRange> {
        match (&*self.reached.lock(), self.direction) {
            (Reached::Nothing, _) => None,
            (Reached::End, _) => Some(self.range.clone()),
            (Reached::Key(key), Direction::Forward) => {
                Some(KeyRange { start: self.range.start.clone(), end: Some(key_after(key).into()) })
            }
            (Reached::Key(key), Direction::Backward) => {
                Some(KeyRange { start: Bytes::copy_from_slice(key), end: self.range.end.clone() })
            }
        }
    }
}

/// The reads of one transaction, growing.
#[derive(Debug, Default)]
pub(crate) struct ReadRecorder {
    points: HashSet<Bytes>,
    ranges: Vec<Arc<TrackedRange>>,
}

impl ReadRecorder {
    pub(crate) fn point(&mut self, key: &[u8]) {
        if !self.points.contains(key) {
            self.points.insert(Bytes::copy_from_slice(key));
        }
    }

    pub(crate) fn range(&mut self, range: &KeyRange, direction: Direction) -> Arc<TrackedRange> {
        let tracked = Arc::new(TrackedRange { range: range.clone(), direction, reached: Mutex::new(Reached::Nothing) });
        self.ranges.push(tracked.clone());
        tracked
    }

    /// Adds reads that were made elsewhere.
    pub(crate) fn add(&mut self, reads: &ReadSet) {
        self.points.extend(reads.points.iter().cloned());
        for range in &reads.ranges {
            self.range(range, Direction::Forward).reached_end();
        }
    }

    /// Whether `key` was read by itself.
    pub(crate) fn has_point(&self, key: &[u8]) -> bool {
        self.points.contains(key)
    }

    /// Whether nothing was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty()
    }

    /// The single keys so far.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Bytes> {
        self.points.iter()
    }

    /// The ranges that were read so far, and all of those that are still being read.
    pub(crate) fn ranges_in_the_end(&self) -> ReadSet {
        let ranges = self.ranges.iter().filter_map(TrackedRange::covered_in_the_end);
        ReadSet::new(HashSet::new(), ranges.collect())
    }

    /// The reads so far, in the form that is quick to ask.
    pub(crate) fn read_set(&self) -> ReadSet {
        ReadSet::new(self.points.clone(), self.covered())
    }

    /// All reads, when there will be no more.
    pub(crate) fn into_read_set(self) -> ReadSet {
        let ranges = self.covered();
        ReadSet::new(self.points, ranges)
    }

    fn covered(&self) -> Vec<KeyRange> {
        self.ranges.iter().filter_map(|tracked| tracked.covered()).collect()
    }
}

/// Keys and disjoint ascending ranges.
#[derive(Debug, Clone, Default)]
pub struct ReadSet {
    points: HashSet<Bytes>,
    ranges: Vec<KeyRange>,
}

impl ReadSet {
    pub(crate) fn new(points: HashSet<Bytes>, mut ranges: Vec<KeyRange>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by(|a, b| a.start.cmp(&b.start));
        let mut merged: Vec<KeyRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.end.as_ref().is_none_or(|end| *end >= range.start) => {
                    last.end = match (last.end.take(), range.end) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        _ => None,
                    };
                }
                _ => merged.push(range),
            }
        }
        ReadSet { points, ranges: merged }
    }

    /// Whether a change of `key` could have changed what was read.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.points.contains(key) || self.range_around(key).is_some()
    }

    /// What of the reads a change of `key` meets.
    pub(crate) fn met_by(&self, key: &[u8]) -> Option<Contended> {
        match self.points.contains(key) {
            true => Some(Contended::key(key)),
            false => self.range_around(key).map(Contended::range),
        }
    }

    fn range_around(&self, key: &[u8]) -> Option<&KeyRange> {
        let after = self.ranges.partition_point(|range| range.start[..] <= *key);
        self.ranges[..after].last().filter(|range| range.contains(key))
    }

    /// The single keys that were read.
    pub fn points(&self) -> impl Iterator<Item = &Bytes> {
        self.points.iter()
    }

    /// The ranges that were read, disjoint and ascending.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_covers_what_it_saw() {
        let mut recorder = ReadRecorder::default();
        let forward = recorder.range(&KeyRange::new("a", Some("z")), Direction::Forward);
        assert!(!recorder.read_set().contains(b"b"));
        forward.reached_key(b"m");
        let reads = recorder.read_set();
        assert!(reads.contains(b"a") && reads.contains(b"m") && !reads.contains(b"n"));
        forward.reached_end();
        let reads = recorder.read_set();
        assert!(reads.contains(b"yy") && !reads.contains(b"z"));

        let mut recorder = ReadRecorder::default();
        recorder.range(&KeyRange::new("a", Some("z")), Direction::Backward).reached_key(b"m");
        let reads = recorder.read_set();
        assert!(reads.contains(b"m") && reads.contains(b"y") && !reads.contains(b"l") && !reads.contains(b"z"));
    }

    #[test]
    fn overlapping_ranges_merge() {
        let ranges = vec![
            KeyRange::new("d", Some("f")),
            KeyRange::new("a", Some("c")),
            KeyRange::new("b", Some("d")),
            KeyRange::new("x", None::<&str>),
            KeyRange::new("q", Some("q")),
        ];
        let reads = ReadSet::new(HashSet::new(), ranges);
        assert_eq!(reads.ranges().len(), 2);
        for (key, inside) in [("a", true), ("c", true), ("e", true), ("f", false), ("q", false), ("zz", true)] {
            assert_eq!(reads.contains(key.as_bytes()), inside, "{key}");
        }
    }
}
