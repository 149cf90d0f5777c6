//! Settings and figures of a keyspace: plain data.

use std::time::Duration;

use super::version::Version;

/// How a keyspace uses memory, disk and time.
#[derive(Debug, Clone)]
pub struct KeyspaceSettings {
    /// Memory for memtables and the page cache together, in bytes. Default 192 MiB.
    pub memory_size_bytes: usize,
    /// Size at which a log segment file is closed and another begun, in bytes. Default 64 MiB.
    pub log_segment_size_bytes: u64,
    /// Longest time for which a buffered commit may be unsynced. Default 50 ms.
    pub sync_interval: Duration,
    /// Longest time for which a commit waits for memory. Default 30 s.
    pub stall_timeout: Duration,
    /// Longest time for which a commit waits for each key that another transaction has locked. Default 10 s.
    pub lock_timeout: Duration,
    /// Whether threads sync, fold and reclaim by themselves. Default true; simulations switch it off.
    pub background: bool,
}

impl Default for KeyspaceSettings {
    fn default() -> Self {
        KeyspaceSettings {
            memory_size_bytes: 192 * 1024 * 1024,
            log_segment_size_bytes: 64 * 1024 * 1024,
            sync_interval: Duration::from_millis(50),
            stall_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            background: true,
        }
    }
}

impl KeyspaceSettings {
    /// The size at which a memtable is folded: a quarter of the budget. The next one fills to as much meanwhile, the page
    /// cache is another quarter, and the last one is for what is not counted: what allocators lose between threads, and
    /// commits on their way.
    pub(crate) fn memtable_size_bytes(&self) -> usize {
        self.memory_size_bytes / 4
    }

    /// The share of all memtables: commits wait when it is used up.
    pub(crate) fn memtables_size_bytes(&self) -> usize {
        self.memtable_size_bytes() * 2
    }

    /// How far the next memtable may fill beside a fold before commits are paced.
    pub(crate) fn unpaced_size_bytes(&self) -> usize {
        self.memtable_size_bytes() / 4
    }

    /// What an open may keep in memory of the log before it folds, which takes longer than all else: everything, since
    /// the page cache is empty. It is folded in the background then.
    pub(crate) fn recovered_size_bytes(&self) -> usize {
        self.memory_size_bytes
    }

    /// The log since the last fold after which the memtable is folded although it is not full: keys that are written
    /// over and over fill the log and never the memtable, and opening after a crash takes its time by the log.
    pub(crate) fn unfolded_log_size_bytes(&self) -> u64 {
        (self.log_segment_size_bytes * 2).max(self.memtable_size_bytes() as u64)
    }

    pub(crate) fn page_cache_size_bytes(&self) -> usize {
        self.memory_size_bytes / 4
    }
}

/// Figures about a keyspace at one moment; counters count from opening.
#[derive(Debug, Clone, serde::Serialize)]
pub struct KeyspaceStatistics {
    /// The newest version that readers see.
    pub visible_version: Version,
    /// The newest version that survives a power cut.
    pub durable_version: Version,
    /// The version that the checkpoint file holds.
    pub checkpoint_version: Version,
    /// Memory of the memtable that commits go to.
    pub memtable_size_bytes: u64,
    /// Keys in that memtable.
    pub memtable_keys: u64,
    /// Memory of the memtable being folded, zero when none is.
    pub frozen_size_bytes: u64,
    /// Size of the checkpoint file.
    pub checkpoint_size_bytes: u64,
    /// Size of all log files.
    pub log_size_bytes: u64,
    /// Open snapshots and transactions.
    pub open_readers: u64,
    /// Open transactions.
    pub open_transactions: u64,
    /// Keys that are locked.
    pub locked_keys: u64,
    /// Commits acknowledged.
    pub commits: u64,
    /// Commits refused with a conflict.
    pub conflicts: u64,
    /// Records written to the log; each holds one or more commits.
    pub log_records: u64,
    /// Syncs of the log.
    pub log_syncs: u64,
    /// Folds into the checkpoint.
    pub checkpoints: u64,
    /// Time spent folding, in microseconds.
    pub checkpoint_micros: u64,
    /// Commits that had to wait for memory.
    pub stalls: u64,
    /// Why commits are refused, if they are.
    pub failure: Option<String>,
}

/// What a check of the whole keyspace went through without finding damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct CheckReport {
    /// Log records verified.
    pub log_records: u64,
    /// Keys of the checkpoint walked.
    pub checkpoint_keys: u64,
    /// Keys visible over all levels.
    pub keys: u64,
}
