//! Reading and changing entries through a snapshot or a transaction, whatever class they are of.
//!
//! ```text
//!   Caches<R>            get, get_many, get_or_load           volatile --> memory, at the reader's version
//!   Caches<Transaction>  set, delete, increment, expire       others   --> keys of the keyspace
//! ```

use std::sync::Arc;

use bytes::Bytes;

use super::Caches;
use super::coherence::Place;
use super::direct::NewEntry;
use super::entry::{CacheEntry, SetOptions, TimeToLive, number_value, sum, verify_value};
use super::namespace::Namespace;
use super::pending::Pending;
use super::stored_entry::StoredEntry;
use super::{keys, stored};
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};
use crate::limits::CACHE_MANY_KEYS_MAX;

impl<R: Reader + ?Sized> Caches<'_, R> {
    /// The entry under `key`, or `None` when there is none, it has expired, or it belongs to a newer state than is read.
    ///
    /// Keys are 1 to 1024 bytes.
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace; `Invalid` or `LimitExceeded` for a bad key.
    pub fn get(&self, namespace: &str, key: impl AsRef<[u8]>) -> Result<Option<CacheEntry>> {
        self.get_in(&*self.find(namespace)?, key.as_ref())
    }

    /// The entries under `keys`, each as [`Caches::get`] gives it; at most 1000.
    ///
    /// # Errors
    /// As [`Caches::get`], and `LimitExceeded` for too many keys.
    pub fn get_many(
        &self,
        namespace: &str,
        keys: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Vec<Option<CacheEntry>>> {
        let namespace = self.find(namespace)?;
        let mut found = Vec::new();
        for key in keys {
            if found.len() == CACHE_MANY_KEYS_MAX {
                return Err(Error::limit_exceeded(format!(
                    "more than {CACHE_MANY_KEYS_MAX} keys at once; read them in several calls"
                )));
            }
            found.push(self.get_in(&namespace, key.as_ref())?);
        }
        Ok(found)
    }

    fn get_in(&self, namespace: &Namespace, key: &[u8]) -> Result<Option<CacheEntry>> {
        keys::verify(key)?;
        let memory = &self.model.memory;
        let found = match (namespace.volatile(), self.reader.as_transaction()) {
            (None, _) => memory.stored_get(self.reader, namespace, key)?.map(StoredEntry::entry),
            (Some(_), Some(transaction)) => Pending { memory, namespace, transaction }.get(key),
            (Some(_), None) => memory.volatile_get(namespace, key, Some(self.reader.version())).map(|(entry, tie)| {
                if let Some(tie) = tie {
                    self.reader.rest_on(&tie.reads);
                }
                entry
            }),
        };
        namespace.counters.count_read(found.is_some());
        Ok(found)
    }

    /// The value under `key`, or what `load` returns, which is not kept.
    ///
    /// What a transaction or an old snapshot loads may rest on writes that nobody else may see, or on a state that is
    /// past; [`Database::get_or_load`](crate::Database::get_or_load) loads from the newest state and keeps the value.
    ///
    /// # Errors
    /// As [`Caches::get`], and those of `load`.
    pub fn get_or_load(
        &self,
        namespace: &str,
        key: impl AsRef<[u8]>,
        load: impl FnOnce() -> Result<Bytes>,
    ) -> Result<Bytes> {
        match self.get(namespace, key)? {
            Some(entry) => Ok(entry.value),
            None => load(),
        }
    }
}

impl<'a> Caches<'a, Transaction> {
    fn pending<'p>(&'p self, namespace: &'p Arc<Namespace>) -> Option<Pending<'p>> {
        namespace.volatile()?;
        Some(Pending { memory: &self.model.memory, namespace, transaction: self.reader })
    }

    /// Sets the entry under `key` when the transaction commits; its version, or `None` when the condition does not hold.
    ///
    /// Values have up to 16 MiB, and with their key at most half the budget of the namespace.
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace; `Invalid` or `LimitExceeded` for a bad key, value or time.
    pub fn set(
        &self,
        namespace: &str,
        key: impl AsRef<[u8]>,
        value: impl Into<Bytes>,
        options: &SetOptions,
    ) -> Result<Option<u64>> {
        let (namespace, key, value) = (self.find(namespace)?, key.as_ref(), value.into());
        keys::verify(key)?;
        verify_value(&value)?;
        let expires_at = options.ttl.end(self.model.memory.env.now(), namespace.default_ttl_ms)?;
        if let Some(pending) = self.pending(&namespace) {
            return pending.set(key, NewEntry { value, expires_at, condition: options.condition });
        }
        let present = self.model.memory.stored_get(self.reader, &namespace, key)?;
        if !options.condition.holds(present.as_ref().map(|entry| entry.version)) {
            return Ok(None);
        }
        let version = self.version_after(present.as_ref());
        let entry = StoredEntry { version, expires_at, origin: None, value };
        self.atomically(|| stored::put(self.reader, &namespace, key, &entry))?;
        Ok(Some(version))
    }

    fn version_after(&self, present: Option<&StoredEntry>) -> u64 {
        // Larger than what is replaced, also when the clock went back since that was written.
        self.model.memory.next_entry_version().max(present.map_or(0, |entry| entry.version.saturating_add(1)))
    }

    /// Removes the entry under `key` when the transaction commits; whether it was there.
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace; `Invalid` or `LimitExceeded` for a bad key.
    pub fn delete(&self, namespace: &str, key: impl AsRef<[u8]>) -> Result<bool> {
        let (namespace, key) = (self.find(namespace)?, key.as_ref());
        keys::verify(key)?;
        if let Some(pending) = self.pending(&namespace) {
            return pending.delete(key);
        }
        let was_there = self.model.memory.stored_get(self.reader, &namespace, key)?.is_some();
        let place = Place { namespace: namespace.id, key: Bytes::copy_from_slice(key) };
        self.atomically(|| {
            let is_removed = stored::remove(self.reader, &namespace, key)?;
            // What a load is about to bring is removed as well: the two commits conflict.
            match !is_removed && self.model.memory.board.is_flying(&place) {
                true => self.reader.delete(keys::entry(namespace.id, key)),
                false => Ok(()),
            }
        })?;
        Ok(was_there)
    }

    /// Adds `by` to the number under `key`, which is 0 when there is none; the sum. The entry keeps its time.
    ///
    /// # Errors
    /// `Invalid` when the entry is not a whole number in decimal, was loaded, or the sum has more than 64 bits; otherwise
    /// as [`Caches::delete`].
    pub fn increment(&self, namespace: &str, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        let (namespace, key) = (self.find(namespace)?, key.as_ref());
        keys::verify(key)?;
        let new_expires_at = TimeToLive::Namespace.end(self.model.memory.env.now(), namespace.default_ttl_ms)?;
        if let Some(pending) = self.pending(&namespace) {
            return pending.increment(key, by, new_expires_at);
        }
        let present = self.model.memory.stored_get(self.reader, &namespace, key)?;
        if present.as_ref().is_some_and(|entry| entry.origin.is_some()) {
            return Err(super::direct::loaded_is_no_number());
        }
        let total = sum(present.as_ref().map(|entry| &entry.value[..]), by)?;
        let version = self.version_after(present.as_ref());
        let expires_at = present.map_or(new_expires_at, |entry| entry.expires_at);
        let entry = StoredEntry { version, expires_at, origin: None, value: number_value(total) };
        self.atomically(|| stored::put(self.reader, &namespace, key, &entry))?;
        Ok(total)
    }

    /// Lets the entry under `key` live as `ttl` says from here on; whether it was there. Its version stays.
    ///
    /// # Errors
    /// As [`Caches::delete`], and `Invalid` or `LimitExceeded` for a bad time.
    pub fn expire(&self, namespace: &str, key: impl AsRef<[u8]>, ttl: TimeToLive) -> Result<bool> {
        let (namespace, key) = (self.find(namespace)?, key.as_ref());
        keys::verify(key)?;
        let expires_at = ttl.end(self.model.memory.env.now(), namespace.default_ttl_ms)?;
        if let Some(pending) = self.pending(&namespace) {
            return pending.expire(key, expires_at);
        }
        let Some(present) = self.model.memory.stored_get(self.reader, &namespace, key)? else { return Ok(false) };
        let entry = StoredEntry { expires_at, ..present };
        self.atomically(|| stored::put(self.reader, &namespace, key, &entry))?;
        Ok(true)
    }

    /// Lets the entry under `key` live without an end; whether it was there.
    ///
    /// # Errors
    /// As [`Caches::delete`].
    pub fn persist(&self, namespace: &str, key: impl AsRef<[u8]>) -> Result<bool> {
        self.expire(namespace, key, TimeToLive::Forever)
    }

    /// All that `write` writes, or nothing of it when it fails.
    pub(super) fn atomically<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let savepoint = self.reader.savepoint();
        let outcome = write();
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }
}
