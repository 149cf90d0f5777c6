//! Figures over all namespaces.

use serde::{Deserialize, Serialize};

use super::CacheModel;

/// Figures about the caches of a database at one moment; counters count from opening.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatistics {
    /// Namespaces of any class.
    pub namespaces: u64,
    /// Entries that are in memory only.
    pub volatile_entries: u64,
    /// What those take.
    pub volatile_size_bytes: u64,
    /// What those take together with what stored entries depend on.
    pub memory_size_bytes: u64,
    /// What that may be.
    pub memory_size_bytes_max: u64,
    /// Entries that live in the keyspace.
    pub stored_entries: u64,
    /// What those take.
    pub stored_size_bytes: u64,
    /// Loaded entries that a commit may make untrue.
    pub dependent_entries: u64,
    /// Loaded entries that a commit has made untrue.
    pub invalidations: u64,
    /// Reads that found an entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values loaded.
    pub loads: u64,
    /// Loaded values that were not kept.
    pub refused: u64,
    /// Entries that had to leave for others.
    pub evictions: u64,
}

impl CacheModel {
    pub(crate) fn statistics(&self) -> CacheStatistics {
        let (dependent_entries, invalidations) = self.memory.coherence.figures();
        let mut all = CacheStatistics {
            memory_size_bytes: self.memory.total.size_bytes(),
            memory_size_bytes_max: self.memory.size_bytes_max,
            dependent_entries,
            invalidations,
            ..CacheStatistics::default()
        };
        for namespace in self.memory.all() {
            let info = namespace.info();
            all.namespaces += 1;
            let (entries, size_bytes) = match namespace.volatile() {
                Some(_) => (&mut all.volatile_entries, &mut all.volatile_size_bytes),
                None => (&mut all.stored_entries, &mut all.stored_size_bytes),
            };
            *entries += info.entries;
            *size_bytes += info.size_bytes;
            all.hits += info.hits;
            all.misses += info.misses;
            all.loads += info.loads;
            all.refused += info.refused;
            all.evictions += info.evictions;
        }
        all
    }
}
