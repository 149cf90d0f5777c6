//! A namespace in the hands of a caller who has no transaction: one call, one change.
//!
//! ```text
//!   volatile    memory, at once                              about a microsecond
//!   buffered    a transaction of its own, acknowledged once written
//!   durable     a transaction of its own, acknowledged once synced
//! ```

use std::sync::Arc;

use bytes::Bytes;

use super::direct::NewEntry;
use super::entry::{CacheEntry, SetOptions, TimeToLive, verify_value};
use super::namespace::{CacheInfo, Namespace};
use super::stored_entry::StoredEntry;
use super::{CacheModel, Caches, keys};
use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::kv::{Durability, Isolation, Transaction};
use crate::retry;

/// How often a change is tried when others get in its way.
const ATTEMPTS: u32 = 32;

/// One namespace, outside any transaction; see [`Database::cache`](crate::Database::cache). Cloning is cheap.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::cache::{CacheOptions, SetOptions, TimeToLive};
/// let database = marquetry::Database::in_memory()?;
/// database.transact(|tx| tx.cache().create_namespace("sessions", &CacheOptions::default()))?;
/// let sessions = database.cache("sessions");
/// let half_an_hour = TimeToLive::For(std::time::Duration::from_secs(1800));
/// sessions.set("8c1f", "ada", &SetOptions { ttl: half_an_hour, ..SetOptions::default() })?;
/// assert_eq!(sessions.get("8c1f")?.expect("it was set").value, "ada");
/// assert_eq!(sessions.increment("visits", 1)?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    model: Arc<CacheModel>,
    name: Arc<str>,
}

impl CacheModel {
    /// The committed namespace `name`.
    pub(super) fn require(&self, name: &str) -> Result<Arc<Namespace>> {
        match self.memory.named(name) {
            Some(namespace) => Ok(namespace),
            None => {
                let snapshot = self.keyspace.snapshot()?;
                self.memory.namespace(name, &catalog::find(&snapshot, ObjectKind::Cache, name)?)
            }
        }
    }

    /// What `write` returned once it is committed; it is run again when others were in its way.
    fn transact<T>(&self, durability: Durability, mut write: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        retry::run(&self.keyspace, Isolation::Serializable, ATTEMPTS, |transaction| {
            let value = write(&transaction)?;
            transaction.commit(durability).map(|_| value)
        })
    }
}

impl Cache {
    pub(crate) fn new(model: Arc<CacheModel>, name: &str) -> Self {
        Cache { model, name: name.into() }
    }

    fn namespace(&self) -> Result<Arc<Namespace>> {
        self.model.require(&self.name)
    }

    /// Runs `write` in a transaction of its own.
    fn write<T>(&self, namespace: &Namespace, write: impl Fn(&Caches<'_, Transaction>) -> Result<T>) -> Result<T> {
        let durability = namespace.class.durability().unwrap_or_default();
        let outcome = self.model.transact(durability, |transaction| write(&Caches::new(&self.model, transaction)))?;
        self.model.relieve(namespace);
        Ok(outcome)
    }

    fn now_and(&self, ttl: TimeToLive, namespace: &Namespace) -> Result<Option<crate::env::Timestamp>> {
        ttl.end(self.model.memory.env.now(), namespace.default_ttl_ms)
    }

    /// The namespace with its figures.
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace.
    pub fn info(&self) -> Result<CacheInfo> {
        Ok(self.namespace()?.info())
    }

    /// The entry under `key`, or `None` when there is none or it has expired.
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace; `Invalid` or `LimitExceeded` for a bad key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<CacheEntry>> {
        let (namespace, key) = (self.namespace()?, key.as_ref());
        keys::verify(key)?;
        let memory = &self.model.memory;
        let found = match namespace.volatile().is_some() {
            true => memory.volatile_get(&namespace, key, None).map(|(entry, _)| entry),
            false => memory.stored_get(&self.model.keyspace.snapshot()?, &namespace, key)?.map(StoredEntry::entry),
        };
        namespace.counters.count_read(found.is_some());
        Ok(found)
    }

    /// Sets the entry under `key`; its version, or `None` when the condition does not hold.
    ///
    /// # Errors
    /// As [`Caches::set`], and those of a commit.
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl Into<Bytes>, options: &SetOptions) -> Result<Option<u64>> {
        let (namespace, key, value) = (self.namespace()?, key.as_ref(), value.into());
        if namespace.volatile().is_none() {
            return self.write(&namespace, |caches| caches.set(&self.name, key, value.clone(), options));
        }
        keys::verify(key)?;
        verify_value(&value)?;
        let expires_at = self.now_and(options.ttl, &namespace)?;
        self.model.memory.volatile_set(&namespace, key, NewEntry { value, expires_at, condition: options.condition })
    }

    /// Removes the entry under `key`; whether it was there.
    ///
    /// # Errors
    /// As [`Cache::get`], and those of a commit.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let (namespace, key) = (self.namespace()?, key.as_ref());
        if namespace.volatile().is_none() {
            return self.write(&namespace, |caches| caches.delete(&self.name, key));
        }
        keys::verify(key)?;
        self.model.memory.volatile_delete(&namespace, key)
    }

    /// Adds `by` to the number under `key`, which is 0 when there is none; the sum. Callers at the same time add up.
    ///
    /// # Errors
    /// As [`Caches::increment`], and those of a commit.
    pub fn increment(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        let (namespace, key) = (self.namespace()?, key.as_ref());
        if namespace.volatile().is_none() {
            return self.write(&namespace, |caches| caches.increment(&self.name, key, by));
        }
        keys::verify(key)?;
        let new_expires_at = self.now_and(TimeToLive::Namespace, &namespace)?;
        self.model.memory.volatile_increment(&namespace, key, by, new_expires_at)
    }

    /// Lets the entry under `key` live as `ttl` says from here on; whether it was there.
    ///
    /// # Errors
    /// As [`Caches::expire`], and those of a commit.
    pub fn expire(&self, key: impl AsRef<[u8]>, ttl: TimeToLive) -> Result<bool> {
        let (namespace, key) = (self.namespace()?, key.as_ref());
        if namespace.volatile().is_none() {
            return self.write(&namespace, |caches| caches.expire(&self.name, key, ttl));
        }
        keys::verify(key)?;
        let expires_at = self.now_and(ttl, &namespace)?;
        self.model.memory.volatile_expire(&namespace, key, expires_at)
    }

    /// Lets the entry under `key` live without an end; whether it was there.
    ///
    /// # Errors
    /// As [`Cache::expire`].
    pub fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.expire(key, TimeToLive::Forever)
    }
}
