//! What SQL shares between the sessions of one database.

use std::sync::{Arc, OnceLock};

use marquetry_functions::Registry;
use parking_lot::Mutex;

use super::execute::Executor;
use super::session::Notifications;
use crate::error::Result;

/// The shared parts of SQL.
#[derive(Debug)]
pub(crate) struct SqlModel {
    memory_size_bytes: usize,
    executor: Mutex<Option<Arc<Executor>>>,
    notifications: Arc<Notifications>,
}

impl SqlModel {
    /// SQL whose statements together use `memory_size_bytes`.
    pub(crate) fn new(memory_size_bytes: usize) -> Self {
        SqlModel { memory_size_bytes, executor: Mutex::new(None), notifications: Arc::default() }
    }

    /// What runs plans; started with the first statement that needs it.
    pub(crate) fn executor(&self) -> Result<Arc<Executor>> {
        let mut executor = self.executor.lock();
        if let Some(started) = &*executor {
            return Ok(started.clone());
        }
        let started = Arc::new(Executor::start(self.memory_size_bytes)?);
        *executor = Some(started.clone());
        Ok(started)
    }

    /// The functions that statements may call.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
        REGISTRY.get_or_init(|| Arc::new(Registry::standard().with(super::functions()))).clone()
    }

    pub(crate) fn notifications(&self) -> Arc<Notifications> {
        self.notifications.clone()
    }
}
