//! Entries in the keyspace: read and written through whatever transaction the caller has.
//!
//! ```text
//!   write    old entry read --> its place in the order of expiry removed --> entry and new place put
//!                          '--> its size noted, so that the commit's difference is known
//!   read     expired, or loaded by an earlier process, or untrue by now: as good as absent
//! ```
//!
//! An entry with a time and its place in the order of expiry are written and removed together, always.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::coherence::Place;
use super::entry::is_live;
use super::memory::{CacheMemory, Replaced, stored_size_bytes};
use super::namespace::Namespace;
use super::stored_entry::StoredEntry;
use super::{entry::CacheEntry, keys};
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

/// The entry as it is stored, whatever it is worth.
pub(super) fn stored(
    reader: &(impl Reader + ?Sized),
    namespace: &Namespace,
    key: &[u8],
) -> Result<Option<StoredEntry>> {
    reader.get(&keys::entry(namespace.id, key))?.map(|stored| StoredEntry::decode(&stored)).transpose()
}

impl CacheMemory {
    /// The entry at the reader's version, unless it has expired or its worth cannot be told.
    pub(super) fn stored_get(
        &self,
        reader: &(impl Reader + ?Sized),
        namespace: &Namespace,
        key: &[u8],
    ) -> Result<Option<StoredEntry>> {
        let Some(entry) = stored(reader, namespace, key)? else { return Ok(None) };
        if !is_live(entry.expires_at, self.env.now()) || !self.is_true(reader, namespace, key, &entry) {
            return Ok(None);
        }
        if let Some(state) = namespace.stored() {
            state.lock().touch(xxh3_64(key));
        }
        Ok(Some(entry))
    }

    /// Whether what a loaded entry depends on is unchanged; the reader rests on the same from here on.
    pub(super) fn is_true(
        &self,
        reader: &(impl Reader + ?Sized),
        namespace: &Namespace,
        key: &[u8],
        entry: &StoredEntry,
    ) -> bool {
        let Some(origin) = entry.origin else { return true };
        if origin.incarnation != self.incarnation || origin.loaded_at > reader.version() {
            return false;
        }
        let place = Place { namespace: namespace.id, key: Bytes::copy_from_slice(key) };
        let Some(dependency) = self.ties.get(&place, entry.version).filter(|dependency| dependency.is_alive()) else {
            return false;
        };
        reader.rest_on(&dependency.reads);
        true
    }
}

impl StoredEntry {
    pub(super) fn entry(self) -> CacheEntry {
        CacheEntry { value: self.value, version: self.version, expires_at: self.expires_at }
    }
}

/// Puts `entry` in the place of whatever is under `key`.
pub(super) fn put(transaction: &Transaction, namespace: &Namespace, key: &[u8], entry: &StoredEntry) -> Result<()> {
    let stored_key = keys::entry(namespace.id, key);
    let encoded = entry.encode();
    let size_bytes = stored_size_bytes(&stored_key, &encoded);
    if size_bytes > namespace.budget_size_bytes / 2 {
        return Err(Error::limit_exceeded(format!(
            "the entry takes {size_bytes} bytes and its namespace keeps entries of up to {}, half its budget; give the \
             namespace more, or store the value as a blob",
            namespace.budget_size_bytes / 2
        )));
    }
    let before = release(transaction, namespace, key, &stored_key)?;
    if let Some(end) = entry.expires_at
        && before.as_ref().and_then(|before| before.expires_at) != Some(end)
    {
        transaction.put(keys::expiry(namespace.id, end, key), Bytes::new())?;
    }
    if let Some(before) = before.and_then(|before| before.expires_at)
        && entry.expires_at != Some(before)
    {
        transaction.delete(keys::expiry(namespace.id, before, key))?;
    }
    transaction.put(stored_key, encoded)
}

/// Removes what is under `key`; whether there was anything.
pub(super) fn remove(transaction: &Transaction, namespace: &Namespace, key: &[u8]) -> Result<bool> {
    let stored_key = keys::entry(namespace.id, key);
    let Some(before) = release(transaction, namespace, key, &stored_key)? else { return Ok(false) };
    if let Some(end) = before.expires_at {
        transaction.delete(keys::expiry(namespace.id, end, key))?;
    }
    transaction.delete(stored_key)?;
    Ok(true)
}

/// The entry that is about to be replaced or removed, its size noted unless an earlier one's is.
fn release(
    transaction: &Transaction,
    namespace: &Namespace,
    key: &[u8],
    stored_key: &[u8],
) -> Result<Option<StoredEntry>> {
    debug_assert!(!key.is_empty() && namespace.volatile().is_none());
    let present = transaction.get(stored_key)?;
    if transaction.noted(stored_key).is_none() {
        let size_bytes = present.as_ref().map(|value| stored_size_bytes(stored_key, value));
        transaction.note(Bytes::copy_from_slice(stored_key), 0, std::sync::Arc::new(Replaced(size_bytes)))?;
    }
    present.map(|stored| StoredEntry::decode(&stored)).transpose()
}
