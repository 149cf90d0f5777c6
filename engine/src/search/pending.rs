//! What waits to be written into segments: one marker per change.
//!
//! ```text
//!   transaction changes K  --> puts  50 <index> K <number>      blindly; the number was never used before
//!   round, read at V       --> deletes exactly the markers that it saw at V
//! ```
//!
//! Markers are never overwritten, so changing documents conflicts neither with rounds nor, over markers, with other
//! changes, whatever the isolation. A set of markers of a key stands for one content of the key: see [`Waiting`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

use super::keys::{self, Marker};
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader};

/// The markers that a reader sees, of one index, less those that a head has consumed.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) markers: Vec<Marker>,
    /// Whether there are more than were asked for.
    pub(super) is_cut: bool,
}

/// Stands for the set of markers of one key. While it is the same, so is what the source holds under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp(u128);

impl Waiting {
    /// The first `limit` markers of `index` that none of `consumed` holds. When all were read, a transaction depends on
    /// there being no others.
    pub(super) fn read(
        reader: &(impl Reader + ?Sized),
        index: ObjectId,
        consumed: &[Arc<MarkerSet>],
        limit: usize,
    ) -> Result<Self> {
        let mut waiting = Waiting::default();
        for entry in reader.scan(KeyRange::prefix(keys::markers(index)), Direction::Forward)? {
            let marker = keys::marker_of(&entry?.0)?;
            if consumed.iter().any(|set| set.contains(marker.number)) {
                continue;
            }
            if waiting.markers.len() == limit {
                waiting.is_cut = true;
                break;
            }
            waiting.markers.push(marker);
        }
        Ok(waiting)
    }

    /// How many markers of `index` there are, counted up to `limit`.
    pub(super) fn count(reader: &impl Reader, index: ObjectId, limit: usize) -> Result<usize> {
        let markers = reader.scan(KeyRange::prefix(keys::markers(index)), Direction::Forward)?;
        markers.take(limit).try_fold(0, |count, entry| entry.map(|_| count + 1))
    }

    /// The changed keys, each with the stamp of its markers.
    pub(super) fn keys(&self) -> BTreeMap<Bytes, Stamp> {
        let mut numbers: BTreeMap<&Bytes, Vec<u64>> = BTreeMap::new();
        for marker in &self.markers {
            numbers.entry(&marker.source_key).or_default().push(marker.number);
        }
        let stamp = |mut numbers: Vec<u64>| {
            numbers.sort_unstable();
            Stamp(xxh3_128(&numbers.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<_>>()))
        };
        numbers.into_iter().map(|(key, numbers)| (key.clone(), stamp(numbers))).collect()
    }
}

/// The numbers of many markers, as ranges: those of one load follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct MarkerSet {
    ranges: Vec<(u64, u64)>,
}

impl MarkerSet {
    pub(super) fn new(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if number <= last.saturating_add(1) => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        MarkerSet { ranges }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after > 0 && number <= self.ranges[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_numbers_hold_what_they_were_given() {
        let set = MarkerSet::new(vec![7, 1, 2, 3, u64::MAX, 9, 8]);
        assert_eq!(set.ranges, [(1, 3), (7, 9), (u64::MAX, u64::MAX)]);
        for (number, inside) in [(0, false), (1, true), (3, true), (4, false), (8, true), (10, false), (u64::MAX, true)]
        {
            assert_eq!(set.contains(number), inside, "{number}");
        }
        assert!(!MarkerSet::default().contains(0));
    }
}
