//! Everything about caches that is in memory, and how it follows the commits.
//!
//! ```text
//!   commit v --> catalogue keys   namespaces come and go
//!            --> all keys         loaded entries that depend on them die          (coherence)
//!            --> entries' keys    sizes, loads under way grounded
//!            --> notes            volatile writes of the transaction take effect
//!                                 ... and then v becomes visible
//! ```
//!
//! It holds no keyspace: it is called by the keyspace on the path of commits.
//!
//! Lock order: the lock of a key (`flight`), then what moka locks, then those of dependencies, the directory and a
//! namespace's state, which are never held while another is taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use super::coherence::{Coherence, Place};
use super::flight::Board;
use super::keys;
use super::namespace::Namespace;
use super::pending::VolatileWrite;
use super::stored_entry::StoredEntry;
use super::ties::Ties;
use super::volatile::Gauge;
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::env::Env;
use crate::error::Result;
use crate::keyspace::{CACHE_ENTRY_TAG, CACHE_EXPIRY_TAG, CATALOG_TAG};
use crate::kv::{CommitObserver, Notes, Version};

/// The size of the entry that a transaction replaces, as it read it: a note under the entry's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replaced(pub(super) Option<u64>);

/// The namespaces that are committed.
#[derive(Debug, Default)]
struct Directory {
    by_name: HashMap<String, Arc<Namespace>>,
    by_id: HashMap<ObjectId, Arc<Namespace>>,
    /// Dropped ones whose entries are still in memory.
    dropped: Vec<Arc<Namespace>>,
}

pub(super) struct CacheMemory {
    pub(super) env: Arc<dyn Env>,
    directory: RwLock<Directory>,
    pub(super) board: Board,
    pub(super) coherence: Arc<Coherence>,
    pub(super) ties: Ties,
    /// What all volatile entries take, and all ties.
    pub(super) total: Arc<Gauge>,
    pub(super) size_bytes_max: u64,
    /// Tells loaded entries of this process from those of earlier ones; never 0.
    pub(super) incarnation: u64,
    newest_entry_version: AtomicU64,
}

impl std::fmt::Debug for CacheMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of volatile entries", self.total.size_bytes())
    }
}

impl CacheMemory {
    pub(super) fn new(env: Arc<dyn Env>, size_bytes_max: u64, newest: Version) -> Self {
        let total = Arc::new(Gauge::default());
        CacheMemory {
            directory: RwLock::default(),
            board: Board::new(env.random_u64()),
            coherence: Coherence::new(env.random_u64(), newest),
            ties: Ties::new(total.clone(), size_bytes_max / 2),
            total,
            size_bytes_max,
            incarnation: env.random_u64().max(1),
            newest_entry_version: AtomicU64::new(0),
            env,
        }
    }

    /// A version for an entry, larger than all before it and, unless the clock went back, than those of earlier processes.
    pub(super) fn next_entry_version(&self) -> u64 {
        let now = u64::try_from(self.env.now().as_micros()).unwrap_or(0);
        let later = |last: u64| Some(now.max(last + 1));
        match self.newest_entry_version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later) {
            Ok(last) | Err(last) => now.max(last + 1),
        }
    }

    /// The committed namespace of the name.
    pub(super) fn named(&self, name: &str) -> Option<Arc<Namespace>> {
        self.directory.read().by_name.get(name).cloned()
    }

    pub(super) fn by_id(&self, id: ObjectId) -> Option<Arc<Namespace>> {
        self.directory.read().by_id.get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Namespace>> {
        self.directory.read().by_id.values().cloned().collect()
    }

    /// The namespace that a reader's catalogue has; one that is not committed has an empty stand-in.
    pub(super) fn namespace(&self, name: &str, entry: &Entry) -> Result<Arc<Namespace>> {
        match self.by_id(entry.id) {
            Some(namespace) => Ok(namespace),
            None => Ok(Arc::new(Namespace::open(name, entry, &self.total, self.size_bytes_max, true)?)),
        }
    }

    /// Adds a namespace that was there when the database was opened.
    pub(super) fn adopt(&self, name: &str, entry: &Entry) -> Result<()> {
        let namespace = Namespace::open(name, entry, &self.total, self.size_bytes_max, false)?;
        self.directory.write().add(Arc::new(namespace));
        Ok(())
    }

    pub(super) fn dropped(&self) -> Vec<Arc<Namespace>> {
        self.directory.read().dropped.clone()
    }

    pub(super) fn forget_dropped(&self, id: ObjectId) {
        self.directory.write().dropped.retain(|namespace| namespace.id != id);
    }

    fn catalog_changed(&self, key: &Bytes, value: Option<&Bytes>) {
        let Some((name, entry)) = catalog::change_of(key, value.map(|value| &value[..])) else { return };
        let entry = entry.filter(|entry| entry.kind == ObjectKind::Cache);
        let mut directory = self.directory.write();
        if let Some(known) = directory.by_name.get(&name).cloned() {
            if entry.as_ref().is_some_and(|entry| entry.id == known.id) {
                return;
            }
            directory.remove(&known);
        }
        // A definition that cannot be read is told to whoever uses the namespace.
        let open = |entry: &Entry| Namespace::open(&name, entry, &self.total, self.size_bytes_max, true).ok();
        if let Some(namespace) = entry.as_ref().and_then(open) {
            directory.add(Arc::new(namespace));
        }
    }

    fn entry_changed(&self, version: Version, key: &Bytes, value: Option<&Bytes>, notes: &Notes) {
        let Ok((id, entry_key)) = keys::entry_of(key) else { return };
        let Some(namespace) = self.by_id(id) else { return };
        let Some(state) = namespace.stored() else { return };
        let before = notes.get(key).and_then(|note| note.downcast_ref::<Replaced>()).and_then(|replaced| replaced.0);
        let after = value.map(|value| stored_size_bytes(key, value));
        state.lock().account(version, before, after);
        let place = Place { namespace: id, key: Bytes::copy_from_slice(entry_key) };
        self.board.hold(&place).ground(&place);
        let kept = value.and_then(|value| StoredEntry::decode(value).ok()).map(|entry| entry.version);
        self.ties.replaced(&place, kept);
    }

    fn expiry_changed(&self, key: &Bytes) {
        let Ok((id, at, _)) = keys::expiry_of(key) else { return };
        if let Some(namespace) = self.by_id(id)
            && let Some(state) = namespace.stored()
        {
            let mut state = state.lock();
            state.expires_from = state.expires_from.min(at);
        }
    }
}

/// What an entry in the keyspace counts for, in bytes.
pub(super) fn stored_size_bytes(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

impl Directory {
    fn add(&mut self, namespace: Arc<Namespace>) {
        self.by_name.insert(namespace.name.clone(), namespace.clone());
        self.by_id.insert(namespace.id, namespace);
    }

    fn remove(&mut self, namespace: &Arc<Namespace>) {
        self.by_name.remove(&namespace.name);
        self.by_id.remove(&namespace.id);
        self.dropped.push(namespace.clone());
    }
}

/// The part of `changes`, which ascend, whose keys begin with `tag`.
fn tagged(changes: &[(Bytes, Option<Bytes>)], tag: u8) -> &[(Bytes, Option<Bytes>)] {
    let first = changes.partition_point(|(key, _)| key.first().is_none_or(|first| *first < tag));
    let length = changes[first..].partition_point(|(key, _)| key.first() == Some(&tag));
    &changes[first..first + length]
}

impl CommitObserver for CacheMemory {
    fn committed(&self, version: Version, changes: &[(Bytes, Option<Bytes>)]) {
        self.committed_with_notes(version, changes, &Notes::new());
    }

    fn committed_with_notes(&self, version: Version, changes: &[(Bytes, Option<Bytes>)], notes: &Notes) {
        if !changes.is_empty() {
            for (key, value) in tagged(changes, CATALOG_TAG) {
                self.catalog_changed(key, value.as_ref());
            }
            self.coherence.committed(version, changes);
            for (key, value) in tagged(changes, CACHE_ENTRY_TAG) {
                self.entry_changed(version, key, value.as_ref(), notes);
            }
            for (key, value) in tagged(changes, CACHE_EXPIRY_TAG) {
                if value.is_some() {
                    self.expiry_changed(key);
                }
            }
        }
        for (key, note) in notes {
            if let Some(write) = note.downcast_ref::<VolatileWrite>()
                && let Ok((id, entry_key)) = keys::entry_of(key)
                && let Some(namespace) = self.by_id(id)
            {
                self.apply(&namespace, entry_key, write, version);
            }
        }
    }
}
