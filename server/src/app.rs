//! What every request of one server shares.
//!
//! ```text
//!   App --> database, bridge to it, metrics, gate, limits        one per server, cloned per request
//! ```

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::auth::Gate;
use crate::bridge::Bridge;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// The shared state; clones are the same one.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    pub(crate) bridge: Bridge,
    pub(crate) metrics: Metrics,
    stopping: AtomicBool,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(limits: Limits, gate: Gate, bridge: Bridge) -> Self {
        let metrics = Metrics::default();
        App(Arc::new(Shared { limits, gate, bridge, metrics, stopping: AtomicBool::new(false) }))
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

    pub(crate) fn accepts_writes(&self) -> bool {
        true
    }

    pub(crate) fn visible_version(&self) -> u64 {
        0
    }

    pub(crate) async fn wait_for_version(&self, _version: u64) -> Result<(), crate::bridge::BridgeError> {
        Ok(())
    }

    pub(crate) fn gauges(&self) -> Vec<(&'static str, &'static str, f64)> {
        vec![
            ("marquetry_bridge_waiting", "Pieces of work that wait for a worker.", self.bridge.waiting() as f64),
            ("marquetry_bridge_running", "Pieces of work that a worker runs.", self.bridge.running() as f64),
        ]
    }

    pub(crate) fn stats(&self) -> Value {
        json!({})
    }
}
