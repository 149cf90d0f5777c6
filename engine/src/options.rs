//! Settings of a database: plain data with safe defaults.

use std::time::Duration;

use crate::kv::{Durability, Isolation, KeyspaceSettings};

/// How a database uses the machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Memory for everything that scales with data: memtables, page cache, search buffers, volatile cache
    /// entries. Default 256 MiB, at least 16 MiB.
    pub memory_size_bytes: usize,
    /// Size at which a log segment file is closed and another begun. Default 64 MiB.
    pub log_segment_size_bytes: u64,
    /// Size at which a segment file of blobs is closed and another begun. Default 64 MiB.
    pub blob_segment_size_bytes: u64,
    /// Longest time for which a buffered commit may be unsynced. Default 50 ms.
    pub sync_interval: Duration,
    /// Whether background threads do the maintenance. Default true. A simulation switches it off and calls
    /// [`Database::maintain`](crate::Database::maintain) itself.
    pub background: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let keyspace = KeyspaceSettings::default();
        Settings {
            memory_size_bytes: 256 * 1024 * 1024,
            log_segment_size_bytes: keyspace.log_segment_size_bytes,
            blob_segment_size_bytes: 64 * 1024 * 1024,
            sync_interval: keyspace.sync_interval,
            background: true,
        }
    }
}

impl Settings {
    /// The keyspace's share: three quarters of the memory.
    pub(crate) fn keyspace(&self) -> KeyspaceSettings {
        KeyspaceSettings {
            memory_size_bytes: self.memory_size_bytes / 4 * 3,
            log_segment_size_bytes: self.log_segment_size_bytes,
            sync_interval: self.sync_interval,
            background: self.background,
            ..KeyspaceSettings::default()
        }
    }

    /// What the running statements of SQL take together before they spill to temporary files: as much as everything else, but
    /// taken only while they run.
    #[cfg(feature = "sql")]
    pub(crate) fn sql_size_bytes(&self) -> usize {
        self.memory_size_bytes
    }

    /// What volatile cache entries, and what cache entries depend on, may take in all: an eighth of the memory.
    pub(crate) fn cache_size_bytes(&self) -> u64 {
        (self.memory_size_bytes / 8) as u64
    }
}

/// How [`Database::transact_with`](crate::Database::transact_with) runs a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactOptions {
    /// When the commit is acknowledged. Default durable.
    pub durability: Durability,
    /// What the transaction is protected from. Default everything.
    pub isolation: Isolation,
    /// How often the transaction is run at most when others get in its way. Default 32.
    pub attempts: u32,
}

impl Default for TransactOptions {
    fn default() -> Self {
        TransactOptions { durability: Durability::default(), isolation: Isolation::default(), attempts: 32 }
    }
}
