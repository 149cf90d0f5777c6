//! What every request of one server shares.
//!
//! ```text
//!   App --> database, bridge to it, metrics, gate, limits        one per server, cloned per request
//! ```

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use marquetry::Database;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::auth::Gate;
use crate::bridge::Bridge;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::transactions::Transactions;
use crate::versions::Versions;

/// The shared state; clones are the same one.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) versions: Versions,
    pub(crate) transactions: Transactions,
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    pub(crate) bridge: Bridge,
    /// The bridge for what waits for transactions to end, whose requests need workers of the other one.
    pub(crate) line: Bridge,
    pub(crate) metrics: Metrics,
    /// One permit per backup that is under way.
    pub(crate) backups: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(database: Database, limits: Limits, gate: Gate, bridge: Bridge, line: Bridge) -> Self {
        App(Arc::new(Shared {
            versions: Versions::of(&database),
            transactions: Transactions::new(&limits),
            database,
            backups: Arc::new(Semaphore::new(limits.backups_max)),
            limits,
            gate,
            bridge,
            line,
            metrics: Metrics::default(),
            stopping: AtomicBool::new(false),
        }))
    }
}

impl Shared {
    /// Readiness turns false from here on; requests are still answered.
    pub(crate) fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether commits are accepted and kept for good; false once the log or the checkpoint has failed.
    pub(crate) fn accepts_writes(&self) -> bool {
        self.database.failure().is_none()
    }

    pub(crate) fn gauges(&self) -> Vec<(&'static str, &'static str, f64)> {
        let marquetry::Statistics { keyspace, waiting_receivers, cache, search } = self.database.stats();
        vec![
            ("marquetry_bridge_waiting", "Pieces of work that wait for a worker.", self.bridge.waiting() as f64),
            ("marquetry_bridge_running", "Pieces of work that a worker runs.", self.bridge.running() as f64),
            ("marquetry_http_transactions", "Transactions open over HTTP.", self.transactions.count() as f64),
            ("marquetry_waiting_receivers", "Receives that wait for a message.", waiting_receivers as f64),
            ("marquetry_cache_hits_total", "Reads of caches that found an entry.", cache.hits as f64),
            ("marquetry_cache_misses_total", "Reads of caches that found none.", cache.misses as f64),
            ("marquetry_cache_evictions_total", "Cache entries evicted.", cache.evictions as f64),
            ("marquetry_cache_invalidations_total", "Cache entries that a commit ended.", cache.invalidations as f64),
            ("marquetry_cache_volatile_size_bytes", "Memory of volatile entries.", cache.volatile_size_bytes as f64),
            ("marquetry_search_waiting", "Changes that are not in search segments yet.", search.waiting as f64),
            ("marquetry_search_size_bytes", "Size of all search segments.", search.size_bytes as f64),
            ("marquetry_version", "The newest visible version.", keyspace.visible_version.number() as f64),
            ("marquetry_commits_total", "Commits acknowledged.", keyspace.commits as f64),
            ("marquetry_conflicts_total", "Commits refused with a conflict.", keyspace.conflicts as f64),
            ("marquetry_log_syncs_total", "Syncs of the log.", keyspace.log_syncs as f64),
            ("marquetry_log_size_bytes", "Size of all log files.", keyspace.log_size_bytes as f64),
            ("marquetry_memtable_size_bytes", "Memory of the newest memtable.", keyspace.memtable_size_bytes as f64),
            ("marquetry_checkpoint_size_bytes", "Size of the checkpoint.", keyspace.checkpoint_size_bytes as f64),
            ("marquetry_accepts_writes", "1 while commits are accepted.", f64::from(u8::from(self.accepts_writes()))),
        ]
    }

    pub(crate) fn stats(&self) -> Value {
        json!({
            "database": self.database.stats(),
            "server": {
                "version": env!("CARGO_PKG_VERSION"),
                "open_transactions": self.transactions.count(),
                "bridge_waiting": self.bridge.waiting(),
                "bridge_running": self.bridge.running(),
            },
        })
    }
}
