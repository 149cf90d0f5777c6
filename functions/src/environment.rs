//! What a session is to the functions that it calls.
//!
//! Shared and changed in place, so that a plan that was made once follows the session's settings.

use std::any::Any;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use chrono_tz::Tz;

use crate::datetime::Zone;

/// Settings and times of one session.
pub struct Environment {
    context: RwLock<Option<Arc<dyn Any + Send + Sync>>>,
    time_zone: RwLock<Zone>,
    transaction_time_micros: AtomicI64,
    statement_time_micros: AtomicI64,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("time_zone", &self.time_zone()).finish_non_exhaustive()
    }
}

impl Default for Environment {
    fn default() -> Self {
        Environment {
            context: RwLock::new(None),
            time_zone: RwLock::new(Zone::Named(Tz::UTC)),
            transaction_time_micros: AtomicI64::new(0),
            statement_time_micros: AtomicI64::new(0),
        }
    }
}

impl Environment {
    /// A session in UTC.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What the layer above has left for functions of its own, if it is a `T`.
    pub fn context<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let context = self.context.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        context.and_then(|context| context.downcast().ok())
    }

    /// Leaves something for functions of the layer above.
    pub fn set_context(&self, context: Arc<dyn Any + Send + Sync>) {
        *self.context.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(context);
    }

    /// The session's time zone.
    pub fn time_zone(&self) -> Zone {
        *self.time_zone.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Changes the session's time zone.
    pub fn set_time_zone(&self, zone: Zone) {
        *self.time_zone.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = zone;
    }

    /// When the transaction began, in microseconds since 1970: what `now()` is.
    pub fn transaction_time_micros(&self) -> i64 {
        self.transaction_time_micros.load(Ordering::Relaxed)
    }

    /// When the statement began, in microseconds since 1970.
    pub fn statement_time_micros(&self) -> i64 {
        self.statement_time_micros.load(Ordering::Relaxed)
    }

    /// Says when the transaction began.
    pub fn set_transaction_time_micros(&self, micros: i64) {
        self.transaction_time_micros.store(micros, Ordering::Relaxed);
    }

    /// Says when the statement began.
    pub fn set_statement_time_micros(&self, micros: i64) {
        self.statement_time_micros.store(micros, Ordering::Relaxed);
    }
}
