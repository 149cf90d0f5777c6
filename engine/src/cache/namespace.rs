//! Namespaces: what is declared about them, and what the process keeps for each.
//!
//! ```text
//!   catalogue entry: class, budget, default time to live          CacheOptions
//!   in memory:       volatile entries, or size, hand and recency   Namespace
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Caches;
use super::entry::verify_ttl;
use super::keys;
use super::stored_state::StoredState;
use super::volatile::{Gauge, VolatileStore};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Durability, Reader, Transaction};
use crate::limits::CACHE_BUDGET_SIZE_BYTES_MIN;

/// Format of the definitions of namespaces.
const CACHE_NAMESPACE_FORMAT: u8 = 1;

/// Where the entries of a namespace live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheClass {
    /// In memory only: never in the log, gone with the process, evicted at any time.
    #[default]
    Volatile,
    /// On disk; a change by itself is acknowledged before it is synced.
    Buffered,
    /// On disk; a change by itself is acknowledged once it is synced.
    Durable,
}

impl CacheClass {
    /// How a change by itself is committed; `None` when it is not.
    pub(super) fn durability(self) -> Option<Durability> {
        match self {
            CacheClass::Volatile => None,
            CacheClass::Buffered => Some(Durability::Buffered),
            CacheClass::Durable => Some(Durability::Durable),
        }
    }
}

/// How a namespace keeps its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheOptions {
    /// Where they live. Default volatile.
    pub class: CacheClass,
    /// What they may take in all, keys and bookkeeping included; at least 4 KiB. Default 16 MiB. Volatile namespaces
    /// together take an eighth of [`Settings::memory_size_bytes`](crate::Settings::memory_size_bytes) at most.
    pub budget_size_bytes: u64,
    /// How long an entry lives that is set without a time; `None` for no end. Default no end.
    pub default_ttl_ms: Option<u64>,
}

impl Default for CacheOptions {
    fn default() -> Self {
        CacheOptions { class: CacheClass::Volatile, budget_size_bytes: 16 * 1024 * 1024, default_ttl_ms: None }
    }
}

impl CacheOptions {
    fn verify(&self) -> Result<()> {
        if let Some(ttl_ms) = self.default_ttl_ms {
            verify_ttl(std::time::Duration::from_millis(ttl_ms))?;
        }
        match self.budget_size_bytes < CACHE_BUDGET_SIZE_BYTES_MIN {
            true => Err(Error::invalid(format!(
                "a budget of {} bytes is too small for a cache; give at least {CACHE_BUDGET_SIZE_BYTES_MIN}",
                self.budget_size_bytes
            ))),
            false => Ok(()),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Definition {
    class: CacheClass,
    budget_size_bytes: u64,
    default_ttl_ms: Option<u64>,
    created_at: Timestamp,
}

/// A namespace, with figures since the database was opened. Figures of one that is not committed yet are zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheInfo {
    /// Its name.
    pub name: String,
    /// Where its entries live.
    pub class: CacheClass,
    /// What they may take in all.
    pub budget_size_bytes: u64,
    /// How long an entry lives that is set without a time.
    pub default_ttl_ms: Option<u64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Entries, with expired ones that are not removed yet.
    pub entries: u64,
    /// What they take.
    pub size_bytes: u64,
    /// Whether a namespace on disk is still being counted after opening; `entries` and `size_bytes` grow until then.
    pub is_counting: bool,
    /// Reads that found an entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values loaded by `get_or_load`.
    pub loads: u64,
    /// Loaded values that were not kept: untrue by the time they came, or too large.
    pub refused: u64,
    /// Entries that had to leave for others.
    pub evictions: u64,
}

/// Counters that only grow, read without a lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) evictions: AtomicU64,
}

impl Counters {
    pub(super) fn count_read(&self, is_hit: bool) {
        if is_hit { &self.hits } else { &self.misses }.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where the entries of a namespace are.
#[derive(Debug)]
pub(super) enum Store {
    Volatile(VolatileStore),
    Stored(Box<Mutex<StoredState>>),
}

/// What the process keeps for a namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) id: ObjectId,
    pub(super) name: String,
    pub(super) class: CacheClass,
    pub(super) budget_size_bytes: u64,
    pub(super) default_ttl_ms: Option<u64>,
    created_at: Timestamp,
    pub(super) counters: Counters,
    pub(super) store: Store,
}

impl Namespace {
    /// What `entry` of the catalogue declares, without entries. `is_new` when there can be none in the keyspace.
    pub(super) fn open(name: &str, entry: &Entry, total: &Arc<Gauge>, size_max: u64, is_new: bool) -> Result<Self> {
        let definition: Definition =
            record::decode(CACHE_NAMESPACE_FORMAT, &entry.definition, "the definition of a cache namespace")?;
        let store = match definition.class {
            CacheClass::Volatile => {
                Store::Volatile(VolatileStore::new(definition.budget_size_bytes.min(size_max), total.clone()))
            }
            CacheClass::Buffered | CacheClass::Durable => Store::Stored(Box::new(Mutex::new(StoredState::new(is_new)))),
        };
        Ok(Namespace {
            id: entry.id,
            name: name.to_owned(),
            class: definition.class,
            budget_size_bytes: definition.budget_size_bytes,
            default_ttl_ms: definition.default_ttl_ms,
            created_at: definition.created_at,
            counters: Counters::default(),
            store,
        })
    }

    pub(super) fn volatile(&self) -> Option<&VolatileStore> {
        match &self.store {
            Store::Volatile(store) => Some(store),
            Store::Stored(_) => None,
        }
    }

    pub(super) fn stored(&self) -> Option<&Mutex<StoredState>> {
        match &self.store {
            Store::Volatile(_) => None,
            Store::Stored(state) => Some(state),
        }
    }

    pub(super) fn info(&self) -> CacheInfo {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (entries, size_bytes, is_counting, evictions) = match &self.store {
            Store::Volatile(store) => (store.gauge().entries(), store.gauge().size_bytes(), false, store.evictions()),
            Store::Stored(state) => {
                let state = state.lock();
                (state.entries(), state.size_bytes(), state.is_counting(), 0)
            }
        };
        CacheInfo {
            name: self.name.clone(),
            class: self.class,
            budget_size_bytes: self.budget_size_bytes,
            default_ttl_ms: self.default_ttl_ms,
            created_at: self.created_at,
            entries,
            size_bytes,
            is_counting,
            hits: count(&self.counters.hits),
            misses: count(&self.counters.misses),
            loads: count(&self.counters.loads),
            refused: count(&self.counters.refused),
            evictions: count(&self.counters.evictions) + evictions,
        }
    }
}

impl<R: Reader + ?Sized> Caches<'_, R> {
    /// All namespaces by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn namespaces(&self) -> Result<Vec<CacheInfo>> {
        let entries = catalog::list(self.reader, Some(ObjectKind::Cache))?;
        entries.iter().map(|(name, entry)| Ok(self.model.memory.namespace(name, entry)?.info())).collect()
    }

    /// The namespace `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn namespace(&self, name: &str) -> Result<CacheInfo> {
        Ok(self.find(name)?.info())
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<Namespace>> {
        self.model.memory.namespace(name, &catalog::find(self.reader, ObjectKind::Cache, name)?)
    }
}

impl Caches<'_, Transaction> {
    /// Creates the namespace `name`.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `Invalid` or `LimitExceeded` for a bad name or bad options.
    pub fn create_namespace(&self, name: &str, options: &CacheOptions) -> Result<()> {
        options.verify()?;
        let definition = Definition {
            class: options.class,
            budget_size_bytes: options.budget_size_bytes,
            default_ttl_ms: options.default_ttl_ms,
            created_at: self.model.keyspace.env().now(),
        };
        let definition = record::encode(CACHE_NAMESPACE_FORMAT, &definition)?;
        self.atomically(|| {
            catalog::create(self.reader, &self.model.sequences, ObjectKind::Cache, name, definition).map(|_| ())
        })
    }

    /// Drops the namespace `name` with all its entries, whose space is reclaimed in the background.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn drop_namespace(&self, name: &str) -> Result<()> {
        let namespace = self.find(name)?;
        self.atomically(|| {
            catalog::remove(self.reader, name, namespace.id)?;
            if namespace.class == CacheClass::Volatile {
                return Ok(());
            }
            self.reader.reclaim_prefix(&keys::entries(namespace.id))?;
            self.reader.reclaim_prefix(&keys::expiries(namespace.id))
        })
    }
}
