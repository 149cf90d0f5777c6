//! How one waits for a lock, what ends the wait, and why there was none in the end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::entry::Waiter;
use super::{LockMode, Owner};
use crate::error::{Error, ErrorKind};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// What to do when a lock is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitPolicy {
    /// Wait, for this long at most; without end when there is no time.
    Wait(Option<Duration>),
    /// Fail at once.
    NoWait,
    /// Do without.
    SkipLocked,
}

/// A policy, and who may end the wait.
#[derive(Debug, Clone, Copy)]
pub struct LockWait<'a> {
    /// What to do when the lock is not free.
    pub policy: WaitPolicy,
    /// Ends the wait when it is set.
    pub interrupt: Option<&'a Interrupt>,
}

impl From<WaitPolicy> for LockWait<'_> {
    fn from(policy: WaitPolicy) -> Self {
        LockWait { policy, interrupt: None }
    }
}

/// Ends waits for locks from another thread, and says to whoever asks that he should end.
#[derive(Debug, Default)]
pub struct Interrupt {
    is_set: AtomicBool,
    waiting: Mutex<Vec<Arc<Waiter>>>,
}

impl Interrupt {
    /// Ends the waits of those who wait with this, and of those who begin to.
    pub fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        // The list is not held while a waiter is woken: whoever waits holds his lock when he looks here.
        let waiting = self.waiting.lock().clone();
        waiting.iter().for_each(|waiter| waiter.wake());
    }

    /// Lets later waits go on.
    pub fn clear(&self) {
        self.is_set.store(false, Ordering::SeqCst);
    }

    /// Whether waits with this end.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    pub(super) fn enter(&self, waiter: &Arc<Waiter>) {
        self.waiting.lock().push(waiter.clone());
    }

    pub(super) fn leave(&self, waiter: &Arc<Waiter>) {
        self.waiting.lock().retain(|other| !Arc::ptr_eq(other, waiter));
    }
}

/// Who waits for whom, and at what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Who waits.
    pub waiter: Owner,
    /// What he wants.
    pub mode: LockMode,
    /// At which key.
    pub key: Bytes,
    /// Who is in the way.
    pub holder: Owner,
}

/// Why somebody got no lock; the source of the error that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockFailure {
    /// It was not free, and he did not want to wait.
    NotAvailable,
    /// It did not become free in time.
    TimedOut,
    /// He was interrupted.
    Interrupted,
    /// All of these wait for each other; he came last.
    Deadlock(Vec<Wait>),
}

impl LockFailure {
    /// Why there was no lock, if that is what `error` is about.
    pub fn of(error: &Error) -> Option<&LockFailure> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for LockFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockFailure::NotAvailable => f.write_str("another transaction has locked it; try again later"),
            LockFailure::TimedOut => f.write_str("a lock did not become free in time; try again later"),
            LockFailure::Interrupted => f.write_str("the wait for a lock was interrupted as was asked for"),
            LockFailure::Deadlock(waits) => {
                f.write_str("deadlock: ")?;
                for Wait { waiter, mode, holder, .. } in waits {
                    write!(f, "{waiter} waits to lock for {mode:?} what {holder} has locked; ")?;
                }
                f.write_str("run the whole transaction again")
            }
        }
    }
}

impl std::error::Error for LockFailure {}

impl From<LockFailure> for Error {
    fn from(failure: LockFailure) -> Self {
        let kind = match failure {
            LockFailure::Deadlock(_) => ErrorKind::Conflict,
            LockFailure::NotAvailable | LockFailure::TimedOut | LockFailure::Interrupted => ErrorKind::Unavailable,
        };
        Error::new(kind, failure.to_string()).with_source(failure)
    }
}
