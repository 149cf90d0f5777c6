//! Volatile entries, read and changed at once, outside any transaction and without the keyspace.
//!
//! ```text
//!   get        moka, one clock reading
//!   change     lock of the key --> load under way grounded --> read, decide, replace
//!   apply      what a transaction kept with it, when it commits
//! ```

use std::sync::Arc;

use bytes::Bytes;

use super::coherence::{Dependency, Place};
use super::entry::{CacheEntry, SetCondition, number_value, sum};
use super::memory::CacheMemory;
use super::namespace::Namespace;
use super::pending::VolatileWrite;
use super::volatile::{Content, VolatileStore};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::Version;

/// A value to set, when it is gone, and what must hold.
#[derive(Debug, Clone)]
pub(super) struct NewEntry {
    pub(super) value: Bytes,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) condition: SetCondition,
}

pub(super) fn loaded_is_no_number() -> Error {
    Error::invalid(
        "the entry was loaded, and its value follows from what it was loaded from; set it before adding to it",
    )
}

impl CacheMemory {
    /// The entry that goes with the version `at`, or with the newest one, and what it depends on.
    pub(super) fn volatile_get(
        &self,
        namespace: &Namespace,
        key: &[u8],
        at: Option<Version>,
    ) -> Option<(CacheEntry, Option<Arc<Dependency>>)> {
        let found = namespace.volatile()?.get(key, self.env.now());
        let found = found.filter(|content| at.is_none_or(|version| content.valid_from <= version))?;
        let dependency = found.dependency.clone();
        Some((found.entry(), dependency))
    }

    /// Runs `change` on the entry as it is, under its lock; what it returns is put in its place.
    fn change<T>(
        &self,
        namespace: &Namespace,
        key: &[u8],
        change: impl FnOnce(&VolatileStore, Option<Content>, Timestamp) -> Result<(Change, T)>,
    ) -> Result<Option<T>> {
        let Some(store) = namespace.volatile() else { return Ok(None) };
        let place = Place { namespace: namespace.id, key: Bytes::copy_from_slice(key) };
        let now = self.env.now();
        {
            let mut held = self.board.hold(&place);
            let (change, outcome) = change(store, store.get(key, now), now)?;
            match change {
                Change::Keep => return Ok(Some(outcome)),
                Change::Remove => store.remove(key),
                Change::Put(content) => store.insert(key, content, now),
            }
            held.ground(&place);
            drop(held);
            self.make_room();
            Ok(Some(outcome))
        }
    }

    /// Sets the entry; its version, or `None` when the condition does not hold.
    pub(super) fn volatile_set(&self, namespace: &Namespace, key: &[u8], new: NewEntry) -> Result<Option<u64>> {
        let version = self.next_entry_version();
        let set = self.change(namespace, key, |store, present, _| {
            if !new.condition.holds(present.map(|content| content.version)) {
                return Ok((Change::Keep, None));
            }
            let content = Content {
                value: new.value,
                version,
                expires_at: new.expires_at,
                valid_from: Version::ZERO,
                dependency: None,
            };
            verify_fits(store, &content, key)?;
            Ok((Change::Put(content), Some(version)))
        })?;
        Ok(set.flatten())
    }

    /// Removes the entry; whether it was there.
    pub(super) fn volatile_delete(&self, namespace: &Namespace, key: &[u8]) -> Result<bool> {
        // Also without an entry: a load under way may be about to bring one.
        let removed = self.change(namespace, key, |_, present, _| Ok((Change::Remove, present.is_some())))?;
        Ok(removed.unwrap_or(false))
    }

    /// Adds `by` to the number in the entry; a new one is gone at `new_expires_at`.
    pub(super) fn volatile_increment(
        &self,
        namespace: &Namespace,
        key: &[u8],
        by: i64,
        new_expires_at: Option<Timestamp>,
    ) -> Result<i64> {
        let version = self.next_entry_version();
        let total = self.change(namespace, key, |store, present, _| {
            if present.as_ref().is_some_and(|content| content.dependency.is_some()) {
                return Err(loaded_is_no_number());
            }
            let total = sum(present.as_ref().map(|content| &content.value[..]), by)?;
            let content = Content {
                value: number_value(total),
                version,
                expires_at: present.as_ref().map_or(new_expires_at, |content| content.expires_at),
                valid_from: present.map_or(Version::ZERO, |content| content.valid_from),
                dependency: None,
            };
            verify_fits(store, &content, key)?;
            Ok((Change::Put(content), total))
        })?;
        Ok(total.unwrap_or(by))
    }

    /// Lets the entry be gone at `expires_at`; whether it was there.
    pub(super) fn volatile_expire(
        &self,
        namespace: &Namespace,
        key: &[u8],
        expires_at: Option<Timestamp>,
    ) -> Result<bool> {
        let found = self.change(namespace, key, |_, present, _| {
            Ok(match present {
                Some(content) => (Change::Put(Content { expires_at, ..content }), true),
                None => (Change::Keep, false),
            })
        })?;
        Ok(found.unwrap_or(false))
    }

    /// Makes a transaction's write take effect with its commit `version`.
    pub(super) fn apply(&self, namespace: &Namespace, key: &[u8], write: &VolatileWrite, version: Version) {
        let applied = self.change(namespace, key, |store, present, now| {
            Ok((
                match write.outcome(present.as_ref(), now) {
                    // What does not fit is as good as evicted at once; the transaction was told before it committed.
                    Change::Put(content) if content.size_bytes(key.len()) > store.entry_size_bytes_max() => {
                        Change::Remove
                    }
                    Change::Put(content) => {
                        let valid_from = content.valid_from.max(version);
                        Change::Put(Content { valid_from, ..content })
                    }
                    change => change,
                },
                (),
            ))
        });
        debug_assert!(applied.is_ok(), "nothing in it fails");
    }

    /// Removes entries of the largest namespaces until all are within the limit.
    pub(super) fn make_room(&self) {
        if self.total.size_bytes() <= self.size_bytes_max {
            return;
        }
        let mut namespaces = self.all();
        namespaces.extend(self.dropped());
        namespaces.sort_by_key(|namespace| {
            std::cmp::Reverse(namespace.volatile().map_or(0, |store| store.gauge().size_bytes()))
        });
        let goal = self.size_bytes_max - self.size_bytes_max / 16;
        for namespace in namespaces {
            let Some(store) = namespace.volatile() else { continue };
            while self.total.size_bytes() > goal && store.shed(goal) {}
        }
    }
}

/// What is done with an entry.
#[derive(Debug)]
pub(super) enum Change {
    Keep,
    Remove,
    Put(Content),
}

/// Refuses entries that their namespace could never keep.
fn verify_fits(store: &VolatileStore, content: &Content, key: &[u8]) -> Result<()> {
    verify_size(content.size_bytes(key.len()), store.entry_size_bytes_max())
}

pub(super) fn verify_size(size_bytes: u64, size_bytes_max: u64) -> Result<()> {
    match size_bytes > size_bytes_max {
        true => Err(Error::limit_exceeded(format!(
            "the entry takes {size_bytes} bytes and its namespace keeps entries of up to {size_bytes_max}, half its \
             budget; give the namespace more, or store the value as a blob"
        ))),
        false => Ok(()),
    }
}
