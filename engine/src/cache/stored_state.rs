//! What the process knows about a namespace in the keyspace: its size, what was used lately, where the hand stands.
//!
//! ```text
//!   size     a count over one snapshot after opening (the census), then every commit's difference
//!   recency  two generations of hashes of used keys; being in one of them spares an entry once
//!   hand     walks over the keys in circles and removes what was not used, while the budget is exceeded
//! ```
//!
//! Differences come from the order of commits: a commit after the census' snapshot counts, one before is in it.

use std::collections::HashSet;

use crate::env::Timestamp;
use crate::kv::{Snapshot, Version};
use crate::limits::CACHE_RECENT_KEYS_MAX;

/// Counting what there is at one version.
#[derive(Debug)]
pub(super) struct Census {
    pub(super) snapshot: Snapshot,
    /// Where the next step goes on.
    pub(super) next: Vec<u8>,
}

#[derive(Debug)]
enum Counting {
    /// Not begun.
    Due,
    Underway,
    Done,
}

#[derive(Debug)]
pub(super) struct StoredState {
    entries: i64,
    size_bytes: i64,
    /// Differences of commits up to this one are in the census.
    counted_from: Version,
    counting: Counting,
    pub(super) census: Option<Census>,
    used: HashSet<u64>,
    used_before: HashSet<u64>,
    /// The last key that the hand has looked at.
    pub(super) hand: Option<Vec<u8>>,
    /// No entry expires before; everything older was removed.
    pub(super) expires_from: Timestamp,
}

impl StoredState {
    /// The state of a namespace; `is_new` when it has no entry yet.
    pub(super) fn new(is_new: bool) -> Self {
        StoredState {
            entries: 0,
            size_bytes: 0,
            counted_from: Version::ZERO,
            counting: if is_new { Counting::Done } else { Counting::Due },
            census: None,
            used: HashSet::new(),
            used_before: HashSet::new(),
            hand: None,
            expires_from: Timestamp::from_micros(i64::MIN),
        }
    }

    pub(super) fn entries(&self) -> u64 {
        u64::try_from(self.entries).unwrap_or(0)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        u64::try_from(self.size_bytes).unwrap_or(0)
    }

    pub(super) fn is_counting(&self) -> bool {
        !matches!(self.counting, Counting::Done)
    }

    pub(super) fn is_census_due(&self) -> bool {
        matches!(self.counting, Counting::Due)
    }

    /// Begins to count at `snapshot`, which no commit that was told of is behind.
    pub(super) fn begin_census(&mut self, census: Census) {
        use crate::kv::Reader;
        self.entries = 0;
        self.size_bytes = 0;
        self.counted_from = census.snapshot.version();
        self.counting = Counting::Underway;
        self.census = Some(census);
    }

    pub(super) fn count(&mut self, entries: u64, size_bytes: u64) {
        self.entries += entries as i64;
        self.size_bytes += size_bytes as i64;
    }

    pub(super) fn end_census(&mut self) {
        self.counting = Counting::Done;
        self.census = None;
    }

    /// The commit `version` replaced an entry of the size `before` by one of the size `after`.
    pub(super) fn account(&mut self, version: Version, before: Option<u64>, after: Option<u64>) {
        if version <= self.counted_from {
            return;
        }
        self.entries += i64::from(after.is_some()) - i64::from(before.is_some());
        self.size_bytes += after.unwrap_or(0) as i64 - before.unwrap_or(0) as i64;
    }

    /// Remembers that the entry with the hash `key` was used.
    pub(super) fn touch(&mut self, key: u64) {
        self.used.insert(key);
        if self.used.len() >= CACHE_RECENT_KEYS_MAX / 2 {
            self.forget_generation();
        }
    }

    pub(super) fn was_used(&self, key: u64) -> bool {
        self.used.contains(&key) || self.used_before.contains(&key)
    }

    /// Forgets the older half of what was used.
    pub(super) fn forget_generation(&mut self) {
        self.used_before = std::mem::take(&mut self.used);
    }
}
