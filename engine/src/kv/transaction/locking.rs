//! Locks of a transaction: who has locked a key is the next one to change it.

use super::super::locks::{LockMode, LockWait, Locked, Locker, Owner};
use super::Transaction;
use crate::error::{Error, Result};

impl Transaction {
    /// Locks `key` until the transaction ends or goes back to a savepoint from before, and says whether what the transaction
    /// reads there is still the newest. If not, [`Transaction::rebase`] brings it up to date.
    ///
    /// The key need not exist, and locking it does not make the transaction depend on its value.
    ///
    /// # Errors
    /// Those of [`LockFailure`](crate::kv::LockFailure): `Conflict` for a deadlock, else `Unavailable`. `LimitExceeded` when
    /// there are too many locks. `Closed` when the transaction has ended.
    pub fn lock(&self, key: &[u8], mode: LockMode, wait: LockWait<'_>) -> Result<Locked> {
        self.state.lock().refuse_when_ended()?;
        if !self.locker().lock(key, mode, wait)? {
            return Ok(Locked::Skipped);
        }
        if let Err(error) = self.state.lock().refuse_when_ended() {
            // Ended by another while this one waited: nobody would give the lock back before the transaction is dropped.
            self.locker().unlock_all();
            return Err(error);
        }
        match self.is_current(key)? {
            true => Ok(Locked::Current),
            false => Ok(Locked::Changed),
        }
    }

    /// Whether what the transaction reads at `key`, but for its own writes, is the newest that is committed. Whoever has
    /// locked the key can rely on it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn is_current(&self, key: &[u8]) -> Result<bool> {
        Ok(!self.keyspace.is_changed(key, &self.base.read().view)?)
    }

    /// Takes locks in the name of `session`, so that neither ever waits for the other. Before the first lock.
    ///
    /// # Errors
    /// `Invalid` when the transaction has locked something already.
    pub fn lock_as(&self, session: &Locker) -> Result<()> {
        let locker = self.keyspace.locker_of(session.owner());
        self.locker.set(locker).map_err(|_| Error::invalid("the transaction has taken locks in its own name already"))
    }

    /// In whose name the transaction takes locks.
    pub fn owner(&self) -> Owner {
        self.locker.get().map_or(self.owner, Locker::owner)
    }

    /// The locks of the transaction; those that are taken here are given back with it.
    pub fn locker(&self) -> &Locker {
        self.locker.get_or_init(|| self.keyspace.locker_of(self.owner))
    }
}
