//! Whoever takes locks: remembers which, and gives them back in the end.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{LockMode, LockWait, Locks, Owner};
use crate::error::Result;
use crate::sync::Mutex;

/// One lock that was taken.
#[derive(Debug)]
struct Taken {
    key: Bytes,
    mode: LockMode,
    /// How the key was held before.
    before: Option<LockMode>,
}

#[derive(Debug, Default)]
struct Held {
    strongest: HashMap<Bytes, LockMode>,
    taken: Vec<Taken>,
}

impl Held {
    /// Forgets the lock at `index` of those taken.
    fn forget(&mut self, index: usize) -> Taken {
        let taken = self.taken.remove(index);
        let mut strongest = None;
        for left in self.taken.iter_mut().filter(|left| left.key == taken.key) {
            left.before = strongest;
            strongest = strongest.max(Some(left.mode));
        }
        match strongest {
            Some(strongest) => self.strongest.insert(taken.key.clone(), strongest),
            None => self.strongest.remove(&taken.key),
        };
        taken
    }
}

/// Locks that end together: those of a transaction, or those that a session holds beyond its transactions.
///
/// What is still held is given back when it is dropped.
#[derive(Debug)]
pub struct Locker {
    locks: Arc<Locks>,
    owner: Owner,
    held: Mutex<Held>,
}

/// A place in the order in which a [`Locker`] took its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LockMark(usize);

impl Locker {
    pub(crate) fn new(locks: Arc<Locks>, owner: Owner) -> Self {
        Locker { locks, owner, held: Mutex::default() }
    }

    /// Whose locks these are. Lockers of one owner never wait for each other.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Locks `key`, unless it is held as strongly already; false when it was skipped.
    ///
    /// # Errors
    /// Those of [`LockFailure`](super::LockFailure), and `LimitExceeded` when there are too many locks.
    pub fn lock(&self, key: &[u8], mode: LockMode, wait: LockWait<'_>) -> Result<bool> {
        if self.held.lock().strongest.get(key).is_some_and(|held| *held >= mode) {
            return Ok(true);
        }
        self.lock_again(key, mode, wait)
    }

    /// As [`Locker::lock`], to be given back once more by [`Locker::unlock`] even when it is held already.
    ///
    /// # Errors
    /// As [`Locker::lock`].
    pub fn lock_again(&self, key: &[u8], mode: LockMode, wait: LockWait<'_>) -> Result<bool> {
        let key = Bytes::copy_from_slice(key);
        if !self.locks.acquire(self.owner, &key, mode, wait)? {
            return Ok(false);
        }
        let mut held = self.held.lock();
        let before = held.strongest.get(&key).copied();
        held.strongest.insert(key.clone(), before.map_or(mode, |before| before.max(mode)));
        held.taken.push(Taken { key, mode, before });
        Ok(true)
    }

    /// Gives back one lock of `key` in this mode; false when there is none.
    pub fn unlock(&self, key: &[u8], mode: LockMode) -> bool {
        let mut held = self.held.lock();
        let Some(index) = held.taken.iter().rposition(|taken| taken.key == key && taken.mode == mode) else {
            return false;
        };
        let taken = held.forget(index);
        self.locks.release(self.owner, &taken.key, taken.mode);
        true
    }

    /// Gives back everything.
    pub fn unlock_all(&self) {
        self.release_to(LockMark(0));
    }

    /// How `key` is held.
    pub fn held(&self, key: &[u8]) -> Option<LockMode> {
        self.held.lock().strongest.get(key).copied()
    }

    /// How many locks are held.
    pub fn count(&self) -> usize {
        self.held.lock().taken.len()
    }

    pub(crate) fn mark(&self) -> LockMark {
        LockMark(self.count())
    }

    /// Gives back what was taken since `mark`.
    pub(crate) fn release_to(&self, mark: LockMark) {
        let mut held = self.held.lock();
        while held.taken.len() > mark.0 {
            let Some(Taken { key, mode, before }) = held.taken.pop() else { return };
            match before {
                Some(before) => drop(held.strongest.insert(key.clone(), before)),
                None => drop(held.strongest.remove(&key)),
            }
            self.locks.release(self.owner, &key, mode);
        }
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        self.unlock_all();
    }
}
