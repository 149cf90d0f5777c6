//! Locks of keys: who changes something keeps others from changing it until his transaction has ended.
//!
//! ```text
//!   Locker (transaction, session) --lock--> shard of the table --free--> held
//!                                                |
//!                                                '--not free--> in line --> handed over by whoever gives it back
//!                                                                  |------> time is over, interrupted: error
//!                                                                  '------> a circle of those who wait: error
//! ```
//!
//! - **K11** Two owners never hold one key in modes that conflict; what is held is given back when its transaction has ended
//!   and its commit is visible, or when it goes back to a savepoint from before.
//! - **K12** A commit that would change a key which another has locked against that waits until it is free, and only then is
//!   compared. Locks are looked at under the lock of commits: whoever has got one sees every commit that did not see it.
//! - Nobody waits for ever in a circle, and nobody is overtaken in line by one whom he would have to wait for.
//! - An entry exists only while a key is held or waited for. All of them together are bounded.
//!
//! Keys are bytes, whether they exist or not. Advisory locks are locks of keys that nothing is ever stored under. What a
//! lock means is up to whoever takes it: the optimistic transactions take none, and K3 never rests on them.
//!
//! Lock order: the committer's, then one shard, then who waits. Only the search for a circle takes several shards, in order.

mod deadlock;
mod entry;
mod locker;
mod mode;
#[cfg(test)]
mod tests;
mod wait;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use self::entry::{Entry, Shard, Waiter};
pub(crate) use self::locker::LockMark;
pub use self::locker::Locker;
pub use self::mode::LockMode;
pub use self::wait::{Interrupt, LockFailure, LockWait, Wait, WaitPolicy};
use super::SYSTEM_TAG;
use super::memtable::Change;
use crate::error::{Error, Result};
use crate::limits::LOCKS_SIZE_BYTES_MAX;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Enough that those who lock different keys seldom meet.
const SHARDS: usize = 64;

/// What a lock costs beside its key: its place in the table and with its locker.
const LOCK_OVERHEAD_BYTES: usize = 256;

/// After the tag of the system, where no key is ever stored.
const ADVISORY_SPACE: u8 = 0xff;

/// How long one waits before he looks for a circle again. When schedules are chosen a wait has an end only where it is tried.
const SEARCH_INTERVAL: Duration = match cfg!(feature = "schedules") {
    true => Duration::from_secs(3_600),
    false => Duration::from_secs(1),
};

/// Who holds locks: a transaction or a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u64);

impl Owner {
    pub(crate) fn new(number: u64) -> Self {
        Owner(number)
    }

    /// A number that no other open transaction or session has.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction {}", self.0)
    }
}

/// What a lock found at its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// The key is locked, and its newest committed value is the one that the transaction reads.
    Current,
    /// The key is locked, and was changed since the version that the transaction reads.
    Changed,
    /// The key is not locked: another has it, and the caller wanted to do without.
    Skipped,
}

/// The key to lock for an advisory lock; nothing is ever stored under it.
///
/// `name` is up to the caller, who takes care that different ones are different.
pub fn advisory_key(name: &[u8]) -> Bytes {
    [&[SYSTEM_TAG, ADVISORY_SPACE], name].concat().into()
}

/// The locks of one keyspace.
pub(crate) struct Locks {
    shards: Vec<Arc<Shard>>,
    /// Keys that are locked; commits look at the table only when there are any.
    count: AtomicUsize,
    size_bytes: AtomicUsize,
    /// The waits of each owner that has any.
    waiting: Mutex<HashMap<Owner, Vec<Arc<Waiter>>>>,
}

impl Default for Locks {
    fn default() -> Self {
        Locks {
            shards: (0..SHARDS).map(|_| Arc::default()).collect(),
            count: AtomicUsize::new(0),
            size_bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locks of {} keys", self.count())
    }
}

impl Locks {
    /// How many keys are locked.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn shard_number(key: &[u8]) -> usize {
        xxh3_64(key) as usize % SHARDS
    }

    /// Locks `key` for `owner` once more; false when it was skipped.
    pub(crate) fn acquire(&self, owner: Owner, key: &Bytes, mode: LockMode, wait: LockWait<'_>) -> Result<bool> {
        self.reserve(key)?;
        let outcome = self.try_now(owner, key, mode).map_or_else(|| self.wait(owner, key, mode, wait), Ok);
        if !matches!(outcome, Ok(true)) {
            self.size_bytes.fetch_sub(key.len() + LOCK_OVERHEAD_BYTES, Ordering::Relaxed);
        }
        outcome
    }

    fn reserve(&self, key: &Bytes) -> Result<()> {
        let size_bytes = key.len() + LOCK_OVERHEAD_BYTES;
        if self.size_bytes.fetch_add(size_bytes, Ordering::Relaxed) + size_bytes <= LOCKS_SIZE_BYTES_MAX {
            return Ok(());
        }
        self.size_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
        Err(Error::limit_exceeded(format!(
            "the locks of all transactions may take {LOCKS_SIZE_BYTES_MAX} bytes; change fewer rows in one transaction"
        )))
    }

    /// True when the lock could be had at once, nothing when not.
    fn try_now(&self, owner: Owner, key: &Bytes, mode: LockMode) -> Option<bool> {
        match self.shards[Self::shard_number(key)].lock().entry(key.clone()) {
            Slot::Vacant(place) => {
                self.count.fetch_add(1, Ordering::SeqCst);
                place.insert(Entry::held_by(owner, mode));
                Some(true)
            }
            Slot::Occupied(mut held) => held.get().admits(owner, mode).then(|| {
                held.get_mut().hold(owner, mode);
                true
            }),
        }
    }

    fn wait(&self, owner: Owner, key: &Bytes, mode: LockMode, wait: LockWait<'_>) -> Result<bool> {
        let mut left = match wait.policy {
            WaitPolicy::NoWait => return Err(LockFailure::NotAvailable.into()),
            WaitPolicy::SkipLocked => return Ok(false),
            WaitPolicy::Wait(timeout) => timeout.unwrap_or(Duration::MAX),
        };
        let number = Self::shard_number(key);
        let waiter = Arc::new(Waiter::new(owner, mode, key.clone(), self.shards[number].clone(), number));
        // Before the first look at the interruption, so that none is missed between that and the wait.
        wait.interrupt.inspect(|interrupt| interrupt.enter(&waiter));
        let outcome = match self.stand_in_line(&waiter) {
            true => Ok(()),
            false => self.wait_in_line(&waiter, &mut left, wait.interrupt),
        };
        wait.interrupt.inspect(|interrupt| interrupt.leave(&waiter));
        outcome.map(|()| true).map_err(Error::from)
    }

    /// True when the lock has become free and is held instead.
    fn stand_in_line(&self, waiter: &Arc<Waiter>) -> bool {
        let mut entries = waiter.shard.lock();
        match entries.entry(waiter.key.clone()) {
            Slot::Vacant(place) => {
                self.count.fetch_add(1, Ordering::SeqCst);
                place.insert(Entry::held_by(waiter.owner, waiter.mode));
                true
            }
            Slot::Occupied(mut held) if held.get().admits(waiter.owner, waiter.mode) => {
                held.get_mut().hold(waiter.owner, waiter.mode);
                true
            }
            Slot::Occupied(mut held) => {
                held.get_mut().stand_in_line(waiter.clone());
                self.waiting.lock().entry(waiter.owner).or_default().push(waiter.clone());
                false
            }
        }
    }

    fn wait_in_line(
        &self,
        waiter: &Arc<Waiter>,
        left: &mut Duration,
        interrupt: Option<&Interrupt>,
    ) -> Result<(), LockFailure> {
        let outcome = loop {
            if let Some(waits) = self.deadlock(waiter) {
                break Err(LockFailure::Deadlock(waits));
            }
            if let Some(outcome) = self.wait_a_while(waiter, left, interrupt) {
                break outcome;
            }
        };
        let mut waiting = self.waiting.lock();
        if let Some(waits) = waiting.get_mut(&waiter.owner) {
            waits.retain(|other| !Arc::ptr_eq(other, waiter));
            if waits.is_empty() {
                waiting.remove(&waiter.owner);
            }
        }
        outcome
    }

    /// Waits until the wait has ended one way or the other; nothing when it is time to look for a circle again.
    fn wait_a_while(
        &self,
        waiter: &Arc<Waiter>,
        left: &mut Duration,
        interrupt: Option<&Interrupt>,
    ) -> Option<Result<(), LockFailure>> {
        let mut entries = waiter.shard.lock();
        loop {
            if waiter.is_granted() {
                return Some(Ok(()));
            }
            let failure = match interrupt.is_some_and(Interrupt::is_set) {
                true => Some(LockFailure::Interrupted),
                false => left.is_zero().then_some(LockFailure::TimedOut),
            };
            if let Some(failure) = failure {
                self.change(&mut entries, &waiter.key, |entry| entry.leave_line(waiter));
                return Some(Err(failure));
            }
            let slice = (*left).min(SEARCH_INTERVAL);
            if waiter.moved.wait_for(&mut entries, slice).timed_out() {
                *left = left.saturating_sub(slice);
                if !left.is_zero() && !waiter.is_granted() {
                    return None;
                }
            }
        }
    }

    /// Gives back one hold of `key`.
    pub(crate) fn release(&self, owner: Owner, key: &Bytes, mode: LockMode) {
        let mut entries = self.shards[Self::shard_number(key)].lock();
        self.change(&mut entries, key, |entry| entry.release(owner, mode));
        self.size_bytes.fetch_sub(key.len() + LOCK_OVERHEAD_BYTES, Ordering::Relaxed);
    }

    /// Changes the entry of `key`, and removes it when nobody needs it any more.
    fn change(&self, entries: &mut HashMap<Bytes, Entry>, key: &Bytes, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = entries.get_mut(key) else { return };
        change(entry);
        if entry.is_empty() {
            entries.remove(key);
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// What of `changes` somebody other than `owner` has locked against that, and the mode that the change needs.
    pub(crate) fn met_by(&self, owner: Owner, changes: &[Change]) -> Option<(Bytes, LockMode)> {
        if self.count() == 0 {
            return None;
        }
        changes.iter().find_map(|(key, value)| {
            let mode = LockMode::of_change(value.is_some());
            let entries = self.shards[Self::shard_number(key)].lock();
            let is_met = entries.get(key).is_some_and(|entry| entry.in_the_way(owner, mode).next().is_some());
            is_met.then(|| (key.clone(), mode))
        })
    }
}
