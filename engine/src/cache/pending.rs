//! What a transaction has done to volatile entries, kept with it until it commits.
//!
//! ```text
//!   tx.set / delete / increment / expire --> note under the entry's key      savepoints and rollback take it back
//!   tx.get     --> the note over the entry as it is
//!   commit     --> every note takes effect in commit order, just before the commit is visible
//! ```
//!
//! A set or delete replaces whatever is there by then. An increment or a new time is applied to what is there by then, so
//! that transactions that count do not undo each other. A condition is judged when it is asked and, where it spoke of the
//! shared entry, once more when it takes effect: a set whose condition no longer holds then leaves the entry as it is.

use bytes::Bytes;

use super::direct::{Change, NewEntry, verify_size};
use super::entry::{CacheEntry, SetCondition, is_live, number_value, sum};
use super::keys;
use super::memory::CacheMemory;
use super::namespace::Namespace;
use super::volatile::Content;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction, Version};

/// A change of one volatile entry.
#[derive(Debug, Clone)]
pub(super) enum VolatileWrite {
    Set { entry: CacheEntry, condition: SetCondition },
    Delete,
    Adjust(Adjustment),
}

/// A change that rests on the entry that is there when it takes effect.
#[derive(Debug, Clone)]
pub(super) struct Adjustment {
    version: u64,
    add: Option<i64>,
    expires_at: Option<Option<Timestamp>>,
    /// When an entry that only the addition makes is gone.
    new_expires_at: Option<Timestamp>,
}

impl VolatileWrite {
    /// What becomes of the entry `present`.
    pub(super) fn outcome(&self, present: Option<&Content>, now: Timestamp) -> Change {
        match self {
            VolatileWrite::Delete => Change::Remove,
            VolatileWrite::Set { condition, .. } if !condition.holds(present.map(|content| content.version)) => {
                Change::Keep
            }
            // A set of something that has expired by now still ends what was there.
            VolatileWrite::Set { entry, .. } if !entry.is_live(now) => Change::Remove,
            VolatileWrite::Set { entry, .. } => Change::Put(Content {
                value: entry.value.clone(),
                version: entry.version,
                expires_at: entry.expires_at,
                valid_from: Version::ZERO,
                dependency: None,
            }),
            VolatileWrite::Adjust(adjustment) => adjustment.outcome(present),
        }
    }
}

impl Adjustment {
    fn outcome(&self, present: Option<&Content>) -> Change {
        let expires_at = self.expires_at.unwrap_or(present.map_or(self.new_expires_at, |content| content.expires_at));
        let Some(by) = self.add else {
            return match present {
                Some(content) => Change::Put(Content { expires_at, ..content.clone() }),
                None => Change::Keep,
            };
        };
        let is_loaded = present.is_some_and(|content| content.dependency.is_some());
        match sum(present.map(|content| &content.value[..]), by) {
            Ok(total) if !is_loaded => Change::Put(Content {
                value: number_value(total),
                version: self.version,
                expires_at,
                valid_from: present.map_or(Version::ZERO, |content| content.valid_from),
                dependency: None,
            }),
            // It has become something that cannot be added to since the transaction looked at it.
            _ => Change::Keep,
        }
    }
}

/// A transaction's view of one volatile namespace.
pub(super) struct Pending<'p> {
    pub(super) memory: &'p CacheMemory,
    pub(super) namespace: &'p Namespace,
    pub(super) transaction: &'p Transaction,
}

impl Pending<'_> {
    fn noted(&self, key: &[u8]) -> Option<VolatileWrite> {
        let note = self.transaction.noted(&keys::entry(self.namespace.id, key))?;
        note.downcast_ref::<VolatileWrite>().cloned()
    }

    fn note(&self, key: &[u8], write: VolatileWrite) -> Result<()> {
        let size_bytes = match &write {
            VolatileWrite::Set { entry, .. } => entry.value.len(),
            _ => 0,
        };
        self.transaction.note(keys::entry(self.namespace.id, key), size_bytes, std::sync::Arc::new(write))
    }

    fn shared(&self, key: &[u8]) -> Option<CacheEntry> {
        let (entry, dependency) = self.memory.volatile_get(self.namespace, key, Some(self.transaction.version()))?;
        if let Some(dependency) = dependency {
            self.transaction.rest_on(&dependency.reads);
        }
        Some(entry)
    }

    /// The entry as the transaction sees it.
    pub(super) fn get(&self, key: &[u8]) -> Option<CacheEntry> {
        let now = self.memory.env.now();
        match self.noted(key) {
            None => self.shared(key),
            Some(VolatileWrite::Delete) => None,
            Some(VolatileWrite::Set { entry, .. }) => entry.is_live(now).then_some(entry),
            Some(VolatileWrite::Adjust(adjustment)) => {
                let present = self.shared(key).map(|entry| Content {
                    value: entry.value,
                    version: entry.version,
                    expires_at: entry.expires_at,
                    valid_from: Version::ZERO,
                    dependency: None,
                });
                match adjustment.outcome(present.as_ref()) {
                    Change::Put(content) => is_live(content.expires_at, now).then(|| content.entry()),
                    Change::Keep => present.map(Content::entry),
                    Change::Remove => None,
                }
            }
        }
    }

    pub(super) fn set(&self, key: &[u8], new: NewEntry) -> Result<Option<u64>> {
        if !new.condition.holds(self.get(key).map(|entry| entry.version)) {
            return Ok(None);
        }
        let version = self.memory.next_entry_version();
        let entry = CacheEntry { value: new.value, version, expires_at: new.expires_at };
        self.verify_fits(key, &entry.value)?;
        let condition = match self.noted(key) {
            None => new.condition,
            // The condition held over this transaction's own entry, which this one takes the place of.
            Some(VolatileWrite::Set { condition, .. }) => condition,
            Some(VolatileWrite::Delete | VolatileWrite::Adjust(_)) => SetCondition::Any,
        };
        self.note(key, VolatileWrite::Set { entry, condition })?;
        Ok(Some(version))
    }

    pub(super) fn delete(&self, key: &[u8]) -> Result<bool> {
        let was_there = self.get(key).is_some();
        self.note(key, VolatileWrite::Delete)?;
        Ok(was_there)
    }

    pub(super) fn increment(&self, key: &[u8], by: i64, new_expires_at: Option<Timestamp>) -> Result<i64> {
        let present = self.get(key);
        let total = sum(present.as_ref().map(|entry| &entry.value[..]), by)?;
        let version = self.memory.next_entry_version();
        let set = |expires_at, condition| {
            let entry = CacheEntry { value: number_value(total), version, expires_at };
            VolatileWrite::Set { entry, condition }
        };
        let write = match self.noted(key) {
            Some(VolatileWrite::Set { condition, .. }) => {
                set(present.map_or(new_expires_at, |entry| entry.expires_at), condition)
            }
            Some(VolatileWrite::Delete) => set(new_expires_at, SetCondition::Any),
            Some(VolatileWrite::Adjust(before)) => {
                let add = before.add.unwrap_or(0).checked_add(by).ok_or_else(too_much)?;
                VolatileWrite::Adjust(Adjustment { version, add: Some(add), ..before })
            }
            None => VolatileWrite::Adjust(Adjustment { version, add: Some(by), expires_at: None, new_expires_at }),
        };
        self.note(key, write)?;
        Ok(total)
    }

    pub(super) fn expire(&self, key: &[u8], expires_at: Option<Timestamp>) -> Result<bool> {
        let Some(present) = self.get(key) else { return Ok(false) };
        let write = match self.noted(key) {
            Some(VolatileWrite::Set { entry, condition }) => {
                VolatileWrite::Set { entry: CacheEntry { expires_at, ..entry }, condition }
            }
            Some(VolatileWrite::Adjust(before)) => {
                VolatileWrite::Adjust(Adjustment { expires_at: Some(expires_at), ..before })
            }
            Some(VolatileWrite::Delete) | None => VolatileWrite::Adjust(Adjustment {
                version: present.version,
                add: None,
                expires_at: Some(expires_at),
                new_expires_at: None,
            }),
        };
        self.note(key, write)?;
        Ok(true)
    }

    fn verify_fits(&self, key: &[u8], value: &Bytes) -> Result<()> {
        let content =
            Content { value: value.clone(), version: 0, expires_at: None, valid_from: Version::ZERO, dependency: None };
        let size_bytes_max = self.namespace.volatile().map_or(u64::MAX, |store| store.entry_size_bytes_max());
        verify_size(content.size_bytes(key.len()), size_bytes_max)
    }
}

fn too_much() -> Error {
    Error::invalid("the additions of this transaction do not add up within 64 bits; set the entry anew")
}
