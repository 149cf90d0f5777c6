//! Stopping a statement from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use marquetry_functions::{Condition, SqlError};

use crate::env::Env;
use crate::error::Result;
use crate::kv::Interrupt;

/// Stops the running statement of one session, from any thread.
///
/// A statement runs until its rows have been taken. What is asked between two statements is forgotten when the next begins.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<State>);

struct State {
    env: Arc<dyn Env>,
    /// What the running statement has to stop for.
    reason: AtomicU8,
    /// Ends waits for locks.
    waits: Interrupt,
    /// When the statement is over its time, in microseconds of the clock; 0 for never.
    deadline_micros: AtomicU64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("reason", &self.reason).finish_non_exhaustive()
    }
}

const NOTHING: u8 = 0;
const ASKED: u8 = 1;
const LATE: u8 = 2;

impl Interrupter {
    pub(crate) fn new(env: Arc<dyn Env>) -> Self {
        Interrupter(Arc::new(State {
            env,
            reason: AtomicU8::new(NOTHING),
            waits: Interrupt::default(),
            deadline_micros: AtomicU64::new(0),
        }))
    }

    /// The clock, in microseconds since 1970.
    pub(crate) fn now_micros(&self) -> u64 {
        u64::try_from(self.0.env.now().as_micros()).unwrap_or(0)
    }

    /// Makes the running statement fail with condition 57014.
    pub fn interrupt(&self) {
        self.stop(ASKED);
    }

    fn stop(&self, reason: u8) {
        self.0.reason.store(reason, Ordering::Release);
        self.0.waits.set();
    }

    /// What ends the statement's waits for locks.
    pub(crate) fn waits(&self) -> &Interrupt {
        &self.0.waits
    }

    /// When the statement is over its time, in microseconds of the system's clock; 0 for never.
    pub(crate) fn deadline_micros(&self) -> u64 {
        self.0.deadline_micros.load(Ordering::Relaxed)
    }

    /// A statement begins, with at most until `deadline_micros`, or 0.
    pub(crate) fn begin(&self, deadline_micros: u64) {
        self.0.reason.store(NOTHING, Ordering::Release);
        self.0.waits.clear();
        self.0.deadline_micros.store(deadline_micros, Ordering::Release);
    }

    /// Fails when the statement has to stop.
    pub(crate) fn check(&self) -> Result<()> {
        let deadline = self.deadline_micros();
        if deadline != 0 && self.now_micros() > deadline {
            self.stop(LATE);
        }
        match self.0.reason.load(Ordering::Acquire) {
            NOTHING => Ok(()),
            LATE => Err(SqlError::new(Condition::QueryCanceled, "canceling statement due to statement timeout").into()),
            _ => Err(SqlError::new(Condition::QueryCanceled, "canceling statement due to user request").into()),
        }
    }
}
