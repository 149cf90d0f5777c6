//! The entries of one volatile namespace: in memory only, within a budget.
//!
//! ```text
//!   VolatileStore --- moka: key -> Cell      which entries stay: the often used ones
//!                 '-- Gauge of the namespace, Gauge of all     bytes, counted by us
//! ```
//!
//! - moka evicts when it gets round to it; the gauges are exact, and whoever inserts past a budget makes room at once.
//! - An entry's bytes are given back and leave the gauges in the moment in which it leaves the map, although its shell
//!   may linger until no reader can be looking at it.
//! - Changes are made under the lock of the key (see `flight`); reads take no lock but the cell's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use moka::Expiry;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use parking_lot::RwLock;

use super::coherence::Dependency;
use super::entry::{CacheEntry, is_live};
use crate::env::Timestamp;
use crate::kv::Version;

/// What an entry takes besides key and value, in bytes.
const CELL_OVERHEAD_SIZE_BYTES: u64 = 256;
/// Entries removed at once when all namespaces together are over their limit.
const SHED_ENTRIES: usize = 64;

/// Bytes and entries in memory.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    entries: AtomicU64,
    size_bytes: AtomicU64,
}

impl Gauge {
    pub(super) fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes that belong to no volatile entry.
    pub(super) fn reserve(&self, size_bytes: u64) {
        self.size_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    /// Counts them no more.
    pub(super) fn release(&self, size_bytes: u64) {
        self.size_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
    }

    fn add(&self, size_bytes: u64) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.size_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    fn subtract(&self, size_bytes: u64) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.size_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Body {
    value: Bytes,
    dependency: Option<Arc<Dependency>>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Cell {
    version: u64,
    expires_at: Option<Timestamp>,
    /// For moka, which has its own clock and only saves memory with it; `expires_at` decides.
    ttl: Option<Duration>,
    /// The oldest version of the keyspace that the value goes with.
    valid_from: Version,
    size_bytes: u64,
    /// `None` once the entry has left the map.
    body: RwLock<Option<Body>>,
}

/// What is to be an entry.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) value: Bytes,
    pub(super) version: u64,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) valid_from: Version,
    pub(super) dependency: Option<Arc<Dependency>>,
}

impl Content {
    /// The memory that it takes under a key of `key_length`, in bytes.
    pub(super) fn size_bytes(&self, key_length: usize) -> u64 {
        let dependency = self.dependency.as_ref().map_or(0, |dependency| dependency.size_bytes);
        (key_length + self.value.len()) as u64 + CELL_OVERHEAD_SIZE_BYTES + dependency
    }

    pub(super) fn entry(self) -> CacheEntry {
        CacheEntry { value: self.value, version: self.version, expires_at: self.expires_at }
    }
}

impl Cell {
    /// The entry as it is, unless it has left, is untrue by now or has expired.
    fn content(&self, now: Timestamp) -> Option<Content> {
        if !is_live(self.expires_at, now) {
            return None;
        }
        let body = self.body.read();
        let body = body.as_ref()?;
        if body.dependency.as_ref().is_some_and(|dependency| !dependency.is_alive()) {
            return None;
        }
        Some(Content {
            value: body.value.clone(),
            version: self.version,
            expires_at: self.expires_at,
            valid_from: self.valid_from,
            dependency: body.dependency.clone(),
        })
    }
}

/// Lets moka drop entries that have expired by its own clock, so that they do not take room unread.
struct ByOwnClock;

impl Expiry<Box<[u8]>, Arc<Cell>> for ByOwnClock {
    fn expire_after_create(&self, _: &Box<[u8]>, cell: &Arc<Cell>, _: std::time::Instant) -> Option<Duration> {
        cell.ttl
    }

    fn expire_after_update(
        &self,
        _: &Box<[u8]>,
        cell: &Arc<Cell>,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        cell.ttl
    }
}

/// The entries of one volatile namespace.
pub(super) struct VolatileStore {
    cells: Cache<Box<[u8]>, Arc<Cell>>,
    budget_size_bytes: u64,
    gauge: Arc<Gauge>,
    total: Arc<Gauge>,
    evictions: Arc<AtomicU64>,
}

impl std::fmt::Debug for VolatileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} volatile entries", self.gauge.entries())
    }
}

impl VolatileStore {
    pub(super) fn new(budget_size_bytes: u64, total: Arc<Gauge>) -> Self {
        let gauge = Arc::new(Gauge::default());
        let evictions = Arc::new(AtomicU64::new(0));
        let (own, all, evicted) = (gauge.clone(), total.clone(), evictions.clone());
        let leave = move |_: Arc<Box<[u8]>>, cell: Arc<Cell>, cause: RemovalCause| {
            if cause == RemovalCause::Size {
                evicted.fetch_add(1, Ordering::Relaxed);
            }
            // Dropped outside the cell's lock: a dependency takes a lock of its own when it ends.
            let body = cell.body.write().take();
            if body.is_some() {
                own.subtract(cell.size_bytes);
                all.subtract(cell.size_bytes);
            }
        };
        let cells = Cache::builder()
            // The rest of the budget is slack for the evictions that moka puts off.
            .max_capacity(budget_size_bytes - budget_size_bytes / 8)
            .weigher(|_, cell: &Arc<Cell>| u32::try_from(cell.size_bytes).unwrap_or(u32::MAX))
            .expire_after(ByOwnClock)
            .eviction_listener(leave)
            .build();
        VolatileStore { cells, budget_size_bytes, gauge, total, evictions }
    }

    pub(super) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Entries that had to leave for others.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// The largest entry that can be kept, in bytes.
    pub(super) fn entry_size_bytes_max(&self) -> u64 {
        self.budget_size_bytes / 2
    }

    /// The entry under `key` as it is at `now`, whatever version it goes with.
    pub(super) fn get(&self, key: &[u8], now: Timestamp) -> Option<Content> {
        self.cells.get(key)?.content(now)
    }

    /// Puts an entry under `key`; the caller holds the key's lock. It may be evicted at once.
    pub(super) fn insert(&self, key: &[u8], content: Content, now: Timestamp) {
        let size_bytes = content.size_bytes(key.len());
        let cell = Arc::new(Cell {
            version: content.version,
            expires_at: content.expires_at,
            ttl: content.expires_at.map(|end| end.since(now)),
            valid_from: content.valid_from,
            size_bytes,
            body: RwLock::new(Some(Body { value: content.value, dependency: content.dependency })),
        });
        self.gauge.add(size_bytes);
        self.total.add(size_bytes);
        self.cells.insert(key.into(), cell);
        if self.gauge.size_bytes() > self.budget_size_bytes {
            self.cells.run_pending_tasks();
        }
    }

    /// Removes the entry under `key`; the caller holds the key's lock.
    pub(super) fn remove(&self, key: &[u8]) {
        self.cells.invalidate(key);
    }

    /// Removes the entry under `key` if it is there and untrue or expired; the caller holds the key's lock.
    pub(super) fn remove_dead(&self, key: &[u8], now: Timestamp) {
        if self.cells.get(key).is_some_and(|cell| cell.content(now).is_none()) {
            self.cells.invalidate(key);
        }
    }

    /// Removes some entries until all namespaces together take no more than `total_size_bytes`; false when there is
    /// nothing left to remove here.
    pub(super) fn shed(&self, total_size_bytes: u64) -> bool {
        self.cells.run_pending_tasks();
        let keys: Vec<_> = self.cells.iter().take(SHED_ENTRIES).map(|(key, _)| key).collect();
        for key in &keys {
            if self.total.size_bytes() <= total_size_bytes {
                return true;
            }
            self.evictions.fetch_add(1, Ordering::Relaxed);
            self.cells.invalidate(&**key);
        }
        !keys.is_empty()
    }

    /// Does what moka has put off.
    pub(super) fn maintain(&self) {
        self.cells.run_pending_tasks();
    }

    /// Removes some entries of a namespace that was dropped; true while there are more.
    pub(super) fn clear_some(&self) -> bool {
        let keys: Vec<_> = self.cells.iter().take(SHED_ENTRIES * 16).map(|(key, _)| key).collect();
        keys.iter().for_each(|key| self.cells.invalidate(&**key));
        self.cells.run_pending_tasks();
        !keys.is_empty()
    }
}
